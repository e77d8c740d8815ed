/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to the IAM and STS calls.
 *
 *	iam.c             a call from its form to its reply; the table of actions; authorisation
 *	iam_params.c      parameters, and the clean refusals of bad ones
 *	iam_facts.c       parameters as the audit record shows them
 *	iam_principals.c  what users and roles have in common
 *	iam_users.c iam_roles.c iam_policies.c iam_keys.c iam_profiles.c sts.c   the actions
 *
 * An action that writes runs in a transaction, and again when that conflicts with another: it sets
 * everything anew. What it is about is in iam->principal when it has a name.
 */
#ifndef KMS_IAM_INTERNAL_H
#define KMS_IAM_INTERNAL_H

#include "aws/query.h"
#include "aws/xml_out.h"
#include "kms/authorize.h"
#include "kms/iam.h"
#include "kms/store.h"

#define KMS_POLICY_NAME_SIZE (128 + 1)
#define KMS_IAM_MESSAGE_SIZE 1024
/* IAM's own for lists without MaxItems, and with. */
#define KMS_IAM_PAGE     100
#define KMS_IAM_PAGE_MAX 1000

enum kms_iam_subject { KMS_IAM_USER, KMS_IAM_ROLE, KMS_IAM_POLICY, KMS_IAM_PROFILE };

/* What an action's permission is asked on. */
enum kms_iam_target {
	KMS_IAM_NOTHING, /* everyone may, or the action asks by itself */
	KMS_IAM_ALL,     /* arn:…:user/ */
	KMS_IAM_NEW,     /* the one that it makes: Path and name */
	KMS_IAM_NAMED,   /* the one that it names */
	KMS_IAM_SELF,    /* that, or without a name the calling user */
};

struct kms_iam;
typedef enum rd_status kms_iam_fn(struct kms_iam *iam);

enum kms_iam_flags {
	KMS_IAM_WRITES = 1,
	KMS_IAM_EMPTY = 2, /* the reply has no result */
};

struct kms_iam_action {
	const char *name;
	const char *permission;
	const char *response;
	const char *result;
	kms_iam_fn *fn;
	enum kms_iam_subject subject;
	enum kms_iam_target target;
	unsigned flags;
};

struct kms_iam {
	struct kms_call *call;
	const struct rd_query *query;
	const struct kms_iam_action *action;
	struct rd_xml_out xml;
	struct kms_principal principal;
	bool found;
	char *document; /* of kms_iam_document */
	/* The refusal; code NULL: none. */
	const char *code;
	int http;
	char message[KMS_IAM_MESSAGE_SIZE];
	/* What the cache must forget once the transaction is committed. */
	char changed_uid[KMS_UID_SIZE];
	char changed_akid[KMS_AKID_SIZE];
};

/* A refusal; returns the status that the action passes on. */
enum rd_status kms_iam_refuse(
	struct kms_iam *iam, const char *code, int http, const char *message, ...) RD_PRINTF(4, 5);

/* iam_params.c: on failure the refusal is set. Absent and not required: "". */
enum rd_status kms_iam_name(
	struct kms_iam *iam, const char *param, bool required, char *ret, size_t size) RD_MUST_USE;
/* Path, "/" when absent. */
enum rd_status kms_iam_path(struct kms_iam *iam, const char *param, char ret[KMS_PATH_SIZE])
	RD_MUST_USE;
enum rd_status kms_iam_text(
	struct kms_iam *iam, const char *param, bool required, char *ret, size_t size) RD_MUST_USE;
enum rd_status kms_iam_number(struct kms_iam *iam, const char *param, uint64_t min, uint64_t max,
	uint64_t otherwise, uint64_t *ret) RD_MUST_USE;
/* A policy, validated; into iam->document. max: characters that are not white space. */
enum rd_status kms_iam_document(
	struct kms_iam *iam, const char *param, enum rd_policy_kind kind, size_t max) RD_MUST_USE;
size_t kms_iam_document_size(const char *document);

/* A list's page: what its rows are written by. */
struct kms_iam_page {
	struct kms_iam *iam;
	uint64_t max;
	uint64_t seen;
	char prefix[KMS_PATH_SIZE]; /* PathPrefix */
	char after[KMS_POLICY_NAME_SIZE];
	char last[KMS_POLICY_NAME_SIZE];
	bool more;
};
/* Reads MaxItems, Marker and PathPrefix. */
enum rd_status kms_iam_page_init(struct kms_iam_page *page, struct kms_iam *iam) RD_MUST_USE;
/* Whether the row is on this page; notes its name. */
bool kms_iam_page_takes(struct kms_iam_page *page, const char *name);
void kms_iam_page_end(struct kms_iam_page *page);

/* iam_facts.c: fills call->facts. */
enum rd_status kms_iam_show(struct kms_iam *iam) RD_MUST_USE;

/* iam_principals.c */
const char *kms_iam_kind_name(enum kms_principal_kind kind); /* "user" */
const char *kms_iam_partition(const struct kms_iam *iam);
enum rd_status kms_iam_principal_arn(const struct kms_iam *iam, const struct kms_principal *p,
	char ret_arn[KMS_ARN_SIZE]) RD_MUST_USE;
/* A new one's members as far as all kinds have them: name, path, boundary. kind is set before. */
enum rd_status kms_iam_read_principal(struct kms_iam *iam, struct kms_principal *ret) RD_MUST_USE;
/* Makes it, and answers with it; refuses a name that is taken. */
enum rd_status kms_iam_add_principal(struct kms_iam *iam, struct kms_principal *p) RD_MUST_USE;
/* Writes iam->principal, which was changed. */
enum rd_status kms_iam_update_principal(struct kms_iam *iam) RD_MUST_USE;
void kms_iam_put_principal(struct kms_iam *iam, const char *element, const struct kms_principal *p);

kms_iam_fn kms_iam_create_user, kms_iam_create_role, kms_iam_get_principal, kms_iam_list_principals,
	kms_iam_delete_principal, kms_iam_put_boundary, kms_iam_delete_boundary,
	kms_iam_update_trust;
kms_iam_fn kms_iam_put_policy, kms_iam_get_policy, kms_iam_list_policies, kms_iam_delete_policy,
	kms_iam_create_managed, kms_iam_get_managed, kms_iam_get_version, kms_iam_list_versions,
	kms_iam_list_managed, kms_iam_delete_managed, kms_iam_attach, kms_iam_detach,
	kms_iam_list_attached;
kms_iam_fn kms_iam_create_key, kms_iam_list_keys, kms_iam_update_key, kms_iam_delete_key;
kms_iam_fn kms_iam_create_profile, kms_iam_get_profile, kms_iam_list_profiles,
	kms_iam_list_profiles_for_role, kms_iam_delete_profile, kms_iam_add_profile_role,
	kms_iam_remove_profile_role;
kms_iam_fn kms_sts_caller, kms_sts_assume_role, kms_sts_session_token;

/* Of the instance profile that the request names, there or not. */
enum rd_status kms_iam_profile_arn(struct kms_iam *iam, char ret_arn[KMS_ARN_SIZE]) RD_MUST_USE;
/* A new access key for the user, within a transaction. */
enum rd_status kms_iam_make_key(struct kms_call *call, const struct kms_principal *user,
	struct kms_credential *ret, struct rd_secret *ret_secret) RD_MUST_USE;
/* The managed policy is there: NoSuchEntity otherwise. */
enum rd_status kms_iam_need_managed(struct kms_iam *iam, const char *arn) RD_MUST_USE;

#endif
