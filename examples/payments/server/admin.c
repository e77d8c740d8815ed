/* SPDX-License-Identifier: Apache-2.0 */
/* Merchants and API keys from the command line. */
#include "server/admin.h"

#include "base/secret.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "server/ids.h"
#include "server/ps.h"
#include "server/schema.h"
#include "server/store.h"

#include <string.h>

/* They are in the audit log's "who": words without a colon. */
static enum rd_status check_name(const char *name, struct rd_error *err)
{
	const size_t len = strlen(name);

	if (len == 0 || len >= PS_NAME_SIZE ||
		strspn(name,
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_ .") !=
			len) {
		return rd_fail(err, RD_USAGE,
			"\"%.64s\" is not a name: 1 to %d of A-Z a-z 0-9 - _ . and spaces", name,
			PS_NAME_SIZE - 1);
	}
	return RD_OK;
}

struct work {
	struct ps_merchant merchant;
	struct ps_api_key key;
};

static enum rd_status add_merchant(struct rd_db *db, void *arg)
{
	return ps_store_merchant_add(db, &((struct work *)arg)->merchant);
}

static enum rd_status add_key(struct rd_db *db, void *arg)
{
	struct work *work = arg;

	if (work->key.role == PS_MERCHANT) {
		RD_TRY(ps_store_merchant_get(db, work->key.merchant, &work->merchant));
	}
	return ps_store_api_key_add(db, &work->key);
}

static enum rd_status transact(const struct ps_config *config, rd_db_work *fn, struct work *work,
	const char *what, struct rd_error *err)
{
	RD_CLEANUP(rd_db_close) struct rd_db *db = NULL;
	enum rd_status st;

	RD_TRY(rd_db_open(config->database, &ps_schema, &db, err));
	st = rd_db_transact(db, fn, work);
	return st == RD_OK ? RD_OK : rd_fail(err, st, "%s: %s", what, rd_status_text(st));
}

enum rd_status ps_admin_add_merchant(
	const struct ps_config *config, const char *name, FILE *to, struct rd_error *err)
{
	struct work work = {.merchant = {.created_ms = ps_now_ms()}};

	RD_TRY(check_name(name, err));
	RD_TRY(ps_merchant_id_new(work.merchant.id));
	rd_text_copy(work.merchant.name, sizeof(work.merchant.name), name);
	RD_TRY(transact(config, add_merchant, &work, "a merchant of that name", err));
	fprintf(to, "%s\n", work.merchant.id);
	return RD_OK;
}

enum rd_status ps_admin_add_key(const struct ps_config *config, const char *role, const char *name,
	const char *merchant, FILE *to, struct rd_error *err)
{
	struct work work = {.key = {.created_ms = ps_now_ms()}};
	char text[PS_API_KEY_SIZE];
	enum rd_status st;

	if (!ps_role_parse(role, &work.key.role)) {
		return rd_fail(err, RD_USAGE,
			"\"%.64s\" is not a role: merchant, viewer, operator or custodian", role);
	}
	if ((work.key.role == PS_MERCHANT) != (merchant != NULL)) {
		return rd_fail(err, RD_USAGE,
			"--merchant ID belongs to a key with the role merchant, and to no other");
	}
	RD_TRY(check_name(name, err));
	rd_text_copy(work.key.name, sizeof(work.key.name), name);
	rd_text_copy(
		work.key.merchant, sizeof(work.key.merchant), merchant == NULL ? "" : merchant);
	RD_TRY(ps_id_new("key_", work.key.id));
	RD_TRY(ps_api_key_new(text));
	RD_TRY(rd_digest_once(RD_SHA256, rd_view_str(text), work.key.sha256));
	st = transact(config, add_key, &work, "the merchant", err);
	if (st == RD_OK) {
		fprintf(to, "%s\n", text);
	}
	rd_wipe(text, sizeof(text));
	return st;
}
