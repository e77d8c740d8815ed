/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-2 digests. */
#include "crypto/digest.h"

#include "crypto/internal.h"
#include "crypto/sha2-internal.h"

#include <assert.h>
#include <stdlib.h>

struct rd_digest {
	struct rd_sha2 state;
	enum rd_sha2_alg alg;
};

const EVP_MD *rd_crypto_md(enum rd_digest_alg alg)
{
	switch (alg) {
	case RD_SHA256:
		return EVP_sha256();
	case RD_SHA384:
		return EVP_sha384();
	case RD_SHA512:
		return EVP_sha512();
	case RD_DIGEST_ALG_COUNT:
		break;
	}
	assert(!"no such digest");
	return NULL;
}

static enum rd_sha2_alg sha2_of(enum rd_digest_alg alg)
{
	static const enum rd_sha2_alg algs[RD_DIGEST_ALG_COUNT] = {
		[RD_SHA256] = RD_SHA2_256,
		[RD_SHA384] = RD_SHA2_384,
		[RD_SHA512] = RD_SHA2_512,
	};

	assert(alg < RD_DIGEST_ALG_COUNT);
	return algs[alg];
}

size_t rd_digest_size(enum rd_digest_alg alg)
{
	return rd_sha2_size(sha2_of(alg));
}

enum rd_status rd_digest_views(
	enum rd_digest_alg alg, const struct rd_view *views, size_t n, uint8_t *ret_digest)
{
	RD_CLEANUP(rd_sha2_wipe) struct rd_sha2 state;

	RD_TRY(rd_sha2_init(&state, sha2_of(alg)));
	for (size_t i = 0; i < n; i++) {
		RD_TRY(rd_sha2_update(&state, views[i]));
	}
	return rd_sha2_finish(&state, ret_digest);
}

enum rd_status rd_digest_once(enum rd_digest_alg alg, struct rd_view data, uint8_t *ret_digest)
{
	return rd_digest_views(alg, &data, 1, ret_digest);
}

enum rd_status rd_digest_new(enum rd_digest_alg alg, struct rd_digest **ret)
{
	struct rd_digest *d = calloc(1, sizeof(*d));

	RD_ENSURE(d != NULL, RD_NOMEM);
	d->alg = sha2_of(alg);
	if (rd_sha2_init(&d->state, d->alg) != RD_OK) {
		free(d);
		return RD_INTERNAL;
	}
	*ret = d;
	return RD_OK;
}

void rd_digest_free(struct rd_digest **d)
{
	if (*d != NULL) {
		rd_sha2_wipe(&(*d)->state);
		free(rd_steal(d, NULL));
	}
}

enum rd_status rd_digest_dup(const struct rd_digest *d, struct rd_digest **ret)
{
	struct rd_digest *copy = malloc(sizeof(*copy));

	RD_ENSURE(copy != NULL, RD_NOMEM);
	*copy = *d;
	*ret = copy;
	return RD_OK;
}

enum rd_status rd_digest_update(struct rd_digest *d, struct rd_view data)
{
	return rd_sha2_update(&d->state, data);
}

enum rd_status rd_digest_finish(struct rd_digest *d, uint8_t *ret_digest)
{
	RD_TRY(rd_sha2_finish(&d->state, ret_digest));
	return rd_sha2_init(&d->state, d->alg);
}
