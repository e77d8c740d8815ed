/* SPDX-License-Identifier: Apache-2.0 */
/* A fresh database for each test, of either kind: SQLite in a temporary directory, PostgreSQL in
 * the cluster that tests/support/postgres has started. */
#ifndef RD_TEST_DATABASE_H
#define RD_TEST_DATABASE_H

#include "test.h"

#include "kms/store.h"

#include <libpq-fe.h>
#include <unistd.h>

#define TEST_URL_SIZE 512

struct test_database {
	struct kms_db *db;
	char url[TEST_URL_SIZE];
	char dir[32];  /* for files; holds kms.db on SQLite */
	char name[32]; /* on PostgreSQL */
};

static bool on_postgres;

static inline void test_sql(const char *url, const char *sql)
{
	PGconn *connection = PQconnectdb(url);
	PGresult *result = PQexec(connection, sql);

	if (PQresultStatus(result) != PGRES_COMMAND_OK &&
		PQresultStatus(result) != PGRES_TUPLES_OK) {
		fail_msg("%s: %s", sql, PQerrorMessage(connection));
	}
	PQclear(result);
	PQfinish(connection);
}

/* The cluster's URL with another database's name. */
static inline void test_postgres_url(const char *name, char ret[TEST_URL_SIZE])
{
	const char *base = getenv("TEST_POSTGRES");
	const char *query;

	assert_non_null(base);
	query = strchr(base, '?');
	assert_non_null(query);
	snprintf(ret, TEST_URL_SIZE, "postgresql:///%s%s", name, query);
}

/* "stop", "start", "restart", "crash" */
static inline void test_postgres_control(const char *what)
{
	char command[1024];

	snprintf(command, sizeof(command), "'%s' %s '%s'", getenv("TEST_POSTGRES_TOOL"), what,
		getenv("TEST_POSTGRES_DIR"));
	assert_int_equal(system(command), 0);
}

static inline void test_open(const struct test_database *t, struct kms_db **ret)
{
	struct rd_error err = {.text = ""};
	enum rd_status st = kms_db_open(t->url, ret, &err);

	if (st != RD_OK) {
		fail_msg("%s: %s", rd_status_name(st), err.text);
	}
}

static inline int database_setup(void **state)
{
	static unsigned count;
	struct test_database *t = calloc(1, sizeof(*t));
	char sql[64];

	assert_non_null(t);
	strcpy(t->dir, "/tmp/redoubt-db-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	if (on_postgres) {
		snprintf(t->name, sizeof(t->name), "t%u_%u", (unsigned)getpid(), count++);
		snprintf(sql, sizeof(sql), "CREATE DATABASE %s", t->name);
		test_sql(getenv("TEST_POSTGRES"), sql);
		test_postgres_url(t->name, t->url);
	} else {
		snprintf(t->url, sizeof(t->url), "sqlite:%s/kms.db", t->dir);
	}
	test_open(t, &t->db);
	*state = t;
	return 0;
}

static inline int database_teardown(void **state)
{
	struct test_database *t = *state;
	char command[96];

	kms_db_close(&t->db);
	if (on_postgres) {
		snprintf(command, sizeof(command), "DROP DATABASE %s WITH (FORCE)", t->name);
		test_sql(getenv("TEST_POSTGRES"), command);
	}
	snprintf(command, sizeof(command), "rm -rf '%s'", t->dir);
	assert_int_equal(system(command), 0);
	free(t);
	return 0;
}

#define DATABASE_TEST(f) cmocka_unit_test_setup_teardown(f, database_setup, database_teardown)

/* Both kinds, one after the other; 77 (skipped) when there is no PostgreSQL. */
#define RUN_ON_BOTH(tests)                                                                         \
	(cmocka_run_group_tests_name("sqlite", tests, NULL, NULL) != 0 ? 1                         \
		: getenv("TEST_POSTGRES") == NULL                                                  \
			? (puts("skipped on PostgreSQL: not run by tests/support/postgres"), 77)   \
			: (on_postgres = true, cmocka_run_group_tests_name(                        \
						       "postgresql", tests, NULL, NULL) != 0))

/* Within a transaction of its own. */
#define in_transaction(db, expr)                                                                   \
	do {                                                                                       \
		assert_ok(kms_db_begin(db));                                                       \
		assert_ok(expr);                                                                   \
		assert_ok(kms_db_commit(db));                                                      \
	} while (0)
#define in_transaction_fails(db, expr, want)                                                       \
	do {                                                                                       \
		assert_ok(kms_db_begin(db));                                                       \
		assert_status(expr, want);                                                         \
		kms_db_rollback(db);                                                               \
	} while (0)

#define ACCOUNT "111122223333"
#define OTHER   "444455556666"

/* "00000000-0000-4000-8000-" and 12 digits */
static inline struct kms_key test_key(unsigned number)
{
	struct kms_key key = {.account = ACCOUNT,
		.spec = KMS_SPEC_RSA_2048,
		.usage = KMS_SIGN_VERIFY,
		.origin = KMS_ORIGIN_EXTERNAL,
		.state = KMS_STATE_ENABLED,
		.description = (char *)(uintptr_t) "what it is for",
		.policy = (char *)(uintptr_t) "{\"Statement\": []}",
		.created_ms = 1700000000123,
		.version = 1};

	snprintf(key.id, sizeof(key.id), "00000000-0000-4000-8000-%012u", number);
	return key;
}

static inline struct kms_material test_material(const char *key_id, uint32_t generation)
{
	static uint8_t wrapped[] = {0, 0, 0, 7, 0xaa, 0xbb};
	struct kms_material m = {.generation = generation,
		.state = KMS_MATERIAL_CURRENT,
		.present = true,
		.wrapped = wrapped,
		.wrapped_len = sizeof(wrapped),
		.description = "made here",
		.created_ms = 5};

	snprintf(m.key_id, sizeof(m.key_id), "%s", key_id);
	snprintf(m.id, sizeof(m.id), "%064u", generation);
	return m;
}

static inline struct kms_grant test_grant(const char *key_id, unsigned number)
{
	struct kms_grant g = {.account = ACCOUNT,
		.name = "n",
		.grantee = "arn:aws:iam::111122223333:user/a",
		.retiring = "arn:aws:iam::111122223333:user/r",
		.issuer = "arn:aws:iam::111122223333:root",
		.operations = 0x80000001,
		.context_subset = (char *)(uintptr_t) "{\"a\":\"b\"}",
		.created_ms = 9};

	snprintf(g.key_id, sizeof(g.key_id), "%s", key_id);
	snprintf(g.id, sizeof(g.id), "%064u", number);
	return g;
}

static inline struct kms_alias test_alias(const char *name, const char *key_id)
{
	struct kms_alias a = {.account = ACCOUNT, .created_ms = 1, .updated_ms = 2};

	snprintf(a.name, sizeof(a.name), "%s", name);
	snprintf(a.key_id, sizeof(a.key_id), "%s", key_id);
	return a;
}

#endif
