/* SPDX-License-Identifier: Apache-2.0 */
/* EnableKey, DisableKey, ScheduleKeyDeletion, CancelKeyDeletion, and deletions that are due. */
#include "kms/ops.h"

#include "kms/due.h"
#include "kms/materials.h"
#include "kms/metadata.h"
#include "kms/target.h"

/* PendingWindowInDays. */
#define WINDOW_MIN     7
#define WINDOW_MAX     30
#define WINDOW_DEFAULT 30

#define IN_ANY_BUT_DELETION (KMS_IN_ENABLED | KMS_IN_DISABLED | KMS_IN_PENDING_IMPORT)

static enum rd_status become(struct rd_db *db, struct kms_edit *edit)
{
	const enum kms_state *state = edit->arg;

	if (edit->key.state == *state) {
		return RD_OK;
	}
	edit->key.state = *state;
	return kms_store_key_update(db, &edit->key);
}

static enum rd_status switch_key(struct kms_call *call, enum kms_state state)
{
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	struct kms_edit edit = {.target = &target,
		.states = KMS_IN_ENABLED | KMS_IN_DISABLED,
		.fn = become,
		.arg = &state};

	RD_TRY(kms_target_open_alone(call, &target));
	return kms_edit_run(&edit);
}

enum rd_status kms_op_enable_key(struct kms_call *call)
{
	return switch_key(call, KMS_STATE_ENABLED);
}

enum rd_status kms_op_disable_key(struct kms_call *call)
{
	return switch_key(call, KMS_STATE_DISABLED);
}

static enum rd_status schedule(struct rd_db *db, struct kms_edit *edit)
{
	const uint32_t *days = edit->arg;

	edit->key.state = KMS_STATE_PENDING_DELETION;
	edit->key.pending_days = *days;
	edit->key.deletion_ms = edit->target->call->now_ms + *days * KMS_DAY_MS;
	return kms_store_key_update(db, &edit->key);
}

enum rd_status kms_op_schedule_key_deletion(struct kms_call *call)
{
	static const struct kms_days_param window = {"PendingWindowInDays",
		"kms:ScheduleKeyDeletionPendingWindowInDays", WINDOW_MIN, WINDOW_MAX,
		WINDOW_DEFAULT};
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	uint32_t days;
	struct kms_edit edit = {
		.target = &target, .states = IN_ANY_BUT_DELETION, .fn = schedule, .arg = &days};

	RD_TRY(kms_target_open_days(call, &window, &target, &days));
	RD_TRY(kms_edit_run(&edit));
	return kms_answer(
		call, json_pack("{s:s, s:o, s:s, s:i}", "KeyId", target.key->arn, "DeletionDate",
			      kms_json_time(call->now_ms + days * KMS_DAY_MS), "KeyState",
			      kms_state_name(KMS_STATE_PENDING_DELETION), "PendingWindowInDays",
			      (int)days));
}

/* Never back to Enabled: who cancels has to say so. */
static enum rd_status cancel(struct rd_db *db, struct kms_edit *edit)
{
	struct kms_materials all RD_CLEANUP(kms_materials_finish) = {.list = NULL};

	RD_TRY(kms_materials_load(db, edit->key.id, &all));
	edit->key.state = kms_materials_lack(&all) ? KMS_STATE_PENDING_IMPORT : KMS_STATE_DISABLED;
	edit->key.pending_days = 0;
	edit->key.deletion_ms = 0;
	return kms_store_key_update(db, &edit->key);
}

enum rd_status kms_op_cancel_key_deletion(struct kms_call *call)
{
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	struct kms_edit edit = {.target = &target, .states = KMS_IN_PENDING_DELETION, .fn = cancel};

	RD_TRY(kms_target_open_alone(call, &target));
	RD_TRY(kms_edit_run(&edit));
	return kms_answer(call, json_pack("{s:s}", "KeyId", target.key->arn));
}

struct due_delete {
	const char *key_id;
	int64_t now_ms;
};

static enum rd_status delete_once(struct rd_db *db, void *arg)
{
	struct due_delete *due = arg;
	struct kms_key key RD_CLEANUP(kms_key_finish) = {.version = 0};

	RD_TRY(kms_store_key_find(db, due->key_id, &key)); /* or another server was first */
	if (key.state != KMS_STATE_PENDING_DELETION || key.deletion_ms > due->now_ms) {
		return KMS_DUE_NOT;
	}
	return kms_store_key_destroy(db, due->key_id);
}

enum rd_status kms_due_delete(
	struct kms *kms, struct rd_db *db, const char *key_id, int64_t now_ms, bool *ret_done)
{
	struct due_delete due = {.key_id = key_id, .now_ms = now_ms};

	RD_TRY(kms_due_settle(rd_db_transact(db, delete_once, &due), ret_done));
	kms_cache_drop(kms->cache, 'k', key_id);
	return RD_OK;
}
