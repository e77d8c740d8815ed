/* SPDX-License-Identifier: Apache-2.0 */
/* What db.c asks of each kind of database; for db*.c alone. */
#ifndef KMS_DB_INTERNAL_H
#define KMS_DB_INTERNAL_H

#include "kms/db.h"

/* One line; a database's own messages name tables and rules, never values of ours. */
#define KMS_DB_ERROR_SIZE 256

/* Different statements of this program, with room to grow. */
#define KMS_DB_STATEMENTS_MAX 160

/* What schema texts write as {name}. */
struct kms_db_word {
	const char *name;
	const char *text;
};
#define KMS_DB_WORDS 6

struct kms_db_ops {
	const char *scheme; /* "sqlite:" */
	enum rd_status (*open)(
		const char *url, bool nonblocking, struct kms_db **ret, struct rd_error *err);
	void (*close)(struct kms_db *db);
	/* exclusive: no other connection may change the schema meanwhile. */
	enum rd_status (*begin)(struct kms_db *db, bool exclusive);
	enum rd_status (*commit)(struct kms_db *db);
	void (*rollback)(struct kms_db *db);
	enum rd_status (*run)(struct kms_db *db, const char *sql, const struct kms_db_value *params,
		size_t n_params, kms_db_row *row, void *arg, uint64_t *ret_changed);
	/* Statements of the schema: no parameters, no rows, not prepared. */
	enum rd_status (*script)(struct kms_db *db, const char *sql);
	enum rd_status (*notify)(struct kms_db *db);
	enum rd_status (*wait)(struct kms_db *db, unsigned timeout_ms);
	enum rd_status (*backup)(struct kms_db *db, const char *path, struct rd_error *err);
	struct kms_db_word words[KMS_DB_WORDS];
};

/* First member of each kind's own struct. */
struct kms_db {
	const struct kms_db_ops *ops;
	bool nonblocking, would_block;
	int64_t deadline_ms; /* monotonic, of all that happens; 0: none */
	kms_db_work *before_commit;
	void *before_commit_arg;
	char error[KMS_DB_ERROR_SIZE];
};

int64_t kms_db_now_ms(void); /* of the monotonic clock */

extern const struct kms_db_ops kms_db_sqlite;
extern const struct kms_db_ops kms_db_postgres;

/* db_schema.c. */
enum rd_status kms_db_upgrade(
	struct kms_db *db, const struct kms_db_schema *schema, struct rd_error *err) RD_MUST_USE;

#endif
