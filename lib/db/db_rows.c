/* SPDX-License-Identifier: Apache-2.0 */
/* From rows to records, and what statements do. */
#include "db/db_rows.h"

#include <stdlib.h>
#include <string.h>

/* NULL, with st set, for a column that is not there. */
static const struct rd_db_value *take(struct rd_db_columns *c)
{
	if (c->st == RD_OK && c->left == 0) {
		c->st = RD_BAD_TYPE;
	}
	if (c->st != RD_OK) {
		return NULL;
	}
	c->left--;
	return c->next++;
}

static const struct rd_db_value *take_typed(struct rd_db_columns *c, enum rd_db_type type)
{
	const struct rd_db_value *v = take(c);

	if (v != NULL && v->type != type) {
		c->st = RD_BAD_TYPE;
		return NULL;
	}
	return v;
}

int64_t rd_db_take_i64(struct rd_db_columns *c)
{
	const struct rd_db_value *v = take_typed(c, RD_DB_INT);

	return v == NULL ? 0 : v->number;
}

uint32_t rd_db_take_u32(struct rd_db_columns *c, uint32_t max)
{
	int64_t number = rd_db_take_i64(c);

	if (number < 0 || number > (int64_t)max) {
		c->st = RD_BAD_NUMBER;
		return 0;
	}
	return (uint32_t)number;
}

bool rd_db_take_bool(struct rd_db_columns *c)
{
	return rd_db_take_u32(c, 1) == 1;
}

void rd_db_take_text(struct rd_db_columns *c, char *ret, size_t size)
{
	const struct rd_db_value *v = take_typed(c, RD_DB_TEXT);

	ret[0] = '\0';
	if (v == NULL) {
		return;
	}
	if (v->bytes.len >= size) {
		c->st = RD_LIMIT;
		return;
	}
	memcpy(ret, v->bytes.ptr, v->bytes.len);
	ret[v->bytes.len] = '\0';
}

void rd_db_take_dup(struct rd_db_columns *c, char **ret)
{
	const struct rd_db_value *v = take(c);

	*ret = NULL;
	if (v == NULL || v->type == RD_DB_NULL) {
		return;
	}
	if (v->type != RD_DB_TEXT) {
		c->st = RD_BAD_TYPE;
		return;
	}
	*ret = strndup((const char *)v->bytes.ptr, v->bytes.len);
	if (*ret == NULL) {
		c->st = RD_NOMEM;
	}
}

void rd_db_take_blob(struct rd_db_columns *c, uint8_t **ret, size_t *ret_len)
{
	const struct rd_db_value *v = take(c);

	*ret = NULL;
	*ret_len = 0;
	if (v == NULL || v->type == RD_DB_NULL) {
		return;
	}
	if (v->type != RD_DB_BLOB) {
		c->st = RD_BAD_TYPE;
		return;
	}
	*ret = malloc(v->bytes.len + 1);
	if (*ret == NULL) {
		c->st = RD_NOMEM;
		return;
	}
	memcpy(*ret, v->bytes.ptr, v->bytes.len);
	*ret_len = v->bytes.len;
}

enum rd_status rd_db_take_finish(const struct rd_db_columns *c)
{
	RD_TRY(c->st);
	return c->left == 0 ? RD_OK : RD_BAD_TYPE;
}

struct one {
	rd_db_row *row;
	void *arg;
	bool found;
};

static enum rd_status one_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct one *one = arg;

	RD_ENSURE(!one->found, RD_DUPLICATE);
	one->found = true;
	return one->row(one->arg, columns, n);
}

enum rd_status rd_db_one(struct rd_db *db, const char *sql, const struct rd_db_value *params,
	size_t n_params, rd_db_row *row, void *arg)
{
	struct one one = {.row = row, .arg = arg};

	RD_TRY(rd_db_run(db, sql, params, n_params, one_row, &one, NULL));
	return one.found ? RD_OK : RD_NOTFOUND;
}

enum rd_status rd_db_write(struct rd_db *db, const char *sql, const struct rd_db_value *params,
	size_t n_params, enum rd_status none)
{
	uint64_t changed = 0;

	RD_TRY(rd_db_run(db, sql, params, n_params, NULL, NULL, &changed));
	return changed > 0 ? RD_OK : none;
}

static enum rd_status ignore_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	(void)arg;
	(void)columns;
	(void)n;
	return RD_OK;
}

enum rd_status rd_db_exists(struct rd_db *db, const char *sql, const char *id)
{
	return rd_db_one(db, sql, RD_DB_ARGS(rd_db_text(id)), ignore_row, NULL);
}
