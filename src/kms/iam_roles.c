/* SPDX-License-Identifier: Apache-2.0 */
/* Roles: making one, and how long its sessions may be. */
#include "kms/iam-internal.h"

#include "kms/session.h"

#include <stdlib.h>
#include <string.h>

/* As IAM's: one hour, and up to twelve. */
#define SESSION_MIN_S 3600
#define SESSION_MAX_S 43200
/* A trust policy, on request of the account. */
#define TRUST_MAX 4096

enum rd_status kms_iam_create_role(struct kms_iam *iam)
{
	struct kms_principal role RD_CLEANUP(kms_principal_finish) = {
		.kind = KMS_ROLE, .created_ms = iam->call->now_ms};
	char boundary[KMS_ARN_SIZE];
	uint64_t max_session_s;
	enum rd_status st;

	RD_TRY(kms_iam_name(iam, "RoleName", true, role.name, sizeof(role.name)));
	RD_TRY(kms_iam_path(iam, "Path", role.path));
	RD_TRY(kms_iam_number(iam, "MaxSessionDuration", SESSION_MIN_S, SESSION_MAX_S,
		SESSION_MIN_S, &max_session_s));
	role.max_session_s = (uint32_t)max_session_s;
	RD_TRY(kms_iam_document(iam, "AssumeRolePolicyDocument", RD_POLICY_TRUST, TRUST_MAX));
	role.trust_policy = rd_steal(&iam->document, NULL);
	RD_TRY(kms_iam_text(iam, "PermissionsBoundary", false, boundary, sizeof(boundary)));
	if (boundary[0] != '\0') {
		RD_TRY(kms_iam_need_managed(iam, boundary));
		role.boundary = strdup(boundary);
		RD_ENSURE(role.boundary != NULL, RD_NOMEM);
	}
	memcpy(role.account, iam->call->who.account, sizeof(role.account));
	RD_TRY(kms_make_id("AROA", KMS_UID_SIZE - 1, role.uid));
	st = kms_store_principal_add(iam->call->db, &role);
	if (st == RD_EXISTS) {
		return kms_iam_refuse(iam, "EntityAlreadyExists", 409,
			"Role with name %s already exists.", role.name);
	}
	RD_TRY(st);
	kms_iam_put_principal(iam, "Role", &role);
	return RD_OK;
}
