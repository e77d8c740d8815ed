/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that protect keys (kms.md 7.3).
 *
 *	master (PKCS#11 token | key file | passphrase)
 *	  └ wraps   generation 0, the root of keyed hashes, and root key generations 1, 2 …:
 *	            32 bytes each, in the database; in locked memory while the server runs
 *	       └ HKDF(generation, purpose)   keys of rows, tokens and markers
 *	            └ AES-256-GCM, AAD = purpose, generation, installation, the row's identity
 *
 * The master is asked at start, at rotation and for generations that another server made; in
 * between nothing of it is in memory. A wrapped value says which generation wrapped it, so rotation
 * makes a new generation at once and kms_rewrap wraps the rows anew in the background. Rows cannot
 * be swapped: a row's identity is authenticated with it (RD_BAD_SIGNATURE otherwise).
 *
 * RD_UNAVAILABLE, wherever it comes from here, means that something is wrapped by a generation that
 * this server has not got and the master is away (token removed, file not mounted):
 * KeyUnavailableException to the caller of the API. What generations in memory open goes on.
 */
#ifndef KMS_KEYRING_H
#define KMS_KEYRING_H

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/secret.h"

#include "kms/store.h"

/* What a wrapped secret is. The number is part of the stored form: append only. */
enum kms_purpose {
	KMS_PURPOSE_MATERIAL = 1,  /* key_material.wrapped */
	KMS_PURPOSE_CREDENTIAL,    /* credential.wrapped */
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
/* Ours in ciphertexts and in what is authenticated. */
#define KMS_INSTALLATION_SIZE 8

struct kms_keyring;

/*
 * master: "file:/path" (32 random bytes in hex, 0600, made by `redoubt-kms --make-master`),
 * "passphrase:/path/to/file" (its one line; scrypt, its parameters beside each generation), or a
 * PKCS#11 URI "pkcs11:token=…;object=…?module-path=…&pin-source=file:…" (RFC 7512). Gives the
 * database its installation id and its first generation if it has none. The heap for secrets is
 * open (crypto/secret.h). RD_WRONG_KEY: the master does not open the database's generations;
 * RD_UNAVAILABLE: no such token is there; otherwise as kms_master_new and kms_master_open.
 */
enum rd_status kms_keyring_open(struct rd_db *db, const char *master, struct kms_keyring **ret,
	struct rd_error *err) RD_MUST_USE;
void kms_keyring_free(struct kms_keyring **keyring);

/* The same on all servers of one database, and never changes. */
void kms_keyring_installation(
	const struct kms_keyring *keyring, uint8_t ret[KMS_INSTALLATION_SIZE]);

/*
 * Threads: wrap, unwrap and keyed_hash may be called from any number at once, also while the ring
 * is rotated.
 * identity: what the row is (rows: material.h); authenticated, not stored here.
 * wrap appends generation (be32) || nonce || ciphertext || tag to out.
 */
enum rd_status kms_wrap(struct kms_keyring *keyring, enum kms_purpose purpose,
	struct rd_view identity, struct rd_view secret, struct rd_buf *out) RD_MUST_USE;
/*
 * Makes *ret, which the caller finishes; on failure it is empty. RD_BAD_SIGNATURE: altered, cut
 * short, or another row's; RD_NOTFOUND: a generation that this ring lacks.
 */
enum rd_status kms_unwrap(struct kms_keyring *keyring, enum kms_purpose purpose,
	struct rd_view identity, struct rd_view wrapped, struct rd_secret *ret) RD_MUST_USE;
/* The same, and asks the database for a generation that this ring lacks: RD_UNAVAILABLE when the
 * master cannot be asked, RD_NOTFOUND when there is no such generation. Use this one. */
enum rd_status kms_unwrap_with(struct kms_keyring *keyring, struct rd_db *db,
	enum kms_purpose purpose, struct rd_view identity, struct rd_view wrapped,
	struct rd_secret *ret) RD_MUST_USE;
/* HMAC-SHA-256 under a key of this purpose that does not change with generations. */
enum rd_status kms_keyed_hash(struct kms_keyring *keyring, enum kms_purpose purpose,
	struct rd_view message, uint8_t ret_mac[32]) RD_MUST_USE;

/* The generation that wrap uses now, and one of a wrapped value (0: not even long enough). */
uint32_t kms_keyring_generation(struct kms_keyring *keyring);
uint32_t kms_wrapped_generation(struct rd_view wrapped);

/* A new generation, wrapped by the master, stored, and used from now on. */
enum rd_status kms_keyring_rotate(
	struct kms_keyring *keyring, struct rd_db *db, struct rd_error *err) RD_MUST_USE;
/*
 * Wraps all generations under another master (the old one stays valid until this returns). They
 * are taken from memory: a server that still runs can so be saved from a master that is lost. The
 * other servers of the database need the new master in their configuration before the next
 * rotation.
 */
enum rd_status kms_keyring_change_master(struct kms_keyring *keyring, struct rd_db *db,
	const char *new_master, struct rd_error *err) RD_MUST_USE;
/*
 * Takes in generations that another server made; without any it does not ask the master.
 * RD_UNAVAILABLE: there are some and the master is away, or was within the last
 * KMS_MASTER_RETRY_MS. After a PIN that was refused (RD_DENIED in err) the token is not asked
 * again until kms_keyring_rotate or a restart: it would lock itself.
 */
#define KMS_MASTER_RETRY_MS 5000
enum rd_status kms_keyring_reload(
	struct kms_keyring *keyring, struct rd_db *db, struct rd_error *err) RD_MUST_USE;

#endif
