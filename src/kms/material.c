/* SPDX-License-Identifier: Apache-2.0 */
/* Identities of rows that hold secrets, and wrapping them anew. */
#include "kms/material.h"

#include "base/text.h"
#include "crypto/hmac.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Length, then bytes: no two rows give the same identity. */
static enum rd_status put_text(struct rd_buf *out, const char *text)
{
	RD_TRY(rd_buf_be32(out, (uint32_t)strlen(text)));
	return rd_buf_put_str(out, text);
}

#define IDENTITY_SIZE (4 + KMS_ACCOUNT_SIZE + 4 + KMS_KEY_ID_SIZE + 4 * 4)

static enum rd_status material_identity(
	const struct kms_key *key, const struct kms_material *material, struct rd_buf *out)
{
	RD_ENSURE(strcmp(key->id, material->key_id) == 0, RD_USAGE);
	RD_TRY(put_text(out, key->account));
	RD_TRY(put_text(out, key->id));
	RD_TRY(rd_buf_be32(out, material->generation));
	RD_TRY(rd_buf_be32(out, key->spec));
	RD_TRY(rd_buf_be32(out, key->usage));
	return rd_buf_be32(out, key->origin);
}

enum rd_status kms_material_wrap(struct kms_keyring *keyring, const struct kms_key *key,
	struct kms_material *material, struct rd_view secret)
{
	struct rd_buf wrapped RD_CLEANUP(rd_buf_finish) = rd_buf_growable(
		RD_SECRET_SIZE_MAX + KMS_WRAP_OVERHEAD);
	uint8_t storage[IDENTITY_SIZE];
	struct rd_buf identity = rd_buf_fixed(storage, sizeof(storage));

	RD_TRY(material_identity(key, material, &identity));
	RD_TRY(kms_wrap(keyring, KMS_PURPOSE_MATERIAL, rd_buf_view(&identity), secret, &wrapped));
	free(material->wrapped);
	material->wrapped_len = wrapped.used;
	material->wrapped = rd_steal(&wrapped.ptr, NULL);
	material->present = true;
	return RD_OK;
}

enum rd_status kms_material_unwrap(struct kms_keyring *keyring, struct rd_db *db,
	const struct kms_key *key, const struct kms_material *material, struct rd_secret *ret)
{
	uint8_t storage[IDENTITY_SIZE];
	struct rd_buf identity = rd_buf_fixed(storage, sizeof(storage));

	*ret = (struct rd_secret){0};
	RD_ENSURE(material->present, RD_MISSING);
	RD_TRY(material_identity(key, material, &identity));
	return kms_unwrap_with(keyring, db, KMS_PURPOSE_MATERIAL, rd_buf_view(&identity),
		rd_view(material->wrapped, material->wrapped_len), ret);
}

enum rd_status kms_material_id(struct kms_keyring *keyring, const char *key_id,
	struct rd_view secret, char ret_id[KMS_MATERIAL_ID_SIZE])
{
	struct rd_secret message RD_CLEANUP(rd_secret_finish) = {0};
	uint8_t mac[32];
	struct rd_buf b;

	RD_TRY(rd_secret_init(&message, 4 + strlen(key_id) + secret.len));
	b = rd_buf_fixed(message.ptr, message.cap);
	RD_TRY(put_text(&b, key_id));
	RD_TRY(rd_buf_put_view(&b, secret));
	RD_TRY(kms_keyed_hash(keyring, KMS_PURPOSE_MATERIAL_ID, rd_buf_view(&b), mac));
	rd_hex_string(rd_view(mac, sizeof(mac)), ret_id);
	return RD_OK;
}

#define CREDENTIAL_IDENTITY_SIZE (4 + KMS_AKID_SIZE + 4 + KMS_UID_SIZE)

static enum rd_status credential_identity(
	const struct kms_credential *credential, struct rd_buf *out)
{
	RD_TRY(put_text(out, credential->akid));
	return put_text(out, credential->uid);
}

enum rd_status kms_credential_wrap(
	struct kms_keyring *keyring, struct kms_credential *credential, struct rd_view secret)
{
	uint8_t storage[CREDENTIAL_IDENTITY_SIZE];
	struct rd_buf identity = rd_buf_fixed(storage, sizeof(storage));
	struct rd_buf out = rd_buf_fixed(credential->wrapped, sizeof(credential->wrapped));

	RD_TRY(credential_identity(credential, &identity));
	RD_TRY(kms_wrap(keyring, KMS_PURPOSE_CREDENTIAL, rd_buf_view(&identity), secret, &out));
	credential->wrapped_len = out.used;
	return RD_OK;
}

enum rd_status kms_credential_unwrap(struct kms_keyring *keyring, struct rd_db *db,
	const struct kms_credential *credential, struct rd_secret *ret)
{
	uint8_t storage[CREDENTIAL_IDENTITY_SIZE];
	struct rd_buf identity = rd_buf_fixed(storage, sizeof(storage));

	*ret = (struct rd_secret){0};
	RD_TRY(credential_identity(credential, &identity));
	return kms_unwrap_with(keyring, db, KMS_PURPOSE_CREDENTIAL, rd_buf_view(&identity),
		rd_view(credential->wrapped, credential->wrapped_len), ret);
}

/* Wrapping anew: rows are kept first, since a statement may not run within another's rows. */

struct rewrap {
	struct kms_keyring *keyring;
	struct rd_db *db;
	uint32_t max;
	struct kms_material *materials;
	struct kms_credential *credentials;
	size_t n_materials, n_credentials;
	char *row; /* that it works on */
};

static void rewrap_clear(struct rewrap *r)
{
	for (size_t i = 0; i < r->n_materials; i++) {
		kms_material_finish(&r->materials[i]);
	}
	r->n_materials = 0;
	r->n_credentials = 0;
}

static enum rd_status keep_material(void *arg, struct kms_material *material)
{
	struct rewrap *r = arg;

	RD_ENSURE(r->n_materials < r->max, RD_INTERNAL);
	r->materials[r->n_materials++] = rd_steal(material, (struct kms_material){0});
	return RD_OK;
}

static enum rd_status keep_credential(void *arg, const struct kms_credential *credential)
{
	struct rewrap *r = arg;

	RD_ENSURE(r->n_credentials < r->max, RD_INTERNAL);
	r->credentials[r->n_credentials++] = *credential;
	return RD_OK;
}

static enum rd_status rewrap_material(struct rewrap *r, struct kms_material *material)
{
	struct rd_secret secret RD_CLEANUP(rd_secret_finish) = {0};
	struct kms_key key RD_CLEANUP(kms_key_finish) = {.version = 0};

	(void)snprintf(r->row, KMS_REWRAP_ROW_SIZE, "key %s", material->key_id);
	RD_TRY(kms_store_key_find(r->db, material->key_id, &key));
	RD_TRY(kms_material_unwrap(r->keyring, r->db, &key, material, &secret));
	RD_TRY(kms_material_wrap(r->keyring, &key, material, rd_secret_view(&secret)));
	return kms_store_material_rewrap(r->db, material);
}

static enum rd_status rewrap_credential(struct rewrap *r, struct kms_credential *credential)
{
	struct rd_secret secret RD_CLEANUP(rd_secret_finish) = {0};

	(void)snprintf(r->row, KMS_REWRAP_ROW_SIZE, "access key %s", credential->akid);
	RD_TRY(kms_credential_unwrap(r->keyring, r->db, credential, &secret));
	RD_TRY(kms_credential_wrap(r->keyring, credential, rd_secret_view(&secret)));
	return kms_store_credential_rewrap(r->db, credential);
}

static enum rd_status rewrap_work(struct rd_db *db, void *arg)
{
	struct rewrap *r = arg;
	const uint32_t generation = kms_keyring_generation(r->keyring);

	rewrap_clear(r);
	RD_TRY(kms_store_material_stale(db, generation, r->max, keep_material, r));
	RD_TRY(kms_store_credentials_list(db, NULL, generation, r->max, keep_credential, r));
	for (size_t i = 0; i < r->n_materials; i++) {
		RD_TRY(rewrap_material(r, &r->materials[i]));
	}
	for (size_t i = 0; i < r->n_credentials; i++) {
		RD_TRY(rewrap_credential(r, &r->credentials[i]));
	}
	return RD_OK;
}

enum rd_status kms_rewrap(struct kms_keyring *keyring, struct rd_db *db, uint32_t max,
	size_t *ret_n, char ret_row[KMS_REWRAP_ROW_SIZE])
{
	struct rewrap r = {.keyring = keyring, .db = db, .max = max, .row = ret_row};
	enum rd_status st = RD_NOMEM;

	RD_ENSURE(max > 0, RD_USAGE);
	ret_row[0] = '\0';
	r.materials = calloc(max, sizeof(*r.materials));
	r.credentials = calloc(max, sizeof(*r.credentials));
	if (r.materials != NULL && r.credentials != NULL) {
		st = rd_db_transact(db, rewrap_work, &r);
	}
	if (st == RD_OK) {
		*ret_n = r.n_materials + r.n_credentials;
	}
	rewrap_clear(&r);
	free(r.materials);
	free(r.credentials);
	return st;
}
