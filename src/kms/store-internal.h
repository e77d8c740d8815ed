/* SPDX-License-Identifier: Apache-2.0 */
/* What store_*.c share. */
#ifndef KMS_STORE_INTERNAL_H
#define KMS_STORE_INTERNAL_H

#include "db/db_rows.h"
#include "kms/store.h"

/*
 * Counts one more of something at a key, up to a quota. sql: "UPDATE kms_key SET n_x = n_x + 1
 * WHERE id = $1 AND n_x < $2". RD_NOTFOUND: no such key; RD_LIMIT.
 */
enum rd_status kms_store_count(struct rd_db *db, const char *sql, const char *key_id, int64_t quota)
	RD_MUST_USE;

/* For rd_db_read with a key's id as the only parameter: the key (*ret is zeroed), and what belongs
 * to it, in the orders of the lists. */
struct kms_store_materials {
	kms_store_material_fn *fn;
	void *arg;
};
struct kms_store_tags {
	kms_store_tag_fn *fn;
	void *arg;
};
struct kms_store_aliases {
	kms_store_alias_fn *fn;
	void *arg;
};
struct rd_db_read kms_store_key_read(struct kms_key *ret);
struct rd_db_read kms_store_materials_read(struct kms_store_materials *materials);
struct rd_db_read kms_store_tags_read(struct kms_store_tags *tags);
/* Whatever their account. */
struct rd_db_read kms_store_aliases_read(struct kms_store_aliases *aliases);

/* ASCII lower case, for names that compare without case. RD_LIMIT when it does not fit. */
enum rd_status kms_store_fold(const char *name, char *ret, size_t size) RD_MUST_USE;

/* Of a wrapped value: its first four bytes (keyring.h). 0 when there is none. */
int64_t kms_store_wrap_generation(struct rd_view wrapped);

/* "<account>:<name>", the longest id of a change. */
#define KMS_ALIAS_CHANGE_SIZE (KMS_ACCOUNT_SIZE + KMS_ALIAS_SIZE)

#endif
