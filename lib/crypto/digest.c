/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-2 through OpenSSL's EVP. */
#include "crypto/digest.h"

#include "crypto/internal.h"

#include <assert.h>
#include <stdlib.h>

struct rd_digest {
	EVP_MD_CTX *ctx;
	enum rd_digest_alg alg;
};

size_t rd_digest_size(enum rd_digest_alg alg)
{
	static const size_t sizes[RD_DIGEST_ALG_COUNT] = {
		[RD_SHA256] = RD_SHA256_SIZE,
		[RD_SHA384] = RD_SHA384_SIZE,
		[RD_SHA512] = RD_SHA512_SIZE,
	};

	assert(alg < RD_DIGEST_ALG_COUNT);
	return sizes[alg];
}

static void finish(struct rd_digest *d)
{
	EVP_MD_CTX_free(d->ctx);
}

enum rd_status rd_digest_once(enum rd_digest_alg alg, struct rd_view data, uint8_t *ret_digest)
{
	int ok = EVP_Digest(data.len > 0 ? data.ptr : (const uint8_t *)"", data.len, ret_digest,
		NULL, rd_crypto_md(alg), NULL);

	return ok == 1 ? RD_OK : RD_INTERNAL;
}

enum rd_status rd_digest_views(
	enum rd_digest_alg alg, const struct rd_view *views, size_t n, uint8_t *ret_digest)
{
	struct rd_digest d RD_CLEANUP(finish) = {.ctx = EVP_MD_CTX_new(), .alg = alg};

	RD_ENSURE(d.ctx != NULL, RD_NOMEM);
	RD_ENSURE(EVP_DigestInit_ex2(d.ctx, rd_crypto_md(alg), NULL) == 1, RD_INTERNAL);
	for (size_t i = 0; i < n; i++) {
		RD_TRY(rd_digest_update(&d, views[i]));
	}
	return EVP_DigestFinal_ex(d.ctx, ret_digest, NULL) == 1 ? RD_OK : RD_INTERNAL;
}

enum rd_status rd_digest_new(enum rd_digest_alg alg, struct rd_digest **ret)
{
	struct rd_digest *d = calloc(1, sizeof(*d));

	RD_ENSURE(d != NULL, RD_NOMEM);
	d->alg = alg;
	d->ctx = EVP_MD_CTX_new();
	if (d->ctx == NULL || EVP_DigestInit_ex2(d->ctx, rd_crypto_md(alg), NULL) != 1) {
		rd_digest_free(&d);
		return RD_NOMEM;
	}
	*ret = d;
	return RD_OK;
}

void rd_digest_free(struct rd_digest **d)
{
	if (*d != NULL) {
		finish(*d);
		free(rd_steal(d, NULL));
	}
}

enum rd_status rd_digest_dup(const struct rd_digest *d, struct rd_digest **ret)
{
	struct rd_digest *copy RD_CLEANUP(rd_digest_free) = NULL;

	RD_TRY(rd_digest_new(d->alg, &copy));
	RD_ENSURE(EVP_MD_CTX_copy_ex(copy->ctx, d->ctx) == 1, RD_NOMEM);
	*ret = rd_steal(&copy, NULL);
	return RD_OK;
}

enum rd_status rd_digest_update(struct rd_digest *d, struct rd_view data)
{
	RD_ENSURE(data.len > 0, RD_OK);
	return EVP_DigestUpdate(d->ctx, data.ptr, data.len) == 1 ? RD_OK : RD_INTERNAL;
}

enum rd_status rd_digest_finish(struct rd_digest *d, uint8_t *ret_digest)
{
	RD_ENSURE(EVP_DigestFinal_ex(d->ctx, ret_digest, NULL) == 1, RD_INTERNAL);
	RD_ENSURE(EVP_DigestInit_ex2(d->ctx, rd_crypto_md(d->alg), NULL) == 1, RD_INTERNAL);
	return RD_OK;
}
