/* SPDX-License-Identifier: Apache-2.0 */
/* A fresh database for each test, of either kind: SQLite in a temporary directory, PostgreSQL in
 * the cluster that tests/support/postgres has started. */
#ifndef RD_TEST_DATABASE_H
#define RD_TEST_DATABASE_H

#include "test.h"

#include "kms/schema.h"
#include "kms/store.h"

#define TEST_URL_SIZE 512

struct test_database {
	struct rd_db *db;
	char url[TEST_URL_SIZE];
	char dir[32];  /* for files; holds kms.db on SQLite */
	char name[32]; /* on PostgreSQL */
	int64_t scans; /* of whole tables, before the test */
};

/* Which of the two the tests run on now. */
extern bool on_postgres;

/* Straight to the server. */
void test_sql(const char *url, const char *sql);
/* The cluster's URL with another database's name. */
void test_postgres_url(const char *name, char ret[TEST_URL_SIZE]);
/* "stop", "start", "restart", "crash" */
void test_postgres_control(const char *what);
/* Another connection; fails the test when there is none. */
void test_open(const struct test_database *t, struct rd_db **ret);

/* For rd_db_run: the one number of the one row, into an int64_t. */
enum rd_status test_number_row(void *arg, const struct rd_db_value *columns, size_t n);
int64_t test_number(struct rd_db *db, const char *sql);

int database_setup(void **state);
/* On PostgreSQL also: no statement of the test has read a whole table. */
int database_teardown(void **state);

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
		assert_ok(rd_db_begin(db));                                                        \
		assert_ok(expr);                                                                   \
		assert_ok(rd_db_commit(db));                                                       \
	} while (0)
#define in_transaction_fails(db, expr, want)                                                       \
	do {                                                                                       \
		assert_ok(rd_db_begin(db));                                                        \
		assert_status(expr, want);                                                         \
		rd_db_rollback(db);                                                                \
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
