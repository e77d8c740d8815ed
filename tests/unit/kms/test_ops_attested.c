/* SPDX-License-Identifier: Apache-2.0 */
/* Operations with a Recipient: cases 127 to 154 of the reference. */
#include "bench.h"

#include "attest/maker.h"
#include "aws/request_digest.h"
#include "crypto/cms.h"
#include "crypto/rsa.h"
#include "kms/recipient.h"

#define NOW_MS (MAKER_NOW_S * INT64_C(1000))
#define HEX_A0                                                                                     \
	"a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0"                                         \
	"a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0"
#define HEX_UPPER                                                                                  \
	"A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0"                                         \
	"A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0"
#define HEX_OTHER                                                                                  \
	"a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0"                                         \
	"a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a1"

static struct bench b;
static struct maker m;
static struct rd_rsa_key *enclave; /* whose key is in the documents */
static struct rd_buf enclave_spki;
static char plain[KMS_KEY_ID_SIZE]; /* a key with the default policy */

/* Everything but what the condition is about. */
static void key_with_condition(const char *condition, char ret_id[KMS_KEY_ID_SIZE])
{
	char policy[2048];

	snprintf(policy, sizeof(policy),
		"{\"Version\":\"2012-10-17\",\"Statement\":["
		"{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"" BENCH_ROOT "\"},"
		"\"Action\":[\"kms:Encrypt\",\"kms:PutKeyPolicy\"],\"Resource\":\"*\"},"
		"{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"" BENCH_ROOT "\"},"
		"\"Action\":[\"kms:Decrypt\",\"kms:GenerateDataKey\"],\"Resource\":\"*\","
		"\"Condition\":{%s}}]}",
		condition);
	bench_key(&b, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", policy, ret_id);
}

static void use_recipients(uint32_t max_age_s, bool allow_debug)
{
	static const char *const names[] = {"maker"};
	const struct kms_recipient_config config = {.roots = m.roots,
		.root_names = names,
		.n_roots = 1,
		.max_age_s = max_age_s,
		.skew_s = 60,
		.allow_debug = allow_debug};
	struct kms_recipients *recipients = NULL;

	assert_ok(kms_recipients_new(&config, &recipients));
	bench_recipients(&b, recipients);
}

static void reset(void)
{
	maker_reset(&m);
	m.doc.public_key = rd_buf_view(&enclave_spki);
	maker_chain(&m);
	b.now_ms = NOW_MS;
	use_recipients(300, false);
}

static int setup(void **state)
{
	(void)state;
	bench_open(&b, NOW_MS);
	enclave_spki = rd_buf_growable(RD_RSA_SPKI_SIZE_MAX);
	assert_ok(rd_rsa_key_generate(2048, &enclave));
	assert_ok(rd_rsa_key_to_spki(enclave, &enclave_spki));
	maker_init(&m);
	reset();
	bench_key(&b, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", NULL, plain);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bench_close(&b);
	maker_finish(&m);
	rd_rsa_key_free(&enclave);
	rd_buf_finish(&enclave_spki);
	return 0;
}

static json_t *recipient_of(struct rd_view document)
{
	return json_pack("{s:s,s:o}", "KeyEncryptionAlgorithm", "RSAES_OAEP_SHA_256",
		"AttestationDocument", bench_blob(document));
}

static json_t *recipient(void)
{
	struct rd_buf doc = maker_sign(&m);
	json_t *json = recipient_of(rd_buf_view(&doc));

	rd_buf_finish(&doc);
	return json;
}

static json_t *with_recipient(json_t *in, json_t *value)
{
	json_object_set_new(in, "Recipient", value);
	return in;
}

static struct rd_buf encrypt(const char *key_id, const char *text)
{
	return bench_bytes(bench_ok(&b, "Encrypt",
				   json_pack("{s:s,s:o}", "KeyId", key_id, "Plaintext",
					   bench_blob(rd_view_str(text)))),
		"CiphertextBlob");
}

static json_t *decrypt_in(const struct rd_buf *blob)
{
	return json_pack("{s:o}", "CiphertextBlob", bench_blob(rd_buf_view(blob)));
}

/* What the enclave reads of an answer that has no plaintext. The caller finishes it. */
static struct rd_secret open_answer(json_t *answer)
{
	static const char *const members[] = {"Plaintext", "PrivateKeyPlaintext", "SharedSecret"};
	struct rd_buf cms = bench_bytes(answer, "CiphertextForRecipient");
	struct rd_secret secret;

	for (size_t i = 0; i < RD_ARRAY_LEN(members); i++) {
		assert_null(json_object_get(answer, members[i]));
	}
	assert_ok(rd_secret_init(&secret, RD_CMS_SIZE_MAX));
	assert_ok(rd_cms_open(enclave, rd_buf_view(&cms), &secret));
	rd_buf_finish(&cms);
	return secret;
}

static void decrypts_for_the_image_of_the_policy_127_134_to_136(void **state)
{
	static const struct {
		const char *condition;
		bool allows;
	} policies[] = {
		{"\"StringEquals\":{\"kms:RecipientAttestation:ImageSha384\":\"" HEX_A0 "\"}",
			true},
		{"\"StringEquals\":{\"kms:RecipientAttestation:PCR0\":\"" HEX_UPPER "\"}", false},
		{"\"StringEqualsIgnoreCase\":{\"kms:RecipientAttestation:PCR0\":\"" HEX_UPPER "\"}",
			true},
		{"\"StringEqualsIgnoreCase\":{\"kms:RecipientAttestation:PCR0\":\"" HEX_OTHER "\"}",
			false},
		{"\"Null\":{\"kms:RecipientAttestation:PCR17\":\"false\"}", false},
		{"\"StringEquals\":{\"redoubt:AttestationRoot\":\"maker\"}", true},
		{"\"StringEquals\":{\"redoubt:AttestationRoot\":\"root\"}", false},
	};
	char id[KMS_KEY_ID_SIZE];

	(void)state;
	reset();
	for (size_t i = 0; i < RD_ARRAY_LEN(policies); i++) {
		struct rd_secret secret;
		struct rd_buf blob;

		key_with_condition(policies[i].condition, id);
		blob = encrypt(id, "for the enclave");
		if (policies[i].allows) {
			secret = open_answer(bench_ok(
				&b, "Decrypt", with_recipient(decrypt_in(&blob), recipient())));
			assert_true(rd_view_equal(
				rd_secret_view(&secret), rd_view_str("for the enclave")));
			rd_secret_finish(&secret);
		} else {
			bench_fails(&b, "Decrypt", with_recipient(decrypt_in(&blob), recipient()),
				KMS_FAULT_ACCESS_DENIED, NULL);
			assert_true(b.call.attested.present); /* for the record */
		}
		bench_fails(&b, "Decrypt", decrypt_in(&blob), KMS_FAULT_ACCESS_DENIED, NULL);
		rd_buf_finish(&blob);
	}
}

static void data_keys_for_enclaves_131(void **state)
{
	struct rd_secret sealed;
	struct rd_buf blob;
	struct rd_buf key;
	json_t *answer;

	(void)state;
	reset();
	answer = bench_ok(&b, "GenerateDataKey",
		with_recipient(
			json_pack("{s:s,s:s}", "KeyId", plain, "KeySpec", "AES_256"), recipient()));
	blob = bench_bytes(answer, "CiphertextBlob");
	sealed = open_answer(answer);
	assert_int_equal(sealed.len, 32);
	key = bench_bytes(bench_ok(&b, "Decrypt", decrypt_in(&blob)), "Plaintext");
	assert_true(rd_view_equal(rd_buf_view(&key), rd_secret_view(&sealed)));
	rd_secret_finish(&sealed);
	rd_buf_finish(&blob);
	rd_buf_finish(&key);
}

static void pairs_secrets_and_random_bytes_for_enclaves_132(void **state)
{
	struct rd_rsa_key *rsa = NULL;
	char id[KMS_KEY_ID_SIZE];
	struct rd_secret sealed;
	struct rd_buf peer;
	json_t *answer;

	(void)state;
	reset();
	answer = bench_ok(&b, "GenerateDataKeyPair",
		with_recipient(json_pack("{s:s,s:s}", "KeyId", plain, "KeyPairSpec", "RSA_4096"),
			recipient()));
	assert_non_null(json_object_get(answer, "PublicKey"));
	sealed = open_answer(answer);
	assert_ok(rd_rsa_key_from_pkcs8(rd_secret_view(&sealed), &rsa));
	assert_int_equal(rd_rsa_key_bits(rsa), 4096);
	rd_rsa_key_free(&rsa);
	rd_secret_finish(&sealed);
	bench_key(&b, "ECC_NIST_P384", "KEY_AGREEMENT", NULL, id);
	peer = bench_bytes(
		bench_ok(&b, "GetPublicKey", json_pack("{s:s}", "KeyId", id)), "PublicKey");
	sealed = open_answer(bench_ok(&b, "DeriveSharedSecret",
		with_recipient(
			json_pack("{s:s,s:o,s:s}", "KeyId", id, "PublicKey",
				bench_blob(rd_buf_view(&peer)), "KeyAgreementAlgorithm", "ECDH"),
			recipient())));
	assert_int_equal(sealed.len, 48);
	rd_secret_finish(&sealed);
	rd_buf_finish(&peer);
	sealed = open_answer(bench_ok(&b, "GenerateRandom",
		with_recipient(json_pack("{s:i}", "NumberOfBytes", 1024), recipient())));
	assert_int_equal(sealed.len, 1024);
	rd_secret_finish(&sealed);
}

/* Whatever is wrong with a Recipient, all five operations refuse, and answer nothing else. */
static void refuse_in_all_operations(json_t *value, enum kms_fault_type type)
{
	char id[KMS_KEY_ID_SIZE];
	struct rd_buf blob = encrypt(plain, "secret");

	bench_key(&b, "ECC_NIST_P256", "KEY_AGREEMENT", NULL, id);
	bench_fails(
		&b, "Decrypt", with_recipient(decrypt_in(&blob), json_incref(value)), type, NULL);
	bench_fails(&b, "GenerateDataKey",
		with_recipient(json_pack("{s:s,s:s}", "KeyId", plain, "KeySpec", "AES_256"),
			json_incref(value)),
		type, NULL);
	bench_fails(&b, "GenerateDataKeyPair",
		with_recipient(
			json_pack("{s:s,s:s}", "KeyId", plain, "KeyPairSpec", "ECC_NIST_P256"),
			json_incref(value)),
		type, NULL);
	bench_fails(&b, "GenerateRandom",
		with_recipient(json_pack("{s:i}", "NumberOfBytes", 32), json_incref(value)), type,
		NULL);
	bench_fails(&b, "DeriveSharedSecret",
		with_recipient(json_pack("{s:s,s:s,s:s}", "KeyId", id, "PublicKey", "AAAA",
				       "KeyAgreementAlgorithm", "ECDH"),
			json_incref(value)),
		type, NULL);
	json_decref(value);
	rd_buf_finish(&blob);
}

static void malformed_recipients_never_get_plaintext_137(void **state)
{
	json_t *value;

	(void)state;
	reset();
	refuse_in_all_operations(json_object(), KMS_FAULT_VALIDATION);
	value = recipient();
	json_object_del(value, "KeyEncryptionAlgorithm");
	refuse_in_all_operations(value, KMS_FAULT_VALIDATION);
	value = recipient();
	json_object_del(value, "AttestationDocument");
	refuse_in_all_operations(value, KMS_FAULT_VALIDATION);
	value = recipient();
	json_object_set_new(value, "KeyEncryptionAlgorithm", json_string("RSAES_OAEP_SHA_1"));
	refuse_in_all_operations(value, KMS_FAULT_VALIDATION);
	value = recipient();
	json_object_set_new(value, "AttestationDocument", json_string(""));
	refuse_in_all_operations(value, KMS_FAULT_VALIDATION);
	value = recipient();
	json_object_set_new(value, "AttestationDocument", json_null());
	refuse_in_all_operations(value, KMS_FAULT_VALIDATION);
	value = recipient();
	json_object_set_new(value, "AttestationDocument", json_string("%"));
	refuse_in_all_operations(value, KMS_FAULT_SERIALIZATION);
	refuse_in_all_operations(json_string("recipient"), KMS_FAULT_SERIALIZATION);
	refuse_in_all_operations(json_array(), KMS_FAULT_SERIALIZATION);
	refuse_in_all_operations(json_false(), KMS_FAULT_SERIALIZATION);
}

static void refuses_bad_documents_138_143_148(void **state)
{
	struct rd_buf doc;
	uint8_t *huge = calloc(1, 262145);

	(void)state;
	assert_non_null(huge);
	reset();
	refuse_in_all_operations(recipient_of(rd_view("noise", 5)), KMS_FAULT_VALIDATION);
	assert_string_equal(b.call.attested_why, "RD_VERIFY_NOT_COSE");
	doc = maker_sign(&m);
	doc.ptr[doc.used / 2] ^= 1;
	refuse_in_all_operations(recipient_of(rd_buf_view(&doc)), KMS_FAULT_VALIDATION);
	rd_buf_finish(&doc);
	m.doc.public_key = (struct rd_view){.ptr = NULL};
	refuse_in_all_operations(recipient(), KMS_FAULT_VALIDATION);
	assert_string_equal(b.call.attested_why, "PUBLIC_KEY");
	refuse_in_all_operations(recipient_of(rd_view(huge, 262145)), KMS_FAULT_VALIDATION);
	assert_non_null(strstr(b.call.fault.message,
		"'recipient.attestationDocument' failed to satisfy constraint: Member must have "
		"length less than or equal to 262144"));
	free(huge);
}

static void old_documents_and_debug_enclaves_145_147(void **state)
{
	(void)state;
	reset();
	b.now_ms = NOW_MS + 301000;
	refuse_in_all_operations(recipient(), KMS_FAULT_VALIDATION);
	assert_string_equal(b.call.attested_why, "RD_VERIFY_TOO_OLD");
	use_recipients(0, false);
	bench_ok(&b, "GenerateRandom",
		with_recipient(json_pack("{s:i}", "NumberOfBytes", 32), recipient()));
	reset();
	memset(m.pcrs[0], 0, sizeof(m.pcrs[0]));
	refuse_in_all_operations(recipient(), KMS_FAULT_VALIDATION);
	assert_string_equal(b.call.attested_why, "RD_VERIFY_DEBUG");
	use_recipients(300, true);
	bench_ok(&b, "GenerateRandom",
		with_recipient(json_pack("{s:i}", "NumberOfBytes", 32), recipient()));
}

/* Case 149: no member of theirs, so it may hold anything. */
static void other_operations_know_no_recipient_149(void **state)
{
	struct rd_buf blob = encrypt(plain, "secret");
	char id[KMS_KEY_ID_SIZE];

	(void)state;
	reset();
	bench_ok(&b, "Encrypt",
		with_recipient(
			json_pack("{s:s,s:s}", "KeyId", plain, "Plaintext", "AAAA"), json_true()));
	bench_ok(&b, "GenerateDataKeyWithoutPlaintext",
		with_recipient(json_pack("{s:s,s:s}", "KeyId", plain, "KeySpec", "AES_256"),
			json_object()));
	bench_ok(&b, "ReEncrypt",
		with_recipient(json_pack("{s:o,s:s}", "CiphertextBlob",
				       bench_blob(rd_buf_view(&blob)), "DestinationKeyId", plain),
			json_object()));
	bench_key(&b, "ECC_NIST_P256", "SIGN_VERIFY", NULL, id);
	bench_ok(&b, "Sign",
		with_recipient(json_pack("{s:s,s:s,s:s}", "KeyId", id, "Message", "AAAA",
				       "SigningAlgorithm", "ECDSA_SHA_256"),
			recipient()));
	assert_false(b.call.attested.present);
	assert_null(json_object_get(b.call.out, "CiphertextForRecipient"));
	rd_buf_finish(&blob);
}

/* All may do everything, but the action only with a document. */
static void denied_without_document(const char *action, char ret_policy[1024])
{
	snprintf(ret_policy, 1024,
		"{\"Version\":\"2012-10-17\",\"Statement\":["
		"{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"" BENCH_ROOT "\"},"
		"\"Action\":\"kms:*\",\"Resource\":\"*\"},"
		"{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"%s\","
		"\"Resource\":\"*\","
		"\"Condition\":{\"Bool\":{\"redoubt:RecipientAttested\":\"false\"}}}]}",
		action);
}

static void judged_by_document(const char *operation, json_t *in)
{
	bench_fails(&b, operation, json_deep_copy(in), KMS_FAULT_ACCESS_DENIED, NULL);
	bench_fails(&b, operation,
		with_recipient(json_deep_copy(in), recipient_of(rd_view("noise", 5))),
		KMS_FAULT_VALIDATION, NULL);
	bench_ok(&b, operation, with_recipient(in, recipient()));
}

static json_t *re_encrypt_in(const struct rd_buf *blob, const char *to)
{
	return json_pack("{s:o,s:s}", "CiphertextBlob", bench_blob(rd_buf_view(blob)),
		"DestinationKeyId", to);
}

/* Each side of ReEncrypt asks by itself. */
static void policies_may_ask_for_documents_elsewhere(void **state)
{
	char from[KMS_KEY_ID_SIZE], to[KMS_KEY_ID_SIZE], policy[1024];
	struct rd_buf blob;

	(void)state;
	reset();
	denied_without_document("kms:ReEncryptFrom", policy);
	bench_key(&b, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", policy, from);
	blob = encrypt(from, "secret");
	judged_by_document("ReEncrypt", re_encrypt_in(&blob, plain));
	rd_buf_finish(&blob);
	denied_without_document("kms:ReEncryptTo", policy);
	bench_key(&b, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", policy, to);
	blob = encrypt(plain, "secret");
	judged_by_document("ReEncrypt", re_encrypt_in(&blob, to));
	rd_buf_finish(&blob);
	denied_without_document("kms:PutKeyPolicy", policy);
	bench_key(&b, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", NULL, to);
	bench_ok(&b, "PutKeyPolicy",
		json_pack("{s:s,s:s,s:b}", "KeyId", to, "Policy", policy,
			"BypassPolicyLockoutSafetyCheck", 1));
	judged_by_document("PutKeyPolicy", json_pack("{s:s,s:s,s:b}", "KeyId", to, "Policy", policy,
						   "BypassPolicyLockoutSafetyCheck", 1));
}

static void dry_runs_judge_documents_154(void **state)
{
	struct rd_buf blob = encrypt(plain, "secret");
	json_t *in;

	(void)state;
	reset();
	in = with_recipient(decrypt_in(&blob), recipient());
	json_object_set_new(in, "DryRun", json_true());
	bench_fails(&b, "Decrypt", in, KMS_FAULT_DRY_RUN, NULL);
	in = with_recipient(decrypt_in(&blob), recipient_of(rd_view("noise", 5)));
	json_object_set_new(in, "DryRun", json_true());
	bench_fails(&b, "Decrypt", in, KMS_FAULT_VALIDATION, NULL);
	rd_buf_finish(&blob);
}

/* A document that holds the request's digest, and the same one with another request. */
static void documents_bound_to_their_request(void **state)
{
	uint8_t digest[RD_SHA256_SIZE];
	char id[KMS_KEY_ID_SIZE];
	struct rd_secret secret;
	struct rd_buf blob;
	struct rd_buf other;
	json_t *in;

	(void)state;
	reset();
	key_with_condition("\"Bool\":{\"redoubt:RequestBound\":\"true\"}", id);
	blob = encrypt(id, "mine");
	other = encrypt(id, "not what was asked for");
	in = decrypt_in(&blob);
	assert_ok(rd_request_digest("Decrypt", in, digest));
	m.doc.user_data = rd_view(digest, sizeof(digest));
	secret = open_answer(bench_ok(&b, "Decrypt", with_recipient(in, recipient())));
	assert_true(rd_view_equal(rd_secret_view(&secret), rd_view_str("mine")));
	rd_secret_finish(&secret);
	bench_fails(&b, "Decrypt", with_recipient(decrypt_in(&other), recipient()),
		KMS_FAULT_ACCESS_DENIED, NULL);
	m.doc.user_data = (struct rd_view){.ptr = NULL};
	bench_fails(&b, "Decrypt", with_recipient(decrypt_in(&blob), recipient()),
		KMS_FAULT_ACCESS_DENIED, NULL);
	m.doc.user_data = rd_view(digest, sizeof(digest) - 1);
	bench_fails(&b, "Decrypt", with_recipient(decrypt_in(&blob), recipient()),
		KMS_FAULT_ACCESS_DENIED, NULL);
	rd_buf_finish(&blob);
	rd_buf_finish(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decrypts_for_the_image_of_the_policy_127_134_to_136),
		cmocka_unit_test(data_keys_for_enclaves_131),
		cmocka_unit_test(pairs_secrets_and_random_bytes_for_enclaves_132),
		cmocka_unit_test(malformed_recipients_never_get_plaintext_137),
		cmocka_unit_test(refuses_bad_documents_138_143_148),
		cmocka_unit_test(old_documents_and_debug_enclaves_145_147),
		cmocka_unit_test(other_operations_know_no_recipient_149),
		cmocka_unit_test(policies_may_ask_for_documents_elsewhere),
		cmocka_unit_test(dry_runs_judge_documents_154),
		cmocka_unit_test(documents_bound_to_their_request),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
