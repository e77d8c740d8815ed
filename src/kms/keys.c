/* SPDX-License-Identifier: Apache-2.0 */
/* From a KeyId parameter to a key: resolution, usage, state, dry run. */
#include "kms/keys.h"

#include "aws/key_ref.h"
#include "base/text.h"
#include "kms/params.h"
#include "kms/target.h"

#include <string.h>

/* Where a request's key is to be looked for. */
struct place {
	char account[KMS_ACCOUNT_SIZE];
	char name[KMS_ALIAS_SIZE]; /* key id or alias name */
	bool alias;
};

/* Operations whose model has no InvalidArnException answer NotFoundException (2.1). */
static bool has_invalid_arn(const char *operation)
{
	static const char *const without[] = {"CreateAlias", "Decrypt", "DeriveSharedSecret",
		"Encrypt", "GenerateDataKey", "GenerateDataKeyPair",
		"GenerateDataKeyPairWithoutPlaintext", "GenerateDataKeyWithoutPlaintext",
		"GenerateMac", "ReEncrypt", "Sign", "UpdateAlias", "Verify", "VerifyMac"};

	for (size_t i = 0; i < RD_ARRAY_LEN(without); i++) {
		if (strcmp(operation, without[i]) == 0) {
			return false;
		}
	}
	return true;
}

static bool copy(struct rd_view from, char *ret, size_t size)
{
	if (from.len >= size) {
		return false;
	}
	memcpy(ret, from.ptr, from.len);
	ret[from.len] = '\0';
	return true;
}

static enum rd_status put_arn(
	struct kms_call *call, const struct place *place, char ret_arn[KMS_ARN_SIZE])
{
	struct rd_buf arn = rd_buf_fixed(ret_arn, KMS_ARN_SIZE);
	struct rd_view region = rd_view_str(call->kms->config.region);
	struct rd_view account = rd_view_str(place->account);
	struct rd_view name = rd_view_str(place->name);

	if (place->alias) {
		RD_TRY(rd_arn_put_alias(region, account, name, &arn));
	} else {
		RD_TRY(rd_arn_put_key(region, account, name, &arn));
	}
	return rd_buf_u8(&arn, 0);
}

static enum rd_status invalid_id(struct kms_call *call, const char *key_id)
{
	return kms_fail(call, KMS_FAULT_NOT_FOUND, "Invalid keyId '%s'", key_id);
}

static enum rd_status check_region(struct kms_call *call, const struct rd_arn *arn)
{
	struct rd_view region = rd_view_str(call->kms->config.region);

	if (!rd_view_equal(arn->region, region) ||
		!rd_view_equal(arn->partition, rd_view_str(rd_aws_partition(region)))) {
		return kms_fail(call, KMS_FAULT_NOT_FOUND, "Invalid arn %.*s", (int)arn->region.len,
			(const char *)arn->region.ptr);
	}
	return RD_OK;
}

static enum rd_status place_of(
	struct kms_call *call, const char *key_id, enum kms_key_forms forms, struct place *ret)
{
	struct rd_view account = rd_view_str(call->who.account);
	struct rd_key_ref ref;
	enum rd_status st = rd_key_ref_parse(rd_view_str(key_id), &ref);

	if (st == RD_MALFORMED) {
		return kms_fail(call,
			has_invalid_arn(call->op->name) ? KMS_FAULT_INVALID_ARN
							: KMS_FAULT_NOT_FOUND,
			"Invalid arn %s", key_id);
	}
	if (st != RD_OK) {
		return invalid_id(call, key_id);
	}
	ret->alias = ref.kind == RD_KEY_REF_ALIAS || ref.kind == RD_KEY_REF_ALIAS_ARN;
	if (ret->alias && forms == KMS_KEY_BY_ID_OR_ARN) {
		return invalid_id(call, key_id);
	}
	if (ref.kind == RD_KEY_REF_ARN || ref.kind == RD_KEY_REF_ALIAS_ARN) {
		RD_TRY(check_region(call, &ref.arn));
		account = ref.arn.account;
	}
	if (!copy(account, ret->account, sizeof(ret->account)) ||
		!copy(ref.name, ret->name, sizeof(ret->name))) {
		return invalid_id(call, key_id);
	}
	return RD_OK;
}

/* Whether a key or alias of another account exists is not for strangers. */
static enum rd_status not_there(struct kms_call *call, const struct place *place)
{
	char arn[KMS_ARN_SIZE];

	RD_TRY(kms_settle(call, put_arn(call, place, arn)));
	if (strcmp(place->account, call->who.account) != 0) {
		return kms_deny_foreign(call, arn);
	}
	if (place->alias) {
		return kms_fail(call, KMS_FAULT_NOT_FOUND, "Alias %s is not found.", arn);
	}
	return kms_fail(call, KMS_FAULT_NOT_FOUND, "Key '%s' does not exist", arn);
}

static enum rd_status look_up(
	struct kms_call *call, const struct place *place, const struct kms_cached_key **ret)
{
	struct kms_cache *cache = call->kms->cache;
	const struct kms_cached_key *key;
	char id[KMS_KEY_ID_SIZE];

	if (place->alias) {
		RD_TRY(kms_cache_alias(cache, call->db, place->account, place->name, id));
	} else if (!copy(rd_view_str(place->name), id, sizeof(id))) {
		return RD_NOTFOUND;
	}
	RD_TRY(kms_cache_key(cache, call->db, id, &key));
	if (strcmp(key->record.account, place->account) != 0) {
		kms_cache_put(cache, key);
		return RD_NOTFOUND;
	}
	*ret = key;
	return RD_OK;
}

enum rd_status kms_key_resolve(struct kms_call *call, const char *key_id, enum kms_key_forms forms,
	const struct kms_cached_key **ret, char ret_alias[KMS_ALIAS_SIZE])
{
	struct place place = {.alias = false};
	enum rd_status st;

	RD_TRY(place_of(call, key_id, forms, &place));
	st = look_up(call, &place, ret);
	if (st == RD_NOTFOUND) {
		return not_there(call, &place);
	}
	RD_TRY(kms_settle(call, st));
	rd_text_copy(ret_alias, KMS_ALIAS_SIZE, place.alias ? place.name : "");
	rd_text_copy(call->key_arn, sizeof(call->key_arn), (*ret)->arn);
	return RD_OK;
}

enum rd_status kms_key_needs_usage(
	struct kms_call *call, const struct kms_cached_key *key, enum kms_usage usage)
{
	if (key->record.usage == usage) {
		return RD_OK;
	}
	return kms_fail(call, KMS_FAULT_INVALID_KEY_USAGE,
		"%s key usage is %s which is not valid for %s.", key->arn,
		kms_usage_name(key->record.usage), call->op->name);
}

enum rd_status kms_state_check(
	struct kms_call *call, const char *arn, enum kms_state state, unsigned states)
{
	if ((states & (1u << state)) != 0) {
		return RD_OK;
	}
	if (states == KMS_IN_PENDING_DELETION) {
		return kms_fail(call, KMS_FAULT_INVALID_STATE, "%s is not pending deletion.", arn);
	}
	if (state == KMS_STATE_DISABLED) {
		return kms_fail(call, KMS_FAULT_DISABLED, "%s is disabled.", arn);
	}
	return kms_fail(call, KMS_FAULT_INVALID_STATE, "%s is pending %s.", arn,
		state == KMS_STATE_PENDING_IMPORT ? "import" : "deletion");
}

enum rd_status kms_key_needs_state(
	struct kms_call *call, const struct kms_cached_key *key, unsigned states)
{
	return kms_state_check(call, key->arn, key->record.state, states);
}

const struct kms_cached_material *kms_key_current(const struct kms_cached_key *key)
{
	for (size_t i = 0; i < key->n_materials; i++) {
		if (key->materials[i].record.state == KMS_MATERIAL_CURRENT) {
			return &key->materials[i];
		}
	}
	return NULL;
}

const struct kms_cached_material *kms_key_generation(
	const struct kms_cached_key *key, uint32_t generation)
{
	for (size_t i = 0; i < key->n_materials; i++) {
		if (key->materials[i].record.generation == generation) {
			return &key->materials[i];
		}
	}
	return NULL;
}

enum rd_status kms_dry_run(struct kms_call *call)
{
	if (!json_is_true(json_object_get(call->in, "DryRun"))) {
		return RD_OK;
	}
	return kms_fail(call, KMS_FAULT_DRY_RUN,
		"The request would have succeeded, but the DryRun option is set.");
}

void kms_key_used(struct kms_call *call, const struct kms_cached_key *key)
{
	assert(call->n_used < RD_ARRAY_LEN(call->used));
	memcpy(call->used[call->n_used++], key->record.id, sizeof(call->used[0]));
}
