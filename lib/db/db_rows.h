/* SPDX-License-Identifier: Apache-2.0 */
/* From rows to records: columns one after the other, statements about one row. */
#ifndef RD_DB_ROWS_H
#define RD_DB_ROWS_H

#include "db/db.h"

/* The parameters of a statement: rd_db_run(db, sql, RD_DB_ARGS(rd_db_text(id)), …). */
#define RD_DB_ARGS(...)                                                                            \
	(const struct rd_db_value[]){__VA_ARGS__},                                                 \
		RD_ARRAY_LEN(((const struct rd_db_value[]){__VA_ARGS__}))

/*
 * Columns of a row, taken one after the other. The first that is not what it should be sets st and
 * all later ones give zeros: who can write to the database must not be able to do more than that.
 */
struct rd_db_columns {
	const struct rd_db_value *next;
	size_t left;
	enum rd_status st;
};

static inline struct rd_db_columns rd_db_columns(const struct rd_db_value *columns, size_t n)
{
	return (struct rd_db_columns){.next = columns, .left = n, .st = RD_OK};
}

int64_t rd_db_take_i64(struct rd_db_columns *c);
/* 0 to max. */
uint32_t rd_db_take_u32(struct rd_db_columns *c, uint32_t max);
bool rd_db_take_bool(struct rd_db_columns *c);
/* Into an array of this size. */
void rd_db_take_text(struct rd_db_columns *c, char *ret, size_t size);
/* On the heap; NULL for SQL's NULL. */
void rd_db_take_dup(struct rd_db_columns *c, char **ret);
void rd_db_take_blob(struct rd_db_columns *c, uint8_t **ret, size_t *ret_len);
/* st, or RD_BAD_TYPE when something is left. */
enum rd_status rd_db_take_finish(const struct rd_db_columns *c) RD_MUST_USE;

/* As rd_db_run, for a statement that finds one row or none: RD_NOTFOUND. */
enum rd_status rd_db_one(struct rd_db *db, const char *sql, const struct rd_db_value *params,
	size_t n_params, rd_db_row *row, void *arg) RD_MUST_USE;

/* Whether a statement with the one parameter id finds a row: RD_NOTFOUND. */
enum rd_status rd_db_exists(struct rd_db *db, const char *sql, const char *id) RD_MUST_USE;

/* As rd_db_run, for a statement that writes: when it has changed no row, `none`. */
enum rd_status rd_db_write(struct rd_db *db, const char *sql, const struct rd_db_value *params,
	size_t n_params, enum rd_status none) RD_MUST_USE;

#endif
