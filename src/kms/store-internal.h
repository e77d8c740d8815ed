/* SPDX-License-Identifier: Apache-2.0 */
/* From rows to records, for store_*.c alone. */
#ifndef KMS_STORE_INTERNAL_H
#define KMS_STORE_INTERNAL_H

#include "kms/store.h"

/* The parameters of a statement: kms_db_run(db, sql, KMS_ARGS(kms_db_text(id)), …). */
#define KMS_ARGS(...)                                                                              \
	(const struct kms_db_value[]){__VA_ARGS__},                                                \
		RD_ARRAY_LEN(((const struct kms_db_value[]){__VA_ARGS__}))

/*
 * Columns of a row, taken one after the other. The first that is not what it should be sets st and
 * all later ones give zeros: who can write to the database must not be able to do more than that.
 */
struct kms_columns {
	const struct kms_db_value *next;
	size_t left;
	enum rd_status st;
};

static inline struct kms_columns kms_columns(const struct kms_db_value *columns, size_t n)
{
	return (struct kms_columns){.next = columns, .left = n, .st = RD_OK};
}

int64_t kms_take_i64(struct kms_columns *c);
/* 0 to max. */
uint32_t kms_take_u32(struct kms_columns *c, uint32_t max);
bool kms_take_bool(struct kms_columns *c);
/* Into an array of this size. */
void kms_take_text(struct kms_columns *c, char *ret, size_t size);
/* On the heap; NULL for SQL's NULL. */
void kms_take_dup(struct kms_columns *c, char **ret);
void kms_take_blob(struct kms_columns *c, uint8_t **ret, size_t *ret_len);
/* st, or RD_BAD_TYPE when something is left. */
enum rd_status kms_take_finish(const struct kms_columns *c) RD_MUST_USE;

/* As kms_db_run, for a statement that finds one row or none: RD_NOTFOUND. */
enum rd_status kms_store_one(struct kms_db *db, const char *sql, const struct kms_db_value *params,
	size_t n_params, kms_db_row *row, void *arg) RD_MUST_USE;

/* Whether a statement with the one parameter id finds a row: RD_NOTFOUND. */
enum rd_status kms_store_exists(struct kms_db *db, const char *sql, const char *id) RD_MUST_USE;

/* As kms_db_run, for a statement that writes: when it has changed no row, `none`. */
enum rd_status kms_store_write(struct kms_db *db, const char *sql,
	const struct kms_db_value *params, size_t n_params, enum rd_status none) RD_MUST_USE;

/*
 * Counts one more of something at a key, up to a quota. sql: "UPDATE kms_key SET n_x = n_x + 1
 * WHERE id = $1 AND n_x < $2". RD_NOTFOUND: no such key; RD_LIMIT.
 */
enum rd_status kms_store_count(
	struct kms_db *db, const char *sql, const char *key_id, int64_t quota) RD_MUST_USE;

/* ASCII lower case, for names that compare without case. RD_LIMIT when it does not fit. */
enum rd_status kms_store_fold(const char *name, char *ret, size_t size) RD_MUST_USE;

/* Of a wrapped value: its first four bytes (keyring.h). 0 when there is none. */
int64_t kms_store_wrap_generation(struct rd_view wrapped);

/* "<account>:<name>", the longest id of a change. */
#define KMS_ALIAS_CHANGE_SIZE (KMS_ACCOUNT_SIZE + KMS_ALIAS_SIZE)

#endif
