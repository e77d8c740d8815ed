/* SPDX-License-Identifier: Apache-2.0 */
/* What db.c asks of each kind of database; for db*.c alone. */
#ifndef RD_DB_INTERNAL_H
#define RD_DB_INTERNAL_H

#include "db/db.h"

/* One line; a database's own messages name tables and rules, never values of ours. */
#define RD_DB_ERROR_SIZE 256

/* Different statements of this program, with room to grow. */
#define RD_DB_STATEMENTS_MAX 160

/* What schema texts write as {name}. */
struct rd_db_word {
	const char *name;
	const char *text;
};
#define RD_DB_WORDS 6

struct rd_db_ops {
	const char *scheme; /* "sqlite:" */
	enum rd_status (*open)(
		const char *url, bool nonblocking, struct rd_db **ret, struct rd_error *err);
	void (*close)(struct rd_db *db);
	/* exclusive: no other connection may change the schema meanwhile. */
	enum rd_status (*begin)(struct rd_db *db, bool exclusive);
	enum rd_status (*commit)(struct rd_db *db);
	void (*rollback)(struct rd_db *db);
	enum rd_status (*run)(struct rd_db *db, const char *sql, const struct rd_db_value *params,
		size_t n_params, rd_db_row *row, void *arg, uint64_t *ret_changed);
	enum rd_status (*read)(struct rd_db *db, const struct rd_db_read *reads, size_t n,
		const struct rd_db_value *params, size_t n_params);
	/* Statements of the schema: no parameters, no rows, not prepared. */
	enum rd_status (*script)(struct rd_db *db, const char *sql);
	enum rd_status (*notify)(struct rd_db *db);
	enum rd_status (*wait)(struct rd_db *db, unsigned timeout_ms);
	enum rd_status (*backup)(struct rd_db *db, const char *path, struct rd_error *err);
	struct rd_db_word words[RD_DB_WORDS];
};

/* First member of each kind's own struct. */
struct rd_db {
	const struct rd_db_ops *ops;
	bool nonblocking, would_block;
	int64_t deadline_ms; /* monotonic, of all that happens; 0: none */
	rd_db_work *before_commit;
	void *before_commit_arg;
	char error[RD_DB_ERROR_SIZE];
};

int64_t rd_db_now_ms(void); /* of the monotonic clock */

extern const struct rd_db_ops rd_db_sqlite;
extern const struct rd_db_ops rd_db_postgres;

/* db_schema.c. */
enum rd_status rd_db_upgrade(
	struct rd_db *db, const struct rd_db_schema *schema, struct rd_error *err) RD_MUST_USE;

#endif
