/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Import tokens: everything that ImportKeyMaterial needs to open what was wrapped, sealed, so that
 * nothing is stored and every server of the installation takes it.
 *
 *	token = kms_wrap(IMPORT_TOKEN, key id, u8 wrapping algorithm || u64 valid to, ms || PKCS#8)
 *
 * The key id is authenticated with it: a token for another key does not open. Source: the KMS
 * reference, 2.10.
 */
#ifndef KMS_IMPORT_TOKEN_H
#define KMS_IMPORT_TOKEN_H

#include "crypto/rsa.h"
#include "kms/keyring.h"

/* The number is part of the token. */
enum kms_import_wrap {
	KMS_IMPORT_OAEP_SHA_1,
	KMS_IMPORT_OAEP_SHA_256,
	KMS_IMPORT_AES_SHA_1,
	KMS_IMPORT_AES_SHA_256,
	KMS_IMPORT_WRAP_COUNT
};

/* The model's limit for an ImportToken. */
#define KMS_IMPORT_TOKEN_MAX 6144

struct kms_import_token {
	enum kms_import_wrap wrap;
	int64_t valid_to_ms;
	struct rd_rsa_key *key;
};
/* For RD_CLEANUP. */
void kms_import_token_finish(struct kms_import_token *token);

/* A new wrapping key of 2048, 3072 or 4096 bits; appends the token and the key's
 * SubjectPublicKeyInfo. */
enum rd_status kms_import_token_make(struct kms_keyring *keyring, const char *key_id,
	enum kms_import_wrap wrap, unsigned bits, int64_t valid_to_ms, struct rd_buf *token,
	struct rd_buf *spki) RD_MUST_USE;

/* RD_UNTRUSTED: not a token of this installation for this key. Says nothing of its time. */
enum rd_status kms_import_token_open(struct kms_keyring *keyring, struct rd_db *db,
	const char *key_id, struct rd_view bytes, struct kms_import_token *ret) RD_MUST_USE;

#endif
