/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key in a PKCS#11 token, between master_pkcs11.c, which names and finds it, and pkcs11_key.c,
 * which uses it. Source: PKCS#11 2.40, and 3.0 for CKM_AES_KEY_WRAP_KWP.
 */
#ifndef KMS_PKCS11_INTERNAL_H
#define KMS_PKCS11_INTERNAL_H

#include "kms/master.h"

#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>

struct kms_token {
	CK_FUNCTION_LIST *module;
	const char *name; /* the URI, for messages; has no PIN */
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE session; /* while session_open */
	bool session_open;
	CK_OBJECT_HANDLE key;
};

/*
 * What a failed call means: RD_UNAVAILABLE when the token is away, found by asking it something
 * simple where its code does not say; otherwise `other`. The text is for the operator.
 */
enum rd_status kms_token_failed(const struct kms_token *token, CK_RV rv, enum rd_status other,
	const char *what, struct rd_error *err) RD_MUST_USE;

/* AES-256, in the token for good, and able to do one of ours: RD_WRONG_KEY. */
enum rd_status kms_token_check_key(const struct kms_token *token, struct rd_error *err) RD_MUST_USE;
/* A new one with these further attributes (label, id). */
enum rd_status kms_token_make_key(const struct kms_token *token, const CK_ATTRIBUTE *named,
	CK_ULONG n_named, struct rd_error *err) RD_MUST_USE;

/* As kms_master_wrap and kms_master_unwrap. */
enum rd_status kms_token_wrap(const struct kms_token *token, struct rd_view aad,
	struct rd_view root, struct rd_buf *out, struct rd_error *err) RD_MUST_USE;
enum rd_status kms_token_unwrap(const struct kms_token *token, struct rd_view aad,
	struct rd_view wrapped, struct rd_secret *ret, struct rd_error *err) RD_MUST_USE;

#endif
