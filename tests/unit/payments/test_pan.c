/* SPDX-License-Identifier: Apache-2.0 */
/* Card numbers: brands at every edge of the table, lengths, check digits, masks, dates and codes.
 */
#include "test.h"

#include "base/luhn.h"
#include "card/pan.h"

/* 2026-11-26 00:00:00 UTC. */
#define NOW_S INT64_C(1795651200)

static void brands_at_every_edge_of_the_table(void **state)
{
	static const struct {
		const char *below;
		const char *first;
		const char *last;
		const char *above;
		enum rd_card_brand brand;
	} edges[] = {
		{"3", "4", "4", "50", RD_CARD_VISA},
		{"50", "51", "55", "56", RD_CARD_MASTERCARD},
		{"2220", "2221", "2720", "2721", RD_CARD_MASTERCARD},
		{"33", "34", "34", "350", RD_CARD_AMEX},
		{"33", "37", "37", "40", RD_CARD_AMEX},
		{"6010", "6011", "6011", "6012", RD_CARD_DISCOVER},
		{"643", "644", "649", "66", RD_CARD_DISCOVER},
		{"643", "65", "65", "66", RD_CARD_DISCOVER},
		{"622125", "622126", "622925", "622926", RD_CARD_DISCOVER},
		{"3527", "3528", "3589", "3590", RD_CARD_JCB},
		{"299", "300", "305", "306", RD_CARD_DINERS},
		{"3590", "36", "36", "37", RD_CARD_DINERS},
		{"37", "38", "39", "40", RD_CARD_DINERS},
		{"61", "62", "62", "63", RD_CARD_UNIONPAY},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(edges); i++) {
		enum rd_card_brand brand = RD_CARD_BRAND_COUNT;

		assert_ok(rd_card_brand_of(rd_view_str(edges[i].first), &brand));
		assert_int_equal(brand, edges[i].brand);
		brand = RD_CARD_BRAND_COUNT;
		assert_ok(rd_card_brand_of(rd_view_str(edges[i].last), &brand));
		assert_int_equal(brand, edges[i].brand);
		brand = RD_CARD_BRAND_COUNT;
		(void)!rd_card_brand_of(rd_view_str(edges[i].below), &brand);
		assert_int_not_equal(brand, edges[i].brand);
		brand = RD_CARD_BRAND_COUNT;
		(void)!rd_card_brand_of(rd_view_str(edges[i].above), &brand);
		assert_int_not_equal(brand, edges[i].brand);
	}
}

static void the_longest_prefix_wins_where_two_overlap(void **state)
{
	enum rd_card_brand brand;

	(void)state;
	assert_ok(rd_card_brand_of(rd_view_str("6221250000000000"), &brand));
	assert_int_equal(brand, RD_CARD_UNIONPAY);
	assert_ok(rd_card_brand_of(rd_view_str("6221260000000000"), &brand));
	assert_int_equal(brand, RD_CARD_DISCOVER);
	assert_ok(rd_card_brand_of(rd_view_str("6229259999999999"), &brand));
	assert_int_equal(brand, RD_CARD_DISCOVER);
	assert_ok(rd_card_brand_of(rd_view_str("6229260000000000"), &brand));
	assert_int_equal(brand, RD_CARD_UNIONPAY);
}

static void prefixes_of_nobody_have_no_brand(void **state)
{
	static const char *const nobodys[] = {
		"",
		"0",
		"1",
		"2220",
		"2721",
		"306",
		"309",
		"31",
		"33",
		"3527",
		"3590",
		"50",
		"56",
		"6010",
		"6012",
		"63",
		"643",
		"66",
		"7",
		"9",
		"x4",
		" 4",
		"5",
		"3",
	};
	enum rd_card_brand brand;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(nobodys); i++) {
		assert_status(rd_card_brand_of(rd_view_str(nobodys[i]), &brand), RD_NOTFOUND);
	}
}

static enum rd_status parse(const char *text)
{
	struct rd_pan pan = {0};
	enum rd_status st = rd_pan_parse(rd_view_str(text), &pan);

	assert_int_equal(pan.digits.ptr != NULL, st == RD_OK);
	rd_pan_finish(&pan);
	return st;
}

/* The networks' published test numbers, one a brand and length. */
static void accepts_numbers_of_every_brand_and_length(void **state)
{
	static const struct {
		const char *number;
		enum rd_card_brand brand;
		const char *name;
		const char *mask;
	} cards[] = {
		{"4222222222222", RD_CARD_VISA, "visa", "4222*****2222"},
		{"4111111111111111", RD_CARD_VISA, "visa", "411111******1111"},
		{"4000000000000000006", RD_CARD_VISA, "visa", "400000*********0006"},
		{"5555555555554444", RD_CARD_MASTERCARD, "mastercard", "555555******4444"},
		{"2223003122003222", RD_CARD_MASTERCARD, "mastercard", "222300******3222"},
		{"378282246310005", RD_CARD_AMEX, "amex", "378282*****0005"},
		{"6011111111111117", RD_CARD_DISCOVER, "discover", "601111******1117"},
		{"3530111333300000", RD_CARD_JCB, "jcb", "353011******0000"},
		{"30569309025904", RD_CARD_DINERS, "diners", "30569*****5904"},
		{"38520000023237", RD_CARD_DINERS, "diners", "38520*****3237"},
		{"6200000000000005", RD_CARD_UNIONPAY, "unionpay", "620000******0005"},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cards); i++) {
		RD_CLEANUP(rd_pan_finish) struct rd_pan pan = {0};
		char mask[RD_PAN_MASK_SIZE];

		assert_ok(rd_pan_parse(rd_view_str(cards[i].number), &pan));
		assert_int_equal(pan.brand, cards[i].brand);
		assert_string_equal(rd_card_brand_name(pan.brand), cards[i].name);
		assert_true(
			rd_view_equal(rd_secret_view(&pan.digits), rd_view_str(cards[i].number)));
		rd_pan_mask(&pan, mask);
		assert_string_equal(mask, cards[i].mask);
	}
}

static void refuses_numbers_by_the_rule_that_they_break(void **state)
{
	static const struct {
		const char *number;
		enum rd_status st;
	} cases[] = {
		{"", RD_LIMIT},
		{"42222222222", RD_LIMIT},          /* 11 digits */
		{"42222222222222222222", RD_LIMIT}, /* 20 */
		{"4111 1111 1111 1111", RD_MALFORMED},
		{"4111-1111-1111-1111", RD_MALFORMED},
		{"411111111111111a", RD_MALFORMED},
		{"4111111111111111 ", RD_MALFORMED},
		{"+411111111111111", RD_MALFORMED},
		{"4111111111111\xd9\xa1", RD_MALFORMED}, /* an Arabic digit */
		{"9111111111111111", RD_NOTFOUND},
		{"411111111111116", RD_OUT_OF_RANGE}, /* a VISA number of 15 digits, Luhn right */
		{"55555555555544", RD_OUT_OF_RANGE},
		{"3782822463100050", RD_OUT_OF_RANGE},
		{"3056930902590400", RD_OUT_OF_RANGE},
		{"400000000006", RD_OUT_OF_RANGE}, /* no brand of ours has 12 */
		{"4111111111111112", RD_BAD_CRC},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		assert_status(parse(cases[i].number), cases[i].st);
	}
	/* A NUL does not end it. */
	assert_status(
		rd_pan_parse(rd_view("411111111111111\0", 16), &(struct rd_pan){0}), RD_MALFORMED);
}

static void each_brand_has_its_lengths_and_no_others(void **state)
{
	static const uint32_t lengths[RD_CARD_BRAND_COUNT] = {
		[RD_CARD_VISA] = 1U << 13 | 1U << 16 | 1U << 19,
		[RD_CARD_MASTERCARD] = 1U << 16,
		[RD_CARD_AMEX] = 1U << 15,
		[RD_CARD_DISCOVER] = 15U << 16,
		[RD_CARD_JCB] = 15U << 16,
		[RD_CARD_DINERS] = 1U << 14,
		[RD_CARD_UNIONPAY] = 15U << 16,
	};

	(void)state;
	for (unsigned brand = 0; brand < RD_CARD_BRAND_COUNT; brand++) {
		for (size_t n = 0; n < 32; n++) {
			assert_int_equal(rd_card_brand_has_length((enum rd_card_brand)brand, n),
				(lengths[brand] >> n & 1) != 0);
		}
		assert_false(rd_card_brand_has_length((enum rd_card_brand)brand, 4096 + 16));
	}
}

static void luhn_catches_every_wrong_digit(void **state)
{
	char number[] = "4539148803436467";

	(void)state;
	assert_true(rd_luhn_valid(rd_view_str(number)));
	for (size_t i = 0; i < strlen(number); i++) {
		char right = number[i];

		for (char wrong = '0'; wrong <= '9'; wrong++) {
			number[i] = wrong;
			assert_int_equal(rd_luhn_valid(rd_view_str(number)), wrong == right);
		}
		number[i] = right;
	}
}

/* All but 09 and 90: that is Luhn's known gap. */
static void luhn_catches_every_exchange_of_neighbours_but_one(void **state)
{
	char number[] = "00";

	(void)state;
	for (char a = '0'; a <= '9'; a++) {
		for (char b = '0'; b <= '9'; b++) {
			bool before, after;

			number[0] = a;
			number[1] = b;
			before = rd_luhn_valid(rd_view_str(number));
			number[0] = b;
			number[1] = a;
			after = rd_luhn_valid(rd_view_str(number));
			if (before && a != b) {
				assert_int_equal(
					after, (a == '0' && b == '9') || (a == '9' && b == '0'));
			}
		}
	}
}

static void luhn_refuses_what_is_no_number(void **state)
{
	(void)state;
	assert_true(rd_luhn_valid(rd_view_str("18")));
	assert_false(rd_luhn_valid(rd_view_str("")));
	assert_false(rd_luhn_valid(rd_view_str("0")));
	assert_false(rd_luhn_valid(rd_view_str("1 8")));
	/* These would add up if they were digits. */
	assert_false(rd_luhn_valid(rd_view_str(":0")));
	assert_false(rd_luhn_valid(rd_view_str("/0")));
}

static void a_card_is_good_to_the_end_of_its_month(void **state)
{
	(void)state;
	assert_ok(rd_card_expiry_check(11, 2026, NOW_S));
	assert_ok(rd_card_expiry_check(12, 2026, NOW_S));
	assert_status(rd_card_expiry_check(10, 2026, NOW_S), RD_EXPIRED);
	assert_status(rd_card_expiry_check(11, 2025, NOW_S), RD_EXPIRED);
	/* 2026-12-01 00:00:00 UTC, and the second before it. */
	assert_ok(rd_card_expiry_check(11, 2026, INT64_C(1796083199)));
	assert_status(rd_card_expiry_check(11, 2026, INT64_C(1796083200)), RD_EXPIRED);
	/* 2027-01-01; 2024-03-01, behind a leap day. */
	assert_ok(rd_card_expiry_check(12, 2026, INT64_C(1798761599)));
	assert_status(rd_card_expiry_check(12, 2026, INT64_C(1798761600)), RD_EXPIRED);
	assert_ok(rd_card_expiry_check(2, 2024, INT64_C(1709251199)));
	assert_status(rd_card_expiry_check(2, 2024, INT64_C(1709251200)), RD_EXPIRED);
}

static void refuses_dates_that_no_card_has(void **state)
{
	(void)state;
	assert_status(rd_card_expiry_check(0, 2027, NOW_S), RD_OUT_OF_RANGE);
	assert_status(rd_card_expiry_check(13, 2027, NOW_S), RD_OUT_OF_RANGE);
	assert_status(rd_card_expiry_check(12, 27, NOW_S), RD_OUT_OF_RANGE);
	assert_status(rd_card_expiry_check(12, 1999, NOW_S), RD_OUT_OF_RANGE);
	assert_ok(rd_card_expiry_check(12, 2026 + RD_CARD_YEARS_AHEAD, NOW_S));
	assert_status(rd_card_expiry_check(1, 2027 + RD_CARD_YEARS_AHEAD, NOW_S), RD_OUT_OF_RANGE);
	assert_status(rd_card_expiry_check(1, UINT32_MAX, NOW_S), RD_OUT_OF_RANGE);
	assert_status(rd_card_expiry_check(UINT32_MAX, 2027, NOW_S), RD_OUT_OF_RANGE);
	assert_status(rd_card_expiry_check(1, 2027, INT64_MIN), RD_OUT_OF_RANGE);
	assert_status(rd_card_expiry_check(1, 2027, INT64_MAX), RD_EXPIRED);
}

static void security_codes_have_their_brands_length(void **state)
{
	(void)state;
	assert_ok(rd_card_cvv_check(RD_CARD_VISA, rd_view_str("000")));
	assert_ok(rd_card_cvv_check(RD_CARD_AMEX, rd_view_str("9999")));
	assert_status(rd_card_cvv_check(RD_CARD_VISA, rd_view_str("9999")), RD_OUT_OF_RANGE);
	assert_status(rd_card_cvv_check(RD_CARD_AMEX, rd_view_str("999")), RD_OUT_OF_RANGE);
	assert_status(rd_card_cvv_check(RD_CARD_JCB, rd_view_str("99")), RD_OUT_OF_RANGE);
	assert_status(rd_card_cvv_check(RD_CARD_JCB, rd_view_str("")), RD_MISSING);
	assert_status(rd_card_cvv_check(RD_CARD_JCB, rd_view(NULL, 0)), RD_MISSING);
	assert_status(rd_card_cvv_check(RD_CARD_JCB, rd_view_str("12x")), RD_MALFORMED);
	assert_status(rd_card_cvv_check(RD_CARD_JCB, rd_view_str("-12")), RD_MALFORMED);
}

static struct rd_card_input good_card(void)
{
	return (struct rd_card_input){
		.number = rd_view_str("4111111111111111"),
		.month = 12,
		.year = 2030,
		.cvv = rd_view_str("123"),
	};
}

static void check_refusal(const struct rd_card_input *card, enum rd_status want,
	enum rd_card_part part, const char *text)
{
	struct rd_pan pan = {0};
	enum rd_card_part got = RD_CARD_PART_COUNT;

	assert_status(rd_card_check(card, NOW_S, &pan, &got), want);
	assert_null(pan.digits.ptr);
	assert_int_equal(got, part);
	assert_string_equal(rd_card_part_text(got), text);
}

static void a_whole_card_is_accepted_or_its_part_named(void **state)
{
	RD_CLEANUP(rd_pan_finish) struct rd_pan pan = {0};
	struct rd_card_input card = good_card();
	enum rd_card_part part;

	(void)state;
	assert_ok(rd_card_check(&card, NOW_S, &pan, &part));
	assert_int_equal(pan.brand, RD_CARD_VISA);
	/* Whatever is wrong with a number, the text is the same. */
	card.number = rd_view_str("4111111111111112");
	check_refusal(&card, RD_BAD_CRC, RD_CARD_NUMBER, "the card number is not valid");
	card.number = rd_view_str("9111111111111111");
	check_refusal(&card, RD_NOTFOUND, RD_CARD_NUMBER, "the card number is not valid");
	card = good_card();
	card.year = 2025;
	check_refusal(&card, RD_EXPIRED, RD_CARD_EXPIRY, "the expiry date is not valid");
	card = good_card();
	card.cvv = rd_view_str("");
	check_refusal(&card, RD_MISSING, RD_CARD_CVV, "the security code is not valid");
}

static int open_heap(void **state)
{
	(void)state;
	return rd_secret_heap_open(RD_SECRET_HEAP_MIN, NULL) == RD_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(brands_at_every_edge_of_the_table),
		cmocka_unit_test(the_longest_prefix_wins_where_two_overlap),
		cmocka_unit_test(prefixes_of_nobody_have_no_brand),
		cmocka_unit_test(accepts_numbers_of_every_brand_and_length),
		cmocka_unit_test(refuses_numbers_by_the_rule_that_they_break),
		cmocka_unit_test(each_brand_has_its_lengths_and_no_others),
		cmocka_unit_test(luhn_catches_every_wrong_digit),
		cmocka_unit_test(luhn_catches_every_exchange_of_neighbours_but_one),
		cmocka_unit_test(luhn_refuses_what_is_no_number),
		cmocka_unit_test(a_card_is_good_to_the_end_of_its_month),
		cmocka_unit_test(refuses_dates_that_no_card_has),
		cmocka_unit_test(security_codes_have_their_brands_length),
		cmocka_unit_test(a_whole_card_is_accepted_or_its_part_named),
	};

	return cmocka_run_group_tests(tests, open_heap, NULL);
}
