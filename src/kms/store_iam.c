/* SPDX-License-Identifier: Apache-2.0 */
/* Users, roles and their policies. Names are unique without regard to case, and shown as given. */
#include "kms/store-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS "uid, account, kind, path, name, trust_policy, boundary, max_session_s, created_ms"

/* Policy names are longer than those of users: 128 characters. */
#define POLICY_NAME_SIZE (128 + 1)

static enum rd_status principal_from(
	struct kms_principal *p, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);

	rd_db_take_text(&c, p->uid, sizeof(p->uid));
	rd_db_take_text(&c, p->account, sizeof(p->account));
	p->kind = (enum kms_principal_kind)rd_db_take_u32(&c, KMS_ROLE);
	rd_db_take_text(&c, p->path, sizeof(p->path));
	rd_db_take_text(&c, p->name, sizeof(p->name));
	rd_db_take_dup(&c, &p->trust_policy);
	rd_db_take_dup(&c, &p->boundary);
	p->max_session_s = rd_db_take_u32(&c, UINT32_MAX);
	p->created_ms = rd_db_take_i64(&c);
	return rd_db_take_finish(&c);
}

static enum rd_status get_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct kms_principal p RD_CLEANUP(kms_principal_finish) = {.max_session_s = 0};

	RD_TRY(principal_from(&p, columns, n));
	*(struct kms_principal *)arg = p;
	p.trust_policy = NULL;
	p.boundary = NULL;
	return RD_OK;
}

enum rd_status kms_store_principal_add(struct rd_db *db, const struct kms_principal *p)
{
	char folded[KMS_NAME_SIZE];

	RD_TRY(kms_store_fold(p->name, folded, sizeof(folded)));
	return rd_db_write(db,
		"INSERT INTO principal (" COLUMNS ", folded)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
		RD_DB_ARGS(rd_db_text(p->uid), rd_db_text(p->account), rd_db_int(p->kind),
			rd_db_text(p->path), rd_db_text(p->name), rd_db_text(p->trust_policy),
			rd_db_text(p->boundary), rd_db_int(p->max_session_s),
			rd_db_int(p->created_ms), rd_db_text(folded)),
		RD_EXISTS);
}

enum rd_status kms_store_principal_get(struct rd_db *db, const char *account,
	enum kms_principal_kind kind, const char *name, struct kms_principal *ret)
{
	char folded[KMS_NAME_SIZE];

	RD_TRY(kms_store_fold(name, folded, sizeof(folded)));
	return rd_db_one(db,
		"SELECT " COLUMNS
		" FROM principal WHERE account = $1 AND kind = $2 AND folded = $3",
		RD_DB_ARGS(rd_db_text(account), rd_db_int(kind), rd_db_text(folded)), get_row, ret);
}

enum rd_status kms_store_principal_by_uid(
	struct rd_db *db, const char *uid, struct kms_principal *ret)
{
	return rd_db_one(db, "SELECT " COLUMNS " FROM principal WHERE uid = $1",
		RD_DB_ARGS(rd_db_text(uid)), get_row, ret);
}

/* The unique index is asked first: a failed statement would end a transaction of PostgreSQL. */
static enum rd_status name_is_free(struct rd_db *db, const struct kms_principal *p)
{
	struct kms_principal other RD_CLEANUP(kms_principal_finish) = {.max_session_s = 0};
	enum rd_status st = kms_store_principal_get(db, p->account, p->kind, p->name, &other);

	if (st == RD_NOTFOUND) {
		return RD_OK;
	}
	RD_TRY(st);
	return strcmp(other.uid, p->uid) == 0 ? RD_OK : RD_EXISTS;
}

enum rd_status kms_store_principal_update(struct rd_db *db, const struct kms_principal *p)
{
	char folded[KMS_NAME_SIZE];

	RD_TRY(kms_store_fold(p->name, folded, sizeof(folded)));
	RD_TRY(name_is_free(db, p));
	RD_TRY(rd_db_write(db,
		"UPDATE principal SET path = $1, name = $2, folded = $3, trust_policy = $4, "
		"boundary = $5, max_session_s = $6 WHERE uid = $7",
		RD_DB_ARGS(rd_db_text(p->path), rd_db_text(p->name), rd_db_text(folded),
			rd_db_text(p->trust_policy), rd_db_text(p->boundary),
			rd_db_int(p->max_session_s), rd_db_text(p->uid)),
		RD_NOTFOUND));
	return kms_store_change_add(db, 'p', p->uid);
}

/* What hangs on it refers to it, and that is the rule that forbids. */
enum rd_status kms_store_principal_delete(struct rd_db *db, const char *uid)
{
	RD_TRY(rd_db_write(db, "DELETE FROM principal WHERE uid = $1", RD_DB_ARGS(rd_db_text(uid)),
		RD_NOTFOUND));
	return kms_store_change_add(db, 'p', uid);
}

struct principals {
	kms_store_principal_fn *fn;
	void *arg;
};

static enum rd_status list_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	const struct principals *principals = arg;
	struct kms_principal p RD_CLEANUP(kms_principal_finish) = {.max_session_s = 0};

	RD_TRY(principal_from(&p, columns, n));
	return principals->fn(principals->arg, &p);
}

enum rd_status kms_store_principals_list(struct rd_db *db, const char *account,
	enum kms_principal_kind kind, const char *after, uint32_t max, kms_store_principal_fn *fn,
	void *arg)
{
	struct principals principals = {.fn = fn, .arg = arg};
	char folded[KMS_NAME_SIZE];

	RD_TRY(kms_store_fold(after, folded, sizeof(folded)));
	return rd_db_run(db,
		"SELECT " COLUMNS " FROM principal WHERE account = $1 AND kind = $2 AND folded > $3"
		" ORDER BY folded LIMIT $4",
		RD_DB_ARGS(
			rd_db_text(account), rd_db_int(kind), rd_db_text(folded), rd_db_int(max)),
		list_row, &principals, NULL);
}

static enum rd_status principal_exists(struct rd_db *db, const char *uid)
{
	return rd_db_exists(db, "SELECT uid FROM principal WHERE uid = $1", uid);
}

enum rd_status kms_store_policy_put(
	struct rd_db *db, const char *uid, const char *name, const char *document)
{
	char folded[POLICY_NAME_SIZE];

	RD_TRY(kms_store_fold(name, folded, sizeof(folded)));
	RD_TRY(principal_exists(db, uid));
	RD_TRY(rd_db_write(db,
		"INSERT INTO identity_policy (uid, name, folded, document) VALUES ($1, $2, $3, $4)"
		" ON CONFLICT (uid, folded) DO UPDATE SET document = excluded.document",
		RD_DB_ARGS(rd_db_text(uid), rd_db_text(name), rd_db_text(folded),
			rd_db_text(document)),
		RD_INTERNAL));
	return kms_store_change_add(db, 'p', uid);
}

enum rd_status kms_store_policy_delete(struct rd_db *db, const char *uid, const char *name)
{
	char folded[POLICY_NAME_SIZE];

	RD_TRY(kms_store_fold(name, folded, sizeof(folded)));
	RD_TRY(rd_db_write(db, "DELETE FROM identity_policy WHERE uid = $1 AND folded = $2",
		RD_DB_ARGS(rd_db_text(uid), rd_db_text(folded)), RD_NOTFOUND));
	return kms_store_change_add(db, 'p', uid);
}

struct policies {
	kms_store_policy_fn *fn;
	void *arg;
};

/* name, ARN or NULL, document */
static enum rd_status policy_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);
	const struct policies *policies = arg;
	char name[POLICY_NAME_SIZE];
	char *arn = NULL, *document = NULL;
	enum rd_status st;

	rd_db_take_text(&c, name, sizeof(name));
	rd_db_take_dup(&c, &arn);
	rd_db_take_dup(&c, &document);
	st = rd_db_take_finish(&c);
	if (st == RD_OK) {
		st = document == NULL ? RD_BAD_TYPE
				      : policies->fn(policies->arg, name, arn, document);
	}
	free(arn);
	free(document);
	return st;
}

enum rd_status kms_store_policies_of(
	struct rd_db *db, const char *uid, kms_store_policy_fn *fn, void *arg)
{
	struct policies policies = {.fn = fn, .arg = arg};

	RD_TRY(rd_db_run(db,
		"SELECT name, NULL, document FROM identity_policy WHERE uid = $1 ORDER BY folded",
		RD_DB_ARGS(rd_db_text(uid)), policy_row, &policies, NULL));
	return rd_db_run(db,
		"SELECT m.name, m.arn, m.document FROM attachment a"
		" JOIN managed_policy m ON m.arn = a.arn WHERE a.uid = $1 ORDER BY m.arn",
		RD_DB_ARGS(rd_db_text(uid)), policy_row, &policies, NULL);
}

enum rd_status kms_store_managed_add(struct rd_db *db, const char *account, const char *arn,
	const char *name, const char *document, int64_t now_ms)
{
	char folded[POLICY_NAME_SIZE];

	RD_TRY(kms_store_fold(name, folded, sizeof(folded)));
	return rd_db_write(db,
		"INSERT INTO managed_policy (arn, account, name, folded, document, created_ms)"
		" VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
		RD_DB_ARGS(rd_db_text(arn), rd_db_text(account), rd_db_text(name),
			rd_db_text(folded), rd_db_text(document), rd_db_int(now_ms)),
		RD_EXISTS);
}

enum rd_status kms_store_managed_get(
	struct rd_db *db, const char *account, const char *arn, kms_store_policy_fn *fn, void *arg)
{
	struct policies policies = {.fn = fn, .arg = arg};

	return rd_db_one(db,
		"SELECT name, arn, document FROM managed_policy WHERE arn = $1 AND account = $2",
		RD_DB_ARGS(rd_db_text(arn), rd_db_text(account)), policy_row, &policies);
}

enum rd_status kms_store_managed_delete(struct rd_db *db, const char *account, const char *arn)
{
	return rd_db_write(db, "DELETE FROM managed_policy WHERE arn = $1 AND account = $2",
		RD_DB_ARGS(rd_db_text(arn), rd_db_text(account)), RD_NOTFOUND);
}

enum rd_status kms_store_managed_list(struct rd_db *db, const char *account, const char *after,
	uint32_t max, kms_store_policy_fn *fn, void *arg)
{
	struct policies policies = {.fn = fn, .arg = arg};
	char folded[POLICY_NAME_SIZE];

	RD_TRY(kms_store_fold(after, folded, sizeof(folded)));
	return rd_db_run(db,
		"SELECT name, arn, document FROM managed_policy"
		" WHERE account = $1 AND folded > $2 ORDER BY folded LIMIT $3",
		RD_DB_ARGS(rd_db_text(account), rd_db_text(folded), rd_db_int(max)), policy_row,
		&policies, NULL);
}

enum rd_status kms_store_attach(struct rd_db *db, const char *uid, const char *arn)
{
	RD_TRY(principal_exists(db, uid));
	RD_TRY(rd_db_exists(db, "SELECT arn FROM managed_policy WHERE arn = $1", arn));
	RD_TRY(rd_db_write(db,
		"INSERT INTO attachment (uid, arn) VALUES ($1, $2) ON CONFLICT DO NOTHING",
		RD_DB_ARGS(rd_db_text(uid), rd_db_text(arn)), RD_EXISTS));
	return kms_store_change_add(db, 'p', uid);
}

enum rd_status kms_store_detach(struct rd_db *db, const char *uid, const char *arn)
{
	RD_TRY(rd_db_write(db, "DELETE FROM attachment WHERE uid = $1 AND arn = $2",
		RD_DB_ARGS(rd_db_text(uid), rd_db_text(arn)), RD_NOTFOUND));
	return kms_store_change_add(db, 'p', uid);
}
