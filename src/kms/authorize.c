/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authorisation: what bears on a question is brought together, and lib/policy decides.
 *
 *	policies   the key's (or role's trust policy), the caller's, its boundary, its session's
 *	grants     read only when no policy allows and none denies: most calls never ask
 *	answer     call->decision, and the fault with AWS's sentence
 *
 * Whatever goes wrong on the way, a policy that is too complex among it, is a refusal.
 */
#include "kms/authorize-internal.h"

#include "aws/arn.h"
#include "kms/target.h"
#include "policy/evaluate.h"
#include "policy/match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFUSED_TEXT "The request could not be authorized."

/* What policies look a key up in: they take it as something that does not change, which is true of
 * its answers. */
struct asker {
	struct inquiry *inquiry;
};

struct inquiry {
	struct kms_call *call;
	const struct kms_question *question;
	const struct kms_cached_principal *principal; /* NULL: the account's root */
	const struct rd_policy *session_policy;
	struct rd_policy *session_parsed;
	struct kms_context *context; /* ours; made when a policy or a grant asks for a key */
	enum rd_status context_st;   /* of making it */
	struct asker asker;
	struct rd_policy_request request;
	struct rd_policy_authority authority;
	struct rd_policy_decision decision;
	char grant[KMS_GRANT_ID_SIZE];
};

static void inquiry_finish(struct inquiry *q)
{
	kms_cache_put(q->call->kms->cache, q->principal);
	rd_policy_free(&q->session_parsed);
	if (q->context != NULL) {
		kms_context_finish(q->context);
	}
	free(q->context);
}

/* Operations that callers of other accounts may use (2.2). */
static bool crosses_accounts(const char *action)
{
	static const char *const actions[] = {"kms:DescribeKey", "kms:Encrypt", "kms:Decrypt",
		"kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey",
		"kms:GenerateDataKeyWithoutPlaintext", "kms:GenerateDataKeyPair",
		"kms:GenerateDataKeyPairWithoutPlaintext", "kms:Sign", "kms:Verify",
		"kms:GetPublicKey", "kms:GenerateMac", "kms:VerifyMac", "kms:DeriveSharedSecret",
		"kms:CreateGrant", "kms:ListGrants", "kms:RetireGrant", "kms:RevokeGrant",
		"kms:GetKeyRotationStatus", "sts:AssumeRole", "sts:TagSession"};

	for (size_t i = 0; i < RD_ARRAY_LEN(actions); i++) {
		if (strcmp(actions[i], action) == 0) {
			return true;
		}
	}
	return false;
}

static bool names_key(const struct rd_policy_statement *s, const char *key)
{
	for (size_t i = 0; i < s->condition_count; i++) {
		if (rd_view_equal_folded(s->conditions[i].key, rd_view_str(key))) {
			return true;
		}
	}
	return false;
}

/* Actions by their names, without patterns: who asks for an extension says for what. */
static bool names_action(const struct rd_policy_statement *s, const char *action)
{
	for (size_t i = 0; !s->actions.negated && i < s->actions.n; i++) {
		if (rd_view_equal_folded(s->actions.v[i].text, rd_view_str(action))) {
			return true;
		}
	}
	return false;
}

static bool is_asked_for(const struct rd_policy *policy, const char *action)
{
	for (size_t i = 0; i < policy->statement_count; i++) {
		if (names_key(&policy->statements[i], KMS_ASK_ATTESTATION) &&
			names_action(&policy->statements[i], action)) {
			return true;
		}
	}
	return false;
}

bool kms_attestation_applies(const char *action, const struct kms_cached_key *key)
{
	static const char *const always[] = {"kms:Decrypt", "kms:DeriveSharedSecret",
		"kms:GenerateDataKey", "kms:GenerateDataKeyPair", "kms:GenerateRandom"};
	static const char *const on_demand[] = {
		"kms:Sign", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:PutKeyPolicy"};

	for (size_t i = 0; i < RD_ARRAY_LEN(always); i++) {
		if (strcmp(always[i], action) == 0) {
			return true;
		}
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(on_demand); i++) {
		if (strcmp(on_demand[i], action) == 0) {
			return key != NULL && key->policy != NULL &&
			       is_asked_for(key->policy, action);
		}
	}
	return false;
}

static struct rd_view present(const char *text)
{
	return text[0] != '\0' ? rd_view_str(text) : rd_view(NULL, 0);
}

static struct rd_policy_caller caller_of(const struct kms_identity *who)
{
	return (struct rd_policy_caller){
		.account = rd_view_str(who->account),
		.arn = rd_view_str(who->arn),
		.role_arn = present(who->role_arn),
		.id = who->kind == KMS_ROOT ? rd_view(NULL, 0) : present(who->uid),
		.root = who->kind == KMS_ROOT,
	};
}

/* Of a key, or what the ARN says; what has no account is the caller's own. */
static struct rd_view resource_account(const struct inquiry *q)
{
	struct rd_arn arn;

	if (q->question->key != NULL) {
		return rd_view_str(q->question->key->record.account);
	}
	if (rd_arn_parse(q->request.resource, &arn) == RD_OK && arn.account.len > 0) {
		return arn.account;
	}
	return rd_view_str(q->call->who.account);
}

static const char *resource_of(const struct kms_question *question)
{
	if (question->key != NULL) {
		return question->key->arn;
	}
	return question->resource != NULL ? question->resource : "*";
}

static enum rd_status read_policies(struct inquiry *q)
{
	const struct kms_identity *who = &q->call->who;

	if (who->kind != KMS_ROOT) {
		RD_TRY(kms_cache_principal(
			q->call->kms->cache, q->call->db, who->uid, &q->principal));
		q->authority.identity = (struct rd_policy_list){
			.v = (const struct rd_policy *const *)q->principal->policies,
			.n = q->principal->n_policies};
		q->authority.boundary = q->principal->boundary;
	}
	if (who->session_policy != NULL) {
		RD_TRY(rd_policy_new(rd_view_str(who->session_policy), RD_POLICY_IDENTITY,
			&q->session_parsed, NULL));
		q->session_policy = q->session_parsed;
		q->authority.session = (struct rd_policy_list){.v = &q->session_policy, .n = 1};
	}
	return RD_OK;
}

/* Some ten KiB, too much for the stack. */
static enum rd_status need_context(struct inquiry *q)
{
	if (q->context == NULL && q->context_st == RD_OK) {
		q->context = calloc(1, sizeof(*q->context));
		q->context_st = q->context == NULL ? RD_NOMEM
						   : kms_context_init(q->context, q->call,
							     q->question, q->principal);
	}
	return q->context_st;
}

/* Most policies' statements on keys have no condition, and their calls need no context. After a
 * failure nothing is there, and nothing is decided: evaluate() asks. */
static bool look_up(const void *ctx, struct rd_view key, struct rd_policy_values *ret_values)
{
	const struct asker *asker = ctx;

	return need_context(asker->inquiry) == RD_OK &&
	       kms_context_lookup(asker->inquiry->context, key, ret_values);
}

static enum rd_status prepare(struct inquiry *q)
{
	const struct kms_question *question = q->question;

	RD_TRY(read_policies(q));
	q->asker = (struct asker){.inquiry = q};
	q->authority.has_resource_policy = question->key != NULL || question->trust != NULL;
	q->authority.resource_policy = question->key != NULL ? question->key->policy
							     : question->trust;
	q->authority.cross_account = crosses_accounts(question->action);
	q->request = (struct rd_policy_request){
		.caller = caller_of(&q->call->who),
		.action = rd_view_str(question->action),
		.resource = rd_view_str(resource_of(question)),
		.context = {.lookup = look_up, .ctx = &q->asker},
	};
	q->request.resource_account = resource_account(q);
	return RD_OK;
}

static bool could_be_granted(const struct rd_policy_decision *d)
{
	return d->verdict == RD_VERDICT_IMPLICIT_DENY &&
	       (d->by.layer == RD_LAYER_RESOURCE || d->by.layer == RD_LAYER_IDENTITY);
}

static bool is_foreign(const struct inquiry *q)
{
	return q->question->key != NULL &&
	       strcmp(q->question->key->record.account, q->call->who.account) != 0;
}

/* The policies' word, which counts only if whatever they asked for could be answered. */
static enum rd_status ask_policies(struct inquiry *q)
{
	RD_TRY(rd_policy_evaluate(&q->authority, &q->request, NULL, &q->decision));
	return q->context_st;
}

static enum rd_status evaluate(struct inquiry *q)
{
	bool tokens = json_array_size(q->question->grant_tokens) > 0;
	enum rd_status st;

	RD_TRY(ask_policies(q));
	if (!tokens && (!could_be_granted(&q->decision) || !q->question->grants_apply)) {
		return RD_OK;
	}
	RD_TRY(need_context(q));
	st = kms_find_grant(
		q->call, q->question, &q->request.caller, &q->context->encryption, q->grant);
	if (q->call->fault.type == KMS_FAULT_INVALID_GRANT_TOKEN && is_foreign(q) &&
		q->decision.verdict != RD_VERDICT_ALLOW) {
		/* Another account's key that is not there has no time for tokens either. */
		q->call->fault = (struct kms_fault){.type = KMS_FAULT_NONE};
		return RD_OK;
	}
	RD_TRY(st);
	if (q->grant[0] == '\0' || !could_be_granted(&q->decision)) {
		return RD_OK;
	}
	q->authority.granted = true;
	return ask_policies(q);
}

/* The name that an identity policy has, for whoever reads the audit record. */
static enum rd_status put_policy_name(
	const struct inquiry *q, const struct rd_policy_ref *ref, struct rd_buf *out)
{
	if (ref->layer != RD_LAYER_IDENTITY || q->principal == NULL ||
		q->principal->policy_names == NULL || ref->policy >= q->principal->n_policies) {
		return RD_OK;
	}
	RD_TRY(rd_buf_put_str(out, " of "));
	return rd_buf_put_str(out, q->principal->policy_names[ref->policy]);
}

static enum rd_status put_ref(
	const struct inquiry *q, const struct rd_policy_ref *ref, struct rd_buf *out)
{
	RD_TRY(rd_policy_ref_text(ref, out));
	if (ref->layer == RD_LAYER_GRANT) {
		return rd_buf_printf(out, " %s", q->grant);
	}
	return put_policy_name(q, ref, out);
}

static enum rd_status put_reason(const struct inquiry *q, struct rd_buf *out)
{
	static const char *const layers[] = {
		[RD_LAYER_RESOURCE] = "no resource-based policy allows it",
		[RD_LAYER_IDENTITY] = "no identity-based policy allows it",
		[RD_LAYER_BOUNDARY] = "the permissions boundary does not allow it",
		[RD_LAYER_SESSION] = "the session policy does not allow it",
		[RD_LAYER_GRANT] = "no grant allows it",
		[RD_LAYER_ROOT] = "not the account root user",
	};
	const struct rd_policy_decision *d = &q->decision;

	if (d->verdict == RD_VERDICT_IMPLICIT_DENY) {
		return rd_buf_put_str(out, layers[d->by.layer]);
	}
	RD_TRY(put_ref(q, &d->by, out));
	if (d->delegated) {
		RD_TRY(rd_buf_put_str(out, ", by "));
		RD_TRY(put_ref(q, &d->delegated_by, out));
	}
	return RD_OK;
}

static void record(struct inquiry *q, const char *reason)
{
	struct kms_decision *decision = &q->call->decision;
	struct rd_buf by = rd_buf_fixed(decision->by, sizeof(decision->by) - 1);

	decision->made = true;
	decision->allowed = reason == NULL && q->decision.verdict == RD_VERDICT_ALLOW;
	rd_text_copy(decision->action, sizeof(decision->action), q->question->action);
	rd_text_copy(decision->resource, sizeof(decision->resource), resource_of(q->question));
	if (reason != NULL) {
		rd_text_copy(decision->by, sizeof(decision->by), reason);
		return;
	}
	/* A Sid or a name that does not fit is cut: what was put before it stands. */
	(void)put_reason(q, &by);
	decision->by[by.used] = '\0';
}

/*
 * A key of another account that does not let the caller in is answered like one that is not there,
 * down to the name that was used: an explicit deny, in its policy or in one that the caller writes
 * itself, would tell which it is. The record has the truth.
 */
static bool is_hidden(const struct inquiry *q)
{
	return is_foreign(q) && (q->decision.verdict == RD_VERDICT_EXPLICIT_DENY ||
					q->decision.by.layer == RD_LAYER_RESOURCE);
}

static enum rd_status deny_hidden(struct inquiry *q)
{
	const struct kms_question *question = q->question;
	char text[KMS_ARN_SIZE];
	struct rd_buf arn = rd_buf_fixed(text, sizeof(text) - 1);

	if (question->alias == NULL || question->alias[0] == '\0') {
		return kms_deny_foreign(q->call, question->key->arn);
	}
	RD_TRY(rd_arn_put_alias(rd_view_str(q->call->kms->config.region),
		rd_view_str(question->key->record.account), rd_view_str(question->alias), &arn));
	text[arn.used] = '\0';
	return kms_deny_foreign(q->call, text);
}

static enum rd_status deny(struct inquiry *q)
{
	char text[KMS_MESSAGE_SIZE];
	struct rd_buf out = rd_buf_fixed(text, sizeof(text));

	if (is_hidden(q)) {
		return deny_hidden(q);
	}
	if (rd_policy_denial_message(&q->request, &q->decision, &out) != RD_OK) {
		(void)kms_fail(q->call, KMS_FAULT_ACCESS_DENIED, REFUSED_TEXT);
		return RD_DENIED;
	}
	(void)kms_fail(q->call, KMS_FAULT_ACCESS_DENIED, "%.*s", (int)out.used, (const char *)text);
	return RD_DENIED;
}

/* The policies could not be evaluated: their author's fault is a refusal, ours is an error. */
static enum rd_status refuse(struct inquiry *q, enum rd_status st)
{
	char reason[128];

	(void)snprintf(reason, sizeof(reason), "refused: %s", rd_status_text(st));
	record(q, reason);
	if (q->call->fault.type != KMS_FAULT_NONE) {
		return RD_DENIED;
	}
	if (rd_category(st) == RD_CAT_LIMIT || rd_category(st) == RD_CAT_USAGE) {
		q->decision = (struct rd_policy_decision){.verdict = RD_VERDICT_IMPLICIT_DENY};
		return deny(q);
	}
	if (st == RD_NOTFOUND) {
		/* The user or role went while the call was on its way. */
		(void)kms_fail(q->call, KMS_FAULT_ACCESS_DENIED, REFUSED_TEXT);
		return RD_DENIED;
	}
	(void)kms_fail(q->call, KMS_FAULT_INTERNAL, REFUSED_TEXT);
	return st;
}

enum rd_status kms_authorize(struct kms_call *call, const struct kms_question *question)
{
	struct inquiry q RD_CLEANUP(inquiry_finish) = {.call = call, .question = question};
	enum rd_status st = prepare(&q);

	if (st == RD_OK) {
		st = evaluate(&q);
	}
	if (st != RD_OK) {
		return refuse(&q, st);
	}
	record(&q, NULL);
	return call->decision.allowed ? RD_OK : deny(&q);
}

/* Before a key has an id, identity policies see it under a name that only patterns match. */
#define NEW_ARN_SIZE (sizeof("arn:aws-us-gov:kms:::key/new") + KMS_REGION_SIZE + KMS_ACCOUNT_SIZE)
static void name_new_key(const struct kms_call *call, char ret_arn[NEW_ARN_SIZE])
{
	const char *region = call->kms->config.region;

	(void)snprintf(ret_arn, NEW_ARN_SIZE, "arn:%s:kms:%s:%s:key/new",
		rd_aws_partition(rd_view_str(region)), region, call->who.account);
}

enum rd_status kms_authorize_lockout(
	struct kms_call *call, const struct kms_cached_key *key, const char *policy, bool *ret_safe)
{
	char arn[NEW_ARN_SIZE];
	struct kms_question question = {.action = "kms:PutKeyPolicy", .key = key, .resource = arn};
	struct inquiry q RD_CLEANUP(inquiry_finish) = {.call = call, .question = &question};
	struct rd_policy *next = NULL;
	enum rd_status st;

	name_new_key(call, arn);
	RD_TRY(prepare(&q));
	RD_TRY(rd_policy_new(rd_view_str(policy), RD_POLICY_KEY, &next, NULL));
	q.authority.has_resource_policy = true;
	q.authority.resource_policy = next;
	st = rd_policy_check_lockout(&q.authority, &q.request, NULL);
	rd_policy_free(&next);
	RD_TRY(q.context_st);
	/* What cannot be evaluated now could not be later. */
	RD_ENSURE(st == RD_OK || st == RD_DENIED || rd_category(st) == RD_CAT_LIMIT, st);
	*ret_safe = st == RD_OK;
	return RD_OK;
}
