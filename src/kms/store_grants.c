/* SPDX-License-Identifier: Apache-2.0 */
/* Grants. */
#include "kms/store-internal.h"

#include <stdlib.h>

#define COLUMNS                                                                                    \
	"id, key_id, account, name, grantee, retiring, issuer, operations, context_equals, "       \
	"context_subset, created_ms"

static enum rd_status grant_from(
	struct kms_grant *grant, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);

	rd_db_take_text(&c, grant->id, sizeof(grant->id));
	rd_db_take_text(&c, grant->key_id, sizeof(grant->key_id));
	rd_db_take_text(&c, grant->account, sizeof(grant->account));
	rd_db_take_text(&c, grant->name, sizeof(grant->name));
	rd_db_take_text(&c, grant->grantee, sizeof(grant->grantee));
	rd_db_take_text(&c, grant->retiring, sizeof(grant->retiring));
	rd_db_take_text(&c, grant->issuer, sizeof(grant->issuer));
	grant->operations = rd_db_take_u32(&c, UINT32_MAX);
	rd_db_take_dup(&c, &grant->context_equals);
	rd_db_take_dup(&c, &grant->context_subset);
	grant->created_ms = rd_db_take_i64(&c);
	return rd_db_take_finish(&c);
}

static enum rd_status get_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct kms_grant grant RD_CLEANUP(kms_grant_finish) = {.operations = 0};

	RD_TRY(grant_from(&grant, columns, n));
	*(struct kms_grant *)arg = grant;
	grant.context_equals = NULL;
	grant.context_subset = NULL;
	return RD_OK;
}

enum rd_status kms_store_grant_add(struct rd_db *db, const struct kms_grant *grant)
{
	RD_TRY(kms_store_count(db,
		"UPDATE kms_key SET n_grants = n_grants + 1 WHERE id = $1 AND n_grants < $2",
		grant->key_id, KMS_GRANTS_PER_KEY));
	RD_TRY(rd_db_write(db,
		"INSERT INTO kms_grant (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
		"$10, $11) ON CONFLICT DO NOTHING",
		RD_DB_ARGS(rd_db_text(grant->id), rd_db_text(grant->key_id),
			rd_db_text(grant->account), rd_db_text(grant->name),
			rd_db_text(grant->grantee), rd_db_text(grant->retiring),
			rd_db_text(grant->issuer), rd_db_int(grant->operations),
			rd_db_text(grant->context_equals), rd_db_text(grant->context_subset),
			rd_db_int(grant->created_ms)),
		RD_EXISTS));
	return kms_store_change_add(db, 'k', grant->key_id);
}

enum rd_status kms_store_grant_get(
	struct rd_db *db, const char *key_id, const char *id, struct kms_grant *ret)
{
	return rd_db_one(db, "SELECT " COLUMNS " FROM kms_grant WHERE id = $1 AND key_id = $2",
		RD_DB_ARGS(rd_db_text(id), rd_db_text(key_id)), get_row, ret);
}

enum rd_status kms_store_grant_delete(struct rd_db *db, const char *key_id, const char *id)
{
	RD_TRY(rd_db_write(db, "DELETE FROM kms_grant WHERE id = $1 AND key_id = $2",
		RD_DB_ARGS(rd_db_text(id), rd_db_text(key_id)), RD_NOTFOUND));
	RD_TRY(rd_db_write(db, "UPDATE kms_key SET n_grants = n_grants - 1 WHERE id = $1",
		RD_DB_ARGS(rd_db_text(key_id)), RD_NOTFOUND));
	return kms_store_change_add(db, 'k', key_id);
}

struct grants {
	kms_store_grant_fn *fn;
	void *arg;
};

static enum rd_status list_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	const struct grants *grants = arg;
	struct kms_grant grant RD_CLEANUP(kms_grant_finish) = {.operations = 0};

	RD_TRY(grant_from(&grant, columns, n));
	return grants->fn(grants->arg, &grant);
}

/* $1 to $5: key_id, grantee, retiring, id, name, each "" for any; then after and max. */
#define SELECT_GRANTS  "SELECT " COLUMNS " FROM kms_grant WHERE "
#define MAY(n, column) "($" n " = '' OR " column " = $" n ")"
#define PAGE           " AND id > $6 ORDER BY id LIMIT $7"

/* One text for each index of the schema, so that neither database has to guess which to use. */
static const char *text_for(const struct kms_grant_filter *filter)
{
	if (filter->key_id != NULL && filter->id != NULL) {
		return SELECT_GRANTS "key_id = $1 AND " MAY("2", "grantee") " AND " MAY(
			"3", "retiring") " AND id = $4 AND " MAY("5", "name") PAGE;
	}
	if (filter->key_id != NULL && filter->name != NULL) {
		return SELECT_GRANTS "key_id = $1 AND " MAY("2", "grantee") " AND " MAY(
			"3", "retiring") " AND " MAY("4", "id") " AND name = $5" PAGE;
	}
	if (filter->key_id != NULL && filter->grantee != NULL) {
		return SELECT_GRANTS "key_id = $1 AND grantee = $2 AND " MAY(
			"3", "retiring") " AND " MAY("4", "id") " AND " MAY("5", "name") PAGE;
	}
	if (filter->key_id != NULL) {
		return SELECT_GRANTS "key_id = $1 AND " MAY("2", "grantee") " AND " MAY(
			"3", "retiring") " AND " MAY("4", "id") " AND " MAY("5", "name") PAGE;
	}
	if (filter->grantee != NULL) {
		return SELECT_GRANTS MAY("1", "key_id") " AND grantee = $2 AND " MAY(
			"3", "retiring") " AND " MAY("4", "id") " AND " MAY("5", "name") PAGE;
	}
	return SELECT_GRANTS MAY("1", "key_id") " AND " MAY(
		"2", "grantee") " AND retiring = $3"
				" AND " MAY("4", "id") " AND " MAY("5", "name") PAGE;
}

static struct rd_db_value or_any(const char *text)
{
	return rd_db_text(text == NULL ? "" : text);
}

enum rd_status kms_store_grants_list(struct rd_db *db, const struct kms_grant_filter *filter,
	const char *after, uint32_t max, kms_store_grant_fn *fn, void *arg)
{
	struct grants grants = {.fn = fn, .arg = arg};

	RD_ENSURE(filter->key_id != NULL || filter->grantee != NULL || filter->retiring != NULL,
		RD_USAGE);
	return rd_db_run(db, text_for(filter),
		RD_DB_ARGS(or_any(filter->key_id), or_any(filter->grantee),
			or_any(filter->retiring), or_any(filter->id), or_any(filter->name),
			rd_db_text(after), rd_db_int(max)),
		list_row, &grants, NULL);
}
