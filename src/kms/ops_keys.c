/* SPDX-License-Identifier: Apache-2.0 */
/* CreateKey, DescribeKey, ListKeys, UpdateKeyDescription, GetKeyLastUsage. */
#include "kms/ops.h"

#include "aws/key_ref.h"
#include "crypto/random.h"
#include "kms/last_use.h"
#include "kms/make_key.h"
#include "kms/marker.h"
#include "kms/metadata.h"
#include "kms/policies.h"
#include "kms/tags.h"
#include "kms/target.h"

#include <stdlib.h>
#include <string.h>

#define DESCRIPTION_MAX    8192
#define PAGE_MAX           1000
#define PAGE               100
#define DEFAULT_POLICY_MAX 1024

/* What clients know (2.14), ours first and in our order; the others are refused as unsupported. */
static const char *const spec_values[] = {
#define X(name) #name,
	KMS_SPEC_LIST(X)
#undef X
		"SM2",
	"ML_DSA_44", "ML_DSA_65", "ML_DSA_87", "ML_KEM_512", "ML_KEM_768", "ML_KEM_1024"};
static const char *const usage_values[] = {"ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC",
	"KEY_AGREEMENT", "ENCAPSULATE_DECAPSULATE"};
static const char *const origin_values[] = {
	"AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"};

struct create {
	struct kms_call *call;
	const char *policy; /* NULL: the default one */
	const char *description;
	int usage, spec, old_spec, origin; /* -1: absent */
	bool bypass, multi_region, in_store;
	struct kms_tags tags;
	struct kms_cached_key key; /* as it will be */
	struct kms_material material;
};

static void create_finish(struct create *c)
{
	kms_tags_finish(&c->tags);
	kms_key_finish(&c->key.record);
	kms_material_finish(&c->material);
}

static enum rd_status read_create(struct create *c, struct kms_params *p)
{
	static const struct rd_json_string_rule description = {.max = DESCRIPTION_MAX};
	static const struct rd_json_string_rule store = {.min = 1, .max = 128};

	c->policy = kms_param_policy(p, false);
	c->description = kms_param_string(p, "Description", &description);
	c->usage = kms_param_enum(p, "KeyUsage", false, usage_values, RD_ARRAY_LEN(usage_values));
	c->old_spec = kms_param_enum(
		p, "CustomerMasterKeySpec", false, spec_values, RD_ARRAY_LEN(spec_values));
	c->spec = kms_param_enum(p, "KeySpec", false, spec_values, RD_ARRAY_LEN(spec_values));
	c->origin = kms_param_enum(p, "Origin", false, origin_values, RD_ARRAY_LEN(origin_values));
	c->in_store = kms_param_string(p, "CustomKeyStoreId", &store) != NULL;
	c->in_store = kms_param_string(p, "XksKeyId", &store) != NULL || c->in_store;
	c->bypass = kms_param_bool(p, "BypassPolicyLockoutSafetyCheck");
	c->multi_region = kms_param_bool(p, "MultiRegion");
	kms_param_tags(p, false, &c->tags);
	return kms_params_end(p);
}

static enum rd_status check_supported(const struct create *c)
{
	const char *what = NULL;

	if (c->multi_region) {
		what = "Multi-Region keys are";
	} else if (c->in_store || c->origin >= KMS_ORIGIN_COUNT) {
		what = "Custom key stores are";
	} else if (c->spec >= KMS_SPEC_COUNT || c->usage >= KMS_USAGE_COUNT) {
		what = "This kind of key is";
	}
	if (what == NULL) {
		return RD_OK;
	}
	return kms_fail(c->call, KMS_FAULT_UNSUPPORTED, "%s not supported by this server.", what);
}

static enum rd_status choose_kind(struct create *c)
{
	struct kms_key *key = &c->key.record;

	if (c->spec >= 0 && c->old_spec >= 0 && c->spec != c->old_spec) {
		return kms_fail(c->call, KMS_FAULT_VALIDATION,
			"You cannot specify KeySpec and CustomerMasterKeySpec with different "
			"values.");
	}
	if (c->spec < 0) {
		c->spec = c->old_spec;
	}
	RD_TRY(check_supported(c));
	key->spec = c->spec < 0 ? KMS_SPEC_SYMMETRIC_DEFAULT : (enum kms_spec)c->spec;
	if (c->usage < 0 && key->spec != KMS_SPEC_SYMMETRIC_DEFAULT) {
		return kms_fail(c->call, KMS_FAULT_VALIDATION,
			"You must specify a KeyUsage value for all KMS keys except for symmetric "
			"encryption keys.");
	}
	key->usage = c->usage < 0 ? KMS_ENCRYPT_DECRYPT : (enum kms_usage)c->usage;
	if (!kms_spec_bears(key->spec, key->usage)) {
		return kms_fail(c->call, KMS_FAULT_VALIDATION,
			"KeyUsage %s is not compatible with KeySpec %s", kms_usage_name(key->usage),
			kms_spec_name(key->spec));
	}
	key->origin = c->origin < 0 ? KMS_ORIGIN_AWS_KMS : (enum kms_origin)c->origin;
	key->state = key->origin == KMS_ORIGIN_EXTERNAL ? KMS_STATE_PENDING_IMPORT
							: KMS_STATE_ENABLED;
	return RD_OK;
}

static enum rd_status name_key(struct create *c)
{
	struct kms_key *key = &c->key.record;
	struct rd_buf arn = rd_buf_fixed(c->key.arn, sizeof(c->key.arn));
	uint8_t random[16];

	RD_TRY(rd_random_bytes(random, sizeof(random)));
	rd_key_id_make(random, false, key->id);
	memcpy(key->account, c->call->who.account, sizeof(key->account));
	key->created_ms = c->call->now_ms;
	key->version = 1;
	RD_TRY(rd_arn_put_key(rd_view_str(c->call->kms->config.region), rd_view_str(key->account),
		rd_view_str(key->id), &arn));
	return rd_buf_u8(&arn, 0);
}

static enum rd_status fill_texts(struct create *c)
{
	struct kms_key *key = &c->key.record;
	char storage[DEFAULT_POLICY_MAX];
	struct rd_buf policy = rd_buf_fixed(storage, sizeof(storage));

	RD_TRY(rd_policy_put_default(rd_view_str(key->account), &policy));
	RD_TRY(rd_buf_u8(&policy, 0));
	key->policy = strdup(c->policy == NULL ? storage : c->policy);
	key->description = strdup(c->description == NULL ? "" : c->description);
	RD_ENSURE(key->policy != NULL && key->description != NULL, RD_NOMEM);
	return RD_OK;
}

static enum rd_status may_create(struct create *c)
{
	struct kms_question question = {.action = NULL};
	const struct kms_key *key = &c->key.record;
	const char *spec = kms_spec_name(key->spec);
	const char *usage = kms_usage_name(key->usage);
	const char *origin = kms_origin_name(key->origin);
	const char *bypass = c->bypass ? "true" : "false";
	const char *multi = "false";

	kms_fact_add(&question, "kms:KeySpec", &spec, 1);
	kms_fact_add(&question, "kms:CustomerMasterKeySpec", &spec, 1);
	kms_fact_add(&question, "kms:KeyUsage", &usage, 1);
	kms_fact_add(&question, "kms:CustomerMasterKeyUsage", &usage, 1);
	kms_fact_add(&question, "kms:KeyOrigin", &origin, 1);
	kms_fact_add(&question, "kms:MultiRegion", &multi, 1);
	kms_fact_add(&question, "kms:BypassPolicyLockoutSafetyCheck", &bypass, 1);
	RD_TRY(kms_settle(c->call, kms_tags_facts(&c->tags, &question)));
	RD_TRY(kms_may(c->call, NULL, "*", &question));
	if (c->tags.n == 0) {
		return RD_OK;
	}
	RD_TRY(kms_may_action(c->call, "kms:TagResource", NULL, c->key.arn, &question));
	return RD_OK;
}

static enum rd_status make_first(struct create *c)
{
	struct rd_secret secret RD_CLEANUP(rd_secret_finish) = {.ptr = NULL};

	if (c->key.record.origin == KMS_ORIGIN_EXTERNAL) {
		return RD_OK;
	}
	RD_TRY(kms_make_material(c->key.record.spec, &secret));
	c->material.generation = 1;
	c->material.state = KMS_MATERIAL_CURRENT;
	c->material.created_ms = c->call->now_ms;
	return kms_material_seal(
		c->call->kms->keyring, &c->key.record, rd_secret_view(&secret), &c->material);
}

static enum rd_status store_new(struct rd_db *db, void *arg)
{
	struct create *c = arg;

	RD_TRY(kms_store_key_add(db, &c->key.record));
	if (c->key.record.origin != KMS_ORIGIN_EXTERNAL) {
		RD_TRY(kms_store_material_add(db, &c->material));
	}
	for (size_t i = 0; i < c->tags.n; i++) {
		RD_TRY(kms_store_tag_put(db, c->key.record.id, &c->tags.list[i]));
	}
	return RD_OK;
}

static enum rd_status store_key(struct create *c)
{
	enum rd_status st = rd_db_transact(c->call->db, store_new, c);

	if (st == RD_LIMIT) {
		return kms_fail(c->call, KMS_FAULT_LIMIT_EXCEEDED,
			"The account has as many keys as it may have.");
	}
	return kms_settle(c->call, st);
}

static enum rd_status answer_metadata(
	struct kms_call *call, const struct kms_key *key, const char *arn, const char *material_id)
{
	json_t *metadata;

	RD_TRY(kms_settle(call,
		kms_json_metadata(key, arn,
			key->spec == KMS_SPEC_SYMMETRIC_DEFAULT ? material_id : NULL, &metadata)));
	return kms_answer(call, json_pack("{s:o}", "KeyMetadata", metadata));
}

enum rd_status kms_op_create_key(struct kms_call *call)
{
	struct create c RD_CLEANUP(create_finish) = {.call = call};
	struct kms_params p;
	enum rd_status st;

	kms_params_begin(&p, call);
	RD_TRY(read_create(&c, &p));
	RD_TRY(choose_kind(&c));
	RD_TRY(kms_tags_check(call, &c.tags));
	RD_TRY(kms_settle(call, name_key(&c)));
	RD_TRY(may_create(&c));
	if (c.policy != NULL) {
		RD_TRY(kms_policy_check(call, NULL, c.policy, c.bypass));
	}
	RD_TRY(kms_settle(call, fill_texts(&c)));
	RD_TRY(kms_settle(call, make_first(&c)));
	memcpy(call->key_arn, c.key.arn, sizeof(call->key_arn)); /* committed with its record */
	st = store_key(&c);
	if (st != RD_OK) {
		call->key_arn[0] = '\0';
		return st;
	}
	return answer_metadata(
		call, &c.key.record, c.key.arn, c.material.id[0] == '\0' ? NULL : c.material.id);
}

enum rd_status kms_op_describe_key(struct kms_call *call)
{
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	struct kms_question question = {.grants_apply = true};
	const struct kms_cached_material *current;
	const char *key_id;
	struct kms_params p;

	kms_params_begin(&p, call);
	key_id = kms_param_key(&p, "KeyId", true);
	question.grant_tokens = kms_param_grant_tokens(&p);
	RD_TRY(kms_params_end(&p));
	RD_TRY(kms_target_open_any(call, key_id, KMS_KEY_BY_ANYTHING, &question, &target));
	current = kms_key_current(target.key);
	return answer_metadata(call, &target.key->record, target.key->arn,
		current == NULL ? NULL : current->record.id);
}

static enum rd_status list_key(void *arg, const char *id)
{
	struct kms_listing *listing = arg;
	char storage[KMS_ARN_SIZE];
	struct rd_buf arn = rd_buf_fixed(storage, sizeof(storage));

	if (kms_listing_is_full(listing)) {
		return RD_OK;
	}
	RD_TRY(rd_arn_put_key(rd_view_str(listing->call->kms->config.region),
		rd_view_str(listing->call->who.account), rd_view_str(id), &arn));
	RD_TRY(rd_buf_u8(&arn, 0));
	return kms_listing_add(
		listing, json_pack("{s:s, s:s}", "KeyId", id, "KeyArn", storage), id);
}

enum rd_status kms_op_list_keys(struct kms_call *call)
{
	struct kms_listing listing RD_CLEANUP(kms_listing_finish) = {.call = call};
	struct kms_page page;
	struct kms_params p;
	char after[KMS_MARKER_LAST_SIZE];

	kms_params_begin(&p, call);
	page = kms_param_page(&p, PAGE_MAX, PAGE);
	RD_TRY(kms_params_end(&p));
	RD_TRY(kms_may(call, NULL, "*", NULL));
	RD_TRY(kms_listing_begin(call, "", page, &listing));
	memcpy(after, listing.last, sizeof(after));
	return kms_listing_answer(&listing,
		kms_store_keys_list(
			call->db, call->who.account, after, listing.limit + 1, list_key, &listing),
		"Keys", "");
}

static enum rd_status describe_as(struct rd_db *db, struct kms_edit *edit)
{
	free(edit->key.description);
	edit->key.description = strdup(edit->arg);
	RD_ENSURE(edit->key.description != NULL, RD_NOMEM);
	return kms_store_key_update(db, &edit->key);
}

enum rd_status kms_op_update_key_description(struct kms_call *call)
{
	static const struct rd_json_string_rule rule = {.required = true, .max = DESCRIPTION_MAX};
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	const char *key_id, *description;
	struct kms_params p;
	struct kms_edit edit = {.target = &target,
		.states = KMS_IN_ENABLED | KMS_IN_DISABLED | KMS_IN_PENDING_IMPORT,
		.fn = describe_as};

	kms_params_begin(&p, call);
	key_id = kms_param_key(&p, "KeyId", true);
	description = kms_param_string(&p, "Description", &rule);
	RD_TRY(kms_params_end(&p));
	RD_TRY(kms_target_open(call, key_id, NULL, &target));
	edit.arg = (void *)(uintptr_t)description;
	return kms_edit_run(&edit);
}

static json_t *usage_json(const struct kms_last_use *use)
{
	return json_pack("{s:s, s:o, s:s, s:s}", "Operation", use->operation, "Timestamp",
		kms_json_time(use->used_ms), "CloudTrailEventId", use->request_id, "KmsRequestId",
		use->request_id);
}

/* Empty for a key that was not used. */
enum rd_status kms_op_get_key_last_usage(struct kms_call *call)
{
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	const struct kms_key *key;
	struct kms_last_use use;
	int64_t since_ms;
	enum rd_status st;

	RD_TRY(kms_target_open_alone(call, &target));
	key = &target.key->record;
	RD_TRY(kms_settle(call, kms_store_last_use_since(call->db, &since_ms)));
	st = kms_last_use_find(call->kms->last_uses, call->db, key->id, &use);
	if (st != RD_NOTFOUND) {
		RD_TRY(kms_settle(call, st));
	}
	return kms_answer(call,
		json_pack("{s:s, s:o, s:o, s:o}", "KeyId", key->id, "KeyLastUsage",
			st == RD_OK ? usage_json(&use) : json_object(), "TrackingStartDate",
			kms_json_time(key->created_ms > since_ms ? key->created_ms : since_ms),
			"KeyCreationDate", kms_json_time(key->created_ms)));
}
