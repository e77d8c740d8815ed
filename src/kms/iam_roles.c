/* SPDX-License-Identifier: Apache-2.0 */
/* Roles: making one, how long its sessions may be, and whom it trusts. */
#include "kms/iam-internal.h"

#include <stdlib.h>

/* As IAM's: one hour, and up to twelve. */
#define SESSION_MIN_S 3600
#define SESSION_MAX_S 43200
/* A trust policy: 2,048 characters and, on request of the account, up to twice that. */
#define TRUST_MAX 4096

enum rd_status kms_iam_create_role(struct kms_iam *iam)
{
	struct kms_principal role RD_CLEANUP(kms_principal_finish) = {.kind = KMS_ROLE};
	uint64_t max_session_s;

	RD_TRY(kms_iam_read_principal(iam, &role));
	RD_TRY(kms_iam_number(iam, "MaxSessionDuration", SESSION_MIN_S, SESSION_MAX_S,
		SESSION_MIN_S, &max_session_s));
	role.max_session_s = (uint32_t)max_session_s;
	RD_TRY(kms_iam_document(iam, "AssumeRolePolicyDocument", RD_POLICY_TRUST, TRUST_MAX));
	role.trust_policy = rd_steal(&iam->document, NULL);
	return kms_iam_add_principal(iam, &role);
}

/* The trust policy, as it is from now on. */
enum rd_status kms_iam_update_trust(struct kms_iam *iam)
{
	RD_TRY(kms_iam_document(iam, "PolicyDocument", RD_POLICY_TRUST, TRUST_MAX));
	free(iam->principal.trust_policy);
	iam->principal.trust_policy = rd_steal(&iam->document, NULL);
	return kms_iam_update_principal(iam);
}
