/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC through OpenSSL's EVP_MAC. */
#include "crypto/hmac.h"

#include "base/secret.h"

#include <assert.h>
#include <openssl/evp.h>
#include <string.h>

static const struct {
	const char *digest;
	size_t size;
} algs[RD_HMAC_ALG_COUNT] = {
	[RD_HMAC_SHA224] = {"SHA224", 28},
	[RD_HMAC_SHA256] = {"SHA256", RD_SHA256_SIZE},
	[RD_HMAC_SHA384] = {"SHA384", RD_SHA384_SIZE},
	[RD_HMAC_SHA512] = {"SHA512", RD_SHA512_SIZE},
};

size_t rd_hmac_size(enum rd_hmac_alg alg)
{
	assert(alg < RD_HMAC_ALG_COUNT);
	return algs[alg].size;
}

enum rd_status rd_hmac(
	enum rd_hmac_alg alg, struct rd_view key, struct rd_view data, uint8_t *ret_tag)
{
	static const uint8_t nothing[1];
	uint8_t tag[RD_HMAC_SIZE_MAX];
	size_t len = 0;
	const void *done;

	assert(alg < RD_HMAC_ALG_COUNT);
	done = EVP_Q_mac(NULL, "HMAC", NULL, algs[alg].digest, NULL,
		key.len > 0 ? key.ptr : nothing, key.len, data.len > 0 ? data.ptr : nothing,
		data.len, tag, sizeof(tag), &len);
	RD_ENSURE(done != NULL && len == algs[alg].size, RD_INTERNAL);
	memcpy(ret_tag, tag, len);
	rd_wipe(tag, sizeof(tag));
	return RD_OK;
}
