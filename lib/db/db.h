/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to the database: SQLite (one server) or PostgreSQL (several at once), behind one set
 * of SQL texts.
 *
 * Statements are the common subset of both: placeholders $1, $2 … in the order of their first use,
 * ON CONFLICT, RETURNING; times are milliseconds since the epoch in BIGINT columns. Each statement
 * text is a string constant; its address is the key under which it is prepared once a connection.
 * A connection belongs to one thread at a time. After any failure within a transaction there is
 * nothing to do but to roll back: PostgreSQL refuses whatever follows. Every failure is one of:
 *
 *	RD_EXISTS     a uniqueness rule
 *	RD_AGAIN      a serialisation conflict or a busy database: roll back and try again; or,
 *	              on a connection of rd_db_open_nonblocking, one would have to wait
 *	RD_CLOSED     the database went away; the next begin, or run outside a transaction,
 *	              connects again
 *	RD_TIMEOUT    a statement took too long, or the time of rd_db_limit is over, and it was
 *	              given up. A COMMIT may have happened all the same
 *	RD_NOSPACE    disk full
 *	RD_FORBIDDEN  another rule of the schema (a reference to what is not there)
 *	RD_INTERNAL   a statement of ours is wrong
 */
#ifndef RD_DB_H
#define RD_DB_H

#include "base/bytes.h"
#include "base/error.h"

#include <stdbool.h>

/* Columns of one row, and parameters of one statement. */
#define RD_DB_COLUMNS_MAX 32

enum rd_db_type { RD_DB_NULL, RD_DB_INT, RD_DB_TEXT, RD_DB_BLOB };

struct rd_db_value {
	enum rd_db_type type;
	int64_t number;
	struct rd_view bytes; /* text without its NUL, or blob; borrowed */
};

static inline struct rd_db_value rd_db_null(void)
{
	return (struct rd_db_value){.type = RD_DB_NULL};
}
static inline struct rd_db_value rd_db_int(int64_t number)
{
	return (struct rd_db_value){.type = RD_DB_INT, .number = number};
}
/* NULL gives SQL's NULL. */
struct rd_db_value rd_db_text(const char *text);
struct rd_db_value rd_db_blob(struct rd_view bytes);

struct rd_db;

/*
 * A program's tables: migrations in order, each applied once, never changed after a release and
 * never undone. In them {blob}, {text}, {counter} … stand for what differs between databases
 * (db-internal.h).
 */
struct rd_db_schema {
	const char *program; /* "redoubt-kms", for the error */
	const char *const *migrations;
	int64_t version; /* their number */
};

/*
 * url: "sqlite:/path/to/file" or "postgresql://…" as libpq takes it. The file is made 0600. Opens,
 * and brings the schema to this program's version (forward only; a newer one is RD_BAD_VERSION,
 * "this database was written by a newer redoubt-kms: …"). A PostgreSQL server that cannot be
 * reached is RD_CLOSED, one that refuses us RD_DENIED, one too old or not in UTF-8 RD_UNSUPPORTED.
 * The URL may hold a password: no error and no log line repeats any of it.
 */
enum rd_status rd_db_open(const char *url, const struct rd_db_schema *schema, struct rd_db **ret,
	struct rd_error *err) RD_MUST_USE;
void rd_db_close(struct rd_db **db);

/*
 * For a thread that must not wait for others: no statement waits for a lock, or for a host. What
 * would have to is refused with RD_AGAIN and noted. On PostgreSQL that is everything, and no
 * connection is made. The schema has been made by rd_db_open.
 */
enum rd_status rd_db_open_nonblocking(const char *url, struct rd_db **ret, struct rd_error *err)
	RD_MUST_USE;
/* Whether anything would have had to wait since the last call of this; then what came of it is
 * void, whatever it looks like, and is to be done again by a thread that may wait. */
bool rd_db_would_block(struct rd_db *db);
/* Before waiting for something other than the database: RD_OK, or RD_AGAIN, and noted. */
enum rd_status rd_db_may_wait(struct rd_db *db) RD_MUST_USE;

/* All that follows, up to the next call of this, ends within so many milliseconds from now, or some
 * seconds later when a connection has to be made. 0: each statement has its own limit. */
void rd_db_limit(struct rd_db *db, unsigned ms);

/* A transaction: SQLite's BEGIN IMMEDIATE, PostgreSQL's SERIALIZABLE. Durable when commit returns.
 */
enum rd_status rd_db_begin(struct rd_db *db) RD_MUST_USE;
enum rd_status rd_db_commit(struct rd_db *db) RD_MUST_USE;
void rd_db_rollback(struct rd_db *db);

/*
 * Runs fn within a transaction and commits; on RD_AGAIN and RD_CLOSED a bounded number of times and
 * seconds. fn must set its results anew each time, and pass on every failure of the database. When
 * the connection goes while COMMIT is under way nobody knows whether it happened: that is RD_CLOSED
 * without another try, lest the work is done twice.
 */
typedef enum rd_status rd_db_work(struct rd_db *db, void *arg);
enum rd_status rd_db_transact(struct rd_db *db, rd_db_work *fn, void *arg) RD_MUST_USE;

/* fn runs within every transaction of rd_db_transact once its work is done, and may still fail it;
 * until another is set. NULL: none. */
void rd_db_before_commit(struct rd_db *db, rd_db_work *fn, void *arg);

/* row is called for each row; another status than RD_OK ends the statement with it. NULL when there
 * is nothing to fetch. ret_changed (may be NULL): rows inserted, updated or deleted. */
typedef enum rd_status rd_db_row(void *arg, const struct rd_db_value *columns, size_t n);
enum rd_status rd_db_run(struct rd_db *db, const char *sql, const struct rd_db_value *params,
	size_t n_params, rd_db_row *row, void *arg, uint64_t *ret_changed) RD_MUST_USE;

/*
 * Several statements that read, all of one moment, or in the transaction that is under way. Each
 * takes all of the parameters. On PostgreSQL they are one message and one answer: that costs little
 * more than one statement. Rows come in the order of the statements; before a failure some may
 * have.
 */
struct rd_db_read {
	const char *sql;
	rd_db_row *row;
	void *arg;
};
enum rd_status rd_db_read(struct rd_db *db, const struct rd_db_read *reads, size_t n,
	const struct rd_db_value *params, size_t n_params) RD_MUST_USE;

/* Wakes other servers on the same database once the transaction is committed: PostgreSQL's NOTIFY.
 * Nothing on SQLite, where there are none. */
enum rd_status rd_db_notify(struct rd_db *db) RD_MUST_USE;
/* Waits for such a wake-up, or for the time to pass; at once the first time on a new connection,
 * for what was missed before it. The connection is for this alone. */
enum rd_status rd_db_wait(struct rd_db *db, unsigned timeout_ms) RD_MUST_USE;

/* Why the last call failed, for the log; never holds a parameter's value. */
const char *rd_db_error(const struct rd_db *db);

/* A consistent copy while others write (SQLite); RD_UNSUPPORTED on PostgreSQL, which has pg_dump.
 */
enum rd_status rd_db_backup(struct rd_db *db, const char *path, struct rd_error *err) RD_MUST_USE;

#endif
