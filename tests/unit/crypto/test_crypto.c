/* SPDX-License-Identifier: Apache-2.0 */
/* Digests, randomness, keys and ECDSA, against values that the openssl command line made. */
#include "data.h"

#include "base/secret.h"
#include "crypto/ec.h"
#include "crypto/random.h"

static struct rd_ec_key *key_from(const char *file)
{
	struct rd_buf pem = test_data(file);
	struct rd_ec_key *key = NULL;

	assert_ok(rd_ec_key_from_pem(rd_buf_view(&pem), &key));
	rd_buf_finish(&pem);
	return key;
}

static void digests_match_fips_180(void **state)
{
	uint8_t out[RD_DIGEST_SIZE_MAX];

	(void)state;
	assert_ok(rd_digest_once(RD_SHA256, rd_view_str("abc"), out));
	assert_view_hex(rd_view(out, RD_SHA256_SIZE),
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_ok(rd_sha384(rd_view_str("abc"), out));
	assert_view_hex(rd_view(out, RD_SHA384_SIZE),
		"cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc23"
		"58baeca134c825a7");
	assert_ok(rd_digest_once(RD_SHA512, rd_view_str("abc"), out));
	assert_view_hex(rd_view(out, RD_SHA512_SIZE),
		"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a8"
		"36ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
	assert_ok(rd_sha384(rd_view(NULL, 0), out));
	assert_view_hex(rd_view(out, RD_SHA384_SIZE),
		"38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fb"
		"d51ad2f14898b95b");
}

static void parallel_streams_do_not_mix(void **state)
{
	RD_CLEANUP(rd_digest_free) struct rd_digest *a = NULL;
	RD_CLEANUP(rd_digest_free) struct rd_digest *b = NULL;
	uint8_t want[RD_SHA384_SIZE];
	uint8_t got[RD_SHA384_SIZE];

	(void)state;
	assert_ok(rd_digest_new(RD_SHA384, &a));
	assert_ok(rd_digest_new(RD_SHA384, &b));
	assert_ok(rd_digest_update(a, rd_view_str("a")));
	assert_ok(rd_digest_update(b, rd_view_str("x")));
	assert_ok(rd_digest_update(a, rd_view(NULL, 0)));
	assert_ok(rd_digest_update(a, rd_view_str("bc")));
	assert_ok(rd_digest_finish(a, got));
	assert_ok(rd_sha384(rd_view_str("abc"), want));
	assert_memory_equal(got, want, sizeof(want));
	assert_ok(rd_digest_finish(b, got));
	assert_ok(rd_sha384(rd_view_str("x"), want));
	assert_memory_equal(got, want, sizeof(want));
}

static void a_finished_stream_starts_empty(void **state)
{
	RD_CLEANUP(rd_digest_free) struct rd_digest *d = NULL;
	uint8_t want[RD_SHA256_SIZE];
	uint8_t got[RD_SHA256_SIZE];

	(void)state;
	assert_ok(rd_digest_new(RD_SHA256, &d));
	assert_ok(rd_digest_update(d, rd_view_str("first")));
	assert_ok(rd_digest_finish(d, got));
	assert_ok(rd_digest_update(d, rd_view_str("second")));
	assert_ok(rd_digest_finish(d, got));
	assert_ok(rd_digest_once(RD_SHA256, rd_view_str("second"), want));
	assert_memory_equal(got, want, sizeof(want));
}

static void random_bytes_differ_each_time(void **state)
{
	uint8_t a[32] = {0};
	uint8_t b[32] = {0};

	(void)state;
	assert_ok(rd_random_bytes(a, sizeof(a)));
	assert_ok(rd_random_bytes(b, sizeof(b)));
	assert_memory_not_equal(a, b, sizeof(a));
	assert_ok(rd_random_bytes(a, 0));
}

static void reads_both_forms_of_private_pem(void **state)
{
	struct rd_ec_key *sec1 = key_from("crypto/p384-sec1.pem");
	struct rd_ec_key *pkcs8 = key_from("crypto/p384-pkcs8.pem");
	struct rd_ec_key *other = key_from("crypto/p521-sec1.pem");

	(void)state;
	assert_int_equal(rd_ec_key_curve(sec1), RD_P384);
	assert_int_equal(rd_ec_key_curve(other), RD_P521);
	assert_true(rd_ec_key_has_private(sec1));
	assert_true(rd_ec_key_same(sec1, pkcs8));
	assert_false(rd_ec_key_same(sec1, other));
	rd_ec_key_free(&sec1);
	rd_ec_key_free(&pkcs8);
	rd_ec_key_free(&other);
	assert_null(other);
}

static void refuses_keys_that_are_not_ours(void **state)
{
	static const struct {
		const char *file;
		enum rd_status want;
	} cases[] = {
		{"crypto/p384-explicit.pem", RD_WRONG_KEY},
		{"crypto/secp256k1.pem", RD_WRONG_KEY},
		{"crypto/rsa2048.pem", RD_WRONG_KEY},
		{"crypto/p384-encrypted.pem", RD_MALFORMED},
		{"crypto/signer-p384.pem", RD_MALFORMED},
	};
	struct rd_ec_key *key = NULL;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		struct rd_buf pem = test_data(cases[i].file);

		assert_status(rd_ec_key_from_pem(rd_buf_view(&pem), &key), cases[i].want);
		assert_null(key);
		rd_buf_finish(&pem);
	}
	assert_status(rd_ec_key_from_pem(rd_view_str(""), &key), RD_MALFORMED);
}

static void written_pem_reads_back(void **state)
{
	struct rd_buf pem = rd_buf_growable(RD_EC_PEM_SIZE_MAX);
	struct rd_ec_key *made = NULL;
	struct rd_ec_key *read = NULL;

	(void)state;
	assert_ok(rd_ec_key_generate(RD_P384, &made));
	assert_ok(rd_ec_key_to_pem(made, &pem));
	assert_ok(rd_ec_key_from_pem(rd_buf_view(&pem), &read));
	assert_true(rd_ec_key_same(made, read));
	assert_true(rd_ec_key_has_private(read));
	rd_wipe(pem.ptr, pem.used);
	rd_buf_finish(&pem);
	rd_ec_key_free(&made);
	rd_ec_key_free(&read);
}

static void spki_round_trips_without_the_private_half(void **state)
{
	static const char *const names[] = {"p256", "p384", "p521"};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(names); i++) {
		char file[64];
		struct rd_buf want;
		struct rd_buf got = rd_buf_growable(RD_EC_SPKI_SIZE_MAX);
		struct rd_ec_key *whole;
		struct rd_ec_key *public_half = NULL;
		uint8_t rs[RD_EC_SIGNATURE_SIZE_MAX];

		snprintf(file, sizeof(file), "crypto/%s-sec1.pem", names[i]);
		whole = key_from(file);
		snprintf(file, sizeof(file), "crypto/%s.spki.der", names[i]);
		want = test_data(file);
		assert_ok(rd_ec_key_to_spki(whole, &got));
		assert_true(rd_view_equal(rd_buf_view(&want), rd_buf_view(&got)));
		assert_ok(rd_ec_key_from_spki(rd_buf_view(&want), &public_half));
		assert_true(rd_ec_key_same(whole, public_half));
		assert_false(rd_ec_key_has_private(public_half));
		assert_status(rd_ec_sign(public_half, rd_view_str("abc"), rs), RD_USAGE);
		assert_status(rd_ec_key_to_pem(public_half, &got), RD_USAGE);
		rd_ec_key_free(&whole);
		rd_ec_key_free(&public_half);
		rd_buf_finish(&want);
		rd_buf_finish(&got);
	}
}

static void spki_is_whole_and_on_the_curve(void **state)
{
	struct rd_buf der = test_data("crypto/p384.spki.der");
	struct rd_buf rsa = test_data("crypto/rsa2048.spki.der");
	struct rd_buf compressed = test_data("crypto/p384-compressed.spki.der");
	struct rd_ec_key *key = NULL;

	(void)state;
	assert_status(rd_ec_key_from_spki(rd_buf_view(&rsa), &key), RD_LIMIT);
	assert_status(rd_ec_key_from_spki(rd_buf_view(&compressed), &key), RD_UNSUPPORTED);
	assert_status(rd_ec_key_from_spki(rd_view(der.ptr, der.used - 1), &key), RD_MALFORMED);
	assert_ok(rd_buf_u8(&der, 0));
	assert_status(rd_ec_key_from_spki(rd_buf_view(&der), &key), RD_TRAILING);
	der.ptr[der.used - 2] ^= 1;
	assert_status(rd_ec_key_from_spki(rd_view(der.ptr, der.used - 1), &key), RD_MALFORMED);
	assert_null(key);
	rd_buf_finish(&der);
	rd_buf_finish(&rsa);
	rd_buf_finish(&compressed);
}

static void point_is_uncompressed(void **state)
{
	struct rd_buf spki = test_data("crypto/p384.spki.der");
	struct rd_buf point = rd_buf_growable(RD_EC_POINT_SIZE_MAX);
	struct rd_ec_key *key = key_from("crypto/p384-sec1.pem");

	(void)state;
	assert_ok(rd_ec_key_point(key, &point));
	assert_int_equal(point.used, 97);
	assert_memory_equal(point.ptr, spki.ptr + spki.used - 97, 97);
	rd_ec_key_free(&key);
	rd_buf_finish(&spki);
	rd_buf_finish(&point);
}

static void points_are_read_in_one_form_and_on_the_curve(void **state)
{
	static const uint8_t zeros[RD_EC_POINT_SIZE_MAX] = {0x04};
	static const size_t sizes[RD_EC_CURVE_COUNT] = {65, 97, 133, 65};

	(void)state;
	for (unsigned curve = 0; curve < RD_EC_CURVE_COUNT; curve++) {
		RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *key = NULL;
		RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *read = NULL;
		struct rd_ec_key *none = NULL;
		uint8_t storage[RD_EC_POINT_SIZE_MAX + 1] = {0};
		struct rd_buf point = rd_buf_fixed(storage, RD_EC_POINT_SIZE_MAX);
		const enum rd_ec_curve c = (enum rd_ec_curve)curve;

		assert_ok(rd_ec_key_generate(c, &key));
		assert_ok(rd_ec_key_point(key, &point));
		assert_int_equal(point.used, sizes[curve]);
		assert_ok(rd_ec_key_from_point(c, rd_buf_view(&point), &read));
		assert_true(rd_ec_key_same(key, read));
		assert_false(rd_ec_key_has_private(read));
		/* Another length, another form, another point. */
		assert_status(rd_ec_key_from_point(c, rd_view(storage, point.used - 1), &none),
			RD_MALFORMED);
		assert_status(rd_ec_key_from_point(c, rd_view(storage, point.used + 1), &none),
			RD_MALFORMED);
		assert_status(rd_ec_key_from_point(c, rd_view(storage, 0), &none), RD_MALFORMED);
		assert_status(
			rd_ec_key_from_point(c, rd_view(zeros, point.used), &none), RD_WRONG_KEY);
		storage[point.used - 1] ^= 1;
		assert_status(rd_ec_key_from_point(c, rd_buf_view(&point), &none), RD_WRONG_KEY);
		storage[0] = 0x06;
		assert_status(rd_ec_key_from_point(c, rd_buf_view(&point), &none), RD_MALFORMED);
		assert_null(none);
	}
}

static void verifies_what_openssl_signed(void **state)
{
	static const char *const names[] = {"p256", "p384", "p521"};
	static const size_t sizes[] = {64, 96, 132};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(names); i++) {
		char file[64];
		struct rd_buf rs;
		struct rd_ec_key *key;

		snprintf(file, sizeof(file), "crypto/%s-sec1.pem", names[i]);
		key = key_from(file);
		snprintf(file, sizeof(file), "crypto/%s.abc.rs", names[i]);
		rs = test_data(file);
		assert_int_equal(rs.used, sizes[i]);
		assert_int_equal(rd_ec_signature_size(rd_ec_key_curve(key)), sizes[i]);
		assert_ok(rd_ec_verify(key, rd_view_str("abc"), rd_buf_view(&rs)));
		assert_status(
			rd_ec_verify(key, rd_view_str("abd"), rd_buf_view(&rs)), RD_BAD_SIGNATURE);
		rs.ptr[rs.used - 1] ^= 1;
		assert_status(
			rd_ec_verify(key, rd_view_str("abc"), rd_buf_view(&rs)), RD_BAD_SIGNATURE);
		rd_ec_key_free(&key);
		rd_buf_finish(&rs);
	}
}

static void own_signatures_verify_by_message_and_by_digest(void **state)
{
	(void)state;
	for (int curve = 0; curve < RD_EC_CURVE_COUNT; curve++) {
		struct rd_ec_key *key = NULL;
		uint8_t rs[RD_EC_SIGNATURE_SIZE_MAX];
		uint8_t digest[RD_DIGEST_SIZE_MAX];
		enum rd_digest_alg alg = rd_ec_digest((enum rd_ec_curve)curve);
		struct rd_view hashed = rd_view(digest, rd_digest_size(alg));
		size_t size = rd_ec_signature_size((enum rd_ec_curve)curve);

		assert_ok(rd_ec_key_generate((enum rd_ec_curve)curve, &key));
		assert_ok(rd_digest_once(alg, rd_view_str("message"), digest));
		assert_ok(rd_ec_sign(key, rd_view_str("message"), rs));
		assert_ok(rd_ec_verify_digest(key, hashed, rd_view(rs, size)));
		assert_ok(rd_ec_sign_digest(key, hashed, rs));
		assert_ok(rd_ec_verify(key, rd_view_str("message"), rd_view(rs, size)));
		assert_status(rd_ec_sign_digest(key, rd_view(digest, 20), rs), RD_USAGE);
		rd_ec_key_free(&key);
	}
}

static void degenerate_signatures_are_wrong_not_errors(void **state)
{
	struct rd_ec_key *key = key_from("crypto/p384-sec1.pem");
	uint8_t rs[98] = {0};

	(void)state;
	assert_status(rd_ec_verify(key, rd_view_str("abc"), rd_view(rs, 96)), RD_BAD_SIGNATURE);
	memset(rs, 0xff, sizeof(rs));
	assert_status(rd_ec_verify(key, rd_view_str("abc"), rd_view(rs, 96)), RD_BAD_SIGNATURE);
	assert_status(rd_ec_verify(key, rd_view_str("abc"), rd_view(rs, 95)), RD_BAD_SIGNATURE);
	assert_status(rd_ec_verify(key, rd_view_str("abc"), rd_view(rs, 98)), RD_BAD_SIGNATURE);
	assert_status(rd_ec_verify(key, rd_view_str("abc"), rd_view(rs, 0)), RD_BAD_SIGNATURE);
	rd_ec_key_free(&key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_match_fips_180),
		cmocka_unit_test(parallel_streams_do_not_mix),
		cmocka_unit_test(a_finished_stream_starts_empty),
		cmocka_unit_test(random_bytes_differ_each_time),
		cmocka_unit_test(reads_both_forms_of_private_pem),
		cmocka_unit_test(refuses_keys_that_are_not_ours),
		cmocka_unit_test(written_pem_reads_back),
		cmocka_unit_test(spki_round_trips_without_the_private_half),
		cmocka_unit_test(spki_is_whole_and_on_the_curve),
		cmocka_unit_test(point_is_uncompressed),
		cmocka_unit_test(points_are_read_in_one_form_and_on_the_curve),
		cmocka_unit_test(verifies_what_openssl_signed),
		cmocka_unit_test(own_signatures_verify_by_message_and_by_digest),
		cmocka_unit_test(degenerate_signatures_are_wrong_not_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
