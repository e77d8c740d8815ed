/* SPDX-License-Identifier: Apache-2.0 */
/* The end report: exact bytes, ranges, and texts that may reach an operator's terminal. */
#include "test.h"

#include "vsock/guest.h"

static struct rd_buf bytes_of(const char *hex, void *storage, size_t size)
{
	struct rd_buf b = rd_buf_fixed(storage, size);

	assert_ok(rd_hex_decode(rd_view_str(hex), &b));
	return b;
}

static enum rd_status decode(const char *hex, struct rd_guest_end *ret_end)
{
	uint8_t storage[1024];
	struct rd_buf b = bytes_of(hex, storage, sizeof(storage));

	return rd_guest_end_decode(rd_buf_view(&b), ret_end);
}

static enum rd_status decode_text(const char *text)
{
	uint8_t storage[1024];
	struct rd_buf b = rd_buf_fixed(storage, sizeof(storage));
	struct rd_guest_end end;

	assert_ok(rd_buf_le32(&b, RD_GUEST_INIT_FAILED));
	assert_ok(rd_buf_le32(&b, 0));
	assert_ok(rd_buf_le16(&b, (uint16_t)strlen(text)));
	assert_ok(rd_buf_put_str(&b, text));
	return rd_guest_end_decode(rd_buf_view(&b), &end);
}

static void report_has_these_bytes(void **state)
{
	struct rd_guest_end end = {.kind = RD_GUEST_INIT_FAILED, .value = 2, .text = "no /cmd"};
	uint8_t storage[RD_GUEST_END_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct rd_guest_end back;

	(void)state;
	assert_ok(rd_guest_end_encode(&end, &out));
	assert_view_hex(rd_buf_view(&out), "020000000200000007006e6f202f636d64");
	assert_ok(rd_guest_end_decode(rd_buf_view(&out), &back));
	assert_int_equal(back.kind, RD_GUEST_INIT_FAILED);
	assert_int_equal(back.value, 2);
	assert_string_equal(back.text, "no /cmd");
}

static void accepts_each_kind_and_refuses_values_outside_it(void **state)
{
	struct rd_guest_end end;

	(void)state;
	assert_ok(decode("00000000ff0000000000", &end));
	assert_int_equal(end.kind, RD_GUEST_EXITED);
	assert_int_equal(end.value, 255);
	assert_string_equal(end.text, "");
	assert_status(decode("00000000000100000000", &end), RD_OUT_OF_RANGE);
	assert_ok(decode("01000000090000000000", &end));
	assert_status(decode("01000000000000000000", &end), RD_OUT_OF_RANGE);
	assert_status(decode("01000000410000000000", &end), RD_OUT_OF_RANGE);
	assert_ok(decode("02000000ff0f00000000", &end));
	assert_status(decode("02000000001000000000", &end), RD_OUT_OF_RANGE);
	assert_status(decode("03000000000000000000", &end), RD_OUT_OF_RANGE);
}

static void refuses_wrong_sizes(void **state)
{
	char text[RD_GUEST_END_TEXT_MAX + 2];
	struct rd_guest_end end;

	(void)state;
	assert_status(decode("", &end), RD_TRUNCATED);
	assert_status(decode("000000000000000000", &end), RD_TRUNCATED);
	assert_status(decode("00000000000000000100", &end), RD_TRUNCATED);
	assert_status(decode("0000000000000000000041", &end), RD_TRAILING);
	memset(text, 'A', sizeof(text));
	text[RD_GUEST_END_TEXT_MAX + 1] = 0;
	assert_status(decode_text(text), RD_LIMIT);
	text[RD_GUEST_END_TEXT_MAX] = 0;
	assert_ok(decode_text(text));
}

static void text_is_printable_utf8_or_refused(void **state)
{
	static const char *const good[] = {
		"plain", "caf\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x94\x91", "\xef\xbf\xbd"};
	static const char *const bad[] = {"\x1b[2J", "a\nb", "\x7f", "\xc2\x9b" /* C1 */, "\xff",
		"\x80", "\xc3" /* cut */, "\xc0\xaf" /* overlong */, "\xe0\x80\xaf",
		"\xed\xa0\x80" /* surrogate */, "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80",
		"\xe2\x80\xae" /* right-to-left override */};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(good); i++) {
		assert_ok(decode_text(good[i]));
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(bad); i++) {
		assert_status(decode_text(bad[i]), RD_FORBIDDEN);
	}
}

static void encoder_makes_any_text_acceptable(void **state)
{
	struct rd_guest_end end = {
		.kind = RD_GUEST_EXITED, .text = "a\n\x1b[m\xff\xc3\xa9\xe2\x82"};
	uint8_t storage[RD_GUEST_END_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct rd_guest_end back;

	(void)state;
	assert_ok(rd_guest_end_encode(&end, &out));
	assert_ok(rd_guest_end_decode(rd_buf_view(&out), &back));
	assert_string_equal(back.text, "a??[m?\xc3\xa9??");
}

static void encoder_cuts_between_characters(void **state)
{
	struct rd_guest_end end = {.kind = RD_GUEST_EXITED};
	uint8_t storage[RD_GUEST_END_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct rd_guest_end back;

	(void)state;
	/* A byte that becomes '?' in front of two-byte characters: the last one is cut in its
	 * middle. */
	memset(end.text, 'x', 1);
	for (size_t i = 0; i < 127; i++) {
		memcpy(end.text + 1 + 2 * i, "\xc3\xa9", 2);
	}
	end.text[255] = '\xc3';
	assert_ok(rd_guest_end_encode(&end, &out));
	assert_ok(rd_guest_end_decode(rd_buf_view(&out), &back));
	assert_int_equal(strlen(back.text), 256);
	assert_string_equal(back.text + 253, "\xc3\xa9?");
}

static void encoder_refuses_no_kind_and_no_room(void **state)
{
	struct rd_guest_end end = {.kind = RD_GUEST_END_KIND_COUNT};
	uint8_t storage[11];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));

	(void)state;
	assert_status(rd_guest_end_encode(&end, &out), RD_USAGE);
	end.kind = RD_GUEST_EXITED;
	strcpy(end.text, "ab");
	assert_status(rd_guest_end_encode(&end, &out), RD_NOSPACE);
	assert_int_equal(out.used, 0);
	end.text[1] = 0;
	assert_ok(rd_guest_end_encode(&end, &out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(report_has_these_bytes),
		cmocka_unit_test(accepts_each_kind_and_refuses_values_outside_it),
		cmocka_unit_test(refuses_wrong_sizes),
		cmocka_unit_test(text_is_printable_utf8_or_refused),
		cmocka_unit_test(encoder_makes_any_text_acceptable),
		cmocka_unit_test(encoder_cuts_between_characters),
		cmocka_unit_test(encoder_refuses_no_kind_and_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
