/* SPDX-License-Identifier: Apache-2.0 */
/* POST /role-credentials and /instance-profile: the role of an instance, and a session of it. */
#include "kms/service-internal.h"

#include "aws/arn.h"
#include "base/secret.h"
#include "base/text.h"
#include "kms/iam.h"
#include "kms/session.h"
#include "kms/store.h"
#include "policy/evaluate.h"
#include "policy/parse.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* As at AWS: an instance's credentials are good for six hours, whatever the role's users may have
 * at most. */
#define DURATION_MIN_S 900
#define DURATION_MAX_S 21600

struct wanted {
	const char *account;
	const char *session;
	int64_t seconds;
	struct kms_principal role;
	char arn[KMS_ARN_SIZE];
};

static const char *partition(const struct kms_call *call)
{
	return rd_aws_partition(rd_view_str(call->kms->config.region));
}

static enum rd_status put_role_arn(
	const struct kms_call *call, const struct kms_principal *role, char ret[KMS_ARN_SIZE])
{
	const int n = snprintf(ret, KMS_ARN_SIZE, "arn:%s:iam::%s:role%s%s", partition(call),
		role->account, role->path, role->name);

	return n > 0 && n < KMS_ARN_SIZE ? RD_OK : RD_LIMIT;
}

static enum rd_status no_role(struct kms_call *call, const char *named)
{
	return kms_fail(call, KMS_FAULT_NOT_FOUND, "The role %.512s cannot be found.", named);
}

/* The last part of "arn:…:role/path/name". */
static const char *last_part(const char *arn)
{
	const char *slash = strrchr(arn, '/');

	return slash != NULL ? slash + 1 : arn;
}

static enum rd_status find_role(struct kms_call *call, struct wanted *w)
{
	const char *name, *arn;
	enum rd_status st;

	RD_TRY(kms_service_text(call, call->in, "role_arn", false, KMS_ARN_SIZE - 1, &arn));
	RD_TRY(kms_service_text(
		call, call->in, "role_name", arn[0] == '\0', KMS_NAME_SIZE - 1, &name));
	name = arn[0] != '\0' ? last_part(arn) : name;
	if (strlen(name) >= KMS_NAME_SIZE) {
		return no_role(call, name);
	}
	st = kms_store_principal_get(call->db, w->account, KMS_ROLE, name, &w->role);
	if (st == RD_NOTFOUND) {
		return no_role(call, arn[0] != '\0' ? arn : name);
	}
	RD_TRY(st);
	RD_TRY(put_role_arn(call, &w->role, w->arn));
	return arn[0] == '\0' || strcmp(arn, w->arn) == 0 ? RD_OK : no_role(call, arn);
}

static enum rd_status read_wanted(struct kms_call *call, struct wanted *w)
{
	json_t *duration = json_object_get(call->in, "duration_s");
	const char *service;

	RD_TRY(kms_service_account(call, &w->account));
	memcpy(call->who.account, w->account, sizeof(call->who.account));
	RD_TRY(kms_service_text(call, call->in, "service", true, KMS_NAME_SIZE - 1, &service));
	if (strcmp(service, RD_SERVICE_EC2) != 0) {
		return kms_service_invalid(call, "service", "\"" RD_SERVICE_EC2 "\"");
	}
	RD_TRY(kms_service_text(call, call->in, "session", true, KMS_NAME_SIZE - 1, &w->session));
	if (strlen(w->session) < RD_IAM_SESSION_MIN ||
		!rd_iam_name_is_valid(rd_view_str(w->session))) {
		return kms_service_invalid(call, "session", "a name of 2 to 64 characters");
	}
	w->seconds = duration != NULL ? json_integer_value(duration) : DURATION_MAX_S;
	if (w->seconds < DURATION_MIN_S || w->seconds > DURATION_MAX_S) {
		return kms_fail(call, KMS_FAULT_VALIDATION, "\"duration_s\" must be from %d to %d",
			DURATION_MIN_S, DURATION_MAX_S);
	}
	return find_role(call, w);
}

static void record_decision(
	struct kms_call *call, const struct wanted *w, const struct rd_policy_decision *d)
{
	struct kms_decision *decision = &call->decision;
	struct rd_buf by = rd_buf_fixed(decision->by, sizeof(decision->by) - 1);

	*decision = (struct kms_decision){.made = true,
		.allowed = d->verdict == RD_VERDICT_ALLOW,
		.action = "sts:AssumeRole"};
	(void)snprintf(decision->resource, sizeof(decision->resource), "%s", w->arn);
	if (d->verdict == RD_VERDICT_IMPLICIT_DENY) {
		(void)snprintf(
			decision->by, sizeof(decision->by), "no resource-based policy allows it");
		return;
	}
	if (rd_policy_ref_text(&d->by, &by) != RD_OK) {
		by.used = 0;
	}
	decision->by[by.used] = '\0';
}

/* Condition keys of the one question that a service asks for itself. */
struct facts {
	char now[RD_TIME_TEXT_SIZE], epoch[24];
	struct rd_policy_entry entries[7];
	struct rd_view values[7];
	struct rd_policy_table table;
};

static void add_fact(struct facts *f, const char *name, const char *value)
{
	const size_t i = f->table.n++;

	f->values[i] = rd_view_str(value);
	f->entries[i] = (struct rd_policy_entry){
		.key = rd_view_str(name), .values = {.v = &f->values[i], .n = 1}};
}

static void collect(const struct kms_call *call, const struct wanted *w, struct facts *f)
{
	rd_time_string((uint64_t)call->now_ms, f->now);
	(void)snprintf(f->epoch, sizeof(f->epoch), "%" PRId64, call->now_ms / 1000);
	f->table = (struct rd_policy_table){.entries = f->entries};
	add_fact(f, "sts:RoleSessionName", w->session);
	add_fact(f, "aws:SourceAccount", w->account);
	add_fact(f, "aws:PrincipalIsAWSService", "true");
	add_fact(f, "aws:PrincipalServiceName", RD_SERVICE_EC2);
	add_fact(f, "aws:CurrentTime", f->now);
	add_fact(f, "aws:EpochTime", f->epoch);
	add_fact(f, "aws:RequestedRegion", call->kms->config.region);
}

/* Its trust policy alone decides: a service has no policies of its own. */
static enum rd_status ask_trust(
	struct kms_call *call, const struct wanted *w, struct rd_policy_decision *ret)
{
	struct facts facts;
	struct rd_policy_authority authority = {.has_resource_policy = true};
	const struct rd_policy_request request = {
		.caller = {.account = rd_view_str(w->account),
			.arn = rd_view_str(RD_SERVICE_EC2),
			.service = rd_view_str(RD_SERVICE_EC2)},
		.action = rd_view_str("sts:AssumeRole"),
		.resource = rd_view_str(w->arn),
		.resource_account = rd_view_str(w->account),
		.context = {.lookup = rd_policy_table_lookup, .ctx = &facts.table},
	};
	struct rd_policy *trust = NULL;
	enum rd_status st;

	collect(call, w, &facts);
	RD_TRY(rd_policy_new(rd_view_str(w->role.trust_policy), RD_POLICY_TRUST, &trust, NULL));
	authority.resource_policy = trust;
	st = rd_policy_evaluate(&authority, &request, NULL, ret);
	rd_policy_free(&trust);
	return st;
}

static enum rd_status may_assume(struct kms_call *call, const struct wanted *w)
{
	struct rd_policy_decision d = {.verdict = RD_VERDICT_IMPLICIT_DENY};

	RD_TRY(ask_trust(call, w, &d));
	record_decision(call, w, &d);
	if (d.verdict == RD_VERDICT_ALLOW) {
		return RD_OK;
	}
	return kms_fail(call, KMS_FAULT_ACCESS_DENIED,
		"%s is not authorized to perform: sts:AssumeRole on resource: %s: its trust policy "
		"must allow {\"Service\": \"%s\"}",
		RD_SERVICE_EC2, w->arn, RD_SERVICE_EC2);
}

/* "2026-01-01T00:00:00Z": whole seconds, as instances are told them. */
static void put_time(int64_t unix_ms, char ret[RD_TIME_TEXT_SIZE])
{
	rd_time_string((uint64_t)unix_ms, ret);
	memcpy(ret + strlen("2026-01-01T00:00:00"), "Z", 2);
}

static enum rd_status answer_credentials(struct kms_call *call, const char *akid,
	const struct kms_session *session, const struct rd_buf *token)
{
	char expires[RD_TIME_TEXT_SIZE], updated[RD_TIME_TEXT_SIZE];

	put_time(session->expires_ms, expires);
	put_time(session->issued_ms, updated);
	call->out = json_pack("{ss ss% ss% ss ss}", "AccessKeyId", akid, "SecretAccessKey",
		(const char *)session->secret.ptr, session->secret.len, "Token",
		(const char *)token->ptr, token->used, "Expiration", expires, "LastUpdated",
		updated);
	return call->out != NULL ? RD_OK : RD_NOMEM;
}

static enum rd_status issue(struct kms_call *call, const struct wanted *w)
{
	struct rd_buf token RD_CLEANUP(rd_buf_finish) = rd_buf_growable(KMS_SESSION_TOKEN_MAX);
	/* Whole seconds, as they are told. */
	struct kms_session session RD_CLEANUP(kms_session_finish) = {
		.kind = KMS_ROLE, .issued_ms = call->now_ms / 1000 * 1000};
	char akid[KMS_AKID_SIZE];

	session.expires_ms = session.issued_ms + w->seconds * 1000;
	memcpy(session.account, w->role.account, sizeof(session.account));
	memcpy(session.uid, w->role.uid, sizeof(session.uid));
	(void)snprintf(session.name, sizeof(session.name), "%s", w->session);
	RD_TRY(kms_session_issue(call->kms->keyring, &session, akid, &token));
	return answer_credentials(call, akid, &session, &token);
}

static enum rd_status give(struct kms_call *call, struct wanted *w)
{
	RD_TRY(read_wanted(call, w));
	call->facts = json_pack("{ss ss sI}", "roleArn", w->arn, "roleSessionName", w->session,
		"durationSeconds", (json_int_t)w->seconds);
	RD_ENSURE(call->facts != NULL, RD_NOMEM);
	RD_TRY(may_assume(call, w));
	return issue(call, w);
}

enum rd_status kms_service_role(struct kms_service_door *door, struct kms_call *call)
{
	struct wanted w = {.seconds = 0};
	enum rd_status st;

	(void)door;
	call->action = "AssumeRole";
	call->who.service = KMS_SERVICE_STS;
	(void)snprintf(call->who.arn, sizeof(call->who.arn), "%s", RD_SERVICE_EC2);
	st = give(call, &w);
	kms_principal_finish(&w.role);
	return st;
}

/* --- instance profiles --- */

static enum rd_status no_profile(struct kms_call *call, const char *named)
{
	return kms_fail(
		call, KMS_FAULT_NOT_FOUND, "Instance Profile %.512s cannot be found.", named);
}

static enum rd_status find_profile(
	struct kms_call *call, struct kms_profile *ret, char ret_arn[KMS_ARN_SIZE])
{
	const char *account, *name, *arn;
	enum rd_status st;

	RD_TRY(kms_service_account(call, &account));
	RD_TRY(kms_service_text(call, call->in, "arn", false, KMS_ARN_SIZE - 1, &arn));
	RD_TRY(kms_service_text(
		call, call->in, "name", arn[0] == '\0', KMS_PROFILE_NAME_SIZE - 1, &name));
	name = arn[0] != '\0' ? last_part(arn) : name;
	if (strlen(name) >= KMS_PROFILE_NAME_SIZE) {
		return no_profile(call, name);
	}
	st = kms_store_profile_get(call->db, account, name, ret);
	if (st == RD_NOTFOUND) {
		return no_profile(call, arn[0] != '\0' ? arn : name);
	}
	RD_TRY(st);
	RD_TRY(kms_profile_arn(partition(call), ret, ret_arn));
	return arn[0] == '\0' || strcmp(arn, ret_arn) == 0 ? RD_OK : no_profile(call, arn);
}

static enum rd_status add_role(struct kms_call *call, const char *uid, json_t *roles)
{
	struct kms_principal role RD_CLEANUP(kms_principal_finish) = {.kind = KMS_ROLE};
	char arn[KMS_ARN_SIZE];

	RD_TRY(kms_store_principal_by_uid(call->db, uid, &role));
	RD_TRY(put_role_arn(call, &role, arn));
	return json_array_append_new(roles,
		       json_pack("{ss ss ss}", "arn", arn, "name", role.name, "id", role.uid)) == 0
		       ? RD_OK
		       : RD_NOMEM;
}

enum rd_status kms_service_profile(struct kms_service_door *door, struct kms_call *call)
{
	struct kms_profile p;
	char arn[KMS_ARN_SIZE];

	(void)door;
	RD_TRY(find_profile(call, &p, arn));
	call->out = json_pack("{ss ss ss s[]}", "arn", arn, "id", p.uid, "name", p.name, "roles");
	RD_ENSURE(call->out != NULL, RD_NOMEM);
	if (p.role_uid[0] == '\0') {
		return RD_OK;
	}
	return add_role(call, p.role_uid, json_object_get(call->out, "roles"));
}
