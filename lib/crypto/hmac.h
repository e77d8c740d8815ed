/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMAC over SHA-2 (RFC 2104, FIPS 198-1), at once.
 *
 * SHA-224 is here and not among the digests: KMS has HMAC_224 keys (kms.md 2.4), nothing else of
 * ours knows it. A tag from outside is compared with rd_equal_constant_time (base/secret.h).
 */
#ifndef RD_CRYPTO_HMAC_H
#define RD_CRYPTO_HMAC_H

#include "crypto/digest.h"

enum rd_hmac_alg {
	RD_HMAC_SHA224,
	RD_HMAC_SHA256,
	RD_HMAC_SHA384,
	RD_HMAC_SHA512,
	RD_HMAC_ALG_COUNT
};

#define RD_HMAC_SIZE_MAX RD_DIGEST_SIZE_MAX

/* Size of a tag in bytes: 28, 32, 48 or 64. */
size_t rd_hmac_size(enum rd_hmac_alg alg);

/* Writes rd_hmac_size(alg) bytes. Any key length, also 0; ret_tag may be the key's own storage. */
enum rd_status rd_hmac(enum rd_hmac_alg alg, struct rd_view key, struct rd_view data,
	uint8_t *ret_tag) RD_MUST_USE;

/* The same over n views, one behind the other. */
enum rd_status rd_hmac_views(enum rd_hmac_alg alg, struct rd_view key, const struct rd_view *views,
	size_t n, uint8_t *ret_tag) RD_MUST_USE;

#endif
