/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC through OpenSSL's EVP_MAC. */
#include "crypto/hmac.h"

#include "base/secret.h"
#include "crypto/internal.h"

#include <assert.h>
#include <string.h>

size_t rd_hmac_size(enum rd_hmac_alg alg)
{
	static const size_t sizes[RD_HMAC_ALG_COUNT] = {
		[RD_HMAC_SHA224] = 28,
		[RD_HMAC_SHA256] = RD_SHA256_SIZE,
		[RD_HMAC_SHA384] = RD_SHA384_SIZE,
		[RD_HMAC_SHA512] = RD_SHA512_SIZE,
	};

	assert(alg < RD_HMAC_ALG_COUNT);
	return sizes[alg];
}

/* OpenSSL takes no NULL for nothing. */
static const uint8_t *bytes(struct rd_view view)
{
	return view.len > 0 ? view.ptr : (const uint8_t *)"";
}

static void free_ctx(EVP_MAC_CTX **ctx)
{
	EVP_MAC_CTX_free(*ctx);
}

enum rd_status rd_hmac_views(enum rd_hmac_alg alg, struct rd_view key, const struct rd_view *views,
	size_t n, uint8_t *ret_tag)
{
	EVP_MAC_CTX *ctx RD_CLEANUP(free_ctx) = rd_crypto_hmac_new(alg);
	uint8_t tag[RD_HMAC_SIZE_MAX];
	size_t len = 0;
	bool ok;

	RD_ENSURE(ctx != NULL, RD_NOMEM);
	ok = EVP_MAC_init(ctx, bytes(key), key.len, NULL) == 1;
	for (size_t i = 0; ok && i < n; i++) {
		ok = EVP_MAC_update(ctx, bytes(views[i]), views[i].len) == 1;
	}
	ok = ok && EVP_MAC_final(ctx, tag, &len, sizeof(tag)) == 1 && len == rd_hmac_size(alg);
	if (ok) {
		memcpy(ret_tag, tag, len);
	}
	rd_wipe(tag, sizeof(tag));
	return ok ? RD_OK : RD_INTERNAL;
}

enum rd_status rd_hmac(
	enum rd_hmac_alg alg, struct rd_view key, struct rd_view data, uint8_t *ret_tag)
{
	return rd_hmac_views(alg, key, &data, 1, ret_tag);
}
