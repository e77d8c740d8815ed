/* SPDX-License-Identifier: Apache-2.0 */
/* The database, whichever it is. */
#include "db/db.h"

#include "db/db-internal.h"

#include <string.h>
#include <time.h>

/* Two servers that change the same row meet a few times at most, then one has won. */
#define TRIES_MAX   12
#define TRY_WAIT_MS 2
/* A caller waits no longer for tries that each wait for a connection. */
#define TRY_TOTAL_MS 5000

struct rd_db_value rd_db_text(const char *text)
{
	if (text == NULL) {
		return rd_db_null();
	}
	return (struct rd_db_value){.type = RD_DB_TEXT, .bytes = rd_view_str(text)};
}

struct rd_db_value rd_db_blob(struct rd_view bytes)
{
	if (bytes.ptr == NULL) {
		return rd_db_null();
	}
	return (struct rd_db_value){.type = RD_DB_BLOB, .bytes = bytes};
}

static enum rd_status open_as(
	const char *url, bool nonblocking, struct rd_db **ret, struct rd_error *err)
{
	static const struct rd_db_ops *const kinds[] = {&rd_db_sqlite, &rd_db_postgres};

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

enum rd_status rd_db_open(const char *url, const struct rd_db_schema *schema, struct rd_db **ret,
	struct rd_error *err)
{
	struct rd_db *db RD_CLEANUP(rd_db_close) = NULL;

	RD_TRY(open_as(url, false, &db, err));
	RD_TRY(rd_db_upgrade(db, schema, err));
	*ret = rd_steal(&db, NULL);
	return RD_OK;
}

enum rd_status rd_db_open_nonblocking(const char *url, struct rd_db **ret, struct rd_error *err)
{
	return open_as(url, true, ret, err);
}

void rd_db_close(struct rd_db **db)
{
	if (*db != NULL) {
		(*db)->ops->close(*db);
		*db = NULL;
	}
}

enum rd_status rd_db_begin(struct rd_db *db)
{
	return db->ops->begin(db, false);
}

enum rd_status rd_db_commit(struct rd_db *db)
{
	return db->ops->commit(db);
}

void rd_db_rollback(struct rd_db *db)
{
	db->ops->rollback(db);
}

static void pause_before(int try)
{
	const long ms = (long)TRY_WAIT_MS << (try < 8 ? try : 8);
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	(void)nanosleep(&ts, NULL);
}

int64_t rd_db_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void rd_db_limit(struct rd_db *db, unsigned ms)
{
	db->deadline_ms = ms == 0 ? 0 : rd_db_now_ms() + ms;
}

bool rd_db_would_block(struct rd_db *db)
{
	return rd_steal(&db->would_block, false);
}

enum rd_status rd_db_may_wait(struct rd_db *db)
{
	RD_ENSURE(db->nonblocking, RD_OK);
	db->would_block = true;
	return RD_AGAIN;
}

static enum rd_status transact_once(
	struct rd_db *db, rd_db_work *fn, void *arg, bool *ret_committing)
{
	enum rd_status st;

	*ret_committing = false;
	RD_TRY(rd_db_begin(db));
	st = fn(db, arg);
	if (st == RD_OK && db->before_commit != NULL) {
		st = db->before_commit(db, db->before_commit_arg);
	}
	if (st == RD_OK) {
		*ret_committing = true;
		return rd_db_commit(db);
	}
	rd_db_rollback(db);
	return st;
}

void rd_db_before_commit(struct rd_db *db, rd_db_work *fn, void *arg)
{
	db->before_commit = fn;
	db->before_commit_arg = arg;
}

/* Another try may go better: not when nobody knows how COMMIT ended, and not for ever. */
static bool again(const struct rd_db *db, enum rd_status st, bool committing, int64_t deadline)
{
	if (st == RD_CLOSED && committing) {
		return false;
	}
	return (st == RD_AGAIN || st == RD_CLOSED) && !db->would_block && rd_db_now_ms() < deadline;
}

enum rd_status rd_db_transact(struct rd_db *db, rd_db_work *fn, void *arg)
{
	int64_t deadline = rd_db_now_ms() + TRY_TOTAL_MS;
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

enum rd_status rd_db_run(struct rd_db *db, const char *sql, const struct rd_db_value *params,
	size_t n_params, rd_db_row *row, void *arg, uint64_t *ret_changed)
{
	RD_ENSURE(n_params <= RD_DB_COLUMNS_MAX, RD_INTERNAL);
	return db->ops->run(db, sql, params, n_params, row, arg, ret_changed);
}

enum rd_status rd_db_read(struct rd_db *db, const struct rd_db_read *reads, size_t n,
	const struct rd_db_value *params, size_t n_params)
{
	RD_ENSURE(n_params <= RD_DB_COLUMNS_MAX, RD_INTERNAL);
	return db->ops->read(db, reads, n, params, n_params);
}

enum rd_status rd_db_notify(struct rd_db *db)
{
	return db->ops->notify(db);
}

enum rd_status rd_db_wait(struct rd_db *db, unsigned timeout_ms)
{
	return db->ops->wait(db, timeout_ms);
}

const char *rd_db_error(const struct rd_db *db)
{
	return db->error;
}

enum rd_status rd_db_backup(struct rd_db *db, const char *path, struct rd_error *err)
{
	return db->ops->backup(db, path, err);
}
