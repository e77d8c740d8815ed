/* SPDX-License-Identifier: Apache-2.0 */
/* Instance profiles. Names are unique without regard to case, and shown as given. */
#include "kms/store-internal.h"

#define COLUMNS "uid, account, path, name, COALESCE(role_uid, ''), created_ms"

static enum rd_status profile_from(
	struct kms_profile *p, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);

	rd_db_take_text(&c, p->uid, sizeof(p->uid));
	rd_db_take_text(&c, p->account, sizeof(p->account));
	rd_db_take_text(&c, p->path, sizeof(p->path));
	rd_db_take_text(&c, p->name, sizeof(p->name));
	rd_db_take_text(&c, p->role_uid, sizeof(p->role_uid));
	p->created_ms = rd_db_take_i64(&c);
	return rd_db_take_finish(&c);
}

static enum rd_status get_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	return profile_from(arg, columns, n);
}

static struct rd_db_value role_or_null(const char *role_uid)
{
	return rd_db_text(role_uid[0] != '\0' ? role_uid : NULL);
}

enum rd_status kms_store_profile_add(struct rd_db *db, const struct kms_profile *p)
{
	char folded[KMS_PROFILE_NAME_SIZE];

	RD_TRY(kms_store_fold(p->name, folded, sizeof(folded)));
	return rd_db_write(db,
		"INSERT INTO instance_profile"
		" (uid, account, path, name, folded, role_uid, created_ms)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
		RD_DB_ARGS(rd_db_text(p->uid), rd_db_text(p->account), rd_db_text(p->path),
			rd_db_text(p->name), rd_db_text(folded), role_or_null(p->role_uid),
			rd_db_int(p->created_ms)),
		RD_EXISTS);
}

enum rd_status kms_store_profile_get(
	struct rd_db *db, const char *account, const char *name, struct kms_profile *ret)
{
	char folded[KMS_PROFILE_NAME_SIZE];

	RD_TRY(kms_store_fold(name, folded, sizeof(folded)));
	return rd_db_one(db,
		"SELECT " COLUMNS " FROM instance_profile WHERE account = $1 AND folded = $2",
		RD_DB_ARGS(rd_db_text(account), rd_db_text(folded)), get_row, ret);
}

enum rd_status kms_store_profile_set_role(struct rd_db *db, const char *uid, const char *role_uid)
{
	return rd_db_write(db, "UPDATE instance_profile SET role_uid = $1 WHERE uid = $2",
		RD_DB_ARGS(role_or_null(role_uid), rd_db_text(uid)), RD_NOTFOUND);
}

enum rd_status kms_store_profile_delete(struct rd_db *db, const char *uid)
{
	return rd_db_write(db, "DELETE FROM instance_profile WHERE uid = $1",
		RD_DB_ARGS(rd_db_text(uid)), RD_NOTFOUND);
}

struct profiles {
	kms_store_profile_fn *fn;
	void *arg;
};

static enum rd_status list_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	const struct profiles *profiles = arg;
	struct kms_profile p;

	RD_TRY(profile_from(&p, columns, n));
	return profiles->fn(profiles->arg, &p);
}

enum rd_status kms_store_profiles_list(struct rd_db *db, const char *account, const char *role_uid,
	const char *after, uint32_t max, kms_store_profile_fn *fn, void *arg)
{
	struct profiles profiles = {.fn = fn, .arg = arg};
	char folded[KMS_PROFILE_NAME_SIZE];

	RD_TRY(kms_store_fold(after, folded, sizeof(folded)));
	if (role_uid == NULL) {
		return rd_db_run(db,
			"SELECT " COLUMNS " FROM instance_profile"
			" WHERE account = $1 AND folded > $2 ORDER BY folded LIMIT $3",
			RD_DB_ARGS(rd_db_text(account), rd_db_text(folded), rd_db_int(max)),
			list_row, &profiles, NULL);
	}
	return rd_db_run(db,
		"SELECT " COLUMNS " FROM instance_profile"
		" WHERE role_uid = $1 AND account = $2 AND folded > $3 ORDER BY folded LIMIT $4",
		RD_DB_ARGS(rd_db_text(role_uid), rd_db_text(account), rd_db_text(folded),
			rd_db_int(max)),
		list_row, &profiles, NULL);
}
