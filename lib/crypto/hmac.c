/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC at once. */
#include "crypto/hmac.h"

#include "crypto/sha2-internal.h"

#include <assert.h>

static enum rd_sha2_alg sha2_of(enum rd_hmac_alg alg)
{
	static const enum rd_sha2_alg algs[RD_HMAC_ALG_COUNT] = {
		[RD_HMAC_SHA224] = RD_SHA2_224,
		[RD_HMAC_SHA256] = RD_SHA2_256,
		[RD_HMAC_SHA384] = RD_SHA2_384,
		[RD_HMAC_SHA512] = RD_SHA2_512,
	};

	assert(alg < RD_HMAC_ALG_COUNT);
	return algs[alg];
}

size_t rd_hmac_size(enum rd_hmac_alg alg)
{
	return rd_sha2_size(sha2_of(alg));
}

enum rd_status rd_hmac(
	enum rd_hmac_alg alg, struct rd_view key, struct rd_view data, uint8_t *ret_tag)
{
	RD_CLEANUP(rd_hmac_state_wipe) struct rd_hmac_state h;

	RD_TRY(rd_hmac_state_init(&h, sha2_of(alg), key));
	RD_TRY(rd_sha2_update(&h.inner, data));
	return rd_hmac_state_finish(&h, ret_tag);
}
