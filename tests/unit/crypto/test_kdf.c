/* SPDX-License-Identifier: Apache-2.0 */
/* HKDF against RFC 5869; SP 800-108 and scrypt against values made by python3-cryptography and
 * hashlib. */
#include "data.h"

#include "crypto/kdf.h"

static const uint8_t key[32] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,
	19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

static void hkdf_matches_rfc_5869_case_1(void **state)
{
	uint8_t ikm[22];
	uint8_t info[10];
	uint8_t prk[RD_SHA256_SIZE];
	uint8_t okm[42];

	(void)state;
	memset(ikm, 0x0b, sizeof(ikm));
	for (size_t i = 0; i < sizeof(info); i++) {
		info[i] = (uint8_t)(0xf0 + i);
	}
	assert_ok(rd_hkdf_extract(RD_SHA256, rd_view(key, 13), rd_view(ikm, sizeof(ikm)), prk));
	assert_view_hex(rd_view(prk, sizeof(prk)),
		"077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
	assert_ok(rd_hkdf_expand(RD_SHA256, rd_view(prk, sizeof(prk)), rd_view(info, sizeof(info)),
		okm, sizeof(okm)));
	assert_view_hex(rd_view(okm, sizeof(okm)),
		"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
}

static void hkdf_matches_rfc_5869_case_3_without_salt_and_info(void **state)
{
	uint8_t ikm[22];
	uint8_t prk[RD_SHA256_SIZE];
	uint8_t okm[42];

	(void)state;
	memset(ikm, 0x0b, sizeof(ikm));
	assert_ok(rd_hkdf_extract(RD_SHA256, rd_view(NULL, 0), rd_view(ikm, sizeof(ikm)), prk));
	assert_view_hex(rd_view(prk, sizeof(prk)),
		"19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04");
	assert_ok(rd_hkdf_expand(
		RD_SHA256, rd_view(prk, sizeof(prk)), rd_view(NULL, 0), okm, sizeof(okm)));
	assert_view_hex(rd_view(okm, sizeof(okm)),
		"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

static void hkdf_refuses_what_it_cannot_do(void **state)
{
	uint8_t out[255 * RD_SHA256_SIZE + 1];
	struct rd_view prk = rd_view(key, 32);

	(void)state;
	assert_status(rd_hkdf_extract(RD_SHA256, prk, rd_view(NULL, 0), out), RD_USAGE);
	assert_status(rd_hkdf_expand(RD_SHA256, rd_view(key, 31), prk, out, 32), RD_USAGE);
	assert_status(rd_hkdf_expand(RD_SHA384, prk, prk, out, 32), RD_USAGE);
	assert_status(rd_hkdf_expand(RD_SHA256, prk, prk, out, 0), RD_USAGE);
	assert_ok(rd_hkdf_expand(RD_SHA256, prk, prk, out, sizeof(out) - 1));
	assert_status(rd_hkdf_expand(RD_SHA256, prk, prk, out, sizeof(out)), RD_LIMIT);
}

static void counter_mode_matches_another_implementation(void **state)
{
	uint8_t out[64];
	struct rd_view k = rd_view(key, 32);

	(void)state;
	assert_ok(rd_kbkdf_counter(
		RD_SHA256, k, rd_view_str("label"), rd_view_str("context"), out, sizeof(out)));
	assert_view_hex(rd_view(out, sizeof(out)),
		"a96742dab629385c2fda3ab31ff80ae5ab8f18d61a903f75d4cb97422e3b9586"
		"4f650329d558a492707fde746725067868d9647d1a5d07f510bb09aa8d05efaa");
}

static void counter_mode_refuses_empty_parts(void **state)
{
	uint8_t big[RD_KBKDF_PART_MAX + 1] = {0};
	struct rd_view k = rd_view(key, 32);
	struct rd_view some = rd_view_str("some");
	struct rd_view none = rd_view(NULL, 0);
	struct rd_view much = rd_view(big, sizeof(big));

	(void)state;
	assert_status(rd_kbkdf_counter(RD_SHA256, rd_view(key, 15), some, some, big, 32), RD_USAGE);
	assert_status(rd_kbkdf_counter(RD_SHA256, k, none, some, big, 32), RD_USAGE);
	assert_status(rd_kbkdf_counter(RD_SHA256, k, some, none, big, 32), RD_USAGE);
	assert_status(rd_kbkdf_counter(RD_SHA256, k, some, some, big, 0), RD_USAGE);
	assert_status(rd_kbkdf_counter(RD_SHA256, k, some, much, big, 32), RD_LIMIT);
	assert_status(rd_kbkdf_counter(RD_SHA256, k, some, some, big, sizeof(big)), RD_LIMIT);
}

static void scrypt_matches_another_implementation(void **state)
{
	uint8_t out[RD_SCRYPT_KEY_MAX + 1];

	(void)state;
	assert_ok(rd_scrypt(
		rd_view_str("pass phrase"), rd_view_str("sixteen byte sal"), 14, out, 32));
	assert_view_hex(rd_view(out, 32),
		"bd1baa7b58dfbd88acbcb892e4c786cb346ae9f18977156c137a5bccde62ca95");
}

static void scrypt_refuses_cheap_and_absurd_parameters(void **state)
{
	uint8_t out[RD_SCRYPT_KEY_MAX + 1];
	struct rd_view pass = rd_view_str("pass phrase");
	struct rd_view salt = rd_view_str("sixteen byte sal");

	(void)state;
	assert_status(rd_scrypt(pass, salt, RD_SCRYPT_LOG2_N_MIN - 1, out, 32), RD_OUT_OF_RANGE);
	assert_status(rd_scrypt(pass, salt, RD_SCRYPT_LOG2_N_MAX + 1, out, 32), RD_OUT_OF_RANGE);
	assert_status(rd_scrypt(rd_view(NULL, 0), salt, 14, out, 32), RD_USAGE);
	assert_status(rd_scrypt(pass, rd_view(key, 15), 14, out, 32), RD_USAGE);
	assert_status(rd_scrypt(pass, salt, 14, out, 0), RD_USAGE);
	assert_status(rd_scrypt(pass, salt, 14, out, sizeof(out)), RD_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hkdf_matches_rfc_5869_case_1),
		cmocka_unit_test(hkdf_matches_rfc_5869_case_3_without_salt_and_info),
		cmocka_unit_test(hkdf_refuses_what_it_cannot_do),
		cmocka_unit_test(counter_mode_matches_another_implementation),
		cmocka_unit_test(counter_mode_refuses_empty_parts),
		cmocka_unit_test(scrypt_matches_another_implementation),
		cmocka_unit_test(scrypt_refuses_cheap_and_absurd_parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
