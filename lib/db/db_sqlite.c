/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite: one file, many readers, one writer at a time (WAL). A commit is on the disk when it
 * returns (synchronous=FULL): what has been acknowledged survives a power cut.
 */
#include "db/db-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* How long a writer waits for another one. */
#define BUSY_MS          5000
#define BUSY_STEP_MAX_MS 25
/* Pages that a backup copies before it lets a writer in. */
#define BACKUP_STEP_PAGES 256

struct sqlite {
	struct rd_db db;
	sqlite3 *handle;
	int64_t busy_since_ms;
	struct {
		const char *sql;
		sqlite3_stmt *statement;
	} prepared[RD_DB_STATEMENTS_MAX];
	size_t n_prepared;
};

static enum rd_status status_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return RD_OK;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return RD_AGAIN;
	case SQLITE_CONSTRAINT:
		return rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY
			       ? RD_EXISTS
			       : RD_FORBIDDEN;
	case SQLITE_FULL:
		return RD_NOSPACE;
	case SQLITE_NOMEM:
		return RD_NOMEM;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
		return RD_IO;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return RD_MALFORMED;
	default:
		return RD_INTERNAL;
	}
}

/*
 * A quota or a file size limit is a full disk, too; SQLite says so of ENOSPC alone. It keeps no
 * errno for a COMMIT that failed (sqlite3_system_errno is 0): callers clear errno before.
 */
static bool out_of_room(int rc, int os_errno)
{
	return (rc & 0xff) == SQLITE_IOERR &&
	       (os_errno == ENOSPC || os_errno == EDQUOT || os_errno == EFBIG);
}

/* Keeps the reason and gives the status. */
static enum rd_status failed(struct sqlite *db, int rc)
{
	const int os_errno = errno;

	(void)snprintf(db->db.error, sizeof(db->db.error), "%s", sqlite3_errmsg(db->handle));
	if (status_of(rc) == RD_AGAIN) {
		db->db.would_block = db->db.nonblocking;
	}
	return out_of_room(rc, os_errno) ? RD_NOSPACE : status_of(rc);
}

static enum rd_status simple(struct sqlite *db, const char *sql)
{
	int rc;

	errno = 0;
	rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
	return rc == SQLITE_OK ? RD_OK : failed(db, rc);
}

/*
 * Private to us before SQLite opens it, and with it its -wal and -shm, which take its mode.
 *
 * The file may be open here already, and closing any other descriptor of it would take SQLite's
 * locks away (POSIX: they are the process's). Another process would then find itself alone, and at
 * its end remove the -wal that we go on writing. So it is looked at through a descriptor that
 * stands for the path alone (O_PATH), whose end takes no lock along.
 */
static enum rd_status make_private(const char *path, struct rd_error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat sb;
	bool ours;

	if (fd < 0 && errno == EEXIST) {
		fd = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	}
	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot open database %s", path);
	}
	ours = fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode);
	(void)close(fd);
	if (!ours) {
		return rd_fail(err, RD_DENIED, "database %s is not a file", path);
	}
	if ((sb.st_mode & 077) != 0) {
		return rd_fail(err, RD_DENIED,
			"database %s may be read by others: chmod 600 it, and its -wal and -shm",
			path);
	}
	return RD_OK;
}

static void sqlite_close(struct rd_db *base)
{
	struct sqlite *db = (struct sqlite *)base;

	for (size_t i = 0; i < db->n_prepared; i++) {
		(void)sqlite3_finalize(db->prepared[i].statement);
	}
	(void)sqlite3_close(db->handle);
	free(db);
}

/* Between two looks whether the other connection has done. */
static void pause_for(int times)
{
	const int ms = times < BUSY_STEP_MAX_MS ? times + 1 : BUSY_STEP_MAX_MS;
	struct timespec ts = {.tv_nsec = ms * 1000000L};

	(void)nanosleep(&ts, NULL);
}

/* SQLite's busy handler: 0 gives up. */
static int on_busy(void *arg, int times)
{
	struct sqlite *db = arg;
	const int64_t now = rd_db_now_ms();

	if (times == 0) {
		db->busy_since_ms = now;
	}
	if (db->db.nonblocking || now - db->busy_since_ms >= BUSY_MS ||
		(db->db.deadline_ms != 0 && now >= db->db.deadline_ms)) {
		return 0;
	}
	pause_for(times);
	return 1;
}

static enum rd_status configure(struct sqlite *db)
{
	(void)sqlite3_extended_result_codes(db->handle, 1);
	(void)sqlite3_busy_handler(db->handle, on_busy, db);
	RD_TRY(simple(db, "PRAGMA journal_mode=WAL"));
	RD_TRY(simple(db, "PRAGMA synchronous=FULL"));
	RD_TRY(simple(db, "PRAGMA foreign_keys=ON"));
	/* Wrapped secrets that are deleted are overwritten, too. */
	RD_TRY(simple(db, "PRAGMA secure_delete=ON"));
	return simple(db, "PRAGMA trusted_schema=OFF");
}

/* Reads wait for nobody but in rare cases (recovery, an exclusive lock): on_busy has the rest of
 * what nonblocking means. */
static enum rd_status sqlite_open(
	const char *url, bool nonblocking, struct rd_db **ret, struct rd_error *err)
{
	const char *path = url + strlen(rd_db_sqlite.scheme);
	struct sqlite *db;
	enum rd_status st;

	(void)nonblocking;
	RD_TRY(make_private(path, err));
	db = calloc(1, sizeof(*db));
	if (db == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	db->db.ops = &rd_db_sqlite;
	st = status_of(sqlite3_open_v2(
		path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
	if (st == RD_OK) {
		st = configure(db);
	}
	if (st != RD_OK) {
		(void)rd_fail(err, st, "cannot use database %s: %s", path,
			db->handle == NULL ? "out of memory" : sqlite3_errmsg(db->handle));
		sqlite_close(&db->db);
		return st;
	}
	*ret = &db->db;
	return RD_OK;
}

static enum rd_status sqlite_begin(struct rd_db *base, bool exclusive)
{
	(void)exclusive; /* IMMEDIATE keeps every other writer out */
	return simple((struct sqlite *)base, "BEGIN IMMEDIATE");
}

static enum rd_status sqlite_commit(struct rd_db *base)
{
	struct sqlite *db = (struct sqlite *)base;
	enum rd_status st = simple(db, "COMMIT");

	if (st != RD_OK) {
		base->ops->rollback(base);
	}
	return st;
}

static enum rd_status prepare(struct sqlite *db, const char *sql, sqlite3_stmt **ret)
{
	int rc;

	for (size_t i = 0; i < db->n_prepared; i++) {
		if (db->prepared[i].sql == sql) {
			*ret = db->prepared[i].statement;
			return RD_OK;
		}
	}
	RD_ENSURE(db->n_prepared < RD_DB_STATEMENTS_MAX, RD_INTERNAL);
	rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);
	if (rc != SQLITE_OK) {
		return failed(db, rc);
	}
	db->prepared[db->n_prepared].sql = sql;
	db->prepared[db->n_prepared++].statement = *ret;
	return RD_OK;
}

/* A statement without parameters or rows, prepared. */
static enum rd_status run_plain(struct sqlite *db, const char *sql)
{
	sqlite3_stmt *statement = NULL;
	int rc;

	RD_TRY(prepare(db, sql, &statement));
	rc = sqlite3_step(statement);
	(void)sqlite3_reset(statement);
	return rc == SQLITE_DONE ? RD_OK : failed(db, rc);
}

static void sqlite_rollback(struct rd_db *base)
{
	struct sqlite *db = (struct sqlite *)base;

	if (sqlite3_get_autocommit(db->handle) == 0) {
		(void)run_plain(db, "ROLLBACK");
	}
}

static int bind_one(sqlite3_stmt *statement, int index, const struct rd_db_value *value)
{
	switch (value->type) {
	case RD_DB_INT:
		return sqlite3_bind_int64(statement, index, value->number);
	case RD_DB_TEXT:
		return sqlite3_bind_text64(statement, index, (const char *)value->bytes.ptr,
			value->bytes.len, SQLITE_STATIC, SQLITE_UTF8);
	case RD_DB_BLOB:
		return sqlite3_bind_blob64(
			statement, index, value->bytes.ptr, value->bytes.len, SQLITE_STATIC);
	case RD_DB_NULL:
	default:
		return sqlite3_bind_null(statement, index);
	}
}

static struct rd_db_value column(sqlite3_stmt *statement, int index)
{
	int type = sqlite3_column_type(statement, index);
	const void *bytes;

	if (type == SQLITE_INTEGER) {
		return rd_db_int(sqlite3_column_int64(statement, index));
	}
	if (type == SQLITE_TEXT) {
		bytes = sqlite3_column_text(statement, index);
		return (struct rd_db_value){.type = RD_DB_TEXT,
			.bytes = rd_view(bytes, (size_t)sqlite3_column_bytes(statement, index))};
	}
	if (type == SQLITE_BLOB) {
		bytes = sqlite3_column_blob(statement, index);
		return (struct rd_db_value){.type = RD_DB_BLOB,
			.bytes = rd_view(bytes == NULL ? "" : bytes,
				(size_t)sqlite3_column_bytes(statement, index))};
	}
	return rd_db_null();
}

static enum rd_status step_all(
	struct sqlite *db, sqlite3_stmt *statement, rd_db_row *row, void *arg)
{
	struct rd_db_value columns[RD_DB_COLUMNS_MAX];
	int n = sqlite3_column_count(statement), rc;

	RD_ENSURE(n <= RD_DB_COLUMNS_MAX, RD_INTERNAL);
	errno = 0;
	while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
		for (int i = 0; i < n; i++) {
			columns[i] = column(statement, i);
		}
		if (row != NULL) {
			RD_TRY(row(arg, columns, (size_t)n));
		}
	}
	return rc == SQLITE_DONE ? RD_OK : failed(db, rc);
}

static enum rd_status sqlite_run(struct rd_db *base, const char *sql,
	const struct rd_db_value *params, size_t n_params, rd_db_row *row, void *arg,
	uint64_t *ret_changed)
{
	struct sqlite *db = (struct sqlite *)base;
	sqlite3_stmt *statement = NULL;
	enum rd_status st;

	RD_TRY(prepare(db, sql, &statement));
	if (sqlite3_bind_parameter_count(statement) != (int)n_params) {
		(void)snprintf(base->error, sizeof(base->error),
			"a statement wants %d parameters and gets %zu: %.100s",
			sqlite3_bind_parameter_count(statement), n_params, sql);
		return RD_INTERNAL;
	}
	for (size_t i = 0; i < n_params; i++) {
		int rc = bind_one(statement, (int)i + 1, &params[i]);

		if (rc != SQLITE_OK) {
			(void)sqlite3_clear_bindings(statement);
			return failed(db, rc);
		}
	}
	st = step_all(db, statement, row, arg);
	if (ret_changed != NULL) {
		*ret_changed = (uint64_t)sqlite3_changes64(db->handle);
	}
	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
	return st;
}

/* In one transaction, the locks on the -wal are also taken once and not for each statement. */
static enum rd_status sqlite_read(struct rd_db *base, const struct rd_db_read *reads, size_t n,
	const struct rd_db_value *params, size_t n_params)
{
	struct sqlite *db = (struct sqlite *)base;
	const bool own = sqlite3_get_autocommit(db->handle) != 0;
	enum rd_status st = own ? run_plain(db, "BEGIN") : RD_OK;

	for (size_t i = 0; st == RD_OK && i < n; i++) {
		st = sqlite_run(
			base, reads[i].sql, params, n_params, reads[i].row, reads[i].arg, NULL);
	}
	if (own) {
		sqlite_rollback(base);
	}
	return st;
}

static enum rd_status sqlite_script(struct rd_db *base, const char *sql)
{
	return simple((struct sqlite *)base, sql);
}

static enum rd_status sqlite_notify(struct rd_db *base)
{
	(void)base;
	return RD_OK;
}

static enum rd_status sqlite_wait(struct rd_db *base, unsigned timeout_ms)
{
	struct timespec ts = {
		.tv_sec = timeout_ms / 1000, .tv_nsec = (long)(timeout_ms % 1000) * 1000000};

	(void)base;
	(void)nanosleep(&ts, NULL);
	return RD_OK;
}

static int copy_all(sqlite3_backup *backup)
{
	int rc;

	do {
		rc = sqlite3_backup_step(backup, BACKUP_STEP_PAGES);
		if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
			(void)sqlite3_sleep(10);
		}
	} while (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED);
	return rc;
}

static enum rd_status sqlite_backup(struct rd_db *base, const char *path, struct rd_error *err)
{
	struct sqlite *db = (struct sqlite *)base;
	sqlite3_backup *backup;
	sqlite3 *to = NULL;
	int rc;

	if (access(path, F_OK) == 0) {
		return rd_fail(err, RD_EXISTS, "%s exists: a backup overwrites nothing", path);
	}
	RD_TRY(make_private(path, err));
	rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE, NULL);
	backup = rc == SQLITE_OK ? sqlite3_backup_init(to, "main", db->handle, "main") : NULL;
	if (backup != NULL) {
		rc = copy_all(backup);
		(void)sqlite3_backup_finish(backup);
	}
	if (backup == NULL || rc != SQLITE_DONE) {
		(void)rd_fail(err, status_of(rc) == RD_OK ? RD_IO : status_of(rc),
			"cannot write backup %s: %s", path, sqlite3_errmsg(to));
		(void)sqlite3_close(to);
		(void)unlink(path);
		return err == NULL ? RD_IO : err->status;
	}
	(void)sqlite3_close(to);
	return RD_OK;
}

const struct rd_db_ops rd_db_sqlite = {
	.scheme = "sqlite:",
	.open = sqlite_open,
	.close = sqlite_close,
	.begin = sqlite_begin,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.run = sqlite_run,
	.read = sqlite_read,
	.script = sqlite_script,
	.notify = sqlite_notify,
	.wait = sqlite_wait,
	.backup = sqlite_backup,
	.words =
		{
			{"blob", "BLOB"},
			{"text", "TEXT"},
			{"counter", "INTEGER PRIMARY KEY AUTOINCREMENT"},
			{"now_ms", "(unixepoch() * 1000)"},
			/* One writer at a time: rows are committed in the order of their places. */
			{"change_number", "BIGINT GENERATED ALWAYS AS (place) VIRTUAL"},
			{"change_horizon", "SELECT coalesce(max(number), 0) + 1 FROM change"},
		},
};
