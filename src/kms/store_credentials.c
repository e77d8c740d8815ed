/* SPDX-License-Identifier: Apache-2.0 */
/* Access keys of users. */
#include "kms/store-internal.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS "akid, uid, account, active, created_ms, wrapped"

static void take_wrapped(struct rd_db_columns *c, struct kms_credential *credential)
{
	uint8_t *bytes = NULL;
	size_t len;

	rd_db_take_blob(c, &bytes, &len);
	if (len > sizeof(credential->wrapped)) {
		c->st = RD_LIMIT;
	} else if (bytes != NULL) {
		memcpy(credential->wrapped, bytes, len);
		credential->wrapped_len = len;
	}
	free(bytes);
}

static enum rd_status credential_from(
	struct kms_credential *credential, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);

	*credential = (struct kms_credential){.wrapped_len = 0};
	rd_db_take_text(&c, credential->akid, sizeof(credential->akid));
	rd_db_take_text(&c, credential->uid, sizeof(credential->uid));
	rd_db_take_text(&c, credential->account, sizeof(credential->account));
	credential->active = rd_db_take_bool(&c);
	credential->created_ms = rd_db_take_i64(&c);
	take_wrapped(&c, credential);
	return rd_db_take_finish(&c);
}

static enum rd_status get_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	return credential_from(arg, columns, n);
}

static struct rd_view wrapped_of(const struct kms_credential *credential)
{
	return rd_view(credential->wrapped, credential->wrapped_len);
}

enum rd_status kms_store_credential_add(struct rd_db *db, const struct kms_credential *credential)
{
	RD_TRY(rd_db_exists(db, "SELECT uid FROM principal WHERE uid = $1", credential->uid));
	return rd_db_write(db,
		"INSERT INTO credential (" COLUMNS ", wrap_generation)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
		RD_DB_ARGS(rd_db_text(credential->akid), rd_db_text(credential->uid),
			rd_db_text(credential->account), rd_db_int(credential->active),
			rd_db_int(credential->created_ms), rd_db_blob(wrapped_of(credential)),
			rd_db_int(kms_store_wrap_generation(wrapped_of(credential)))),
		RD_EXISTS);
}

enum rd_status kms_store_credential_get(
	struct rd_db *db, const char *akid, struct kms_credential *ret)
{
	return rd_db_one(db, "SELECT " COLUMNS " FROM credential WHERE akid = $1",
		RD_DB_ARGS(rd_db_text(akid)), get_row, ret);
}

enum rd_status kms_store_credential_set(struct rd_db *db, const char *akid, bool active)
{
	RD_TRY(rd_db_write(db, "UPDATE credential SET active = $1 WHERE akid = $2",
		RD_DB_ARGS(rd_db_int(active), rd_db_text(akid)), RD_NOTFOUND));
	return kms_store_change_add(db, 'c', akid);
}

enum rd_status kms_store_credential_delete(struct rd_db *db, const char *akid)
{
	RD_TRY(rd_db_write(db, "DELETE FROM credential WHERE akid = $1",
		RD_DB_ARGS(rd_db_text(akid)), RD_NOTFOUND));
	return kms_store_change_add(db, 'c', akid);
}

struct credentials {
	kms_store_credential_fn *fn;
	void *arg;
};

static enum rd_status list_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	const struct credentials *credentials = arg;
	struct kms_credential credential;

	RD_TRY(credential_from(&credential, columns, n));
	return credentials->fn(credentials->arg, &credential);
}

enum rd_status kms_store_credentials_list(struct rd_db *db, const char *uid,
	uint32_t before_generation, uint32_t max, kms_store_credential_fn *fn, void *arg)
{
	struct credentials credentials = {.fn = fn, .arg = arg};
	/* 0: any */
	const int64_t before = before_generation == 0 ? INT64_MAX : before_generation;

	if (uid == NULL) {
		return rd_db_run(db,
			"SELECT " COLUMNS " FROM credential WHERE wrap_generation < $1"
			" ORDER BY wrap_generation, akid LIMIT $2",
			RD_DB_ARGS(rd_db_int(before), rd_db_int(max)), list_row, &credentials,
			NULL);
	}
	return rd_db_run(db,
		"SELECT " COLUMNS " FROM credential WHERE uid = $1 AND wrap_generation < $2"
		" ORDER BY akid LIMIT $3",
		RD_DB_ARGS(rd_db_text(uid), rd_db_int(before), rd_db_int(max)), list_row,
		&credentials, NULL);
}

/* What is cached of it, the secret itself, stays the same. */
enum rd_status kms_store_credential_rewrap(
	struct rd_db *db, const struct kms_credential *credential)
{
	return rd_db_write(db,
		"UPDATE credential SET wrapped = $1, wrap_generation = $2 WHERE akid = $3",
		RD_DB_ARGS(rd_db_blob(wrapped_of(credential)),
			rd_db_int(kms_store_wrap_generation(wrapped_of(credential))),
			rd_db_text(credential->akid)),
		RD_NOTFOUND);
}
