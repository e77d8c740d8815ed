/* SPDX-License-Identifier: Apache-2.0 */
/* Merchants and API keys in the database. */
#include "server/store.h"

#include "base/text.h"
#include "db/db_rows.h"

#include <stdlib.h>
#include <string.h>

enum rd_status ps_store_merchant_add(struct rd_db *db, const struct ps_merchant *m)
{
	return rd_db_write(db,
		"INSERT INTO merchant (id, name, created_ms) VALUES ($1, $2, $3)"
		" ON CONFLICT DO NOTHING",
		RD_DB_ARGS(rd_db_text(m->id), rd_db_text(m->name), rd_db_int(m->created_ms)),
		RD_EXISTS);
}

static enum rd_status merchant_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);
	struct ps_merchant *m = arg;

	rd_db_take_text(&c, m->id, sizeof(m->id));
	rd_db_take_text(&c, m->name, sizeof(m->name));
	m->created_ms = rd_db_take_i64(&c);
	return rd_db_take_finish(&c);
}

enum rd_status ps_store_merchant_get(struct rd_db *db, const char *id, struct ps_merchant *ret)
{
	return rd_db_one(db, "SELECT id, name, created_ms FROM merchant WHERE id = $1",
		RD_DB_ARGS(rd_db_text(id)), merchant_row, ret);
}

enum rd_status ps_store_api_key_add(struct rd_db *db, const struct ps_api_key *k)
{
	return rd_db_write(db,
		"INSERT INTO api_key (id, sha256, role, merchant, name, created_ms)"
		" VALUES ($1, $2, $3, $4, $5, $6)",
		RD_DB_ARGS(rd_db_text(k->id), rd_db_blob(rd_view(k->sha256, sizeof(k->sha256))),
			rd_db_int(k->role), rd_db_text(k->merchant[0] == '\0' ? NULL : k->merchant),
			rd_db_text(k->name), rd_db_int(k->created_ms)),
		RD_EXISTS);
}

static enum rd_status api_key_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);
	struct ps_api_key *k = arg;
	char *merchant = NULL;

	rd_db_take_text(&c, k->id, sizeof(k->id));
	k->role = (enum ps_role)rd_db_take_u32(&c, PS_ROLE_COUNT - 1);
	rd_db_take_dup(&c, &merchant);
	rd_db_take_text(&c, k->name, sizeof(k->name));
	k->created_ms = rd_db_take_i64(&c);
	rd_text_copy(k->merchant, sizeof(k->merchant), merchant == NULL ? "" : merchant);
	free(merchant);
	return rd_db_take_finish(&c);
}

enum rd_status ps_store_api_key_find(
	struct rd_db *db, const uint8_t sha256[32], struct ps_api_key *ret)
{
	RD_TRY(rd_db_one(db,
		"SELECT id, role, merchant, name, created_ms FROM api_key WHERE sha256 = $1",
		RD_DB_ARGS(rd_db_blob(rd_view(sha256, sizeof(ret->sha256)))), api_key_row, ret));
	memcpy(ret->sha256, sha256, sizeof(ret->sha256));
	return RD_OK;
}
