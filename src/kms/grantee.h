/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Principals of grants: ARNs on the wire; stored as the immutable id of a user or role of ours, so
 * that a namesake made later inherits nothing, and as the ARN for roots and sessions.
 */
#ifndef KMS_GRANTEE_H
#define KMS_GRANTEE_H

#include "kms/params.h"

const char *kms_param_principal(struct kms_params *p, const char *name, bool required);

/* Fault InvalidArnException for what is none, or names nobody. */
enum rd_status kms_grantee_resolve(
	struct kms_call *call, const char *arn, char ret_stored[KMS_PRINCIPAL_SIZE]) RD_MUST_USE;
/* The ARN of a stored one; the id itself once its user or role is gone. */
enum rd_status kms_grantee_show(
	struct kms_call *call, const char *stored, char ret_arn[KMS_ARN_SIZE]) RD_MUST_USE;
bool kms_grantee_is_caller(const struct kms_call *call, const char *stored);

/* Fault unless the ARN is one of the caller's account. */
enum rd_status kms_grantee_in_account(struct kms_call *call, const char *arn) RD_MUST_USE;

/* The ARN of a key, without asking whether there is one. */
enum rd_status kms_key_arn(struct kms_call *call, const char *account, const char *key_id,
	char ret_arn[KMS_ARN_SIZE]) RD_MUST_USE;

#endif
