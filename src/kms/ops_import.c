/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GetParametersForImport, ImportKeyMaterial, DeleteImportedKeyMaterial, and material that expires.
 * Source: the KMS reference, 2.10.
 *
 * A key with several materials is enabled only while all but a pending one are present.
 */
#include "kms/ops.h"

#include "crypto/keywrap.h"
#include "kms/due.h"
#include "kms/import_token.h"
#include "kms/make_key.h"
#include "kms/material.h"
#include "kms/materials.h"
#include "kms/metadata.h"
#include "kms/params.h"
#include "kms/target.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BLOB_MAX        6144
#define DESCRIPTION_MAX 256
#define VALID_MAX_DAYS  365
#define IN_ANY          (KMS_IN_ENABLED | KMS_IN_DISABLED | KMS_IN_PENDING_DELETION | KMS_IN_PENDING_IMPORT)

static const char *const wrap_values[] = {"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256",
	"RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256", "RSAES_PKCS1_V1_5", "SM2PKE"};
static const char *const wrap_spec_values[] = {"RSA_2048", "RSA_3072", "RSA_4096", "SM2"};

static enum rd_status check_external(struct kms_call *call, const struct kms_cached_key *key)
{
	if (key->record.origin == KMS_ORIGIN_EXTERNAL) {
		return RD_OK;
	}
	return kms_fail(call, KMS_FAULT_UNSUPPORTED,
		"%s origin is AWS_KMS which is not valid for this operation.", key->arn);
}

static enum rd_status answer_parameters(struct kms_call *call, const struct kms_cached_key *key,
	enum kms_import_wrap wrap, unsigned bits)
{
	struct rd_buf token RD_CLEANUP(rd_buf_finish) = rd_buf_growable(KMS_IMPORT_TOKEN_MAX);
	struct rd_buf spki RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_RSA_SPKI_SIZE_MAX);
	int64_t valid_to_ms = call->now_ms + KMS_DAY_MS;
	json_t *out;

	RD_TRY(kms_settle(call, kms_import_token_make(call->kms->keyring, key->record.id, wrap,
					bits, valid_to_ms, &token, &spki)));
	out = json_pack("{s:s, s:o*, s:o*, s:o}", "KeyId", key->arn, "ImportToken",
		kms_json_base64(rd_buf_view(&token)), "PublicKey",
		kms_json_base64(rd_buf_view(&spki)), "ParametersValidTo",
		kms_json_time(valid_to_ms));
	return kms_answer(call, out);
}

enum rd_status kms_op_get_parameters_for_import(struct kms_call *call)
{
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	struct kms_question question = {.action = NULL};
	const char *key_id;
	struct kms_params p;
	int wrap, spec;

	kms_params_begin(&p, call);
	key_id = kms_param_key(&p, "KeyId", true);
	wrap = kms_param_enum(
		&p, "WrappingAlgorithm", true, wrap_values, RD_ARRAY_LEN(wrap_values));
	spec = kms_param_enum(
		&p, "WrappingKeySpec", true, wrap_spec_values, RD_ARRAY_LEN(wrap_spec_values));
	RD_TRY(kms_params_end(&p));
	kms_fact_add(&question, "kms:WrappingAlgorithm", &wrap_values[wrap], 1);
	kms_fact_add(&question, "kms:WrappingKeySpec", &wrap_spec_values[spec], 1);
	RD_TRY(kms_target_open(call, key_id, &question, &target));
	RD_TRY(check_external(call, target.key));
	if (wrap >= KMS_IMPORT_WRAP_COUNT || spec > 2) {
		return kms_fail(call, KMS_FAULT_UNSUPPORTED,
			"%s with %s is not supported for import.", wrap_values[wrap],
			wrap_spec_values[spec]);
	}
	RD_TRY(kms_key_needs_state(call, target.key, IN_ANY & ~KMS_IN_PENDING_DELETION));
	return answer_parameters(
		call, target.key, (enum kms_import_wrap)wrap, 2048 + 1024 * (unsigned)spec);
}

enum import_type { TYPE_NEW, TYPE_EXISTING };

struct import {
	struct kms_call *call;
	const char *key_id, *material_id, *description;
	struct rd_buf token_bytes, wrapped_bytes;
	struct rd_view token, wrapped;
	bool has_valid_to, expires;
	int64_t valid_to_ms;
	int type; /* -1: absent */
	struct rd_secret secret;
	char id[KMS_MATERIAL_ID_SIZE]; /* of secret */
};

static void import_finish(struct import *in)
{
	rd_buf_finish(&in->token_bytes);
	rd_buf_finish(&in->wrapped_bytes);
	rd_secret_finish(&in->secret);
}

static bool matches_description(struct rd_view text)
{
	for (size_t i = 0; i < text.len; i++) {
		struct rd_view c = rd_view(text.ptr + i, 1);

		if (!kms_matches_name(c) && strchr(" \t\n\v\f\r.", text.ptr[i]) == NULL) {
			return false;
		}
	}
	return true;
}

static enum rd_status check_validity(const struct import *in)
{
	int64_t now_ms = in->call->now_ms;

	if (in->expires && !in->has_valid_to) {
		return kms_fail(in->call, KMS_FAULT_VALIDATION,
			"A validTo date must be set if the ExpirationModel is "
			"KEY_MATERIAL_EXPIRES");
	}
	if (!in->expires && in->has_valid_to) {
		return kms_fail(in->call, KMS_FAULT_VALIDATION,
			"A validTo date must not be set if the ExpirationModel is "
			"KEY_MATERIAL_DOES_NOT_EXPIRE");
	}
	if (in->expires && (in->valid_to_ms <= now_ms ||
				   in->valid_to_ms - now_ms > VALID_MAX_DAYS * KMS_DAY_MS)) {
		return kms_fail(in->call, KMS_FAULT_VALIDATION,
			"The validTo date must be in the future and at most %d days from now.",
			VALID_MAX_DAYS);
	}
	return RD_OK;
}

static enum rd_status read_import(struct import *in)
{
	static const char *const models[] = {
		"KEY_MATERIAL_EXPIRES", "KEY_MATERIAL_DOES_NOT_EXPIRE"};
	static const char *const types[] = {"NEW_KEY_MATERIAL", "EXISTING_KEY_MATERIAL"};
	static const struct rd_json_string_rule description = {.max = DESCRIPTION_MAX,
		.pattern = "^[a-zA-Z0-9:/_\\s.-]+$",
		.matches = matches_description};
	static const struct rd_json_string_rule material = {.min = 64,
		.max = 64,
		.pattern = KMS_PATTERN_MATERIAL_ID,
		.matches = kms_matches_material_id};
	struct kms_params p;

	in->token_bytes = rd_buf_growable(BLOB_MAX + 2);
	in->wrapped_bytes = rd_buf_growable(BLOB_MAX + 2);
	kms_params_begin(&p, in->call);
	in->key_id = kms_param_key(&p, "KeyId", true);
	in->token = kms_param_blob(&p, "ImportToken", 1, BLOB_MAX, &in->token_bytes);
	in->wrapped = kms_param_blob(&p, "EncryptedKeyMaterial", 1, BLOB_MAX, &in->wrapped_bytes);
	in->has_valid_to = kms_param_time(&p, "ValidTo", &in->valid_to_ms);
	in->expires = kms_param_enum(&p, "ExpirationModel", false, models, 2) != 1;
	in->type = kms_param_enum(&p, "ImportType", false, types, 2);
	in->description = kms_param_string(&p, "KeyMaterialDescription", &description);
	in->material_id = kms_param_string(&p, "KeyMaterialId", &material);
	RD_TRY(kms_params_end(&p));
	return check_validity(in);
}

static enum rd_status unwrap(struct import *in, const struct kms_import_token *token)
{
	RD_TRY(rd_secret_init(&in->secret, RD_SECRET_SIZE_MAX));
	switch (token->wrap) {
	case KMS_IMPORT_OAEP_SHA_1:
		return rd_rsa_oaep_decrypt(token->key, RD_OAEP_SHA1, in->wrapped, &in->secret);
	case KMS_IMPORT_OAEP_SHA_256:
		return rd_rsa_oaep_decrypt(token->key, RD_OAEP_SHA256, in->wrapped, &in->secret);
	case KMS_IMPORT_AES_SHA_1:
		return rd_rsa_aes_unwrap(token->key, RD_OAEP_SHA1, in->wrapped, &in->secret);
	case KMS_IMPORT_AES_SHA_256:
		return rd_rsa_aes_unwrap(token->key, RD_OAEP_SHA256, in->wrapped, &in->secret);
	case KMS_IMPORT_WRAP_COUNT:
		break;
	}
	return RD_INTERNAL;
}

static enum rd_status open_token(struct import *in, const char *key_id)
{
	struct kms_import_token token RD_CLEANUP(kms_import_token_finish) = {.key = NULL};
	enum rd_status st = kms_import_token_open(
		in->call->kms->keyring, in->call->db, key_id, in->token, &token);

	if (st == RD_UNTRUSTED) {
		return kms_fail(in->call, KMS_FAULT_INVALID_IMPORT_TOKEN,
			"The import token is not one for this key.");
	}
	RD_TRY(kms_settle(in->call, st));
	if (in->call->now_ms > token.valid_to_ms) {
		return kms_fail(
			in->call, KMS_FAULT_EXPIRED_IMPORT_TOKEN, "The import token has expired.");
	}
	st = unwrap(in, &token);
	if (rd_category(st) == RD_CAT_UNTRUSTED || rd_category(st) == RD_CAT_LIMIT) {
		return kms_fail_silently(in->call, KMS_FAULT_INVALID_CIPHERTEXT);
	}
	return kms_settle(in->call, st);
}

static enum rd_status check_secret(struct import *in, const struct kms_key *key)
{
	enum rd_status st = kms_check_material(key->spec, rd_secret_view(&in->secret));

	if (st == RD_NOMEM || rd_category(st) == RD_CAT_INTERNAL) {
		return kms_settle(in->call, st);
	}
	if (st != RD_OK) {
		return kms_fail(in->call, KMS_FAULT_INCORRECT_KEY_MATERIAL,
			"The key material is not of the kind that %s keys have.",
			kms_spec_name(key->spec));
	}
	return kms_settle(in->call, kms_material_id(in->call->kms->keyring, key->id,
					    rd_secret_view(&in->secret), in->id));
}

static enum rd_status wrong_material(const struct import *in)
{
	return kms_fail(in->call, KMS_FAULT_INCORRECT_KEY_MATERIAL,
		"The key material is not the one that was imported into this key before.");
}

static void describe(const struct import *in, struct kms_material *m)
{
	m->expires = in->expires;
	m->valid_to_ms = in->expires ? in->valid_to_ms : 0;
	if (in->description != NULL) {
		(void)snprintf(m->description, sizeof(m->description), "%s", in->description);
	}
}

/* The same bytes again, after they were deleted, or with another date. */
static enum rd_status put_again(
	struct import *in, struct rd_db *db, const struct kms_key *key, struct kms_material *m)
{
	kms_material_finish(m);
	describe(in, m);
	RD_TRY(kms_material_seal(in->call->kms->keyring, key, rd_secret_view(&in->secret), m));
	return kms_store_material_update(db, m);
}

static enum rd_status put_new(struct import *in, struct rd_db *db, const struct kms_key *key,
	const struct kms_materials *all, enum kms_material_state state)
{
	struct kms_material m RD_CLEANUP(kms_material_finish) = {
		.generation = kms_materials_next(all),
		.state = state,
		.created_ms = in->call->now_ms};
	enum rd_status st;

	describe(in, &m);
	RD_TRY(kms_material_seal(in->call->kms->keyring, key, rd_secret_view(&in->secret), &m));
	st = kms_store_material_add(db, &m);
	if (st == RD_LIMIT) {
		return kms_fail(in->call, KMS_FAULT_LIMIT_EXCEEDED,
			"The key has as many key materials as it may have.");
	}
	return st;
}

static enum rd_status import_new(
	struct import *in, struct rd_db *db, struct kms_edit *edit, const struct kms_materials *all)
{
	struct kms_call *call = in->call;
	const struct kms_material *pending = kms_materials_in_state(
		all, KMS_MATERIAL_PENDING_ROTATION);

	if (edit->key.spec != KMS_SPEC_SYMMETRIC_DEFAULT) {
		return wrong_material(in);
	}
	if (pending != NULL) {
		return kms_fail(call, KMS_FAULT_INVALID_STATE,
			"New key material (id: %s) cannot be imported into KMS key %s, because "
			"another key material (id: %s) is pending rotation.",
			in->id, edit->target->key->arn, pending->id);
	}
	return put_new(in, db, &edit->key, all, KMS_MATERIAL_PENDING_ROTATION);
}

static enum rd_status put_material(
	struct import *in, struct rd_db *db, struct kms_edit *edit, const struct kms_materials *all)
{
	struct kms_material *same = kms_materials_by_id(all, in->id);

	if (all->n == 0) {
		if (in->type == TYPE_EXISTING) {
			return wrong_material(in);
		}
		return put_new(in, db, &edit->key, all, KMS_MATERIAL_CURRENT);
	}
	if (same != NULL) {
		return put_again(in, db, &edit->key, same);
	}
	return in->type == TYPE_NEW ? import_new(in, db, edit, all) : wrong_material(in);
}

/* State and dates of the key, as its materials are now. */
static enum rd_status settle_key(struct rd_db *db, struct kms_key *key)
{
	struct kms_materials all RD_CLEANUP(kms_materials_finish) = {.list = NULL};
	const struct kms_material *current;

	RD_TRY(kms_materials_load(db, key->id, &all));
	current = kms_materials_in_state(&all, KMS_MATERIAL_CURRENT);
	if (current != NULL) {
		key->expires = current->expires;
		key->valid_to_ms = current->valid_to_ms;
	}
	if (kms_materials_lack(&all)) {
		if (key->state != KMS_STATE_PENDING_DELETION) {
			key->state = KMS_STATE_PENDING_IMPORT;
		}
	} else if (key->state == KMS_STATE_PENDING_IMPORT) {
		key->state = KMS_STATE_ENABLED;
	}
	return kms_store_key_update(db, key);
}

static enum rd_status import_once(struct rd_db *db, struct kms_edit *edit)
{
	struct kms_materials all RD_CLEANUP(kms_materials_finish) = {.list = NULL};
	struct import *in = edit->arg;

	RD_TRY(kms_materials_load(db, edit->key.id, &all));
	if (in->material_id != NULL && strcmp(in->material_id, in->id) != 0) {
		return wrong_material(in);
	}
	RD_TRY(put_material(in, db, edit, &all));
	edit->key.was_imported = true;
	return settle_key(db, &edit->key);
}

static enum rd_status may_import(struct import *in, struct kms_target *target)
{
	struct kms_question question = {.action = NULL};
	const char *model = in->expires ? "KEY_MATERIAL_EXPIRES" : "KEY_MATERIAL_DOES_NOT_EXPIRE";
	char text[24];
	const char *valid_to = text;

	kms_fact_add(&question, "kms:ExpirationModel", &model, 1);
	if (in->has_valid_to) {
		(void)snprintf(text, sizeof(text), "%" PRId64, in->valid_to_ms / 1000);
		kms_fact_add(&question, "kms:ValidTo", &valid_to, 1);
	}
	return kms_target_open(in->call, in->key_id, &question, target);
}

enum rd_status kms_op_import_key_material(struct kms_call *call)
{
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	struct import in RD_CLEANUP(import_finish) = {.call = call};
	struct kms_edit edit = {.target = &target,
		.states = IN_ANY & ~KMS_IN_PENDING_DELETION,
		.fn = import_once,
		.arg = &in};

	RD_TRY(read_import(&in));
	RD_TRY(may_import(&in, &target));
	RD_TRY(check_external(call, target.key));
	RD_TRY(kms_key_needs_state(call, target.key, edit.states));
	RD_TRY(open_token(&in, target.key->record.id));
	RD_TRY(check_secret(&in, &target.key->record));
	RD_TRY(kms_edit_run(&edit));
	return kms_answer(
		call, json_pack("{s:s, s:s}", "KeyId", target.key->arn, "KeyMaterialId", in.id));
}

struct drop {
	const char *asked; /* NULL: the current one */
	char id[KMS_MATERIAL_ID_SIZE];
};

static enum rd_status drop_material(struct rd_db *db, struct kms_edit *edit)
{
	struct kms_materials all RD_CLEANUP(kms_materials_finish) = {.list = NULL};
	struct drop *drop = edit->arg;
	struct kms_material *m;

	RD_TRY(kms_materials_load(db, edit->key.id, &all));
	m = drop->asked != NULL ? kms_materials_by_id(&all, drop->asked)
				: kms_materials_in_state(&all, KMS_MATERIAL_CURRENT);
	drop->id[0] = '\0';
	if (m == NULL && drop->asked != NULL) {
		return kms_fail(edit->target->call, KMS_FAULT_NOT_FOUND,
			"The key has no key material with the id %s.", drop->asked);
	}
	if (m == NULL) {
		return RD_OK;
	}
	memcpy(drop->id, m->id, sizeof(drop->id));
	if (!m->present) {
		return RD_OK;
	}
	kms_material_finish(m);
	m->present = false;
	RD_TRY(kms_store_material_update(db, m));
	return settle_key(db, &edit->key);
}

enum rd_status kms_op_delete_imported_key_material(struct kms_call *call)
{
	static const struct rd_json_string_rule rule = {.min = 64,
		.max = 64,
		.pattern = KMS_PATTERN_MATERIAL_ID,
		.matches = kms_matches_material_id};
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	struct drop drop = {.asked = NULL};
	const char *key_id;
	struct kms_params p;
	struct kms_edit edit = {
		.target = &target, .states = IN_ANY, .fn = drop_material, .arg = &drop};

	kms_params_begin(&p, call);
	key_id = kms_param_key(&p, "KeyId", true);
	drop.asked = kms_param_string(&p, "KeyMaterialId", &rule);
	RD_TRY(kms_params_end(&p));
	RD_TRY(kms_target_open(call, key_id, NULL, &target));
	RD_TRY(check_external(call, target.key));
	RD_TRY(kms_edit_run(&edit));
	return kms_answer(call, json_pack("{s:s, s:s*}", "KeyId", target.key->arn, "KeyMaterialId",
					drop.id[0] == '\0' ? NULL : drop.id));
}

struct due_expire {
	const char *key_id;
	int64_t now_ms;
	bool done;
};

static enum rd_status expire_all(
	struct rd_db *db, const struct kms_materials *all, struct due_expire *due)
{
	for (size_t i = 0; i < all->n; i++) {
		struct kms_material *m = &all->list[i];

		if (m->present && m->expires && m->valid_to_ms <= due->now_ms) {
			kms_material_finish(m);
			m->present = false;
			RD_TRY(kms_store_material_update(db, m));
			due->done = true;
		}
	}
	return RD_OK;
}

static enum rd_status expire_due(struct rd_db *db, void *arg)
{
	struct due_expire *due = arg;
	struct kms_key key RD_CLEANUP(kms_key_finish) = {.version = 0};
	struct kms_materials all RD_CLEANUP(kms_materials_finish) = {.list = NULL};

	due->done = false;
	RD_TRY(kms_store_key_find(db, due->key_id, &key)); /* or it is deleted */
	RD_TRY(kms_materials_load(db, due->key_id, &all));
	RD_TRY(expire_all(db, &all, due));
	return due->done ? settle_key(db, &key) : KMS_DUE_NOT;
}

enum rd_status kms_due_expire(
	struct kms *kms, struct rd_db *db, const char *key_id, int64_t now_ms, bool *ret_done)
{
	struct due_expire due = {.key_id = key_id, .now_ms = now_ms};

	RD_TRY(kms_due_settle(rd_db_transact(db, expire_due, &due), ret_done));
	kms_cache_drop(kms->cache, 'k', key_id);
	return RD_OK;
}
