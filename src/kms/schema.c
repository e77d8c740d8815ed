/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema of redoubt-kms: migrations, never changed after a release (db.h).
 *
 * All numbers are BIGINT; enumerations are stored by their number in model.h, flags as 0 and 1,
 * times in milliseconds, 0 for none.
 */
#include "kms/schema.h"

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

	/* 3: instance profiles; folded as in principal. */
	"CREATE TABLE instance_profile ("
	" uid {text} PRIMARY KEY,"
	" account {text} NOT NULL,"
	" path {text} NOT NULL,"
	" name {text} NOT NULL,"
	" folded {text} NOT NULL,"
	" role_uid {text} REFERENCES principal (uid),"
	" created_ms BIGINT NOT NULL,"
	" UNIQUE (account, folded));"
	"CREATE INDEX instance_profile_by_role ON instance_profile (role_uid, folded);",
	/* 4: what keys were last used for, and since when that is noted. */
	"CREATE TABLE last_use ("
	" key_id {text} PRIMARY KEY REFERENCES kms_key (id) ON DELETE CASCADE,"
	" operation {text} NOT NULL,"
	" used_ms BIGINT NOT NULL,"
	" request_id {text} NOT NULL);"
	"CREATE TABLE last_use_tracking ("
	" id BIGINT PRIMARY KEY,"
	" since_ms BIGINT NOT NULL DEFAULT {now_ms});"
	"INSERT INTO last_use_tracking (id) VALUES (1);",
	/* 5: audit records of changes, until the log has them (journal.h). */
	"CREATE TABLE pending_record ("
	" request_id {text} PRIMARY KEY,"
	" at_ms BIGINT NOT NULL DEFAULT {now_ms},"
	" record {blob} NOT NULL);"
	"CREATE INDEX pending_record_by_time ON pending_record (at_ms, request_id);"
	"CREATE VIEW database_clock (now_ms) AS SELECT {now_ms};",
};

const struct rd_db_schema kms_schema = {
	.program = "redoubt-kms",
	.migrations = migrations,
	.version = RD_ARRAY_LEN(migrations),
};
