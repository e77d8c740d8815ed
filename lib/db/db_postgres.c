/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL: several servers on one database.
 *
 * Transactions are SERIALIZABLE; those that cannot be put in an order fail with 40001 and are tried
 * again by rd_db_transact. Statements are prepared once a connection under the address of their
 * text; values travel in binary: int8, text, bytea. A lost connection is noticed by the statement
 * that needed it (RD_CLOSED) and made again by the next one that may begin something. One whose
 * answer does not come in time (a server that hangs, a network that swallows) is given up, whatever
 * the other side does with it: no statement is waited for in libpq, all are in await().
 *
 * The server's detailed messages hold values, those about connections hold the URL's parts: only
 * the primary message and the SQLSTATE are ever kept.
 */
#include "db/db-internal.h"

#include "base/byteorder.h"
#include "base/secret.h"
#include "base/text.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* pg_current_xact_id and its kin. */
#define SERVER_VERSION_MIN 130000

/* Types in the server's catalogue (pg_type.dat): fixed for ever. */
#define OID_BOOL  16u
#define OID_BYTEA 17u
#define OID_INT8  20u
#define OID_INT4  23u
#define OID_TEXT  25u

#define BINARY 1

/* A statement is ended by the server before that (set_up), if there still is one. */
#define ANSWER_MS 12000
/* To connect, for each host of the URL. libpq takes whole seconds, and no less than two. */
#define CONNECT_S "3"

/* Held while the schema changes: "redoubt" in ASCII. */
#define LOCK_SCHEMA "32199629386113652"
#define CHANNEL     "redoubt_kms"

struct postgres {
	struct rd_db db;
	char *url; /* may hold a password */
	PGconn *connection;
	bool in_transaction;
	bool patient; /* a migration: however long it takes */
	bool listening;
	bool notify; /* with the commit */
	const char *prepared[RD_DB_STATEMENTS_MAX];
	size_t n_prepared;
};

static void quiet(void *arg, const char *message)
{
	(void)arg;
	(void)message;
}

static enum rd_status lost(struct postgres *db)
{
	(void)snprintf(db->db.error, sizeof(db->db.error), "the connection to PostgreSQL is gone");
	return RD_CLOSED;
}

/* SQLSTATE: PostgreSQL's manual, appendix A. */
static enum rd_status status_of(const char *state)
{
	static const struct {
		const char *prefix;
		enum rd_status status;
	} table[] = {
		{"23505", RD_EXISTS},
		{"23", RD_FORBIDDEN}, /* constraints */
		{"22", RD_FORBIDDEN}, /* a value that a type does not take */
		{"40001", RD_AGAIN},
		{"40P01", RD_AGAIN}, /* serialisation, deadlock */
		{"55P03", RD_AGAIN}, /* lock_timeout */
		{"53100", RD_NOSPACE},
		{"53200", RD_NOMEM},
		{"53300", RD_AGAIN},
		{"57014", RD_TIMEOUT}, /* statement_timeout */
		{"57P", RD_CLOSED},
		{"25P03", RD_CLOSED}, /* shut down; idle too long */
		{"25006", RD_CLOSED}, /* became a standby: find the primary */
		{"08P01", RD_INTERNAL},
		{"08", RD_CLOSED}, /* wrong number of parameters; network */
		{"42501", RD_DENIED},
		{"58", RD_IO},
	};

	for (size_t i = 0; i < RD_ARRAY_LEN(table); i++) {
		if (strncmp(state, table[i].prefix, strlen(table[i].prefix)) == 0) {
			return table[i].status;
		}
	}
	return RD_INTERNAL;
}

/* The next statement outside of a transaction connects again. */
static void disconnect(struct postgres *db)
{
	PQfinish(db->connection);
	db->connection = NULL;
}

/* Keeps the reason and gives the status; never RD_OK. result NULL: none came in time. */
static enum rd_status failed(struct postgres *db, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	enum rd_status st;

	if (result == NULL) {
		(void)snprintf(db->db.error, sizeof(db->db.error),
			"PostgreSQL has not answered in time: the connection is given up");
		return RD_TIMEOUT;
	}
	if (state == NULL) {
		return PQstatus(db->connection) == CONNECTION_BAD ? lost(db) : RD_NOMEM;
	}
	/* Class 22 quotes what it did not like. */
	if (message == NULL || strncmp(state, "22", 2) == 0) {
		message = "a value that the column's type does not take";
	}
	(void)snprintf(db->db.error, sizeof(db->db.error), "%s (SQLSTATE %s)", message, state);
	st = status_of(state);
	if (st == RD_CLOSED) {
		disconnect(db);
	}
	return st;
}

/* False when the time is over. A broken connection is readable, and libpq says so. */
static bool wait_for(const struct postgres *db, short events, int64_t deadline)
{
	struct pollfd poller = {.fd = PQsocket(db->connection), .events = events};
	const int64_t left = db->patient ? -1 : deadline - rd_db_now_ms();

	if (!db->patient && left <= 0) {
		return false;
	}
	return poll(&poller, 1, (int)left) != 0;
}

/* Until what was sent has gone and the next result is there; false when the time is over. */
static bool wait_for_result(const struct postgres *db, int64_t deadline)
{
	int unsent = PQflush(db->connection);

	while (unsent > 0 || PQisBusy(db->connection) != 0) {
		if (!wait_for(db, unsent > 0 ? POLLIN | POLLOUT : POLLIN, deadline)) {
			return false;
		}
		if (PQconsumeInput(db->connection) == 0) {
			return true; /* broken: the result says so */
		}
		unsent = unsent > 0 ? PQflush(db->connection) : 0;
	}
	return true;
}

static int64_t deadline_of(const struct postgres *db)
{
	const int64_t usual = rd_db_now_ms() + ANSWER_MS;

	return db->db.deadline_ms != 0 && db->db.deadline_ms < usual ? db->db.deadline_ms : usual;
}

/*
 * What came of the text that was sent (sent: what PQsend… said), the last of its results or the
 * first failure; to be cleared. NULL when no answer came in time: the connection is closed then.
 */
static PGresult *await(struct postgres *db, int sent)
{
	const int64_t deadline = deadline_of(db);
	PGresult *kept = NULL;
	PGresult *next;

	if (sent == 0) {
		return PQmakeEmptyPGresult(db->connection, PGRES_FATAL_ERROR);
	}
	while (wait_for_result(db, deadline)) {
		next = PQgetResult(db->connection);
		if (next == NULL) {
			return kept;
		}
		if (kept != NULL && PQresultStatus(kept) == PGRES_FATAL_ERROR) {
			PQclear(next);
			continue;
		}
		PQclear(kept);
		kept = next;
	}
	PQclear(kept);
	disconnect(db);
	return NULL;
}

static enum rd_status simple(struct postgres *db, const char *sql)
{
	PGresult *result = await(db, PQsendQuery(db->connection, sql));
	ExecStatusType got = PQresultStatus(result);
	enum rd_status st = RD_OK;

	if (got != PGRES_COMMAND_OK && got != PGRES_TUPLES_OK) {
		st = failed(db, result);
	}
	PQclear(result);
	return st;
}

static enum rd_status set_up(struct postgres *db)
{
	const char *encoding = PQparameterStatus(db->connection, "server_encoding");

	if (PQserverVersion(db->connection) < SERVER_VERSION_MIN || encoding == NULL ||
		strcmp(encoding, "UTF8") != 0) {
		(void)snprintf(db->db.error, sizeof(db->db.error),
			"PostgreSQL 13 or newer and a database in UTF8 are needed: this is %d in %s",
			PQserverVersion(db->connection) / 10000,
			encoding == NULL ? "an unknown encoding" : encoding);
		return RD_UNSUPPORTED;
	}
	/*
	 * No statement of ours takes seconds; one that waits for a lock fails before a client has
	 * gone. Every access has an index: a plan made while a table was empty must not stay a scan
	 * of all of it, and a scan conflicts with every writer (SERIALIZABLE). A stronger
	 * synchronous_commit than "on" is the administrator's wish. What is left of a transaction
	 * whose client was cut off holds its locks until the server notices (tcp_…).
	 */
	return simple(db, "SET statement_timeout = 10000;"
			  "SET lock_timeout = 3000;"
			  "SET idle_in_transaction_session_timeout = 15000;"
			  "SET tcp_keepalives_idle = 10;"
			  "SET tcp_keepalives_interval = 3;"
			  "SET tcp_keepalives_count = 3;"
			  "SET tcp_user_timeout = 10000;"
			  "SET enable_seqscan = off;"
			  "SELECT set_config('synchronous_commit', 'on', false)"
			  " WHERE current_setting('synchronous_commit') <> 'remote_apply'");
}

/* What stands before dbname is a default that the URL may override; seconds and milliseconds. */
static const char *const connect_keys[] = {"fallback_application_name", "connect_timeout",
	"tcp_user_timeout", "keepalives_idle", "dbname", "client_encoding", NULL};
#define CONNECT_VALUES(url)                                                                        \
	{                                                                                          \
		"redoubt-kms", CONNECT_S, "10000", "10", (url), "UTF8", NULL                       \
	}

static enum rd_status attach(struct postgres *db)
{
	const char *const values[] = CONNECT_VALUES(db->url);
	enum rd_status st;

	PQfinish(db->connection);
	db->n_prepared = 0;
	db->listening = false;
	db->connection = PQconnectdbParams(connect_keys, values, 1);
	if (PQstatus(db->connection) != CONNECTION_OK || PQsetnonblocking(db->connection, 1) != 0) {
		return lost(db);
	}
	(void)PQsetNoticeProcessor(db->connection, quiet, NULL);
	st = set_up(db);
	if (st != RD_OK) {
		disconnect(db);
	}
	return st;
}

static bool is_connected(const struct postgres *db)
{
	return db->connection != NULL && PQstatus(db->connection) == CONNECTION_OK;
}

/* Connected, or connected again: only where no transaction is lost by it. */
static enum rd_status ensure_attached(struct postgres *db)
{
	RD_TRY(rd_db_may_wait(&db->db));
	if (is_connected(db)) {
		return RD_OK;
	}
	if (db->db.deadline_ms != 0 && rd_db_now_ms() >= db->db.deadline_ms) {
		return failed(db, NULL);
	}
	return attach(db);
}

/* Within a transaction, which ends with its connection, too. */
static enum rd_status ensure_usable(struct postgres *db)
{
	if (!db->in_transaction) {
		return ensure_attached(db);
	}
	return db->connection == NULL ? lost(db) : RD_OK;
}

/* Why attach failed, in words that give nothing of the URL away. */
static enum rd_status explain(const struct postgres *db, struct rd_error *err)
{
	const char *const values[] = CONNECT_VALUES(db->url);

	switch (PQpingParams(connect_keys, values, 1)) {
	case PQPING_OK:
		return rd_fail(err, RD_DENIED,
			"PostgreSQL refuses the user, the password or the database of the URL; its "
			"log says which");
	case PQPING_REJECT:
		return rd_fail(err, RD_CLOSED,
			"PostgreSQL accepts no connections (starting or stopping?)");
	case PQPING_NO_ATTEMPT:
		return rd_fail(err, RD_USAGE,
			"libpq cannot read the database's URL: postgresql://USER@HOST/DATABASE");
	case PQPING_NO_RESPONSE:
	default:
		return rd_fail(
			err, RD_CLOSED, "PostgreSQL does not answer at the URL's host and port");
	}
}

static void postgres_close(struct rd_db *base)
{
	struct postgres *db = (struct postgres *)base;

	PQfinish(db->connection);
	if (db->url != NULL) {
		rd_wipe(db->url, strlen(db->url));
		free(db->url);
	}
	free(db);
}

static enum rd_status postgres_open(
	const char *url, bool nonblocking, struct rd_db **ret, struct rd_error *err)
{
	struct postgres *db = calloc(1, sizeof(*db));
	enum rd_status st;

	if (db == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	db->db.ops = &rd_db_postgres;
	db->url = strdup(url);
	st = db->url == NULL ? RD_NOMEM : RD_OK;
	if (st == RD_OK && !nonblocking) {
		st = attach(db);
	}
	if (st == RD_OK) {
		*ret = &db->db;
		return RD_OK;
	}
	if (st == RD_CLOSED) {
		st = explain(db, err);
	} else {
		(void)rd_fail(err, st, "cannot use the PostgreSQL database: %s", db->db.error);
	}
	postgres_close(&db->db);
	return st;
}

/*
 * The schema's transaction is READ COMMITTED: after the wait for the lock it must see what the
 * other server has done meanwhile. A migration may take its time.
 */
static enum rd_status postgres_begin(struct rd_db *base, bool exclusive)
{
	struct postgres *db = (struct postgres *)base;

	RD_TRY(ensure_attached(db));
	db->notify = false;
	db->patient = exclusive;
	RD_TRY(simple(db, exclusive ? "BEGIN ISOLATION LEVEL READ COMMITTED;"
				      "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;"
				      "SELECT pg_advisory_xact_lock(" LOCK_SCHEMA ")"
				    : "BEGIN ISOLATION LEVEL SERIALIZABLE"));
	db->in_transaction = true;
	return RD_OK;
}

static void postgres_rollback(struct rd_db *base)
{
	struct postgres *db = (struct postgres *)base;

	db->in_transaction = false;
	db->notify = false;
	db->patient = false;
	if (db->connection != NULL && PQtransactionStatus(db->connection) != PQTRANS_IDLE) {
		(void)simple(db, "ROLLBACK");
	}
}

/* COMMIT of a transaction that has failed is answered ROLLBACK, and without an error. */
static enum rd_status postgres_commit(struct rd_db *base)
{
	struct postgres *db = (struct postgres *)base;
	PGresult *result;
	enum rd_status st = RD_OK;

	db->in_transaction = false;
	if (db->connection == NULL) {
		return lost(db);
	}
	result = await(db,
		PQsendQuery(db->connection, db->notify ? "NOTIFY " CHANNEL "; COMMIT" : "COMMIT"));
	db->patient = false;
	if (PQresultStatus(result) != PGRES_COMMAND_OK) {
		st = failed(db, result);
	} else if (strcmp(PQcmdStatus(result), "COMMIT") != 0) {
		(void)snprintf(base->error, sizeof(base->error),
			"COMMIT after a failed statement: rolled back");
		st = RD_INTERNAL;
	}
	PQclear(result);
	if (st != RD_OK) {
		postgres_rollback(base);
	}
	return st;
}

static Oid type_of(const struct rd_db_value *value)
{
	switch (value->type) {
	case RD_DB_INT:
		return OID_INT8;
	case RD_DB_TEXT:
		return OID_TEXT;
	case RD_DB_BLOB:
		return OID_BYTEA;
	case RD_DB_NULL:
	default:
		return 0; /* the server infers it from the column */
	}
}

/* Room for "s" and a number. */
#define NAME_SIZE 24

/* The name of a statement that is prepared, or else the next one's, and false. */
static bool name_of(const struct postgres *db, const char *sql, char ret_name[NAME_SIZE])
{
	size_t i = 0;

	while (i < db->n_prepared && db->prepared[i] != sql) {
		i++;
	}
	(void)snprintf(ret_name, NAME_SIZE, "s%zu", i);
	return i < db->n_prepared;
}

static enum rd_status prepare(
	struct postgres *db, const char *sql, const struct rd_db_value *params, size_t n_params)
{
	Oid types[RD_DB_COLUMNS_MAX];
	char name[NAME_SIZE];
	PGresult *result;
	enum rd_status st = RD_OK;

	if (name_of(db, sql, name)) {
		return RD_OK;
	}
	RD_ENSURE(db->n_prepared < RD_DB_STATEMENTS_MAX, RD_INTERNAL);
	for (size_t k = 0; k < n_params; k++) {
		types[k] = type_of(&params[k]);
	}
	result = await(db, PQsendPrepare(db->connection, name, sql, (int)n_params, types));
	if (PQresultStatus(result) == PGRES_COMMAND_OK) {
		db->prepared[db->n_prepared++] = sql;
	} else {
		st = failed(db, result);
	}
	PQclear(result);
	return st;
}

static enum rd_status column(
	const PGresult *result, int row, int index, struct rd_db_value *ret_value)
{
	const char *bytes = PQgetvalue(result, row, index);
	size_t len = (size_t)PQgetlength(result, row, index);

	if (PQgetisnull(result, row, index)) {
		*ret_value = rd_db_null();
		return RD_OK;
	}
	switch (PQftype(result, index)) {
	case OID_INT8:
		*ret_value = rd_db_int((int64_t)rd_get_be64(bytes));
		return RD_OK;
	case OID_INT4:
		*ret_value = rd_db_int((int32_t)rd_get_be32(bytes));
		return RD_OK;
	case OID_BOOL:
		*ret_value = rd_db_int(bytes[0] != 0);
		return RD_OK;
	case OID_TEXT:
		*ret_value = (struct rd_db_value){.type = RD_DB_TEXT, .bytes = rd_view(bytes, len)};
		return RD_OK;
	case OID_BYTEA:
		*ret_value = (struct rd_db_value){.type = RD_DB_BLOB, .bytes = rd_view(bytes, len)};
		return RD_OK;
	default:
		return RD_INTERNAL;
	}
}

static enum rd_status rows_of(const PGresult *result, rd_db_row *row, void *arg)
{
	struct rd_db_value columns[RD_DB_COLUMNS_MAX];
	int n = PQnfields(result);

	RD_ENSURE(n <= RD_DB_COLUMNS_MAX, RD_INTERNAL);
	for (int r = 0; row != NULL && r < PQntuples(result); r++) {
		for (int i = 0; i < n; i++) {
			RD_TRY(column(result, r, i, &columns[i]));
		}
		RD_TRY(row(arg, columns, (size_t)n));
	}
	return RD_OK;
}

/* Of a statement that is prepared: what PQsend… says. */
static int send_statement(
	struct postgres *db, const char *sql, const struct rd_db_value *params, size_t n_params)
{
	char name[NAME_SIZE];
	uint8_t numbers[RD_DB_COLUMNS_MAX][8];
	const char *values[RD_DB_COLUMNS_MAX];
	int lengths[RD_DB_COLUMNS_MAX], formats[RD_DB_COLUMNS_MAX];

	(void)name_of(db, sql, name);
	for (size_t i = 0; i < n_params; i++) {
		formats[i] = BINARY;
		values[i] = (const char *)params[i].bytes.ptr;
		lengths[i] = (int)params[i].bytes.len;
		if (params[i].type == RD_DB_NULL) {
			values[i] = NULL;
		} else if (params[i].type == RD_DB_INT) {
			rd_put_be64(numbers[i], (uint64_t)params[i].number);
			values[i] = (const char *)numbers[i];
			lengths[i] = 8;
		} else if (values[i] == NULL) {
			values[i] = ""; /* empty, not absent */
		}
	}
	return PQsendQueryPrepared(
		db->connection, name, (int)n_params, values, lengths, formats, BINARY);
}

static enum rd_status take(struct postgres *db, const PGresult *result, rd_db_row *row, void *arg)
{
	const ExecStatusType got = PQresultStatus(result);

	if (got == PGRES_TUPLES_OK) {
		return rows_of(result, row, arg);
	}
	return got == PGRES_COMMAND_OK ? RD_OK : failed(db, result);
}

static enum rd_status postgres_run(struct rd_db *base, const char *sql,
	const struct rd_db_value *params, size_t n_params, rd_db_row *row, void *arg,
	uint64_t *ret_changed)
{
	struct postgres *db = (struct postgres *)base;
	PGresult *result;
	enum rd_status st;

	RD_TRY(ensure_usable(db));
	RD_TRY(prepare(db, sql, params, n_params));
	result = await(db, send_statement(db, sql, params, n_params));
	st = take(db, result, row, arg);
	/* "" for statements that change no rows. */
	if (st == RD_OK && ret_changed != NULL &&
		rd_parse_u64(PQcmdTuples(result), 0, UINT64_MAX, ret_changed) != RD_OK) {
		*ret_changed = 0;
	}
	PQclear(result);
	return st;
}

/*
 * Reading several statements: BEGIN, all of them and COMMIT are sent with one Sync message after
 * them (libpq's pipeline mode), and answered together. After one that fails the server passes over
 * the rest, up to Sync.
 */
static const char begin_reading[] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
static const char end_reading[] = "COMMIT";

struct batch {
	const struct rd_db_read *reads;
	size_t n;
	const struct rd_db_value *params;
	size_t n_params;
	bool own; /* not within a transaction */
};

static enum rd_status prepare_batch(struct postgres *db, const struct batch *b)
{
	if (b->own) {
		RD_TRY(prepare(db, begin_reading, NULL, 0));
		RD_TRY(prepare(db, end_reading, NULL, 0));
	}
	for (size_t i = 0; i < b->n; i++) {
		RD_TRY(prepare(db, b->reads[i].sql, b->params, b->n_params));
	}
	return RD_OK;
}

static bool send_batch(struct postgres *db, const struct batch *b)
{
	bool sent = PQenterPipelineMode(db->connection) != 0;

	sent = sent && (!b->own || send_statement(db, begin_reading, NULL, 0) != 0);
	for (size_t i = 0; sent && i < b->n; i++) {
		sent = send_statement(db, b->reads[i].sql, b->params, b->n_params) != 0;
	}
	sent = sent && (!b->own || send_statement(db, end_reading, NULL, 0) != 0);
	return sent && PQpipelineSync(db->connection) != 0;
}

static enum rd_status take_next(struct postgres *db, rd_db_row *row, void *arg)
{
	PGresult *result = await(db, 1);
	enum rd_status st = take(db, result, row, arg);

	PQclear(result);
	return st;
}

static enum rd_status take_batch(struct postgres *db, const struct batch *b)
{
	if (b->own) {
		RD_TRY(take_next(db, NULL, NULL));
	}
	for (size_t i = 0; i < b->n; i++) {
		RD_TRY(take_next(db, b->reads[i].row, b->reads[i].arg));
	}
	return b->own ? take_next(db, NULL, NULL) : RD_OK;
}

/* Passes over what has not been taken of the answers; one that broke off is not used again. */
static void end_batch(struct postgres *db)
{
	bool more = is_connected(db);
	PGresult *result;

	while (more) {
		result = await(db, 1);
		more = result != NULL && PQresultStatus(result) != PGRES_PIPELINE_SYNC &&
		       is_connected(db);
		PQclear(result);
	}
	if (!is_connected(db) || PQexitPipelineMode(db->connection) == 0) {
		disconnect(db);
	}
}

static enum rd_status postgres_read(struct rd_db *base, const struct rd_db_read *reads, size_t n,
	const struct rd_db_value *params, size_t n_params)
{
	struct postgres *db = (struct postgres *)base;
	const struct batch batch = {.reads = reads,
		.n = n,
		.params = params,
		.n_params = n_params,
		.own = !db->in_transaction};
	enum rd_status st;

	RD_TRY(ensure_usable(db));
	RD_TRY(prepare_batch(db, &batch));
	if (!send_batch(db, &batch)) {
		disconnect(db);
		return lost(db);
	}
	st = take_batch(db, &batch);
	end_batch(db);
	if (st != RD_OK && batch.own) {
		postgres_rollback(base);
	}
	return st;
}

static enum rd_status postgres_script(struct rd_db *base, const char *sql)
{
	return simple((struct postgres *)base, sql);
}

/* Goes with the commit, in the same message: one for all changes of a transaction. */
static enum rd_status postgres_notify(struct rd_db *base)
{
	struct postgres *db = (struct postgres *)base;

	if (db->in_transaction) {
		db->notify = true;
		return RD_OK;
	}
	RD_TRY(ensure_attached(db));
	return simple(db, "NOTIFY " CHANNEL);
}

static bool take_notifications(struct postgres *db)
{
	PGnotify *notification;
	bool any = false;

	while ((notification = PQnotifies(db->connection)) != NULL) {
		PQfreemem(notification);
		any = true;
	}
	return any;
}

static enum rd_status postgres_wait(struct rd_db *base, unsigned timeout_ms)
{
	struct postgres *db = (struct postgres *)base;
	const int64_t deadline = rd_db_now_ms() + timeout_ms;
	int64_t left = timeout_ms;

	RD_TRY(ensure_attached(db));
	if (!db->listening) {
		RD_TRY(simple(db, "LISTEN " CHANNEL));
		db->listening = true;
		return RD_OK; /* what was said before is missed: look now */
	}
	while (!take_notifications(db) && left > 0) {
		struct pollfd poller = {.fd = PQsocket(db->connection), .events = POLLIN};

		if (poll(&poller, 1, (int)left) < 0 && errno != EINTR) {
			return RD_IO;
		}
		if (PQconsumeInput(db->connection) == 0) {
			return lost(db);
		}
		left = deadline - rd_db_now_ms();
	}
	return RD_OK;
}

static enum rd_status postgres_backup(struct rd_db *db, const char *path, struct rd_error *err)
{
	(void)db;
	(void)path;
	return rd_fail(err, RD_UNSUPPORTED, "PostgreSQL is backed up by its own tools: pg_dump");
}

const struct rd_db_ops rd_db_postgres = {
	.scheme = "postgresql:",
	.open = postgres_open,
	.close = postgres_close,
	.begin = postgres_begin,
	.commit = postgres_commit,
	.rollback = postgres_rollback,
	.run = postgres_run,
	.read = postgres_read,
	.script = postgres_script,
	.notify = postgres_notify,
	.wait = postgres_wait,
	.backup = postgres_backup,
	.words =
		{
			{"blob", "BYTEA"},
			/* Order by bytes, as SQLite's: a locale's may change under an index. */
			{"text", "TEXT COLLATE \"C\""},
			{"counter", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"},
			{"now_ms", "((extract(epoch FROM clock_timestamp()) * 1000)::BIGINT)"},
			/* The writer's transaction; see store_meta.c. */
			{"change_number",
				"BIGINT NOT NULL DEFAULT (pg_current_xact_id()::TEXT::BIGINT)"},
			{"change_horizon",
				"SELECT pg_snapshot_xmin(pg_current_snapshot())::TEXT::BIGINT"},
		},
};
