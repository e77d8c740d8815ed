/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ed25519 (RFC 8032), pure: the message itself is signed, not a digest of it.
 *
 * Ed25519ph is not here: OpenSSL has it from 3.2 on, and we run on 3.0. Who is asked for it refuses
 * it as unsupported; the pure scheme over a digest is something else.
 */
#ifndef RD_CRYPTO_ED25519_H
#define RD_CRYPTO_ED25519_H

#include "crypto/secret.h"

#define RD_ED25519_SIGNATURE_SIZE 64
/* 32 bytes of key; both forms have under 100 with their DER, a PKCS#8 with a public half, too. */
#define RD_ED25519_DER_MAX 128

struct rd_ed25519_key;

enum rd_status rd_ed25519_key_generate(struct rd_ed25519_key **ret) RD_MUST_USE;
/* Accepts NULL, wipes the private half, NULLs the caller's pointer. */
void rd_ed25519_key_free(struct rd_ed25519_key **key);

/* Unencrypted PKCS#8, whole (RD_TRAILING). RD_WRONG_KEY: another kind of key. */
enum rd_status rd_ed25519_key_from_pkcs8(struct rd_view der, struct rd_ed25519_key **ret)
	RD_MUST_USE;
/* Replaces what out holds; RD_USAGE without a private half, RD_NOSPACE when it does not fit. */
enum rd_status rd_ed25519_key_to_pkcs8(const struct rd_ed25519_key *key, struct rd_secret *out)
	RD_MUST_USE;

enum rd_status rd_ed25519_key_from_spki(struct rd_view der, struct rd_ed25519_key **ret)
	RD_MUST_USE;
enum rd_status rd_ed25519_key_to_spki(const struct rd_ed25519_key *key, struct rd_buf *out)
	RD_MUST_USE;

/* Writes RD_ED25519_SIGNATURE_SIZE bytes; RD_USAGE without a private half. */
enum rd_status rd_ed25519_sign(const struct rd_ed25519_key *key, struct rd_view message,
	uint8_t ret_signature[RD_ED25519_SIGNATURE_SIZE]) RD_MUST_USE;
enum rd_status rd_ed25519_verify(const struct rd_ed25519_key *key, struct rd_view message,
	struct rd_view signature) RD_MUST_USE;

#endif
