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

/* ASCII lower case, for names that compare without case. RD_LIMIT when it does not fit. */
enum rd_status kms_store_fold(const char *name, char *ret, size_t size) RD_MUST_USE;

/* Of a wrapped value: its first four bytes (keyring.h). 0 when there is none. */
int64_t kms_store_wrap_generation(struct rd_view wrapped);

/* "<account>:<name>", the longest id of a change. */
#define KMS_ALIAS_CHANGE_SIZE (KMS_ACCOUNT_SIZE + KMS_ALIAS_SIZE)

#endif
