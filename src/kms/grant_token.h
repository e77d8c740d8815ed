/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grant tokens (kms.md 2.9): which grant of which key, sealed, so that a token is ours or none. On
 * one that is ours nothing depends: grants count at once, on every server.
 *
 *	token = base64( kms_wrap( GRANT_TOKEN, "grant token", key id || "/" || grant id ) )
 */
#ifndef KMS_GRANT_TOKEN_H
#define KMS_GRANT_TOKEN_H

#include "kms/keyring.h"
#include "kms/model.h"

#define KMS_GRANT_TOKEN_TEXT_MAX (KMS_KEY_ID_SIZE + KMS_GRANT_ID_SIZE)
/* As base64, with its NUL. */
#define KMS_GRANT_TOKEN_SIZE ((KMS_GRANT_TOKEN_TEXT_MAX + KMS_WRAP_OVERHEAD + 2) / 3 * 4 + 1)

/* A new token; no two are the same. */
enum rd_status kms_grant_token_make(struct kms_keyring *keyring, const char *key_id,
	const char *grant_id, char ret_token[KMS_GRANT_TOKEN_SIZE]) RD_MUST_USE;

/* RD_UNTRUSTED category: not one that this installation has made. */
enum rd_status kms_grant_token_open(struct kms_keyring *keyring, struct rd_db *db,
	struct rd_view token, char ret_key_id[KMS_KEY_ID_SIZE],
	char ret_grant_id[KMS_GRANT_ID_SIZE]) RD_MUST_USE;

#endif
