/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log in the database. Records have their places, 0 on; the tree's inner nodes are kept
 * as they are completed, so that peaks and proofs cost some reads and not the whole log. Leaves are
 * made from the records.
 */
#include "server/store.h"

#include "base/byteorder.h"
#include "db/db_rows.h"

#include <string.h>

/* Where a signed head has its size and root (merkle/head.h). */
#define HEAD_SIZE_AT 48
#define HEAD_ROOT_AT 56

static enum rd_status number_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);

	*(int64_t *)arg = rd_db_take_i64(&c);
	return rd_db_take_finish(&c);
}

enum rd_status ps_store_audit_size(struct rd_db *db, uint64_t *ret)
{
	int64_t size = 0;

	RD_TRY(rd_db_one(db, "SELECT coalesce(max(place) + 1, 0) FROM audit_record", NULL, 0,
		number_row, &size));
	RD_ENSURE(size >= 0, RD_OUT_OF_RANGE);
	*ret = (uint64_t)size;
	return RD_OK;
}

/* --- nodes --- */

static enum rd_status hash_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_merkle_hash *hash = arg;

	RD_ENSURE(n == 1 && columns[0].type == RD_DB_BLOB, RD_BAD_TYPE);
	RD_ENSURE(columns[0].bytes.len == sizeof(hash->bytes), RD_BAD_TYPE);
	memcpy(hash->bytes, columns[0].bytes.ptr, sizeof(hash->bytes));
	return RD_OK;
}

static enum rd_status leaf_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	RD_ENSURE(n == 1 && columns[0].type == RD_DB_BLOB, RD_BAD_TYPE);
	return rd_merkle_leaf(columns[0].bytes, arg);
}

static enum rd_status fetch(void *ctx, unsigned level, uint64_t index, struct rd_merkle_hash *ret)
{
	if (level == 0) {
		return rd_db_one(ctx, "SELECT record FROM audit_record WHERE place = $1",
			RD_DB_ARGS(rd_db_int((int64_t)index)), leaf_row, ret);
	}
	return rd_db_one(ctx, "SELECT hash FROM audit_node WHERE level = $1 AND place = $2",
		RD_DB_ARGS(rd_db_int(level), rd_db_int((int64_t)index)), hash_row, ret);
}

static enum rd_status store(
	void *ctx, unsigned level, uint64_t index, const struct rd_merkle_hash *hash)
{
	if (level == 0) {
		return RD_OK;
	}
	return rd_db_run(ctx, "INSERT INTO audit_node (level, place, hash) VALUES ($1, $2, $3)",
		RD_DB_ARGS(rd_db_int(level), rd_db_int((int64_t)index),
			rd_db_blob(rd_view(hash->bytes, sizeof(hash->bytes)))),
		NULL, NULL, NULL);
}

enum rd_status ps_store_audit_range(struct rd_db *db, uint64_t size, struct rd_merkle_range *ret)
{
	return rd_merkle_range_load(size, fetch, db, ret);
}

enum rd_status ps_store_audit_proof(
	struct rd_db *db, uint64_t old_size, uint64_t size, struct rd_merkle_proof *ret)
{
	uint64_t now;

	RD_TRY(ps_store_audit_size(db, &now));
	RD_ENSURE(size <= now, RD_OUT_OF_RANGE);
	return rd_merkle_prove_consistency(old_size, size, fetch, db, ret);
}

/* --- appending --- */

/* That the head is one of this tree: what it says of itself, but for its signature. */
static enum rd_status check_head(const struct rd_merkle_range *range, struct rd_view head)
{
	struct rd_merkle_hash root;

	RD_ENSURE(head.len == PAY_HEAD_SIZE, RD_MALFORMED);
	RD_TRY(rd_merkle_root(range, &root));
	RD_ENSURE(rd_get_be64(head.ptr + HEAD_SIZE_AT) == range->size, RD_UNTRUSTED);
	RD_ENSURE(
		memcmp(head.ptr + HEAD_ROOT_AT, root.bytes, sizeof(root.bytes)) == 0, RD_UNTRUSTED);
	return RD_OK;
}

enum rd_status ps_store_audit_append(
	struct rd_db *db, const struct pay_logged *logged, int64_t now_ms)
{
	struct rd_merkle_range range;
	struct rd_merkle_hash leaf;
	uint64_t size;

	RD_TRY(ps_store_audit_size(db, &size));
	RD_ENSURE(logged->index == size, RD_UNTRUSTED);
	RD_TRY(ps_store_audit_range(db, size, &range));
	RD_TRY(rd_merkle_leaf(logged->record, &leaf));
	RD_TRY(rd_merkle_append(&range, &leaf, store, db));
	RD_TRY(check_head(&range, logged->head));
	RD_TRY(rd_db_write(db,
		"INSERT INTO audit_record (place, record, at_ms) VALUES ($1, $2, $3)",
		RD_DB_ARGS(rd_db_int((int64_t)logged->index), rd_db_blob(logged->record),
			rd_db_int(now_ms)),
		RD_INTERNAL));
	return rd_db_write(db, "INSERT INTO audit_head (size, head) VALUES ($1, $2)",
		RD_DB_ARGS(rd_db_int((int64_t)range.size), rd_db_blob(logged->head)), RD_INTERNAL);
}

/* --- reading --- */

struct newest {
	int64_t size;
	uint8_t *head;
};

static enum rd_status newest_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct newest *newest = arg;

	RD_ENSURE(n == 2 && columns[0].type == RD_DB_INT && columns[1].type == RD_DB_BLOB,
		RD_BAD_TYPE);
	RD_ENSURE(columns[0].number > 0 && columns[1].bytes.len == PAY_HEAD_SIZE, RD_BAD_TYPE);
	newest->size = columns[0].number;
	memcpy(newest->head, columns[1].bytes.ptr, PAY_HEAD_SIZE);
	return RD_OK;
}

enum rd_status ps_store_audit_head(
	struct rd_db *db, uint64_t *ret_size, uint8_t ret_head[PAY_HEAD_SIZE])
{
	struct newest newest = {.head = ret_head};

	RD_TRY(rd_db_one(db, "SELECT size, head FROM audit_head ORDER BY size DESC LIMIT 1", NULL,
		0, newest_row, &newest));
	*ret_size = (uint64_t)newest.size;
	return RD_OK;
}

struct records {
	ps_audit_fn *fn;
	void *arg;
};

static enum rd_status record_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	const struct records *records = arg;

	RD_ENSURE(n == 2 && columns[0].type == RD_DB_INT && columns[1].type == RD_DB_BLOB,
		RD_BAD_TYPE);
	return records->fn(records->arg, (uint64_t)columns[0].number, columns[1].bytes);
}

enum rd_status ps_store_audit_records(
	struct rd_db *db, uint64_t from, uint32_t limit, ps_audit_fn *fn, void *arg)
{
	struct records records = {.fn = fn, .arg = arg};

	return rd_db_run(db,
		"SELECT place, record FROM audit_record WHERE place >= $1 ORDER BY place LIMIT $2",
		RD_DB_ARGS(rd_db_int((int64_t)from), rd_db_int(limit)), record_row, &records, NULL);
}

static enum rd_status copy_record(void *arg, uint64_t index, struct rd_view record)
{
	(void)index;
	return rd_buf_put_view(arg, record);
}

enum rd_status ps_store_audit_last(
	struct rd_db *db, uint64_t size, struct rd_buf *record, struct rd_merkle_proof *ret)
{
	RD_TRY(ps_store_audit_records(db, size - 1, 1, copy_record, record));
	return rd_merkle_prove_inclusion(size - 1, size, fetch, db, ret);
}

struct heads {
	ps_audit_head_fn *fn;
	void *arg;
};

static enum rd_status head_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	const struct heads *heads = arg;

	RD_ENSURE(n == 1 && columns[0].type == RD_DB_BLOB, RD_BAD_TYPE);
	return heads->fn(heads->arg, columns[0].bytes);
}

enum rd_status ps_store_audit_heads(
	struct rd_db *db, uint64_t from_size, uint32_t limit, ps_audit_head_fn *fn, void *arg)
{
	struct heads heads = {.fn = fn, .arg = arg};

	return rd_db_run(db, "SELECT head FROM audit_head WHERE size >= $1 ORDER BY size LIMIT $2",
		RD_DB_ARGS(rd_db_int((int64_t)from_size), rd_db_int(limit)), head_row, &heads,
		NULL);
}
