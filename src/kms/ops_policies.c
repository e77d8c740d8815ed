/* SPDX-License-Identifier: Apache-2.0 */
/* PutKeyPolicy, GetKeyPolicy, ListKeyPolicies. */
#include "kms/ops.h"

#include "kms/marker.h"
#include "kms/policies.h"
#include "kms/target.h"

#include <stdlib.h>
#include <string.h>

#define POLICY_NAME "default" /* a key has one */
#define TEXT_MAX    131072    /* of the model; the quota is lower */
#define PAGE_MAX    1000
#define PAGE        100

static bool is_policy_text(struct rd_view text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) {
			return false;
		}
	}
	return true;
}

const char *kms_param_policy(struct kms_params *p, bool required)
{
	const struct rd_json_string_rule rule = {.required = required,
		.sensitive = true, /* too long to be repeated */
		.min = 1,
		.max = TEXT_MAX,
		.pattern = "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+",
		.matches = is_policy_text};

	return kms_param_string(p, "Policy", &rule);
}

enum rd_status kms_policy_check(
	struct kms_call *call, const struct kms_cached_key *key, const char *policy, bool bypass)
{
	struct rd_policy *parsed = NULL;
	struct rd_error err = {.text = ""};
	bool safe = false;
	enum rd_status st;

	if (rd_policy_is_too_large(rd_view_str(policy))) {
		return kms_fail(call, KMS_FAULT_LIMIT_EXCEEDED,
			"The key policy is larger than %u bytes.", RD_POLICY_SIZE_MAX);
	}
	st = rd_policy_new(rd_view_str(policy), RD_POLICY_KEY, &parsed, &err);
	rd_policy_free(&parsed);
	if (st == RD_NOMEM) {
		return kms_settle(call, st);
	}
	if (st != RD_OK) {
		return kms_fail(call, KMS_FAULT_MALFORMED_POLICY, "%s", err.text);
	}
	if (bypass) {
		return RD_OK;
	}
	RD_TRY(kms_settle(call, kms_authorize_lockout(call, key, policy, &safe)));
	if (!safe) {
		return kms_fail(call, KMS_FAULT_MALFORMED_POLICY,
			"The new key policy will not allow you to update the key policy in the "
			"future.");
	}
	return RD_OK;
}

static const char *param_name(struct kms_params *p)
{
	static const struct rd_json_string_rule rule = {.min = 1,
		.max = 128,
		.pattern = KMS_PATTERN_POLICY_NAME,
		.matches = kms_matches_policy_name};
	const char *name = kms_param_string(p, "PolicyName", &rule);

	return name == NULL ? POLICY_NAME : name;
}

static enum rd_status check_name(struct kms_call *call, const char *name)
{
	if (strcmp(name, POLICY_NAME) != 0) {
		return kms_fail(call, KMS_FAULT_NOT_FOUND, "No such policy exists");
	}
	return RD_OK;
}

static enum rd_status put_policy(struct rd_db *db, struct kms_edit *edit)
{
	free(edit->key.policy);
	edit->key.policy = strdup(edit->arg);
	RD_ENSURE(edit->key.policy != NULL, RD_NOMEM);
	return kms_store_key_update(db, &edit->key);
}

enum rd_status kms_op_put_key_policy(struct kms_call *call)
{
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	struct kms_question question = {.action = NULL};
	const char *key_id, *name, *policy, *bypass;
	struct kms_params p;
	struct kms_edit edit = {.target = &target,
		.states = KMS_IN_ENABLED | KMS_IN_DISABLED | KMS_IN_PENDING_DELETION |
			  KMS_IN_PENDING_IMPORT,
		.fn = put_policy};

	kms_params_begin(&p, call);
	key_id = kms_param_key(&p, "KeyId", true);
	name = param_name(&p);
	policy = kms_param_policy(&p, true);
	bypass = kms_param_bool(&p, "BypassPolicyLockoutSafetyCheck") ? "true" : "false";
	RD_TRY(kms_params_end(&p));
	kms_fact_add(&question, "kms:BypassPolicyLockoutSafetyCheck", &bypass, 1);
	RD_TRY(kms_target_open(call, key_id, &question, &target));
	RD_TRY(check_name(call, name));
	RD_TRY(kms_policy_check(call, target.key, policy, strcmp(bypass, "true") == 0));
	edit.arg = (void *)(uintptr_t)policy;
	return kms_edit_run(&edit);
}

enum rd_status kms_op_get_key_policy(struct kms_call *call)
{
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	const char *key_id, *name;
	struct kms_params p;

	kms_params_begin(&p, call);
	key_id = kms_param_key(&p, "KeyId", true);
	name = param_name(&p);
	RD_TRY(kms_params_end(&p));
	RD_TRY(kms_target_open(call, key_id, NULL, &target));
	RD_TRY(check_name(call, name));
	return kms_answer(call, json_pack("{s:s, s:s}", "Policy", target.key->record.policy,
					"PolicyName", POLICY_NAME));
}

enum rd_status kms_op_list_key_policies(struct kms_call *call)
{
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	struct kms_listing listing RD_CLEANUP(kms_listing_finish) = {.call = call};
	const char *key_id;
	struct kms_page page;
	struct kms_params p;
	enum rd_status st = RD_OK;

	kms_params_begin(&p, call);
	key_id = kms_param_key(&p, "KeyId", true);
	page = kms_param_page(&p, PAGE_MAX, PAGE);
	RD_TRY(kms_params_end(&p));
	RD_TRY(kms_target_open(call, key_id, NULL, &target));
	RD_TRY(kms_listing_begin(call, target.key->record.id, page, &listing));
	if (strcmp(listing.last, POLICY_NAME) < 0) {
		st = kms_listing_add(&listing, json_string(POLICY_NAME), POLICY_NAME);
	}
	return kms_listing_answer(&listing, st, "PolicyNames", target.key->record.id);
}
