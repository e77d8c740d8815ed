/* SPDX-License-Identifier: Apache-2.0 */
/* Records between the database and the audit log. */
#include "kms/journal.h"

#include "audit/directory.h"
#include "kms/record.h"
#include "log/log.h"
#include "os/fd.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Logged in one go. */
#define BATCH 16
/* Ids read at a time at the start. */
#define PAGE 1000
/* A segment is followed by another once it is larger than it may be; then a batch is over it. */
#define SEGMENT_READ_MAX (KMS_AUDIT_SEGMENT_MAX + RD_AUDIT_COMMIT_MAX)

/* Ids, side by side. */
struct ids {
	char (*at)[KMS_PENDING_ID_SIZE];
	size_t n, size;
};

struct kms_journal {
	pthread_mutex_t lock;
	struct kms_journal_entry *open;
	struct ids done; /* rows that the log has made superfluous */
};

static enum rd_status ids_add(struct ids *ids, const char *id)
{
	if (ids->n == ids->size) {
		size_t size = ids->size == 0 ? 64 : 2 * ids->size;
		void *grown = reallocarray(ids->at, size, sizeof(*ids->at));

		RD_ENSURE(grown != NULL, RD_NOMEM);
		ids->at = grown;
		ids->size = size;
	}
	(void)snprintf(ids->at[ids->n++], sizeof(*ids->at), "%s", id);
	return RD_OK;
}

static void ids_finish(struct ids *ids)
{
	free(ids->at);
	*ids = (struct ids){.n = 0};
}

enum rd_status kms_journal_new(struct kms_journal **ret)
{
	struct kms_journal *journal = calloc(1, sizeof(*journal));

	RD_ENSURE(journal != NULL, RD_NOMEM);
	(void)pthread_mutex_init(&journal->lock, NULL);
	*ret = journal;
	return RD_OK;
}

void kms_journal_free(struct kms_journal **ptr)
{
	struct kms_journal *journal = rd_steal(ptr, NULL);

	if (journal != NULL) {
		ids_finish(&journal->done);
		(void)pthread_mutex_destroy(&journal->lock);
		free(journal);
	}
}

/* --- a call --- */

static void link_entry(
	struct kms_journal *journal, struct kms_journal_entry *entry, const char *request_id)
{
	if (entry->at != NULL) {
		return; /* another try, or transaction, of the same call */
	}
	(void)snprintf(entry->request_id, sizeof(entry->request_id), "%s", request_id);
	(void)pthread_mutex_lock(&journal->lock);
	entry->next = journal->open;
	entry->at = &journal->open;
	if (entry->next != NULL) {
		entry->next->at = &entry->next;
	}
	journal->open = entry;
	(void)pthread_mutex_unlock(&journal->lock);
}

enum rd_status kms_journal_keep(struct kms_journal *journal, struct rd_db *db,
	const struct kms_call *call, struct kms_journal_entry *entry)
{
	struct rd_buf record RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_AUDIT_RECORD_MAX * 2);

	link_entry(journal, entry, call->request_id);
	RD_TRY(kms_record_pending(call, &record));
	return kms_store_pending_put(db, call->request_id, rd_buf_view(&record));
}

void kms_journal_end(struct kms_journal *journal, struct kms_journal_entry *entry, bool logged)
{
	if (entry->at == NULL) {
		return;
	}
	(void)pthread_mutex_lock(&journal->lock);
	*entry->at = entry->next;
	if (entry->next != NULL) {
		entry->next->at = entry->at;
	}
	/* Without memory the row stays, and is logged once more. */
	if (logged && ids_add(&journal->done, entry->request_id) != RD_OK) {
		rd_log(RD_LOG_WARNING, "%s: out of memory: recorded twice", entry->request_id);
	}
	(void)pthread_mutex_unlock(&journal->lock);
	entry->at = NULL;
}

static bool is_open(struct kms_journal *journal, const char *request_id)
{
	const struct kms_journal_entry *entry;

	(void)pthread_mutex_lock(&journal->lock);
	entry = journal->open;
	while (entry != NULL && strcmp(entry->request_id, request_id) != 0) {
		entry = entry->next;
	}
	(void)pthread_mutex_unlock(&journal->lock);
	return entry != NULL;
}

/* --- rows that are not needed any more --- */

static enum rd_status delete_all(struct rd_db *db, const struct ids *ids, size_t *ret_n)
{
	for (*ret_n = 0; *ret_n < ids->n;) {
		size_t left = ids->n - *ret_n;
		size_t n = left < RD_DB_COLUMNS_MAX ? left : RD_DB_COLUMNS_MAX;

		RD_TRY(kms_store_pending_delete(
			db, (const char(*)[KMS_PENDING_ID_SIZE])(ids->at + *ret_n), n));
		*ret_n += n;
	}
	return RD_OK;
}

/* What could not be deleted is taken up again. */
static enum rd_status delete_done(struct kms_journal *journal, struct rd_db *db)
{
	struct ids ids;
	enum rd_status st;
	size_t n;

	(void)pthread_mutex_lock(&journal->lock);
	ids = rd_steal(&journal->done, (struct ids){.n = 0});
	(void)pthread_mutex_unlock(&journal->lock);
	st = delete_all(db, &ids, &n);
	(void)pthread_mutex_lock(&journal->lock);
	while (n < ids.n && ids_add(&journal->done, ids.at[n]) == RD_OK) {
		n++;
	}
	(void)pthread_mutex_unlock(&journal->lock);
	ids_finish(&ids);
	return st;
}

/* --- rows that the log may lack --- */

struct due {
	char id[KMS_PENDING_ID_SIZE];
	struct rd_buf record;
	struct batch *batch;
	bool logged;
};

struct batch {
	struct due due[BATCH];
	size_t n;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t all;
	size_t waiting;
};

static void batch_finish(struct batch *batch)
{
	for (size_t i = 0; i < batch->n; i++) {
		rd_buf_finish(&batch->due[i].record);
	}
	batch->n = 0;
}

static enum rd_status keep_due(void *arg, const char *request_id, struct rd_view record)
{
	struct batch *batch = arg;
	struct due *due = &batch->due[batch->n];

	RD_ENSURE(batch->n < BATCH, RD_LIMIT);
	*due = (struct due){.batch = batch, .record = rd_buf_growable(RD_AUDIT_RECORD_MAX)};
	(void)snprintf(due->id, sizeof(due->id), "%s", request_id);
	batch->n++;
	return rd_buf_put_view(&due->record, record);
}

static void on_logged(void *arg, enum rd_status st, uint64_t index)
{
	struct due *due = arg;
	struct batch *batch = due->batch;

	(void)index;
	(void)pthread_mutex_lock(&batch->lock);
	due->logged = st == RD_OK;
	batch->waiting--;
	(void)pthread_cond_signal(&batch->all);
	(void)pthread_mutex_unlock(&batch->lock);
}

/* A row that is not this server's to log, or not any more, is left out. */
static enum rd_status append(struct kms *kms, struct rd_db *db, struct due *due, int64_t age_ms)
{
	enum rd_status st;

	if (is_open(kms->journal, due->id)) {
		return RD_OK;
	}
	st = kms_store_pending_claim(db, due->id, age_ms);
	RD_ENSURE(st != RD_NOTFOUND, RD_OK);
	RD_TRY(st);
	(void)pthread_mutex_lock(&due->batch->lock);
	due->batch->waiting++;
	(void)pthread_mutex_unlock(&due->batch->lock);
	st = kms_audit_append(kms->audit, rd_buf_view(&due->record), on_logged, due);
	if (st != RD_OK) {
		on_logged(due, st, 0);
	}
	return st;
}

static enum rd_status log_batch(
	struct kms *kms, struct rd_db *db, struct batch *batch, int64_t age_ms, struct ids *logged)
{
	enum rd_status st = kms_store_pending_due(db, age_ms, BATCH, keep_due, batch);

	for (size_t i = 0; st == RD_OK && i < batch->n; i++) {
		st = append(kms, db, &batch->due[i], age_ms);
	}
	(void)pthread_mutex_lock(&batch->lock);
	while (batch->waiting > 0) {
		(void)pthread_cond_wait(&batch->all, &batch->lock);
	}
	(void)pthread_mutex_unlock(&batch->lock);
	for (size_t i = 0; i < batch->n; i++) {
		if (batch->due[i].logged) {
			RD_TRY(ids_add(logged, batch->due[i].id));
		}
	}
	return st;
}

/* *ret_n: records that were written. */
static enum rd_status log_some(struct kms *kms, struct rd_db *db, int64_t age_ms, size_t *ret_n)
{
	struct batch batch = {.lock = PTHREAD_MUTEX_INITIALIZER, .all = PTHREAD_COND_INITIALIZER};
	struct ids logged = {.n = 0};
	enum rd_status st = log_batch(kms, db, &batch, age_ms, &logged);
	size_t deleted;

	*ret_n = logged.n;
	if (logged.n > 0) {
		enum rd_status deleting = delete_all(db, &logged, &deleted);

		st = st == RD_OK ? deleting : st;
	}
	ids_finish(&logged);
	batch_finish(&batch);
	return st;
}

static enum rd_status log_due(struct kms *kms, struct rd_db *db, int64_t age_ms)
{
	enum rd_status st = RD_OK;
	size_t total = 0;
	size_t n = 1;

	while (st == RD_OK && n > 0 && kms_audit_healthy(kms->audit)) {
		st = log_some(kms, db, age_ms, &n);
		total += n;
	}
	if (total > 0) {
		rd_log(RD_LOG_WARNING,
			"%zu changes, of commands or of a server that ended, were in the database "
			"and perhaps not in the audit log: they are now",
			total);
	}
	return st;
}

enum rd_status kms_journal_tend(struct kms *kms, struct rd_db *db)
{
	RD_TRY(delete_done(kms->journal, db));
	return log_due(kms, db, KMS_PENDING_MS);
}

/* --- the start: what this server's log has --- */

static enum rd_status keep_id(void *arg, const char *request_id)
{
	return ids_add(arg, request_id);
}

static enum rd_status read_ids(struct rd_db *db, struct ids *ret)
{
	size_t before;

	do {
		char after[KMS_PENDING_ID_SIZE] = "";

		before = ret->n;
		if (before > 0) {
			memcpy(after, ret->at[before - 1], sizeof(after));
		}
		RD_TRY(kms_store_pending_ids(db, after, PAGE, keep_id, ret));
	} while (ret->n == before + PAGE);
	return RD_OK;
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Quotes within a JSON text are escaped: this is the member and nothing that a caller has sent. */
#define MEMBER "\"requestID\":\""

static const char *find_id(const struct ids *ids, struct rd_view record)
{
	const uint8_t *at = memmem(record.ptr, record.len, MEMBER, sizeof(MEMBER) - 1);
	char id[KMS_PENDING_ID_SIZE];

	if (at == NULL ||
		(size_t)(record.ptr + record.len - at) < sizeof(MEMBER) - 1 + sizeof(id) - 1) {
		return NULL;
	}
	memcpy(id, at + sizeof(MEMBER) - 1, sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	return bsearch(id, ids->at, ids->n, sizeof(*ids->at), compare);
}

static enum rd_status search(const struct ids *ids, struct rd_view segment, struct ids *found)
{
	struct rd_cur c = rd_cur(segment);
	struct rd_merkle_range range;
	struct rd_audit_entry entry;

	RD_TRY(rd_audit_segment_next(&c, &range));
	while (c.left > 0) {
		const char *id;

		RD_TRY(rd_audit_entry_next(&c, &entry));
		id = entry.is_head ? NULL : find_id(ids, entry.bytes);
		if (id != NULL) {
			RD_TRY(ids_add(found, id));
		}
	}
	return RD_OK;
}

/* The last segment: what is older is recorded twice. */
static enum rd_status read_segment(const char *directory, struct rd_buf *out)
{
	RD_CLEANUP(rd_audit_list_finish) struct rd_audit_list list = {.n = 0};
	RD_CLEANUP(rd_fd_close)
	int dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	RD_CLEANUP(rd_fd_close) int fd = -1;
	struct rd_error err;

	RD_ENSURE(dir_fd >= 0, RD_IO);
	RD_TRY(rd_audit_list(dir_fd, &list, &err));
	RD_ENSURE(list.n > 0, RD_NOTFOUND);
	RD_TRY(rd_audit_open(dir_fd, list.v[list.n - 1], O_RDONLY, &fd, &err));
	return rd_fd_read_all(fd, out);
}

static enum rd_status delete_logged(struct kms *kms, struct rd_db *db, const struct ids *ids)
{
	struct rd_buf segment RD_CLEANUP(rd_buf_finish) = rd_buf_growable(SEGMENT_READ_MAX);
	struct ids found RD_CLEANUP(ids_finish) = {.n = 0};
	size_t n;

	RD_TRY(read_segment(kms->config.audit, &segment));
	RD_TRY(search(ids, rd_buf_view(&segment), &found));
	return delete_all(db, &found, &n);
}

enum rd_status kms_journal_start(struct kms *kms, struct rd_db *db, bool alone)
{
	struct ids ids RD_CLEANUP(ids_finish) = {.n = 0};

	RD_TRY(read_ids(db, &ids));
	if (ids.n > 0) {
		RD_TRY(delete_logged(kms, db, &ids));
	}
	return ids.n > 0 && alone ? log_due(kms, db, 0) : RD_OK;
}
