/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EnableKeyRotation, DisableKeyRotation, GetKeyRotationStatus, RotateKeyOnDemand, ListKeyRotations,
 * and rotations that are due. Source: the KMS reference, 2.8.
 *
 * A rotation is done when the call returns: there is none "in progress".
 */
#include "kms/ops.h"

#include "kms/due.h"
#include "kms/make_key.h"
#include "kms/marker.h"
#include "kms/materials.h"
#include "kms/metadata.h"
#include "kms/target.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PERIOD_MIN     90
#define PERIOD_MAX     2560
#define PERIOD_DEFAULT 365
#define PAGE_MAX       1000
#define PAGE           100

/* Only symmetric keys rotate; own_material: and of them only those whose material we make. */
static enum rd_status check_rotates(
	struct kms_call *call, const struct kms_cached_key *key, bool own_material)
{
	if (key->record.spec != KMS_SPEC_SYMMETRIC_DEFAULT) {
		return kms_fail_silently(call, KMS_FAULT_UNSUPPORTED);
	}
	if (own_material && key->record.origin == KMS_ORIGIN_EXTERNAL) {
		return kms_fail(call, KMS_FAULT_UNSUPPORTED,
			"%s origin is EXTERNAL which is not valid for this operation.", key->arn);
	}
	return RD_OK;
}

static enum rd_status set_period(struct rd_db *db, struct kms_edit *edit)
{
	const uint32_t *days = edit->arg;

	edit->key.rotation_days = *days;
	edit->key.next_rotation_ms = *days == 0 ? 0
						: edit->target->call->now_ms + *days * KMS_DAY_MS;
	return kms_store_key_update(db, &edit->key);
}

enum rd_status kms_op_enable_key_rotation(struct kms_call *call)
{
	static const struct kms_days_param period = {"RotationPeriodInDays",
		"kms:RotationPeriodInDays", PERIOD_MIN, PERIOD_MAX, PERIOD_DEFAULT};
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	uint32_t days;
	struct kms_edit edit = {
		.target = &target, .states = KMS_IN_ENABLED, .fn = set_period, .arg = &days};

	RD_TRY(kms_target_open_days(call, &period, &target, &days));
	RD_TRY(check_rotates(call, target.key, true));
	return kms_edit_run(&edit);
}

enum rd_status kms_op_disable_key_rotation(struct kms_call *call)
{
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	uint32_t never = 0;
	struct kms_edit edit = {
		.target = &target, .states = KMS_IN_ENABLED, .fn = set_period, .arg = &never};

	RD_TRY(kms_target_open_alone(call, &target));
	RD_TRY(check_rotates(call, target.key, true));
	return kms_edit_run(&edit);
}

enum rd_status kms_op_get_key_rotation_status(struct kms_call *call)
{
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	const struct kms_key *key;
	const char *key_id;
	struct kms_params p;

	kms_params_begin(&p, call);
	key_id = kms_param_key(&p, "KeyId", true);
	RD_TRY(kms_params_end(&p));
	RD_TRY(kms_target_open_any(call, key_id, KMS_KEY_BY_ID_OR_ARN, NULL, &target));
	RD_TRY(check_rotates(call, target.key, false));
	key = &target.key->record;
	if (key->rotation_days == 0 || key->state == KMS_STATE_PENDING_DELETION) {
		return kms_answer(
			call, json_pack("{s:s, s:b}", "KeyId", key->id, "KeyRotationEnabled", 0));
	}
	return kms_answer(
		call, json_pack("{s:s, s:b, s:i, s:o}", "KeyId", key->id, "KeyRotationEnabled", 1,
			      "RotationPeriodInDays", (int)key->rotation_days, "NextRotationDate",
			      kms_json_time(key->next_rotation_ms)));
}

/* New material of ours takes over. */
static enum rd_status rotate_to_new(struct kms_keyring *keyring, struct rd_db *db,
	const struct kms_key *key, enum kms_rotation_type how, int64_t now_ms)
{
	struct kms_materials all RD_CLEANUP(kms_materials_finish) = {.list = NULL};
	struct kms_material next RD_CLEANUP(kms_material_finish) = {.state = KMS_MATERIAL_CURRENT,
		.rotation = how,
		.created_ms = now_ms,
		.rotated_ms = now_ms};
	struct rd_secret secret RD_CLEANUP(rd_secret_finish) = {.ptr = NULL};
	struct kms_material *old;

	RD_TRY(kms_materials_load(db, key->id, &all));
	next.generation = kms_materials_next(&all);
	RD_TRY(kms_make_material(key->spec, &secret));
	RD_TRY(kms_material_seal(keyring, key, rd_secret_view(&secret), &next));
	old = kms_materials_in_state(&all, KMS_MATERIAL_CURRENT);
	if (old != NULL) {
		old->state = KMS_MATERIAL_NON_CURRENT;
		RD_TRY(kms_store_material_update(db, old));
	}
	return kms_store_material_add(db, &next);
}

/* Imported material that waits takes over. */
static enum rd_status rotate_to_pending(struct rd_db *db, struct kms_edit *edit)
{
	struct kms_materials all RD_CLEANUP(kms_materials_finish) = {.list = NULL};
	struct kms_call *call = edit->target->call;
	struct kms_material *next;

	RD_TRY(kms_materials_load(db, edit->key.id, &all));
	next = kms_materials_in_state(&all, KMS_MATERIAL_PENDING_ROTATION);
	if (next == NULL || !next->present) {
		return kms_fail(call, KMS_FAULT_INVALID_STATE,
			"No available key material pending rotation for the key: %s.",
			edit->target->key->arn);
	}
	edit->key.expires = next->expires;
	edit->key.valid_to_ms = next->valid_to_ms;
	return kms_materials_succeed(db, kms_materials_in_state(&all, KMS_MATERIAL_CURRENT), next,
		KMS_ROTATION_ON_DEMAND, call->now_ms);
}

static enum rd_status rotate_limit(struct kms_call *call, const char *arn)
{
	return kms_fail(call, KMS_FAULT_LIMIT_EXCEEDED,
		"The on-demand rotation limit has been reached for the key: %s", arn);
}

static enum rd_status rotate_now(struct rd_db *db, struct kms_edit *edit)
{
	struct kms_call *call = edit->target->call;
	enum rd_status st;

	if (edit->key.on_demand_rotations >= KMS_ROTATIONS_PER_KEY) {
		return rotate_limit(call, edit->target->key->arn);
	}
	if (edit->key.origin == KMS_ORIGIN_EXTERNAL) {
		RD_TRY(rotate_to_pending(db, edit));
	} else {
		st = rotate_to_new(
			call->kms->keyring, db, &edit->key, KMS_ROTATION_ON_DEMAND, call->now_ms);
		if (st == RD_LIMIT) {
			return rotate_limit(call, edit->target->key->arn);
		}
		RD_TRY(st);
	}
	edit->key.on_demand_rotations++;
	return kms_store_key_update(db, &edit->key);
}

enum rd_status kms_op_rotate_key_on_demand(struct kms_call *call)
{
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	struct kms_edit edit = {.target = &target, .states = KMS_IN_ENABLED, .fn = rotate_now};

	RD_TRY(kms_target_open_alone(call, &target));
	RD_TRY(check_rotates(call, target.key, false));
	RD_TRY(kms_edit_run(&edit));
	return kms_answer(call, json_pack("{s:s}", "KeyId", target.key->record.id));
}

/* Members of an EXTERNAL key's entry. */
static bool put_import(json_t *entry, const struct kms_material *m)
{
	bool ok = json_object_set_new(entry, "ImportState",
			  json_string(m->present ? "IMPORTED" : "PENDING_IMPORT")) == 0;

	if (m->description[0] != '\0') {
		ok = ok && json_object_set_new(entry, "KeyMaterialDescription",
				   json_string(m->description)) == 0;
	}
	ok = ok && json_object_set_new(entry, "ExpirationModel",
			   json_string(m->expires ? "KEY_MATERIAL_EXPIRES"
						  : "KEY_MATERIAL_DOES_NOT_EXPIRE")) == 0;
	if (m->expires) {
		ok = ok &&
		     json_object_set_new(entry, "ValidTo", kms_json_time(m->valid_to_ms)) == 0;
	}
	return ok;
}

static json_t *rotation_entry(const struct kms_key *key, const struct kms_material *m)
{
	static const char *const states[] = {[KMS_MATERIAL_CURRENT] = "CURRENT",
		[KMS_MATERIAL_NON_CURRENT] = "NON_CURRENT",
		[KMS_MATERIAL_PENDING_ROTATION] = "PENDING_ROTATION"};
	json_t *entry = json_pack("{s:s, s:s, s:s}", "KeyId", key->id, "KeyMaterialId", m->id,
		"KeyMaterialState", states[m->state]);
	bool ok = entry != NULL;

	if (ok && m->rotation != KMS_ROTATION_NONE) {
		ok = json_object_set_new(entry, "RotationDate", kms_json_time(m->rotated_ms)) ==
			     0 &&
		     json_object_set_new(entry, "RotationType",
			     json_string(m->rotation == KMS_ROTATION_AUTOMATIC ? "AUTOMATIC"
									       : "ON_DEMAND")) == 0;
	}
	if (ok && key->origin == KMS_ORIGIN_EXTERNAL) {
		ok = put_import(entry, m);
	}
	if (!ok) {
		json_decref(entry);
		return NULL;
	}
	return entry;
}

/* Generations as text, of one width: what markers hold compares as the numbers do. */
static enum rd_status list_rotations(
	struct kms_listing *listing, const struct kms_cached_key *key, bool all)
{
	char number[16], after[KMS_MARKER_LAST_SIZE];

	memcpy(after, listing->last, sizeof(after));
	for (size_t i = 0; i < key->n_materials; i++) {
		const struct kms_material *m = &key->materials[i].record;

		(void)snprintf(number, sizeof(number), "%010" PRIu32, m->generation);
		if ((!all && m->rotation == KMS_ROTATION_NONE) || strcmp(number, after) <= 0) {
			continue;
		}
		if (kms_listing_is_full(listing)) {
			break;
		}
		RD_TRY(kms_listing_add(listing, rotation_entry(&key->record, m), number));
	}
	return RD_OK;
}

enum rd_status kms_op_list_key_rotations(struct kms_call *call)
{
	static const char *const which[] = {"ROTATIONS_ONLY", "ALL_KEY_MATERIAL"};
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	struct kms_listing listing RD_CLEANUP(kms_listing_finish) = {.call = call};
	const char *key_id;
	struct kms_page page;
	struct kms_params p;
	bool all;

	kms_params_begin(&p, call);
	key_id = kms_param_key(&p, "KeyId", true);
	all = kms_param_enum(&p, "IncludeKeyMaterial", false, which, RD_ARRAY_LEN(which)) == 1;
	page = kms_param_page(&p, PAGE_MAX, PAGE);
	RD_TRY(kms_params_end(&p));
	RD_TRY(kms_target_open(call, key_id, NULL, &target));
	RD_TRY(check_rotates(call, target.key, false));
	RD_TRY(kms_listing_begin(call, target.key->record.id, page, &listing));
	return kms_listing_answer(&listing, list_rotations(&listing, target.key, all), "Rotations",
		target.key->record.id);
}

struct due_rotate {
	struct kms *kms;
	const char *key_id;
	int64_t now_ms;
};

static enum rd_status rotate_due(struct rd_db *db, void *arg)
{
	struct due_rotate *due = arg;
	struct kms_key key RD_CLEANUP(kms_key_finish) = {.version = 0};

	RD_TRY(kms_store_key_find(db, due->key_id, &key)); /* or it is deleted */
	if (key.state != KMS_STATE_ENABLED || key.rotation_days == 0 ||
		key.next_rotation_ms > due->now_ms) {
		return KMS_DUE_NOT;
	}
	RD_TRY(rotate_to_new(due->kms->keyring, db, &key, KMS_ROTATION_AUTOMATIC, due->now_ms));
	key.next_rotation_ms = due->now_ms + key.rotation_days * KMS_DAY_MS;
	return kms_store_key_update(db, &key);
}

enum rd_status kms_due_rotate(
	struct kms *kms, struct rd_db *db, const char *key_id, int64_t now_ms, bool *ret_done)
{
	struct due_rotate due = {.kms = kms, .key_id = key_id, .now_ms = now_ms};

	RD_TRY(kms_due_settle(rd_db_transact(db, rotate_due, &due), ret_done));
	kms_cache_drop(kms->cache, 'k', key_id);
	return RD_OK;
}
