/* SPDX-License-Identifier: Apache-2.0 */
/* STS: who am I, and temporary credentials (session.h). */
#include "kms/iam-internal.h"

#include "aws/arn.h"
#include "kms/session.h"
#include "policy/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DURATION_MIN_S 900
/* A role's sessions: an hour unless asked, up to what the role allows. */
#define ROLE_DURATION_S     3600
#define ROLE_DURATION_MAX_S 43200
/* When a session assumes a role. */
#define CHAINED_MAX_S 3600
/* A user's: half a day unless asked, up to a day and a half. */
#define USER_DURATION_S     43200
#define USER_DURATION_MAX_S 129600
#define EXTERNAL_ID_SIZE    (1224 + 1)

enum rd_status kms_sts_caller(struct kms_iam *iam)
{
	const struct kms_identity *who = &iam->call->who;
	char id[KMS_UID_SIZE + KMS_NAME_SIZE];

	(void)snprintf(id, sizeof(id), "%s%s%s", who->kind == KMS_ROOT ? who->account : who->uid,
		who->session[0] != '\0' ? ":" : "", who->session);
	rd_xml_out_str(&iam->xml, "Arn", who->arn);
	rd_xml_out_str(&iam->xml, "UserId", id);
	rd_xml_out_str(&iam->xml, "Account", who->account);
	return RD_OK;
}

/* Seals session under a new access key and writes the Credentials element. */
static enum rd_status put_credentials(struct kms_iam *iam, struct kms_session *session)
{
	struct rd_buf token RD_CLEANUP(rd_buf_finish) = rd_buf_growable(KMS_SESSION_TOKEN_MAX);
	char akid[KMS_AKID_SIZE];
	enum rd_status st;

	st = kms_session_issue(iam->call->kms->keyring, session, akid, &token);
	if (st == RD_LIMIT) {
		return kms_iam_refuse(iam, "PackedPolicyTooLarge", 400,
			"Session policy and tags together are larger than a session token has room "
			"for.");
	}
	RD_TRY(st);
	rd_xml_out_begin(&iam->xml, "Credentials");
	rd_xml_out_str(&iam->xml, "AccessKeyId", akid);
	rd_xml_out_text(&iam->xml, "SecretAccessKey", rd_secret_view(&session->secret));
	rd_xml_out_text(&iam->xml, "SessionToken", rd_buf_view(&token));
	rd_xml_out_time(&iam->xml, "Expiration", session->expires_ms / 1000);
	rd_xml_out_end(&iam->xml);
	return RD_OK;
}

enum rd_status kms_sts_session_token(struct kms_iam *iam)
{
	const struct kms_identity *who = &iam->call->who;
	struct kms_session session RD_CLEANUP(kms_session_finish) = {
		.kind = who->kind, .issued_ms = iam->call->now_ms};
	uint64_t seconds;

	if (who->token_issued_ms != 0) {
		return kms_iam_refuse(iam, "AccessDenied", 403,
			"Cannot call GetSessionToken with session credentials");
	}
	RD_TRY(kms_iam_number(iam, "DurationSeconds", DURATION_MIN_S, USER_DURATION_MAX_S,
		USER_DURATION_S, &seconds));
	session.expires_ms = session.issued_ms + (int64_t)seconds * 1000;
	memcpy(session.account, who->account, sizeof(session.account));
	memcpy(session.uid, who->uid, sizeof(session.uid));
	return put_credentials(iam, &session);
}

/* What the request says of the session that it wants. */
struct wish {
	struct kms_session session;
	struct kms_principal role;
	char role_arn[KMS_ARN_SIZE];
	char external_id[EXTERNAL_ID_SIZE];
	uint64_t seconds;
};

static void wish_finish(struct wish *wish)
{
	kms_session_finish(&wish->session);
	kms_principal_finish(&wish->role);
}

static enum rd_status read_tag(struct kms_iam *iam, size_t i, struct kms_tag *ret)
{
	struct rd_view key = rd_query_member(iam->query, "Tags", i, "Key");
	struct rd_view value = rd_query_member(iam->query, "Tags", i, "Value");

	if (key.len == 0 || key.len >= sizeof(ret->key) || value.ptr == NULL ||
		value.len >= sizeof(ret->value)) {
		return kms_iam_refuse(iam, "ValidationError", 400,
			"1 validation error detected: Value at 'tags.%zu.member' failed to satisfy "
			"constraint: a key has 1 to 128 characters, a value up to 256",
			i);
	}
	memcpy(ret->key, key.ptr, key.len);
	memcpy(ret->value, value.ptr, value.len);
	return RD_OK;
}

static enum rd_status read_tags(struct kms_iam *iam, struct kms_session *session)
{
	size_t n = 0;

	if (rd_query_list(iam->query, "Tags", KMS_SESSION_TAGS_MAX, &n) != RD_OK) {
		return kms_iam_refuse(iam, "ValidationError", 400,
			"1 validation error detected: Value at 'tags' failed to satisfy "
			"constraint: Member must have length less than or equal to %d",
			KMS_SESSION_TAGS_MAX);
	}
	session->tags = calloc(n + 1, sizeof(*session->tags));
	RD_ENSURE(session->tags != NULL, RD_NOMEM);
	session->n_tags = n;
	for (size_t i = 0; i < n; i++) {
		RD_TRY(read_tag(iam, i + 1, &session->tags[i]));
		for (size_t k = 0; k < i; k++) {
			if (strcasecmp(session->tags[i].key, session->tags[k].key) == 0) {
				return kms_iam_refuse(iam, "InvalidParameterValue", 400,
					"Duplicate tag keys found. Please note that Tag keys are "
					"case insensitive.");
			}
		}
	}
	return RD_OK;
}

static enum rd_status read_policy(struct kms_iam *iam, struct kms_session *session)
{
	if (rd_query_get(iam->query, "Policy").ptr == NULL) {
		return RD_OK;
	}
	RD_TRY(kms_iam_document(iam, "Policy", RD_POLICY_IDENTITY, KMS_SESSION_POLICY_MAX));
	session->policy = rd_steal(&iam->document, NULL);
	return RD_OK;
}

static enum rd_status read_wish(struct kms_iam *iam, struct wish *wish)
{
	RD_TRY(kms_iam_text(iam, "RoleArn", true, wish->role_arn, sizeof(wish->role_arn)));
	RD_TRY(kms_iam_name(
		iam, "RoleSessionName", true, wish->session.name, sizeof(wish->session.name)));
	if (strlen(wish->session.name) < RD_IAM_SESSION_MIN) {
		return kms_iam_refuse(iam, "ValidationError", 400,
			"1 validation error detected: Value '%s' at 'roleSessionName' failed to "
			"satisfy constraint: Member must have length greater than or equal to %d",
			wish->session.name, RD_IAM_SESSION_MIN);
	}
	RD_TRY(kms_iam_text(
		iam, "ExternalId", false, wish->external_id, sizeof(wish->external_id)));
	RD_TRY(kms_iam_number(iam, "DurationSeconds", DURATION_MIN_S, ROLE_DURATION_MAX_S,
		ROLE_DURATION_S, &wish->seconds));
	if (rd_query_get(iam->query, "PolicyArns.member.1.arn").ptr != NULL) {
		return kms_iam_refuse(iam, "ValidationError", 400,
			"PolicyArns is not supported: give the session its policy as Policy.");
	}
	RD_TRY(read_policy(iam, &wish->session));
	return read_tags(iam, &wish->session);
}

/* The one text for a role that is not there and one that may not be assumed. */
static enum rd_status not_authorized(struct kms_iam *iam, const struct wish *wish)
{
	return kms_iam_refuse(iam, "AccessDenied", 403,
		"User: %s is not authorized to perform: sts:AssumeRole on resource: %.512s",
		iam->call->who.arn, wish->role_arn);
}

/* By its whole ARN: the path counts. */
static enum rd_status find_role(struct kms_iam *iam, struct wish *wish)
{
	char account[KMS_ACCOUNT_SIZE], name[KMS_NAME_SIZE], arn[KMS_ARN_SIZE];
	struct rd_principal p;
	enum rd_status st;

	if (rd_principal_parse(rd_view_str(wish->role_arn), &p) != RD_OK ||
		p.kind != RD_PRINCIPAL_ROLE) {
		return kms_iam_refuse(
			iam, "ValidationError", 400, "%.512s is invalid", wish->role_arn);
	}
	(void)snprintf(
		account, sizeof(account), "%.*s", (int)p.account.len, (const char *)p.account.ptr);
	(void)snprintf(name, sizeof(name), "%.*s", (int)p.name.len, (const char *)p.name.ptr);
	st = kms_store_principal_get(iam->call->db, account, KMS_ROLE, name, &wish->role);
	if (st == RD_NOTFOUND) {
		return not_authorized(iam, wish);
	}
	RD_TRY(st);
	RD_TRY(kms_iam_principal_arn(iam, &wish->role, arn));
	return strcmp(arn, wish->role_arn) == 0 ? RD_OK : not_authorized(iam, wish);
}

static void add_fact(struct kms_question *q, const char *name, const char *const *value)
{
	if (**value != '\0') {
		q->facts[q->n_facts++] = (struct kms_fact){
			.name = name, .values = value, .n_values = 1};
	}
}

static enum rd_status may_assume(struct kms_iam *iam, const struct wish *wish)
{
	const char *external_id = wish->external_id, *name = wish->session.name;
	struct kms_question question = {.action = "sts:AssumeRole", .resource = wish->role_arn};
	struct rd_policy *trust = NULL;
	enum rd_status st;

	RD_TRY(rd_policy_new(rd_view_str(wish->role.trust_policy), RD_POLICY_TRUST, &trust, NULL));
	question.trust = trust;
	add_fact(&question, "sts:ExternalId", &external_id);
	add_fact(&question, "sts:RoleSessionName", &name);
	st = kms_authorize(iam->call, &question);
	if (st == RD_OK && wish->session.n_tags > 0) {
		question.action = "sts:TagSession";
		st = kms_authorize(iam->call, &question);
	}
	rd_policy_free(&trust);
	return st;
}

static enum rd_status check_duration(struct kms_iam *iam, const struct wish *wish)
{
	if (iam->call->who.kind == KMS_ROLE && wish->seconds > CHAINED_MAX_S) {
		return kms_iam_refuse(iam, "ValidationError", 400,
			"The requested DurationSeconds exceeds the 1 hour session limit for roles "
			"assumed by role chaining.");
	}
	if (wish->seconds > wish->role.max_session_s) {
		return kms_iam_refuse(iam, "ValidationError", 400,
			"The requested DurationSeconds exceeds the MaxSessionDuration set for this "
			"role.");
	}
	return RD_OK;
}

static void put_assumed(struct kms_iam *iam, const struct wish *wish)
{
	char text[KMS_ARN_SIZE];

	rd_xml_out_begin(&iam->xml, "AssumedRoleUser");
	(void)snprintf(text, sizeof(text), "%s:%s", wish->role.uid, wish->session.name);
	rd_xml_out_str(&iam->xml, "AssumedRoleId", text);
	(void)snprintf(text, sizeof(text), "arn:%s:sts::%s:assumed-role/%s/%s",
		kms_iam_partition(iam), wish->role.account, wish->role.name, wish->session.name);
	rd_xml_out_str(&iam->xml, "Arn", text);
	rd_xml_out_end(&iam->xml);
}

enum rd_status kms_sts_assume_role(struct kms_iam *iam)
{
	struct wish wish RD_CLEANUP(wish_finish) = {
		.session = {.kind = KMS_ROLE, .issued_ms = iam->call->now_ms}};

	RD_TRY(read_wish(iam, &wish));
	RD_TRY(find_role(iam, &wish));
	RD_TRY(may_assume(iam, &wish));
	RD_TRY(check_duration(iam, &wish));
	wish.session.expires_ms = wish.session.issued_ms + (int64_t)wish.seconds * 1000;
	memcpy(wish.session.account, wish.role.account, sizeof(wish.session.account));
	memcpy(wish.session.uid, wish.role.uid, sizeof(wish.session.uid));
	RD_TRY(put_credentials(iam, &wish.session));
	put_assumed(iam, &wish);
	return RD_OK;
}
