/* SPDX-License-Identifier: Apache-2.0 */
/* What every store_*.c does. */
#include "kms/store-internal.h"

#include "base/byteorder.h"

#include <string.h>

enum rd_status kms_store_count(struct rd_db *db, const char *sql, const char *key_id, int64_t quota)
{
	enum rd_status st = rd_db_write(
		db, sql, RD_DB_ARGS(rd_db_text(key_id), rd_db_int(quota)), RD_LIMIT);

	if (st == RD_LIMIT) {
		RD_TRY(rd_db_exists(db, "SELECT id FROM kms_key WHERE id = $1", key_id));
	}
	return st;
}

enum rd_status kms_store_fold(const char *name, char *ret, size_t size)
{
	size_t len = strlen(name);

	RD_ENSURE(len < size, RD_LIMIT);
	for (size_t i = 0; i <= len; i++) {
		ret[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + ('a' - 'A')) : name[i];
	}
	return RD_OK;
}

int64_t kms_store_wrap_generation(struct rd_view wrapped)
{
	return wrapped.len < sizeof(uint32_t) ? 0 : rd_get_be32(wrapped.ptr);
}
