/* SPDX-License-Identifier: Apache-2.0 */
/* What the enclave has sealed, in the database: cards, data keys, the policy; and documents. */
#include "server/store.h"

#include "base/text.h"
#include "crypto/digest.h"
#include "db/db_rows.h"

#include <string.h>

/* Of a row of one blob: appended. */
static enum rd_status blob_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	RD_ENSURE(n == 1 && columns[0].type == RD_DB_BLOB, RD_BAD_TYPE);
	return rd_buf_put_view(arg, columns[0].bytes);
}

static enum rd_status number_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);

	*(int64_t *)arg = rd_db_take_i64(&c);
	return rd_db_take_finish(&c);
}

/* --- cards --- */

enum rd_status ps_store_vault_keep(struct rd_db *db, const struct ps_vault *v)
{
	/* The same card under way twice: the index is the first one's. */
	enum rd_status taken = rd_db_one(db,
		"SELECT key_version FROM vault WHERE merchant = $1 AND blind = $2",
		RD_DB_ARGS(rd_db_text(v->merchant), rd_db_blob(v->blind)), number_row,
		&(int64_t){0});

	RD_ENSURE(taken == RD_OK || taken == RD_NOTFOUND, taken);
	return rd_db_run(db,
		"INSERT INTO vault (merchant, token, fpe_token, blind, sealed, key_version)"
		" VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (merchant, token) DO NOTHING",
		RD_DB_ARGS(rd_db_text(v->merchant), rd_db_text(v->token), rd_db_text(v->fpe_token),
			taken == RD_OK ? rd_db_null() : rd_db_blob(v->blind), rd_db_blob(v->sealed),
			rd_db_int(v->key_version)),
		NULL, NULL, NULL);
}

enum rd_status ps_store_vault_get(
	struct rd_db *db, const char *merchant, const char *token, struct rd_buf *ret)
{
	return rd_db_one(db, "SELECT sealed FROM vault WHERE merchant = $1 AND token = $2",
		RD_DB_ARGS(rd_db_text(merchant), rd_db_text(token)), blob_row, ret);
}

struct found_card {
	char *token;
	struct rd_buf *sealed;
};

static enum rd_status card_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n < 1 ? n : 1);
	const struct found_card *found = arg;

	rd_db_take_text(&c, found->token, PAY_TOKEN_MAX + 1);
	RD_TRY(rd_db_take_finish(&c));
	return blob_row(found->sealed, columns + 1, n - 1);
}

enum rd_status ps_store_vault_find(struct rd_db *db, const char *merchant, struct rd_view blind,
	char ret_token[PAY_TOKEN_MAX + 1], struct rd_buf *ret)
{
	struct found_card found = {.token = ret_token, .sealed = ret};

	return rd_db_one(db, "SELECT token, sealed FROM vault WHERE merchant = $1 AND blind = $2",
		RD_DB_ARGS(rd_db_text(merchant), rd_db_blob(blind)), card_row, &found);
}

enum rd_status ps_store_vault_rewrap(struct rd_db *db, const char *merchant, const char *token,
	struct rd_view sealed, int64_t key_version)
{
	return rd_db_write(db,
		"UPDATE vault SET sealed = $1, key_version = $2 WHERE merchant = $3 AND token = $4",
		RD_DB_ARGS(rd_db_blob(sealed), rd_db_int(key_version), rd_db_text(merchant),
			rd_db_text(token)),
		RD_NOTFOUND);
}

struct older {
	char *merchant, *token;
};

static enum rd_status older_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);
	const struct older *older = arg;

	rd_db_take_text(&c, older->merchant, PS_MERCHANT_ID_SIZE);
	rd_db_take_text(&c, older->token, PAY_TOKEN_MAX + 1);
	return rd_db_take_finish(&c);
}

enum rd_status ps_store_vault_older(struct rd_db *db, int64_t key_version,
	char ret_merchant[PS_MERCHANT_ID_SIZE], char ret_token[PAY_TOKEN_MAX + 1])
{
	struct older older = {.merchant = ret_merchant, .token = ret_token};

	return rd_db_one(db,
		"SELECT merchant, token FROM vault WHERE key_version < $1"
		" ORDER BY key_version LIMIT 1",
		RD_DB_ARGS(rd_db_int(key_version)), older_row, &older);
}

/* --- data keys --- */

enum rd_status ps_store_data_key_add(struct rd_db *db, const struct pay_key *key, int64_t now_ms)
{
	struct rd_view sealed = key->sealed.ptr == NULL ? rd_view("", 0) : key->sealed;

	return rd_db_write(db,
		"INSERT INTO data_key (purpose, version, wrapped, sealed, created_ms)"
		" VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
		RD_DB_ARGS(rd_db_int((int64_t)key->purpose), rd_db_int((int64_t)key->version),
			rd_db_blob(key->wrapped), rd_db_blob(sealed), rd_db_int(now_ms)),
		RD_EXISTS);
}

struct data_keys {
	struct pay_keys *keys;
	struct rd_buf *bytes;
};

/* Views into a buffer that never moves. */
static enum rd_status keep_bytes(
	struct rd_buf *bytes, const struct rd_db_value *v, struct rd_view *ret)
{
	uint8_t *at;

	RD_ENSURE(v->type == RD_DB_BLOB, RD_BAD_TYPE);
	RD_TRY(rd_buf_reserve(bytes, v->bytes.len, &at));
	memcpy(at, v->bytes.ptr, v->bytes.len);
	*ret = rd_view(at, v->bytes.len);
	return RD_OK;
}

static enum rd_status data_key_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	const struct data_keys *d = arg;
	struct rd_db_columns c = rd_db_columns(columns, n < 2 ? n : 2);
	struct pay_key *key;

	RD_ENSURE(d->keys->n < PAY_KEYS_MAX, RD_LIMIT);
	RD_ENSURE(n == 4, RD_BAD_TYPE);
	key = &d->keys->items[d->keys->n++];
	key->purpose = rd_db_take_u32(&c, PAY_PURPOSE_END - 1);
	key->version = rd_db_take_u32(&c, UINT32_MAX);
	RD_TRY(rd_db_take_finish(&c));
	RD_TRY(keep_bytes(d->bytes, &columns[2], &key->wrapped));
	return keep_bytes(d->bytes, &columns[3], &key->sealed);
}

enum rd_status ps_store_data_keys(struct rd_db *db, struct pay_keys *ret, struct rd_buf *ret_bytes)
{
	struct data_keys d = {.keys = ret, .bytes = ret_bytes};

	ret->n = 0;
	return rd_db_run(db,
		"SELECT purpose, version, wrapped, sealed FROM data_key ORDER BY purpose, version",
		NULL, 0, data_key_row, &d, NULL);
}

enum rd_status ps_store_data_key_newest(struct rd_db *db, enum pay_purpose purpose, int64_t *ret)
{
	return rd_db_one(db, "SELECT coalesce(max(version), 0) FROM data_key WHERE purpose = $1",
		RD_DB_ARGS(rd_db_int(purpose)), number_row, ret);
}

/* --- what there is one of --- */

enum rd_status ps_store_single_get(struct rd_db *db, const char *name, struct rd_buf *ret)
{
	return rd_db_one(db, "SELECT value FROM single WHERE name = $1",
		RD_DB_ARGS(rd_db_text(name)), blob_row, ret);
}

enum rd_status ps_store_single_put(struct rd_db *db, const char *name, struct rd_view value)
{
	return rd_db_run(db,
		"INSERT INTO single (name, value) VALUES ($1, $2)"
		" ON CONFLICT (name) DO UPDATE SET value = excluded.value",
		RD_DB_ARGS(rd_db_text(name), rd_db_blob(value)), NULL, NULL, NULL);
}

/* --- documents --- */

enum rd_status ps_store_document_keep(struct rd_db *db, struct rd_view document, int64_t now_ms)
{
	uint8_t digest[RD_SHA256_SIZE];
	char name[2 * RD_SHA256_SIZE + 1];

	RD_TRY(rd_digest_once(RD_SHA256, document, digest));
	rd_hex_string(rd_view(digest, sizeof(digest)), name);
	return rd_db_run(db,
		"INSERT INTO document (sha256, document, at_ms) VALUES ($1, $2, $3)"
		" ON CONFLICT DO NOTHING",
		RD_DB_ARGS(rd_db_text(name), rd_db_blob(document), rd_db_int(now_ms)), NULL, NULL,
		NULL);
}

struct documents {
	ps_document_fn *fn;
	void *arg;
};

static enum rd_status document_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n < 1 ? n : 1);
	const struct documents *documents = arg;
	char name[2 * RD_SHA256_SIZE + 1];

	rd_db_take_text(&c, name, sizeof(name));
	RD_TRY(rd_db_take_finish(&c));
	RD_ENSURE(n == 2 && columns[1].type == RD_DB_BLOB, RD_BAD_TYPE);
	return documents->fn(documents->arg, name, columns[1].bytes);
}

enum rd_status ps_store_documents(struct rd_db *db, ps_document_fn *fn, void *arg)
{
	struct documents documents = {.fn = fn, .arg = arg};

	return rd_db_run(db, "SELECT sha256, document FROM document ORDER BY sha256", NULL, 0,
		document_row, &documents, NULL);
}
