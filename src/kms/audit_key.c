/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log's signing key in the database. */
#include "kms/audit_key.h"

#include "kms/store.h"

/* PKCS#8 of P-256 is 138 bytes. */
#define PKCS8_MAX   512
#define WRAPPED_MAX (PKCS8_MAX + KMS_WRAP_OVERHEAD)

static const char meta_name[] = "audit_key";

struct work {
	struct kms_keyring *keyring;
	struct rd_ec_key *key;
};

static struct rd_view identity(void)
{
	return rd_view_str(meta_name);
}

static enum rd_status read_key(struct rd_db *db, struct work *w)
{
	uint8_t storage[WRAPPED_MAX];
	struct rd_buf wrapped = rd_buf_fixed(storage, sizeof(storage));
	struct rd_secret der RD_CLEANUP(rd_secret_finish) = {0};

	RD_TRY(kms_store_meta_get(db, meta_name, &wrapped));
	RD_TRY(kms_unwrap_with(
		w->keyring, db, KMS_PURPOSE_AUDIT_KEY, identity(), rd_buf_view(&wrapped), &der));
	return rd_ec_key_from_pkcs8(rd_secret_view(&der), RD_P256, &w->key);
}

static enum rd_status make_key(struct rd_db *db, struct work *w)
{
	uint8_t storage[WRAPPED_MAX];
	struct rd_buf wrapped = rd_buf_fixed(storage, sizeof(storage));
	struct rd_secret der RD_CLEANUP(rd_secret_finish) = {0};

	RD_TRY(rd_ec_key_generate(RD_P256, &w->key));
	RD_TRY(rd_secret_init(&der, PKCS8_MAX));
	RD_TRY(rd_ec_key_to_pkcs8(w->key, &der));
	RD_TRY(kms_wrap(
		w->keyring, KMS_PURPOSE_AUDIT_KEY, identity(), rd_secret_view(&der), &wrapped));
	return kms_store_meta_add(db, meta_name, rd_buf_view(&wrapped));
}

static enum rd_status read_or_make(struct rd_db *db, void *arg)
{
	struct work *w = arg;
	enum rd_status st;

	rd_ec_key_free(&w->key);
	st = read_key(db, w);
	return st == RD_NOTFOUND ? make_key(db, w) : st;
}

enum rd_status kms_audit_key_open(
	struct kms_keyring *keyring, struct rd_db *db, struct rd_ec_key **ret, struct rd_error *err)
{
	struct work w = {.keyring = keyring};
	enum rd_status st = rd_db_transact(db, read_or_make, &w);

	if (st != RD_OK) {
		rd_ec_key_free(&w.key);
		return rd_fail(err, st, "the audit log's signing key: %s (database: %s)",
			rd_status_text(st), rd_db_error(db));
	}
	*ret = w.key;
	return RD_OK;
}
