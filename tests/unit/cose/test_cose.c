/* SPDX-License-Identifier: Apache-2.0 */
/* COSE_Sign1: RFC 9052's own example, round trips on three curves, and every refusal by its code.
 */
#include "data.h"

#include "cose/sign1.h"

/* RFC 9052 appendix C.2.1, and its key "11" as SubjectPublicKeyInfo. */
#define RFC_SIGN1                                                                                  \
	"d28443a10126a10442313154546869732069732074686520636f6e74656e742e5840"                     \
	"8eb33e4ca31d1c465ab05aac34cc6b23d58fef5c083106c4d25a91aef0b0117e"                         \
	"2af9a291aa32e14ab834dc56ed2a223444547e01f11d3b0916e5a4c345cacb36"
#define RFC_SPKI                                                                                   \
	"3059301306072a8648ce3d020106082a8648ce3d03010703420004"                                   \
	"bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff"                         \
	"20138bf82dc1b6d562be0fa54ab7804a3a64b6d72ccfed6b6fb6ed28bbfc117e"

static struct rd_buf from_hex(const char *hex)
{
	struct rd_buf b = rd_buf_growable(4096);

	assert_ok(rd_hex_decode(rd_view_str(hex), &b));
	return b;
}

static void verifies_the_example_of_rfc_9052(void **state)
{
	struct rd_buf doc = from_hex(RFC_SIGN1);
	struct rd_buf spki = from_hex(RFC_SPKI);
	struct rd_ec_key *key = NULL;
	struct rd_cose_sign1 s;

	(void)state;
	assert_ok(rd_ec_key_from_spki(rd_buf_view(&spki), &key));
	assert_ok(rd_cose_sign1_decode(rd_buf_view(&doc), &s));
	assert_true(s.tagged);
	assert_int_equal(s.alg, RD_COSE_ES256);
	assert_true(rd_view_equal(s.payload, rd_view_str("This is the content.")));
	assert_ok(rd_cose_sign1_verify(&s, key));
	s.payload.len--;
	assert_status(rd_cose_sign1_verify(&s, key), RD_BAD_SIGNATURE);
	rd_ec_key_free(&key);
	rd_buf_finish(&doc);
	rd_buf_finish(&spki);
}

static void round_trips_on_every_curve(void **state)
{
	static const char *const heads[] = {
		"8443a10126a041", "8444a1013822a041", "8444a1013823a041"};

	(void)state;
	for (int curve = 0; curve < RD_EC_NIST_CURVE_COUNT; curve++) {
		struct rd_ec_key *key = NULL;
		struct rd_buf doc = rd_buf_growable(512);
		struct rd_buf head = from_hex(heads[curve]);
		struct rd_cose_sign1 s;

		assert_ok(rd_ec_key_generate((enum rd_ec_curve)curve, &key));
		assert_ok(rd_cose_sign1_sign(rd_view("x", 1), key, &doc));
		assert_memory_equal(doc.ptr, head.ptr, head.used);
		assert_ok(rd_cose_sign1_decode(rd_buf_view(&doc), &s));
		assert_false(s.tagged);
		assert_int_equal(s.alg, rd_cose_alg_of((enum rd_ec_curve)curve));
		assert_true(rd_view_equal(s.payload, rd_view("x", 1)));
		assert_ok(rd_cose_sign1_verify(&s, key));
		rd_ec_key_free(&key);
		rd_buf_finish(&doc);
		rd_buf_finish(&head);
	}
}

static enum rd_status elsewhere(void *ctx, struct rd_view digest, uint8_t *ret_rs)
{
	assert_int_equal(digest.len, RD_SHA384_SIZE);
	return rd_ec_sign_digest(ctx, digest, ret_rs);
}

static enum rd_status refuse(void *ctx, struct rd_view digest, uint8_t *ret_rs)
{
	(void)ctx;
	(void)digest;
	(void)ret_rs;
	return RD_DENIED;
}

static void signs_with_a_key_elsewhere(void **state)
{
	struct rd_buf doc = rd_buf_growable(512);
	struct rd_ec_key *key = NULL;
	struct rd_cose_sign1 s;

	(void)state;
	assert_ok(rd_ec_key_generate(RD_P384, &key));
	assert_ok(rd_cose_sign1_sign_with(rd_view_str("pay"), RD_P384, elsewhere, key, &doc));
	assert_ok(rd_cose_sign1_decode(rd_buf_view(&doc), &s));
	assert_ok(rd_cose_sign1_verify(&s, key));
	doc.used = 0;
	assert_status(
		rd_cose_sign1_sign_with(rd_view_str("pay"), RD_P384, refuse, key, &doc), RD_DENIED);
	assert_int_equal(doc.used, 0);
	rd_ec_key_free(&key);
	rd_buf_finish(&doc);
}

static void a_key_on_another_curve_is_the_wrong_one(void **state)
{
	struct rd_buf doc = rd_buf_growable(512);
	struct rd_ec_key *p384 = NULL;
	struct rd_ec_key *p256 = NULL;
	struct rd_cose_sign1 s;

	(void)state;
	assert_ok(rd_ec_key_generate(RD_P384, &p384));
	assert_ok(rd_ec_key_generate(RD_P256, &p256));
	assert_ok(rd_cose_sign1_sign(rd_view("x", 1), p384, &doc));
	assert_ok(rd_cose_sign1_decode(rd_buf_view(&doc), &s));
	assert_status(rd_cose_sign1_verify(&s, p256), RD_WRONG_KEY);
	s.signature.len--;
	assert_status(rd_cose_sign1_verify(&s, p384), RD_BAD_SIGNATURE);
	rd_ec_key_free(&p384);
	rd_ec_key_free(&p256);
	rd_buf_finish(&doc);
}

/* Shapes only: the signature of each is one byte, which decoding does not judge. */
static void refuses_each_wrong_shape_by_its_code(void **state)
{
	static const struct {
		const char *hex;
		enum rd_status want;
	} cases[] = {
		{"8444a1013822a041784100", RD_OK},
		{"d28444a1013822a041784100", RD_OK},
		{"8444a1013822a1044131417841ff", RD_OK},
		{"8444a1013822bf0401ff41784100", RD_OK},
		{"", RD_TRUNCATED},
		{"84", RD_TRUNCATED},
		{"8444a1013822a0417841", RD_TRUNCATED},
		{"8444a1013822a04178410000", RD_TRAILING},
		{"d18444a1013822a041784100", RD_BAD_TYPE},
		{"d2d28444a1013822a041784100", RD_BAD_TYPE},
		{"8344a1013822a04178", RD_BAD_TYPE},
		{"8544a1013822a04178410000", RD_BAD_TYPE},
		{"9f44a1013822a041784100ff", RD_NONCANONICAL},
		{"a0", RD_BAD_TYPE},
		/* protected: empty both ways, no map, other or more headers, long forms */
		{"8440a041784100", RD_MISSING},
		{"8441a0a041784100", RD_MISSING},
		{"8440a101382241784100", RD_MISSING},
		{"844180a041784100", RD_FORBIDDEN},
		{"8443a10200a041784100", RD_UNKNOWN_CRITICAL},
		{"8443a10300a041784100", RD_FORBIDDEN},
		{"8443a10138a041784100", RD_FORBIDDEN},
		{"8445a161613822a041784100", RD_FORBIDDEN},
		{"8447a2013822044131a041784100", RD_FORBIDDEN},
		{"8447a2013822028104a041784100", RD_UNKNOWN_CRITICAL},
		{"8447a2013822013822a041784100", RD_FORBIDDEN},
		{"8445a101382200a041784100", RD_FORBIDDEN},
		{"8445bf013822ffa041784100", RD_FORBIDDEN},
		{"8445a118013822a041784100", RD_FORBIDDEN},
		/* algorithms: EdDSA, a text, PS384, the positive number */
		{"8443a10127a041784100", RD_BAD_ALG},
		{"8448a101654553333834a041784100", RD_BAD_ALG},
		{"8444a1013825a041784100", RD_BAD_ALG},
		{"8444a1011822a041784100", RD_BAD_ALG},
		/* protected as a map, not as bytes; payload detached, text; signature null */
		{"84a1013822a041784100", RD_BAD_TYPE},
		{"8444a10138228041784100", RD_BAD_TYPE},
		{"8444a1013822a0f64100", RD_UNSUPPORTED},
		{"8444a1013822a061784100", RD_BAD_TYPE},
		{"8444a1013822a04178f6", RD_BAD_TYPE},
		{"845f44a1013822ffa041784100", RD_NONCANONICAL},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		struct rd_buf b = from_hex(cases[i].hex);
		struct rd_cose_sign1 s;
		enum rd_status st = rd_cose_sign1_decode(rd_buf_view(&b), &s);

		if (st != cases[i].want) {
			fail_msg("%s: got %s, want %s", cases[i].hex, rd_status_name(st),
				rd_status_name(cases[i].want));
		}
		rd_buf_finish(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verifies_the_example_of_rfc_9052),
		cmocka_unit_test(round_trips_on_every_curve),
		cmocka_unit_test(signs_with_a_key_elsewhere),
		cmocka_unit_test(a_key_on_another_curve_is_the_wrong_one),
		cmocka_unit_test(refuses_each_wrong_shape_by_its_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
