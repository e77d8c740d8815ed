/* SPDX-License-Identifier: Apache-2.0 */
/* Wildcards, ARNs and typed values. */
#include "test.h"

#include "policy/arena.h"
#include "policy/match.h"
#include "policy/pattern.h"
#include "policy/value.h"

#include <time.h>

static struct rd_policy_pattern compile(struct rd_arena *a, const char *text)
{
	struct rd_policy_pattern p = {0};

	assert_ok(rd_pattern_compile(rd_view_str(text),
		(struct rd_pattern_rules){.wildcards = true, .variables = true}, a, &p));
	return p;
}

static bool like(const char *pattern, const char *text)
{
	struct rd_arena a = {0};
	struct rd_policy_pattern p = compile(&a, pattern);
	struct rd_budget budget = {.left = 10000};
	bool matches = false;

	assert_ok(rd_match_symbols((struct rd_symbols){.v = p.symbols, .n = p.len},
		rd_view_str(text), false, &budget, &matches));
	rd_arena_finish(&a);
	return matches;
}

static bool arn_like(const char *pattern, const char *text)
{
	struct rd_arena a = {0};
	struct rd_policy_pattern p = compile(&a, pattern);
	struct rd_budget budget = {.left = 10000};
	bool matches = false;

	assert_ok(rd_match_arn((struct rd_symbols){.v = p.symbols, .n = p.len}, rd_view_str(text),
		&budget, &matches));
	rd_arena_finish(&a);
	return matches;
}

static void a_star_is_any_run_and_a_question_mark_one_character(void **state)
{
	(void)state;
	assert_true(like("", ""));
	assert_true(like("*", ""));
	assert_true(like("***", "x"));
	assert_true(like("a*c", "ac"));
	assert_true(like("a*c", "abcbc"));
	assert_true(like("*b*d", "abcd"));
	assert_true(like("a?c", "abc"));
	assert_true(like("a?c", "a\xc3\xa9"
				"c"));
	assert_true(like("*??", "\xc3\xa9z"));
	assert_false(like("", "a"));
	assert_false(like("a", ""));
	assert_false(like("?", ""));
	assert_false(like("a?c", "ac"));
	assert_false(like("*??", "\xc3\xa9"));
	assert_false(like("a*c", "abcd"));
	assert_false(like("a*b*c", "acb"));
	assert_false(like("abc", "ABC"));
}

static void escaped_wildcards_are_text(void **state)
{
	(void)state;
	assert_true(like("a${*}c", "a*c"));
	assert_true(like("a${?}c", "a?c"));
	assert_true(like("${$}{x}*", "${x}y"));
	assert_false(like("a${*}c", "abc"));
	assert_false(like("a${?}c", "abc"));
}

static void wildcards_do_not_cross_an_arn_s_colons(void **state)
{
	(void)state;
	assert_true(arn_like("arn:aws:iam::1*:user/*", "arn:aws:iam::123:user/a/b"));
	assert_true(arn_like("arn:*:iam::123:*", "arn:aws:iam::123:a:b:c"));
	assert_true(arn_like("arn:aws:iam::123:role/a", "arn:aws:iam::123:role/a"));
	assert_false(arn_like("arn:*:123:user/a", "arn:aws:iam::123:user/a"));
	assert_false(arn_like("arn:aws:*:*:*", "arn:aws:iam::123:user/a"));
	assert_false(arn_like("*", "arn:aws:iam::123:user/a"));
	assert_false(arn_like("arn:aws:iam::123:user/a", "user/a"));
	assert_false(arn_like("arn:aws:iam::123:user/a", ""));
	assert_false(arn_like("arn:aws:iam::123:user/A", "arn:aws:iam::123:user/a"));
}

/* 2 KB of "*a" against 8 KB of "a": exponential for a matcher that backtracks into every star. */
static void a_wildcard_bomb_is_over_in_bounded_steps(void **state)
{
	char pattern[2049];
	char text[8193];
	struct rd_arena a = {0};
	struct rd_policy_pattern p;
	struct rd_budget budget = {.left = RD_POLICY_STEPS_MAX};
	struct timespec before;
	struct timespec after;
	bool matches = true;
	enum rd_status st;

	(void)state;
	for (size_t i = 0; i < 2048; i++) {
		pattern[i] = i % 2 == 0 ? '*' : 'a';
	}
	pattern[2047] = 'b';
	pattern[2048] = '\0';
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	p = compile(&a, pattern);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	st = rd_match_symbols((struct rd_symbols){.v = p.symbols, .n = p.len}, rd_view_str(text),
		false, &budget, &matches);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	assert_ok(st);
	assert_false(matches);
	assert_true(after.tv_sec - before.tv_sec < 2);
	rd_arena_finish(&a);
}

/* "*" and 1,000 letters that fit everywhere but at their end: the product of both lengths, and no
 * more. */
static void a_quadratic_match_ends_with_the_budget(void **state)
{
	char pattern[1003];
	char text[8193];
	struct rd_arena a = {0};
	struct rd_policy_pattern p;
	struct rd_budget budget = {.left = RD_POLICY_STEPS_MAX};
	bool matches = true;

	(void)state;
	memset(pattern, 'a', sizeof(pattern));
	pattern[0] = '*';
	pattern[1001] = 'b';
	pattern[1002] = '\0';
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	p = compile(&a, pattern);
	assert_status(rd_match_symbols((struct rd_symbols){.v = p.symbols, .n = p.len},
			      rd_view_str(text), false, &budget, &matches),
		RD_LIMIT);
	assert_int_equal(budget.left, 0);
	rd_arena_finish(&a);
}

static int compare_decimals(const char *a, const char *b)
{
	struct rd_policy_decimal x = {0};
	struct rd_policy_decimal y = {0};

	assert_ok(rd_decimal_parse(rd_view_str(a), &x));
	assert_ok(rd_decimal_parse(rd_view_str(b), &y));
	return rd_decimal_compare(&x, &y);
}

static void decimals_compare_exactly(void **state)
{
	static const char *const refused[] = {
		"", "-", "1.", ".5", "1e3", " 1", "1 ", "0x1", "1.2.3", "--1", "1,5", "inf"};
	struct rd_policy_decimal d;

	(void)state;
	assert_int_equal(compare_decimals("10", "10.000"), 0);
	assert_int_equal(compare_decimals("-0", "0"), 0);
	assert_int_equal(compare_decimals("007", "+7"), 0);
	assert_int_equal(compare_decimals("9007199254740993", "9007199254740992"), 1);
	assert_int_equal(compare_decimals("9", "10"), -1);
	assert_int_equal(compare_decimals("1.15", "1.2"), -1);
	assert_int_equal(compare_decimals("-2", "-1"), -1);
	assert_int_equal(compare_decimals("-1", "1"), -1);
	for (size_t i = 0; i < RD_ARRAY_LEN(refused); i++) {
		assert_status(rd_decimal_parse(rd_view_str(refused[i]), &d), RD_BAD_NUMBER);
	}
}

static void dates_of_every_form_are_instants(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
		uint32_t ns;
	} taken[] = {
		{"1970", 0, 0},
		{"2000-03", 951868800, 0},
		{"2024-02-29", 1709164800, 0},
		{"2031-02-03T04:05Z", 1927857900, 0},
		{"2031-02-03T04:05:06Z", 1927857906, 0},
		{"2031-02-03T04:05:06.25Z", 1927857906, 250000000},
		{"2031-02-03T05:05:06+01:00", 1927857906, 0},
		{"2031-02-02T20:35:06-07:30", 1927857906, 0},
		{"1927857906", 1927857906, 0},
		{"1927857906.5", 1927857906, 500000000},
		{"-86400", -86400, 0},
		{"0000-01-01", -62167219200, 0},
	};
	struct rd_policy_date d = {0};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(taken); i++) {
		assert_ok(rd_date_parse(rd_view_str(taken[i].text), &d));
		assert_int_equal(d.seconds, taken[i].seconds);
		assert_int_equal(d.nanoseconds, taken[i].ns);
	}
}

static void dates_that_are_none_are_refused(void **state)
{
	static const char *const malformed[] = {"", "tomorrow", "20-01-01", "2031-2-3",
		"2031-02-03T", "2031-02-03T04:05:06", "2031-02-03 04:05:06Z", "2031-02-03T04Z",
		"2031-02-03T04:05:06.Z", "2031-02-03T04:05:06Zx", "2031-02-03T04:05:06+1:00",
		"2031-02T04:05Z"};
	static const char *const out_of_range[] = {"2031-13-01", "2031-00-01", "2023-02-29",
		"2031-04-31", "2031-02-03T24:00Z", "2031-02-03T04:60Z", "2031-02-03T04:05:60Z",
		"2031-02-03T04:05:06+24:00", "1234567890123456"};
	struct rd_policy_date d;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(malformed); i++) {
		assert_status(rd_date_parse(rd_view_str(malformed[i]), &d), RD_MALFORMED);
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(out_of_range); i++) {
		assert_status(rd_date_parse(rd_view_str(out_of_range[i]), &d), RD_OUT_OF_RANGE);
	}
}

static bool network_contains(const char *network, const char *address)
{
	struct rd_policy_network n = {0};
	struct rd_policy_network a = {0};

	assert_ok(rd_network_parse(rd_view_str(network), &n));
	assert_ok(rd_network_parse(rd_view_str(address), &a));
	return rd_network_contains(&n, &a);
}

static void networks_contain_their_addresses(void **state)
{
	static const char *const refused[] = {"", "10.0.0", "10.0.0.0/33", "10.0.0.0/",
		"10.0.0.0/08", "10.0.0.0/-1", "::/129", "1.2.3.4.5", "fe80::1%eth0", "10.0.0.1 ",
		"/8"};
	struct rd_policy_network n;

	(void)state;
	assert_true(network_contains("10.0.0.0/8", "10.255.1.2"));
	assert_true(network_contains("10.1.2.3/9", "10.127.0.0"));
	assert_true(network_contains("192.0.2.7", "192.0.2.7"));
	assert_true(network_contains("0.0.0.0/0", "203.0.113.9"));
	assert_true(network_contains("2001:db8::/33", "2001:db8:7fff::1"));
	assert_true(network_contains("10.0.0.0/8", "::ffff:10.1.2.3"));
	assert_true(network_contains("::ffff:10.0.0.0/104", "10.1.2.3"));
	assert_false(network_contains("10.0.0.0/8", "11.0.0.0"));
	assert_false(network_contains("10.1.2.3/9", "10.128.0.0"));
	assert_false(network_contains("192.0.2.7", "192.0.2.6"));
	assert_false(network_contains("2001:db8::/33", "2001:db8:8000::1"));
	assert_false(network_contains("0.0.0.0/0", "2001:db8::1"));
	assert_false(network_contains("::/0", "10.1.2.3"));
	for (size_t i = 0; i < RD_ARRAY_LEN(refused); i++) {
		assert_status(rd_network_parse(rd_view_str(refused[i]), &n), RD_MALFORMED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_star_is_any_run_and_a_question_mark_one_character),
		cmocka_unit_test(escaped_wildcards_are_text),
		cmocka_unit_test(wildcards_do_not_cross_an_arn_s_colons),
		cmocka_unit_test(a_wildcard_bomb_is_over_in_bounded_steps),
		cmocka_unit_test(a_quadratic_match_ends_with_the_budget),
		cmocka_unit_test(decimals_compare_exactly),
		cmocka_unit_test(dates_of_every_form_are_instants),
		cmocka_unit_test(dates_that_are_none_are_refused),
		cmocka_unit_test(networks_contain_their_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
