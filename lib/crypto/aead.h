/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM (SP 800-38D) with the caller's nonce.
 *
 * A (key, nonce) pair seals once: a second message under it gives both away. Random nonces are good
 * for 2^32 messages a key. GCM does not commit to its key: who picks the key by what an outsider
 * sent must commit to it otherwise, as lib/envelope does.
 */
#ifndef RD_CRYPTO_AEAD_H
#define RD_CRYPTO_AEAD_H

#include "crypto/secret.h"

#define RD_AEAD_KEY_SIZE   32
#define RD_AEAD_NONCE_SIZE 12
#define RD_AEAD_TAG_SIZE   16
/* Of the plaintext, and of each view of AAD: all of ours are rows and messages of a few KiB. */
#define RD_AEAD_SIZE_MAX (1024 * 1024)

/* What is authenticated but not encrypted: the views in their order, as if they were one. Where
 * their bounds matter the caller encodes lengths. */
struct rd_aead_aad {
	const struct rd_view *views;
	size_t n;
};

/* Appends ciphertext || tag: plaintext.len + RD_AEAD_TAG_SIZE bytes. RD_LIMIT above
 * RD_AEAD_SIZE_MAX. */
enum rd_status rd_aead_seal(const uint8_t key[RD_AEAD_KEY_SIZE],
	const uint8_t nonce[RD_AEAD_NONCE_SIZE], struct rd_aead_aad aad, struct rd_view plaintext,
	struct rd_buf *out) RD_MUST_USE;

/*
 * Replaces what out holds by the plaintext. RD_UNTRUSTED: the tag does not fit, whatever the
 * reason; RD_TRUNCATED: shorter than a tag; RD_NOSPACE: out is too small. On failure out is
 * cleared.
 */
enum rd_status rd_aead_open(const uint8_t key[RD_AEAD_KEY_SIZE],
	const uint8_t nonce[RD_AEAD_NONCE_SIZE], struct rd_aead_aad aad, struct rd_view sealed,
	struct rd_secret *out) RD_MUST_USE;

#endif
