/* SPDX-License-Identifier: Apache-2.0 */
/* What users and roles have in common: how they are made, shown, listed, bounded and deleted. */
#include "kms/iam-internal.h"

#include "aws/arn.h"
#include "kms/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *kms_iam_partition(const struct kms_iam *iam)
{
	return rd_aws_partition(rd_view_str(iam->call->kms->config.region));
}

const char *kms_iam_kind_name(enum kms_principal_kind kind)
{
	return kind == KMS_ROLE ? "role" : "user";
}

/* "User", as replies and messages have it. */
static const char *element_of(enum kms_principal_kind kind)
{
	return kind == KMS_ROLE ? "Role" : "User";
}

enum rd_status kms_iam_principal_arn(
	const struct kms_iam *iam, const struct kms_principal *p, char ret_arn[KMS_ARN_SIZE])
{
	const int n = snprintf(ret_arn, KMS_ARN_SIZE, "arn:%s:iam::%s:%s%s%s",
		kms_iam_partition(iam), p->account, kms_iam_kind_name(p->kind), p->path, p->name);

	return n > 0 && n < KMS_ARN_SIZE ? RD_OK : RD_LIMIT;
}

static void put_boundary(struct rd_xml_out *xml, const struct kms_principal *p)
{
	if (p->boundary == NULL) {
		return;
	}
	rd_xml_out_begin(xml, "PermissionsBoundary");
	rd_xml_out_str(xml, "PermissionsBoundaryType", "Policy");
	rd_xml_out_str(xml, "PermissionsBoundaryArn", p->boundary);
	rd_xml_out_end(xml);
}

void kms_iam_put_principal(struct kms_iam *iam, const char *element, const struct kms_principal *p)
{
	struct rd_xml_out *xml = &iam->xml;
	const bool role = p->kind == KMS_ROLE;
	char arn[KMS_ARN_SIZE];

	if (kms_iam_principal_arn(iam, p, arn) != RD_OK) {
		arn[0] = '\0';
	}
	rd_xml_out_begin(xml, element);
	rd_xml_out_str(xml, "Path", p->path);
	rd_xml_out_str(xml, role ? "RoleName" : "UserName", p->name);
	rd_xml_out_str(xml, role ? "RoleId" : "UserId", p->uid);
	rd_xml_out_str(xml, "Arn", arn);
	rd_xml_out_time(xml, "CreateDate", p->created_ms / 1000);
	if (role && p->trust_policy != NULL) {
		rd_xml_out_uri(xml, "AssumeRolePolicyDocument", rd_view_str(p->trust_policy));
	}
	if (role) {
		rd_xml_out_int(xml, "MaxSessionDuration", p->max_session_s);
	}
	put_boundary(xml, p);
	rd_xml_out_end(xml);
}

enum rd_status kms_iam_get_principal(struct kms_iam *iam)
{
	kms_iam_put_principal(iam, element_of(iam->principal.kind), &iam->principal);
	return RD_OK;
}

enum rd_status kms_iam_read_principal(struct kms_iam *iam, struct kms_principal *ret)
{
	const char *name = ret->kind == KMS_ROLE ? "RoleName" : "UserName";
	char boundary[KMS_ARN_SIZE];

	ret->created_ms = iam->call->now_ms;
	memcpy(ret->account, iam->call->who.account, sizeof(ret->account));
	RD_TRY(kms_iam_name(iam, name, true, ret->name, sizeof(ret->name)));
	RD_TRY(kms_iam_path(iam, "Path", ret->path));
	RD_TRY(kms_iam_text(iam, "PermissionsBoundary", false, boundary, sizeof(boundary)));
	if (boundary[0] != '\0') {
		RD_TRY(kms_iam_need_managed(iam, boundary));
		ret->boundary = strdup(boundary);
		RD_ENSURE(ret->boundary != NULL, RD_NOMEM);
	}
	return RD_OK;
}

enum rd_status kms_iam_add_principal(struct kms_iam *iam, struct kms_principal *p)
{
	enum rd_status st;

	RD_TRY(kms_make_id(p->kind == KMS_ROLE ? "AROA" : "AIDA", KMS_UID_SIZE - 1, p->uid));
	st = kms_store_principal_add(iam->call->db, p);
	if (st == RD_EXISTS) {
		return kms_iam_refuse(iam, "EntityAlreadyExists", 409,
			"%s with name %s already exists.", element_of(p->kind), p->name);
	}
	RD_TRY(st);
	kms_iam_put_principal(iam, element_of(p->kind), p);
	return RD_OK;
}

static enum rd_status on_principal(void *arg, struct kms_principal *p)
{
	struct kms_iam_page *page = arg;

	if (kms_iam_page_takes(page, p->name) &&
		strncmp(p->path, page->prefix, strlen(page->prefix)) == 0) {
		kms_iam_put_principal(page->iam, "member", p);
	}
	return RD_OK;
}

enum rd_status kms_iam_list_principals(struct kms_iam *iam)
{
	const bool role = iam->action->subject == KMS_IAM_ROLE;
	struct kms_iam_page page;

	RD_TRY(kms_iam_page_init(&page, iam));
	if (strlen(page.after) >= KMS_NAME_SIZE) {
		return kms_iam_refuse(
			iam, "ValidationError", 400, "The specified value for marker is invalid.");
	}
	rd_xml_out_begin(&iam->xml, role ? "Roles" : "Users");
	RD_TRY(kms_store_principals_list(iam->call->db, iam->call->who.account,
		role ? KMS_ROLE : KMS_USER, page.after, (uint32_t)page.max + 1, on_principal,
		&page));
	rd_xml_out_end(&iam->xml);
	kms_iam_page_end(&page);
	return RD_OK;
}

enum rd_status kms_iam_delete_principal(struct kms_iam *iam)
{
	enum rd_status st = kms_store_principal_delete(iam->call->db, iam->principal.uid);

	if (st == RD_FORBIDDEN) {
		return kms_iam_refuse(iam, "DeleteConflict", 409,
			"Cannot delete entity, must delete its policies and access keys, detach "
			"all policies and remove it from instance profiles first.");
	}
	RD_TRY(st);
	memcpy(iam->changed_uid, iam->principal.uid, sizeof(iam->changed_uid));
	return RD_OK;
}

enum rd_status kms_iam_update_principal(struct kms_iam *iam)
{
	RD_TRY(kms_store_principal_update(iam->call->db, &iam->principal));
	memcpy(iam->changed_uid, iam->principal.uid, sizeof(iam->changed_uid));
	return RD_OK;
}

static enum rd_status set_boundary(struct kms_iam *iam, const char *arn)
{
	char *copy = NULL;

	if (arn != NULL) {
		copy = strdup(arn);
		RD_ENSURE(copy != NULL, RD_NOMEM);
	}
	free(iam->principal.boundary);
	iam->principal.boundary = copy;
	return kms_iam_update_principal(iam);
}

enum rd_status kms_iam_put_boundary(struct kms_iam *iam)
{
	char arn[KMS_ARN_SIZE];

	RD_TRY(kms_iam_text(iam, "PermissionsBoundary", true, arn, sizeof(arn)));
	RD_TRY(kms_iam_need_managed(iam, arn));
	return set_boundary(iam, arn);
}

enum rd_status kms_iam_delete_boundary(struct kms_iam *iam)
{
	if (iam->principal.boundary == NULL) {
		return kms_iam_refuse(iam, "NoSuchEntity", 404,
			"The entity %s has no permissions boundary.", iam->principal.name);
	}
	return set_boundary(iam, NULL);
}
