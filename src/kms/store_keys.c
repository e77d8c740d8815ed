/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys.
 *
 * An account's keys are counted for its quota in parts, one row each, by the last character of the
 * key's id (a random digit): servers that make keys at the same time rarely meet on one row.
 */
#include "kms/store-internal.h"

#include <stdlib.h>
#include <string.h>

#define ACCOUNT_PARTS 16
/* Each part has its share of the quota; random ids fill them evenly. */
#define KEYS_PER_PART (KMS_KEYS_PER_ACCOUNT / ACCOUNT_PARTS)

/* Statements and partial indexes of the schema hold these as numbers. */
_Static_assert(KMS_STATE_ENABLED == 0 && KMS_STATE_PENDING_DELETION == 2, "stored numbers");

#define COLUMNS                                                                                    \
	"account, id, spec, usage, origin, state, description, policy, created_ms, deletion_ms, "  \
	"pending_days, rotation_days, next_rotation_ms, on_demand_rotations, expires, "            \
	"was_imported, valid_to_ms, version"

static int64_t part_of(const char *id)
{
	size_t len = strlen(id);

	return len == 0 ? 0 : (unsigned char)id[len - 1] % ACCOUNT_PARTS;
}

static enum rd_status key_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);
	struct kms_key key = {.version = 0};
	enum rd_status st;

	rd_db_take_text(&c, key.account, sizeof(key.account));
	rd_db_take_text(&c, key.id, sizeof(key.id));
	key.spec = (enum kms_spec)rd_db_take_u32(&c, KMS_SPEC_COUNT - 1);
	key.usage = (enum kms_usage)rd_db_take_u32(&c, KMS_USAGE_COUNT - 1);
	key.origin = (enum kms_origin)rd_db_take_u32(&c, KMS_ORIGIN_COUNT - 1);
	key.state = (enum kms_state)rd_db_take_u32(&c, KMS_STATE_COUNT - 1);
	rd_db_take_dup(&c, &key.description);
	rd_db_take_dup(&c, &key.policy);
	key.created_ms = rd_db_take_i64(&c);
	key.deletion_ms = rd_db_take_i64(&c);
	key.pending_days = rd_db_take_u32(&c, UINT32_MAX);
	key.rotation_days = rd_db_take_u32(&c, UINT32_MAX);
	key.next_rotation_ms = rd_db_take_i64(&c);
	key.on_demand_rotations = rd_db_take_u32(&c, UINT32_MAX);
	key.expires = rd_db_take_bool(&c);
	key.was_imported = rd_db_take_bool(&c);
	key.valid_to_ms = rd_db_take_i64(&c);
	key.version = rd_db_take_i64(&c);
	st = rd_db_take_finish(&c);
	if (st != RD_OK) {
		kms_key_finish(&key);
		return st;
	}
	*(struct kms_key *)arg = key;
	return RD_OK;
}

static enum rd_status count_in_account(struct rd_db *db, const struct kms_key *key)
{
	return rd_db_write(db,
		"INSERT INTO account_keys (account, part, n) VALUES ($1, $2, 1)"
		" ON CONFLICT (account, part) DO UPDATE SET n = account_keys.n + 1"
		" WHERE account_keys.n < $3",
		RD_DB_ARGS(rd_db_text(key->account), rd_db_int(part_of(key->id)),
			rd_db_int(KEYS_PER_PART)),
		RD_LIMIT);
}

enum rd_status kms_store_key_add(struct rd_db *db, const struct kms_key *key)
{
	RD_TRY(rd_db_write(db,
		"INSERT INTO kms_key (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
		"$10, $11, $12, $13, $14, $15, $16, $17, $18) ON CONFLICT DO NOTHING",
		RD_DB_ARGS(rd_db_text(key->account), rd_db_text(key->id), rd_db_int(key->spec),
			rd_db_int(key->usage), rd_db_int(key->origin), rd_db_int(key->state),
			rd_db_text(key->description == NULL ? "" : key->description),
			rd_db_text(key->policy == NULL ? "" : key->policy),
			rd_db_int(key->created_ms), rd_db_int(key->deletion_ms),
			rd_db_int(key->pending_days), rd_db_int(key->rotation_days),
			rd_db_int(key->next_rotation_ms), rd_db_int(key->on_demand_rotations),
			rd_db_int(key->expires), rd_db_int(key->was_imported),
			rd_db_int(key->valid_to_ms), rd_db_int(key->version)),
		RD_EXISTS));
	return count_in_account(db, key);
}

enum rd_status kms_store_key_get(
	struct rd_db *db, const char *account, const char *id, struct kms_key *ret)
{
	return rd_db_one(db, "SELECT " COLUMNS " FROM kms_key WHERE id = $1 AND account = $2",
		RD_DB_ARGS(rd_db_text(id), rd_db_text(account)), key_row, ret);
}

static const char by_id[] = "SELECT " COLUMNS " FROM kms_key WHERE id = $1";

enum rd_status kms_store_key_find(struct rd_db *db, const char *id, struct kms_key *ret)
{
	return rd_db_one(db, by_id, RD_DB_ARGS(rd_db_text(id)), key_row, ret);
}

static enum rd_status only_key_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	const struct kms_key *key = arg;

	RD_ENSURE(key->id[0] == '\0', RD_DUPLICATE);
	return key_row(arg, columns, n);
}

struct rd_db_read kms_store_key_read(struct kms_key *ret)
{
	return (struct rd_db_read){by_id, only_key_row, ret};
}

enum rd_status kms_store_key_update(struct rd_db *db, struct kms_key *key)
{
	enum rd_status st = rd_db_write(db,
		"UPDATE kms_key SET state = $1, description = $2, policy = $3, deletion_ms = $4, "
		"pending_days = $5, rotation_days = $6, next_rotation_ms = $7, "
		"on_demand_rotations = $8, expires = $9, was_imported = $10, valid_to_ms = $11, "
		"version = version + 1 WHERE id = $12 AND version = $13",
		RD_DB_ARGS(rd_db_int(key->state),
			rd_db_text(key->description == NULL ? "" : key->description),
			rd_db_text(key->policy == NULL ? "" : key->policy),
			rd_db_int(key->deletion_ms), rd_db_int(key->pending_days),
			rd_db_int(key->rotation_days), rd_db_int(key->next_rotation_ms),
			rd_db_int(key->on_demand_rotations), rd_db_int(key->expires),
			rd_db_int(key->was_imported), rd_db_int(key->valid_to_ms),
			rd_db_text(key->id), rd_db_int(key->version)),
		RD_NOTFOUND);

	if (st == RD_NOTFOUND) {
		/* It is there, but of another version. */
		RD_TRY(rd_db_exists(db, "SELECT id FROM kms_key WHERE id = $1", key->id));
		return RD_AGAIN;
	}
	RD_TRY(st);
	RD_TRY(kms_store_change_add(db, 'k', key->id));
	key->version++;
	return RD_OK;
}

/* Aliases are cached by their names: each is named before it goes with the key. */
enum rd_status kms_store_key_destroy(struct rd_db *db, const char *id)
{
	RD_TRY(rd_db_run(db,
		"INSERT INTO change (kind, id) SELECT 'a', account || ':' || name FROM alias"
		" WHERE key_id = $1",
		RD_DB_ARGS(rd_db_text(id)), NULL, NULL, NULL));
	RD_TRY(rd_db_write(db,
		"UPDATE account_keys SET n = n - 1 WHERE part = $1"
		" AND account = (SELECT account FROM kms_key WHERE id = $2)",
		RD_DB_ARGS(rd_db_int(part_of(id)), rd_db_text(id)), RD_NOTFOUND));
	RD_TRY(rd_db_write(
		db, "DELETE FROM kms_key WHERE id = $1", RD_DB_ARGS(rd_db_text(id)), RD_NOTFOUND));
	return kms_store_change_add(db, 'k', id);
}

struct ids {
	kms_store_key_fn *fn;
	void *arg;
};

static enum rd_status id_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);
	const struct ids *ids = arg;
	char id[KMS_KEY_ID_SIZE];

	rd_db_take_text(&c, id, sizeof(id));
	RD_TRY(rd_db_take_finish(&c));
	return ids->fn(ids->arg, id);
}

enum rd_status kms_store_keys_list(struct rd_db *db, const char *account, const char *after,
	uint32_t max, kms_store_key_fn *fn, void *arg)
{
	struct ids ids = {.fn = fn, .arg = arg};

	return rd_db_run(db,
		"SELECT id FROM kms_key WHERE account = $1 AND id > $2 ORDER BY id LIMIT $3",
		RD_DB_ARGS(rd_db_text(account), rd_db_text(after), rd_db_int(max)), id_row, &ids,
		NULL);
}

enum rd_status kms_store_keys_due(struct rd_db *db, enum kms_due what, int64_t now_ms,
	uint32_t skip, uint32_t max, kms_store_key_fn *fn, void *arg)
{
	static const char *const texts[] = {
		[KMS_DUE_DELETION] = "SELECT id FROM kms_key WHERE state = 2 AND deletion_ms <= $1"
				     " ORDER BY deletion_ms, id LIMIT $2 OFFSET $3",
		[KMS_DUE_ROTATION] = "SELECT id FROM kms_key WHERE state = 0 AND rotation_days > 0"
				     " AND next_rotation_ms <= $1"
				     " ORDER BY next_rotation_ms, id LIMIT $2 OFFSET $3",
		/* The limit inside: SQLite would group all keys before it looks at a date. */
		[KMS_DUE_EXPIRY] = "SELECT key_id FROM (SELECT key_id, valid_to_ms"
				   " FROM key_material WHERE expires = 1"
				   " AND wrapped IS NOT NULL AND valid_to_ms <= $1"
				   " ORDER BY valid_to_ms, key_id LIMIT $2 OFFSET $3) AS due"
				   " GROUP BY key_id ORDER BY min(valid_to_ms), key_id",
	};
	struct ids ids = {.fn = fn, .arg = arg};

	return rd_db_run(db, texts[what],
		RD_DB_ARGS(rd_db_int(now_ms), rd_db_int(max), rd_db_int(skip)), id_row, &ids, NULL);
}
