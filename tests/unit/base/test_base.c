/* SPDX-License-Identifier: Apache-2.0 */
/* Reader, writer, text forms, errors: each acceptance beside its refusals. */
#include "test.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/secret.h"

#include <errno.h>

static void status_names_match_their_codes(void **state)
{
	(void)state;
	assert_string_equal(rd_status_name(RD_BAD_CRC), "RD_BAD_CRC");
	assert_int_equal(rd_category(RD_BAD_CRC), RD_CAT_MALFORMED);
	assert_int_equal(rd_category(RD_EXPIRED), RD_CAT_UNTRUSTED);
	assert_string_equal(rd_status_name((enum rd_status)0x7fff), "RD_UNKNOWN");
	assert_int_equal(rd_status_from_errno(ENOENT), RD_NOTFOUND);
	assert_int_equal(rd_status_from_errno(EIO), RD_IO);
	assert_int_equal(rd_status_from_errno(0), RD_INTERNAL);
}

static void reader_stops_at_the_end(void **state)
{
	const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct rd_cur c = rd_cur(rd_view(bytes, sizeof(bytes)));
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	(void)state;
	assert_ok(rd_cur_be16(&c, &u16));
	assert_int_equal(u16, 0x0102);
	assert_status(rd_cur_be64(&c, &u64), RD_TRUNCATED);
	assert_status(rd_cur_finish(&c), RD_TRAILING);
	assert_ok(rd_cur_le32(&c, &u32));
	assert_int_equal(u32, 0x06050403);
	assert_status(rd_cur_skip(&c, 3), RD_TRUNCATED);
	assert_ok(rd_cur_skip(&c, 2));
	assert_ok(rd_cur_finish(&c));
}

static void fixed_writer_refuses_overflow(void **state)
{
	uint8_t storage[6];
	struct rd_buf b = rd_buf_fixed(storage, sizeof(storage));

	(void)state;
	assert_ok(rd_buf_be32(&b, 0xdeadbeef));
	assert_status(rd_buf_be32(&b, 1), RD_NOSPACE);
	assert_ok(rd_buf_le16(&b, 0x0102));
	assert_view_hex(rd_buf_view(&b), "deadbeef0201");
	assert_status(rd_buf_u8(&b, 0), RD_NOSPACE);
	rd_buf_finish(&b);
}

static void growable_writer_grows_to_its_maximum_only(void **state)
{
	struct rd_buf b = rd_buf_growable(1000);
	uint8_t chunk[300] = {7};

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_ok(rd_buf_put(&b, chunk, sizeof(chunk)));
	}
	assert_status(rd_buf_put(&b, chunk, 101), RD_NOSPACE);
	assert_ok(rd_buf_put(&b, chunk, 100));
	assert_int_equal(b.used, 1000);
	assert_int_equal(b.ptr[600], 7);
	rd_buf_finish(&b);
	assert_null(b.ptr);
}

static void printf_leaves_no_nul(void **state)
{
	struct rd_buf b = rd_buf_growable(64);

	(void)state;
	assert_ok(rd_buf_printf(&b, "%s-%d", "enc", 7));
	assert_ok(rd_buf_put_str(&b, "!"));
	assert_view_hex(rd_buf_view(&b), "656e632d3721");
	rd_buf_finish(&b);
}

static void hex_round_trips_and_refuses_junk(void **state)
{
	struct rd_buf b = rd_buf_growable(64);

	(void)state;
	assert_ok(rd_hex_decode(rd_view_str("00fFa1"), &b));
	assert_view_hex(rd_buf_view(&b), "00ffa1");
	assert_status(rd_hex_decode(rd_view_str("abc"), &b), RD_MALFORMED);
	assert_status(rd_hex_decode(rd_view_str("0g"), &b), RD_MALFORMED);
	rd_buf_finish(&b);
}

static void base64_follows_rfc_4648(void **state)
{
	static const char *const plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
	static const char *const coded[] = {
		"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(plain); i++) {
		struct rd_buf enc = rd_buf_growable(64);
		struct rd_buf dec = rd_buf_growable(64);

		assert_ok(rd_base64_encode(rd_view_str(plain[i]), &enc));
		assert_true(rd_view_equal(rd_buf_view(&enc), rd_view_str(coded[i])));
		assert_ok(rd_base64_decode(rd_view_str(coded[i]), &dec));
		assert_true(rd_view_equal(rd_buf_view(&dec), rd_view_str(plain[i])));
		rd_buf_finish(&enc);
		rd_buf_finish(&dec);
	}
}

static void base64_refuses_what_is_not_canonical(void **state)
{
	struct rd_buf b = rd_buf_growable(64);

	(void)state;
	assert_status(rd_base64_decode(rd_view_str("Zg="), &b), RD_MALFORMED);
	assert_status(rd_base64_decode(rd_view_str("Zg==Zg=="), &b), RD_MALFORMED);
	assert_status(rd_base64_decode(rd_view_str("Zh=="), &b), RD_NONCANONICAL);
	assert_status(rd_base64_decode(rd_view_str("Z g="), &b), RD_MALFORMED);
	assert_status(rd_base64_decode(rd_view_str("===="), &b), RD_MALFORMED);
	rd_buf_finish(&b);
}

static void numbers_are_whole_ranged_strings(void **state)
{
	uint64_t v = 0;

	(void)state;
	assert_ok(rd_parse_u64("18446744073709551615", 0, UINT64_MAX, &v));
	assert_true(v == UINT64_MAX);
	assert_status(rd_parse_u64("18446744073709551616", 0, UINT64_MAX, &v), RD_BAD_NUMBER);
	assert_status(rd_parse_u64("", 0, 9, &v), RD_BAD_NUMBER);
	assert_status(rd_parse_u64(" 1", 0, 9, &v), RD_BAD_NUMBER);
	assert_status(rd_parse_u64("1x", 0, 9, &v), RD_BAD_NUMBER);
	assert_status(rd_parse_u64("-1", 0, 9, &v), RD_BAD_NUMBER);
	assert_status(rd_parse_u64("10", 0, 9, &v), RD_BAD_NUMBER);
	assert_status(rd_parse_u64("3", 4, 9, &v), RD_BAD_NUMBER);
}

static void times_in_both_forms(void **state)
{
	char text[RD_TIME_TEXT_SIZE];
	int64_t t = 0;

	(void)state;
	assert_ok(rd_parse_time("2021-03-17T22:01:55Z", &t));
	assert_int_equal(t, 1616018515);
	assert_ok(rd_parse_time("1616018515", &t));
	assert_int_equal(t, 1616018515);
	assert_status(rd_parse_time("2021-03-17 22:01:55", &t), RD_MALFORMED);
	assert_status(rd_parse_time("2021-03-17T22:01:55+01:00", &t), RD_MALFORMED);
	rd_time_string(1616018515685, text);
	assert_string_equal(text, "2021-03-17T22:01:55.685Z");
}

static void errors_say_what_and_why(void **state)
{
	struct rd_error err;

	(void)state;
	assert_status(rd_fail_errno(&err, ENOENT, "cannot open %s", "a.eif"), RD_NOTFOUND);
	assert_string_equal(err.text, "cannot open a.eif: No such file or directory");
	assert_status(rd_error_wrap(&err, RD_IO, "run-enclave"), RD_NOTFOUND);
	assert_string_equal(err.text, "run-enclave: cannot open a.eif: No such file or directory");
	assert_status(rd_fail(NULL, RD_LIMIT, "nobody listens"), RD_LIMIT);
}

static void errors_do_nothing_to_the_terminal(void **state)
{
	struct rd_error err;

	(void)state;
	assert_status(rd_fail(&err, RD_BAD_PATH, "\"%s\"",
			      "a\x1b[2J\nb\x7f\xc2\x9b"
			      "31m \xc2\xa9 caf\xc3\xa9 \xff"),
		RD_BAD_PATH);
	assert_string_equal(err.text, "\"a?[2J?b???31m \xc2\xa9 caf\xc3\xa9 \xff\"");
	assert_status(rd_error_wrap(&err, RD_BAD_PATH, "%s", "x\ty\xc2"), RD_BAD_PATH);
	assert_string_equal(err.text, "x?y\xc2: \"a?[2J?b???31m \xc2\xa9 caf\xc3\xa9 \xff\"");
}

static void long_errors_are_cut_visibly(void **state)
{
	struct rd_error err;
	char path[2 * RD_ERROR_TEXT_MAX];

	(void)state;
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_status(rd_fail(&err, RD_LIMIT, "%s", path), RD_LIMIT);
	assert_int_equal(strlen(err.text), RD_ERROR_TEXT_MAX - 1);
	assert_string_equal(err.text + strlen(err.text) - 3, "...");
}

static void checked_arithmetic_reports_overflow(void **state)
{
	uint64_t v;

	(void)state;
	assert_ok(rd_add_u64(1, 2, &v));
	assert_status(rd_add_u64(UINT64_MAX, 1, &v), RD_LIMIT);
	assert_status(rd_mul_u64(UINT64_MAX, 2, &v), RD_LIMIT);
	assert_ok(rd_align_up_u64(4097, 4096, &v));
	assert_int_equal(v, 8192);
	assert_status(rd_align_up_u64(UINT64_MAX, 4096, &v), RD_LIMIT);
}

static void constant_time_comparison_compares(void **state)
{
	(void)state;
	assert_true(rd_equal_constant_time(rd_view_str("abc"), rd_view_str("abc")));
	assert_false(rd_equal_constant_time(rd_view_str("abc"), rd_view_str("abd")));
	assert_false(rd_equal_constant_time(rd_view_str("abc"), rd_view_str("ab")));
	assert_true(rd_equal_constant_time(rd_view(NULL, 0), rd_view(NULL, 0)));
}

/* At each place, for lengths around those that are compared at a time. */
static void constant_time_comparison_sees_each_bit(void **state)
{
	(void)state;
	for (size_t len = 1; len <= 33; len++) {
		uint8_t a[33] = {0}, b[33] = {0};

		for (size_t bit = 0; bit < 8 * len; bit++) {
			assert_true(rd_equal_constant_time(rd_view(a, len), rd_view(b, len)));
			b[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(rd_equal_constant_time(rd_view(a, len), rd_view(b, len)));
			b[bit / 8] = 0;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_names_match_their_codes),
		cmocka_unit_test(reader_stops_at_the_end),
		cmocka_unit_test(fixed_writer_refuses_overflow),
		cmocka_unit_test(growable_writer_grows_to_its_maximum_only),
		cmocka_unit_test(printf_leaves_no_nul),
		cmocka_unit_test(hex_round_trips_and_refuses_junk),
		cmocka_unit_test(base64_follows_rfc_4648),
		cmocka_unit_test(base64_refuses_what_is_not_canonical),
		cmocka_unit_test(numbers_are_whole_ranged_strings),
		cmocka_unit_test(times_in_both_forms),
		cmocka_unit_test(errors_say_what_and_why),
		cmocka_unit_test(errors_do_nothing_to_the_terminal),
		cmocka_unit_test(long_errors_are_cut_visibly),
		cmocka_unit_test(checked_arithmetic_reports_overflow),
		cmocka_unit_test(constant_time_comparison_compares),
		cmocka_unit_test(constant_time_comparison_sees_each_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
