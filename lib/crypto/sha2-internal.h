/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-2 and HMAC without allocation, for the files of lib/crypto alone; sha2.c says why. */
#ifndef RD_CRYPTO_SHA2_INTERNAL_H
#define RD_CRYPTO_SHA2_INTERNAL_H

#include "crypto/digest.h"

#include <openssl/sha.h>

enum rd_sha2_alg { RD_SHA2_224, RD_SHA2_256, RD_SHA2_384, RD_SHA2_512, RD_SHA2_ALG_COUNT };

/* No pointers in it: a copy by assignment goes on from the same bytes. */
struct rd_sha2 {
	enum rd_sha2_alg alg;
	union {
		SHA256_CTX words32; /* SHA-224 and SHA-256 */
		SHA512_CTX words64; /* SHA-384 and SHA-512 */
	} of;
};

size_t rd_sha2_size(enum rd_sha2_alg alg);
enum rd_status rd_sha2_init(struct rd_sha2 *s, enum rd_sha2_alg alg) RD_MUST_USE;
enum rd_status rd_sha2_update(struct rd_sha2 *s, struct rd_view data) RD_MUST_USE;
/* Writes rd_sha2_size bytes. Afterwards the state is spent. */
enum rd_status rd_sha2_finish(struct rd_sha2 *s, uint8_t *ret_digest) RD_MUST_USE;
/* It holds up to a block of what was hashed, which may be a request with a plaintext. */
void rd_sha2_wipe(struct rd_sha2 *s);

/* HMAC under one key: data goes to inner. A copy made after init is the key, ready for the next
 * message. As secret as the key: wiped by its owner. */
struct rd_hmac_state {
	struct rd_sha2 inner, outer;
};

enum rd_status rd_hmac_state_init(struct rd_hmac_state *h, enum rd_sha2_alg alg, struct rd_view key)
	RD_MUST_USE;
enum rd_status rd_hmac_state_finish(struct rd_hmac_state *h, uint8_t *ret_tag) RD_MUST_USE;
/* For RD_CLEANUP. */
void rd_hmac_state_wipe(struct rd_hmac_state *h);

#endif
