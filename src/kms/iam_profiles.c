/* SPDX-License-Identifier: Apache-2.0 */
/* Instance profiles: what an instance is given instead of a role, and the one role in each. */
#include "kms/iam-internal.h"

#include "kms/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum rd_status profile_name(struct kms_iam *iam, char ret[KMS_PROFILE_NAME_SIZE])
{
	return kms_iam_name(iam, "InstanceProfileName", true, ret, KMS_PROFILE_NAME_SIZE);
}

enum rd_status kms_profile_arn(
	const char *partition, const struct kms_profile *p, char ret_arn[KMS_ARN_SIZE])
{
	const int n = snprintf(ret_arn, KMS_ARN_SIZE, "arn:%s:iam::%s:instance-profile%s%s",
		partition, p->account, p->path, p->name);

	return n > 0 && n < KMS_ARN_SIZE ? RD_OK : RD_LIMIT;
}

/* The profile that the request names. */
static enum rd_status find_profile(struct kms_iam *iam, struct kms_profile *ret)
{
	char name[KMS_PROFILE_NAME_SIZE];
	enum rd_status st;

	RD_TRY(profile_name(iam, name));
	st = kms_store_profile_get(iam->call->db, iam->call->who.account, name, ret);
	if (st == RD_NOTFOUND) {
		return kms_iam_refuse(
			iam, "NoSuchEntity", 404, "Instance Profile %s cannot be found.", name);
	}
	return st;
}

enum rd_status kms_iam_profile_arn(struct kms_iam *iam, char ret_arn[KMS_ARN_SIZE])
{
	struct kms_profile profile = {.path = "/"};
	enum rd_status st;

	RD_TRY(profile_name(iam, profile.name));
	st = kms_store_profile_get(iam->call->db, iam->call->who.account, profile.name, &profile);
	RD_ENSURE(st == RD_OK || st == RD_NOTFOUND, st);
	memcpy(profile.account, iam->call->who.account, sizeof(profile.account));
	return kms_profile_arn(kms_iam_partition(iam), &profile, ret_arn);
}

static enum rd_status put_role(struct kms_iam *iam, const char *role_uid)
{
	struct kms_principal role RD_CLEANUP(kms_principal_finish) = {.kind = KMS_ROLE};

	if (role_uid[0] == '\0') {
		return RD_OK;
	}
	RD_TRY(kms_store_principal_by_uid(iam->call->db, role_uid, &role));
	kms_iam_put_principal(iam, "member", &role);
	return RD_OK;
}

static enum rd_status put_profile(
	struct kms_iam *iam, const char *element, const struct kms_profile *p)
{
	struct rd_xml_out *xml = &iam->xml;
	char arn[KMS_ARN_SIZE];

	RD_TRY(kms_profile_arn(kms_iam_partition(iam), p, arn));
	rd_xml_out_begin(xml, element);
	rd_xml_out_str(xml, "Path", p->path);
	rd_xml_out_str(xml, "InstanceProfileName", p->name);
	rd_xml_out_str(xml, "InstanceProfileId", p->uid);
	rd_xml_out_str(xml, "Arn", arn);
	rd_xml_out_time(xml, "CreateDate", p->created_ms / 1000);
	rd_xml_out_begin(xml, "Roles");
	RD_TRY(put_role(iam, p->role_uid));
	rd_xml_out_end(xml);
	rd_xml_out_end(xml);
	return RD_OK;
}

enum rd_status kms_iam_create_profile(struct kms_iam *iam)
{
	struct kms_profile p = {.created_ms = iam->call->now_ms};
	enum rd_status st;

	RD_TRY(profile_name(iam, p.name));
	RD_TRY(kms_iam_path(iam, "Path", p.path));
	memcpy(p.account, iam->call->who.account, sizeof(p.account));
	RD_TRY(kms_make_id("AIPA", KMS_UID_SIZE - 1, p.uid));
	st = kms_store_profile_add(iam->call->db, &p);
	if (st == RD_EXISTS) {
		return kms_iam_refuse(iam, "EntityAlreadyExists", 409,
			"Instance Profile %s already exists.", p.name);
	}
	RD_TRY(st);
	return put_profile(iam, "InstanceProfile", &p);
}

enum rd_status kms_iam_get_profile(struct kms_iam *iam)
{
	struct kms_profile p;

	RD_TRY(find_profile(iam, &p));
	return put_profile(iam, "InstanceProfile", &p);
}

enum rd_status kms_iam_delete_profile(struct kms_iam *iam)
{
	struct kms_profile p;

	RD_TRY(find_profile(iam, &p));
	if (p.role_uid[0] != '\0') {
		return kms_iam_refuse(iam, "DeleteConflict", 409,
			"Cannot delete entity, must remove roles from instance profile first.");
	}
	return kms_store_profile_delete(iam->call->db, p.uid);
}

/* --- lists: rows first, since each may ask for its role --- */

struct rows {
	struct kms_iam_page page;
	struct kms_profile *profiles;
	size_t n;
};

static enum rd_status on_profile(void *arg, const struct kms_profile *p)
{
	struct rows *rows = arg;

	if (kms_iam_page_takes(&rows->page, p->name) &&
		strncmp(p->path, rows->page.prefix, strlen(rows->page.prefix)) == 0) {
		rows->profiles[rows->n++] = *p;
	}
	return RD_OK;
}

static enum rd_status put_rows(struct kms_iam *iam, struct rows *rows, const char *role_uid)
{
	RD_TRY(kms_store_profiles_list(iam->call->db, iam->call->who.account, role_uid,
		rows->page.after, (uint32_t)rows->page.max + 1, on_profile, rows));
	rd_xml_out_begin(&iam->xml, "InstanceProfiles");
	for (size_t i = 0; i < rows->n; i++) {
		RD_TRY(put_profile(iam, "member", &rows->profiles[i]));
	}
	rd_xml_out_end(&iam->xml);
	kms_iam_page_end(&rows->page);
	return RD_OK;
}

static enum rd_status list(struct kms_iam *iam, const char *role_uid)
{
	struct rows rows = {.n = 0};
	enum rd_status st;

	RD_TRY(kms_iam_page_init(&rows.page, iam));
	rows.profiles = calloc(rows.page.max, sizeof(*rows.profiles));
	RD_ENSURE(rows.profiles != NULL, RD_NOMEM);
	st = put_rows(iam, &rows, role_uid);
	free(rows.profiles);
	return st;
}

enum rd_status kms_iam_list_profiles(struct kms_iam *iam)
{
	return list(iam, NULL);
}

enum rd_status kms_iam_list_profiles_for_role(struct kms_iam *iam)
{
	return list(iam, iam->principal.uid);
}

/* --- the role in it --- */

static enum rd_status find_role(struct kms_iam *iam, struct kms_principal *ret)
{
	char name[KMS_NAME_SIZE];
	enum rd_status st;

	RD_TRY(kms_iam_name(iam, "RoleName", true, name, sizeof(name)));
	st = kms_store_principal_get(iam->call->db, iam->call->who.account, KMS_ROLE, name, ret);
	if (st == RD_NOTFOUND) {
		return kms_iam_refuse(
			iam, "NoSuchEntity", 404, "The role with name %s cannot be found.", name);
	}
	return st;
}

/* Who puts a role into a profile gives it to instances, and needs to be allowed that. */
static enum rd_status may_pass(struct kms_iam *iam, const struct kms_principal *role)
{
	char arn[KMS_ARN_SIZE];
	struct kms_question question = {.action = "iam:PassRole", .resource = arn};

	RD_TRY(kms_iam_principal_arn(iam, role, arn));
	return kms_authorize(iam->call, &question);
}

enum rd_status kms_iam_add_profile_role(struct kms_iam *iam)
{
	struct kms_principal role RD_CLEANUP(kms_principal_finish) = {.kind = KMS_ROLE};
	struct kms_profile p;

	RD_TRY(find_profile(iam, &p));
	RD_TRY(find_role(iam, &role));
	RD_TRY(may_pass(iam, &role));
	if (p.role_uid[0] != '\0') {
		return kms_iam_refuse(iam, "LimitExceeded", 409,
			"Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1");
	}
	return kms_store_profile_set_role(iam->call->db, p.uid, role.uid);
}

enum rd_status kms_iam_remove_profile_role(struct kms_iam *iam)
{
	struct kms_principal role RD_CLEANUP(kms_principal_finish) = {.kind = KMS_ROLE};
	struct kms_profile p;

	RD_TRY(find_profile(iam, &p));
	RD_TRY(find_role(iam, &role));
	if (strcmp(p.role_uid, role.uid) != 0) {
		return kms_iam_refuse(iam, "NoSuchEntity", 404,
			"Role %s in Instance Profile %s cannot be found.", role.name, p.name);
	}
	return kms_store_profile_set_role(iam->call->db, p.uid, "");
}
