/* SPDX-License-Identifier: Apache-2.0 */
/* KeyMetadata as JSON. */
#include "kms/metadata.h"

#include "base/text.h"

json_t *kms_json_time(int64_t ms)
{
	return json_real((double)ms / 1000.0);
}

json_t *kms_json_base64(struct rd_view bytes)
{
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable((bytes.len / 3 + 1) * 4);

	if (rd_base64_encode(bytes, &text) != RD_OK) {
		return NULL;
	}
	return json_stringn((const char *)text.ptr, text.used);
}

const char *kms_algorithms_member(enum kms_usage usage)
{
	static const char *const members[KMS_USAGE_COUNT] = {
		[KMS_ENCRYPT_DECRYPT] = "EncryptionAlgorithms",
		[KMS_SIGN_VERIFY] = "SigningAlgorithms",
		[KMS_GENERATE_VERIFY_MAC] = "MacAlgorithms",
		[KMS_KEY_AGREEMENT] = "KeyAgreementAlgorithms",
	};

	return members[usage];
}

json_t *kms_json_algorithms(enum kms_spec spec, enum kms_usage usage)
{
	json_t *list = json_array();

	for (unsigned i = 0; list != NULL && i < KMS_ALG_COUNT; i++) {
		enum kms_algorithm algorithm = (enum kms_algorithm)i;

		if (kms_algorithm_usage(algorithm) != usage ||
			!kms_algorithm_fits(algorithm, spec)) {
			continue;
		}
		if (json_array_append_new(list, json_string(kms_algorithm_name(algorithm))) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static bool is_pending_deletion(const struct kms_key *key)
{
	return key->state == KMS_STATE_PENDING_DELETION;
}

static bool put_dates(json_t *out, const struct kms_key *key)
{
	bool ok = json_object_set_new(out, "CreationDate", kms_json_time(key->created_ms)) == 0;

	if (is_pending_deletion(key)) {
		ok = ok &&
		     json_object_set_new(out, "DeletionDate", kms_json_time(key->deletion_ms)) == 0;
	}
	if (key->was_imported && key->state != KMS_STATE_PENDING_IMPORT) {
		ok = ok && json_object_set_new(out, "ExpirationModel",
				   json_string(key->expires ? "KEY_MATERIAL_EXPIRES"
							    : "KEY_MATERIAL_DOES_NOT_EXPIRE")) == 0;
		if (key->expires) {
			ok = ok && json_object_set_new(
					   out, "ValidTo", kms_json_time(key->valid_to_ms)) == 0;
		}
	}
	return ok;
}

enum rd_status kms_json_metadata(
	const struct kms_key *key, const char *arn, const char *material_id, json_t **ret)
{
	const char *spec = kms_spec_name(key->spec);
	json_t *out = json_pack("{s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, "
				"s:o, s:s*}",
		"AWSAccountId", key->account, "KeyId", key->id, "Arn", arn, "Enabled",
		key->state == KMS_STATE_ENABLED, "Description",
		key->description == NULL ? "" : key->description, "KeyUsage",
		kms_usage_name(key->usage), "KeyState", kms_state_name(key->state), "Origin",
		kms_origin_name(key->origin), "KeyManager", "CUSTOMER", "CustomerMasterKeySpec",
		spec, "KeySpec", spec, "MultiRegion", 0, kms_algorithms_member(key->usage),
		kms_json_algorithms(key->spec, key->usage), "CurrentKeyMaterialId", material_id);

	if (out == NULL || !put_dates(out, key)) {
		json_decref(out);
		return RD_NOMEM;
	}
	*ret = out;
	return RD_OK;
}
