/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Temporary credentials. A session token is the session itself, sealed: nothing of it is stored,
 * every server that has the key ring opens it, and it ends when its time comes, or when its user or
 * role goes.
 *
 *	token = base64( kms_wrap( SESSION_TOKEN, identity = access key id,
 *	        u8 version || u8 kind || u64 issued || u64 expires || account || uid || name ||
 *	        secret || policy || u8 n || n * (key || value) ) )
 *
 * Texts are u16 length and bytes; times are milliseconds. The access key id is authenticated with
 * it, so a token is of no use with another's key.
 */
#ifndef KMS_SESSION_H
#define KMS_SESSION_H

#include "crypto/secret.h"
#include "kms/keyring.h"
#include "kms/model.h"

/* What is sealed. As base64 with the signature it stays well below an HTTP server's limit on
 * headers; AWS's own limit, on a packed form, is of the same size. */
#define KMS_SESSION_SIZE_MAX   4096
#define KMS_SESSION_POLICY_MAX 2048
#define KMS_SESSION_TAGS_MAX   50
#define KMS_SESSION_TOKEN_MAX  ((KMS_SESSION_SIZE_MAX + KMS_WRAP_OVERHEAD + 2) / 3 * 4)
/* Of long-lived and temporary keys alike: 30 random bytes as base64. */
#define KMS_ACCESS_SECRET_LEN 40

struct kms_session {
	enum kms_principal_kind kind;
	char account[KMS_ACCOUNT_SIZE];
	char uid[KMS_UID_SIZE];
	char name[KMS_NAME_SIZE]; /* RoleSessionName; "" for GetSessionToken */
	int64_t issued_ms;
	int64_t expires_ms;
	char *policy; /* or NULL */
	struct kms_tag *tags;
	size_t n_tags;
	struct rd_secret secret; /* secret access key */
};
void kms_session_finish(struct kms_session *session);

/* Appends the token. RD_LIMIT: policy and tags are more than a token has room for. */
enum rd_status kms_session_seal(struct kms_keyring *keyring, const char *akid,
	const struct kms_session *session, struct rd_buf *out) RD_MUST_USE;

/* RD_UNTRUSTED category: not a token of this installation for this access key. Says nothing of
 * times. ret is to be finished after RD_OK only. */
enum rd_status kms_session_open(struct kms_keyring *keyring, struct rd_db *db, struct rd_view akid,
	struct rd_view token, struct kms_session *ret) RD_MUST_USE;

/*
 * Makes the access key of a session and seals it: akid, session->secret (empty before) and the
 * token, which is appended. RD_LIMIT: as above.
 */
enum rd_status kms_session_issue(struct kms_keyring *keyring, struct kms_session *session,
	char ret_akid[KMS_AKID_SIZE], struct rd_buf *out_token) RD_MUST_USE;

/* prefix ("AKIA", "ASIA": 20 characters in all; "AIDA", "AROA": 21) and random letters and digits,
 * `len` characters and a NUL. */
enum rd_status kms_make_id(const char *prefix, size_t len, char *ret_id) RD_MUST_USE;
/* A new secret access key. */
enum rd_status kms_make_access_secret(struct rd_secret *ret) RD_MUST_USE;

#endif
