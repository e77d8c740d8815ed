/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call of IAM or STS:
 *
 *	form → action → what it is about → may the caller? → the action, in a transaction if it
 *	writes → the reply, or the refusal in the service's terms → what the cache must forget
 */
#include "kms/iam-internal.h"

#include "aws/error.h"
#include "kms/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACTION(service, name, fn, subject, target, flags)                                          \
	{                                                                                          \
#name, service ":" #name, #name "Response", #name "Result", fn, KMS_IAM_##subject, \
			KMS_IAM_##target, flags                                                    \
	}
#define W                                     KMS_IAM_WRITES
#define E                                     KMS_IAM_EMPTY
#define IAM(name, fn, subject, target, flags) ACTION("iam", name, fn, subject, target, flags)

/* What there is of users and of roles alike. */
#define OF_PRINCIPALS(Kind, KIND)                                                                  \
	IAM(List##Kind##s, kms_iam_list_principals, KIND, ALL, 0),                                 \
		IAM(Delete##Kind, kms_iam_delete_principal, KIND, NAMED, W | E),                   \
		IAM(Put##Kind##PermissionsBoundary, kms_iam_put_boundary, KIND, NAMED, W | E),     \
		IAM(Delete##Kind##PermissionsBoundary, kms_iam_delete_boundary, KIND, NAMED,       \
			W | E),                                                                    \
		IAM(Put##Kind##Policy, kms_iam_put_policy, KIND, NAMED, W | E),                    \
		IAM(Get##Kind##Policy, kms_iam_get_policy, KIND, NAMED, 0),                        \
		IAM(List##Kind##Policies, kms_iam_list_policies, KIND, NAMED, 0),                  \
		IAM(Delete##Kind##Policy, kms_iam_delete_policy, KIND, NAMED, W | E),              \
		IAM(Attach##Kind##Policy, kms_iam_attach, KIND, NAMED, W | E),                     \
		IAM(Detach##Kind##Policy, kms_iam_detach, KIND, NAMED, W | E),                     \
		IAM(ListAttached##Kind##Policies, kms_iam_list_attached, KIND, NAMED, 0)

static const struct kms_iam_action IAM_ACTIONS[] = {
	OF_PRINCIPALS(User, USER),
	IAM(CreateUser, kms_iam_create_user, USER, NEW, W),
	IAM(GetUser, kms_iam_get_principal, USER, SELF, 0),
	IAM(CreateAccessKey, kms_iam_create_key, USER, SELF, W),
	IAM(ListAccessKeys, kms_iam_list_keys, USER, SELF, 0),
	IAM(UpdateAccessKey, kms_iam_update_key, USER, SELF, W | E),
	IAM(DeleteAccessKey, kms_iam_delete_key, USER, SELF, W | E),
	OF_PRINCIPALS(Role, ROLE),
	IAM(CreateRole, kms_iam_create_role, ROLE, NEW, W),
	IAM(GetRole, kms_iam_get_principal, ROLE, NAMED, 0),
	IAM(UpdateAssumeRolePolicy, kms_iam_update_trust, ROLE, NAMED, W | E),
	IAM(CreatePolicy, kms_iam_create_managed, POLICY, NEW, W),
	IAM(GetPolicy, kms_iam_get_managed, POLICY, NAMED, 0),
	IAM(GetPolicyVersion, kms_iam_get_version, POLICY, NAMED, 0),
	IAM(ListPolicyVersions, kms_iam_list_versions, POLICY, NAMED, 0),
	IAM(ListPolicies, kms_iam_list_managed, POLICY, ALL, 0),
	IAM(DeletePolicy, kms_iam_delete_managed, POLICY, NAMED, W | E),
	IAM(CreateInstanceProfile, kms_iam_create_profile, PROFILE, NEW, W),
	IAM(GetInstanceProfile, kms_iam_get_profile, PROFILE, NAMED, 0),
	IAM(ListInstanceProfiles, kms_iam_list_profiles, PROFILE, ALL, 0),
	IAM(ListInstanceProfilesForRole, kms_iam_list_profiles_for_role, ROLE, NAMED, 0),
	IAM(DeleteInstanceProfile, kms_iam_delete_profile, PROFILE, NAMED, W | E),
	IAM(AddRoleToInstanceProfile, kms_iam_add_profile_role, PROFILE, NAMED, W | E),
	IAM(RemoveRoleFromInstanceProfile, kms_iam_remove_profile_role, PROFILE, NAMED, W | E),
};

static const struct kms_iam_action STS_ACTIONS[] = {
	ACTION("sts", GetCallerIdentity, kms_sts_caller, USER, NOTHING, 0),
	ACTION("sts", AssumeRole, kms_sts_assume_role, ROLE, NOTHING, 0),
	ACTION("sts", GetSessionToken, kms_sts_session_token, USER, NOTHING, 0),
};

struct service {
	const char *version;
	const char *xmlns;
	const struct kms_iam_action *actions;
	size_t n_actions;
};

static const struct service IAM_SERVICE = {
	"2010-05-08", RD_IAM_XMLNS, IAM_ACTIONS, RD_ARRAY_LEN(IAM_ACTIONS)};
static const struct service STS_SERVICE = {
	"2011-06-15", RD_STS_XMLNS, STS_ACTIONS, RD_ARRAY_LEN(STS_ACTIONS)};

static const struct service *service_of(const struct kms_call *call)
{
	return call->who.service == KMS_SERVICE_STS ? &STS_SERVICE : &IAM_SERVICE;
}

static enum rd_status put_error(const struct kms_call *call, const char *code, int http,
	const char *message, struct rd_buf *out, int *ret_http)
{
	*ret_http = http;
	return rd_aws_error_xml(
		service_of(call)->xmlns, code, http, rd_view_str(message), call->request_id, out);
}

enum rd_status kms_iam_fault(const struct kms_call *call, struct rd_buf *out_xml, int *ret_http)
{
	static const struct {
		enum kms_fault_type fault;
		const char *code;
		int http;
	} codes[] = {
		{KMS_FAULT_MISSING_TOKEN, "MissingAuthenticationToken", 403},
		{KMS_FAULT_INCOMPLETE_SIGNATURE, "IncompleteSignature", 400},
		{KMS_FAULT_INVALID_SIGNATURE, "SignatureDoesNotMatch", 403},
		{KMS_FAULT_UNRECOGNIZED_CLIENT, "InvalidClientTokenId", 403},
		{KMS_FAULT_EXPIRED_TOKEN, "ExpiredToken", 403},
		{KMS_FAULT_ACCESS_DENIED, "AccessDenied", 403},
		{KMS_FAULT_THROTTLING, "Throttling", 400},
		{KMS_FAULT_UNAVAILABLE, "ServiceUnavailable", 503},
	};

	for (size_t i = 0; i < RD_ARRAY_LEN(codes); i++) {
		if (codes[i].fault == call->fault.type) {
			return put_error(call, codes[i].code, codes[i].http, call->fault.message,
				out_xml, ret_http);
		}
	}
	return put_error(call, "ServiceFailure", 500, call->fault.message, out_xml, ret_http);
}

static void subject_name_param(const struct kms_iam *iam, const char **ret_param, size_t *ret_size)
{
	*ret_size = KMS_NAME_SIZE;
	switch (iam->action->subject) {
	case KMS_IAM_USER:
		*ret_param = "UserName";
		break;
	case KMS_IAM_ROLE:
		*ret_param = "RoleName";
		break;
	case KMS_IAM_PROFILE:
		*ret_param = "InstanceProfileName";
		*ret_size = KMS_PROFILE_NAME_SIZE;
		break;
	case KMS_IAM_POLICY:
	default:
		*ret_param = "PolicyName";
		*ret_size = KMS_POLICY_NAME_SIZE;
		break;
	}
}

static const char *subject_kind(const struct kms_iam *iam)
{
	static const char *const kinds[] = {[KMS_IAM_USER] = "user",
		[KMS_IAM_ROLE] = "role",
		[KMS_IAM_POLICY] = "policy",
		[KMS_IAM_PROFILE] = "instance-profile"};

	return kinds[iam->action->subject];
}

static enum rd_status put_arn(
	const struct kms_iam *iam, const char *path, const char *name, char ret_arn[KMS_ARN_SIZE])
{
	const int n = snprintf(ret_arn, KMS_ARN_SIZE, "arn:%s:iam::%s:%s%s%s",
		iam->action->subject == KMS_IAM_POLICY ? "aws" : kms_iam_partition(iam),
		iam->call->who.account, subject_kind(iam), path, name);

	return n > 0 && n < KMS_ARN_SIZE ? RD_OK : RD_LIMIT;
}

/* Reads iam->principal, if it is there. */
static enum rd_status find_principal(struct kms_iam *iam, const char *name)
{
	const struct kms_identity *who = &iam->call->who;
	enum rd_status st;

	kms_principal_finish(&iam->principal);
	iam->found = false;
	st = name[0] == '\0' ? kms_store_principal_by_uid(iam->call->db, who->uid, &iam->principal)
			     : kms_store_principal_get(iam->call->db, who->account,
				       iam->action->subject == KMS_IAM_ROLE ? KMS_ROLE : KMS_USER,
				       name, &iam->principal);
	if (st == RD_NOTFOUND) {
		return RD_OK;
	}
	RD_TRY(st);
	iam->found = true;
	return RD_OK;
}

/* "" is the caller, where that makes sense. */
static enum rd_status read_name(struct kms_iam *iam, char name[KMS_POLICY_NAME_SIZE])
{
	const char *param;
	size_t size;

	subject_name_param(iam, &param, &size);
	RD_TRY(kms_iam_name(iam, param, iam->action->target != KMS_IAM_SELF, name, size));
	if (name[0] == '\0' && iam->call->who.kind != KMS_USER) {
		return kms_iam_refuse(iam, "ValidationError", 400,
			"Must specify userName when calling with non-User credentials");
	}
	return RD_OK;
}

static enum rd_status named_arn(struct kms_iam *iam, char ret_arn[KMS_ARN_SIZE])
{
	char name[KMS_POLICY_NAME_SIZE];

	if (iam->action->subject == KMS_IAM_POLICY) {
		return kms_iam_text(iam, "PolicyArn", true, ret_arn, KMS_ARN_SIZE);
	}
	if (iam->action->subject == KMS_IAM_PROFILE) {
		return kms_iam_profile_arn(iam, ret_arn);
	}
	RD_TRY(read_name(iam, name));
	RD_TRY(find_principal(iam, name));
	return iam->found ? kms_iam_principal_arn(iam, &iam->principal, ret_arn)
			  : put_arn(iam, "/", name, ret_arn);
}

static enum rd_status target_arn(struct kms_iam *iam, char ret_arn[KMS_ARN_SIZE])
{
	char name[KMS_POLICY_NAME_SIZE], path[KMS_PATH_SIZE];

	switch (iam->action->target) {
	case KMS_IAM_ALL:
		return put_arn(iam, "/", "", ret_arn);
	case KMS_IAM_NEW:
		RD_TRY(read_name(iam, name));
		RD_TRY(kms_iam_path(iam, "Path", path));
		return put_arn(iam, path, name, ret_arn);
	case KMS_IAM_NAMED:
	case KMS_IAM_SELF:
	case KMS_IAM_NOTHING:
	default:
		return named_arn(iam, ret_arn);
	}
}

/* What delegated administration is limited by: which policy, which boundary. */
static enum rd_status add_facts(struct kms_iam *iam, struct kms_question *question,
	char (*texts)[KMS_ARN_SIZE], const char **values)
{
	static const struct {
		const char *param, *fact;
	} facts[] = {
		{"PolicyArn", "iam:PolicyARN"}, {"PermissionsBoundary", "iam:PermissionsBoundary"}};

	for (size_t i = 0; i < RD_ARRAY_LEN(facts); i++) {
		RD_TRY(kms_iam_text(iam, facts[i].param, false, texts[i], KMS_ARN_SIZE));
		values[i] = texts[i];
		if (texts[i][0] != '\0') {
			question->facts[question->n_facts++] = (struct kms_fact){
				.name = facts[i].fact, .values = &values[i], .n_values = 1};
		}
	}
	return RD_OK;
}

static enum rd_status authorize(struct kms_iam *iam)
{
	char arn[KMS_ARN_SIZE], texts[2][KMS_ARN_SIZE];
	const char *values[2];
	struct kms_question question = {.action = iam->action->permission, .resource = arn};
	const struct kms_identity *who = &iam->call->who;

	if (iam->action->target == KMS_IAM_NOTHING) {
		return RD_OK;
	}
	if (who->kind == KMS_USER && who->token_issued_ms != 0) {
		/* As at AWS for sessions without a second factor, which there is none of here. */
		return kms_iam_refuse(iam, "InvalidClientTokenId", 403,
			"The security token included in the request is invalid: IAM is not called "
			"with credentials of GetSessionToken");
	}
	RD_TRY(target_arn(iam, arn));
	RD_TRY(add_facts(iam, &question, texts, values));
	return kms_authorize(iam->call, &question);
}

static bool needs_principal(const struct kms_iam_action *action)
{
	return (action->subject == KMS_IAM_USER || action->subject == KMS_IAM_ROLE) &&
	       (action->target == KMS_IAM_NAMED || action->target == KMS_IAM_SELF);
}

/* The action itself, from the beginning of its reply. */
static enum rd_status act(struct kms_iam *iam)
{
	const struct kms_iam_action *action = iam->action;
	char name[KMS_POLICY_NAME_SIZE];

	iam->xml.out->used = 0;
	iam->xml = rd_xml_out(iam->xml.out);
	iam->code = NULL;
	if (needs_principal(action)) {
		RD_TRY(read_name(iam, name));
		RD_TRY(find_principal(iam, name));
		if (!iam->found) {
			return kms_iam_refuse(iam, "NoSuchEntity", 404,
				"The %s with name %s cannot be found.", subject_kind(iam), name);
		}
	}
	rd_xml_out_reply(&iam->xml, action->response,
		(action->flags & KMS_IAM_EMPTY) != 0 ? NULL : action->result,
		service_of(iam->call)->xmlns);
	RD_TRY(action->fn(iam));
	rd_xml_out_reply_end(&iam->xml, iam->call->request_id);
	return rd_xml_out_finish(&iam->xml);
}

static enum rd_status act_within(struct rd_db *db, void *arg)
{
	(void)db;
	return act(arg);
}

static void forget(const struct kms_iam *iam)
{
	struct kms_cache *cache = iam->call->kms->cache;

	if (iam->changed_uid[0] != '\0') {
		kms_cache_drop(cache, 'p', iam->changed_uid);
	}
	if (iam->changed_akid[0] != '\0') {
		kms_cache_drop(cache, 'c', iam->changed_akid);
	}
}

/* How much of a stranger's text an answer repeats. */
static int quoted(struct rd_view text)
{
	return text.len < 64 ? (int)text.len : 64;
}

static enum rd_status find_action(struct kms_iam *iam)
{
	const struct service *service = service_of(iam->call);
	struct rd_view action = rd_query_get(iam->query, "Action");
	struct rd_view version = rd_query_get(iam->query, "Version");

	if (action.len == 0) {
		return kms_iam_refuse(iam, "MissingAction", 400, "The request has no Action.");
	}
	for (size_t i = 0; i < service->n_actions; i++) {
		if (rd_view_equal(action, rd_view_str(service->actions[i].name)) &&
			rd_view_equal(version, rd_view_str(service->version))) {
			iam->action = &service->actions[i];
			iam->call->action = service->actions[i].name;
			return RD_OK;
		}
	}
	return kms_iam_refuse(iam, "InvalidAction", 400,
		"Could not find operation %.*s for version %.*s", quoted(action),
		(const char *)action.ptr, quoted(version),
		version.ptr != NULL ? (const char *)version.ptr : "");
}

static enum rd_status serve(struct kms_iam *iam)
{
	RD_TRY(find_action(iam));
	RD_TRY(kms_iam_show(iam));
	RD_TRY(authorize(iam));
	if ((iam->action->flags & KMS_IAM_WRITES) == 0) {
		return act(iam);
	}
	RD_TRY(rd_db_transact(iam->call->db, act_within, iam));
	forget(iam);
	return RD_OK;
}

/* Room for every reply with a secret, so that none is left behind where the buffer grew. */
#define SECRET_REPLY_MAX 8192

static enum rd_status make_room(struct rd_buf *out)
{
	uint8_t *unused;

	RD_TRY(rd_buf_reserve(out, SECRET_REPLY_MAX, &unused));
	out->used = 0;
	return RD_OK;
}

/* st is a refusal of ours, one of authorisation, or a failure. */
static enum rd_status refuse(struct kms_iam *iam, enum rd_status st, int *ret_http)
{
	struct rd_buf *out = iam->xml.out;

	out->used = 0;
	if (iam->code != NULL) {
		RD_TRY(put_error(iam->call, iam->code, iam->http, iam->message, out, ret_http));
		return st;
	}
	if (iam->call->fault.type == KMS_FAULT_NONE) {
		(void)kms_fail(iam->call, KMS_FAULT_INTERNAL, "The request was not carried out.");
	}
	RD_TRY(kms_iam_fault(iam->call, out, ret_http));
	return st;
}

static enum rd_status handle(
	struct kms_call *call, struct rd_query *query, struct rd_buf *out_xml, int *ret_http)
{
	struct rd_buf storage RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_QUERY_SIZE_MAX);
	struct kms_iam iam = {.call = call, .query = query, .xml = {.out = out_xml}};
	enum rd_status st;

	if (rd_query_parse(call->body, &storage, query) != RD_OK) {
		st = kms_iam_refuse(
			&iam, "MalformedQueryString", 400, "The request's form cannot be read.");
	} else {
		st = serve(&iam);
	}
	*ret_http = 200;
	if (st != RD_OK) {
		st = refuse(&iam, st, ret_http);
	}
	kms_principal_finish(&iam.principal);
	free(iam.document);
	return st;
}

enum rd_status kms_iam_handle(struct kms_call *call, struct rd_buf *out_xml, int *ret_http)
{
	struct rd_query *query;
	enum rd_status st;

	RD_TRY(make_room(out_xml));
	query = calloc(1, sizeof(*query));
	RD_ENSURE(query != NULL, RD_NOMEM);
	st = handle(call, query, out_xml, ret_http);
	free(query);
	return st;
}
