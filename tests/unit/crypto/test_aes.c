/* SPDX-License-Identifier: Apache-2.0 */
/* The AES block cipher against FIPS 197, appendix C. */
#include "test.h"

#include "crypto/aes.h"

static const uint8_t bytes[33] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,
	19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32};

static void encrypts_the_blocks_of_fips_197(void **state)
{
	static const struct {
		size_t key_len;
		const char *block;
	} cases[] = {
		{16, "69c4e0d86a7b0430d8cdb78070b4c55a"},
		{24, "dda97ca4864cdfe06eaf70a0ec0d7191"},
		{32, "8ea2b7ca516745bfeafc49904b496089"},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		RD_CLEANUP(rd_aes_free) struct rd_aes *aes = NULL;
		uint8_t block[RD_AES_BLOCK_SIZE], out[RD_AES_BLOCK_SIZE];

		for (size_t j = 0; j < sizeof(block); j++) {
			block[j] = (uint8_t)(j << 4 | j);
		}
		assert_ok(rd_aes_new(rd_view(bytes, cases[i].key_len), &aes));
		assert_ok(rd_aes_encrypt_block(aes, block, out));
		assert_view_hex(rd_view(out, sizeof(out)), cases[i].block);
		/* Nothing is carried over to the next block, which may be done in place. */
		assert_ok(rd_aes_encrypt_block(aes, block, block));
		assert_view_hex(rd_view(block, sizeof(block)), cases[i].block);
	}
}

static void refuses_keys_of_other_sizes(void **state)
{
	struct rd_aes *aes = NULL;

	(void)state;
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		if (len != 16 && len != 24 && len != 32) {
			assert_status(rd_aes_new(rd_view(bytes, len), &aes), RD_USAGE);
			assert_null(aes);
		}
	}
	rd_aes_free(&aes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encrypts_the_blocks_of_fips_197),
		cmocka_unit_test(refuses_keys_of_other_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
