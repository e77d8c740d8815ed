/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing a database to its program's version: migrations in order, each applied once. */
#include "db/db-internal.h"

#include <stdio.h>
#include <string.h>

/* The longest migration with its words filled in. */
#define SCRIPT_MAX 16384

static const struct rd_db_word *find_word(const struct rd_db_ops *ops, const char *at, size_t len)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(ops->words); i++) {
		if (strlen(ops->words[i].name) == len && memcmp(ops->words[i].name, at, len) == 0) {
			return &ops->words[i];
		}
	}
	return NULL;
}

static enum rd_status fill_in(
	const struct rd_db_ops *ops, const char *migration, struct rd_buf *out)
{
	const char *brace;

	while ((brace = strchr(migration, '{')) != NULL) {
		const size_t len = strcspn(brace, "}");
		const struct rd_db_word *word = find_word(ops, brace + 1, len - 1);

		RD_ENSURE(word != NULL, RD_INTERNAL);
		RD_TRY(rd_buf_put(out, migration, (size_t)(brace - migration)));
		RD_TRY(rd_buf_put_str(out, word->text));
		migration = brace + len + 1;
	}
	RD_TRY(rd_buf_put_str(out, migration));
	return rd_buf_u8(out, '\0');
}

static enum rd_status apply(struct rd_db *db, const char *migration)
{
	struct rd_buf script RD_CLEANUP(rd_buf_finish) = rd_buf_growable(SCRIPT_MAX);

	RD_TRY(fill_in(db->ops, migration, &script));
	return db->ops->script(db, (const char *)script.ptr);
}

static enum rd_status version_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	int64_t *version = arg;

	RD_ENSURE(n == 1 && columns[0].type == RD_DB_INT, RD_MALFORMED);
	*version = columns[0].number;
	return RD_OK;
}

/* 0 and no row yet in a new database. */
static enum rd_status read_version(struct rd_db *db, int64_t *ret)
{
	*ret = 0;
	RD_TRY(db->ops->script(db, "CREATE TABLE IF NOT EXISTS schema_version"
				   " (version BIGINT NOT NULL)"));
	return rd_db_run(db, "SELECT version FROM schema_version", NULL, 0, version_row, ret, NULL);
}

static enum rd_status upgrade_from(
	struct rd_db *db, const struct rd_db_schema *schema, int64_t version)
{
	const struct rd_db_value now = rd_db_int(schema->version);

	for (int64_t v = version; v < schema->version; v++) {
		RD_TRY(apply(db, schema->migrations[v]));
	}
	return rd_db_run(db,
		version == 0 ? "INSERT INTO schema_version (version) VALUES ($1)"
			     : "UPDATE schema_version SET version = $1",
		&now, 1, NULL, NULL, NULL);
}

static enum rd_status upgrade(
	struct rd_db *db, const struct rd_db_schema *schema, struct rd_error *err)
{
	int64_t version;
	enum rd_status st = read_version(db, &version);

	if (st == RD_OK && version > schema->version) {
		return rd_fail(err, RD_BAD_VERSION,
			"this database was written by a newer %s (schema %lld, ours is %lld): use "
			"that one",
			schema->program, (long long)version, (long long)schema->version);
	}
	if (st == RD_OK && version < schema->version) {
		st = upgrade_from(db, schema, version);
	}
	if (st == RD_OK) {
		st = rd_db_commit(db);
	}
	return st == RD_OK
		       ? RD_OK
		       : rd_fail(err, st, "cannot bring the database's schema to version %lld: %s",
				 (long long)schema->version, rd_db_error(db));
}

/* The lock of the exclusive transaction makes a second server wait, and then find it done. */
enum rd_status rd_db_upgrade(
	struct rd_db *db, const struct rd_db_schema *schema, struct rd_error *err)
{
	enum rd_status st = db->ops->begin(db, true);

	if (st != RD_OK) {
		return rd_fail(
			err, st, "cannot look at the database's schema: %s", rd_db_error(db));
	}
	st = upgrade(db, schema, err);
	if (st != RD_OK) {
		rd_db_rollback(db);
	}
	return st;
}
