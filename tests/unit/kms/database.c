/* SPDX-License-Identifier: Apache-2.0 */
/* Fresh databases for tests. */
#include "database.h"

#include <libpq-fe.h>
#include <unistd.h>

bool on_postgres;

void test_sql(const char *url, const char *sql)
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

void test_postgres_url(const char *name, char ret[TEST_URL_SIZE])
{
	const char *base = getenv("TEST_POSTGRES");
	const char *query;

	assert_non_null(base);
	query = strchr(base, '?');
	assert_non_null(query);
	snprintf(ret, TEST_URL_SIZE, "postgresql:///%s%s", name, query);
}

void test_postgres_control(const char *what)
{
	char command[1024];

	snprintf(command, sizeof(command), "'%s' %s '%s'", getenv("TEST_POSTGRES_TOOL"), what,
		getenv("TEST_POSTGRES_DIR"));
	assert_int_equal(system(command), 0);
}

void test_open(const struct test_database *t, struct rd_db **ret)
{
	struct rd_error err = {.text = ""};
	enum rd_status st = rd_db_open(t->url, &kms_schema, ret, &err);

	if (st != RD_OK) {
		fail_msg("%s: %s", rd_status_name(st), err.text);
	}
}

static enum rd_status number_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	assert_int_equal(n, 1);
	*(int64_t *)arg = columns[0].number;
	return RD_OK;
}

/*
 * Reads of whole tables in this database so far, of those that grow. A table without a fitting
 * index would be read whole at a million keys, too. (Making an index counts as one such read.)
 */
static int64_t scans_of_tables(struct rd_db *db)
{
	int64_t scans = -1;

	assert_ok(rd_db_run(db, "SELECT pg_stat_force_next_flush()", NULL, 0, NULL, NULL, NULL));
	assert_ok(rd_db_run(db,
		"SELECT sum(seq_scan)::BIGINT FROM pg_stat_user_tables"
		" WHERE relname <> 'schema_version'",
		NULL, 0, number_row, &scans, NULL));
	return scans;
}

enum rd_status test_number_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	assert_int_equal(n, 1);
	assert_int_equal(columns[0].type, RD_DB_INT);
	*(int64_t *)arg = columns[0].number;
	return RD_OK;
}

int64_t test_number(struct rd_db *db, const char *sql)
{
	int64_t number = -1;

	assert_ok(rd_db_run(db, sql, NULL, 0, test_number_row, &number, NULL));
	return number;
}

int database_setup(void **state)
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
	t->scans = on_postgres ? scans_of_tables(t->db) : 0;
	*state = t;
	return 0;
}

int database_teardown(void **state)
{
	struct test_database *t = *state;
	char command[96];

	if (on_postgres) {
		/* Fewer: the server forgets them when it is brought down hard. */
		assert_true(scans_of_tables(t->db) <= t->scans);
	}
	rd_db_close(&t->db);
	if (on_postgres) {
		snprintf(command, sizeof(command), "DROP DATABASE %s WITH (FORCE)", t->name);
		test_sql(getenv("TEST_POSTGRES"), command);
	}
	snprintf(command, sizeof(command), "rm -rf '%s'", t->dir);
	assert_int_equal(system(command), 0);
	free(t);
	return 0;
}
