/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-2 and HMAC states on the caller's stack.
 *
 * A call of the key server hashes and MACs a dozen times, some hundred bytes each. By OpenSSL's EVP
 * each costs several times the hashing: the algorithm is fetched under a lock, a context and its
 * state are allocated, and parameters go by name. These are OpenSSL's own functions below that, the
 * same assembly and bytes. They are "deprecated" for what EVP adds (providers, FIPS), which is of
 * no use here, and every OpenSSL 3 has them.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/sha2-internal.h"

#include "base/secret.h"

#include <assert.h>
#include <string.h>

/* RFC 2104. */
#define INNER_PAD 0x36
#define OUTER_PAD 0x5c

static bool is_long(enum rd_sha2_alg alg)
{
	return alg == RD_SHA2_384 || alg == RD_SHA2_512;
}

size_t rd_sha2_size(enum rd_sha2_alg alg)
{
	static const size_t sizes[RD_SHA2_ALG_COUNT] = {
		[RD_SHA2_224] = 28, [RD_SHA2_256] = 32, [RD_SHA2_384] = 48, [RD_SHA2_512] = 64};

	assert(alg < RD_SHA2_ALG_COUNT);
	return sizes[alg];
}

enum rd_status rd_sha2_init(struct rd_sha2 *s, enum rd_sha2_alg alg)
{
	int ok = 0;

	s->alg = alg;
	switch (alg) {
	case RD_SHA2_224:
		ok = SHA224_Init(&s->of.words32);
		break;
	case RD_SHA2_256:
		ok = SHA256_Init(&s->of.words32);
		break;
	case RD_SHA2_384:
		ok = SHA384_Init(&s->of.words64);
		break;
	case RD_SHA2_512:
		ok = SHA512_Init(&s->of.words64);
		break;
	case RD_SHA2_ALG_COUNT:
		break;
	}
	return ok == 1 ? RD_OK : RD_INTERNAL;
}

enum rd_status rd_sha2_update(struct rd_sha2 *s, struct rd_view data)
{
	int ok;

	RD_ENSURE(data.len > 0, RD_OK);
	ok = is_long(s->alg) ? SHA512_Update(&s->of.words64, data.ptr, data.len)
			     : SHA256_Update(&s->of.words32, data.ptr, data.len);
	return ok == 1 ? RD_OK : RD_INTERNAL;
}

enum rd_status rd_sha2_finish(struct rd_sha2 *s, uint8_t *ret_digest)
{
	/* Each writes as many bytes as its initialisation has said. */
	int ok = is_long(s->alg) ? SHA512_Final(ret_digest, &s->of.words64)
				 : SHA256_Final(ret_digest, &s->of.words32);

	return ok == 1 ? RD_OK : RD_INTERNAL;
}

void rd_sha2_wipe(struct rd_sha2 *s)
{
	rd_wipe(s, sizeof(*s));
}

static enum rd_status start_with_pad(
	struct rd_sha2 *s, enum rd_sha2_alg alg, const uint8_t *key, uint8_t pad)
{
	uint8_t block[SHA512_CBLOCK];
	size_t size = is_long(alg) ? SHA512_CBLOCK : SHA256_CBLOCK;
	enum rd_status st;

	for (size_t i = 0; i < size; i++) {
		block[i] = key[i] ^ pad;
	}
	st = rd_sha2_init(s, alg);
	if (st == RD_OK) {
		st = rd_sha2_update(s, rd_view(block, size));
	}
	rd_wipe(block, sizeof(block));
	return st;
}

enum rd_status rd_hmac_state_init(struct rd_hmac_state *h, enum rd_sha2_alg alg, struct rd_view key)
{
	uint8_t block[SHA512_CBLOCK] = {0};
	size_t size = is_long(alg) ? SHA512_CBLOCK : SHA256_CBLOCK;
	enum rd_status st = RD_OK;

	if (key.len > size) {
		st = rd_sha2_init(&h->inner, alg);
		st = st == RD_OK ? rd_sha2_update(&h->inner, key) : st;
		st = st == RD_OK ? rd_sha2_finish(&h->inner, block) : st;
	} else if (key.len > 0) {
		memcpy(block, key.ptr, key.len);
	}
	st = st == RD_OK ? start_with_pad(&h->inner, alg, block, INNER_PAD) : st;
	st = st == RD_OK ? start_with_pad(&h->outer, alg, block, OUTER_PAD) : st;
	rd_wipe(block, sizeof(block));
	return st;
}

enum rd_status rd_hmac_state_finish(struct rd_hmac_state *h, uint8_t *ret_tag)
{
	uint8_t digest[RD_DIGEST_SIZE_MAX];
	enum rd_status st = rd_sha2_finish(&h->inner, digest);

	st = st == RD_OK ? rd_sha2_update(&h->outer, rd_view(digest, rd_sha2_size(h->outer.alg)))
			 : st;
	st = st == RD_OK ? rd_sha2_finish(&h->outer, ret_tag) : st;
	rd_wipe(digest, sizeof(digest));
	return st;
}

void rd_hmac_state_wipe(struct rd_hmac_state *h)
{
	rd_wipe(h, sizeof(*h));
}
