/* SPDX-License-Identifier: Apache-2.0 */
/* Several statements in one reading: of one moment, and what comes of their failures. */
#include "database.h"

#include "db/db_rows.h"

#include <pthread.h>
#include <time.h>

#define KEYS "SELECT count(*) FROM kms_key"
#define LOCK "74"

static enum rd_status add_key(struct rd_db *db, void *arg)
{
	struct kms_key key = test_key(*(unsigned *)arg);

	return kms_store_key_add(db, &key);
}

/* Numbers in the order in which they come. */
struct numbers {
	int64_t at[8];
	size_t n;
};

static enum rd_status keep(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct numbers *numbers = arg;

	assert_int_equal(n, 1);
	assert_true(numbers->n < RD_ARRAY_LEN(numbers->at));
	numbers->at[numbers->n++] = columns[0].number;
	return RD_OK;
}

static enum rd_status refuse(void *arg, const struct rd_db_value *columns, size_t n)
{
	(void)columns;
	(void)n;
	++*(unsigned *)arg;
	return RD_BAD_TYPE;
}

static void rows_come_in_the_statements_order(void **state)
{
	struct test_database *t = *state;
	struct numbers got = {.n = 0};
	const struct rd_db_read reads[] = {
		{"SELECT created_ms FROM kms_key WHERE id = $1", keep, &got},
		{"SELECT created_ms FROM kms_key WHERE id < $1", keep, &got},
		{"SELECT created_ms FROM kms_key WHERE id > $1", NULL, NULL},
		{"SELECT count(*) FROM kms_key WHERE id >= $1", keep, &got},
	};
	const struct kms_key key = test_key(1);
	const struct rd_db_value first = rd_db_text(key.id);

	for (unsigned i = 1; i <= 2; i++) {
		assert_ok(rd_db_transact(t->db, add_key, &i));
	}
	for (int turn = 0; turn < 2; turn++) { /* prepared already the second time */
		got.n = 0;
		assert_ok(rd_db_read(t->db, reads, RD_ARRAY_LEN(reads), &first, 1));
		assert_int_equal(got.n, 2);
		assert_int_equal(got.at[0], key.created_ms);
		assert_int_equal(got.at[1], 2);
	}
	assert_ok(rd_db_read(t->db, reads, 0, &first, 1));
	assert_int_equal(got.n, 2);
	assert_int_equal(test_number(t->db, KEYS), 2);
}

struct writer {
	const struct test_database *database;
	pthread_t thread;
	bool ready, go;
	enum rd_status st;
};

/* On PostgreSQL the reader waits in its second statement; on SQLite in what follows its first. */
static bool reader_has_begun(const struct writer *w, struct rd_db *db)
{
	return on_postgres ? test_number(db, "SELECT count(*) FROM pg_locks WHERE NOT granted"
					     " AND locktype = 'advisory'") == 1
			   : __atomic_load_n(&w->go, __ATOMIC_ACQUIRE);
}

static void *write_in_the_middle(void *arg)
{
	struct writer *w = arg;
	struct rd_db *db = NULL;
	unsigned number = 1;

	test_open(w->database, &db);
	w->st = rd_db_begin(db);
	if (on_postgres && w->st == RD_OK) {
		w->st = rd_db_run(db, "SELECT count(*) FROM pg_advisory_xact_lock(" LOCK ")", NULL,
			0, NULL, NULL, NULL);
	}
	if (w->st == RD_OK) {
		w->st = add_key(db, &number);
	}
	__atomic_store_n(&w->ready, true, __ATOMIC_RELEASE);
	while (w->st == RD_OK && !reader_has_begun(w, db)) {
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	if (w->st == RD_OK) {
		w->st = rd_db_commit(db);
	}
	rd_db_close(&db);
	return NULL;
}

static enum rd_status let_write(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct writer *w = arg;

	(void)columns;
	(void)n;
	__atomic_store_n(&w->go, true, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(w->thread, NULL), 0);
	return RD_OK;
}

static void a_reading_is_of_one_moment(void **state)
{
	struct test_database *t = *state;
	struct writer w = {.database = t};
	struct numbers got = {.n = 0};
	const struct rd_db_read reads[] = {
		{KEYS, keep, &got},
		{on_postgres ? "SELECT count(*) FROM pg_advisory_xact_lock_shared(" LOCK ")" : KEYS,
			let_write, &w},
		{KEYS, keep, &got},
	};

	assert_int_equal(pthread_create(&w.thread, NULL, write_in_the_middle, &w), 0);
	while (!__atomic_load_n(&w.ready, __ATOMIC_ACQUIRE)) {
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	assert_ok(rd_db_read(t->db, reads, RD_ARRAY_LEN(reads), NULL, 0));
	assert_ok(w.st);
	assert_int_equal(got.n, 2);
	assert_int_equal(got.at[0], 0);
	assert_int_equal(got.at[1], 0);
	assert_int_equal(test_number(t->db, KEYS), 1);
}

static void within_a_transaction_it_sees_what_that_has_written(void **state)
{
	struct test_database *t = *state;
	struct numbers got = {.n = 0};
	const struct rd_db_read reads[] = {{KEYS, keep, &got}, {KEYS, keep, &got}};
	unsigned number = 1;

	assert_ok(rd_db_begin(t->db));
	assert_ok(add_key(t->db, &number));
	assert_ok(rd_db_read(t->db, reads, RD_ARRAY_LEN(reads), NULL, 0));
	assert_int_equal(got.n, 2);
	assert_int_equal(got.at[1], 1);
	number = 2;
	assert_ok(add_key(t->db, &number)); /* it has not ended */
	assert_ok(rd_db_commit(t->db));
	assert_int_equal(test_number(t->db, KEYS), 2);
}

/* The connection, and a transaction that the reading was in, go on as after any other failure. */
static void a_failure_ends_the_reading_and_nothing_else(void **state)
{
	struct test_database *t = *state;
	struct numbers got = {.n = 0};
	const struct rd_db_value one = rd_db_int(1);
	unsigned refused = 0;
	struct rd_db_read reads[] = {
		{"SELECT count(*) + $1 FROM kms_key", keep, &got},
		{"SELECT nonsense, $1", keep, &got},
		{"SELECT count(*) - $1 FROM kms_key", keep, &got},
	};

	assert_status(rd_db_read(t->db, reads, 3, &one, 1), RD_INTERNAL);
	assert_non_null(strstr(rd_db_error(t->db), "nonsense"));
	/* One that the database takes, and fails in. */
	reads[1].sql = "SELECT abs(-9223372036854775807 - $1)";
	got.n = 0;
	assert_status(
		rd_db_read(t->db, reads, 3, &one, 1), on_postgres ? RD_FORBIDDEN : RD_INTERNAL);
	assert_int_equal(got.n, 1);
	reads[1] = (struct rd_db_read){reads[0].sql, refuse, &refused};
	assert_status(rd_db_read(t->db, reads, 3, &one, 1), RD_BAD_TYPE);
	assert_int_equal(refused, 1);
	assert_int_equal(got.n, 2);
	assert_status(rd_db_read(t->db, reads, 3, &one, RD_DB_COLUMNS_MAX + 1), RD_INTERNAL);
	assert_status(rd_db_read(t->db, &reads[1], 1, NULL, 0), RD_INTERNAL); /* it wants one */
	assert_int_equal(test_number(t->db, KEYS), 0);
	assert_ok(rd_db_read(t->db, reads, 1, &one, 1));
	assert_int_equal(got.at[2], 1);
}

static void a_failure_within_a_transaction_fails_that(void **state)
{
	struct test_database *t = *state;
	struct numbers got = {.n = 0};
	const struct rd_db_value one = rd_db_int(1);
	const struct rd_db_read reads[] = {
		{"SELECT abs(-9223372036854775807 - $1)", NULL, NULL},
		{"SELECT count(*) + $1 FROM kms_key", keep, &got},
	};
	unsigned number = 1;

	assert_ok(rd_db_begin(t->db));
	assert_ok(add_key(t->db, &number));
	assert_status(
		rd_db_read(t->db, reads, 2, &one, 1), on_postgres ? RD_FORBIDDEN : RD_INTERNAL);
	assert_int_equal(got.n, 0);
	if (on_postgres) {
		assert_status(rd_db_commit(t->db), RD_INTERNAL);
	} else {
		rd_db_rollback(t->db);
	}
	assert_int_equal(test_number(t->db, KEYS), 0);
}

static void who_must_not_wait_reads_sqlite_only(void **state)
{
	struct test_database *t = *state;
	struct numbers got = {.n = 0};
	const struct rd_db_read reads[] = {{KEYS, keep, &got}, {KEYS, keep, &got}};
	struct rd_error err = {.text = ""};
	struct rd_db *db = NULL;

	assert_ok(rd_db_begin(t->db)); /* a writer is not waited for */
	assert_ok(rd_db_open_nonblocking(t->url, &db, &err));
	assert_status(rd_db_read(db, reads, 2, NULL, 0), on_postgres ? RD_AGAIN : RD_OK);
	assert_int_equal(rd_db_would_block(db), on_postgres);
	assert_int_equal(got.n, on_postgres ? 0 : 2);
	rd_db_close(&db);
	rd_db_rollback(t->db);
}

static void a_limit_ends_a_reading(void **state)
{
	struct test_database *t = *state;
	struct numbers got = {.n = 0};
	const struct rd_db_read reads[] = {{KEYS, keep, &got},
		{"SELECT count(*) FROM pg_sleep(5)", NULL, NULL}, {KEYS, keep, &got}};

	if (!on_postgres) {
		print_message("SQLite answers at once\n");
		skip();
	}
	rd_db_limit(t->db, 300);
	assert_status(rd_db_read(t->db, reads, 3, NULL, 0), RD_TIMEOUT);
	assert_status(rd_db_read(t->db, reads, 3, NULL, 0), RD_TIMEOUT); /* no time is left */
	rd_db_limit(t->db, 0);
	got.n = 0;
	assert_ok(rd_db_read(t->db, reads, 1, NULL, 0));
	assert_int_equal(got.n, 1);
}

static void a_lost_connection_is_made_again(void **state)
{
	struct test_database *t = *state;
	struct numbers got = {.n = 0};
	const struct rd_db_read reads[] = {{KEYS, keep, &got},
		{"SELECT pg_terminate_backend(pg_backend_pid())", NULL, NULL}, {KEYS, keep, &got}};

	if (!on_postgres) {
		print_message("SQLite has no server\n");
		skip();
	}
	assert_status(rd_db_read(t->db, reads, 3, NULL, 0), RD_CLOSED); /* in the midst of it */
	assert_true(got.n <= 1);
	got.n = 0;
	assert_ok(rd_db_read(t->db, reads, 1, NULL, 0));
	test_postgres_control("restart");
	assert_status(rd_db_read(t->db, reads, 1, NULL, 0), RD_CLOSED);
	assert_ok(rd_db_read(t->db, reads, 1, NULL, 0));
	assert_int_equal(got.n, 2);
	assert_ok(rd_db_begin(t->db));
	test_postgres_control("restart");
	assert_status(rd_db_read(t->db, reads, 1, NULL, 0), RD_CLOSED);
	assert_status(rd_db_read(t->db, reads, 1, NULL, 0), RD_CLOSED); /* the transaction's end */
	rd_db_rollback(t->db);
	assert_ok(rd_db_read(t->db, reads, 1, NULL, 0));
	assert_int_equal(got.n, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DATABASE_TEST(rows_come_in_the_statements_order),
		DATABASE_TEST(a_reading_is_of_one_moment),
		DATABASE_TEST(within_a_transaction_it_sees_what_that_has_written),
		DATABASE_TEST(a_failure_ends_the_reading_and_nothing_else),
		DATABASE_TEST(a_failure_within_a_transaction_fails_that),
		DATABASE_TEST(who_must_not_wait_reads_sqlite_only),
		DATABASE_TEST(a_limit_ends_a_reading),
		DATABASE_TEST(a_lost_connection_is_made_again),
	};

	return RUN_ON_BOTH(tests);
}
