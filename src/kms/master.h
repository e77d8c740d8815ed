/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masters: what wraps root key generations. For keyring.c, and for `redoubt-kms --make-master`.
 *
 * A master is named once (kms_master_new) and opened for as long as it is used; closed, it holds no
 * secret, no session and no login, so a token or a disk may go and come back in between. One thread
 * at a time. A wrapped generation begins with the kind of master that wrapped it, one byte.
 */
#ifndef KMS_MASTER_H
#define KMS_MASTER_H

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/secret.h"

/* Part of the stored form: append only. */
enum kms_master_form {
	KMS_MASTER_FILE = 1,
	KMS_MASTER_PASSPHRASE,
	KMS_MASTER_PKCS11_GCM,  /* sealed within the token */
	KMS_MASTER_PKCS11_WRAP, /* sealed under a key that the token has wrapped */
};

/* A root key generation. */
#define KMS_ROOT_SIZE 32
struct kms_master;

struct kms_master_ops {
	const char *scheme; /* "file:" */
	enum rd_status (*parse)(const char *text, struct kms_master **ret, struct rd_error *err);
	enum rd_status (*make)(struct kms_master *master, struct rd_error *err);
	enum rd_status (*open)(struct kms_master *master, struct rd_error *err);
	void (*close)(struct kms_master *master);
	enum rd_status (*wrap)(struct kms_master *master, struct rd_view aad, struct rd_view root,
		struct rd_buf *out, struct rd_error *err);
	enum rd_status (*unwrap)(struct kms_master *master, struct rd_view aad,
		struct rd_view wrapped, struct rd_secret *ret, struct rd_error *err);
	void (*free)(struct kms_master *master);
};

/* First member of each kind's own struct. */
struct kms_master {
	const struct kms_master_ops *ops;
	bool refused; /* the token refused the PIN: asking again and again would lock it */
};

extern const struct kms_master_ops kms_master_file;
extern const struct kms_master_ops kms_master_passphrase;
extern const struct kms_master_ops kms_master_pkcs11;

/*
 * From its text in the configuration (keyring.h); looks at nothing yet but, for PKCS#11, the
 * module. RD_USAGE: no such kind, a relative path, or a URI that names no key; RD_FORBIDDEN: a PIN
 * in the URI; RD_NOTFOUND: no such module.
 */
enum rd_status kms_master_new(const char *text, struct kms_master **ret, struct rd_error *err)
	RD_MUST_USE;
void kms_master_free(struct kms_master **master);

/*
 * Makes the key: a new file, or a key within the token that never leaves it. RD_EXISTS: there is
 * one, and it is left alone. RD_UNSUPPORTED: a pass phrase is not ours to make.
 */
enum rd_status kms_master_make(struct kms_master *master, struct rd_error *err) RD_MUST_USE;

/*
 * RD_NOTFOUND: no such file, or no such key in the token; RD_UNAVAILABLE: no such token; RD_DENIED:
 * the file may be read by others, or the PIN was refused; RD_TRUNCATED, RD_MALFORMED, RD_TRAILING:
 * not what the file should hold; RD_WRONG_KEY: a key in the token that is no AES-256 key of ours,
 * may leave the token, or may not wrap.
 */
enum rd_status kms_master_open(struct kms_master *master, struct rd_error *err) RD_MUST_USE;
/* Accepts a closed one. */
void kms_master_close(struct kms_master *master);

/*
 * Opened ones only. aad is authenticated. wrap appends at most KMS_ROOT_WRAPPED_MAX bytes
 * (store.h); unwrap replaces what ret holds, of KMS_ROOT_SIZE at least. RD_WRONG_KEY: not wrapped
 * by this master, or altered; RD_UNAVAILABLE: the token went away meanwhile.
 */
enum rd_status kms_master_wrap(struct kms_master *master, struct rd_view aad, struct rd_view root,
	struct rd_buf *out, struct rd_error *err) RD_MUST_USE;
enum rd_status kms_master_unwrap(struct kms_master *master, struct rd_view aad,
	struct rd_view wrapped, struct rd_secret *ret, struct rd_error *err) RD_MUST_USE;

/*
 * For the kinds. A private file (0600, ours or root's, regular): its text up to size - 1 bytes,
 * without the line's end, into ret; RD_TRAILING: more than one line, RD_LIMIT: too long.
 */
enum rd_status kms_master_read_line(
	const char *path, size_t size, struct rd_secret *ret, struct rd_error *err) RD_MUST_USE;
/* nonce || ciphertext || tag under a key of 32 bytes; what does not open is RD_WRONG_KEY. */
enum rd_status kms_master_seal(const uint8_t key[32], struct rd_view aad, struct rd_view secret,
	struct rd_buf *out) RD_MUST_USE;
enum rd_status kms_master_unseal(const uint8_t key[32], struct rd_view aad, struct rd_view sealed,
	struct rd_secret *ret) RD_MUST_USE;

#endif
