/* SPDX-License-Identifier: Apache-2.0 */
/* The cryptographic operations, called as the server calls them: cases 57 to 92 of the reference.
 */
#include "bench.h"

#include "crypto/ec.h"
#include "crypto/ed25519.h"
#include "crypto/hmac.h"
#include "crypto/random.h"
#include "crypto/rsa.h"
#include "envelope/envelope.h"

#define NOW_MS INT64_C(1900000000000)

static struct bench b;
static char symmetric[KMS_KEY_ID_SIZE];
static char other[KMS_KEY_ID_SIZE];

static int setup(void **state)
{
	(void)state;
	bench_open(&b, NOW_MS);
	bench_key(&b, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", NULL, symmetric);
	bench_key(&b, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", NULL, other);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bench_close(&b);
	return 0;
}

static json_t *text_blob(const char *text)
{
	return bench_blob(rd_view_str(text));
}

static json_t *encrypt_in(const char *key_id, struct rd_view plaintext, json_t *context)
{
	json_t *in = json_pack("{s:s, s:o}", "KeyId", key_id, "Plaintext", bench_blob(plaintext));

	if (context != NULL) {
		json_object_set_new(in, "EncryptionContext", context);
	}
	return in;
}

/* The caller finishes the blob. */
static struct rd_buf encrypt(const char *key_id, struct rd_view plaintext, json_t *context)
{
	return bench_bytes(
		bench_ok(&b, "Encrypt", encrypt_in(key_id, plaintext, context)), "CiphertextBlob");
}

static json_t *decrypt_in(struct rd_view blob, json_t *context)
{
	json_t *in = json_pack("{s:o}", "CiphertextBlob", bench_blob(blob));

	if (context != NULL) {
		json_object_set_new(in, "EncryptionContext", context);
	}
	return in;
}

static void assert_text(json_t *answer, const char *member, const char *want)
{
	const char *text = json_string_value(json_object_get(answer, member));

	if (text == NULL) {
		fail_msg("no %s", member);
	}
	assert_string_equal(text, want);
}

static void assert_arn(json_t *answer, const char *member, const char *key_id)
{
	char arn[KMS_ARN_SIZE];

	bench_arn(key_id, arn);
	assert_text(answer, member, arn);
}

static void assert_plaintext(json_t *answer, const char *member, struct rd_view want)
{
	struct rd_buf got = bench_bytes(answer, member);

	assert_true(rd_view_equal(rd_buf_view(&got), want));
	rd_buf_finish(&got);
}

static void encrypt_and_decrypt_57(void **state)
{
	static const size_t sizes[] = {1, 4096};
	uint8_t plaintext[4096];

	(void)state;
	assert_ok(rd_random_bytes(plaintext, sizeof(plaintext)));
	for (size_t i = 0; i < RD_ARRAY_LEN(sizes); i++) {
		struct rd_view want = rd_view(plaintext, sizes[i]);
		struct rd_buf blob = encrypt(symmetric, want, NULL);
		json_t *answer;

		assert_arn(b.call.out, "KeyId", symmetric);
		assert_text(b.call.out, "EncryptionAlgorithm", "SYMMETRIC_DEFAULT");
		assert_null(json_object_get(b.call.out, "KeyMaterialId"));
		answer = bench_ok(&b, "Decrypt", decrypt_in(rd_buf_view(&blob), NULL));
		assert_plaintext(answer, "Plaintext", want);
		assert_arn(answer, "KeyId", symmetric);
		assert_text(answer, "EncryptionAlgorithm", "SYMMETRIC_DEFAULT");
		assert_int_equal(json_string_length(json_object_get(answer, "KeyMaterialId")), 64);
		rd_buf_finish(&blob);
	}
}

static void plaintext_is_1_to_4096_bytes_58(void **state)
{
	static const uint8_t zeros[4097];

	(void)state;
	bench_fails(&b, "Encrypt", encrypt_in(symmetric, rd_view(zeros, 0), NULL),
		KMS_FAULT_VALIDATION,
		"1 validation error detected: Value at 'plaintext' failed to satisfy constraint: "
		"Member must have length greater than or equal to 1");
	bench_fails(&b, "Encrypt", encrypt_in(symmetric, rd_view(zeros, 4097), NULL),
		KMS_FAULT_VALIDATION,
		"1 validation error detected: Value at 'plaintext' failed to satisfy constraint: "
		"Member must have length less than or equal to 4096");
}

static void ciphertexts_differ_and_fit_59_60(void **state)
{
	static const uint8_t zeros[4096];
	struct rd_buf first = encrypt(symmetric, rd_view(zeros, sizeof(zeros)), NULL);
	struct rd_buf second = encrypt(symmetric, rd_view(zeros, sizeof(zeros)), NULL);

	(void)state;
	assert_false(rd_view_equal(rd_buf_view(&first), rd_buf_view(&second)));
	assert_true(first.used <= 6144);
	rd_buf_finish(&first);
	rd_buf_finish(&second);
}

static void every_flipped_byte_is_refused_61(void **state)
{
	struct rd_buf blob = encrypt(symmetric, rd_view("x", 1), NULL);

	(void)state;
	for (size_t i = 0; i < blob.used; i++) {
		bool names_key = i >= 4 && i < 28; /* installation and key id */

		blob.ptr[i] ^= 0x40;
		bench_fails(&b, "Decrypt", decrypt_in(rd_buf_view(&blob), NULL),
			names_key ? KMS_FAULT_ACCESS_DENIED : KMS_FAULT_INVALID_CIPHERTEXT,
			names_key ? "The ciphertext refers to a customer master key that does not "
				    "exist, does not exist in this region, or you are not allowed "
				    "to access."
				  : "");
		blob.ptr[i] ^= 0x40;
	}
	bench_ok(&b, "Decrypt", decrypt_in(rd_buf_view(&blob), NULL));
	rd_buf_finish(&blob);
}

static void foreign_ciphertexts_are_refused_62(void **state)
{
	static const char aws[] =
		"\x01\x02\x02\x00\x78 and whatever follows in a ciphertext blob of the original "
		"service, of which this is about as long as the shortest one would be, or longer, "
		"so that nothing can be said about its length at all";
	static const uint8_t zeros[6145];
	struct rd_buf blob = encrypt(symmetric, rd_view("text", 4), NULL);

	(void)state;
	for (size_t n = 1; n < blob.used; n += 7) {
		bench_fails(&b, "Decrypt", decrypt_in(rd_view(blob.ptr, n), NULL),
			KMS_FAULT_INVALID_CIPHERTEXT, "");
	}
	assert_ok(rd_buf_u8(&blob, 0));
	bench_fails(&b, "Decrypt", decrypt_in(rd_buf_view(&blob), NULL),
		KMS_FAULT_INVALID_CIPHERTEXT, "");
	bench_fails(&b, "Decrypt", decrypt_in(rd_view(aws, sizeof(aws)), NULL),
		KMS_FAULT_INVALID_CIPHERTEXT, "");
	bench_fails(&b, "Decrypt", decrypt_in(rd_view(zeros, 6144), NULL),
		KMS_FAULT_INVALID_CIPHERTEXT, "");
	bench_fails(&b, "Decrypt", decrypt_in(rd_view(zeros, 6145), NULL), KMS_FAULT_VALIDATION,
		"1 validation error detected: Value at 'ciphertextBlob' failed to satisfy "
		"constraint: Member must have length less than or equal to 6144");
	bench_fails(&b, "Decrypt", json_pack("{s:s}", "CiphertextBlob", "not base64!"),
		KMS_FAULT_SERIALIZATION, "");
	rd_buf_finish(&blob);
}

static void contexts_bind_63_to_67(void **state)
{
	struct rd_view x = rd_view("x", 1);
	struct rd_buf blob = encrypt(symmetric, x, json_pack("{s:s,s:s}", "a", "1", "b", "2"));
	struct rd_buf joined = encrypt(symmetric, x, json_pack("{s:s}", "a", "bc"));
	struct rd_buf nothing = encrypt(symmetric, x, json_object());
	struct rd_buf composed = encrypt(symmetric, x, json_pack("{s:s}", "\xc3\xa9", "e"));

	(void)state;
	bench_ok(&b, "Decrypt",
		decrypt_in(rd_buf_view(&blob), json_pack("{s:s,s:s}", "b", "2", "a", "1")));
	bench_fails(&b, "Decrypt",
		decrypt_in(rd_buf_view(&blob), json_pack("{s:s,s:s}", "A", "1", "b", "2")),
		KMS_FAULT_INVALID_CIPHERTEXT, "");
	bench_fails(&b, "Decrypt", decrypt_in(rd_buf_view(&blob), json_pack("{s:s}", "a", "1")),
		KMS_FAULT_INVALID_CIPHERTEXT, "");
	bench_fails(&b, "Decrypt",
		decrypt_in(rd_buf_view(&blob),
			json_pack("{s:s,s:s,s:s}", "a", "1", "b", "2", "c", "3")),
		KMS_FAULT_INVALID_CIPHERTEXT, "");
	bench_fails(&b, "Decrypt", decrypt_in(rd_buf_view(&blob), NULL),
		KMS_FAULT_INVALID_CIPHERTEXT, "");
	bench_fails(&b, "Decrypt", decrypt_in(rd_buf_view(&joined), json_pack("{s:s}", "ab", "c")),
		KMS_FAULT_INVALID_CIPHERTEXT, "");
	bench_ok(&b, "Decrypt", decrypt_in(rd_buf_view(&nothing), NULL));
	bench_ok(&b, "Decrypt",
		decrypt_in(rd_buf_view(&composed), json_pack("{s:s}", "\xc3\xa9", "e")));
	bench_fails(&b, "Decrypt",
		decrypt_in(rd_buf_view(&composed), json_pack("{s:s}", "e\xcc\x81", "e")),
		KMS_FAULT_INVALID_CIPHERTEXT, "");
	rd_buf_finish(&blob);
	rd_buf_finish(&joined);
	rd_buf_finish(&nothing);
	rd_buf_finish(&composed);
}

static void contexts_are_bounded(void **state)
{
	char *huge = calloc(1, 8200);

	(void)state;
	assert_non_null(huge);
	memset(huge, 'v', 8192);
	bench_fails(&b, "Encrypt",
		encrypt_in(symmetric, rd_view("x", 1), json_pack("{s:s}", "a", huge)),
		KMS_FAULT_VALIDATION, NULL);
	bench_fails(&b, "Encrypt",
		encrypt_in(symmetric, rd_view("x", 1), json_pack("{s:s}", "", "v")),
		KMS_FAULT_VALIDATION, NULL);
	bench_fails(&b, "Encrypt",
		encrypt_in(symmetric, rd_view("x", 1), json_pack("{s:i}", "a", 1)),
		KMS_FAULT_SERIALIZATION, "");
	free(huge);
}

static json_t *with(json_t *in, const char *name, const char *value)
{
	json_object_set_new(in, name, json_string(value));
	return in;
}

static const char incorrect[] =
	"The key ID in the request does not identify a CMK that can perform this operation.";

static void decrypt_with_another_key_68_69(void **state)
{
	struct rd_buf blob = encrypt(symmetric, rd_view("x", 1), NULL);
	char rsa[KMS_KEY_ID_SIZE];

	(void)state;
	bench_key(&b, "RSA_2048", "ENCRYPT_DECRYPT", NULL, rsa);
	bench_ok(&b, "Decrypt", with(decrypt_in(rd_buf_view(&blob), NULL), "KeyId", symmetric));
	bench_fails(&b, "Decrypt", with(decrypt_in(rd_buf_view(&blob), NULL), "KeyId", other),
		KMS_FAULT_INCORRECT_KEY, incorrect);
	bench_fails(&b, "Decrypt", with(decrypt_in(rd_buf_view(&blob), NULL), "KeyId", rsa),
		KMS_FAULT_INCORRECT_KEY, incorrect);
	rd_buf_finish(&blob);
}

static void generate_data_key_70_to_72(void **state)
{
	static const struct {
		const char *spec;
		int bytes;
		size_t want;
	} sizes[] = {{"AES_256", 0, 32}, {"AES_128", 0, 16}, {NULL, 64, 64}, {NULL, 1024, 1024}};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(sizes); i++) {
		json_t *in = json_pack("{s:s, s:s*, s:{s:s}}", "KeyId", symmetric, "KeySpec",
			sizes[i].spec, "EncryptionContext", "app", "test");
		struct rd_buf key;
		struct rd_buf blob;
		json_t *answer;

		if (sizes[i].spec == NULL) {
			json_object_set_new(in, "NumberOfBytes", json_integer(sizes[i].bytes));
		}
		answer = bench_ok(&b, "GenerateDataKey", in);
		key = bench_bytes(answer, "Plaintext");
		blob = bench_bytes(answer, "CiphertextBlob");
		assert_int_equal(key.used, sizes[i].want);
		assert_arn(answer, "KeyId", symmetric);
		assert_non_null(json_object_get(answer, "KeyMaterialId"));
		answer = bench_ok(&b, "Decrypt",
			decrypt_in(rd_buf_view(&blob), json_pack("{s:s}", "app", "test")));
		assert_plaintext(answer, "Plaintext", rd_buf_view(&key));
		rd_buf_finish(&key);
		rd_buf_finish(&blob);
	}
}

static void data_key_sizes_are_exactly_one_71(void **state)
{
	static const char text[] = "Please specify either number of bytes or key spec.";

	(void)state;
	bench_fails(&b, "GenerateDataKey",
		json_pack("{s:s,s:s,s:i}", "KeyId", symmetric, "KeySpec", "AES_256",
			"NumberOfBytes", 32),
		KMS_FAULT_VALIDATION, text);
	bench_fails(&b, "GenerateDataKey", json_pack("{s:s}", "KeyId", symmetric),
		KMS_FAULT_VALIDATION, text);
	bench_fails(&b, "GenerateDataKey",
		json_pack("{s:s,s:i}", "KeyId", symmetric, "NumberOfBytes", 1025),
		KMS_FAULT_VALIDATION,
		"1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy "
		"constraint: Member must have value less than or equal to 1024");
}

static void data_key_without_plaintext_72(void **state)
{
	json_t *answer = bench_ok(&b, "GenerateDataKeyWithoutPlaintext",
		json_pack("{s:s,s:s}", "KeyId", symmetric, "KeySpec", "AES_256"));
	struct rd_buf blob = bench_bytes(answer, "CiphertextBlob");

	(void)state;
	assert_null(json_object_get(answer, "Plaintext"));
	answer = bench_ok(&b, "Decrypt", decrypt_in(rd_buf_view(&blob), NULL));
	rd_buf_finish(&blob);
	blob = bench_bytes(answer, "Plaintext");
	assert_int_equal(blob.used, 32);
	rd_buf_finish(&blob);
}

static void generate_random_73(void **state)
{
	struct rd_buf bytes;

	(void)state;
	bytes = bench_bytes(bench_ok(&b, "GenerateRandom", json_pack("{s:i}", "NumberOfBytes", 32)),
		"Plaintext");
	assert_int_equal(bytes.used, 32);
	rd_buf_finish(&bytes);
	bench_fails(&b, "GenerateRandom", json_object(), KMS_FAULT_VALIDATION,
		"NumberOfBytes is required.");
	bench_fails(&b, "GenerateRandom", json_pack("{s:i}", "NumberOfBytes", 0),
		KMS_FAULT_VALIDATION,
		"1 validation error detected: Value '0' at 'numberOfBytes' failed to satisfy "
		"constraint: Member must have value greater than or equal to 1");
	bench_fails(&b, "GenerateRandom", json_pack("{s:i}", "NumberOfBytes", 1025),
		KMS_FAULT_VALIDATION, NULL);
	bench_fails(&b, "GenerateRandom", json_pack("{s:s}", "NumberOfBytes", "32"),
		KMS_FAULT_SERIALIZATION, "");
	bench_fails(&b, "GenerateRandom",
		json_pack("{s:i,s:s}", "NumberOfBytes", 32, "CustomKeyStoreId", "cks-1"),
		KMS_FAULT_STORE_NOT_FOUND, NULL);
}

static void re_encrypt_74_75(void **state)
{
	struct rd_view text = rd_view("secret", 6);
	struct rd_buf blob = encrypt(symmetric, text, json_pack("{s:s}", "a", "1"));
	struct rd_buf moved;
	json_t *answer;

	(void)state;
	answer = bench_ok(&b, "ReEncrypt",
		json_pack("{s:o,s:{s:s},s:s,s:{s:s}}", "CiphertextBlob",
			bench_blob(rd_buf_view(&blob)), "SourceEncryptionContext", "a", "1",
			"DestinationKeyId", other, "DestinationEncryptionContext", "b", "2"));
	assert_arn(answer, "SourceKeyId", symmetric);
	assert_arn(answer, "KeyId", other);
	assert_text(answer, "SourceEncryptionAlgorithm", "SYMMETRIC_DEFAULT");
	assert_text(answer, "DestinationEncryptionAlgorithm", "SYMMETRIC_DEFAULT");
	assert_string_not_equal(json_string_value(json_object_get(answer, "SourceKeyMaterialId")),
		json_string_value(json_object_get(answer, "DestinationKeyMaterialId")));
	assert_null(json_object_get(answer, "Plaintext"));
	moved = bench_bytes(answer, "CiphertextBlob");
	bench_fails(&b, "Decrypt", decrypt_in(rd_buf_view(&moved), json_pack("{s:s}", "a", "1")),
		KMS_FAULT_INVALID_CIPHERTEXT, "");
	answer = bench_ok(
		&b, "Decrypt", decrypt_in(rd_buf_view(&moved), json_pack("{s:s}", "b", "2")));
	assert_plaintext(answer, "Plaintext", text);
	assert_arn(answer, "KeyId", other);
	bench_fails(&b, "ReEncrypt",
		json_pack("{s:o,s:{s:s},s:s,s:s}", "CiphertextBlob", bench_blob(rd_buf_view(&blob)),
			"SourceEncryptionContext", "a", "1", "SourceKeyId", other,
			"DestinationKeyId", other),
		KMS_FAULT_INCORRECT_KEY, incorrect);
	bench_fails(&b, "ReEncrypt",
		json_pack("{s:o,s:s}", "CiphertextBlob", bench_blob(rd_buf_view(&blob)),
			"DestinationKeyId", other),
		KMS_FAULT_INVALID_CIPHERTEXT, "");
	rd_buf_finish(&blob);
	rd_buf_finish(&moved);
}

/* The pair's halves belong together, whatever kind they are. */
static void assert_pair(const char *spec, struct rd_view pkcs8, struct rd_view spki)
{
	struct rd_buf got = rd_buf_growable(RD_RSA_SPKI_SIZE_MAX);
	struct rd_rsa_key *rsa = NULL;
	struct rd_ec_key *ec = NULL;
	struct rd_ed25519_key *ed = NULL;
	enum rd_ec_curve curve = strstr(spec, "P256K1") != NULL ? RD_SECP256K1
				 : strstr(spec, "P256") != NULL ? RD_P256
				 : strstr(spec, "P384") != NULL ? RD_P384
								: RD_P521;

	if (strncmp(spec, "RSA", 3) == 0) {
		assert_ok(rd_rsa_key_from_pkcs8(pkcs8, &rsa));
		assert_int_equal(rd_rsa_key_bits(rsa), atoi(spec + 4));
		assert_ok(rd_rsa_key_to_spki(rsa, &got));
	} else if (strstr(spec, "25519") != NULL) {
		assert_ok(rd_ed25519_key_from_pkcs8(pkcs8, &ed));
		assert_ok(rd_ed25519_key_to_spki(ed, &got));
	} else {
		assert_ok(rd_ec_key_from_pkcs8(pkcs8, curve, &ec));
		assert_ok(rd_ec_key_to_spki(ec, &got));
	}
	assert_true(rd_view_equal(rd_buf_view(&got), spki));
	rd_rsa_key_free(&rsa);
	rd_ec_key_free(&ec);
	rd_ed25519_key_free(&ed);
	rd_buf_finish(&got);
}

static void data_key_pairs_76(void **state)
{
	static const char *const specs[] = {"RSA_2048", "RSA_4096", "ECC_NIST_P256",
		"ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519"};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(specs); i++) {
		json_t *answer = bench_ok(&b, "GenerateDataKeyPair",
			json_pack("{s:s,s:s}", "KeyId", symmetric, "KeyPairSpec", specs[i]));
		struct rd_buf pkcs8 = bench_bytes(answer, "PrivateKeyPlaintext");
		struct rd_buf spki = bench_bytes(answer, "PublicKey");
		struct rd_buf blob = bench_bytes(answer, "PrivateKeyCiphertextBlob");

		assert_text(answer, "KeyPairSpec", specs[i]);
		assert_pair(specs[i], rd_buf_view(&pkcs8), rd_buf_view(&spki));
		answer = bench_ok(&b, "Decrypt", decrypt_in(rd_buf_view(&blob), NULL));
		assert_plaintext(answer, "Plaintext", rd_buf_view(&pkcs8));
		rd_buf_finish(&pkcs8);
		rd_buf_finish(&spki);
		rd_buf_finish(&blob);
	}
	bench_ok(&b, "GenerateDataKeyPairWithoutPlaintext",
		json_pack("{s:s,s:s}", "KeyId", symmetric, "KeyPairSpec", "ECC_NIST_P256"));
	assert_null(json_object_get(b.call.out, "PrivateKeyPlaintext"));
	assert_non_null(json_object_get(b.call.out, "PrivateKeyCiphertextBlob"));
	bench_fails(&b, "GenerateDataKeyPair",
		json_pack("{s:s,s:s}", "KeyId", symmetric, "KeyPairSpec", "SM2"),
		KMS_FAULT_UNSUPPORTED, NULL);
}

static const char dry[] = "The request would have succeeded, but the DryRun option is set.";

static json_t *dry_run(json_t *in)
{
	json_object_set_new(in, "DryRun", json_true());
	return in;
}

static void dry_runs_77_78(void **state)
{
	struct rd_buf blob = encrypt(symmetric, rd_view("x", 1), NULL);

	(void)state;
	bench_fails(&b, "Encrypt", dry_run(encrypt_in(symmetric, rd_view("x", 1), NULL)),
		KMS_FAULT_DRY_RUN, dry);
	bench_fails(&b, "Decrypt", dry_run(decrypt_in(rd_buf_view(&blob), NULL)), KMS_FAULT_DRY_RUN,
		dry);
	bench_fails(&b, "Decrypt",
		dry_run(json_pack(
			"{s:s,s:[s]}", "KeyId", symmetric, "DryRunModifiers", "IGNORE_CIPHERTEXT")),
		KMS_FAULT_DRY_RUN, dry);
	bench_fails(&b, "Decrypt",
		dry_run(json_pack("{s:[s]}", "DryRunModifiers", "IGNORE_CIPHERTEXT")),
		KMS_FAULT_VALIDATION, NULL);
	bench_fails(&b, "Decrypt",
		json_pack(
			"{s:s,s:[s]}", "KeyId", symmetric, "DryRunModifiers", "IGNORE_CIPHERTEXT"),
		KMS_FAULT_VALIDATION, NULL);
	rd_buf_finish(&blob);
}

static json_t *rsa_in(const char *name, const char *key_id, json_t *blob, const char *algorithm)
{
	return json_pack(
		"{s:s,s:o,s:s}", "KeyId", key_id, name, blob, "EncryptionAlgorithm", algorithm);
}

static void rsa_encryption_79_to_81(void **state)
{
	static const uint8_t zeros[191];
	char id[KMS_KEY_ID_SIZE];
	struct rd_rsa_key *key = NULL;
	struct rd_buf spki;
	struct rd_buf blob;
	json_t *answer;

	(void)state;
	bench_key(&b, "RSA_2048", "ENCRYPT_DECRYPT", NULL, id);
	answer = bench_ok(&b, "Encrypt",
		rsa_in("Plaintext", id, bench_blob(rd_view(zeros, 190)), "RSAES_OAEP_SHA_256"));
	blob = bench_bytes(answer, "CiphertextBlob");
	assert_int_equal(blob.used, 256);
	bench_fails(&b, "Encrypt",
		rsa_in("Plaintext", id, bench_blob(rd_view(zeros, 191)), "RSAES_OAEP_SHA_256"),
		KMS_FAULT_VALIDATION,
		"Algorithm RSAES_OAEP_SHA_256 and key spec RSA_2048 cannot encrypt data larger "
		"than 190 bytes.");
	answer = bench_ok(&b, "Decrypt",
		rsa_in("CiphertextBlob", id, bench_blob(rd_buf_view(&blob)), "RSAES_OAEP_SHA_256"));
	assert_plaintext(answer, "Plaintext", rd_view(zeros, 190));
	assert_null(json_object_get(answer, "KeyMaterialId"));
	bench_fails(&b, "Decrypt",
		rsa_in("CiphertextBlob", id, bench_blob(rd_buf_view(&blob)), "RSAES_OAEP_SHA_1"),
		KMS_FAULT_INVALID_CIPHERTEXT, "");
	bench_fails(&b, "Decrypt",
		rsa_in("CiphertextBlob", id, bench_blob(rd_view(blob.ptr, 255)),
			"RSAES_OAEP_SHA_256"),
		KMS_FAULT_INVALID_CIPHERTEXT, "");
	bench_fails(&b, "Decrypt",
		json_pack("{s:o,s:s}", "CiphertextBlob", bench_blob(rd_buf_view(&blob)),
			"EncryptionAlgorithm", "RSAES_OAEP_SHA_256"),
		KMS_FAULT_VALIDATION, NULL);
	rd_buf_finish(&blob);
	/* From outside, with the public key. */
	answer = bench_ok(&b, "GetPublicKey", json_pack("{s:s}", "KeyId", id));
	spki = bench_bytes(answer, "PublicKey");
	assert_ok(rd_rsa_key_from_spki(rd_buf_view(&spki), &key));
	blob = rd_buf_growable(512);
	assert_ok(rd_rsa_oaep_encrypt(key, RD_OAEP_SHA1, rd_view("outside", 7), &blob));
	answer = bench_ok(&b, "Decrypt",
		rsa_in("CiphertextBlob", id, bench_blob(rd_buf_view(&blob)), "RSAES_OAEP_SHA_1"));
	assert_plaintext(answer, "Plaintext", rd_view("outside", 7));
	/* No context, and no default algorithm. */
	bench_fails(&b, "Encrypt", encrypt_in(id, rd_view("x", 1), NULL),
		KMS_FAULT_INVALID_KEY_USAGE,
		"Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.");
	bench_fails(&b, "Encrypt",
		with(encrypt_in(id, rd_view("x", 1), json_pack("{s:s}", "a", "1")),
			"EncryptionAlgorithm", "RSAES_OAEP_SHA_1"),
		KMS_FAULT_VALIDATION, NULL);
	rd_rsa_key_free(&key);
	rd_buf_finish(&spki);
	rd_buf_finish(&blob);
}

static void usages_are_kept_apart_82(void **state)
{
	char id[KMS_KEY_ID_SIZE];
	char arn[KMS_ARN_SIZE];
	char want[KMS_MESSAGE_SIZE];

	(void)state;
	bench_key(&b, "RSA_2048", "SIGN_VERIFY", NULL, id);
	bench_arn(id, arn);
	snprintf(want, sizeof(want), "%s key usage is SIGN_VERIFY which is not valid for Encrypt.",
		arn);
	bench_fails(&b, "Encrypt", rsa_in("Plaintext", id, text_blob("x"), "RSAES_OAEP_SHA_256"),
		KMS_FAULT_INVALID_KEY_USAGE, want);
	snprintf(want, sizeof(want),
		"%s key usage is SIGN_VERIFY which is not valid for GenerateDataKey.", arn);
	bench_fails(&b, "GenerateDataKey",
		json_pack("{s:s,s:s}", "KeyId", id, "KeySpec", "AES_256"),
		KMS_FAULT_INVALID_KEY_USAGE, want);
}

static json_t *sign_in(
	const char *id, struct rd_view message, const char *type, const char *algorithm)
{
	return json_pack("{s:s,s:o,s:s,s:s}", "KeyId", id, "Message", bench_blob(message),
		"MessageType", type, "SigningAlgorithm", algorithm);
}

static json_t *verify_in(const char *id, struct rd_view message, const char *type,
	const char *algorithm, struct rd_view signature)
{
	json_t *in = sign_in(id, message, type, algorithm);

	json_object_set_new(in, "Signature", bench_blob(signature));
	return in;
}

static void check_signature(const char *id, const char *algorithm, enum rd_digest_alg alg)
{
	struct rd_view message = rd_view("abc", 3);
	uint8_t digest[RD_DIGEST_SIZE_MAX];
	struct rd_view hashed = rd_view(digest, rd_digest_size(alg));
	char want[KMS_MESSAGE_SIZE];
	struct rd_buf signature;
	json_t *answer;

	assert_ok(rd_digest_once(alg, message, digest));
	answer = bench_ok(&b, "Sign", sign_in(id, message, "RAW", algorithm));
	assert_arn(answer, "KeyId", id);
	assert_text(answer, "SigningAlgorithm", algorithm);
	signature = bench_bytes(answer, "Signature");
	/* Signed as a message, verified as its digest: it is that digest that is signed. */
	answer = bench_ok(
		&b, "Verify", verify_in(id, hashed, "DIGEST", algorithm, rd_buf_view(&signature)));
	assert_true(json_is_true(json_object_get(answer, "SignatureValid")));
	signature.ptr[signature.used - 1] ^= 1;
	bench_fails(&b, "Verify", verify_in(id, message, "RAW", algorithm, rd_buf_view(&signature)),
		KMS_FAULT_INVALID_KMS_SIGNATURE, "");
	rd_buf_finish(&signature);
	snprintf(want, sizeof(want), "Digest is invalid length for algorithm %s.", algorithm);
	bench_fails(&b, "Sign", sign_in(id, rd_view(digest, hashed.len - 1), "DIGEST", algorithm),
		KMS_FAULT_VALIDATION, want);
	bench_fails(&b, "Sign", sign_in(id, hashed, "EXTERNAL_MU", algorithm), KMS_FAULT_VALIDATION,
		NULL);
}

static void signatures_83_to_86(void **state)
{
	static const struct {
		const char *spec;
		const char *algorithm;
		enum rd_digest_alg digest;
	} algorithms[] = {
		{"RSA_2048", "RSASSA_PSS_SHA_256", RD_SHA256},
		{"RSA_2048", "RSASSA_PSS_SHA_384", RD_SHA384},
		{"RSA_2048", "RSASSA_PSS_SHA_512", RD_SHA512},
		{"RSA_2048", "RSASSA_PKCS1_V1_5_SHA_256", RD_SHA256},
		{"RSA_2048", "RSASSA_PKCS1_V1_5_SHA_384", RD_SHA384},
		{"RSA_2048", "RSASSA_PKCS1_V1_5_SHA_512", RD_SHA512},
		{"ECC_NIST_P256", "ECDSA_SHA_256", RD_SHA256},
		{"ECC_NIST_P384", "ECDSA_SHA_384", RD_SHA384},
		{"ECC_NIST_P521", "ECDSA_SHA_512", RD_SHA512},
		{"ECC_SECG_P256K1", "ECDSA_SHA_256", RD_SHA256},
	};
	char id[KMS_KEY_ID_SIZE];
	const char *spec = "";

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(algorithms); i++) {
		if (strcmp(spec, algorithms[i].spec) != 0) {
			spec = algorithms[i].spec;
			bench_key(&b, spec, "SIGN_VERIFY", NULL, id);
		}
		check_signature(id, algorithms[i].algorithm, algorithms[i].digest);
	}
	bench_key(&b, "ECC_NIST_P256", "SIGN_VERIFY", NULL, id);
	bench_fails(&b, "Sign", sign_in(id, rd_view("abc", 3), "RAW", "ECDSA_SHA_384"),
		KMS_FAULT_INVALID_KEY_USAGE,
		"Algorithm ECDSA_SHA_384 is incompatible with key spec ECC_NIST_P256.");
	bench_fails(&b, "Sign", sign_in(id, rd_view("abc", 3), "RAW", "ML_DSA_SHAKE_256"),
		KMS_FAULT_INVALID_KEY_USAGE,
		"Algorithm ML_DSA_SHAKE_256 is incompatible with key spec ECC_NIST_P256.");
}

static void ed25519_is_for_messages_87(void **state)
{
	char id[KMS_KEY_ID_SIZE];
	struct rd_buf signature;
	uint8_t digest[64] = {0};

	(void)state;
	bench_key(&b, "ECC_NIST_EDWARDS25519", "SIGN_VERIFY", NULL, id);
	signature = bench_bytes(
		bench_ok(&b, "Sign", sign_in(id, rd_view("abc", 3), "RAW", "ED25519_SHA_512")),
		"Signature");
	assert_int_equal(signature.used, 64);
	bench_ok(&b, "Verify",
		verify_in(
			id, rd_view("abc", 3), "RAW", "ED25519_SHA_512", rd_buf_view(&signature)));
	bench_fails(&b, "Verify",
		verify_in(id, rd_view("abd", 3), "RAW", "ED25519_SHA_512", rd_buf_view(&signature)),
		KMS_FAULT_INVALID_KMS_SIGNATURE, "");
	bench_fails(&b, "Sign",
		sign_in(id, rd_view(digest, sizeof(digest)), "DIGEST", "ED25519_SHA_512"),
		KMS_FAULT_VALIDATION, NULL);
	bench_fails(&b, "Sign",
		sign_in(id, rd_view(digest, sizeof(digest)), "DIGEST", "ED25519_PH_SHA_512"),
		KMS_FAULT_UNSUPPORTED, NULL);
	rd_buf_finish(&signature);
}

static json_t *mac_in(const char *id, const char *message, const char *algorithm)
{
	return json_pack("{s:s,s:o,s:s}", "KeyId", id, "Message", text_blob(message),
		"MacAlgorithm", algorithm);
}

static void check_mac(const char *spec, const char *algorithm, size_t size)
{
	char id[KMS_KEY_ID_SIZE];
	struct rd_buf mac;
	json_t *answer;
	json_t *in;

	bench_key(&b, spec, "GENERATE_VERIFY_MAC", NULL, id);
	mac = bench_bytes(bench_ok(&b, "GenerateMac", mac_in(id, "abc", algorithm)), "Mac");
	assert_int_equal(mac.used, size);
	in = mac_in(id, "abc", algorithm);
	json_object_set_new(in, "Mac", bench_blob(rd_buf_view(&mac)));
	answer = bench_ok(&b, "VerifyMac", in);
	assert_true(json_is_true(json_object_get(answer, "MacValid")));
	in = mac_in(id, "abc", algorithm);
	json_object_set_new(in, "Mac", bench_blob(rd_view(mac.ptr, mac.used - 1)));
	bench_fails(&b, "VerifyMac", in, KMS_FAULT_INVALID_MAC, "");
	mac.ptr[0] ^= 1;
	in = mac_in(id, "abc", algorithm);
	json_object_set_new(in, "Mac", bench_blob(rd_buf_view(&mac)));
	bench_fails(&b, "VerifyMac", in, KMS_FAULT_INVALID_MAC, "");
	rd_buf_finish(&mac);
}

static void macs_89_90(void **state)
{
	char id[KMS_KEY_ID_SIZE];

	(void)state;
	check_mac("HMAC_224", "HMAC_SHA_224", 28);
	check_mac("HMAC_256", "HMAC_SHA_256", 32);
	check_mac("HMAC_384", "HMAC_SHA_384", 48);
	check_mac("HMAC_512", "HMAC_SHA_512", 64);
	bench_key(&b, "HMAC_256", "GENERATE_VERIFY_MAC", NULL, id);
	bench_fails(&b, "GenerateMac", mac_in(id, "abc", "HMAC_SHA_512"),
		KMS_FAULT_INVALID_KEY_USAGE,
		"Algorithm HMAC_SHA_512 is incompatible with key spec HMAC_256.");
}

static json_t *derive_in(const char *id, struct rd_view peer)
{
	return json_pack("{s:s,s:o,s:s}", "KeyId", id, "PublicKey", bench_blob(peer),
		"KeyAgreementAlgorithm", "ECDH");
}

static struct rd_buf public_key(const char *id)
{
	return bench_bytes(
		bench_ok(&b, "GetPublicKey", json_pack("{s:s}", "KeyId", id)), "PublicKey");
}

static void check_agreement(const char *spec, size_t size, struct rd_view stranger)
{
	char ours[KMS_KEY_ID_SIZE];
	char theirs[KMS_KEY_ID_SIZE];
	struct rd_buf our_public;
	struct rd_buf their_public;
	struct rd_buf secret;
	json_t *answer;

	bench_key(&b, spec, "KEY_AGREEMENT", NULL, ours);
	bench_key(&b, spec, "KEY_AGREEMENT", NULL, theirs);
	our_public = public_key(ours);
	their_public = public_key(theirs);
	answer = bench_ok(&b, "DeriveSharedSecret", derive_in(ours, rd_buf_view(&their_public)));
	assert_text(answer, "KeyAgreementAlgorithm", "ECDH");
	assert_text(answer, "KeyOrigin", "AWS_KMS");
	secret = bench_bytes(answer, "SharedSecret");
	assert_int_equal(secret.used, size);
	answer = bench_ok(&b, "DeriveSharedSecret", derive_in(theirs, rd_buf_view(&our_public)));
	assert_plaintext(answer, "SharedSecret", rd_buf_view(&secret));
	bench_fails(&b, "DeriveSharedSecret", derive_in(ours, stranger), KMS_FAULT_VALIDATION, "");
	their_public.ptr[their_public.used - 1] ^= 1; /* off the curve */
	bench_fails(&b, "DeriveSharedSecret", derive_in(ours, rd_buf_view(&their_public)),
		KMS_FAULT_VALIDATION, "");
	rd_buf_finish(&our_public);
	rd_buf_finish(&their_public);
	rd_buf_finish(&secret);
}

static void agreement_91(void **state)
{
	char id[KMS_KEY_ID_SIZE];
	struct rd_buf p256;
	struct rd_buf p384;

	(void)state;
	bench_key(&b, "ECC_NIST_P256", "KEY_AGREEMENT", NULL, id);
	p256 = public_key(id);
	bench_key(&b, "ECC_NIST_P384", "KEY_AGREEMENT", NULL, id);
	p384 = public_key(id);
	check_agreement("ECC_NIST_P256", 32, rd_buf_view(&p384));
	check_agreement("ECC_NIST_P384", 48, rd_buf_view(&p256));
	check_agreement("ECC_NIST_P521", 66, rd_buf_view(&p256));
	rd_buf_finish(&p256);
	rd_buf_finish(&p384);
}

static void public_keys_92(void **state)
{
	char id[KMS_KEY_ID_SIZE];
	json_t *answer;

	(void)state;
	bench_fails(&b, "GetPublicKey", json_pack("{s:s}", "KeyId", symmetric),
		KMS_FAULT_UNSUPPORTED, NULL);
	bench_key(&b, "HMAC_256", "GENERATE_VERIFY_MAC", NULL, id);
	bench_fails(
		&b, "GetPublicKey", json_pack("{s:s}", "KeyId", id), KMS_FAULT_UNSUPPORTED, NULL);
	bench_key(&b, "ECC_NIST_P384", "SIGN_VERIFY", NULL, id);
	answer = bench_ok(&b, "GetPublicKey", json_pack("{s:s}", "KeyId", id));
	assert_arn(answer, "KeyId", id);
	assert_text(answer, "KeySpec", "ECC_NIST_P384");
	assert_text(answer, "KeyUsage", "SIGN_VERIFY");
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(answer, "SigningAlgorithms"), 0)),
		"ECDSA_SHA_384");
	assert_null(json_object_get(answer, "EncryptionAlgorithms"));
}

static void disabled_keys_do_nothing(void **state)
{
	struct rd_buf blob;
	char id[KMS_KEY_ID_SIZE];
	char want[KMS_MESSAGE_SIZE];
	char arn[KMS_ARN_SIZE];

	(void)state;
	bench_key(&b, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", NULL, id);
	blob = encrypt(id, rd_view("x", 1), NULL);
	bench_ok(&b, "DisableKey", json_pack("{s:s}", "KeyId", id));
	bench_arn(id, arn);
	snprintf(want, sizeof(want), "%s is disabled.", arn);
	bench_fails(&b, "Encrypt", encrypt_in(id, rd_view("x", 1), NULL), KMS_FAULT_DISABLED, want);
	bench_fails(&b, "Decrypt", decrypt_in(rd_buf_view(&blob), NULL), KMS_FAULT_DISABLED, want);
	bench_fails(&b, "GenerateDataKey",
		json_pack("{s:s,s:s}", "KeyId", id, "KeySpec", "AES_256"), KMS_FAULT_DISABLED,
		want);
	rd_buf_finish(&blob);
}

/* Case 126: what is another's looks like what does not exist. */
static void keys_of_other_accounts_may_as_well_not_be(void **state)
{
	struct rd_buf blob = encrypt(symmetric, rd_view("x", 1), NULL);
	char message[KMS_MESSAGE_SIZE];

	(void)state;
	snprintf(b.account, sizeof(b.account), "%s", BENCH_OTHER);
	bench_fails(
		&b, "Decrypt", decrypt_in(rd_buf_view(&blob), NULL), KMS_FAULT_ACCESS_DENIED, NULL);
	snprintf(message, sizeof(message), "%s", b.call.fault.message);
	blob.ptr[20] ^= 1; /* a key id that nobody has */
	bench_fails(&b, "Decrypt", decrypt_in(rd_buf_view(&blob), NULL), KMS_FAULT_ACCESS_DENIED,
		message);
	snprintf(b.account, sizeof(b.account), "%s", BENCH_ACCOUNT);
	rd_buf_finish(&blob);
}

/* The record shows names and contexts, no blob and no text. */
static void facts_hold_no_blobs(void **state)
{
	json_t *in = encrypt_in(symmetric, rd_view("x", 1), json_pack("{s:s}", "app", "test"));

	(void)state;
	bench_ok(&b, "Encrypt", in);
	assert_text(b.call.facts, "keyId", symmetric);
	assert_text(json_object_get(b.call.facts, "encryptionContext"), "app", "test");
	assert_int_equal(json_object_size(b.call.facts), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encrypt_and_decrypt_57),
		cmocka_unit_test(plaintext_is_1_to_4096_bytes_58),
		cmocka_unit_test(ciphertexts_differ_and_fit_59_60),
		cmocka_unit_test(every_flipped_byte_is_refused_61),
		cmocka_unit_test(foreign_ciphertexts_are_refused_62),
		cmocka_unit_test(contexts_bind_63_to_67),
		cmocka_unit_test(contexts_are_bounded),
		cmocka_unit_test(decrypt_with_another_key_68_69),
		cmocka_unit_test(generate_data_key_70_to_72),
		cmocka_unit_test(data_key_sizes_are_exactly_one_71),
		cmocka_unit_test(data_key_without_plaintext_72),
		cmocka_unit_test(generate_random_73),
		cmocka_unit_test(re_encrypt_74_75),
		cmocka_unit_test(data_key_pairs_76),
		cmocka_unit_test(dry_runs_77_78),
		cmocka_unit_test(rsa_encryption_79_to_81),
		cmocka_unit_test(usages_are_kept_apart_82),
		cmocka_unit_test(signatures_83_to_86),
		cmocka_unit_test(ed25519_is_for_messages_87),
		cmocka_unit_test(macs_89_90),
		cmocka_unit_test(agreement_91),
		cmocka_unit_test(public_keys_92),
		cmocka_unit_test(disabled_keys_do_nothing),
		cmocka_unit_test(keys_of_other_accounts_may_as_well_not_be),
		cmocka_unit_test(facts_hold_no_blobs),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
