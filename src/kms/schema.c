/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema and its versions: migrations in order, each applied once, never changed after a
 * release and never undone.
 *
 * Words in braces differ between databases (db-internal.h). All numbers are BIGINT; enumerations
 * are stored by their number in model.h, flags as 0 and 1, times in milliseconds, 0 for none.
 */
#include "kms/db-internal.h"

#include <stdio.h>
#include <string.h>

/* The longest migration with its words filled in. */
#define SCRIPT_MAX 16384

static const char *const migrations[] = {
	/* 1 */
	"CREATE TABLE meta ("
	" name {text} PRIMARY KEY,"
	" value {blob} NOT NULL);"

	/* What servers drop from their caches; number and horizon: store_meta.c. */
	"CREATE TABLE change ("
	" place {counter},"
	" number {change_number},"
	" kind {text} NOT NULL,"
	" id {text} NOT NULL,"
	" at_ms BIGINT NOT NULL DEFAULT {now_ms});"
	"CREATE INDEX change_by_number ON change (number, place);"
	"CREATE INDEX change_by_time ON change (at_ms);"
	"CREATE VIEW change_horizon (number) AS {change_horizon};"

	/* Keys of an account, counted in parts: store_keys.c. */
	"CREATE TABLE account_keys ("
	" account {text} NOT NULL,"
	" part BIGINT NOT NULL,"
	" n BIGINT NOT NULL,"
	" PRIMARY KEY (account, part));"

	/* The n_… columns count what hangs on the key, for the quotas. */
	"CREATE TABLE kms_key ("
	" id {text} PRIMARY KEY,"
	" account {text} NOT NULL,"
	" spec BIGINT NOT NULL,"
	" usage BIGINT NOT NULL,"
	" origin BIGINT NOT NULL,"
	" state BIGINT NOT NULL,"
	" description {text} NOT NULL,"
	" policy {text} NOT NULL,"
	" created_ms BIGINT NOT NULL,"
	" deletion_ms BIGINT NOT NULL,"
	" pending_days BIGINT NOT NULL,"
	" rotation_days BIGINT NOT NULL,"
	" next_rotation_ms BIGINT NOT NULL,"
	" on_demand_rotations BIGINT NOT NULL,"
	" expires BIGINT NOT NULL,"
	" was_imported BIGINT NOT NULL,"
	" valid_to_ms BIGINT NOT NULL,"
	" version BIGINT NOT NULL,"
	" n_materials BIGINT NOT NULL DEFAULT 0,"
	" n_aliases BIGINT NOT NULL DEFAULT 0,"
	" n_tags BIGINT NOT NULL DEFAULT 0,"
	" n_grants BIGINT NOT NULL DEFAULT 0);"
	"CREATE INDEX kms_key_by_account ON kms_key (account, id);"
	/* 2: KMS_STATE_PENDING_DELETION, 0: KMS_STATE_ENABLED. */
	"CREATE INDEX kms_key_due_deletion ON kms_key (deletion_ms, id) WHERE state = 2;"
	"CREATE INDEX kms_key_due_rotation ON kms_key (next_rotation_ms, id)"
	" WHERE state = 0 AND rotation_days > 0;"

	"CREATE TABLE key_material ("
	" key_id {text} NOT NULL REFERENCES kms_key (id) ON DELETE CASCADE,"
	" generation BIGINT NOT NULL,"
	" id {text} NOT NULL,"
	" state BIGINT NOT NULL,"
	" rotation BIGINT NOT NULL,"
	" wrapped {blob}," /* NULL: not present */
	" wrap_generation BIGINT NOT NULL,"
	" description {text} NOT NULL,"
	" expires BIGINT NOT NULL,"
	" valid_to_ms BIGINT NOT NULL,"
	" created_ms BIGINT NOT NULL,"
	" rotated_ms BIGINT NOT NULL,"
	" PRIMARY KEY (key_id, generation));"
	"CREATE UNIQUE INDEX key_material_by_id ON key_material (key_id, id) WHERE id <> '';"
	"CREATE INDEX key_material_by_wrap ON key_material (wrap_generation, key_id, generation)"
	" WHERE wrapped IS NOT NULL;"
	"CREATE INDEX key_material_due_expiry ON key_material (valid_to_ms, key_id)"
	" WHERE expires = 1 AND wrapped IS NOT NULL;"

	"CREATE TABLE alias ("
	" account {text} NOT NULL,"
	" name {text} NOT NULL,"
	" key_id {text} NOT NULL REFERENCES kms_key (id) ON DELETE CASCADE,"
	" created_ms BIGINT NOT NULL,"
	" updated_ms BIGINT NOT NULL,"
	" PRIMARY KEY (account, name));"
	"CREATE INDEX alias_by_key ON alias (key_id, name);"

	"CREATE TABLE tag ("
	" key_id {text} NOT NULL REFERENCES kms_key (id) ON DELETE CASCADE,"
	" tag_key {text} NOT NULL,"
	" tag_value {text} NOT NULL,"
	" PRIMARY KEY (key_id, tag_key));"

	"CREATE TABLE kms_grant ("
	" id {text} PRIMARY KEY,"
	" key_id {text} NOT NULL REFERENCES kms_key (id) ON DELETE CASCADE,"
	" account {text} NOT NULL,"
	" name {text} NOT NULL,"
	" grantee {text} NOT NULL,"
	" retiring {text} NOT NULL,"
	" issuer {text} NOT NULL,"
	" operations BIGINT NOT NULL,"
	" context_equals {text},"
	" context_subset {text},"
	" created_ms BIGINT NOT NULL);"
	"CREATE INDEX kms_grant_by_key ON kms_grant (key_id, id);"
	"CREATE INDEX kms_grant_by_key_name ON kms_grant (key_id, name, id);"
	"CREATE INDEX kms_grant_by_key_grantee ON kms_grant (key_id, grantee, id);"
	"CREATE INDEX kms_grant_by_grantee ON kms_grant (grantee, id);"
	"CREATE INDEX kms_grant_by_retiring ON kms_grant (retiring, id);"

	/* folded: the name in lower case, which is what must be unique and what lists go by. */
	"CREATE TABLE principal ("
	" uid {text} PRIMARY KEY,"
	" account {text} NOT NULL,"
	" kind BIGINT NOT NULL,"
	" path {text} NOT NULL,"
	" name {text} NOT NULL,"
	" folded {text} NOT NULL,"
	" trust_policy {text},"
	" boundary {text},"
	" max_session_s BIGINT NOT NULL,"
	" created_ms BIGINT NOT NULL,"
	" UNIQUE (account, kind, folded));"

	"CREATE TABLE identity_policy ("
	" uid {text} NOT NULL REFERENCES principal (uid),"
	" name {text} NOT NULL,"
	" folded {text} NOT NULL,"
	" document {text} NOT NULL,"
	" PRIMARY KEY (uid, folded));"

	"CREATE TABLE managed_policy ("
	" arn {text} PRIMARY KEY,"
	" account {text} NOT NULL,"
	" name {text} NOT NULL,"
	" folded {text} NOT NULL,"
	" document {text} NOT NULL,"
	" created_ms BIGINT NOT NULL,"
	" UNIQUE (account, folded));"

	"CREATE TABLE attachment ("
	" uid {text} NOT NULL REFERENCES principal (uid),"
	" arn {text} NOT NULL REFERENCES managed_policy (arn),"
	" PRIMARY KEY (uid, arn));"
	"CREATE INDEX attachment_by_policy ON attachment (arn);"

	"CREATE TABLE credential ("
	" akid {text} PRIMARY KEY,"
	" uid {text} NOT NULL REFERENCES principal (uid),"
	" account {text} NOT NULL,"
	" active BIGINT NOT NULL,"
	" created_ms BIGINT NOT NULL,"
	" wrapped {blob} NOT NULL,"
	" wrap_generation BIGINT NOT NULL);"
	"CREATE INDEX credential_by_uid ON credential (uid, akid);"
	"CREATE INDEX credential_by_wrap ON credential (wrap_generation, akid);",

	/* 2: root keys as the master has wrapped them; 0 is that of keyed hashes (keyring.h). */
	"CREATE TABLE root_key_generation ("
	" generation BIGINT PRIMARY KEY,"
	" wrapped {blob} NOT NULL,"
	" created_ms BIGINT NOT NULL DEFAULT {now_ms});",
};

#define SCHEMA_VERSION ((int64_t)RD_ARRAY_LEN(migrations))

static const struct kms_db_word *find_word(const struct kms_db_ops *ops, const char *at, size_t len)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(ops->words); i++) {
		if (strlen(ops->words[i].name) == len && memcmp(ops->words[i].name, at, len) == 0) {
			return &ops->words[i];
		}
	}
	return NULL;
}

static enum rd_status fill_in(
	const struct kms_db_ops *ops, const char *migration, struct rd_buf *out)
{
	const char *brace;

	while ((brace = strchr(migration, '{')) != NULL) {
		const size_t len = strcspn(brace, "}");
		const struct kms_db_word *word = find_word(ops, brace + 1, len - 1);

		RD_ENSURE(word != NULL, RD_INTERNAL);
		RD_TRY(rd_buf_put(out, migration, (size_t)(brace - migration)));
		RD_TRY(rd_buf_put_str(out, word->text));
		migration = brace + len + 1;
	}
	RD_TRY(rd_buf_put_str(out, migration));
	return rd_buf_u8(out, '\0');
}

static enum rd_status apply(struct kms_db *db, const char *migration)
{
	struct rd_buf script RD_CLEANUP(rd_buf_finish) = rd_buf_growable(SCRIPT_MAX);

	RD_TRY(fill_in(db->ops, migration, &script));
	return db->ops->script(db, (const char *)script.ptr);
}

static enum rd_status version_row(void *arg, const struct kms_db_value *columns, size_t n)
{
	int64_t *version = arg;

	RD_ENSURE(n == 1 && columns[0].type == KMS_DB_INT, RD_MALFORMED);
	*version = columns[0].number;
	return RD_OK;
}

/* 0 and no row yet in a new database. */
static enum rd_status read_version(struct kms_db *db, int64_t *ret)
{
	*ret = 0;
	RD_TRY(db->ops->script(db, "CREATE TABLE IF NOT EXISTS schema_version"
				   " (version BIGINT NOT NULL)"));
	return kms_db_run(
		db, "SELECT version FROM schema_version", NULL, 0, version_row, ret, NULL);
}

static enum rd_status upgrade_from(struct kms_db *db, int64_t version)
{
	const struct kms_db_value now = kms_db_int(SCHEMA_VERSION);

	for (int64_t v = version; v < SCHEMA_VERSION; v++) {
		RD_TRY(apply(db, migrations[v]));
	}
	return kms_db_run(db,
		version == 0 ? "INSERT INTO schema_version (version) VALUES ($1)"
			     : "UPDATE schema_version SET version = $1",
		&now, 1, NULL, NULL, NULL);
}

static enum rd_status upgrade(struct kms_db *db, struct rd_error *err)
{
	int64_t version;
	enum rd_status st = read_version(db, &version);

	if (st == RD_OK && version > SCHEMA_VERSION) {
		return rd_fail(err, RD_BAD_VERSION,
			"this database was written by a newer redoubt-kms (schema %lld, ours is "
			"%lld): use that one",
			(long long)version, (long long)SCHEMA_VERSION);
	}
	if (st == RD_OK && version < SCHEMA_VERSION) {
		st = upgrade_from(db, version);
	}
	if (st == RD_OK) {
		st = kms_db_commit(db);
	}
	return st == RD_OK
		       ? RD_OK
		       : rd_fail(err, st, "cannot bring the database's schema to version %lld: %s",
				 (long long)SCHEMA_VERSION, kms_db_error(db));
}

/* The lock of the exclusive transaction makes a second server wait, and then find it done. */
enum rd_status kms_schema_upgrade(struct kms_db *db, struct rd_error *err)
{
	enum rd_status st = db->ops->begin(db, true);

	if (st != RD_OK) {
		return rd_fail(
			err, st, "cannot look at the database's schema: %s", kms_db_error(db));
	}
	st = upgrade(db, err);
	if (st != RD_OK) {
		kms_db_rollback(db);
	}
	return st;
}
