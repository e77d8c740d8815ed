/* SPDX-License-Identifier: Apache-2.0 */
/* Who calls: the result of authentication, and what policies see of it. */
#ifndef KMS_IDENTITY_H
#define KMS_IDENTITY_H

#include "kms/model.h"

struct kms_identity {
	enum kms_principal_kind kind;
	char account[KMS_ACCOUNT_SIZE];
	char uid[KMS_UID_SIZE]; /* of the user or role; the account for its root */
	char arn[KMS_ARN_SIZE]; /* what the caller is called: user, root or assumed-role session */
	char role_arn[KMS_ARN_SIZE]; /* of a session: its role's ARN (aws:PrincipalArn); else "" */
	char session[KMS_NAME_SIZE]; /* RoleSessionName, or "" */
	char akid[KMS_AKID_SIZE];
	int64_t token_issued_ms; /* aws:TokenIssueTime; 0 for long-lived keys */
	char *session_policy;    /* narrows what the policies allow; NULL for none */
};
void kms_identity_finish(struct kms_identity *identity);

#endif
