/* SPDX-License-Identifier: Apache-2.0 */
/* RSA keys, OAEP and signatures; what other programs made of them is in tests/integration. */
#include "data.h"

#include "crypto/keywrap.h"
#include "crypto/random.h"
#include "crypto/rsa.h"

#define HEAP (1024 * 1024)

static struct rd_rsa_key *key_from(const char *file)
{
	struct rd_buf der = test_data(file);
	struct rd_rsa_key *key = NULL;

	assert_ok(rd_rsa_key_from_pkcs8(rd_buf_view(&der), &key));
	rd_buf_finish(&der);
	return key;
}

static void generates_the_three_sizes(void **state)
{
	static const unsigned sizes[] = {2048, 3072, 4096};
	RD_CLEANUP(rd_secret_finish) struct rd_secret der = {0};
	struct rd_rsa_key *key = NULL;

	(void)state;
	assert_ok(rd_secret_init(&der, RD_RSA_PKCS8_SIZE_MAX));
	for (size_t i = 0; i < RD_ARRAY_LEN(sizes); i++) {
		struct rd_rsa_key *again = NULL;

		assert_ok(rd_rsa_key_generate(sizes[i], &key));
		assert_int_equal(rd_rsa_key_bits(key), sizes[i]);
		assert_int_equal(rd_rsa_key_size(key), sizes[i] / 8);
		assert_true(rd_rsa_key_has_private(key));
		assert_ok(rd_rsa_key_to_pkcs8(key, &der));
		assert_ok(rd_rsa_key_from_pkcs8(rd_secret_view(&der), &again));
		rd_rsa_key_free(&again);
		assert_null(again);
		assert_ok(rd_rsa_key_from_own_pkcs8(rd_secret_view(&der), &again));
		rd_rsa_key_free(&again);
		rd_rsa_key_free(&key);
	}
	assert_status(rd_rsa_key_generate(1024, &key), RD_USAGE);
	assert_status(rd_rsa_key_generate(2049, &key), RD_USAGE);
	assert_status(rd_rsa_key_generate(8192, &key), RD_USAGE);
	assert_null(key);
}

static void refuses_private_keys_that_are_not_offered(void **state)
{
	static const struct {
		const char *file;
		enum rd_status want;
	} cases[] = {
		{"crypto/rsa1024.p8.der", RD_WRONG_KEY},
		{"crypto/rsa2560.p8.der", RD_WRONG_KEY},
		{"crypto/rsa2048-e3.p8.der", RD_WRONG_KEY},
		{"crypto/rsa2048-pss.p8.der", RD_WRONG_KEY},
		{"crypto/p256.p8.der", RD_WRONG_KEY},
		{"crypto/ed25519.p8.der", RD_WRONG_KEY},
		{"crypto/rsa2048.pkcs1.der", RD_MALFORMED},
		{"crypto/rsa2048.spki.der", RD_MALFORMED},
		{"crypto/rsa2048.pem", RD_MALFORMED},
	};
	struct rd_rsa_key *key = NULL;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		struct rd_buf der = test_data(cases[i].file);

		assert_status(rd_rsa_key_from_pkcs8(rd_buf_view(&der), &key), cases[i].want);
		assert_status(rd_rsa_key_from_own_pkcs8(rd_buf_view(&der), &key), cases[i].want);
		assert_null(key);
		rd_buf_finish(&der);
	}
}

static void a_private_key_is_whole_and_consistent(void **state)
{
	struct rd_buf der = test_data("crypto/rsa2048.p8.der");
	size_t len = der.used;
	struct rd_rsa_key *key = NULL;
	uint8_t big[RD_RSA_PKCS8_SIZE_MAX + 1] = {0};

	(void)state;
	assert_status(rd_rsa_key_from_pkcs8(rd_view(der.ptr, 0), &key), RD_MALFORMED);
	assert_status(rd_rsa_key_from_pkcs8(rd_view(der.ptr, len - 1), &key), RD_MALFORMED);
	assert_status(rd_rsa_key_from_pkcs8(rd_view(big, sizeof(big)), &key), RD_LIMIT);
	assert_ok(rd_buf_u8(&der, 0));
	assert_status(rd_rsa_key_from_pkcs8(rd_buf_view(&der), &key), RD_TRAILING);
	/* Modulus, private exponent, primes, CRT values: a bit of each, far from their heads. */
	for (size_t at = 100; at < len; at += 125) {
		der.ptr[at] ^= 2;
		assert_status(rd_rsa_key_from_pkcs8(rd_view(der.ptr, len), &key), RD_WRONG_KEY);
		der.ptr[at] ^= 2;
	}
	assert_ok(rd_rsa_key_from_pkcs8(rd_view(der.ptr, len), &key));
	rd_rsa_key_free(&key);
	rd_buf_finish(&der);
}

static void reads_public_keys_of_documents(void **state)
{
	static const struct {
		const char *file;
		enum rd_status want;
	} cases[] = {
		{"crypto/rsa1024.spki.der", RD_WRONG_KEY},
		{"crypto/rsa2048-e3.spki.der", RD_WRONG_KEY},
		{"crypto/p384.spki.der", RD_WRONG_KEY},
		{"crypto/rsa2048.pkcs1.der", RD_MALFORMED},
		{"crypto/rsa2048.p8.der", RD_LIMIT},
	};
	struct rd_buf der = test_data("crypto/rsa2048.spki.der");
	struct rd_buf out = rd_buf_growable(RD_RSA_SPKI_SIZE_MAX);
	struct rd_secret none = {0};
	struct rd_rsa_key *key = NULL;

	(void)state;
	assert_ok(rd_rsa_key_from_spki(rd_buf_view(&der), &key));
	assert_ok(rd_rsa_key_to_spki(key, &out));
	assert_true(rd_view_equal(rd_buf_view(&out), rd_buf_view(&der)));
	assert_false(rd_rsa_key_has_private(key));
	assert_status(rd_rsa_key_to_pkcs8(key, &none), RD_USAGE);
	rd_rsa_key_free(&key);
	assert_ok(rd_buf_u8(&out, 0));
	assert_status(rd_rsa_key_from_spki(rd_buf_view(&out), &key), RD_TRAILING);
	out.ptr[out.used - 7] ^= 1; /* the modulus becomes even */
	assert_status(rd_rsa_key_from_spki(rd_view(out.ptr, out.used - 1), &key), RD_WRONG_KEY);
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		struct rd_buf other = test_data(cases[i].file);

		assert_status(rd_rsa_key_from_spki(rd_buf_view(&other), &key), cases[i].want);
		rd_buf_finish(&other);
	}
	assert_null(key);
	rd_buf_finish(&out);
	rd_buf_finish(&der);
}

/* One encoding only. The vector: 30 82 01 22, 30 0d 06 09 … 05 00, 03 82 01 0f 00, 30 82 01 0a,
 * 02 82 01 01 00 n, 02 03 01 00 01. */
static void a_public_key_has_one_encoding(void **state)
{
	static const struct {
		const char *what;
		size_t at;
		size_t n;
		const char *hex;
		enum rd_status want;
	} cases[] = {
		{"outer length not minimal", 0, 4, "3083000122", RD_MALFORMED},
		{"outer length indefinite", 0, 4, "3080", RD_MALFORMED},
		{"algorithm length not minimal", 0, 6, "3082012330810d", RD_MALFORMED},
		{"no parameters", 0, 19, "30820120300b06092a864886f70d010101", RD_MALFORMED},
		{"parameters not NULL", 17, 1, "04", RD_MALFORMED},
		{"NULL with content", 0, 19, "30820123300e06092a864886f70d010101050100",
			RD_MALFORMED},
		{"RSASSA-PSS", 16, 1, "0a", RD_WRONG_KEY},
		{"unused bits", 23, 1, "01", RD_MALFORMED},
		{"octet string", 19, 1, "04", RD_MALFORMED},
		{"negative modulus", 32, 1, "80", RD_MALFORMED},
		{"exponent 65536", 293, 1, "00", RD_WRONG_KEY},
		{"exponent negative", 291, 1, "81", RD_MALFORMED},
		{"exponent with leading zeros", 291, 1, "00", RD_MALFORMED},
		{"outer length too short", 3, 1, "21", RD_TRAILING},
		{"outer length too long", 3, 1, "23", RD_MALFORMED},
		{"bit string too short", 22, 1, "0e", RD_MALFORMED},
		{"numbers too short", 27, 1, "09", RD_MALFORMED},
		{"unaltered", 0, 1, "30", RD_OK},
	};
	struct rd_buf der = test_data("crypto/rsa2048.spki.der");

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		struct rd_buf b = rd_buf_growable(RD_RSA_SPKI_SIZE_MAX);
		struct rd_rsa_key *key = NULL;
		enum rd_status st;

		assert_ok(rd_buf_put(&b, der.ptr, cases[i].at));
		assert_ok(rd_hex_decode(rd_view_str(cases[i].hex), &b));
		assert_ok(rd_buf_put(&b, der.ptr + cases[i].at + cases[i].n,
			der.used - cases[i].at - cases[i].n));
		st = rd_rsa_key_from_spki(rd_buf_view(&b), &key);
		if (st != cases[i].want) {
			fail_msg("%s: got %s, want %s", cases[i].what, rd_status_name(st),
				rd_status_name(cases[i].want));
		}
		rd_rsa_key_free(&key);
		rd_buf_finish(&b);
	}
	for (size_t len = 0; len < der.used; len++) {
		struct rd_rsa_key *key = NULL;

		assert_status(rd_rsa_key_from_spki(rd_view(der.ptr, len), &key), RD_MALFORMED);
	}
	rd_buf_finish(&der);
}

static void oaep_takes_up_to_its_limit(void **state)
{
	static const size_t limits[RD_OAEP_COUNT] = {[RD_OAEP_SHA1] = 214, [RD_OAEP_SHA256] = 190};
	struct rd_rsa_key *key = key_from("crypto/rsa2048.p8.der");
	RD_CLEANUP(rd_secret_finish) struct rd_secret out = {0};
	uint8_t text[256] = "plaintext";

	(void)state;
	assert_ok(rd_secret_init(&out, RD_RSA_SIZE_MAX));
	for (int oaep = 0; oaep < RD_OAEP_COUNT; oaep++) {
		struct rd_buf c = rd_buf_growable(3 * 256);

		assert_int_equal(rd_rsa_oaep_max(key, (enum rd_rsa_oaep)oaep), limits[oaep]);
		assert_status(rd_rsa_oaep_encrypt(key, (enum rd_rsa_oaep)oaep,
				      rd_view(text, limits[oaep] + 1), &c),
			RD_LIMIT);
		assert_ok(rd_rsa_oaep_encrypt(
			key, (enum rd_rsa_oaep)oaep, rd_view(text, limits[oaep]), &c));
		assert_int_equal(c.used, 256);
		assert_ok(rd_rsa_oaep_decrypt(key, (enum rd_rsa_oaep)oaep, rd_buf_view(&c), &out));
		assert_true(rd_view_equal(rd_secret_view(&out), rd_view(text, limits[oaep])));
		/* The other hash, and the empty text. */
		assert_status(rd_rsa_oaep_decrypt(
				      key, (enum rd_rsa_oaep)(1 - oaep), rd_buf_view(&c), &out),
			RD_UNTRUSTED);
		assert_ok(rd_rsa_oaep_encrypt(key, (enum rd_rsa_oaep)oaep, rd_view(text, 0), &c));
		assert_ok(rd_rsa_oaep_decrypt(
			key, (enum rd_rsa_oaep)oaep, rd_view(c.ptr + 256, 256), &out));
		assert_int_equal(out.len, 0);
		rd_buf_finish(&c);
	}
	rd_rsa_key_free(&key);
}

static void every_bad_oaep_ciphertext_fails_alike(void **state)
{
	struct rd_rsa_key *key = key_from("crypto/rsa2048.p8.der");
	struct rd_buf c = rd_buf_growable(257);
	RD_CLEANUP(rd_secret_finish) struct rd_secret out = {0};
	uint8_t extreme[256];

	(void)state;
	assert_ok(rd_secret_init(&out, RD_RSA_SIZE_MAX));
	assert_ok(rd_rsa_oaep_encrypt(key, RD_OAEP_SHA256, rd_view_str("text"), &c));
	for (size_t at = 0; at < 256; at += 5) {
		c.ptr[at] ^= 0x40;
		assert_status(rd_rsa_oaep_decrypt(key, RD_OAEP_SHA256, rd_view(c.ptr, 256), &out),
			RD_UNTRUSTED);
		assert_int_equal(out.len, 0);
		c.ptr[at] ^= 0x40;
	}
	assert_status(
		rd_rsa_oaep_decrypt(key, RD_OAEP_SHA256, rd_view(c.ptr, 255), &out), RD_UNTRUSTED);
	assert_ok(rd_buf_u8(&c, 0));
	assert_status(
		rd_rsa_oaep_decrypt(key, RD_OAEP_SHA256, rd_view(c.ptr, 257), &out), RD_UNTRUSTED);
	assert_status(
		rd_rsa_oaep_decrypt(key, RD_OAEP_SHA256, rd_view(c.ptr, 0), &out), RD_UNTRUSTED);
	/* 0, and more than the modulus. */
	memset(extreme, 0, sizeof(extreme));
	assert_status(rd_rsa_oaep_decrypt(key, RD_OAEP_SHA256, rd_view(extreme, 256), &out),
		RD_UNTRUSTED);
	memset(extreme, 0xff, sizeof(extreme));
	assert_status(rd_rsa_oaep_decrypt(key, RD_OAEP_SHA256, rd_view(extreme, 256), &out),
		RD_UNTRUSTED);
	rd_secret_finish(&out);
	assert_ok(rd_secret_init(&out, 189));
	assert_status(
		rd_rsa_oaep_decrypt(key, RD_OAEP_SHA256, rd_view(c.ptr, 256), &out), RD_USAGE);
	rd_rsa_key_free(&key);
	rd_buf_finish(&c);
}

static void signatures_verify_only_as_what_they_are(void **state)
{
	struct rd_rsa_key *key = key_from("crypto/rsa2048.p8.der");

	(void)state;
	for (unsigned made = 0; made < RD_RSA_SCHEME_COUNT * RD_DIGEST_ALG_COUNT; made++) {
		struct rd_buf sig = rd_buf_growable(256);

		assert_ok(rd_rsa_sign(key, (enum rd_rsa_scheme)(made / RD_DIGEST_ALG_COUNT),
			(enum rd_digest_alg)(made % RD_DIGEST_ALG_COUNT), rd_view_str("abc"),
			&sig));
		for (unsigned as = 0; as < RD_RSA_SCHEME_COUNT * RD_DIGEST_ALG_COUNT; as++) {
			enum rd_status want = as == made ? RD_OK : RD_BAD_SIGNATURE;
			enum rd_rsa_scheme scheme = (enum rd_rsa_scheme)(as / RD_DIGEST_ALG_COUNT);
			enum rd_digest_alg alg = (enum rd_digest_alg)(as % RD_DIGEST_ALG_COUNT);

			assert_status(rd_rsa_verify(key, scheme, alg, rd_view_str("abc"),
					      rd_buf_view(&sig)),
				want);
			assert_status(rd_rsa_verify(key, scheme, alg, rd_view_str("abd"),
					      rd_buf_view(&sig)),
				RD_BAD_SIGNATURE);
		}
		rd_buf_finish(&sig);
	}
	rd_rsa_key_free(&key);
}

static void digest_and_message_forms_agree(void **state)
{
	struct rd_rsa_key *key = key_from("crypto/rsa2048.p8.der");
	struct rd_buf sig = rd_buf_growable(256);
	uint8_t digest[RD_SHA384_SIZE];
	struct rd_view hashed = rd_view(digest, sizeof(digest));

	(void)state;
	assert_ok(rd_sha384(rd_view_str("abc"), digest));
	assert_ok(rd_rsa_sign_digest(key, RD_RSA_PSS, RD_SHA384, hashed, &sig));
	assert_ok(rd_rsa_verify(key, RD_RSA_PSS, RD_SHA384, rd_view_str("abc"), rd_buf_view(&sig)));
	assert_ok(rd_rsa_verify_digest(key, RD_RSA_PSS, RD_SHA384, hashed, rd_buf_view(&sig)));
	assert_status(
		rd_rsa_verify_digest(key, RD_RSA_PSS, RD_SHA384, hashed, rd_view(sig.ptr, 255)),
		RD_BAD_SIGNATURE);
	assert_status(rd_rsa_verify_digest(key, RD_RSA_PSS, RD_SHA256, hashed, rd_buf_view(&sig)),
		RD_USAGE);
	assert_status(rd_rsa_sign_digest(key, RD_RSA_PSS, RD_SHA512, hashed, &sig), RD_USAGE);
	rd_buf_finish(&sig);
	rd_rsa_key_free(&key);
}

static void pss_salt_has_the_hashs_length(void **state)
{
	struct rd_rsa_key *key = key_from("crypto/rsa2048.p8.der");
	struct rd_buf sig = test_data("crypto/rsa2048.abc.pss20");

	(void)state;
	assert_status(
		rd_rsa_verify(key, RD_RSA_PSS, RD_SHA256, rd_view_str("abc"), rd_buf_view(&sig)),
		RD_BAD_SIGNATURE);
	rd_buf_finish(&sig);
	rd_rsa_key_free(&key);
}

static void a_public_key_neither_signs_nor_decrypts(void **state)
{
	struct rd_buf der = test_data("crypto/rsa2048.spki.der");
	RD_CLEANUP(rd_secret_finish) struct rd_secret out = {0};
	struct rd_rsa_key *key = NULL;
	struct rd_buf sig = rd_buf_growable(256);
	uint8_t c[256] = {0};

	(void)state;
	assert_ok(rd_secret_init(&out, RD_RSA_SIZE_MAX));
	assert_ok(rd_rsa_key_from_spki(rd_buf_view(&der), &key));
	assert_status(rd_rsa_sign(key, RD_RSA_PSS, RD_SHA256, rd_view_str("abc"), &sig), RD_USAGE);
	assert_status(
		rd_rsa_oaep_decrypt(key, RD_OAEP_SHA256, rd_view(c, sizeof(c)), &out), RD_USAGE);
	rd_rsa_key_free(&key);
	rd_buf_finish(&sig);
	rd_buf_finish(&der);
}

static void unwraps_imported_material(void **state)
{
	struct rd_rsa_key *key = key_from("crypto/rsa2048.p8.der");
	struct rd_buf material = test_data("crypto/rsa2048-e3.p8.der");
	struct rd_buf wrapped = rd_buf_growable(8192);
	RD_CLEANUP(rd_secret_finish) struct rd_secret out = {0};
	uint8_t kek[RD_KWP_KEK_SIZE];

	(void)state;
	assert_ok(rd_secret_init(&out, RD_KWP_WRAPPED_MAX));
	assert_ok(rd_random_bytes(kek, sizeof(kek)));
	assert_ok(rd_rsa_oaep_encrypt(key, RD_OAEP_SHA1, rd_view(kek, sizeof(kek)), &wrapped));
	assert_ok(rd_kwp_wrap(kek, rd_buf_view(&material), &wrapped));
	assert_ok(rd_rsa_aes_unwrap(key, RD_OAEP_SHA1, rd_buf_view(&wrapped), &out));
	assert_true(rd_view_equal(rd_secret_view(&out), rd_buf_view(&material)));
	assert_status(
		rd_rsa_aes_unwrap(key, RD_OAEP_SHA256, rd_buf_view(&wrapped), &out), RD_UNTRUSTED);
	for (size_t at = 3; at < wrapped.used; at += 200) {
		wrapped.ptr[at] ^= 1;
		assert_status(rd_rsa_aes_unwrap(key, RD_OAEP_SHA1, rd_buf_view(&wrapped), &out),
			RD_UNTRUSTED);
		wrapped.ptr[at] ^= 1;
	}
	for (size_t len = 0; len < wrapped.used; len += 128) {
		assert_status(rd_rsa_aes_unwrap(key, RD_OAEP_SHA1, rd_view(wrapped.ptr, len), &out),
			RD_UNTRUSTED);
	}
	/* An AES-128 key in front. */
	wrapped.used = 0;
	assert_ok(rd_rsa_oaep_encrypt(key, RD_OAEP_SHA1, rd_view(kek, 16), &wrapped));
	assert_ok(rd_kwp_wrap(kek, rd_buf_view(&material), &wrapped));
	assert_status(
		rd_rsa_aes_unwrap(key, RD_OAEP_SHA1, rd_buf_view(&wrapped), &out), RD_UNTRUSTED);
	rd_buf_finish(&wrapped);
	rd_buf_finish(&material);
	rd_rsa_key_free(&key);
}

static int open_heap(void **state)
{
	(void)state;
	return rd_secret_heap_open(HEAP, NULL) == RD_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(generates_the_three_sizes),
		cmocka_unit_test(refuses_private_keys_that_are_not_offered),
		cmocka_unit_test(a_private_key_is_whole_and_consistent),
		cmocka_unit_test(reads_public_keys_of_documents),
		cmocka_unit_test(a_public_key_has_one_encoding),
		cmocka_unit_test(oaep_takes_up_to_its_limit),
		cmocka_unit_test(every_bad_oaep_ciphertext_fails_alike),
		cmocka_unit_test(signatures_verify_only_as_what_they_are),
		cmocka_unit_test(digest_and_message_forms_agree),
		cmocka_unit_test(pss_salt_has_the_hashs_length),
		cmocka_unit_test(a_public_key_neither_signs_nor_decrypts),
		cmocka_unit_test(unwraps_imported_material),
	};

	return cmocka_run_group_tests(tests, open_heap, NULL);
}
