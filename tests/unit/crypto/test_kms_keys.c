/* SPDX-License-Identifier: Apache-2.0 */
/* What the key server does with EC and Ed25519 keys: PKCS#8, DER signatures, ECDH, secp256k1. */
#include "data.h"

#include "crypto/ec.h"
#include "crypto/ed25519.h"

#define HEAP (256 * 1024)

static const size_t field_sizes[RD_EC_CURVE_COUNT] = {32, 48, 66, 32};

static struct rd_ec_key *generate(int curve)
{
	struct rd_ec_key *key = NULL;

	assert_ok(rd_ec_key_generate((enum rd_ec_curve)curve, &key));
	return key;
}

static void pkcs8_round_trips_on_every_curve(void **state)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret der = {0};
	RD_CLEANUP(rd_secret_finish) struct rd_secret small = {0};

	(void)state;
	assert_ok(rd_secret_init(&der, 512));
	assert_ok(rd_secret_init(&small, 32));
	for (int curve = 0; curve < RD_EC_CURVE_COUNT; curve++) {
		struct rd_ec_key *key = generate(curve);
		struct rd_ec_key *again = NULL;

		assert_ok(rd_ec_key_to_pkcs8(key, &der));
		assert_status(rd_ec_key_to_pkcs8(key, &small), RD_NOSPACE);
		for (int as = 0; as < RD_EC_CURVE_COUNT; as++) {
			assert_status(rd_ec_key_from_pkcs8(
					      rd_secret_view(&der), (enum rd_ec_curve)as, &again),
				as == curve ? RD_OK : RD_WRONG_KEY);
		}
		assert_true(rd_ec_key_same(key, again) && rd_ec_key_has_private(again));
		assert_status(rd_ec_key_from_pkcs8(rd_view(der.ptr, der.len - 1),
				      (enum rd_ec_curve)curve, &again),
			RD_MALFORMED);
		der.ptr[der.len++] = 0;
		assert_status(
			rd_ec_key_from_pkcs8(rd_secret_view(&der), (enum rd_ec_curve)curve, &again),
			RD_TRAILING);
		rd_ec_key_free(&again);
		rd_ec_key_free(&key);
	}
}

static void imported_halves_belong_together(void **state)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret der = {0};
	RD_CLEANUP(rd_secret_finish) struct rd_secret other = {0};
	struct rd_ec_key *a = generate(RD_P256);
	struct rd_ec_key *b = generate(RD_P256);
	struct rd_ec_key *mixed = NULL;

	(void)state;
	assert_ok(rd_secret_init(&der, 256));
	assert_ok(rd_secret_init(&other, 256));
	assert_ok(rd_ec_key_to_pkcs8(a, &der));
	assert_ok(rd_ec_key_to_pkcs8(b, &other));
	/* The public point is the last 64 bytes. */
	memcpy(der.ptr + der.len - 64, other.ptr + other.len - 64, 64);
	assert_status(rd_ec_key_from_pkcs8(rd_secret_view(&der), RD_P256, &mixed), RD_WRONG_KEY);
	assert_null(mixed);
	rd_ec_key_free(&a);
	rd_ec_key_free(&b);
}

static void imports_refuse_other_kinds(void **state)
{
	static const struct {
		const char *file;
		enum rd_ec_curve curve;
		enum rd_status want;
	} cases[] = {
		{"crypto/p256.p8.der", RD_P256, RD_OK},
		{"crypto/secp256k1.p8.der", RD_SECP256K1, RD_OK},
		{"crypto/secp256k1.p8.der", RD_P256, RD_WRONG_KEY},
		{"crypto/p384-explicit.p8.der", RD_P384, RD_WRONG_KEY},
		{"crypto/rsa2048.p8.der", RD_P256, RD_WRONG_KEY},
		{"crypto/ed25519.p8.der", RD_P256, RD_WRONG_KEY},
		{"crypto/p256.spki.der", RD_P256, RD_MALFORMED},
		{"crypto/p256-sec1.pem", RD_P256, RD_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		struct rd_buf der = test_data(cases[i].file);
		struct rd_ec_key *key = NULL;

		assert_status(rd_ec_key_from_pkcs8(rd_buf_view(&der), cases[i].curve, &key),
			cases[i].want);
		rd_ec_key_free(&key);
		rd_buf_finish(&der);
	}
}

static void only_the_nist_curves_are_read_as_public_keys(void **state)
{
	struct rd_ec_key *key = generate(RD_SECP256K1);
	struct rd_ec_key *again = NULL;
	struct rd_buf spki = rd_buf_growable(RD_EC_SPKI_SIZE_MAX);

	(void)state;
	assert_ok(rd_ec_key_to_spki(key, &spki));
	assert_status(rd_ec_key_from_spki(rd_buf_view(&spki), &again), RD_WRONG_KEY);
	assert_null(again);
	rd_buf_finish(&spki);
	rd_ec_key_free(&key);
}

static void der_signatures_verify_and_break(void **state)
{
	(void)state;
	for (int curve = 0; curve < RD_EC_CURVE_COUNT; curve++) {
		struct rd_ec_key *key = generate(curve);
		uint8_t digest[RD_DIGEST_SIZE_MAX] = "a digest";
		struct rd_view hashed = rd_view(
			digest, rd_digest_size(rd_ec_digest((enum rd_ec_curve)curve)));
		struct rd_buf der = rd_buf_growable(RD_EC_DER_SIGNATURE_MAX + 1);

		assert_ok(rd_ec_sign_digest_der(key, hashed, &der));
		assert_ok(rd_ec_verify_digest_der(key, hashed, rd_buf_view(&der)));
		assert_status(rd_ec_sign_digest_der(key, rd_view(digest, 31), &der), RD_USAGE);
		for (size_t at = 0; at < der.used; at++) {
			der.ptr[at] ^= 1;
			assert_status(rd_ec_verify_digest_der(key, hashed, rd_buf_view(&der)),
				RD_BAD_SIGNATURE);
			der.ptr[at] ^= 1;
			assert_status(rd_ec_verify_digest_der(key, hashed, rd_view(der.ptr, at)),
				RD_BAD_SIGNATURE);
		}
		assert_ok(rd_buf_u8(&der, 0));
		assert_status(
			rd_ec_verify_digest_der(key, hashed, rd_buf_view(&der)), RD_BAD_SIGNATURE);
		digest[0] ^= 1;
		assert_status(rd_ec_verify_digest_der(key, hashed, rd_view(der.ptr, der.used - 1)),
			RD_BAD_SIGNATURE);
		rd_buf_finish(&der);
		rd_ec_key_free(&key);
	}
}

static void both_sides_derive_the_same_secret(void **state)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret ab = {0};
	RD_CLEANUP(rd_secret_finish) struct rd_secret ba = {0};

	(void)state;
	assert_ok(rd_secret_init(&ab, RD_EC_FIELD_SIZE_MAX));
	assert_ok(rd_secret_init(&ba, RD_EC_FIELD_SIZE_MAX));
	for (int curve = 0; curve < RD_EC_CURVE_COUNT; curve++) {
		struct rd_ec_key *a = generate(curve);
		struct rd_ec_key *b = generate(curve);
		struct rd_ec_key *other = generate((curve + 1) % RD_EC_CURVE_COUNT);

		assert_ok(rd_ec_derive(a, b, &ab));
		assert_ok(rd_ec_derive(b, a, &ba));
		assert_int_equal(ab.len, field_sizes[curve]);
		assert_true(rd_view_equal(rd_secret_view(&ab), rd_secret_view(&ba)));
		assert_status(rd_ec_derive(a, other, &ab), RD_WRONG_KEY);
		assert_int_equal(ab.len, 0);
		rd_ec_key_free(&a);
		rd_ec_key_free(&b);
		rd_ec_key_free(&other);
	}
}

static void derives_only_with_a_private_half_and_room(void **state)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret out = {0};
	struct rd_buf der = test_data("crypto/p256.spki.der");
	struct rd_ec_key *peer = NULL;
	struct rd_ec_key *key = generate(RD_P256);

	(void)state;
	assert_ok(rd_ec_key_from_spki(rd_buf_view(&der), &peer));
	assert_ok(rd_secret_init(&out, 31));
	assert_status(rd_ec_derive(key, peer, &out), RD_NOSPACE);
	assert_status(rd_ec_derive(peer, key, &out), RD_USAGE);
	rd_ec_key_free(&key);
	rd_ec_key_free(&peer);
	rd_buf_finish(&der);
}

/* What a peer may send instead of a point of the curve. */
static void peers_are_points_of_the_curve(void **state)
{
	static const uint8_t infinity[] = {0x30, 0x19, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
		0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
		0x03, 0x02, 0x00, 0x00};
	struct rd_buf der = test_data("crypto/p256.spki.der");
	struct rd_ec_key *peer = NULL;
	enum rd_status st;

	(void)state;
	der.ptr[der.used - 1] ^= 1;
	assert_status(rd_ec_key_from_spki(rd_buf_view(&der), &peer), RD_MALFORMED);
	der.ptr[der.used - 1] ^= 1;
	memset(der.ptr + der.used - 64, 0xff, 64);
	assert_status(rd_ec_key_from_spki(rd_buf_view(&der), &peer), RD_MALFORMED);
	memset(der.ptr + der.used - 64, 0, 64);
	assert_status(rd_ec_key_from_spki(rd_buf_view(&der), &peer), RD_MALFORMED);
	st = rd_ec_key_from_spki(rd_view(infinity, sizeof(infinity)), &peer);
	assert_true(st == RD_MALFORMED || st == RD_UNSUPPORTED || st == RD_INTERNAL);
	assert_null(peer);
	rd_buf_finish(&der);
}

static void ed25519_matches_rfc_8032_test_1(void **state)
{
	static const char pkcs8[] =
		"302e020100300506032b657004220420"
		"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
	static const char spki[] =
		"302a300506032b6570032100"
		"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
	uint8_t storage[RD_ED25519_DER_MAX];
	struct rd_buf der = rd_buf_fixed(storage, sizeof(storage));
	struct rd_buf public = rd_buf_growable(RD_ED25519_DER_MAX);
	uint8_t signature[RD_ED25519_SIGNATURE_SIZE];
	struct rd_ed25519_key *key = NULL;

	(void)state;
	assert_ok(rd_hex_decode(rd_view_str(pkcs8), &der));
	assert_ok(rd_ed25519_key_from_pkcs8(rd_buf_view(&der), &key));
	assert_ok(rd_ed25519_key_to_spki(key, &public));
	assert_view_hex(rd_buf_view(&public), spki);
	assert_ok(rd_ed25519_sign(key, rd_view(NULL, 0), signature));
	assert_view_hex(rd_view(signature, sizeof(signature)),
		"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
		"c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b");
	assert_ok(rd_ed25519_verify(key, rd_view(NULL, 0), rd_view(signature, 64)));
	rd_ed25519_key_free(&key);
	assert_null(key);
	rd_buf_finish(&public);
}

static void ed25519_signatures_break(void **state)
{
	struct rd_ed25519_key *key = NULL;
	struct rd_ed25519_key *public = NULL;
	struct rd_buf spki = rd_buf_growable(RD_ED25519_DER_MAX);
	uint8_t s[RD_ED25519_SIGNATURE_SIZE];
	struct rd_view message = rd_view_str("message");

	(void)state;
	assert_ok(rd_ed25519_key_generate(&key));
	assert_ok(rd_ed25519_key_to_spki(key, &spki));
	assert_ok(rd_ed25519_key_from_spki(rd_buf_view(&spki), &public));
	assert_ok(rd_ed25519_sign(key, message, s));
	assert_ok(rd_ed25519_verify(public, message, rd_view(s, sizeof(s))));
	for (size_t at = 0; at < sizeof(s); at++) {
		s[at] ^= 1;
		assert_status(rd_ed25519_verify(public, message, rd_view(s, sizeof(s))),
			RD_BAD_SIGNATURE);
		s[at] ^= 1;
	}
	assert_status(rd_ed25519_verify(public, rd_view_str("massage"), rd_view(s, 64)),
		RD_BAD_SIGNATURE);
	assert_status(rd_ed25519_verify(public, message, rd_view(s, 63)), RD_BAD_SIGNATURE);
	assert_status(rd_ed25519_verify(public, message, rd_view(s, 0)), RD_BAD_SIGNATURE);
	assert_status(rd_ed25519_sign(public, message, s), RD_USAGE);
	rd_ed25519_key_free(&public);
	rd_ed25519_key_free(&key);
	rd_buf_finish(&spki);
}

static void ed25519_keys_are_whole_and_of_their_kind(void **state)
{
	struct rd_buf own = test_data("crypto/ed25519.p8.der");
	struct rd_buf ec = test_data("crypto/p256.p8.der");
	struct rd_buf ec_public = test_data("crypto/p256.spki.der");
	RD_CLEANUP(rd_secret_finish) struct rd_secret der = {0};
	struct rd_ed25519_key *key = NULL;

	(void)state;
	assert_ok(rd_secret_init(&der, RD_ED25519_DER_MAX));
	assert_status(rd_ed25519_key_from_pkcs8(rd_buf_view(&ec), &key), RD_WRONG_KEY);
	assert_status(rd_ed25519_key_from_spki(rd_buf_view(&ec_public), &key), RD_WRONG_KEY);
	assert_status(
		rd_ed25519_key_from_pkcs8(rd_view(own.ptr, own.used - 1), &key), RD_MALFORMED);
	assert_status(rd_ed25519_key_from_spki(rd_buf_view(&own), &key), RD_MALFORMED);
	assert_ok(rd_ed25519_key_from_pkcs8(rd_buf_view(&own), &key));
	assert_ok(rd_ed25519_key_to_pkcs8(key, &der));
	assert_true(rd_view_equal(rd_secret_view(&der), rd_buf_view(&own)));
	rd_ed25519_key_free(&key);
	assert_ok(rd_buf_u8(&own, 0));
	assert_status(rd_ed25519_key_from_pkcs8(rd_buf_view(&own), &key), RD_TRAILING);
	rd_buf_finish(&own);
	rd_buf_finish(&ec);
	rd_buf_finish(&ec_public);
}

static int open_heap(void **state)
{
	(void)state;
	return rd_secret_heap_open(HEAP, NULL) == RD_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pkcs8_round_trips_on_every_curve),
		cmocka_unit_test(imported_halves_belong_together),
		cmocka_unit_test(imports_refuse_other_kinds),
		cmocka_unit_test(only_the_nist_curves_are_read_as_public_keys),
		cmocka_unit_test(der_signatures_verify_and_break),
		cmocka_unit_test(both_sides_derive_the_same_secret),
		cmocka_unit_test(derives_only_with_a_private_half_and_room),
		cmocka_unit_test(peers_are_points_of_the_curve),
		cmocka_unit_test(ed25519_matches_rfc_8032_test_1),
		cmocka_unit_test(ed25519_signatures_break),
		cmocka_unit_test(ed25519_keys_are_whole_and_of_their_kind),
	};

	return cmocka_run_group_tests(tests, open_heap, NULL);
}
