/* SPDX-License-Identifier: Apache-2.0 */
/* Imported key material: cases 98 to 104 of the reference, and what they leave out. */
#include "manage.h"

#include "base/text.h"
#include "crypto/keywrap.h"
#include "crypto/random.h"
#include "kms/due.h"

#define EXTERNAL "'Origin': 'EXTERNAL'"
#define FOREVER  "'ExpirationModel': 'KEY_MATERIAL_DOES_NOT_EXPIRE'"
/* Base64 of a token with an RSA-2048 key; everything else here is shorter. */
#define BLOB 2600

struct parameters {
	char token[BLOB];
	struct rd_rsa_key *key;
};

static void parameters_finish(struct parameters *p)
{
	rd_rsa_key_free(&p->key);
}

static void get_parameters(
	struct server *s, const char *key_id, const char *algorithm, struct parameters *ret)
{
	uint8_t der[RD_RSA_SPKI_SIZE_MAX];
	struct rd_buf spki = rd_buf_fixed(der, sizeof(der));

	assert_works(s, "GetParametersForImport",
		"{'KeyId': '%s', 'WrappingAlgorithm': '%s', 'WrappingKeySpec': 'RSA_2048'}", key_id,
		algorithm);
	assert_true(json_number_value(got(s, "ParametersValidTo")) ==
		    (double)(s->now_ms + DAY) / 1000.0);
	snprintf(ret->token, sizeof(ret->token), "%s", got_text(s, "ImportToken"));
	assert_ok(rd_base64_decode(rd_view_str(got_text(s, "PublicKey")), &spki));
	assert_ok(rd_rsa_key_from_spki(rd_buf_view(&spki), &ret->key));
}

static void put_base64(struct rd_view bytes, char ret[BLOB])
{
	struct rd_buf text = rd_buf_fixed(ret, BLOB);

	assert_ok(rd_base64_encode(bytes, &text));
	assert_ok(rd_buf_u8(&text, 0));
}

/* RSAES_OAEP_SHA_256 of len bytes, all of them fill. */
static void wrap(const struct parameters *p, uint8_t fill, size_t len, char ret[BLOB])
{
	uint8_t secret[64], bytes[RD_RSA_SIZE_MAX];
	struct rd_buf out = rd_buf_fixed(bytes, sizeof(bytes));

	memset(secret, fill, sizeof(secret));
	assert_ok(rd_rsa_oaep_encrypt(p->key, RD_OAEP_SHA256, rd_view(secret, len), &out));
	put_base64(rd_buf_view(&out), ret);
}

/* RSA_AES_KEY_WRAP_SHA_256 */
static void wrap_twice(const struct parameters *p, struct rd_view secret, char ret[BLOB])
{
	uint8_t kek[RD_KWP_KEK_SIZE], bytes[RD_RSA_SIZE_MAX + RD_KWP_WRAPPED_MAX];
	struct rd_buf out = rd_buf_fixed(bytes, sizeof(bytes));

	assert_ok(rd_random_bytes(kek, sizeof(kek)));
	assert_ok(rd_rsa_oaep_encrypt(p->key, RD_OAEP_SHA256, rd_view(kek, sizeof(kek)), &out));
	assert_ok(rd_kwp_wrap(kek, secret, &out));
	put_base64(rd_buf_view(&out), ret);
}

/* Imports 32 bytes of fill; extra: further members. */
static enum kms_fault_type import(
	struct server *s, const char *key_id, uint8_t fill, const char *extra)
{
	struct parameters p RD_CLEANUP(parameters_finish) = {.key = NULL};
	char wrapped[BLOB];

	get_parameters(s, key_id, "RSAES_OAEP_SHA_256", &p);
	wrap(&p, fill, 32, wrapped);
	return run(s, "ImportKeyMaterial",
		"{'KeyId': '%s', 'ImportToken': '%s', 'EncryptedKeyMaterial': '%s', %s}", key_id,
		p.token, wrapped, extra);
}

static void encrypt(struct server *s, const char *key_id, char ret_blob[BLOB])
{
	assert_works(s, "Encrypt", "{'KeyId': '%s', 'Plaintext': 'YQ=='}", key_id);
	snprintf(ret_blob, BLOB, "%s", got_text(s, "CiphertextBlob"));
}

static void decrypts(struct server *s, const char *blob)
{
	assert_works(s, "Decrypt", "{'CiphertextBlob': '%s'}", blob);
	assert_string_equal(got_text(s, "Plaintext"), "YQ==");
}

static void case_98_nothing_works_before_the_import(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, EXTERNAL);

	assert_string_equal(json_string_value(metadata(s, "KeyState")), "PendingImport");
	assert_true(json_is_false(metadata(s, "Enabled")));
	assert_null(metadata(s, "CurrentKeyMaterialId"));
	assert_null(metadata(s, "ExpirationModel"));
	assert_fault(s, INVALID_STATE, "Encrypt", "{'KeyId': '%s', 'Plaintext': 'YQ=='}", id.text);
	assert_says(s, " is pending import.");
	assert_fault(s, INVALID_STATE, "EnableKey", "{'KeyId': '%s'}", id.text);
	assert_fault(s, UNSUPPORTED, "EnableKeyRotation", "{'KeyId': '%s'}", id.text);
	assert_says(s, "origin is EXTERNAL which is not valid for this operation.");
	assert_works(s, "ScheduleKeyDeletion", "{'KeyId': '%s'}", id.text);
	assert_works(s, "CancelKeyDeletion", "{'KeyId': '%s'}", id.text);
	assert_string_equal(state_of(s, id.text), "PendingImport");
}

static void case_99_imports_both_ways(void **state)
{
	struct server *s = *state;
	struct id a = make_key(s, EXTERNAL), b = make_key(s, EXTERNAL);
	struct parameters p RD_CLEANUP(parameters_finish) = {.key = NULL};
	uint8_t secret[32] = {7};
	char wrapped[BLOB], blob[BLOB];

	assert_int_equal(import(s, a.text, 1, FOREVER), KMS_FAULT_NONE);
	assert_int_equal(strlen(got_text(s, "KeyMaterialId")), 64);
	assert_says(s, "");
	encrypt(s, a.text, blob);
	decrypts(s, blob);
	get_parameters(s, b.text, "RSA_AES_KEY_WRAP_SHA_256", &p);
	wrap_twice(&p, rd_view(secret, sizeof(secret)), wrapped);
	assert_works(s, "ImportKeyMaterial",
		"{'KeyId': '%s', 'ImportToken': '%s', 'EncryptedKeyMaterial': '%s', " FOREVER "}",
		b.text, p.token, wrapped);
	encrypt(s, b.text, blob);
	decrypts(s, blob);
	assert_works(s, "DescribeKey", "{'KeyId': '%s'}", b.text);
	assert_string_equal(
		json_string_value(metadata(s, "ExpirationModel")), "KEY_MATERIAL_DOES_NOT_EXPIRE");
	assert_null(metadata(s, "ValidTo"));
}

static void case_100_expiry_has_a_date(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, EXTERNAL);

	assert_int_equal(
		import(s, id.text, 1, "'KeyMaterialDescription': 'd'"), KMS_FAULT_VALIDATION);
	assert_string_equal(s->message,
		"A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES");
	assert_int_equal(
		import(s, id.text, 1, "'ValidTo': 1700000100, " FOREVER), KMS_FAULT_VALIDATION);
	assert_int_equal(import(s, id.text, 1, "'ValidTo': 1699999999"), KMS_FAULT_VALIDATION);
	assert_int_equal(import(s, id.text, 1, "'ValidTo': 1731536001"), KMS_FAULT_VALIDATION);
	assert_string_equal(state_of(s, id.text), "PendingImport");
	assert_int_equal(import(s, id.text, 1, "'ValidTo': 1731536000"), KMS_FAULT_NONE);
	assert_string_equal(state_of(s, id.text), "Enabled");
	assert_true(json_number_value(metadata(s, "ValidTo")) == 1731536000.0);
}

static void case_101_tokens_are_for_one_key_and_one_day(void **state)
{
	struct server *s = *state;
	struct id a = make_key(s, EXTERNAL), b = make_key(s, EXTERNAL);
	struct parameters p RD_CLEANUP(parameters_finish) = {.key = NULL};
	struct parameters q RD_CLEANUP(parameters_finish) = {.key = NULL};
	char wrapped[BLOB];
	static const char format[] = "{'KeyId': '%s', 'ImportToken': '%s', "
				     "'EncryptedKeyMaterial': '%s', " FOREVER "}";

	get_parameters(s, a.text, "RSAES_OAEP_SHA_256", &p);
	get_parameters(s, b.text, "RSAES_OAEP_SHA_256", &q);
	wrap(&p, 1, 32, wrapped);
#define TRY(fault, key, token, material)                                                           \
	assert_fault(s, fault, "ImportKeyMaterial",                                                \
		"{'KeyId': '%s', 'ImportToken': '%s', 'EncryptedKeyMaterial': '%s', " FOREVER "}", \
		key, token, material)
	TRY(INVALID_IMPORT_TOKEN, a.text, q.token, wrapped);
	TRY(INVALID_IMPORT_TOKEN, a.text, "AAAA", wrapped);
	TRY(INVALID_CIPHERTEXT, b.text, q.token, wrapped);
	assert_string_equal(s->message, "");
	TRY(INVALID_CIPHERTEXT, a.text, p.token, "AAAA");
	TRY(SERIALIZATION, a.text, p.token, "***");
	s->now_ms += DAY + 1;
	TRY(EXPIRED_IMPORT_TOKEN, a.text, p.token, wrapped);
	s->now_ms -= 1;
	assert_works(s, "ImportKeyMaterial", format, a.text, p.token, wrapped);
	p.token[100] = p.token[100] == 'A' ? 'B' : 'A';
	TRY(INVALID_IMPORT_TOKEN, a.text, p.token, wrapped);
#undef TRY
}

static void case_102_only_the_same_bytes_come_back(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, EXTERNAL);
	char blob[BLOB], material[65];

	assert_int_equal(import(s, id.text, 1, FOREVER), KMS_FAULT_NONE);
	snprintf(material, sizeof(material), "%s", got_text(s, "KeyMaterialId"));
	encrypt(s, id.text, blob);
	assert_works(s, "DeleteImportedKeyMaterial", "{'KeyId': '%s'}", id.text);
	assert_string_equal(got_text(s, "KeyMaterialId"), material);
	assert_string_equal(state_of(s, id.text), "PendingImport");
	assert_string_equal(json_string_value(metadata(s, "CurrentKeyMaterialId")), material);
	assert_fault(s, INVALID_STATE, "Decrypt", "{'CiphertextBlob': '%s'}", blob);
	assert_works(s, "DeleteImportedKeyMaterial", "{'KeyId': '%s'}", id.text);
	assert_int_equal(import(s, id.text, 2, FOREVER), KMS_FAULT_INCORRECT_KEY_MATERIAL);
	assert_int_equal(import(s, id.text, 1,
				 FOREVER ", 'KeyMaterialId': '" /* another */
					 "00000000000000000000000000000000"
					 "00000000000000000000000000000000'"),
		KMS_FAULT_INCORRECT_KEY_MATERIAL);
	assert_int_equal(import(s, id.text, 1, FOREVER), KMS_FAULT_NONE);
	assert_string_equal(got_text(s, "KeyMaterialId"), material);
	decrypts(s, blob);
}

static void case_103_keys_of_ours_take_no_import(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");

	assert_fault(s, UNSUPPORTED, "GetParametersForImport",
		"{'KeyId': '%s', 'WrappingAlgorithm': 'RSAES_OAEP_SHA_256',"
		" 'WrappingKeySpec': 'RSA_2048'}",
		id.text);
	assert_says(s, " origin is AWS_KMS which is not valid for this operation.");
	assert_fault(s, UNSUPPORTED, "DeleteImportedKeyMaterial", "{'KeyId': '%s'}", id.text);
	id = make_key(s, EXTERNAL);
	assert_fault(s, UNSUPPORTED, "GetParametersForImport",
		"{'KeyId': '%s', 'WrappingAlgorithm': 'RSAES_PKCS1_V1_5',"
		" 'WrappingKeySpec': 'RSA_2048'}",
		id.text);
	assert_fault(s, VALIDATION, "GetParametersForImport", "{'KeyId': '%s'}", id.text);
	assert_works(s, "ScheduleKeyDeletion", "{'KeyId': '%s'}", id.text);
	assert_fault(s, INVALID_STATE, "GetParametersForImport",
		"{'KeyId': '%s', 'WrappingAlgorithm': 'RSAES_OAEP_SHA_256',"
		" 'WrappingKeySpec': 'RSA_2048'}",
		id.text);
}

static void case_104_one_material_waits_for_rotation(void **state)
{
	static const char new_one[] = FOREVER ", 'ImportType': 'NEW_KEY_MATERIAL'";
	struct server *s = *state;
	struct id id = make_key(s, EXTERNAL);
	char old_blob[BLOB], new_blob[BLOB], waiting[65];

	assert_int_equal(import(s, id.text, 1, FOREVER), KMS_FAULT_NONE);
	encrypt(s, id.text, old_blob);
	assert_fault(s, INVALID_STATE, "RotateKeyOnDemand", "{'KeyId': '%s'}", id.text);
	assert_says(s, "No available key material pending rotation for the key: " ARN);
	assert_int_equal(import(s, id.text, 2, new_one), KMS_FAULT_NONE);
	snprintf(waiting, sizeof(waiting), "%s", got_text(s, "KeyMaterialId"));
	assert_int_equal(import(s, id.text, 3, new_one), KMS_FAULT_INVALID_STATE);
	assert_says(s, "is pending rotation.");
	assert_says(s, waiting);
	assert_works(s, "RotateKeyOnDemand", "{'KeyId': '%s'}", id.text);
	encrypt(s, id.text, new_blob);
	decrypts(s, new_blob);
	assert_string_equal(got_text(s, "KeyMaterialId"), waiting);
	decrypts(s, old_blob);
	assert_string_not_equal(got_text(s, "KeyMaterialId"), waiting);
	assert_fault(s, INVALID_STATE, "RotateKeyOnDemand", "{'KeyId': '%s'}", id.text);
}

static void a_key_needs_all_its_materials(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, EXTERNAL);
	char first[65];

	assert_int_equal(import(s, id.text, 1, FOREVER), KMS_FAULT_NONE);
	snprintf(first, sizeof(first), "%s", got_text(s, "KeyMaterialId"));
	assert_int_equal(import(s, id.text, 2, FOREVER ", 'ImportType': 'NEW_KEY_MATERIAL'"),
		KMS_FAULT_NONE);
	assert_works(s, "RotateKeyOnDemand", "{'KeyId': '%s'}", id.text);
	assert_works(s, "DeleteImportedKeyMaterial", "{'KeyId': '%s', 'KeyMaterialId': '%s'}",
		id.text, first);
	assert_string_equal(state_of(s, id.text), "PendingImport");
	assert_works(s, "ListKeyRotations",
		"{'KeyId': '%s', 'IncludeKeyMaterial': 'ALL_KEY_MATERIAL'}", id.text);
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(got(s, "Rotations"), 0), "ImportState")),
		"PENDING_IMPORT");
	assert_int_equal(import(s, id.text, 1, FOREVER), KMS_FAULT_NONE);
	assert_string_equal(state_of(s, id.text), "Enabled");
	assert_fault(s, NOT_FOUND, "DeleteImportedKeyMaterial",
		"{'KeyId': '%s', 'KeyMaterialId': '%064d'}", id.text, 0);
}

static void takes_material_of_the_spec_only(void **state)
{
	struct server *s = *state;
	struct id hmac = make_key(s, EXTERNAL ", 'KeySpec': 'HMAC_512', 'KeyUsage': "
					      "'GENERATE_VERIFY_MAC'");
	struct id ec = make_key(s, EXTERNAL ", " EC_SIGN);
	struct parameters p RD_CLEANUP(parameters_finish) = {.key = NULL};
	struct rd_secret der RD_CLEANUP(rd_secret_finish) = {.ptr = NULL};
	struct rd_ec_key *key = NULL;
	char wrapped[BLOB];

	assert_int_equal(import(s, hmac.text, 1, FOREVER), KMS_FAULT_INCORRECT_KEY_MATERIAL);
	assert_int_equal(import(s, ec.text, 1, FOREVER), KMS_FAULT_INCORRECT_KEY_MATERIAL);
	get_parameters(s, ec.text, "RSA_AES_KEY_WRAP_SHA_256", &p);
	assert_ok(rd_secret_init(&der, 1024));
	for (unsigned curve = RD_P256; curve <= RD_P384; curve++) {
		assert_ok(rd_ec_key_generate((enum rd_ec_curve)curve, &key));
		assert_ok(rd_ec_key_to_pkcs8(key, &der));
		wrap_twice(&p, rd_secret_view(&der), wrapped);
		run(s, "ImportKeyMaterial",
			"{'KeyId': '%s', 'ImportToken': '%s', 'EncryptedKeyMaterial': '%s', " FOREVER
			"}",
			ec.text, p.token, wrapped);
		assert_int_equal(s->fault,
			curve == RD_P256 ? KMS_FAULT_NONE : KMS_FAULT_INCORRECT_KEY_MATERIAL);
		rd_ec_key_free(&key);
	}
	assert_works(s, "Sign",
		"{'KeyId': '%s', 'Message': 'YQ==', 'SigningAlgorithm': 'ECDSA_SHA_256'}", ec.text);
}

static void expires_when_due(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, EXTERNAL);
	bool done;

	assert_int_equal(import(s, id.text, 1, "'ValidTo': 1700000100"), KMS_FAULT_NONE);
	assert_ok(kms_due_expire(s->kms, s->t->db, id.text, INT64_C(1700000099999), &done));
	assert_false(done);
	assert_string_equal(state_of(s, id.text), "Enabled");
	assert_ok(kms_due_expire(s->kms, s->t->db, id.text, INT64_C(1700000100000), &done));
	assert_true(done);
	assert_ok(kms_due_expire(s->kms, s->t->db, id.text, INT64_C(1700000100000), &done));
	assert_false(done);
	assert_string_equal(state_of(s, id.text), "PendingImport");
	s->now_ms += 200000;
	assert_int_equal(import(s, id.text, 1, FOREVER), KMS_FAULT_NONE);
	assert_string_equal(state_of(s, id.text), "Enabled");
}

static void deleting_material_does_not_end_a_deletion(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, EXTERNAL);

	assert_int_equal(import(s, id.text, 1, FOREVER), KMS_FAULT_NONE);
	assert_works(s, "ScheduleKeyDeletion", "{'KeyId': '%s'}", id.text);
	assert_works(s, "DeleteImportedKeyMaterial", "{'KeyId': '%s'}", id.text);
	assert_string_equal(state_of(s, id.text), "PendingDeletion");
	assert_works(s, "CancelKeyDeletion", "{'KeyId': '%s'}", id.text);
	assert_string_equal(state_of(s, id.text), "PendingImport");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(case_98_nothing_works_before_the_import),
		SERVER_TEST(case_99_imports_both_ways),
		SERVER_TEST(case_100_expiry_has_a_date),
		SERVER_TEST(case_101_tokens_are_for_one_key_and_one_day),
		SERVER_TEST(case_102_only_the_same_bytes_come_back),
		SERVER_TEST(case_103_keys_of_ours_take_no_import),
		SERVER_TEST(case_104_one_material_waits_for_rotation),
		SERVER_TEST(a_key_needs_all_its_materials),
		SERVER_TEST(takes_material_of_the_spec_only),
		SERVER_TEST(expires_when_due),
		SERVER_TEST(deleting_material_does_not_end_a_deletion),
	};

	if (rd_secret_heap_open(1u << 20, NULL) != RD_OK) {
		return 1;
	}
	return RUN_ON_BOTH(tests);
}
