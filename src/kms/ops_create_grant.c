/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CreateGrant. Who may do it by a grant only may pass on no more than that grant gives. Source: the
 * KMS reference, 2.9.
 */
#include "kms/ops.h"

#include "aws/arn.h"
#include "base/text.h"
#include "crypto/random.h"
#include "kms/grant_token.h"
#include "kms/grantee.h"
#include "kms/metadata.h"
#include "kms/target.h"
#include "policy/grant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX  384 /* characters of a constraint's value */
#define GRANTS_MAX 64  /* read at a time */

/* GrantOperation: the order is the answers'. */
static const char *const operation_values[] = {"Decrypt", "Encrypt", "GenerateDataKey",
	"GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo", "Sign", "Verify",
	"GetPublicKey", "CreateGrant", "RetireGrant", "DescribeKey", "GenerateDataKeyPair",
	"GenerateDataKeyPairWithoutPlaintext", "GenerateMac", "VerifyMac", "DeriveSharedSecret"};

struct constraint {
	json_t *json; /* of the request; NULL when absent */
	struct rd_grant_pair pairs[RD_GRANT_PAIRS_MAX];
	size_t n;
};

struct grant_request {
	struct kms_call *call;
	const char *key_id, *grantee, *retiring, *name;
	struct kms_question question;
	const char *operations[RD_ARRAY_LEN(operation_values)]; /* each once */
	size_t n_operations;
	const char *kinds[2];
	struct constraint equals, subset;
	struct kms_grant grant; /* as it is to be */
};

static void request_finish(struct grant_request *r)
{
	kms_grant_finish(&r->grant);
}

static void read_operations(struct grant_request *r, struct kms_params *p)
{
	struct rd_json_list list = kms_param_list(p, "Operations", true, 0, RD_JSON_IN_VALUES_MAX);

	for (size_t i = 0; p->st == RD_OK && i < list.n; i++) {
		rd_grant_operations bit;
		int index = -1;

		p->st = rd_json_list_enum(
			&p->in, &list, i, operation_values, RD_ARRAY_LEN(operation_values), &index);
		if (index < 0) {
			continue;
		}
		bit = rd_grant_operation(rd_view_str(operation_values[index]));
		if ((r->grant.operations & bit) == 0) {
			r->grant.operations |= bit;
			r->operations[r->n_operations++] = operation_values[index];
		}
	}
}

/* Reads a map; RD_LIMIT: too many pairs. */
static void read_constraint(struct kms_params *p, const struct rd_json_in *constraints,
	const char *name, struct constraint *ret)
{
	struct rd_json_pair pairs[RD_GRANT_PAIRS_MAX];
	enum rd_status st;
	size_t n = 0;

	if (p->st != RD_OK || constraints->object == NULL) {
		return;
	}
	st = rd_json_in_map(constraints, name, pairs, RD_ARRAY_LEN(pairs), &n);
	if (st != RD_OK && st != RD_LIMIT) {
		p->st = st;
		return;
	}
	ret->json = json_object_get(constraints->object, name);
	if (!json_is_object(ret->json)) {
		ret->json = NULL;
	}
	ret->n = st == RD_LIMIT ? RD_GRANT_PAIRS_MAX + 1 : n;
	for (size_t i = 0; i < n; i++) {
		ret->pairs[i] = (struct rd_grant_pair){
			.key = pairs[i].key, .value = pairs[i].value};
	}
}

static enum rd_status read_request(struct grant_request *r)
{
	const struct rd_json_string_rule name = {.min = 1,
		.max = KMS_GRANT_NAME_SIZE - 1,
		.pattern = KMS_PATTERN_NAME,
		.matches = kms_matches_name};
	struct rd_json_in constraints = {.object = NULL};
	struct kms_params p;

	kms_params_begin(&p, r->call);
	r->key_id = kms_param_key(&p, "KeyId", true);
	r->grantee = kms_param_principal(&p, "GranteePrincipal", true);
	r->retiring = kms_param_principal(&p, "RetiringPrincipal", false);
	read_operations(r, &p);
	if (p.st == RD_OK) {
		p.st = rd_json_in_object(&p.in, "Constraints", false, &constraints);
	}
	read_constraint(&p, &constraints, "EncryptionContextEquals", &r->equals);
	read_constraint(&p, &constraints, "EncryptionContextSubset", &r->subset);
	r->question.grant_tokens = kms_param_grant_tokens(&p);
	r->name = kms_param_string(&p, "Name", &name);
	(void)kms_param_bool(&p, "DryRun");
	return kms_params_end(&p);
}

static enum rd_status check_constraint(struct kms_call *call, const struct constraint *c)
{
	if (c->n > RD_GRANT_PAIRS_MAX) {
		return kms_fail(call, KMS_FAULT_VALIDATION,
			"A grant constraint has at most %u pairs.", RD_GRANT_PAIRS_MAX);
	}
	for (size_t i = 0; i < c->n; i++) {
		if (c->pairs[i].key.len == 0 || c->pairs[i].value.len > VALUE_MAX) {
			return kms_fail(call, KMS_FAULT_VALIDATION,
				"A pair of a grant constraint has a key, and a value of at most "
				"%d characters.",
				VALUE_MAX);
		}
	}
	return RD_OK;
}

static void add_facts(struct grant_request *r)
{
	static const char *const no = "false";
	size_t n = 0;

	kms_fact_add(&r->question, "kms:GrantIsForAWSResource", &no, 1);
	kms_fact_add(&r->question, "kms:GranteePrincipal", &r->grantee, 1);
	if (r->retiring != NULL) {
		kms_fact_add(&r->question, "kms:RetiringPrincipal", &r->retiring, 1);
	}
	kms_fact_add(&r->question, "kms:GrantOperations", r->operations, r->n_operations);
	if (r->equals.json != NULL) {
		r->kinds[n++] = "EncryptionContextEquals";
	}
	if (r->subset.json != NULL) {
		r->kinds[n++] = "EncryptionContextSubset";
	}
	if (n > 0) {
		kms_fact_add(&r->question, "kms:GrantConstraintType", r->kinds, n);
	}
	/* What kms:EncryptionContext:… sees is what uses of the grant will have to have. */
	r->question.context = r->equals.json != NULL ? r->equals.json : r->subset.json;
	r->question.grants_apply = true;
}

static enum rd_grant_key grant_key_of(const struct kms_key *key)
{
	if (key->spec == KMS_SPEC_SYMMETRIC_DEFAULT) {
		return RD_GRANT_KEY_SYMMETRIC;
	}
	if (key->usage == KMS_SIGN_VERIFY) {
		return RD_GRANT_KEY_SIGNING;
	}
	if (key->usage == KMS_GENERATE_VERIFY_MAC) {
		return RD_GRANT_KEY_HMAC;
	}
	return key->usage == KMS_KEY_AGREEMENT ? RD_GRANT_KEY_AGREEMENT
					       : RD_GRANT_KEY_ASYMMETRIC_ENCRYPTION;
}

static enum rd_status check_for_key(struct grant_request *r, const struct kms_key *key)
{
	rd_grant_operations valid = rd_grant_operations_of(grant_key_of(key));

	if (r->n_operations == 0) {
		return kms_fail(
			r->call, KMS_FAULT_VALIDATION, "A grant needs at least one operation.");
	}
	for (size_t i = 0; i < r->n_operations; i++) {
		if ((rd_grant_operation(rd_view_str(r->operations[i])) & valid) == 0) {
			return kms_fail(r->call, KMS_FAULT_VALIDATION,
				"The operation %s is not valid for a key of spec %s and usage %s.",
				r->operations[i], kms_spec_name(key->spec),
				kms_usage_name(key->usage));
		}
	}
	if ((r->equals.json != NULL || r->subset.json != NULL) &&
		key->spec != KMS_SPEC_SYMMETRIC_DEFAULT) {
		return kms_fail(r->call, KMS_FAULT_VALIDATION,
			"Encryption context constraints are for symmetric keys only.");
	}
	return RD_OK;
}

/* What every grant that lets the caller do it is compared with. */
struct parents {
	struct grant_request *r;
	bool passes;
	unsigned seen;
	char last[KMS_GRANT_ID_SIZE];
};

static bool read_stored(const char *text, json_t **ret_json, struct rd_grant_pair *pairs,
	struct rd_grant_pairs *ret)
{
	const char *key;
	json_t *value;
	size_t n = 0;

	if (text == NULL) {
		return true;
	}
	*ret_json = json_loads(text, 0, NULL);
	json_object_foreach(*ret_json, key, value)
	{
		if (n == RD_GRANT_PAIRS_MAX || !json_is_string(value)) {
			return false;
		}
		pairs[n++] = (struct rd_grant_pair){
			.key = rd_view_str(key), .value = rd_view_str(json_string_value(value))};
	}
	*ret = (struct rd_grant_pairs){.v = pairs, .n = n};
	return *ret_json != NULL;
}

static bool passes_on(const struct kms_grant *record, const struct rd_grant *child)
{
	struct rd_grant_pair equals[RD_GRANT_PAIRS_MAX], subset[RD_GRANT_PAIRS_MAX];
	json_t *equals_json RD_CLEANUP(rd_json_in_free) = NULL;
	json_t *subset_json RD_CLEANUP(rd_json_in_free) = NULL;
	struct rd_grant parent = {.operations = record->operations,
		.has_equals = record->context_equals != NULL,
		.has_subset = record->context_subset != NULL};

	return (parent.operations & rd_grant_operation(rd_view_str("CreateGrant"))) != 0 &&
	       read_stored(record->context_equals, &equals_json, equals, &parent.equals) &&
	       read_stored(record->context_subset, &subset_json, subset, &parent.subset) &&
	       rd_grant_check_child(&parent, child) == RD_OK;
}

static enum rd_status on_parent(void *arg, struct kms_grant *record)
{
	struct parents *parents = arg;
	const struct grant_request *r = parents->r;
	const struct rd_grant child = {.operations = r->grant.operations,
		.has_equals = r->equals.json != NULL,
		.equals = {.v = r->equals.pairs, .n = r->equals.n},
		.has_subset = r->subset.json != NULL,
		.subset = {.v = r->subset.pairs, .n = r->subset.n}};

	parents->seen++;
	memcpy(parents->last, record->id, sizeof(parents->last));
	if (!parents->passes) {
		parents->passes = passes_on(record, &child);
	}
	return RD_OK;
}

static enum rd_status look_among(
	struct parents *parents, struct rd_db *db, const char *key_id, const char *grantee)
{
	const struct kms_grant_filter filter = {.key_id = key_id, .grantee = grantee};
	char after[KMS_GRANT_ID_SIZE];

	parents->last[0] = '\0';
	do {
		memcpy(after, parents->last, sizeof(after));
		parents->seen = 0;
		RD_TRY(kms_store_grants_list(db, &filter, after, GRANTS_MAX, on_parent, parents));
	} while (!parents->passes && parents->seen == GRANTS_MAX);
	return RD_OK;
}

/* A grant decided when no policy did; see authorize.h for how the decision is told. */
static bool by_grant(const struct kms_call *call)
{
	return strncmp(call->decision.by, "grant ", strlen("grant ")) == 0;
}

static enum rd_status check_parent(struct grant_request *r, const struct kms_cached_key *key)
{
	struct kms_call *call = r->call;
	const char *const names[] = {call->who.arn, call->who.role_arn, call->who.uid};
	struct parents parents = {.r = r};

	if (!by_grant(call)) {
		return RD_OK;
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(names) && !parents.passes; i++) {
		if (names[i][0] != '\0') {
			RD_TRY(kms_settle(
				call, look_among(&parents, call->db, key->record.id, names[i])));
		}
	}
	if (parents.passes) {
		return RD_OK;
	}
	call->decision.allowed = false;
	return kms_fail(call, KMS_FAULT_ACCESS_DENIED,
		"User: %s is not authorized to perform: kms:CreateGrant on resource: %s because "
		"the grant that allows it has fewer operations or stricter constraints",
		call->who.arn, key->arn);
}

static enum rd_status keep_constraint(const struct constraint *c, char **ret)
{
	if (c->json == NULL) {
		return RD_OK;
	}
	*ret = json_dumps(c->json, JSON_COMPACT | JSON_SORT_KEYS);
	return *ret == NULL ? RD_NOMEM : RD_OK;
}

static enum rd_status fill_grant(struct grant_request *r, const struct kms_cached_key *key)
{
	struct kms_grant *grant = &r->grant;
	uint8_t random[(KMS_GRANT_ID_SIZE - 1) / 2];

	RD_TRY(kms_grantee_resolve(r->call, r->grantee, grant->grantee));
	if (r->retiring != NULL) {
		RD_TRY(kms_grantee_resolve(r->call, r->retiring, grant->retiring));
	}
	RD_TRY(kms_settle(r->call, rd_random_bytes(random, sizeof(random))));
	rd_hex_string(rd_view(random, sizeof(random)), grant->id);
	(void)snprintf(grant->key_id, sizeof(grant->key_id), "%s", key->record.id);
	(void)snprintf(grant->account, sizeof(grant->account), "%s", key->record.account);
	(void)snprintf(grant->name, sizeof(grant->name), "%s", r->name == NULL ? "" : r->name);
	(void)snprintf(grant->issuer, sizeof(grant->issuer), "arn:%s:iam::%s:root",
		rd_aws_partition(rd_view_str(r->call->kms->config.region)), r->call->who.account);
	grant->created_ms = r->call->now_ms;
	RD_TRY(kms_settle(r->call, keep_constraint(&r->equals, &grant->context_equals)));
	return kms_settle(r->call, keep_constraint(&r->subset, &grant->context_subset));
}

static bool same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_grant(const struct kms_grant *a, const struct kms_grant *b)
{
	return a->operations == b->operations && strcmp(a->grantee, b->grantee) == 0 &&
	       strcmp(a->retiring, b->retiring) == 0 && strcmp(a->issuer, b->issuer) == 0 &&
	       same_text(a->context_equals, b->context_equals) &&
	       same_text(a->context_subset, b->context_subset);
}

struct namesakes {
	const struct kms_grant *wanted;
	char found[KMS_GRANT_ID_SIZE];
};

static enum rd_status on_namesake(void *arg, struct kms_grant *record)
{
	struct namesakes *namesakes = arg;

	if (namesakes->found[0] == '\0' && same_grant(record, namesakes->wanted)) {
		memcpy(namesakes->found, record->id, sizeof(namesakes->found));
	}
	return RD_OK;
}

/* A name makes the call idempotent: the same again is the grant that is there. */
static enum rd_status add_grant(struct rd_db *db, struct kms_edit *edit)
{
	struct kms_grant *grant = edit->arg;
	struct namesakes namesakes = {.wanted = grant};
	const struct kms_grant_filter filter = {.key_id = grant->key_id, .name = grant->name};
	enum rd_status st;

	if (grant->name[0] != '\0') {
		RD_TRY(kms_store_grants_list(
			db, &filter, "", KMS_GRANTS_PER_KEY, on_namesake, &namesakes));
	}
	if (namesakes.found[0] != '\0') {
		memcpy(grant->id, namesakes.found, sizeof(grant->id));
		return RD_OK;
	}
	st = kms_store_grant_add(db, grant);
	if (st == RD_LIMIT) {
		return kms_fail(edit->target->call, KMS_FAULT_LIMIT_EXCEEDED,
			"The key %s has as many grants as it may have.", edit->target->key->arn);
	}
	return st;
}

static enum rd_status check_semantics(struct grant_request *r)
{
	RD_TRY(check_constraint(r->call, &r->equals));
	return check_constraint(r->call, &r->subset);
}

enum rd_status kms_op_create_grant(struct kms_call *call)
{
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	struct grant_request r RD_CLEANUP(request_finish) = {.call = call};
	char token[KMS_GRANT_TOKEN_SIZE];
	struct kms_edit edit = {
		.target = &target, .states = KMS_IN_ENABLED, .fn = add_grant, .arg = &r.grant};

	RD_TRY(read_request(&r));
	RD_TRY(check_semantics(&r));
	add_facts(&r);
	RD_TRY(kms_target_open_any(call, r.key_id, KMS_KEY_BY_ID_OR_ARN, &r.question, &target));
	RD_TRY(check_parent(&r, target.key));
	RD_TRY(check_for_key(&r, &target.key->record));
	RD_TRY(kms_key_needs_state(call, target.key, edit.states));
	RD_TRY(fill_grant(&r, target.key));
	RD_TRY(kms_dry_run(call));
	RD_TRY(kms_edit_run(&edit));
	RD_TRY(kms_settle(
		call, kms_grant_token_make(call->kms->keyring, r.grant.key_id, r.grant.id, token)));
	return kms_answer(
		call, json_pack("{s:s, s:s}", "GrantToken", token, "GrantId", r.grant.id));
}
