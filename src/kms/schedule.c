/* SPDX-License-Identifier: Apache-2.0 */
/* What is due, one key and one transaction at a time, and its audit records. */
#include "kms/schedule.h"

#include "aws/arn.h"
#include "kms/cache.h"
#include "kms/call.h"
#include "kms/due.h"
#include "kms/own_call.h"
#include "kms/store.h"
#include "log/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ids read at a time. */
#define BATCH 64

struct batch {
	char ids[BATCH][KMS_KEY_ID_SIZE];
	size_t n;
};

/* One kind of work, and what the audit log calls it: the API has no such operations. */
struct kind {
	enum kms_due what;
	struct kms_op op;
	enum rd_status (*run)(struct kms *kms, struct rd_db *db, const char *key_id, int64_t now_ms,
		bool *ret_done);
};

static const struct kind kinds[KMS_SCHEDULE_KINDS] = {
	{KMS_DUE_DELETION, {.name = "DeleteKey"}, kms_due_delete},
	{KMS_DUE_ROTATION, {.name = "RotateKey"}, kms_due_rotate},
	{KMS_DUE_EXPIRY, {.name = "ExpireKeyMaterial"}, kms_due_expire},
};

/* --- the audit record --- */

static enum rd_status name_key(struct kms_call *call, const struct kms_key *key)
{
	struct rd_buf arn = rd_buf_fixed(call->key_arn, sizeof(call->key_arn) - 1);

	return rd_arn_put_key(rd_view_str(call->kms->config.region), rd_view_str(key->account),
		rd_view_str(key->id), &arn);
}

/* NULL: no memory, or no random bytes. */
static struct kms_own_call *make_call(
	struct kms *kms, const struct kind *kind, const struct kms_key *key, int64_t now_ms)
{
	struct kms_own_call *own = kms_own_call_new(kms, &kind->op, now_ms);

	RD_ENSURE(own != NULL, NULL);
	snprintf(own->call.who.account, sizeof(own->call.who.account), "%s", key->account);
	if (name_key(&own->call, key) != RD_OK) {
		kms_own_call_free(&own);
	}
	return own;
}

/* --- the work --- */

static enum rd_status keep_id(void *arg, const char *id)
{
	struct batch *batch = arg;

	RD_ENSURE(strlen(id) < KMS_KEY_ID_SIZE, RD_LIMIT);
	snprintf(batch->ids[batch->n++], KMS_KEY_ID_SIZE, "%s", id);
	return RD_OK;
}

/* The database: then there is no use in going on. Anything else is that key's matter. */
static bool concerns_all(enum rd_status st)
{
	enum rd_category category = rd_category(st);

	return category == RD_CAT_IO || category == RD_CAT_AGAIN || st == RD_CLOSED ||
	       st == RD_NOSPACE;
}

/* The key is read first: after its deletion there is nobody to tell whose it was. */
static enum rd_status run_one(struct kms *kms, struct rd_db *db, const struct kind *kind,
	const char *id, int64_t now_ms, bool *ret_done)
{
	struct kms_key key RD_CLEANUP(kms_key_finish) = {0};
	struct kms_own_call *own RD_CLEANUP(kms_own_call_free) = NULL;
	enum rd_status st = kms_store_key_find(db, id, &key);

	*ret_done = false;
	RD_ENSURE(st != RD_NOTFOUND, RD_OK); /* another server was first */
	RD_TRY(st);
	own = make_call(kms, kind, &key, now_ms);
	RD_ENSURE(own != NULL, RD_NOMEM);
	rd_db_before_commit(db, kms_own_call_keep, own);
	st = kind->run(kms, db, id, now_ms, ret_done);
	rd_db_before_commit(db, NULL, NULL);
	RD_TRY(st);
	RD_ENSURE(*ret_done, RD_OK);
	kms_cache_drop(kms->cache, 'k', id);
	st = kms_own_call_record(own);
	if (st != RD_OK) {
		rd_log(RD_LOG_ERROR, "key %s: %s is done and not recorded yet: %s", id,
			kind->op.name, rd_status_text(st));
	}
	return RD_OK;
}

/* A round of one kind. What it leaves stays at the head of the list, and is passed over. */
struct round {
	struct kms *kms;
	struct rd_db *db;
	const struct kind *kind;
	struct kms_backoff *backoff;
	int64_t now_ms;
	uint32_t left; /* of the keys so far: failed, had to wait, or were not due after all */
};

static enum rd_status try_one(struct round *r, const char *id)
{
	bool done = false;
	enum rd_status st;

	if (kms_backoff_holds(r->backoff, id, r->now_ms)) {
		r->left++;
		return RD_OK;
	}
	st = run_one(r->kms, r->db, r->kind, id, r->now_ms, &done);
	if (concerns_all(st)) {
		return st;
	}
	r->left += done ? 0 : 1;
	if (st == RD_OK) {
		kms_backoff_forget(r->backoff, id);
		return RD_OK;
	}
	if (kms_backoff_fail(r->backoff, id, r->now_ms)) {
		rd_log(RD_LOG_ERROR, "key %s: %s is due and fails, and is tried again: %s", id,
			r->kind->op.name, rd_status_text(st));
	}
	return RD_OK;
}

static enum rd_status run_kind(struct round *r)
{
	struct batch batch;

	do {
		batch.n = 0;
		RD_TRY(kms_store_keys_due(
			r->db, r->kind->what, r->now_ms, r->left, BATCH, keep_id, &batch));
		for (size_t i = 0; i < batch.n; i++) {
			RD_TRY(try_one(r, batch.ids[i]));
		}
	} while (batch.n > 0);
	return RD_OK;
}

enum rd_status kms_schedule_run(
	struct kms_schedule *schedule, struct kms *kms, struct rd_db *db, int64_t now_ms)
{
	RD_ENSURE(kms_audit_healthy(kms->audit), RD_OK); /* unrecorded, nothing happens */
	for (size_t i = 0; i < RD_ARRAY_LEN(kinds); i++) {
		struct round r = {.kms = kms,
			.db = db,
			.kind = &kinds[i],
			.backoff = &schedule->backoff[i],
			.now_ms = now_ms};

		RD_TRY(run_kind(&r));
	}
	return RD_OK;
}
