/* SPDX-License-Identifier: Apache-2.0 */
/* Policies: those within users and roles, managed ones, and which are attached to whom. */
#include "kms/iam-internal.h"

#include "aws/arn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* IAM's quotas, in characters that are not white space. */
#define USER_POLICIES_MAX  2048  /* all inline policies of a user together */
#define ROLE_POLICIES_MAX  10240 /* … of a role */
#define MANAGED_POLICY_MAX 6144
#define ATTACHED_MAX       10
/* Managed policies do not change here: there is one version of each. */
#define VERSION "v1"

static const char *kind_name(const struct kms_iam *iam)
{
	return kms_iam_kind_name(iam->principal.kind);
}

static enum rd_status no_inline(struct kms_iam *iam, const char *name)
{
	return kms_iam_refuse(iam, "NoSuchEntity", 404,
		"The %s policy with name %s cannot be found.", kind_name(iam), name);
}

static enum rd_status policy_name(struct kms_iam *iam, char ret[KMS_POLICY_NAME_SIZE])
{
	return kms_iam_name(iam, "PolicyName", true, ret, KMS_POLICY_NAME_SIZE);
}

/* A walk over the policies of one principal. */
struct walk {
	struct kms_iam *iam;
	const char *name; /* inline: of this name, compared without case */
	size_t size;      /* of the other inline documents */
	size_t attached;
	char found_name[KMS_POLICY_NAME_SIZE];
	char *found;
};

static enum rd_status on_policy(void *arg, const char *name, const char *arn, const char *document)
{
	struct walk *walk = arg;

	if (arn != NULL) {
		walk->attached++;
	} else if (walk->name == NULL || strcasecmp(name, walk->name) != 0) {
		walk->size += kms_iam_document_size(document);
	} else {
		(void)snprintf(walk->found_name, sizeof(walk->found_name), "%s", name);
		walk->found = strdup(document);
		RD_ENSURE(walk->found != NULL, RD_NOMEM);
	}
	return RD_OK;
}

static enum rd_status walk_policies(struct walk *walk)
{
	return kms_store_policies_of(
		walk->iam->call->db, walk->iam->principal.uid, on_policy, walk);
}

enum rd_status kms_iam_put_policy(struct kms_iam *iam)
{
	const size_t max = iam->principal.kind == KMS_ROLE ? ROLE_POLICIES_MAX : USER_POLICIES_MAX;
	char name[KMS_POLICY_NAME_SIZE];
	struct walk walk = {.iam = iam, .name = name};

	RD_TRY(policy_name(iam, name));
	RD_TRY(kms_iam_document(iam, "PolicyDocument", RD_POLICY_IDENTITY, max));
	RD_TRY(walk_policies(&walk));
	free(walk.found);
	if (walk.size + kms_iam_document_size(iam->document) > max) {
		return kms_iam_refuse(iam, "LimitExceeded", 409,
			"Maximum policy size of %zu bytes exceeded for %s %s", max, kind_name(iam),
			iam->principal.name);
	}
	RD_TRY(kms_store_policy_put(iam->call->db, iam->principal.uid, name, iam->document));
	memcpy(iam->changed_uid, iam->principal.uid, sizeof(iam->changed_uid));
	return RD_OK;
}

enum rd_status kms_iam_get_policy(struct kms_iam *iam)
{
	char name[KMS_POLICY_NAME_SIZE];
	struct walk walk = {.iam = iam, .name = name};

	RD_TRY(policy_name(iam, name));
	RD_TRY(walk_policies(&walk));
	if (walk.found == NULL) {
		return no_inline(iam, name);
	}
	rd_xml_out_str(&iam->xml, iam->principal.kind == KMS_ROLE ? "RoleName" : "UserName",
		iam->principal.name);
	rd_xml_out_str(&iam->xml, "PolicyName", walk.found_name);
	rd_xml_out_uri(&iam->xml, "PolicyDocument", rd_view_str(walk.found));
	free(walk.found);
	return RD_OK;
}

static enum rd_status on_inline(void *arg, const char *name, const char *arn, const char *document)
{
	struct kms_iam_page *page = arg;

	(void)document;
	if (arn == NULL && strcasecmp(name, page->after) > 0 && kms_iam_page_takes(page, name)) {
		rd_xml_out_str(&page->iam->xml, "member", name);
	}
	return RD_OK;
}

enum rd_status kms_iam_list_policies(struct kms_iam *iam)
{
	struct kms_iam_page page;

	RD_TRY(kms_iam_page_init(&page, iam));
	rd_xml_out_begin(&iam->xml, "PolicyNames");
	RD_TRY(kms_store_policies_of(iam->call->db, iam->principal.uid, on_inline, &page));
	rd_xml_out_end(&iam->xml);
	kms_iam_page_end(&page);
	return RD_OK;
}

enum rd_status kms_iam_delete_policy(struct kms_iam *iam)
{
	char name[KMS_POLICY_NAME_SIZE];
	enum rd_status st;

	RD_TRY(policy_name(iam, name));
	st = kms_store_policy_delete(iam->call->db, iam->principal.uid, name);
	if (st == RD_NOTFOUND) {
		return no_inline(iam, name);
	}
	RD_TRY(st);
	memcpy(iam->changed_uid, iam->principal.uid, sizeof(iam->changed_uid));
	return RD_OK;
}

/* "/team/" of "arn:aws:iam::111122223333:policy/team/name". */
static void put_path(struct rd_xml_out *xml, const char *arn)
{
	const char *path = strchr(arn, '/');
	const char *end = strrchr(arn, '/');

	if (path != NULL) {
		rd_xml_out_text(xml, "Path", rd_view(path, (size_t)(end - path) + 1));
	}
}

static void put_managed(struct kms_iam *iam, const char *element, const char *name, const char *arn)
{
	struct rd_xml_out *xml = &iam->xml;

	rd_xml_out_begin(xml, element);
	rd_xml_out_str(xml, "PolicyName", name);
	rd_xml_out_str(xml, "Arn", arn);
	put_path(xml, arn);
	rd_xml_out_str(xml, "DefaultVersionId", VERSION);
	rd_xml_out_bool(xml, "IsAttachable", true);
	rd_xml_out_end(xml);
}

enum rd_status kms_iam_create_managed(struct kms_iam *iam)
{
	const char *account = iam->call->who.account;
	char name[KMS_POLICY_NAME_SIZE], path[KMS_PATH_SIZE], arn[KMS_ARN_SIZE];
	enum rd_status st;

	RD_TRY(policy_name(iam, name));
	RD_TRY(kms_iam_path(iam, "Path", path));
	RD_TRY(kms_iam_document(iam, "PolicyDocument", RD_POLICY_IDENTITY, MANAGED_POLICY_MAX));
	/* Partition, account, path and name have a tenth of its room. */
	(void)snprintf(arn, sizeof(arn), "arn:%s:iam::%s:policy%s%s", kms_iam_partition(iam),
		account, path, name);
	st = kms_store_managed_add(
		iam->call->db, account, arn, name, iam->document, iam->call->now_ms);
	if (st == RD_EXISTS) {
		return kms_iam_refuse(iam, "EntityAlreadyExists", 409,
			"A policy called %s already exists. Duplicate names are not allowed.",
			name);
	}
	RD_TRY(st);
	put_managed(iam, "Policy", name, arn);
	return RD_OK;
}

static enum rd_status no_managed(struct kms_iam *iam, const char *arn)
{
	return kms_iam_refuse(
		iam, "NoSuchEntity", 404, "Policy %s does not exist or is not attachable.", arn);
}

static enum rd_status ignore(void *arg, const char *name, const char *arn, const char *document)
{
	(void)arg;
	(void)name;
	(void)arn;
	(void)document;
	return RD_OK;
}

enum rd_status kms_iam_need_managed(struct kms_iam *iam, const char *arn)
{
	enum rd_status st = kms_store_managed_get(
		iam->call->db, iam->call->who.account, arn, ignore, NULL);

	return st == RD_NOTFOUND ? no_managed(iam, arn) : st;
}

static enum rd_status on_managed(void *arg, const char *name, const char *arn, const char *document)
{
	(void)document;
	put_managed(arg, "Policy", name, arn);
	return RD_OK;
}

static enum rd_status policy_arn(struct kms_iam *iam, char ret[KMS_ARN_SIZE])
{
	return kms_iam_text(iam, "PolicyArn", true, ret, KMS_ARN_SIZE);
}

static enum rd_status with_managed(struct kms_iam *iam, kms_store_policy_fn *fn)
{
	char arn[KMS_ARN_SIZE];
	enum rd_status st;

	RD_TRY(policy_arn(iam, arn));
	st = kms_store_managed_get(iam->call->db, iam->call->who.account, arn, fn, iam);
	return st == RD_NOTFOUND ? no_managed(iam, arn) : st;
}

enum rd_status kms_iam_get_managed(struct kms_iam *iam)
{
	return with_managed(iam, on_managed);
}

static enum rd_status on_version(void *arg, const char *name, const char *arn, const char *document)
{
	struct kms_iam *iam = arg;

	(void)name;
	(void)arn;
	rd_xml_out_begin(&iam->xml, "PolicyVersion");
	rd_xml_out_uri(&iam->xml, "Document", rd_view_str(document));
	rd_xml_out_str(&iam->xml, "VersionId", VERSION);
	rd_xml_out_bool(&iam->xml, "IsDefaultVersion", true);
	rd_xml_out_end(&iam->xml);
	return RD_OK;
}

enum rd_status kms_iam_get_version(struct kms_iam *iam)
{
	char version[24];

	RD_TRY(kms_iam_text(iam, "VersionId", true, version, sizeof(version)));
	if (strcmp(version, VERSION) != 0) {
		return kms_iam_refuse(iam, "NoSuchEntity", 404,
			"Policy version %s does not exist: a policy has the version " VERSION
			" only.",
			version);
	}
	return with_managed(iam, on_version);
}

static enum rd_status on_versions(
	void *arg, const char *name, const char *arn, const char *document)
{
	struct kms_iam *iam = arg;

	(void)name;
	(void)arn;
	(void)document;
	rd_xml_out_begin(&iam->xml, "Versions");
	rd_xml_out_begin(&iam->xml, "member");
	rd_xml_out_str(&iam->xml, "VersionId", VERSION);
	rd_xml_out_bool(&iam->xml, "IsDefaultVersion", true);
	rd_xml_out_end(&iam->xml);
	rd_xml_out_end(&iam->xml);
	rd_xml_out_bool(&iam->xml, "IsTruncated", false);
	return RD_OK;
}

enum rd_status kms_iam_list_versions(struct kms_iam *iam)
{
	return with_managed(iam, on_versions);
}

static enum rd_status on_listed(void *arg, const char *name, const char *arn, const char *document)
{
	struct kms_iam_page *page = arg;
	const char *path = strchr(arn, '/');

	(void)document;
	if (kms_iam_page_takes(page, name) && path != NULL &&
		strncmp(path, page->prefix, strlen(page->prefix)) == 0) {
		put_managed(page->iam, "member", name, arn);
	}
	return RD_OK;
}

/* There are no policies of AWS's own: whatever the scope, these are all. */
enum rd_status kms_iam_list_managed(struct kms_iam *iam)
{
	struct kms_iam_page page;
	bool aws = rd_view_equal(rd_query_get(iam->query, "Scope"), rd_view_str("AWS"));

	RD_TRY(kms_iam_page_init(&page, iam));
	rd_xml_out_begin(&iam->xml, "Policies");
	if (!aws) {
		RD_TRY(kms_store_managed_list(iam->call->db, iam->call->who.account, page.after,
			(uint32_t)page.max + 1, on_listed, &page));
	}
	rd_xml_out_end(&iam->xml);
	kms_iam_page_end(&page);
	return RD_OK;
}

struct bounded {
	const char *arn;
	char last[KMS_NAME_SIZE];
	uint32_t seen;
	bool found;
};

static enum rd_status on_bounded(void *arg, struct kms_principal *p)
{
	struct bounded *b = arg;

	b->seen++;
	b->found = b->found || (p->boundary != NULL && strcmp(p->boundary, b->arn) == 0);
	(void)snprintf(b->last, sizeof(b->last), "%s", p->name);
	return RD_OK;
}

/* Attachments are the database's to know; boundaries are looked for. */
static enum rd_status is_boundary(
	struct kms_iam *iam, enum kms_principal_kind kind, const char *arn, bool *ret)
{
	struct bounded b = {.arn = arn};

	do {
		char after[KMS_NAME_SIZE];

		memcpy(after, b.last, sizeof(after));
		b.seen = 0;
		RD_TRY(kms_store_principals_list(iam->call->db, iam->call->who.account, kind, after,
			KMS_IAM_PAGE_MAX, on_bounded, &b));
	} while (!b.found && b.seen == KMS_IAM_PAGE_MAX);
	*ret = *ret || b.found;
	return RD_OK;
}

enum rd_status kms_iam_delete_managed(struct kms_iam *iam)
{
	char arn[KMS_ARN_SIZE];
	bool used = false;
	enum rd_status st = RD_FORBIDDEN;

	RD_TRY(policy_arn(iam, arn));
	RD_TRY(is_boundary(iam, KMS_USER, arn, &used));
	RD_TRY(is_boundary(iam, KMS_ROLE, arn, &used));
	if (!used) {
		st = kms_store_managed_delete(iam->call->db, iam->call->who.account, arn);
	}
	if (st == RD_FORBIDDEN) {
		return kms_iam_refuse(
			iam, "DeleteConflict", 409, "Cannot delete a policy attached to entities.");
	}
	return st == RD_NOTFOUND ? no_managed(iam, arn) : st;
}

enum rd_status kms_iam_attach(struct kms_iam *iam)
{
	struct walk walk = {.iam = iam};
	char arn[KMS_ARN_SIZE];
	enum rd_status st;

	RD_TRY(policy_arn(iam, arn));
	RD_TRY(kms_iam_need_managed(iam, arn));
	st = kms_store_attach(iam->call->db, iam->principal.uid, arn);
	if (st == RD_EXISTS) {
		/* Attaching twice is no error. */
		return RD_OK;
	}
	RD_TRY(st);
	RD_TRY(walk_policies(&walk));
	if (walk.attached > ATTACHED_MAX) {
		return kms_iam_refuse(iam, "LimitExceeded", 409,
			"Cannot exceed quota for PoliciesPer%s: %d",
			iam->principal.kind == KMS_ROLE ? "Role" : "User", ATTACHED_MAX);
	}
	memcpy(iam->changed_uid, iam->principal.uid, sizeof(iam->changed_uid));
	return RD_OK;
}

enum rd_status kms_iam_detach(struct kms_iam *iam)
{
	char arn[KMS_ARN_SIZE];
	enum rd_status st;

	RD_TRY(policy_arn(iam, arn));
	st = kms_store_detach(iam->call->db, iam->principal.uid, arn);
	if (st == RD_NOTFOUND) {
		return kms_iam_refuse(iam, "NoSuchEntity", 404, "Policy %s was not found.", arn);
	}
	RD_TRY(st);
	memcpy(iam->changed_uid, iam->principal.uid, sizeof(iam->changed_uid));
	return RD_OK;
}

/* At most ten: in one page. */
static enum rd_status on_attached(
	void *arg, const char *name, const char *arn, const char *document)
{
	struct kms_iam *iam = arg;

	(void)document;
	if (arn != NULL) {
		rd_xml_out_begin(&iam->xml, "member");
		rd_xml_out_str(&iam->xml, "PolicyName", name);
		rd_xml_out_str(&iam->xml, "PolicyArn", arn);
		rd_xml_out_end(&iam->xml);
	}
	return RD_OK;
}

enum rd_status kms_iam_list_attached(struct kms_iam *iam)
{
	rd_xml_out_begin(&iam->xml, "AttachedPolicies");
	RD_TRY(kms_store_policies_of(iam->call->db, iam->principal.uid, on_attached, iam));
	rd_xml_out_end(&iam->xml);
	rd_xml_out_bool(&iam->xml, "IsTruncated", false);
	return RD_OK;
}
