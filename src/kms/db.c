/* SPDX-License-Identifier: Apache-2.0 */
/* The database, whichever it is. */
#include "kms/db.h"

#include "kms/db-internal.h"

#include <string.h>
#include <time.h>

/* Two servers that change the same row meet a few times at most, then one has won. */
#define TRIES_MAX   12
#define TRY_WAIT_MS 2
/* A caller waits no longer for tries that each wait for a connection. */
#define TRY_TOTAL_MS 5000

struct kms_db_value kms_db_text(const char *text)
{
	if (text == NULL) {
		return kms_db_null();
	}
	return (struct kms_db_value){.type = KMS_DB_TEXT, .bytes = rd_view_str(text)};
}

struct kms_db_value kms_db_blob(struct rd_view bytes)
{
	if (bytes.ptr == NULL) {
		return kms_db_null();
	}
	return (struct kms_db_value){.type = KMS_DB_BLOB, .bytes = bytes};
}

static enum rd_status open_as(
	const char *url, bool nonblocking, struct kms_db **ret, struct rd_error *err)
{
	static const struct kms_db_ops *const kinds[] = {&kms_db_sqlite, &kms_db_postgres};

	for (size_t i = 0; i < RD_ARRAY_LEN(kinds); i++) {
		if (strncmp(url, kinds[i]->scheme, strlen(kinds[i]->scheme)) == 0) {
			RD_TRY(kinds[i]->open(url, nonblocking, ret, err));
			(*ret)->nonblocking = nonblocking;
			return RD_OK;
		}
	}
	/* Not repeated: it may hold a password. */
	return rd_fail(
		err, RD_USAGE, "the database's URL is neither sqlite:FILE nor postgresql://…");
}

enum rd_status kms_db_open(const char *url, const struct kms_db_schema *schema, struct kms_db **ret,
	struct rd_error *err)
{
	struct kms_db *db RD_CLEANUP(kms_db_close) = NULL;

	RD_TRY(open_as(url, false, &db, err));
	RD_TRY(kms_db_upgrade(db, schema, err));
	*ret = rd_steal(&db, NULL);
	return RD_OK;
}

enum rd_status kms_db_open_nonblocking(const char *url, struct kms_db **ret, struct rd_error *err)
{
	return open_as(url, true, ret, err);
}

void kms_db_close(struct kms_db **db)
{
	if (*db != NULL) {
		(*db)->ops->close(*db);
		*db = NULL;
	}
}

enum rd_status kms_db_begin(struct kms_db *db)
{
	return db->ops->begin(db, false);
}

enum rd_status kms_db_commit(struct kms_db *db)
{
	return db->ops->commit(db);
}

void kms_db_rollback(struct kms_db *db)
{
	db->ops->rollback(db);
}

static void pause_before(int try)
{
	const long ms = (long)TRY_WAIT_MS << (try < 8 ? try : 8);
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	(void)nanosleep(&ts, NULL);
}

int64_t kms_db_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void kms_db_limit(struct kms_db *db, unsigned ms)
{
	db->deadline_ms = ms == 0 ? 0 : kms_db_now_ms() + ms;
}

bool kms_db_would_block(struct kms_db *db)
{
	return rd_steal(&db->would_block, false);
}

enum rd_status kms_db_may_wait(struct kms_db *db)
{
	RD_ENSURE(db->nonblocking, RD_OK);
	db->would_block = true;
	return RD_AGAIN;
}

static enum rd_status transact_once(
	struct kms_db *db, kms_db_work *fn, void *arg, bool *ret_committing)
{
	enum rd_status st;

	*ret_committing = false;
	RD_TRY(kms_db_begin(db));
	st = fn(db, arg);
	if (st == RD_OK && db->before_commit != NULL) {
		st = db->before_commit(db, db->before_commit_arg);
	}
	if (st == RD_OK) {
		*ret_committing = true;
		return kms_db_commit(db);
	}
	kms_db_rollback(db);
	return st;
}

void kms_db_before_commit(struct kms_db *db, kms_db_work *fn, void *arg)
{
	db->before_commit = fn;
	db->before_commit_arg = arg;
}

/* Another try may go better: not when nobody knows how COMMIT ended, and not for ever. */
static bool again(const struct kms_db *db, enum rd_status st, bool committing, int64_t deadline)
{
	if (st == RD_CLOSED && committing) {
		return false;
	}
	return (st == RD_AGAIN || st == RD_CLOSED) && !db->would_block &&
	       kms_db_now_ms() < deadline;
}

enum rd_status kms_db_transact(struct kms_db *db, kms_db_work *fn, void *arg)
{
	int64_t deadline = kms_db_now_ms() + TRY_TOTAL_MS;
	enum rd_status st = RD_AGAIN;
	bool committing;

	if (db->deadline_ms != 0 && db->deadline_ms < deadline) {
		deadline = db->deadline_ms;
	}
	for (int try = 0; try < TRIES_MAX; try++) {
		st = transact_once(db, fn, arg, &committing);
		if (!again(db, st, committing, deadline)) {
			break;
		}
		pause_before(try);
	}
	return st;
}

enum rd_status kms_db_run(struct kms_db *db, const char *sql, const struct kms_db_value *params,
	size_t n_params, kms_db_row *row, void *arg, uint64_t *ret_changed)
{
	RD_ENSURE(n_params <= KMS_DB_COLUMNS_MAX, RD_INTERNAL);
	return db->ops->run(db, sql, params, n_params, row, arg, ret_changed);
}

enum rd_status kms_db_notify(struct kms_db *db)
{
	return db->ops->notify(db);
}

enum rd_status kms_db_wait(struct kms_db *db, unsigned timeout_ms)
{
	return db->ops->wait(db, timeout_ms);
}

const char *kms_db_error(const struct kms_db *db)
{
	return db->error;
}

enum rd_status kms_db_backup(struct kms_db *db, const char *path, struct rd_error *err)
{
	return db->ops->backup(db, path, err);
}
