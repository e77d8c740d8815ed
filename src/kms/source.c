/* SPDX-License-Identifier: Apache-2.0 */
/* From a ciphertext to its key and its plaintext. */
#include "kms/source.h"

#include "base/text.h"
#include "crypto/rsa.h"
#include "kms/keys.h"

#include <stdio.h>
#include <string.h>

static const char foreign_key[] =
	"The ciphertext refers to a customer master key that does not exist, does not exist in "
	"this region, or you are not allowed to access.";

void kms_source_finish(struct kms_call *call, struct kms_source *source)
{
	kms_cache_put(call->kms->cache, rd_steal(&source->key, NULL));
}

static enum rd_status fail_foreign(struct kms_call *call)
{
	return kms_fail(call, KMS_FAULT_ACCESS_DENIED, "%s", foreign_key);
}

static enum rd_status fail_incorrect(struct kms_call *call)
{
	return kms_fail(call, KMS_FAULT_INCORRECT_KEY,
		"The key ID in the request does not identify a CMK that can perform this "
		"operation.");
}

static enum rd_status key_of_blob(struct kms_call *call, struct kms_source *source)
{
	char id[KMS_KEY_ID_SIZE];
	enum rd_status st = kms_blob_key_id(call->kms, &source->envelope, id);

	if (st == RD_OK) {
		st = kms_cache_key(call->kms->cache, call->db, id, &source->key);
	}
	if (st == RD_NOTFOUND) {
		return fail_foreign(call);
	}
	RD_TRY(kms_settle(call, st));
	rd_text_copy(call->key_arn, sizeof(call->key_arn), source->key->arn);
	return RD_OK;
}

static enum rd_status parse(struct kms_call *call, struct kms_source *source)
{
	if (source->ciphertext.ptr == NULL ||
		source->algorithm.algorithm != KMS_ALG_SYMMETRIC_DEFAULT) {
		return RD_OK;
	}
	if (rd_envelope_parse(source->ciphertext, &source->envelope) != RD_OK) {
		return kms_fail_silently(call, KMS_FAULT_INVALID_CIPHERTEXT);
	}
	return RD_OK;
}

enum rd_status kms_source_resolve(struct kms_call *call, struct kms_source *source)
{
	if (source->key_id != NULL) {
		return kms_key_resolve(
			call, source->key_id, KMS_KEY_BY_ANYTHING, &source->key, source->alias);
	}
	if (source->algorithm.algorithm != KMS_ALG_SYMMETRIC_DEFAULT) {
		return kms_fail(call, KMS_FAULT_VALIDATION,
			"KeyId is required for ciphertexts of asymmetric KMS keys.");
	}
	RD_TRY(parse(call, source));
	return key_of_blob(call, source);
}

/* A key that only the blob names, of an account that is not the caller's, may as well not be. */
static void hide_foreign(struct kms_call *call, const struct kms_source *source)
{
	if (source->key_id == NULL && call->fault.type == KMS_FAULT_ACCESS_DENIED &&
		strcmp(source->key->record.account, call->who.account) != 0) {
		snprintf(call->fault.message, sizeof(call->fault.message), "%s", foreign_key);
	}
}

static enum rd_status check_key(struct kms_call *call, const struct kms_source *source)
{
	const struct kms_key *key = &source->key->record;

	if (source->algorithm.algorithm == KMS_ALG_SYMMETRIC_DEFAULT &&
		key->spec != KMS_SPEC_SYMMETRIC_DEFAULT) {
		return fail_incorrect(call);
	}
	RD_TRY(kms_key_needs_usage(call, source->key, KMS_ENCRYPT_DECRYPT));
	RD_TRY(kms_algorithm_check(call, source->key, &source->algorithm));
	if (source->context->json != NULL && key->spec != KMS_SPEC_SYMMETRIC_DEFAULT) {
		return kms_fail(call, KMS_FAULT_VALIDATION,
			"EncryptionContext is not valid for asymmetric KMS keys.");
	}
	return RD_OK;
}

/* With a KeyId, whose blob it is comes to light only after the caller was found to be allowed. */
static enum rd_status check_blob(struct kms_call *call, struct kms_source *source)
{
	char id[KMS_KEY_ID_SIZE];

	if (source->key_id == NULL || source->ciphertext.ptr == NULL ||
		source->algorithm.algorithm != KMS_ALG_SYMMETRIC_DEFAULT) {
		return RD_OK;
	}
	RD_TRY(parse(call, source));
	if (kms_blob_key_id(call->kms, &source->envelope, id) != RD_OK ||
		strcmp(id, source->key->record.id) != 0) {
		return fail_incorrect(call);
	}
	return RD_OK;
}

enum rd_status kms_source_authorize(
	struct kms_call *call, struct kms_source *source, struct kms_ask *ask)
{
	enum rd_status st;

	if (source->key->record.spec == KMS_SPEC_SYMMETRIC_DEFAULT) {
		ask->question.context = source->context->json;
	}
	ask->question.alias = source->alias;
	ask->question.grant_tokens = source->grant_tokens;
	kms_ask_fact(ask, "kms:EncryptionAlgorithm", source->algorithm.name);
	st = kms_ask(call, ask);
	if (st != RD_OK) {
		hide_foreign(call, source);
		return st;
	}
	RD_TRY(check_key(call, source));
	RD_TRY(check_blob(call, source));
	RD_TRY(kms_key_needs_state(call, source->key, KMS_IN_ENABLED));
	kms_key_used(call, source->key);
	return RD_OK;
}

static enum rd_status open_symmetric(struct kms_call *call, const struct kms_source *source,
	struct rd_secret *out, const char **ret_material_id)
{
	const struct kms_cached_material *material = kms_blob_material(
		source->key, &source->envelope);

	RD_ENSURE(material != NULL, RD_UNTRUSTED);
	if (material->secret.ptr == NULL) {
		/* Imported material of an earlier rotation that was deleted or has expired. */
		return kms_fail(
			call, KMS_FAULT_INVALID_STATE, "%s is pending import.", source->key->arn);
	}
	RD_ENSURE(material->secret.len == RD_ENVELOPE_BACKING_KEY_SIZE, RD_INTERNAL);
	*ret_material_id = material->record.id;
	return rd_envelope_open(&source->envelope, material->secret.ptr,
		rd_buf_view(&source->context->encoded), out);
}

static enum rd_status open_rsa(const struct kms_source *source, struct rd_secret *out)
{
	const struct kms_cached_material *material = kms_key_current(source->key);
	enum rd_rsa_oaep oaep = source->algorithm.algorithm == KMS_ALG_RSAES_OAEP_SHA_1
					? RD_OAEP_SHA1
					: RD_OAEP_SHA256;

	RD_ENSURE(material != NULL && material->rsa != NULL, RD_INTERNAL);
	return rd_rsa_oaep_decrypt(material->rsa, oaep, source->ciphertext, out);
}

size_t kms_source_plaintext_cap(const struct kms_source *source)
{
	size_t len = source->ciphertext.len;

	/* A plaintext is shorter than its ciphertext; RSA's decryption wants room for the longest.
	 */
	len = len < RD_RSA_SIZE_MAX ? RD_RSA_SIZE_MAX : len;
	return len < RD_ENVELOPE_PLAINTEXT_MAX ? len : RD_ENVELOPE_PLAINTEXT_MAX;
}

enum rd_status kms_source_open(struct kms_call *call, const struct kms_source *source,
	struct rd_secret *out, const char **ret_material_id)
{
	enum rd_status st;

	*ret_material_id = NULL;
	st = source->algorithm.algorithm == KMS_ALG_SYMMETRIC_DEFAULT
		     ? open_symmetric(call, source, out, ret_material_id)
		     : open_rsa(source, out);
	if (rd_category(st) == RD_CAT_UNTRUSTED) {
		return kms_fail_silently(call, KMS_FAULT_INVALID_CIPHERTEXT);
	}
	return kms_settle(call, st);
}
