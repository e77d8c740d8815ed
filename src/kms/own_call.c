/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the server's own. */
#include "kms/own_call.h"

#include "kms/audit.h"
#include "kms/fresh.h"
#include "kms/record.h"
#include "kms/store.h"

#include <stdio.h>
#include <stdlib.h>

/* Of a call whose parameters are few and short. */
#define RECORD_MAX 65536

struct kms_own_call *kms_own_call_new(struct kms *kms, const struct kms_op *op, int64_t now_ms)
{
	struct kms_own_call *own = calloc(1, sizeof(*own));
	struct kms_call *call;

	RD_ENSURE(own != NULL, NULL);
	call = &own->call;
	call->kms = kms;
	call->op = op;
	call->now_ms = now_ms;
	snprintf(call->who.arn, sizeof(call->who.arn), "%s", "redoubt-kms");
	if (kms_request_id(NULL, call->request_id) != RD_OK) {
		free(own);
		return NULL;
	}
	pthread_mutex_init(&own->lock, NULL);
	pthread_cond_init(&own->done, NULL);
	return own;
}

void kms_own_call_free(struct kms_own_call **ptr)
{
	struct kms_own_call *own = rd_steal(ptr, NULL);

	if (own != NULL) {
		kms_journal_end(
			own->call.kms->journal, &own->entry, own->is_done && own->st == RD_OK);
		pthread_cond_destroy(&own->done);
		pthread_mutex_destroy(&own->lock);
		json_decref(own->call.facts);
		free(own);
	}
}

enum rd_status kms_own_call_keep(struct rd_db *db, void *arg)
{
	struct kms_own_call *own = arg;

	return kms_journal_keep(own->call.kms->journal, db, &own->call, &own->entry);
}

enum rd_status kms_own_call_leave(struct rd_db *db, void *arg)
{
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RECORD_MAX);
	const struct kms_own_call *own = arg;

	RD_TRY(kms_record(&own->call, &text));
	return kms_store_pending_put(db, own->call.request_id, rd_buf_view(&text));
}

static void on_recorded(void *arg, enum rd_status st, uint64_t index)
{
	struct kms_own_call *own = arg;

	(void)index;
	pthread_mutex_lock(&own->lock);
	own->is_done = true;
	own->st = st;
	pthread_cond_signal(&own->done);
	pthread_mutex_unlock(&own->lock);
}

enum rd_status kms_own_call_record(struct kms_own_call *own)
{
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RECORD_MAX);

	RD_TRY(kms_record(&own->call, &text));
	RD_TRY(kms_audit_append(own->call.kms->audit, rd_buf_view(&text), on_recorded, own));
	pthread_mutex_lock(&own->lock);
	while (!own->is_done) {
		pthread_cond_wait(&own->done, &own->lock);
	}
	pthread_mutex_unlock(&own->lock);
	return own->st;
}
