/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log's queue and its writer thread.
 *
 *	append, keep ──► queue ──► take a batch ──► documents ─► records, head ──► done(RD_OK)
 *	                   │            ▲ failed: done(status), and all that is queued ──┐
 *	                   ▼            │                                                ▼
 *	        refused while unhealthy └── opened anew, outage recorded ◄── now and then
 */
#include "kms/audit-internal.h"

#include "base/text.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A second of the busiest server; who waits behind more than that is better refused. */
#define QUEUE_BYTES_MAX (64u * 1024 * 1024)
/* Between two tries to recover: each reads a segment, so they become rarer. */
#define RETRY_MS_MIN 500
#define RETRY_MS_MAX 8000

struct item {
	struct item *next;
	kms_audit_done *done; /* NULL: a document, not a record */
	void *arg;
	char name[2 * RD_SHA256_SIZE + 1];
	size_t len;
	uint8_t bytes[];
};

struct kms_audit {
	struct kms_audit_file file; /* the writer's alone, once it runs */
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	struct item *head, **tail;
	size_t queued;
	bool due; /* somebody waits for what is queued: there is no more to come with it */
	bool stopping;
	_Atomic bool healthy;
	_Atomic uint64_t segment_max;
	_Atomic uint64_t refused; /* since the last failure */
	uint64_t failed_ms;
	enum rd_status failure;
	uint64_t retry_ms;
	void (*after)(void *ctx); /* some records are done with; may be NULL */
	void *after_ctx;
	struct rd_buf batch;  /* the writer's, kept for the next */
	struct item *orphans; /* documents of failed batches: a later record may name them */
};

static uint64_t clock_ms(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* A batch: what fits one write, from the front of the queue. Called with the lock held. */
static struct item *take_batch(struct kms_audit *a)
{
	struct item *first = a->head;
	struct item *last = first;
	size_t bytes = 0;

	for (struct item *i = first; i != NULL; i = i->next) {
		bytes += i->done != NULL ? sizeof(uint32_t) + i->len : 0;
		if (i != first && bytes > RD_AUDIT_BATCH_MAX) {
			break;
		}
		a->queued -= i->len;
		last = i;
	}
	if (first != NULL) {
		a->head = last->next;
		last->next = NULL;
		if (a->head == NULL) {
			a->tail = &a->head;
			a->due = false;
		}
	}
	return first;
}

static enum rd_status keep_documents(struct kms_audit *a, const struct item *batch)
{
	bool any = false;

	for (const struct item *i = batch; i != NULL; i = i->next) {
		bool fresh = false;

		if (i->done == NULL) {
			RD_TRY(kms_audit_file_keep(
				&a->file, i->name, rd_view(i->bytes, i->len), &fresh));
		}
		any = any || fresh;
	}
	return any ? kms_audit_file_sync_documents(&a->file) : RD_OK;
}

static enum rd_status commit(struct kms_audit *a, const struct item *batch)
{
	struct rd_merkle_range range = a->file.range;

	a->batch.used = 0;
	a->file.segment_max = a->segment_max;
	RD_TRY(keep_documents(a, batch));
	for (const struct item *i = batch; i != NULL; i = i->next) {
		if (i->done != NULL) {
			RD_TRY(kms_audit_file_add(&range, &a->batch, rd_view(i->bytes, i->len)));
		}
	}
	return a->batch.used > 0 ? kms_audit_file_commit(&a->file, &range, &a->batch) : RD_OK;
}

static void finish_batch(struct item *batch, enum rd_status st, uint64_t index)
{
	while (batch != NULL) {
		struct item *next = batch->next;

		if (batch->done != NULL) {
			batch->done(batch->arg, st, index++);
		}
		free(batch);
		batch = next;
	}
}

/* A failed batch: its records are refused. Its documents, which their callers took for queued, are
 * written at recovery, before any record that could name them. */
static void refuse_batch(struct kms_audit *a, struct item *batch, enum rd_status st)
{
	while (batch != NULL) {
		struct item *item = batch;

		batch = item->next;
		if (item->done == NULL) {
			item->next = a->orphans;
			a->orphans = item;
			continue;
		}
		a->refused++;
		item->done(item->arg, st, 0);
		free(item);
	}
}

/* One of our own records, made durable on its own. */
static enum rd_status commit_note(struct kms_audit *a, const char *name, const char *detail)
{
	struct rd_merkle_range range = a->file.range;
	char time_text[RD_TIME_TEXT_SIZE];
	char text[512];
	uint8_t bytes[sizeof(uint32_t) + sizeof(text) + RD_AUDIT_HEAD_ENTRY_SIZE];
	struct rd_buf batch = rd_buf_fixed(bytes, sizeof(bytes));

	rd_time_string(clock_ms(CLOCK_REALTIME), time_text);
	snprintf(text, sizeof(text),
		"{\"eventTime\":\"%s\",\"eventSource\":\"audit.redoubt\",\"eventName\":\"%s\","
		"\"eventType\":\"RedoubtAuditEvent\",\"additionalEventData\":{%s}}",
		time_text, name, detail);
	RD_TRY(kms_audit_file_add(&range, &batch, rd_view_str(text)));
	return kms_audit_file_commit(&a->file, &range, &batch);
}

static enum rd_status note_cut(struct kms_audit *a)
{
	char detail[64];

	if (a->file.cut == 0) {
		return RD_OK;
	}
	snprintf(detail, sizeof(detail), "\"bytes\":%llu", (unsigned long long)a->file.cut);
	a->file.cut = 0;
	return commit_note(a, "AuditLogTailCut", detail);
}

static enum rd_status note_recovery(struct kms_audit *a)
{
	char since[RD_TIME_TEXT_SIZE];
	char detail[192];

	rd_time_string(a->failed_ms, since);
	snprintf(detail, sizeof(detail),
		"\"failedSince\":\"%s\",\"failure\":\"%s\",\"recordsRefused\":%llu", since,
		rd_status_text(a->failure), (unsigned long long)a->refused);
	return commit_note(a, "AuditLogRecovered", detail);
}

/* Opens the files anew, for after a failed sync only the disk knows what it has. */
static void try_recover(struct kms_audit *a)
{
	enum rd_status st = kms_audit_file_load(&a->file, NULL);

	if (st == RD_OK) {
		st = keep_documents(a, a->orphans);
	}
	if (st == RD_OK) {
		finish_batch(a->orphans, RD_OK, 0);
		a->orphans = NULL;
		st = note_cut(a);
	}
	if (st == RD_OK) {
		st = note_recovery(a);
	}
	if (st == RD_OK) {
		a->refused = 0;
		a->healthy = true;
	} else if (a->retry_ms < RETRY_MS_MAX) {
		a->retry_ms *= 2;
	}
}

static void fail_all(struct kms_audit *a, struct item *batch, enum rd_status st)
{
	struct item *rest;

	a->failed_ms = clock_ms(CLOCK_REALTIME);
	a->failure = st;
	a->retry_ms = RETRY_MS_MIN;
	/* First this, so that nothing is queued behind what is refused below. */
	pthread_mutex_lock(&a->mutex);
	a->healthy = false;
	rest = a->head;
	a->head = NULL;
	a->tail = &a->head;
	a->due = false;
	a->queued = 0;
	pthread_mutex_unlock(&a->mutex);
	refuse_batch(a, batch, st);
	refuse_batch(a, rest, st);
}

/* Waits for work, or for the time to try again; false at the end. *ret_batch may be NULL. */
static bool wait_for_work(struct kms_audit *a, struct item **ret_batch)
{
	uint64_t until = clock_ms(CLOCK_MONOTONIC) + a->retry_ms;
	struct timespec ts = {
		.tv_sec = (time_t)(until / 1000), .tv_nsec = (long)(until % 1000) * 1000000};
	bool go_on;
	int timed_out = 0;

	pthread_mutex_lock(&a->mutex);
	while (!a->due && !a->stopping && timed_out == 0) {
		timed_out = a->healthy ? pthread_cond_wait(&a->wake, &a->mutex)
				       : pthread_cond_timedwait(&a->wake, &a->mutex, &ts);
	}
	*ret_batch = take_batch(a);
	go_on = *ret_batch != NULL || !a->stopping;
	pthread_mutex_unlock(&a->mutex);
	return go_on;
}

static void tell_after(const struct kms_audit *a)
{
	if (a->after != NULL) {
		a->after(a->after_ctx);
	}
}

static void *write_all(void *arg)
{
	struct kms_audit *a = arg;
	struct item *batch;

	while (wait_for_work(a, &batch)) {
		uint64_t index = a->file.range.size;
		enum rd_status st;

		if (!a->healthy) {
			try_recover(a);
			continue;
		}
		st = commit(a, batch);
		if (st == RD_OK) {
			finish_batch(batch, RD_OK, index);
		} else {
			fail_all(a, batch, rd_category(st) == RD_CAT_LIMIT ? RD_NOSPACE : RD_IO);
		}
		tell_after(a);
	}
	return NULL;
}

/* No signal handler runs on the writer's thread, and SIGXFSZ becomes EFBIG. */
static int start_thread(struct kms_audit *a)
{
	sigset_t all;
	sigset_t before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&a->thread, NULL, write_all, a);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

static enum rd_status start(struct kms_audit *a, struct rd_error *err)
{
	pthread_condattr_t attr;
	int rc;

	pthread_mutex_init(&a->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&a->wake, &attr);
	pthread_condattr_destroy(&attr);
	rc = start_thread(a);
	if (rc != 0) {
		pthread_cond_destroy(&a->wake);
		pthread_mutex_destroy(&a->mutex);
		return rd_fail_errno(err, rc, "the audit log's thread cannot be started");
	}
	return RD_OK;
}

enum rd_status kms_audit_open(
	const char *dir, const struct rd_ec_key *key, struct kms_audit **ret, struct rd_error *err)
{
	struct kms_audit *a = calloc(1, sizeof(*a));
	enum rd_status st;

	if (a == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	a->tail = &a->head;
	a->healthy = true;
	a->segment_max = KMS_AUDIT_SEGMENT_MAX;
	a->batch = rd_buf_growable(RD_AUDIT_COMMIT_MAX);
	st = kms_audit_file_open(&a->file, dir, key, err);
	if (st == RD_OK) {
		st = kms_audit_file_load(&a->file, err);
	}
	if (st == RD_OK) {
		st = note_cut(a);
		if (st != RD_OK) {
			(void)rd_fail(
				err, st, "%s: cannot be written: %s", dir, rd_status_text(st));
		}
	}
	if (st == RD_OK) {
		st = start(a, err);
	}
	if (st != RD_OK) {
		kms_audit_file_close(&a->file);
		free(a);
		return st;
	}
	*ret = a;
	return RD_OK;
}

void kms_audit_close(struct kms_audit **audit)
{
	struct kms_audit *a = rd_steal(audit, NULL);

	if (a == NULL) {
		return;
	}
	pthread_mutex_lock(&a->mutex);
	a->stopping = true;
	pthread_cond_signal(&a->wake);
	pthread_mutex_unlock(&a->mutex);
	pthread_join(a->thread, NULL);
	pthread_cond_destroy(&a->wake);
	pthread_mutex_destroy(&a->mutex);
	finish_batch(a->orphans, RD_IO, 0);
	rd_buf_finish(&a->batch);
	kms_audit_file_close(&a->file);
	free(a);
}

void kms_audit_limit_segments(struct kms_audit *audit, uint64_t max)
{
	audit->segment_max = max != 0 ? max : KMS_AUDIT_SEGMENT_MAX;
}

static enum rd_status enqueue(struct kms_audit *a, struct item *item, bool wakes)
{
	enum rd_status st = RD_OK;

	pthread_mutex_lock(&a->mutex);
	if (!a->healthy) {
		st = RD_IO;
	} else if (a->queued + item->len > QUEUE_BYTES_MAX) {
		st = RD_LIMIT;
	} else {
		a->queued += item->len;
		*a->tail = item;
		a->tail = &item->next;
		if (wakes) {
			a->due = true;
			pthread_cond_signal(&a->wake);
		}
	}
	pthread_mutex_unlock(&a->mutex);
	if (st != RD_OK) {
		a->refused += item->done != NULL;
		free(item);
	}
	return st;
}

static struct item *new_item(struct rd_view bytes)
{
	struct item *item = malloc(sizeof(*item) + bytes.len);

	if (item != NULL) {
		*item = (struct item){.len = bytes.len};
		memcpy(item->bytes, bytes.ptr, bytes.len);
	}
	return item;
}

static enum rd_status append(
	struct kms_audit *audit, struct rd_view record, kms_audit_done *done, void *arg, bool wakes)
{
	struct item *item;

	RD_ENSURE(record.len > 0 && done != NULL, RD_USAGE);
	RD_ENSURE(record.len <= RD_AUDIT_RECORD_MAX, RD_LIMIT);
	item = new_item(record);
	RD_ENSURE(item != NULL, RD_NOMEM);
	item->done = done;
	item->arg = arg;
	return enqueue(audit, item, wakes);
}

enum rd_status kms_audit_append(
	struct kms_audit *audit, struct rd_view record, kms_audit_done *done, void *arg)
{
	return append(audit, record, done, arg, true);
}

enum rd_status kms_audit_append_later(
	struct kms_audit *audit, struct rd_view record, kms_audit_done *done, void *arg)
{
	return append(audit, record, done, arg, false);
}

void kms_audit_wake(struct kms_audit *audit)
{
	pthread_mutex_lock(&audit->mutex);
	if (audit->head != NULL) {
		audit->due = true;
		pthread_cond_signal(&audit->wake);
	}
	pthread_mutex_unlock(&audit->mutex);
}

void kms_audit_after_batch(struct kms_audit *audit, void (*after)(void *ctx), void *ctx)
{
	audit->after = after;
	audit->after_ctx = ctx;
}

enum rd_status kms_audit_keep_document(
	struct kms_audit *audit, struct rd_view document, char ret_hex[65])
{
	uint8_t digest[RD_SHA256_SIZE];
	struct item *item;

	RD_ENSURE(document.len > 0, RD_USAGE);
	RD_ENSURE(document.len <= RD_AUDIT_DOCUMENT_MAX, RD_LIMIT);
	RD_TRY(rd_digest_once(RD_SHA256, document, digest));
	item = new_item(document);
	RD_ENSURE(item != NULL, RD_NOMEM);
	rd_hex_string(rd_view(digest, sizeof(digest)), item->name);
	memcpy(ret_hex, item->name, sizeof(item->name));
	/* Nobody waits for it: it goes with the record that names it. */
	return enqueue(audit, item, false);
}

bool kms_audit_healthy(const struct kms_audit *audit)
{
	return audit->healthy;
}
