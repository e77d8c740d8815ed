/* SPDX-License-Identifier: Apache-2.0 */
/* Aliases: names that an account gives to its keys. */
#include "kms/store-internal.h"

#include <stdio.h>

#define COLUMNS "account, name, key_id, created_ms, updated_ms"

static enum rd_status alias_from(
	struct kms_alias *alias, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);

	rd_db_take_text(&c, alias->account, sizeof(alias->account));
	rd_db_take_text(&c, alias->name, sizeof(alias->name));
	rd_db_take_text(&c, alias->key_id, sizeof(alias->key_id));
	alias->created_ms = rd_db_take_i64(&c);
	alias->updated_ms = rd_db_take_i64(&c);
	return rd_db_take_finish(&c);
}

static enum rd_status get_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	return alias_from(arg, columns, n);
}

/* Another account's key is none of this one's. */
static enum rd_status count_at(struct rd_db *db, const char *account, const char *key_id)
{
	struct kms_key key;

	RD_TRY(kms_store_key_get(db, account, key_id, &key));
	kms_key_finish(&key);
	return kms_store_count(db,
		"UPDATE kms_key SET n_aliases = n_aliases + 1 WHERE id = $1 AND n_aliases < $2",
		key_id, KMS_ALIASES_PER_KEY);
}

static enum rd_status uncount_at(struct rd_db *db, const char *key_id)
{
	return rd_db_write(db, "UPDATE kms_key SET n_aliases = n_aliases - 1 WHERE id = $1",
		RD_DB_ARGS(rd_db_text(key_id)), RD_NOTFOUND);
}

static enum rd_status changed(struct rd_db *db, const char *account, const char *name)
{
	char id[KMS_ALIAS_CHANGE_SIZE];

	(void)snprintf(id, sizeof(id), "%s:%s", account, name);
	return kms_store_change_add(db, 'a', id);
}

enum rd_status kms_store_alias_add(struct rd_db *db, const struct kms_alias *alias)
{
	RD_TRY(count_at(db, alias->account, alias->key_id));
	RD_TRY(rd_db_write(db,
		"INSERT INTO alias (" COLUMNS
		") VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
		RD_DB_ARGS(rd_db_text(alias->account), rd_db_text(alias->name),
			rd_db_text(alias->key_id), rd_db_int(alias->created_ms),
			rd_db_int(alias->updated_ms)),
		RD_EXISTS));
	return kms_store_change_add(db, 'k', alias->key_id);
}

enum rd_status kms_store_alias_get(
	struct rd_db *db, const char *account, const char *name, struct kms_alias *ret)
{
	return rd_db_one(db, "SELECT " COLUMNS " FROM alias WHERE account = $1 AND name = $2",
		RD_DB_ARGS(rd_db_text(account), rd_db_text(name)), get_row, ret);
}

enum rd_status kms_store_alias_update(struct rd_db *db, const struct kms_alias *alias)
{
	struct kms_alias old;

	RD_TRY(kms_store_alias_get(db, alias->account, alias->name, &old));
	RD_TRY(uncount_at(db, old.key_id));
	RD_TRY(count_at(db, alias->account, alias->key_id));
	RD_TRY(rd_db_write(db,
		"UPDATE alias SET key_id = $1, updated_ms = $2 WHERE account = $3 AND name = $4",
		RD_DB_ARGS(rd_db_text(alias->key_id), rd_db_int(alias->updated_ms),
			rd_db_text(alias->account), rd_db_text(alias->name)),
		RD_NOTFOUND));
	RD_TRY(kms_store_change_add(db, 'k', old.key_id));
	RD_TRY(kms_store_change_add(db, 'k', alias->key_id));
	return changed(db, alias->account, alias->name);
}

enum rd_status kms_store_alias_delete(struct rd_db *db, const char *account, const char *name)
{
	struct kms_alias old;

	RD_TRY(kms_store_alias_get(db, account, name, &old));
	RD_TRY(uncount_at(db, old.key_id));
	RD_TRY(rd_db_write(db, "DELETE FROM alias WHERE account = $1 AND name = $2",
		RD_DB_ARGS(rd_db_text(account), rd_db_text(name)), RD_NOTFOUND));
	RD_TRY(kms_store_change_add(db, 'k', old.key_id));
	return changed(db, account, name);
}

static enum rd_status list_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	const struct kms_store_aliases *aliases = arg;
	struct kms_alias alias;

	RD_TRY(alias_from(&alias, columns, n));
	return aliases->fn(aliases->arg, &alias);
}

struct rd_db_read kms_store_aliases_read(struct kms_store_aliases *aliases)
{
	return (struct rd_db_read){
		"SELECT " COLUMNS " FROM alias WHERE key_id = $1 ORDER BY name", list_row, aliases};
}

enum rd_status kms_store_aliases_list(struct rd_db *db, const char *account, const char *key_id,
	const char *after, uint32_t max, kms_store_alias_fn *fn, void *arg)
{
	struct kms_store_aliases aliases = {.fn = fn, .arg = arg};

	if (key_id == NULL) {
		return rd_db_run(db,
			"SELECT " COLUMNS " FROM alias WHERE account = $1 AND name > $2"
			" ORDER BY name LIMIT $3",
			RD_DB_ARGS(rd_db_text(account), rd_db_text(after), rd_db_int(max)),
			list_row, &aliases, NULL);
	}
	return rd_db_run(db,
		"SELECT " COLUMNS " FROM alias WHERE key_id = $1 AND name > $2 AND account = $3"
		" ORDER BY name LIMIT $4",
		RD_DB_ARGS(
			rd_db_text(key_id), rd_db_text(after), rd_db_text(account), rd_db_int(max)),
		list_row, &aliases, NULL);
}
