/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ListGrants, ListRetirableGrants, RetireGrant, RevokeGrant. CreateGrant: ops_create_grant.c.
 * Source: the KMS reference, 2.9.
 */
#include "kms/ops.h"

#include "kms/grant_token.h"
#include "kms/grantee.h"
#include "kms/marker.h"
#include "kms/metadata.h"
#include "kms/target.h"

#include "policy/grant.h"

#include <stdio.h>
#include <string.h>

#define PAGE_MAX     100
#define PAGE         50
#define GRANT_ID_LEN (KMS_GRANT_ID_SIZE - 1)
#define TOKEN_MAX    8192

static const struct rd_json_string_rule id_rule = {.min = 1, .max = 128};
static const struct rd_json_string_rule required_id_rule = {.required = true, .min = 1, .max = 128};

static enum rd_status check_id(struct kms_call *call, const char *id)
{
	struct rd_view text = rd_view_str(id);

	if (text.len == GRANT_ID_LEN && kms_matches_material_id(text)) {
		return RD_OK;
	}
	return kms_fail(call, KMS_FAULT_INVALID_GRANT_ID, "Invalid grant id '%s'", id);
}

static json_t *operations_of(const struct kms_grant *grant)
{
	json_t *list = json_array();

	for (unsigned i = 0; list != NULL && i < 32; i++) {
		const char *name = rd_grant_operation_name(grant->operations & (1u << i));

		if (name != NULL && json_array_append_new(list, json_string(name)) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* NULL for a grant without constraints. */
static json_t *constraints_of(const struct kms_grant *grant)
{
	json_t *equals = NULL, *subset = NULL;

	if (grant->context_equals != NULL) {
		equals = json_loads(grant->context_equals, 0, NULL);
	}
	if (grant->context_subset != NULL) {
		subset = json_loads(grant->context_subset, 0, NULL);
	}
	if (equals == NULL && subset == NULL) {
		return NULL;
	}
	return json_pack("{s:o*, s:o*}", "EncryptionContextEquals", equals,
		"EncryptionContextSubset", subset);
}

static enum rd_status list_grant(void *arg, struct kms_grant *grant)
{
	struct kms_listing *listing = arg;
	struct kms_call *call = listing->call;
	char arn[KMS_ARN_SIZE], grantee[KMS_ARN_SIZE], retiring[KMS_ARN_SIZE];

	if (kms_listing_is_full(listing)) {
		return RD_OK;
	}
	RD_TRY(kms_key_arn(call, grant->account, grant->key_id, arn));
	RD_TRY(kms_grantee_show(call, grant->grantee, grantee));
	RD_TRY(kms_grantee_show(call, grant->retiring, retiring));
	return kms_listing_add(listing,
		json_pack("{s:s, s:s, s:s, s:o, s:s, s:s*, s:s, s:o, s:o*}", "KeyId", arn,
			"GrantId", grant->id, "Name", grant->name, "CreationDate",
			kms_json_time(grant->created_ms), "GranteePrincipal", grantee,
			"RetiringPrincipal", retiring[0] == '\0' ? NULL : retiring,
			"IssuingAccount", grant->issuer, "Operations", operations_of(grant),
			"Constraints", constraints_of(grant)),
		grant->id);
}

static enum rd_status answer_grants(struct kms_call *call, const struct kms_grant_filter *filter,
	const char *subject, struct kms_page page)
{
	struct kms_listing listing RD_CLEANUP(kms_listing_finish) = {.call = call};
	char after[KMS_MARKER_LAST_SIZE];

	RD_TRY(kms_listing_begin(call, subject, page, &listing));
	memcpy(after, listing.last, sizeof(after));
	return kms_listing_answer(&listing,
		kms_store_grants_list(
			call->db, filter, after, listing.limit + 1, list_grant, &listing),
		"Grants", subject);
}

enum rd_status kms_op_list_grants(struct kms_call *call)
{
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	struct kms_grant_filter filter = {.key_id = NULL};
	char grantee[KMS_PRINCIPAL_SIZE];
	const char *key_id, *principal;
	struct kms_page page;
	struct kms_params p;

	kms_params_begin(&p, call);
	key_id = kms_param_key(&p, "KeyId", true);
	filter.id = kms_param_string(&p, "GrantId", &id_rule);
	principal = kms_param_principal(&p, "GranteePrincipal", false);
	page = kms_param_page(&p, PAGE_MAX, PAGE);
	RD_TRY(kms_params_end(&p));
	RD_TRY(kms_target_open_any(call, key_id, KMS_KEY_BY_ID_OR_ARN, NULL, &target));
	if (filter.id != NULL) {
		RD_TRY(check_id(call, filter.id));
	}
	if (principal != NULL) {
		RD_TRY(kms_grantee_resolve(call, principal, grantee));
		filter.grantee = grantee;
	}
	filter.key_id = target.key->record.id;
	return answer_grants(call, &filter, target.key->record.id, page);
}

enum rd_status kms_op_list_retirable_grants(struct kms_call *call)
{
	struct kms_grant_filter filter = {.key_id = NULL};
	char retiring[KMS_PRINCIPAL_SIZE];
	const char *principal;
	struct kms_page page;
	struct kms_params p;

	kms_params_begin(&p, call);
	principal = kms_param_principal(&p, "RetiringPrincipal", true);
	page = kms_param_page(&p, PAGE_MAX, PAGE);
	RD_TRY(kms_params_end(&p));
	RD_TRY(kms_grantee_in_account(call, principal));
	RD_TRY(kms_may(call, NULL, principal, NULL));
	RD_TRY(kms_grantee_resolve(call, principal, retiring));
	filter.retiring = retiring;
	return answer_grants(call, &filter, retiring, page);
}

static enum rd_status no_grant(struct kms_call *call, const char *id)
{
	return kms_fail(call, KMS_FAULT_NOT_FOUND, "Grant %s is not found.", id);
}

static enum rd_status get_grant(
	struct kms_call *call, const char *key_id, const char *id, struct kms_grant *ret)
{
	enum rd_status st = kms_store_grant_get(call->db, key_id, id, ret);

	return st == RD_NOTFOUND ? no_grant(call, id) : kms_settle(call, st);
}

static enum rd_status drop_grant(struct rd_db *db, struct kms_edit *edit)
{
	enum rd_status st = kms_store_grant_delete(db, edit->key.id, edit->arg);

	return st == RD_NOTFOUND ? no_grant(edit->target->call, edit->arg) : st;
}

static enum rd_status drop_it(const struct kms_target *target, struct kms_grant *grant)
{
	struct kms_edit edit = {.target = target,
		.states = KMS_IN_ENABLED | KMS_IN_DISABLED | KMS_IN_PENDING_DELETION |
			  KMS_IN_PENDING_IMPORT,
		.fn = drop_grant,
		.arg = grant->id};

	return kms_edit_run(&edit);
}

enum rd_status kms_op_revoke_grant(struct kms_call *call)
{
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	struct kms_grant grant RD_CLEANUP(kms_grant_finish) = {.operations = 0};
	struct kms_question question = {.action = NULL};
	const char *key_id, *id, *for_service = "false";
	struct kms_params p;

	kms_params_begin(&p, call);
	key_id = kms_param_key(&p, "KeyId", true);
	id = kms_param_string(&p, "GrantId", &required_id_rule);
	(void)kms_param_bool(&p, "DryRun");
	RD_TRY(kms_params_end(&p));
	kms_fact_add(&question, "kms:GrantIsForAWSResource", &for_service, 1);
	RD_TRY(kms_target_open_any(call, key_id, KMS_KEY_BY_ID_OR_ARN, &question, &target));
	RD_TRY(check_id(call, id));
	RD_TRY(get_grant(call, target.key->record.id, id, &grant));
	RD_TRY(kms_dry_run(call));
	return drop_it(&target, &grant);
}

struct retire {
	const char *token, *key_id, *grant_id;
	char key_of_token[KMS_KEY_ID_SIZE], grant_of_token[KMS_GRANT_ID_SIZE];
};

static enum rd_status read_retire(struct kms_call *call, struct retire *ret)
{
	const struct rd_json_string_rule token = {.sensitive = true, .min = 1, .max = TOKEN_MAX};
	struct kms_params p;

	kms_params_begin(&p, call);
	ret->token = kms_param_string(&p, "GrantToken", &token);
	ret->key_id = kms_param_key(&p, "KeyId", false);
	ret->grant_id = kms_param_string(&p, "GrantId", &id_rule);
	(void)kms_param_bool(&p, "DryRun");
	RD_TRY(kms_params_end(&p));
	if (ret->token == NULL ? ret->key_id == NULL || ret->grant_id == NULL
			       : ret->key_id != NULL || ret->grant_id != NULL) {
		return kms_fail(call, KMS_FAULT_VALIDATION,
			"Please specify either a grant token, or a key id and a grant id.");
	}
	return ret->token == NULL ? check_id(call, ret->grant_id) : RD_OK;
}

static enum rd_status open_token(struct kms_call *call, struct retire *retire)
{
	enum rd_status st;

	if (retire->token == NULL) {
		return RD_OK;
	}
	st = kms_grant_token_open(call->kms->keyring, call->db, rd_view_str(retire->token),
		retire->key_of_token, retire->grant_of_token);
	if (rd_category(st) == RD_CAT_UNTRUSTED) {
		return kms_fail(call, KMS_FAULT_INVALID_GRANT_TOKEN,
			"The grant token is not one that this service has issued.");
	}
	return kms_settle(call, st);
}

/* The token names a key of whatever account. */
static enum rd_status find_retired(
	struct kms_call *call, struct retire *retire, struct kms_target *target)
{
	enum rd_status st;

	if (retire->token == NULL) {
		return kms_key_resolve(
			call, retire->key_id, KMS_KEY_BY_ID_OR_ARN, &target->key, target->alias);
	}
	retire->grant_id = retire->grant_of_token;
	st = kms_cache_key(call->kms->cache, call->db, retire->key_of_token, &target->key);
	if (st == RD_NOTFOUND) {
		return no_grant(call, retire->grant_id);
	}
	RD_TRY(kms_settle(call, st));
	memcpy(call->key_arn, target->key->arn, sizeof(call->key_arn));
	return RD_OK;
}

static void record_decision(struct kms_call *call, const char *arn, const char *why, const char *id)
{
	struct kms_decision *d = &call->decision;

	*d = (struct kms_decision){.made = true, .allowed = true, .action = "kms:RetireGrant"};
	(void)snprintf(d->resource, sizeof(d->resource), "%s", arn);
	(void)snprintf(d->by, sizeof(d->by), "%s of grant %s", why, id);
}

/*
 * The grant says who may retire it; a key policy does not. Beyond that: the root of the key's
 * account, and those to whom its IAM policies allow it.
 */
static enum rd_status may_retire(
	struct kms_call *call, const struct kms_cached_key *key, const struct kms_grant *grant)
{
	bool grantee_may = (grant->operations & rd_grant_operation(rd_view_str("RetireGrant"))) !=
			   0;
	const char *why = NULL;

	if (kms_grantee_is_caller(call, grant->retiring)) {
		why = "retiring principal";
	} else if (grantee_may && kms_grantee_is_caller(call, grant->grantee)) {
		why = "grantee";
	} else if (call->who.kind == KMS_ROOT &&
		   strcmp(call->who.account, key->record.account) == 0) {
		why = "account root";
	}
	if (why != NULL) {
		record_decision(call, key->arn, why, grant->id);
		return RD_OK;
	}
	if (strcmp(call->who.account, key->record.account) != 0) {
		return kms_deny_foreign(call, key->arn);
	}
	return kms_may(call, NULL, key->arn, NULL);
}

enum rd_status kms_op_retire_grant(struct kms_call *call)
{
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	struct kms_grant grant RD_CLEANUP(kms_grant_finish) = {.operations = 0};
	struct retire retire = {.token = NULL};
	enum rd_status st;

	RD_TRY(read_retire(call, &retire));
	RD_TRY(open_token(call, &retire));
	RD_TRY(find_retired(call, &retire, &target));
	st = get_grant(call, target.key->record.id, retire.grant_id, &grant);
	if (call->fault.type == KMS_FAULT_NOT_FOUND && retire.token == NULL &&
		strcmp(call->who.account, target.key->record.account) != 0) {
		/* As for a key that is not there: see kms_key_resolve. */
		return kms_deny_foreign(call, target.key->arn);
	}
	RD_TRY(st);
	RD_TRY(may_retire(call, target.key, &grant));
	RD_TRY(kms_dry_run(call));
	return drop_it(&target, &grant);
}
