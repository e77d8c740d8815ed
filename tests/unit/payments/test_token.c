/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of both kinds and the blind index: what they are, what they are not, what is refused. */
#include "test.h"

#include "base/luhn.h"
#include "card/ff1.h"
#include "card/token.h"
#include "crypto/hmac.h"
#include "crypto/random.h"

#define MERCHANT rd_view_str("merchant-1")

static struct rd_pan pan_of(const char *number)
{
	struct rd_pan pan = {0};

	assert_ok(rd_pan_parse(rd_view_str(number), &pan));
	return pan;
}

static struct rd_aes *key_of(uint8_t fill)
{
	uint8_t key[32];
	struct rd_aes *aes = NULL;

	memset(key, fill, sizeof(key));
	assert_ok(rd_aes_new(rd_view(key, sizeof(key)), &aes));
	return aes;
}

/* The next number with a right check digit: the digits between BIN and last four count up. */
static struct rd_pan next_pan(char *number)
{
	size_t first = RD_PAN_BIN_DIGITS;
	struct rd_pan pan = {0};

	do {
		size_t i = strlen(number) - RD_PAN_LAST_DIGITS;

		while (i > first && number[i - 1] == '9') {
			number[--i] = '0';
		}
		assert_true(i > first);
		number[i - 1]++;
	} while (rd_pan_parse(rd_view_str(number), &pan) != RD_OK);
	return pan;
}

static void random_tokens_have_their_form_and_come_back(void **state)
{
	uint8_t random[RD_TOKEN_RANDOM_SIZE];
	char token[RD_TOKEN_SIZE], parsed[RD_TOKEN_SIZE], other[RD_TOKEN_SIZE];

	(void)state;
	assert_int_equal(RD_TOKEN_SIZE, 27);
	for (unsigned i = 0; i < 1000; i++) {
		assert_ok(rd_random_bytes(random, sizeof(random)));
		assert_ok(rd_token_from_random(random, token));
		assert_int_equal(strlen(token), 26);
		assert_ok(rd_token_parse(rd_view_str(token), parsed));
		assert_string_equal(parsed, token);
		assert_true(i == 0 || strcmp(token, other) != 0);
		memcpy(other, token, sizeof(other));
	}
}

static void a_byte_that_is_no_character_is_dropped(void **state)
{
	uint8_t random[RD_TOKEN_RANDOM_SIZE];
	char token[RD_TOKEN_SIZE] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(random); i++) {
		random[i] = (uint8_t)i;
	}
	random[3] = 62;
	random[5] = 0xff;
	assert_ok(rd_token_from_random(random, token));
	assert_string_equal(token, "tok_012467"
				   "89ABCDEFGHIJKLMN");
	/* 21 characters are too few, 22 are enough. */
	memset(random, 63, sizeof(random));
	memset(random, 61, 21);
	memset(token, 0, sizeof(token));
	assert_status(rd_token_from_random(random, token), RD_AGAIN);
	assert_string_equal(token, "");
	random[47] = 0xc0;
	assert_ok(rd_token_from_random(random, token));
	assert_string_equal(token, "tok_zzzzzzzzzzzzzzzzzzzzz0");
}

/* 62 * 400 characters wanted of each: five deviations are 100. */
static void characters_are_equally_likely(void **state)
{
	uint8_t random[RD_TOKEN_RANDOM_SIZE];
	char token[RD_TOKEN_SIZE];
	unsigned counts[256] = {0};
	unsigned seen = 0;

	(void)state;
	for (unsigned i = 0; i < 400 * 62; i++) {
		assert_ok(rd_random_bytes(random, sizeof(random)));
		assert_ok(rd_token_from_random(random, token));
		counts[(uint8_t)token[4 + i % RD_TOKEN_CHARACTERS]]++;
	}
	for (unsigned c = 0; c < 256; c++) {
		if (counts[c] > 0) {
			assert_in_range(counts[c], 280, 520);
			seen++;
		}
	}
	assert_int_equal(seen, 62);
}

static void refuses_what_is_no_vault_token(void **state)
{
	static const char *const strangers[] = {
		"",
		"tok_",
		"tok_0123456789ABCDEFGHIJK",
		"tok_0123456789ABCDEFGHIJKLM",
		"tok-0123456789ABCDEFGHIJKL",
		"TOK_0123456789ABCDEFGHIJKL",
		"tok_0123456789ABCDEFGHIJK_",
		"tok_0123456789ABCDEFGHIJK ",
		"tok_ 123456789ABCDEFGHIJKL",
		"4111111111111111",
	};
	char token[RD_TOKEN_SIZE] = "untouched";

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(strangers); i++) {
		assert_status(rd_token_parse(rd_view_str(strangers[i]), token), RD_MALFORMED);
	}
	assert_status(
		rd_token_parse(rd_view("tok_0123456789ABCDEFGHIJK\0", 26), token), RD_MALFORMED);
	assert_string_equal(token, "untouched");
	assert_ok(rd_token_parse(rd_view_str("tok_0123456789ABCDEFGHIJKL"), token));
}

static void check_round_trip(struct rd_aes *aes, const struct rd_pan *pan)
{
	RD_CLEANUP(rd_pan_finish) struct rd_pan back = {0};
	RD_CLEANUP(rd_pan_finish) struct rd_pan as_pan = {0};
	char token[RD_FPE_TOKEN_SIZE];
	size_t n = pan->digits.len;

	assert_ok(rd_fpe_token_encode(aes, pan, MERCHANT, token));
	assert_int_equal(strlen(token), n);
	assert_memory_equal(token, pan->digits.ptr, RD_PAN_BIN_DIGITS);
	assert_memory_equal(token + n - RD_PAN_LAST_DIGITS,
		pan->digits.ptr + n - RD_PAN_LAST_DIGITS, RD_PAN_LAST_DIGITS);
	assert_false(rd_luhn_valid(rd_view_str(token)));
	assert_status(rd_pan_parse(rd_view_str(token), &as_pan), RD_BAD_CRC);
	assert_memory_not_equal(token, pan->digits.ptr, n);
	assert_ok(rd_fpe_token_decode(aes, rd_view_str(token), MERCHANT, &back));
	assert_true(rd_view_equal(rd_secret_view(&back.digits), rd_secret_view(&pan->digits)));
	assert_int_equal(back.brand, pan->brand);
}

static void fpe_tokens_keep_the_ends_fail_luhn_and_come_back(void **state)
{
	RD_CLEANUP(rd_aes_free) struct rd_aes *aes = key_of(1);
	char numbers[][RD_PAN_DIGITS_MAX + 1] = {
		"4111110000001111", "5555550000004444", "6200000000000000000", "62000000000000005"};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(numbers); i++) {
		for (unsigned round = 0; round < 250; round++) {
			RD_CLEANUP(rd_pan_finish) struct rd_pan pan = next_pan(numbers[i]);

			check_round_trip(aes, &pan);
		}
	}
}

static int compare_tokens(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Two numbers with one token would be one customer's card charged for another. */
static void no_two_numbers_have_one_fpe_token(void **state)
{
	enum { COUNT = 3000 };
	RD_CLEANUP(rd_aes_free) struct rd_aes *aes = key_of(2);
	char number[] = "4111110000001111";
	char(*tokens)[RD_FPE_TOKEN_SIZE] = calloc(COUNT, sizeof(*tokens));

	(void)state;
	assert_non_null(tokens);
	for (unsigned i = 0; i < COUNT; i++) {
		RD_CLEANUP(rd_pan_finish) struct rd_pan pan = next_pan(number);

		assert_ok(rd_fpe_token_encode(aes, &pan, MERCHANT, tokens[i]));
	}
	qsort(tokens, COUNT, sizeof(*tokens), compare_tokens);
	for (unsigned i = 1; i < COUNT; i++) {
		assert_string_not_equal(tokens[i - 1], tokens[i]);
	}
	free(tokens);
}

/* Done again by hand, from what token.h says. */
static void fpe_tokens_are_made_as_documented(void **state)
{
	RD_CLEANUP(rd_aes_free) struct rd_aes *aes = key_of(3);
	RD_CLEANUP(rd_pan_finish) struct rd_pan pan = pan_of("4111111111111111");
	struct rd_view tweak = rd_view_str("4111111111merchant-1");
	char token[RD_FPE_TOKEN_SIZE];
	char text[] = "4111111111111111";
	uint8_t middle[6] = {1, 1, 1, 1, 1, 1};

	(void)state;
	do {
		assert_ok(rd_ff1_encrypt(aes, 10, tweak, rd_view(middle, 6), middle));
		for (size_t i = 0; i < 6; i++) {
			text[6 + i] = (char)('0' + middle[i]);
		}
	} while (!rd_luhn_valid(rd_view_str(text)));
	text[11] = (char)('0' + (middle[5] + 1) % 10);
	assert_ok(rd_fpe_token_encode(aes, &pan, MERCHANT, token));
	assert_string_equal(token, text);
}

static void another_key_or_merchant_makes_another_token(void **state)
{
	RD_CLEANUP(rd_aes_free) struct rd_aes *aes = key_of(4);
	RD_CLEANUP(rd_aes_free) struct rd_aes *other = key_of(5);
	RD_CLEANUP(rd_pan_finish) struct rd_pan pan = pan_of("4111111111111111");
	RD_CLEANUP(rd_pan_finish) struct rd_pan back = {0};
	char token[RD_FPE_TOKEN_SIZE], second[RD_FPE_TOKEN_SIZE];

	(void)state;
	assert_ok(rd_fpe_token_encode(aes, &pan, MERCHANT, token));
	assert_ok(rd_fpe_token_encode(aes, &pan, rd_view_str("merchant-2"), second));
	assert_string_not_equal(token, second);
	assert_ok(rd_fpe_token_encode(other, &pan, MERCHANT, second));
	assert_string_not_equal(token, second);
	/* It decodes, to another number: nothing authenticates it. */
	assert_ok(rd_fpe_token_decode(other, rd_view_str(token), MERCHANT, &back));
	assert_false(rd_view_equal(rd_secret_view(&back.digits), rd_secret_view(&pan.digits)));
}

static enum rd_status decode(struct rd_aes *aes, const char *token, struct rd_view merchant)
{
	struct rd_pan pan = {0};
	enum rd_status st = rd_fpe_token_decode(aes, rd_view_str(token), merchant, &pan);

	assert_int_equal(pan.digits.ptr != NULL, st == RD_OK);
	rd_pan_finish(&pan);
	return st;
}

static void refuses_what_is_no_fpe_token(void **state)
{
	RD_CLEANUP(rd_aes_free) struct rd_aes *aes = key_of(6);
	RD_CLEANUP(rd_pan_finish) struct rd_pan pan = pan_of("4111111111111111");
	char token[RD_FPE_TOKEN_SIZE];
	unsigned accepted = 0;

	(void)state;
	assert_ok(rd_fpe_token_encode(aes, &pan, MERCHANT, token));
	assert_ok(decode(aes, token, MERCHANT));
	assert_status(decode(aes, "4111111111111111", MERCHANT), RD_MALFORMED); /* a number */
	assert_status(decode(aes, "411111111111111", MERCHANT), RD_OUT_OF_RANGE);
	assert_status(decode(aes, "41111111111111111112", MERCHANT), RD_OUT_OF_RANGE);
	assert_status(decode(aes, "", MERCHANT), RD_OUT_OF_RANGE);
	assert_status(decode(aes, "tok_0123456789ABCD", MERCHANT), RD_MALFORMED);
	assert_status(decode(aes, "41111111111111 1", MERCHANT), RD_MALFORMED);
	assert_status(decode(aes, token, rd_view_str("")), RD_USAGE);
	/* Of the ten fillings of a digit one is a token, whoever's. */
	for (char digit = '0'; digit <= '9'; digit++) {
		token[8] = digit;
		accepted += decode(aes, token, MERCHANT) == RD_OK;
	}
	assert_int_equal(accepted, 1);
	/* Well formed, but no brand's number: 9111111111111111 + 1 in the middle, Luhn mended. */
	memcpy(token, "9111111111111111", 17);
	for (token[11] = '0'; rd_luhn_valid(rd_view_str(token)) == false; token[11]++) {
		assert_true(token[11] < '9');
	}
	token[11] = (char)('0' + (token[11] - '0' + 1) % 10);
	assert_status(decode(aes, token, MERCHANT), RD_NOTFOUND);
}

static void refuses_numbers_whose_middle_is_too_short(void **state)
{
	static const char *const numbers[] = {"378282246310005", "30569309025904", "4222222222222"};
	RD_CLEANUP(rd_aes_free) struct rd_aes *aes = key_of(7);
	char token[RD_FPE_TOKEN_SIZE] = "";

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(numbers); i++) {
		RD_CLEANUP(rd_pan_finish) struct rd_pan pan = pan_of(numbers[i]);

		assert_status(rd_fpe_token_encode(aes, &pan, MERCHANT, token), RD_OUT_OF_RANGE);
		assert_string_equal(token, "");
	}
}

static void refuses_merchants_without_a_name_or_with_a_long_one(void **state)
{
	RD_CLEANUP(rd_aes_free) struct rd_aes *aes = key_of(8);
	RD_CLEANUP(rd_pan_finish) struct rd_pan pan = pan_of("4111111111111111");
	static const uint8_t name[RD_TOKEN_MERCHANT_MAX + 1];
	char token[RD_FPE_TOKEN_SIZE];

	(void)state;
	assert_ok(rd_fpe_token_encode(aes, &pan, rd_view(name, RD_TOKEN_MERCHANT_MAX), token));
	assert_status(
		rd_fpe_token_encode(aes, &pan, rd_view(name, RD_TOKEN_MERCHANT_MAX + 1), token),
		RD_LIMIT);
	assert_status(rd_fpe_token_encode(aes, &pan, rd_view("", 0), token), RD_USAGE);
}

static void the_blind_index_is_the_hmac_that_is_documented(void **state)
{
	static const uint8_t key[RD_BLIND_INDEX_KEY_SIZE] = {1, 2, 3};
	static const char input[] = "redoubt-payments index v1\0\012merchant-14111111111111111";
	RD_CLEANUP(rd_pan_finish) struct rd_pan pan = pan_of("4111111111111111");
	uint8_t index[RD_BLIND_INDEX_SIZE], want[RD_BLIND_INDEX_SIZE];

	(void)state;
	assert_ok(rd_blind_index(rd_view(key, sizeof(key)), MERCHANT, &pan, index));
	assert_ok(rd_hmac(RD_HMAC_SHA256, rd_view(key, sizeof(key)),
		rd_view(input, sizeof(input) - 1), want));
	assert_memory_equal(index, want, sizeof(want));
}

static void the_blind_index_differs_by_card_key_and_merchant(void **state)
{
	uint8_t key[RD_BLIND_INDEX_KEY_SIZE] = {0};
	RD_CLEANUP(rd_pan_finish) struct rd_pan pan = pan_of("4111111111111111");
	RD_CLEANUP(rd_pan_finish) struct rd_pan other = pan_of("5555555555554444");
	static const uint8_t name[RD_TOKEN_MERCHANT_MAX + 1];
	uint8_t index[RD_BLIND_INDEX_SIZE], second[RD_BLIND_INDEX_SIZE];
	struct rd_view k = rd_view(key, sizeof(key));

	(void)state;
	assert_ok(rd_blind_index(k, MERCHANT, &pan, index));
	assert_ok(rd_blind_index(k, MERCHANT, &pan, second));
	assert_memory_equal(index, second, sizeof(index));
	assert_ok(rd_blind_index(k, MERCHANT, &other, second));
	assert_memory_not_equal(index, second, sizeof(index));
	assert_ok(rd_blind_index(k, rd_view("", 0), &pan, second));
	assert_memory_not_equal(index, second, sizeof(index));
	key[0] = 1;
	assert_ok(rd_blind_index(k, MERCHANT, &pan, second));
	assert_memory_not_equal(index, second, sizeof(index));
	assert_status(rd_blind_index(rd_view(key, 31), MERCHANT, &pan, second), RD_USAGE);
	assert_status(rd_blind_index(k, rd_view(name, sizeof(name)), &pan, second), RD_LIMIT);
}

static int open_heap(void **state)
{
	(void)state;
	return rd_secret_heap_open(RD_SECRET_HEAP_MIN, NULL) == RD_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_tokens_have_their_form_and_come_back),
		cmocka_unit_test(a_byte_that_is_no_character_is_dropped),
		cmocka_unit_test(characters_are_equally_likely),
		cmocka_unit_test(refuses_what_is_no_vault_token),
		cmocka_unit_test(fpe_tokens_keep_the_ends_fail_luhn_and_come_back),
		cmocka_unit_test(no_two_numbers_have_one_fpe_token),
		cmocka_unit_test(fpe_tokens_are_made_as_documented),
		cmocka_unit_test(another_key_or_merchant_makes_another_token),
		cmocka_unit_test(refuses_what_is_no_fpe_token),
		cmocka_unit_test(refuses_numbers_whose_middle_is_too_short),
		cmocka_unit_test(refuses_merchants_without_a_name_or_with_a_long_one),
		cmocka_unit_test(the_blind_index_is_the_hmac_that_is_documented),
		cmocka_unit_test(the_blind_index_differs_by_card_key_and_merchant),
	};

	return cmocka_run_group_tests(tests, open_heap, NULL);
}
