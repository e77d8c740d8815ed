/* SPDX-License-Identifier: Apache-2.0 */
/* Last uses of keys, and since when they are noted. */
#include "kms/store-internal.h"

/* A key that has gone has no uses; of two servers' the later stays. */
enum rd_status kms_store_last_use_put(struct rd_db *db, const struct kms_last_use *use)
{
	return rd_db_run(db,
		"INSERT INTO last_use (key_id, operation, used_ms, request_id)"
		" SELECT id, CAST($1 AS TEXT), CAST($2 AS BIGINT), CAST($3 AS TEXT)"
		" FROM kms_key WHERE id = $4"
		" ON CONFLICT (key_id) DO UPDATE SET operation = excluded.operation,"
		" used_ms = excluded.used_ms, request_id = excluded.request_id"
		" WHERE last_use.used_ms <= excluded.used_ms",
		RD_DB_ARGS(rd_db_text(use->operation), rd_db_int(use->used_ms),
			rd_db_text(use->request_id), rd_db_text(use->key_id)),
		NULL, NULL, NULL);
}

static enum rd_status usage_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);
	struct kms_last_use use;

	rd_db_take_text(&c, use.key_id, sizeof(use.key_id));
	rd_db_take_text(&c, use.operation, sizeof(use.operation));
	use.used_ms = rd_db_take_i64(&c);
	rd_db_take_text(&c, use.request_id, sizeof(use.request_id));
	RD_TRY(rd_db_take_finish(&c));
	*(struct kms_last_use *)arg = use;
	return RD_OK;
}

enum rd_status kms_store_last_use_get(
	struct rd_db *db, const char *key_id, struct kms_last_use *ret)
{
	return rd_db_one(db,
		"SELECT key_id, operation, used_ms, request_id FROM last_use WHERE key_id = $1",
		RD_DB_ARGS(rd_db_text(key_id)), usage_row, ret);
}

static enum rd_status since_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);

	*(int64_t *)arg = rd_db_take_i64(&c);
	return rd_db_take_finish(&c);
}

enum rd_status kms_store_last_use_since(struct rd_db *db, int64_t *ret_ms)
{
	return rd_db_one(db, "SELECT since_ms FROM last_use_tracking WHERE id = 1", NULL, 0,
		since_row, ret_ms);
}
