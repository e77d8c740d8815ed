/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that protect keys.
 *
 *	master (PKCS#11 token | key file | passphrase)
 *	  └ wraps  root key generations, 32 bytes each, in the database; in locked memory after
 *start └ HKDF(purpose)  wrapping key of rows; keys for markers, tokens, material ids └ AES-256-GCM,
 *AAD = purpose and the row's identity   what is stored
 *
 * The master is asked at start and at rotation only. A row says which generation wrapped it, so
 * rotation makes a new generation at once and wraps the rows anew in the background. Rows cannot be
 * swapped: a row's table, key and version are authenticated with it (RD_BAD_SIGNATURE otherwise).
 */
#ifndef KMS_KEYRING_H
#define KMS_KEYRING_H

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/secret.h"

#include "kms/db.h"

/* What a wrapped secret is. The number is part of the stored form: append only. */
enum kms_purpose {
	KMS_PURPOSE_MATERIAL = 1,  /* key_material.wrapped */
	KMS_PURPOSE_CREDENTIAL,    /* credential.secret */
	KMS_PURPOSE_SESSION_TOKEN, /* STS session tokens: sealed, not stored */
	KMS_PURPOSE_IMPORT_TOKEN,  /* import tokens: sealed, not stored */
	KMS_PURPOSE_GRANT_TOKEN,
	KMS_PURPOSE_MARKER,      /* pagination */
	KMS_PURPOSE_MATERIAL_ID, /* HMAC only */
	KMS_PURPOSE_AUDIT_KEY,   /* the log's signing key */
	KMS_PURPOSE_COUNT
};

/* Generation, nonce and tag in front of and behind what is wrapped. */
#define KMS_WRAP_OVERHEAD (4 + 12 + 16)

struct kms_keyring;

/*
 * master: "file:/path" (32 random bytes in hex, 0600, made by `redoubt-kms --make-master`),
 * "passphrase:/path/to/file" (its first line; scrypt, parameters in the database), or a PKCS#11 URI
 * "pkcs11:token=…;object=…?module-path=…&pin-source=file:…". Makes the first generation if the
 * database has none. RD_WRONG_KEY: the master does not open the database's generations.
 */
enum rd_status kms_keyring_open(struct kms_db *db, const char *master, struct kms_keyring **ret,
	struct rd_error *err) RD_MUST_USE;
void kms_keyring_free(struct kms_keyring **keyring);

/*
 * Threads: wrap, unwrap and mac may be called from any number at once.
 * identity: what the row is, built with kms_identity_*; authenticated, not stored here.
 * wrap appends generation (be32) || nonce || ciphertext || tag to out.
 */
enum rd_status kms_wrap(struct kms_keyring *keyring, enum kms_purpose purpose,
	struct rd_view identity, struct rd_view secret, struct rd_buf *out) RD_MUST_USE;
/* RD_BAD_SIGNATURE: altered, or another row's. RD_NOTFOUND: a generation that this ring lacks. */
enum rd_status kms_unwrap(struct kms_keyring *keyring, enum kms_purpose purpose,
	struct rd_view identity, struct rd_view wrapped, struct rd_secret *ret) RD_MUST_USE;
/* HMAC-SHA-256 under a key of this purpose that does not change with generations. */
enum rd_status kms_keyed_hash(struct kms_keyring *keyring, enum kms_purpose purpose,
	struct rd_view message, uint8_t ret_mac[32]) RD_MUST_USE;

/* The generation that wrap uses now, and one of a wrapped value. */
uint32_t kms_keyring_generation(const struct kms_keyring *keyring);
uint32_t kms_wrapped_generation(struct rd_view wrapped);

/* A new generation, wrapped by the master, stored, and used from now on. */
enum rd_status kms_keyring_rotate(
	struct kms_keyring *keyring, struct kms_db *db, struct rd_error *err) RD_MUST_USE;
/* Wraps all generations under another master (the old one stays valid until this returns). */
enum rd_status kms_keyring_change_master(struct kms_keyring *keyring, struct kms_db *db,
	const char *new_master, struct rd_error *err) RD_MUST_USE;
/* Takes in generations that another server made. */
enum rd_status kms_keyring_reload(
	struct kms_keyring *keyring, struct kms_db *db, struct rd_error *err) RD_MUST_USE;

#endif
