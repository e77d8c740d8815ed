/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small named values, and the list of changes.
 *
 * A change's number must say in which order changes became visible, or a reader that has gone on to
 * a later one would never see an earlier one that was committed after it. On SQLite writers follow
 * one another, and rows count upwards. On PostgreSQL the number is that of the writing transaction;
 * all below change_horizon, the oldest that still runs, have ended. Rows from there on are told of,
 * but under the number just below the horizon: a reader that goes on from it meets them again, with
 * those that were not committed yet. Dropping an entry twice does no harm.
 */
#include "kms/store-internal.h"

static enum rd_status value_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	RD_ENSURE(n == 1 && columns[0].type == RD_DB_BLOB, RD_BAD_TYPE);
	return rd_buf_put_view(arg, columns[0].bytes);
}

enum rd_status kms_store_meta_get(struct rd_db *db, const char *name, struct rd_buf *out)
{
	return rd_db_one(db, "SELECT value FROM meta WHERE name = $1", RD_DB_ARGS(rd_db_text(name)),
		value_row, out);
}

enum rd_status kms_store_meta_add(struct rd_db *db, const char *name, struct rd_view value)
{
	RD_TRY(rd_db_write(db,
		"INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING",
		RD_DB_ARGS(rd_db_text(name), rd_db_blob(value)), RD_EXISTS));
	return kms_store_change_add(db, 'r', name);
}

enum rd_status kms_store_meta_replace(struct rd_db *db, const char *name, struct rd_view value)
{
	RD_TRY(rd_db_write(db,
		"INSERT INTO meta (name, value) VALUES ($1, $2)"
		" ON CONFLICT (name) DO UPDATE SET value = excluded.value",
		RD_DB_ARGS(rd_db_text(name), rd_db_blob(value)), RD_INTERNAL));
	return kms_store_change_add(db, 'r', name);
}

enum rd_status kms_store_change_add(struct rd_db *db, char kind, const char *id)
{
	const struct rd_db_value kind_text = {.type = RD_DB_TEXT, .bytes = rd_view(&kind, 1)};

	RD_TRY(rd_db_write(db, "INSERT INTO change (kind, id) VALUES ($1, $2)",
		RD_DB_ARGS(kind_text, rd_db_text(id)), RD_INTERNAL));
	return rd_db_notify(db);
}

static enum rd_status number_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);
	int64_t *ret = arg;

	*ret = rd_db_take_i64(&c);
	return rd_db_take_finish(&c);
}

enum rd_status kms_store_changes_last(struct rd_db *db, int64_t *ret_number)
{
	int64_t horizon;

	RD_TRY(rd_db_one(db, "SELECT number FROM change_horizon", NULL, 0, number_row, &horizon));
	*ret_number = horizon - 1;
	return RD_OK;
}

struct changes {
	kms_store_change_fn *fn;
	void *arg;
	int64_t last; /* that is certain */
};

static enum rd_status change_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);
	const struct changes *changes = arg;
	char id[KMS_ALIAS_CHANGE_SIZE];
	int64_t number;
	char kind[2];

	number = rd_db_take_i64(&c);
	rd_db_take_text(&c, kind, sizeof(kind));
	rd_db_take_text(&c, id, sizeof(id));
	RD_TRY(rd_db_take_finish(&c));
	return changes->fn(
		changes->arg, number < changes->last ? number : changes->last, kind[0], id);
}

/* The horizon first: what is below it when it is read is visible to the second statement. */
enum rd_status kms_store_changes_since(
	struct rd_db *db, int64_t number, kms_store_change_fn *fn, void *arg)
{
	struct changes changes = {.fn = fn, .arg = arg};

	RD_TRY(kms_store_changes_last(db, &changes.last));
	RD_ENSURE(changes.last >= number, RD_MISSING);
	return rd_db_run(db,
		"SELECT number, kind, id FROM change WHERE number > $1 ORDER BY number, place",
		RD_DB_ARGS(rd_db_int(number)), change_row, &changes, NULL);
}

/* The newest stays: SQLite's horizon is reckoned from it. */
enum rd_status kms_store_changes_prune(struct rd_db *db, int64_t before_ms)
{
	return rd_db_run(db,
		"DELETE FROM change WHERE at_ms < $1"
		" AND place < (SELECT max(place) FROM change)",
		RD_DB_ARGS(rd_db_int(before_ms)), NULL, NULL, NULL);
}
