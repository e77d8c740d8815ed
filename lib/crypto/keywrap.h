/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys wrapped for import: AES key wrap with padding (KWP, RFC 5649), alone and behind RSA-OAEP as
 * RSA_AES_KEY_WRAP_SHA_* sends it (PKCS#11's CKM_RSA_AES_KEY_WRAP).
 */
#ifndef RD_CRYPTO_KEYWRAP_H
#define RD_CRYPTO_KEYWRAP_H

#include "crypto/rsa.h"

#define RD_KWP_KEK_SIZE 32
/* A PKCS#8 RSA-4096 key has under 2,500 bytes. */
#define RD_KWP_PLAINTEXT_MAX 4096
/* Padding to a multiple of 8, and the 8 bytes of the integrity check. */
#define RD_KWP_WRAPPED_MAX (RD_KWP_PLAINTEXT_MAX + 8)

/* Appends the wrapped form of 1..RD_KWP_PLAINTEXT_MAX bytes (RD_LIMIT). */
enum rd_status rd_kwp_wrap(const uint8_t kek[RD_KWP_KEK_SIZE], struct rd_view plaintext,
	struct rd_buf *out) RD_MUST_USE;

/* Replaces what out holds. RD_UNTRUSTED: not wrapped under this key, or of a length that no
 * wrapping has; RD_NOSPACE: out->cap is below wrapped.len. On failure out is cleared. */
enum rd_status rd_kwp_unwrap(const uint8_t kek[RD_KWP_KEK_SIZE], struct rd_view wrapped,
	struct rd_secret *out) RD_MUST_USE;

/* RSA-OAEP(AES-256 key) || KWP(key, material). Every failure that the bytes can cause is
 * RD_UNTRUSTED. */
enum rd_status rd_rsa_aes_unwrap(const struct rd_rsa_key *key, enum rd_rsa_oaep oaep,
	struct rd_view wrapped, struct rd_secret *out) RD_MUST_USE;

#endif
