/* SPDX-License-Identifier: Apache-2.0 */
/* Connections: transactions, conflicts, full disks, lost servers, schema versions, backups. */
#include "database.h"

#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define THREADS 2

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A key and its material in one transaction: the second must not be missing where the first is. */
static enum rd_status add_pair(struct rd_db *db, void *arg)
{
	static char policy[8000];
	struct kms_key key = test_key(*(unsigned *)arg);
	struct kms_material m = test_material(key.id, 1);

	memset(policy, 'p', sizeof(policy) - 1);
	key.policy = policy;
	RD_TRY(kms_store_key_add(db, &key));
	return kms_store_material_add(db, &m);
}

#define KEYS "SELECT count(*) FROM kms_key"
#define HALF                                                                                       \
	"SELECT count(*) FROM kms_key k WHERE n_materials <> 1"                                    \
	" OR NOT EXISTS (SELECT 1 FROM key_material m WHERE m.key_id = k.id)"

static void a_rollback_leaves_nothing(void **state)
{
	struct test_database *t = *state;
	unsigned number = 1;

	assert_ok(rd_db_begin(t->db));
	assert_ok(add_pair(t->db, &number));
	assert_int_equal(test_number(t->db, KEYS), 1);
	rd_db_rollback(t->db);
	assert_int_equal(test_number(t->db, KEYS), 0);
	assert_int_equal(test_number(t->db, "SELECT count(*) FROM change"), 0);
	assert_int_equal(test_number(t->db, "SELECT count(*) FROM account_keys"), 0);
	rd_db_rollback(t->db); /* nothing to undo: no harm */
	assert_ok(rd_db_transact(t->db, add_pair, &number));
	assert_status(rd_db_transact(t->db, add_pair, &number), RD_EXISTS);
	assert_int_equal(test_number(t->db, KEYS), 1);
}

static void wrong_statements_are_our_own_fault(void **state)
{
	struct test_database *t = *state;
	const struct rd_db_value one = rd_db_int(1);

	assert_status(rd_db_run(t->db, "SELECT nonsense", NULL, 0, NULL, NULL, NULL), RD_INTERNAL);
	assert_non_null(strstr(rd_db_error(t->db), "nonsense"));
	assert_status(rd_db_run(t->db, "SELECT n FROM account_keys WHERE part = $1", NULL, 0, NULL,
			      NULL, NULL),
		RD_INTERNAL);
	/* PostgreSQL takes a parameter that a statement does not use. */
	if (!on_postgres) {
		assert_status(rd_db_run(t->db, KEYS, &one, 1, NULL, NULL, NULL), RD_INTERNAL);
	}
	assert_status(
		rd_db_run(t->db, KEYS, &one, RD_DB_COLUMNS_MAX + 1, NULL, NULL, NULL), RD_INTERNAL);
	assert_int_equal(test_number(t->db, KEYS), 0);
}

static void a_failed_transaction_cannot_be_committed(void **state)
{
	struct test_database *t = *state;
	unsigned number = 1;

	if (!on_postgres) {
		print_message("SQLite goes on after a failed statement\n");
		skip();
	}
	assert_ok(rd_db_begin(t->db));
	assert_ok(add_pair(t->db, &number));
	assert_status(rd_db_run(t->db, "SELECT wrong", NULL, 0, NULL, NULL, NULL), RD_INTERNAL);
	assert_status(rd_db_commit(t->db), RD_INTERNAL);
	assert_int_equal(test_number(t->db, KEYS), 0);
}

static void broken_references_are_forbidden(void **state)
{
	struct test_database *t = *state;

	assert_status(rd_db_run(t->db,
			      "INSERT INTO tag (key_id, tag_key, tag_value) VALUES ('a', 'b', 'c')",
			      NULL, 0, NULL, NULL, NULL),
		RD_FORBIDDEN);
	assert_ok(rd_db_run(t->db, "INSERT INTO meta (name, value) VALUES ('a', '')", NULL, 0, NULL,
		NULL, NULL));
	assert_status(rd_db_run(t->db, "INSERT INTO meta (name, value) VALUES ('a', '')", NULL, 0,
			      NULL, NULL, NULL),
		RD_EXISTS);
	assert_null(strstr(rd_db_error(t->db), "(a)"));
}

struct worker {
	pthread_t thread;
	const struct test_database *database;
	unsigned number;
	unsigned done;
	enum rd_status st;
};

static enum rd_status raise_rotations(struct rd_db *db, void *arg)
{
	struct kms_key key;
	enum rd_status st;

	RD_TRY(kms_store_key_find(db, arg, &key));
	key.on_demand_rotations++;
	st = kms_store_key_update(db, &key);
	kms_key_finish(&key);
	return st;
}

static void *raise_often(void *arg)
{
	struct worker *w = arg;
	struct kms_key key = test_key(1);
	struct rd_db *db = NULL;

	test_open(w->database, &db);
	for (int i = 0; i < 50 && w->st == RD_OK; i++) {
		w->st = rd_db_transact(db, raise_rotations, key.id);
	}
	rd_db_close(&db);
	return NULL;
}

static void run_workers(struct test_database *t, struct worker *workers, void *(*fn)(void *))
{
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.database = t, .number = i};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, fn, &workers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
	}
}

static void two_connections_lose_no_update(void **state)
{
	struct test_database *t = *state;
	struct worker workers[THREADS];
	unsigned number = 1;

	assert_ok(rd_db_transact(t->db, add_pair, &number));
	run_workers(t, workers, raise_often);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_ok(workers[i].st);
	}
	assert_int_equal(
		test_number(t->db, "SELECT on_demand_rotations FROM kms_key WHERE id > ''"), 100);
	assert_int_equal(test_number(t->db, "SELECT version FROM kms_key WHERE id > ''"), 101);
}

static void *add_the_same(void *arg)
{
	struct worker *w = arg;
	struct rd_db *db = NULL;

	test_open(w->database, &db);
	for (unsigned i = 0; i < 50; i++) {
		enum rd_status st = rd_db_transact(db, add_pair, &i);

		w->done += st == RD_OK;
		w->st = st == RD_OK || st == RD_EXISTS ? w->st : st;
	}
	rd_db_close(&db);
	return NULL;
}

static void of_two_that_add_the_same_one_succeeds(void **state)
{
	struct test_database *t = *state;
	struct worker workers[THREADS];

	run_workers(t, workers, add_the_same);
	assert_ok(workers[0].st);
	assert_ok(workers[1].st);
	assert_int_equal(workers[0].done + workers[1].done, 50);
	t->scans = INT64_MAX; /* HALF reads whole tables */
	assert_int_equal(test_number(t->db, KEYS), 50);
	assert_int_equal(test_number(t->db, HALF), 0);
	assert_int_equal(
		test_number(t->db,
			"SELECT CAST(sum(n) AS BIGINT) FROM account_keys WHERE account > ''"),
		50);
}

/* On PostgreSQL a second connection does not wait: the first to commit wins. */
static void a_version_read_before_anothers_commit_is_stale(void **state)
{
	struct test_database *t = *state;
	struct rd_db *other = NULL;
	struct kms_key key = test_key(1), mine;
	unsigned number = 1;

	assert_ok(rd_db_transact(t->db, add_pair, &number));
	test_open(t, &other);
	assert_ok(kms_store_key_find(t->db, key.id, &mine));
	assert_ok(rd_db_transact(other, raise_rotations, key.id));
	in_transaction_fails(t->db, kms_store_key_update(t->db, &mine), RD_AGAIN);
	kms_key_finish(&mine);
	if (on_postgres) {
		assert_ok(rd_db_begin(t->db));
		assert_ok(kms_store_key_find(t->db, key.id, &mine));
		assert_ok(rd_db_transact(other, raise_rotations, key.id));
		assert_status(kms_store_key_update(t->db, &mine), RD_AGAIN);
		rd_db_rollback(t->db);
		kms_key_finish(&mine);
	}
	rd_db_close(&other);
}

/* Another database that nobody has opened yet. */
static void fresh_url(const struct test_database *t, char ret[TEST_URL_SIZE], const char *options)
{
	char sql[256], name[64];

	if (!on_postgres) {
		snprintf(ret, TEST_URL_SIZE, "sqlite:%s/fresh.db", t->dir);
		return;
	}
	snprintf(name, sizeof(name), "fresh_%s", t->name);
	snprintf(sql, sizeof(sql), "CREATE DATABASE %s %s", name, options);
	test_sql(getenv("TEST_POSTGRES"), sql);
	test_postgres_url(name, ret);
}

static void drop_fresh(const struct test_database *t)
{
	char sql[256];

	if (on_postgres) {
		snprintf(sql, sizeof(sql), "DROP DATABASE fresh_%s WITH (FORCE)", t->name);
		test_sql(getenv("TEST_POSTGRES"), sql);
	}
}

static void servers_may_start_at_the_same_time(void **state)
{
	struct test_database *t = *state;
	char url[TEST_URL_SIZE];
	pid_t children[6];
	int status;

	fresh_url(t, url, "");
	for (unsigned i = 0; i < RD_ARRAY_LEN(children); i++) {
		children[i] = fork();
		if (children[i] == 0) {
			struct rd_error err = {.text = ""};
			struct rd_db *db = NULL;
			enum rd_status st = rd_db_open(url, &kms_schema, &db, &err);

			if (st != RD_OK) {
				fprintf(stderr, "%s: %s\n", rd_status_name(st), err.text);
			}
			_exit(st == RD_OK ? 0 : 1);
		}
	}
	for (unsigned i = 0; i < RD_ARRAY_LEN(children); i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	drop_fresh(t);
}

static void a_newer_schema_is_refused(void **state)
{
	struct test_database *t = *state;
	struct rd_error err = {.text = ""};
	struct rd_db *other = NULL;

	assert_ok(rd_db_run(t->db, "UPDATE schema_version SET version = version + 1", NULL, 0, NULL,
		NULL, NULL));
	assert_status(rd_db_open(t->url, &kms_schema, &other, &err), RD_BAD_VERSION);
	assert_null(other);
	assert_non_null(strstr(err.text, "newer redoubt-kms"));
	assert_ok(rd_db_run(t->db, "UPDATE schema_version SET version = version - 1", NULL, 0, NULL,
		NULL, NULL));
	test_open(t, &other);
	rd_db_close(&other);
}

static void *wake(void *arg)
{
	struct worker *w = arg;
	struct rd_db *db = NULL;
	unsigned number = 7;

	test_open(w->database, &db);
	nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
	w->number = (unsigned)now_ms();
	w->st = rd_db_transact(db, add_pair, &number);
	rd_db_close(&db);
	return NULL;
}

static void a_commit_wakes_a_waiter_at_once(void **state)
{
	struct test_database *t = *state;
	struct worker w = {.database = t};
	struct rd_db *waiter = NULL;
	unsigned woken;

	test_open(t, &waiter);
	if (!on_postgres) {
		const int64_t start = now_ms();

		assert_ok(rd_db_wait(waiter, 50)); /* alone: the time passes */
		assert_true(now_ms() - start >= 49);
		rd_db_close(&waiter);
		return;
	}
	assert_ok(rd_db_wait(waiter, 10000)); /* at once: begins to listen */
	assert_int_equal(pthread_create(&w.thread, NULL, wake, &w), 0);
	assert_ok(rd_db_wait(waiter, 10000));
	woken = (unsigned)now_ms();
	pthread_join(w.thread, NULL);
	assert_ok(w.st);
	/* Long before its time is over, also on a machine that has other things to do. */
	assert_true(woken - w.number < 2000);
	rd_db_close(&waiter);
}

static void a_rolled_back_change_wakes_nobody(void **state)
{
	struct test_database *t = *state;
	struct rd_db *waiter = NULL;
	unsigned number = 1;
	int64_t start;

	test_open(t, &waiter);
	assert_ok(rd_db_wait(waiter, 0));
	assert_ok(rd_db_begin(t->db));
	assert_ok(add_pair(t->db, &number));
	rd_db_rollback(t->db);
	in_transaction(t->db, rd_db_run(t->db, KEYS, NULL, 0, NULL, NULL, NULL));
	start = now_ms();
	assert_ok(rd_db_wait(waiter, 200));
	assert_true(now_ms() - start >= 199);
	rd_db_close(&waiter);
}

/* Fills the database until the disk is full; returns how many were acknowledged. */
static unsigned fill(struct rd_db *db)
{
	enum rd_status st = RD_OK;
	unsigned n = 0;

	while (st == RD_OK && n < 20000) {
		st = rd_db_transact(db, add_pair, &n);
		n += st == RD_OK;
	}
	assert_status(st, RD_NOSPACE);
	assert_true(n > 10);
	return n;
}

static void a_full_disk_leaves_nothing_half_done(void **state)
{
	struct test_database *t = *state;
	struct rlimit before;
	unsigned n;

	if (on_postgres) {
		print_message("its disk is another: see the next test\n");
		skip();
	}
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){1 << 20, before.rlim_max}), 0);
	n = fill(t->db);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(test_number(t->db, KEYS), n);
	assert_int_equal(test_number(t->db, HALF), 0);
	assert_ok(rd_db_transact(t->db, add_pair, &n));
}

static void a_full_tablespace_leaves_nothing_half_done(void **state)
{
	struct test_database *t = *state;
	const char *small = getenv("TEST_POSTGRES_SMALL");
	char url[TEST_URL_SIZE], sql[256];
	struct rd_error err = {.text = ""};
	struct rd_db *db = NULL;
	unsigned n;

	if (!on_postgres || small == NULL) {
		print_message("%s\n", on_postgres ? "no file system may be mounted here"
						  : "tablespaces are PostgreSQL's");
		skip();
	}
	snprintf(sql, sizeof(sql), "CREATE TABLESPACE small LOCATION '%s'", small);
	test_sql(getenv("TEST_POSTGRES"), sql);
	fresh_url(t, url, "TABLESPACE small");
	assert_ok(rd_db_open(url, &kms_schema, &db, &err));
	n = fill(db);
	assert_int_equal(test_number(db, KEYS), n);
	assert_int_equal(test_number(db, HALF), 0);
	rd_db_close(&db);
	drop_fresh(t);
	test_sql(getenv("TEST_POSTGRES"), "DROP TABLESPACE small");
}

static void a_restart_of_the_server_is_survived(void **state)
{
	struct test_database *t = *state;
	unsigned number = 1;

	if (!on_postgres) {
		print_message("SQLite has no server\n");
		skip();
	}
	assert_ok(rd_db_transact(t->db, add_pair, &number));
	test_postgres_control("restart");
	assert_status(rd_db_run(t->db, KEYS, NULL, 0, NULL, NULL, NULL), RD_CLOSED);
	assert_int_equal(test_number(t->db, KEYS), 1);
	assert_ok(rd_db_begin(t->db));
	number = 2;
	assert_ok(add_pair(t->db, &number));
	test_postgres_control("restart");
	assert_status(rd_db_run(t->db, KEYS, NULL, 0, NULL, NULL, NULL), RD_CLOSED);
	assert_status(rd_db_run(t->db, KEYS, NULL, 0, NULL, NULL, NULL), RD_CLOSED);
	assert_status(rd_db_commit(t->db), RD_CLOSED);
	assert_int_equal(test_number(t->db, KEYS), 1);
	test_postgres_control("restart");
	assert_ok(rd_db_transact(t->db, add_pair, &number));
	assert_int_equal(test_number(t->db, KEYS), 2);
}

static void a_waiter_listens_again_after_a_restart(void **state)
{
	struct test_database *t = *state;
	struct rd_db *waiter = NULL;
	unsigned number = 1;
	int64_t start;

	if (!on_postgres) {
		print_message("SQLite has no server\n");
		skip();
	}
	test_open(t, &waiter);
	assert_ok(rd_db_wait(waiter, 0));
	test_postgres_control("restart");
	assert_status(rd_db_wait(waiter, 1000), RD_CLOSED);
	assert_ok(rd_db_wait(waiter, 10000));
	assert_ok(rd_db_transact(t->db, add_pair, &number));
	start = now_ms();
	assert_ok(rd_db_wait(waiter, 10000));
	assert_true(now_ms() - start < 1000);
	rd_db_close(&waiter);
}

static void a_server_that_stays_away_is_given_up(void **state)
{
	struct test_database *t = *state;
	struct rd_error err = {.text = ""};
	struct rd_db *other = NULL;
	unsigned number = 1;
	const int64_t start = now_ms();

	if (!on_postgres) {
		print_message("SQLite has no server\n");
		skip();
	}
	test_postgres_control("stop");
	assert_status(rd_db_transact(t->db, add_pair, &number), RD_CLOSED);
	assert_true(now_ms() - start < 15000);
	assert_status(rd_db_open(t->url, &kms_schema, &other, &err), RD_CLOSED);
	assert_null(strstr(err.text, t->name));
	test_postgres_control("start");
	assert_ok(rd_db_transact(t->db, add_pair, &number));
}

static void who_must_not_wait_is_told(void **state)
{
	struct test_database *t = *state;
	struct rd_error err = {.text = ""};
	struct rd_db *db = NULL;
	int64_t start, keys = -1;
	unsigned number = 1;

	assert_ok(rd_db_open_nonblocking(t->url, &db, &err));
	assert_false(rd_db_would_block(db));
	assert_status(rd_db_run(db, KEYS, NULL, 0, test_number_row, &keys, NULL),
		on_postgres ? RD_AGAIN : RD_OK);
	assert_int_equal(rd_db_would_block(db), on_postgres);
	assert_false(rd_db_would_block(db)); /* told once */
	assert_ok(rd_db_begin(t->db));
	start = now_ms();
	assert_status(rd_db_transact(db, add_pair, &number), RD_AGAIN);
	assert_true(now_ms() - start < 1000);
	assert_true(rd_db_would_block(db));
	rd_db_rollback(t->db);
	assert_status(rd_db_may_wait(db), RD_AGAIN);
	assert_true(rd_db_would_block(db));
	assert_ok(rd_db_may_wait(t->db));
	assert_false(rd_db_would_block(t->db));
	rd_db_close(&db);
}

static void a_limit_ends_what_waits(void **state)
{
	struct test_database *t = *state;
	struct rd_db *other = NULL;
	int64_t start = now_ms();
	unsigned number = 1;

	test_open(t, &other);
	rd_db_limit(t->db, 300);
	if (on_postgres) {
		assert_status(
			rd_db_run(t->db, "SELECT 1 FROM pg_sleep(5)", NULL, 0, NULL, NULL, NULL),
			RD_TIMEOUT);
	} else {
		assert_ok(rd_db_begin(other));
		assert_status(rd_db_transact(t->db, add_pair, &number), RD_AGAIN);
		rd_db_rollback(other);
	}
	assert_true(now_ms() - start >= 300 && now_ms() - start < 3000);
	rd_db_limit(t->db, 0);
	assert_ok(rd_db_transact(t->db, add_pair, &number));
	rd_db_close(&other);
}

static void passwords_stay_out_of_errors(void **state)
{
	const char *query = getenv("TEST_POSTGRES");
	static const char *const wrong[] = {"postgres-sesame", "mysql://u:sesame@h/d", ""};
	struct rd_error err = {.text = ""};
	struct rd_db *db = NULL;
	char url[TEST_URL_SIZE];

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(wrong); i++) {
		assert_status(rd_db_open(wrong[i], &kms_schema, &db, &err), RD_USAGE);
		assert_null(strstr(err.text, "sesame"));
	}
	if (on_postgres) {
		snprintf(url, sizeof(url), "postgresql:///nosuch%s&password=sesame",
			strchr(query, '?'));
		assert_status(rd_db_open(url, &kms_schema, &db, &err), RD_DENIED);
		assert_null(strstr(err.text, "sesame"));
		assert_null(strstr(err.text, "nosuch"));
		assert_status(rd_db_open("postgresql://u:sesame@[::/x?nonsense=sesame", &kms_schema,
				      &db, &err),
			RD_USAGE);
		assert_null(strstr(err.text, "sesame"));
		assert_status(
			rd_db_open("postgresql://u:sesame@127.0.0.1:1/d", &kms_schema, &db, &err),
			RD_CLOSED);
		assert_null(strstr(err.text, "sesame"));
	}
}

static void a_database_in_another_encoding_is_refused(void **state)
{
	struct test_database *t = *state;
	struct rd_error err = {.text = ""};
	struct rd_db *db = NULL;
	char url[TEST_URL_SIZE];

	if (!on_postgres) {
		print_message("SQLite's encoding is ours to choose\n");
		skip();
	}
	fresh_url(t, url, "ENCODING 'LATIN1' TEMPLATE template0");
	assert_status(rd_db_open(url, &kms_schema, &db, &err), RD_UNSUPPORTED);
	assert_non_null(strstr(err.text, "UTF8"));
	drop_fresh(t);
}

static void commits_wait_for_the_disk(void **state)
{
	struct test_database *t = *state;

	if (!on_postgres) {
		assert_int_equal(test_number(t->db, "PRAGMA synchronous"), 2); /* FULL */
		return;
	}
	assert_ok(rd_db_run(t->db, "SET synchronous_commit = off", NULL, 0, NULL, NULL, NULL));
	test_sql(getenv("TEST_POSTGRES"), "ALTER ROLE redoubt SET synchronous_commit = off");
	rd_db_close(&t->db);
	test_open(t, &t->db);
	assert_int_equal(test_number(t->db, "SELECT CASE current_setting('synchronous_commit')"
					    " WHEN 'on' THEN 1 ELSE 0 END"),
		1);
	test_sql(getenv("TEST_POSTGRES"), "ALTER ROLE redoubt RESET synchronous_commit");
}

static void a_file_that_others_may_read_is_refused(void **state)
{
	struct test_database *t = *state;
	const char *path = t->url + strlen("sqlite:");
	struct rd_error err = {.text = ""};
	struct rd_db *db = NULL;
	char link_url[TEST_URL_SIZE];
	struct stat sb;

	if (on_postgres) {
		print_message("PostgreSQL keeps its own files\n");
		skip();
	}
	assert_int_equal(stat(path, &sb), 0);
	assert_int_equal(sb.st_mode & 0777, 0600);
	assert_int_equal(chmod(path, 0640), 0);
	assert_status(rd_db_open(t->url, &kms_schema, &db, &err), RD_DENIED);
	assert_non_null(strstr(err.text, "chmod 600"));
	assert_int_equal(chmod(path, 0600), 0);
	snprintf(link_url, sizeof(link_url), "sqlite:%s/link", t->dir);
	assert_int_equal(symlink(path, link_url + strlen("sqlite:")), 0);
	assert_int_not_equal(rd_db_open(link_url, &kms_schema, &db, &err), RD_OK);
	assert_null(db);
	assert_status(
		rd_db_open("sqlite:/nonexistent/kms.db", &kms_schema, &db, &err), RD_NOTFOUND);
}

static void a_file_that_is_no_database_is_refused(void **state)
{
	struct test_database *t = *state;
	struct rd_error err = {.text = ""};
	struct rd_db *db = NULL;
	char url[TEST_URL_SIZE];
	FILE *f;

	if (on_postgres) {
		print_message("PostgreSQL keeps its own files\n");
		skip();
	}
	snprintf(url, sizeof(url), "sqlite:%s/text", t->dir);
	f = fopen(url + strlen("sqlite:"), "w");
	assert_non_null(f);
	for (int i = 0; i < 200; i++) {
		fputs("not a database file at all\n", f);
	}
	fclose(f);
	assert_int_equal(chmod(url + strlen("sqlite:"), 0600), 0);
	assert_status(rd_db_open(url, &kms_schema, &db, &err), RD_MALFORMED);
}

/* Another process, as the server's tool is one: reads the keys' number and ends. */
static int64_t count_from_outside(const struct test_database *t)
{
	char command[256], line[32] = "";
	FILE *out;

	snprintf(command, sizeof(command),
		"python3 -c \"import sqlite3; c = sqlite3.connect('%s');"
		" print(c.execute('" KEYS "').fetchone()[0]); c.close()\"",
		t->url + strlen("sqlite:"));
	out = popen(command, "r");
	assert_non_null(out);
	assert_non_null(fgets(line, sizeof(line), out));
	assert_int_equal(pclose(out), 0);
	return strtoll(line, NULL, 10);
}

/* Whoever is alone with a database removes its journal at the end: nobody is, next to a server. */
static void another_process_does_not_take_the_journal_away(void **state)
{
	struct test_database *t = *state;
	struct rd_db *second = NULL;
	char wal[TEST_URL_SIZE + 8];
	struct stat before, after;
	unsigned number = 1;

	if (on_postgres) {
		print_message("PostgreSQL keeps its own files\n");
		skip();
	}
	snprintf(wal, sizeof(wal), "%s-wal", t->url + strlen("sqlite:"));
	test_open(t, &second);
	assert_ok(rd_db_transact(t->db, add_pair, &number));
	assert_int_equal(stat(wal, &before), 0);
	assert_int_equal(count_from_outside(t), 1);
	assert_int_equal(stat(wal, &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	number = 2;
	assert_ok(rd_db_transact(second, add_pair, &number));
	assert_int_equal(count_from_outside(t), 2);
	rd_db_close(&second);
}

static void *write_on(void *arg)
{
	struct worker *w = arg;
	struct rd_db *db = NULL;

	test_open(w->database, &db);
	for (unsigned i = 0; w->st == RD_OK && __atomic_load_n(&w->done, __ATOMIC_RELAXED) == 0;
		i++) {
		w->st = rd_db_transact(db, add_pair, &i);
	}
	rd_db_close(&db);
	return NULL;
}

static int text_is_ok(void *arg, int n, char **values, char **names)
{
	(void)names;
	*(bool *)arg = n == 1 && strcmp(values[0], "ok") == 0;
	return 0;
}

static void a_backup_while_writing_is_consistent(void **state)
{
	struct test_database *t = *state;
	struct worker w = {.database = t};
	struct rd_error err = {.text = ""};
	struct test_database copy = {.db = NULL};
	char path[64];
	struct stat sb;
	sqlite3 *raw = NULL;
	bool sound = false;

	snprintf(path, sizeof(path), "%s/backup.db", t->dir);
	if (on_postgres) {
		assert_status(rd_db_backup(t->db, path, &err), RD_UNSUPPORTED);
		return;
	}
	assert_int_equal(pthread_create(&w.thread, NULL, write_on, &w), 0);
	while (test_number(t->db, KEYS) < 20) {
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	}
	assert_ok(rd_db_backup(t->db, path, &err));
	__atomic_store_n(&w.done, 1, __ATOMIC_RELAXED);
	pthread_join(w.thread, NULL);
	assert_ok(w.st);
	assert_int_equal(stat(path, &sb), 0);
	assert_int_equal(sb.st_mode & 0777, 0600);
	assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
	assert_int_equal(sqlite3_exec(raw, "PRAGMA integrity_check", text_is_ok, &sound, NULL), 0);
	assert_true(sound);
	sqlite3_close(raw);
	snprintf(copy.url, sizeof(copy.url), "sqlite:%s", path);
	test_open(&copy, &copy.db);
	assert_true(test_number(copy.db, KEYS) >= 20);
	assert_int_equal(test_number(copy.db, HALF), 0);
	rd_db_close(&copy.db);
	assert_status(rd_db_backup(t->db, path, &err), RD_EXISTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DATABASE_TEST(a_rollback_leaves_nothing),
		DATABASE_TEST(wrong_statements_are_our_own_fault),
		DATABASE_TEST(a_failed_transaction_cannot_be_committed),
		DATABASE_TEST(broken_references_are_forbidden),
		DATABASE_TEST(two_connections_lose_no_update),
		DATABASE_TEST(of_two_that_add_the_same_one_succeeds),
		DATABASE_TEST(a_version_read_before_anothers_commit_is_stale),
		DATABASE_TEST(servers_may_start_at_the_same_time),
		DATABASE_TEST(a_newer_schema_is_refused),
		DATABASE_TEST(a_commit_wakes_a_waiter_at_once),
		DATABASE_TEST(a_rolled_back_change_wakes_nobody),
		DATABASE_TEST(a_full_disk_leaves_nothing_half_done),
		DATABASE_TEST(a_full_tablespace_leaves_nothing_half_done),
		DATABASE_TEST(a_restart_of_the_server_is_survived),
		DATABASE_TEST(a_waiter_listens_again_after_a_restart),
		DATABASE_TEST(a_server_that_stays_away_is_given_up),
		DATABASE_TEST(who_must_not_wait_is_told),
		DATABASE_TEST(a_limit_ends_what_waits),
		DATABASE_TEST(passwords_stay_out_of_errors),
		DATABASE_TEST(a_database_in_another_encoding_is_refused),
		DATABASE_TEST(commits_wait_for_the_disk),
		DATABASE_TEST(a_file_that_others_may_read_is_refused),
		DATABASE_TEST(a_file_that_is_no_database_is_refused),
		DATABASE_TEST(another_process_does_not_take_the_journal_away),
		DATABASE_TEST(a_backup_while_writing_is_consistent),
	};

	return RUN_ON_BOTH(tests);
}
