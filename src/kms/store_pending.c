/* SPDX-License-Identifier: Apache-2.0 */
/* Audit records that the log may not have yet. */
#include "kms/store-internal.h"

/* The age is the database's clock's: servers need not agree on the time. */
#define OLDER_THAN(param) "at_ms <= (SELECT now_ms FROM database_clock) - " param

enum rd_status kms_store_pending_put(
	struct rd_db *db, const char *request_id, struct rd_view record)
{
	return rd_db_write(db,
		"INSERT INTO pending_record (request_id, record) VALUES ($1, $2)"
		" ON CONFLICT (request_id) DO UPDATE SET record = excluded.record",
		RD_DB_ARGS(rd_db_text(request_id), rd_db_blob(record)), RD_INTERNAL);
}

struct ids {
	kms_store_pending_id_fn *fn;
	void *arg;
};

static enum rd_status id_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);
	const struct ids *ids = arg;
	char id[KMS_PENDING_ID_SIZE];

	rd_db_take_text(&c, id, sizeof(id));
	RD_TRY(rd_db_take_finish(&c));
	return ids->fn(ids->arg, id);
}

enum rd_status kms_store_pending_ids(
	struct rd_db *db, const char *after, uint32_t max, kms_store_pending_id_fn *fn, void *arg)
{
	struct ids ids = {.fn = fn, .arg = arg};

	return rd_db_run(db,
		"SELECT request_id FROM pending_record WHERE request_id > $1"
		" ORDER BY request_id LIMIT $2",
		RD_DB_ARGS(rd_db_text(after), rd_db_int(max)), id_row, &ids, NULL);
}

struct due {
	kms_store_pending_fn *fn;
	void *arg;
};

static enum rd_status due_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	const struct due *due = arg;
	struct rd_db_columns c = rd_db_columns(columns, n);
	char id[KMS_PENDING_ID_SIZE];

	RD_ENSURE(n == 2 && columns[1].type == RD_DB_BLOB, RD_BAD_TYPE);
	c.left = 1;
	rd_db_take_text(&c, id, sizeof(id));
	RD_TRY(rd_db_take_finish(&c));
	return due->fn(due->arg, id, columns[1].bytes);
}

enum rd_status kms_store_pending_due(
	struct rd_db *db, int64_t age_ms, uint32_t max, kms_store_pending_fn *fn, void *arg)
{
	struct due due = {.fn = fn, .arg = arg};

	return rd_db_run(db,
		"SELECT request_id, record FROM pending_record WHERE " OLDER_THAN(
			"$1") " ORDER BY at_ms, request_id LIMIT $2",
		RD_DB_ARGS(rd_db_int(age_ms), rd_db_int(max)), due_row, &due, NULL);
}

enum rd_status kms_store_pending_claim(struct rd_db *db, const char *request_id, int64_t age_ms)
{
	return rd_db_write(db,
		"UPDATE pending_record SET at_ms = (SELECT now_ms FROM database_clock)"
		" WHERE request_id = $1 AND " OLDER_THAN("$2"),
		RD_DB_ARGS(rd_db_text(request_id), rd_db_int(age_ms)), RD_NOTFOUND);
}

/* One text for any number: what is missing is nobody's id. */
enum rd_status kms_store_pending_delete(
	struct rd_db *db, const char (*request_ids)[KMS_PENDING_ID_SIZE], size_t n)
{
	struct rd_db_value params[RD_DB_COLUMNS_MAX];

	RD_ENSURE(n <= RD_ARRAY_LEN(params), RD_USAGE);
	for (size_t i = 0; i < RD_ARRAY_LEN(params); i++) {
		params[i] = rd_db_text(i < n ? request_ids[i] : "");
	}
	return rd_db_run(db,
		"DELETE FROM pending_record WHERE request_id IN ("
		"$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, "
		"$17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32)",
		params, RD_ARRAY_LEN(params), NULL, NULL, NULL);
}
