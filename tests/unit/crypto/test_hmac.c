/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC against RFC 4231. */
#include "test.h"

#include "crypto/hmac.h"

static const char *const jefe[RD_HMAC_ALG_COUNT] = {
	[RD_HMAC_SHA224] = "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44",
	[RD_HMAC_SHA256] = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
	[RD_HMAC_SHA384] = "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
			   "8e2240ca5e69e2c78b3239ecfab21649",
	[RD_HMAC_SHA512] = "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
			   "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
};

static void matches_rfc_4231_case_2(void **state)
{
	(void)state;
	for (int alg = 0; alg < RD_HMAC_ALG_COUNT; alg++) {
		uint8_t tag[RD_HMAC_SIZE_MAX];
		size_t size = rd_hmac_size((enum rd_hmac_alg)alg);

		assert_ok(rd_hmac((enum rd_hmac_alg)alg, rd_view_str("Jefe"),
			rd_view_str("what do ya want for nothing?"), tag));
		assert_int_equal(2 * size, strlen(jefe[alg]));
		assert_view_hex(rd_view(tag, size), jefe[alg]);
	}
}

static void a_key_longer_than_a_block_is_hashed_first(void **state)
{
	uint8_t key[131];
	uint8_t tag[RD_HMAC_SIZE_MAX];

	(void)state;
	memset(key, 0xaa, sizeof(key));
	assert_ok(rd_hmac(RD_HMAC_SHA256, rd_view(key, sizeof(key)),
		rd_view_str("Test Using Larger Than Block-Size Key - Hash Key First"), tag));
	assert_view_hex(rd_view(tag, 32),
		"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void empty_key_and_data_have_a_tag(void **state)
{
	uint8_t tag[RD_HMAC_SIZE_MAX];

	(void)state;
	assert_ok(rd_hmac(RD_HMAC_SHA256, rd_view(NULL, 0), rd_view(NULL, 0), tag));
	assert_view_hex(rd_view(tag, 32),
		"b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void the_tag_may_overwrite_its_key(void **state)
{
	uint8_t chained[RD_SHA256_SIZE] = {1, 2, 3};
	uint8_t key[RD_SHA256_SIZE] = {1, 2, 3};
	uint8_t want[RD_SHA256_SIZE];

	(void)state;
	assert_ok(rd_hmac(RD_HMAC_SHA256, rd_view(key, 32), rd_view_str("x"), want));
	assert_ok(rd_hmac(RD_HMAC_SHA256, rd_view(chained, 32), rd_view_str("x"), chained));
	assert_memory_equal(chained, want, sizeof(want));
}

/* Cut anywhere, in parts that are hashed together and parts that are not. */
static void parts_are_as_good_as_the_whole(void **state)
{
	uint8_t data[600], want[RD_HMAC_SIZE_MAX], tag[RD_HMAC_SIZE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++) {
		data[i] = (uint8_t)(i * 7);
	}
	for (int alg = 0; alg < RD_HMAC_ALG_COUNT; alg++) {
		enum rd_hmac_alg a = (enum rd_hmac_alg)alg;

		assert_ok(rd_hmac(a, rd_view_str("key"), rd_view(data, sizeof(data)), want));
		for (size_t cut = 0; cut <= sizeof(data); cut += 5) {
			const struct rd_view parts[] = {
				rd_view(data, cut / 3),
				rd_view(data + cut / 3, cut - cut / 3),
				rd_view(NULL, 0),
				rd_view(data + cut, sizeof(data) - cut),
			};

			assert_ok(rd_hmac_views(
				a, rd_view_str("key"), parts, RD_ARRAY_LEN(parts), tag));
			assert_memory_equal(tag, want, rd_hmac_size(a));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_rfc_4231_case_2),
		cmocka_unit_test(a_key_longer_than_a_block_is_hashed_first),
		cmocka_unit_test(empty_key_and_data_have_a_tag),
		cmocka_unit_test(the_tag_may_overwrite_its_key),
		cmocka_unit_test(parts_are_as_good_as_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
