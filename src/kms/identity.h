/* SPDX-License-Identifier: Apache-2.0 */
/* Who calls: the result of authentication, and what policies see of it. */
#ifndef KMS_IDENTITY_H
#define KMS_IDENTITY_H

#include "kms/model.h"

/* What a request is signed for, and so which API it is sent to. */
enum kms_service {
	KMS_SERVICE_KMS,
	KMS_SERVICE_IAM,
	KMS_SERVICE_STS,
	KMS_SERVICE_EC2, /* at the service door only */
};

struct kms_identity {
	enum kms_service service; /* set also when authentication fails: the answer's form */
	enum kms_principal_kind kind;
	char account[KMS_ACCOUNT_SIZE];
	char uid[KMS_UID_SIZE]; /* of the user or role; the account for its root */
	char arn[KMS_ARN_SIZE]; /* what the caller is called: user, root or assumed-role session */
	char role_arn[KMS_ARN_SIZE]; /* of a session: its role's ARN (aws:PrincipalArn); else "" */
	char session[KMS_NAME_SIZE]; /* RoleSessionName, or "" */
	char akid[KMS_AKID_SIZE];
	int64_t token_issued_ms; /* aws:TokenIssueTime; 0 for long-lived keys */
	char *session_policy;    /* narrows what the policies allow; NULL for none */
	struct kms_tag *tags;    /* of the session: aws:PrincipalTag/… */
	size_t n_tags;
};
void kms_identity_finish(struct kms_identity *identity);

#endif
