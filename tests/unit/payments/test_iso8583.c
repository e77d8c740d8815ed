/* SPDX-License-Identifier: Apache-2.0 */
/* ISO 8583: a message written by hand, every field at its edges, every rule's refusal. */
#include "test.h"

#include "card/iso8583.h"

/* An echo request by hand: fields 7, 11 and, behind the second bitmap, 70. */
#define ECHO_BITMAPS "\x82\x20\0\0\0\0\0\0\x04\0\0\0\0\0\0\0"
#define ECHO_VALUES                                                                                \
	"0102030405"                                                                               \
	"123456"                                                                                   \
	"301"
#define TEXT(text)  text, sizeof(text) - 1
#define BYTES(text) rd_view(text, sizeof(text) - 1)

static const char echo[] = "0800" ECHO_BITMAPS ECHO_VALUES;

static struct rd_view field(const struct pay_iso *msg, unsigned number)
{
	return msg->fields[number];
}

static void reads_a_message_written_by_hand(void **state)
{
	struct pay_iso msg;
	int present = 0;

	(void)state;
	assert_ok(pay_iso_decode(BYTES(echo), &msg));
	assert_string_equal(msg.mti, "0800");
	assert_true(rd_view_equal(field(&msg, PAY_ISO_F_SENT), rd_view_str("0102030405")));
	assert_true(rd_view_equal(field(&msg, PAY_ISO_F_STAN), rd_view_str("123456")));
	assert_true(rd_view_equal(field(&msg, PAY_ISO_F_NETWORK), rd_view_str("301")));
	for (unsigned n = 0; n <= PAY_ISO_FIELD_MAX; n++) {
		present += pay_iso_has(&msg, n);
	}
	assert_int_equal(present, 3);
}

static void writes_the_same_bytes(void **state)
{
	uint8_t storage[PAY_ISO_MESSAGE_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct pay_iso msg = {.mti = "0800"};

	(void)state;
	assert_ok(pay_iso_set(&msg, PAY_ISO_F_NETWORK, rd_view_str("301")));
	assert_ok(pay_iso_set(&msg, PAY_ISO_F_STAN, rd_view_str("123456")));
	assert_ok(pay_iso_set(&msg, PAY_ISO_F_SENT, rd_view_str("0102030405")));
	assert_ok(pay_iso_encode(&msg, &out));
	assert_true(rd_view_equal(rd_buf_view(&out), BYTES(echo)));
}

/* One bitmap is enough without a field above 64. */
static void leaves_an_empty_second_bitmap_out(void **state)
{
	uint8_t storage[PAY_ISO_MESSAGE_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct pay_iso msg = {.mti = "0100"};

	(void)state;
	assert_ok(pay_iso_set(&msg, PAY_ISO_F_PAN, rd_view_str("4111111111111111")));
	assert_ok(pay_iso_encode(&msg, &out));
	assert_view_hex(rd_buf_view(&out), "30313030"
					   "4000000000000000"
					   "3136"
					   "34313131313131313131313131313131");
}

static uint8_t fitting(enum pay_iso_class klass)
{
	return klass == PAY_ISO_N || klass == PAY_ISO_Z ? '7' : klass == PAY_ISO_B ? 0xfe : 'x';
}

static struct pay_iso largest(const char *mti, const uint8_t *n, const uint8_t *x, const uint8_t *b)
{
	struct pay_iso msg = {.mti = ""};

	memcpy(msg.mti, mti, sizeof(msg.mti));
	for (unsigned number = 1; number <= PAY_ISO_FIELD_MAX; number++) {
		const struct pay_iso_format *f = pay_iso_format_of(number);
		const uint8_t c = f == NULL ? 0 : fitting((enum pay_iso_class)f->klass);

		if (f != NULL && f->care != PAY_ISO_REFUSED) {
			assert_ok(pay_iso_set(&msg, number,
				rd_view(c == '7'   ? n
					: c == 'x' ? x
						   : b,
					f->max)));
		}
	}
	return msg;
}

static void carries_every_field_at_its_longest_in_every_mti(void **state)
{
#define X(mti) mti,
	static const char *const mtis[] = {PAY_ISO_MTI_LIST(X)};
#undef X
	uint8_t n[999], x[999], b[999], storage[PAY_ISO_MESSAGE_MAX], again[PAY_ISO_MESSAGE_MAX];

	(void)state;
	memset(n, '7', sizeof(n));
	memset(x, 'x', sizeof(x));
	memset(b, 0xfe, sizeof(b));
	for (size_t i = 0; i < RD_ARRAY_LEN(mtis); i++) {
		struct pay_iso msg = largest(mtis[i], n, x, b), read;
		struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
		struct rd_buf twice = rd_buf_fixed(again, sizeof(again));

		assert_ok(pay_iso_encode(&msg, &out));
		assert_ok(pay_iso_decode(rd_buf_view(&out), &read));
		assert_string_equal(read.mti, mtis[i]);
		for (unsigned number = 1; number <= PAY_ISO_FIELD_MAX; number++) {
			assert_true(rd_view_equal(field(&msg, number), field(&read, number)));
		}
		assert_ok(pay_iso_encode(&read, &twice));
		assert_true(rd_view_equal(rd_buf_view(&out), rd_buf_view(&twice)));
	}
}

/* Whatever is cut off, at any byte. */
static void refuses_every_prefix(void **state)
{
	struct pay_iso msg;

	(void)state;
	for (size_t len = 0; len < sizeof(echo) - 1; len++) {
		assert_status(pay_iso_decode(rd_view(echo, len), &msg), RD_TRUNCATED);
	}
}

struct refusal {
	const char *bytes;
	size_t len;
	enum rd_status want;
};

static void check_refusals(const struct refusal *cases, size_t n)
{
	struct pay_iso msg = {.mti = "kept"};

	for (size_t i = 0; i < n; i++) {
		enum rd_status st = pay_iso_decode(rd_view(cases[i].bytes, cases[i].len), &msg);

		if (st != cases[i].want) {
			fail_msg("case %zu: %s, want %s", i, rd_status_name(st),
				rd_status_name(cases[i].want));
		}
	}
	assert_string_equal(msg.mti, "kept");
}

static void refuses_what_breaks_a_rule_of_the_message(void **state)
{
	static const struct refusal cases[] = {
		{TEXT("0800" ECHO_BITMAPS ECHO_VALUES "0"), RD_TRAILING},
		{TEXT("08O0" ECHO_BITMAPS ECHO_VALUES), RD_BAD_NUMBER},
		{TEXT("0801" ECHO_BITMAPS ECHO_VALUES), RD_UNSUPPORTED},
		{TEXT("1800" ECHO_BITMAPS ECHO_VALUES), RD_UNSUPPORTED},
		/* A second bitmap with nothing in it. */
		{TEXT("0800\x82\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
		      "0102030405123456"),
			RD_NONCANONICAL},
		/* Field 65, where a third bitmap would be announced; field 5; field 127. */
		{TEXT("0800\x80\0\0\0\0\0\0\0\x80\0\0\0\0\0\0\0"
		      "00000000"),
			RD_UNSUPPORTED},
		{TEXT("0100\x08\0\0\0\0\0\0\0"
		      "000000000000"),
			RD_UNSUPPORTED},
		{TEXT("0100\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02"
		      "003abc"),
			RD_UNSUPPORTED},
		/* A PIN block. */
		{TEXT("0100\0\0\0\0\0\0\x10\0"
		      "12345678"),
			RD_FORBIDDEN},
	};

	(void)state;
	check_refusals(cases, RD_ARRAY_LEN(cases));
}

static void refuses_values_that_are_not_of_their_field(void **state)
{
	static const struct refusal cases[] = {
		/* A PAN of 20 digits, of none, of a length that is no number, with a letter. */
		{TEXT("0100\x40\0\0\0\0\0\0\0"
		      "2041111111111111111111"),
			RD_LIMIT},
		{TEXT("0100\x40\0\0\0\0\0\0\0"
		      "00"),
			RD_OUT_OF_RANGE},
		{TEXT("0100\x40\0\0\0\0\0\0\0"
		      "1 4"),
			RD_BAD_NUMBER},
		{TEXT("0100\x40\0\0\0\0\0\0\0"
		      "-1"),
			RD_BAD_NUMBER},
		{TEXT("0100\x40\0\0\0\0\0\0\0"
		      "16411111111111111x"),
			RD_BAD_TYPE},
		/* Chip data of 256 bytes, of none; a length of 48 that is no number. */
		{TEXT("0100\0\0\0\0\0\0\x02\0"
		      "256"),
			RD_LIMIT},
		{TEXT("0100\0\0\0\0\0\0\x02\0"
		      "000"),
			RD_OUT_OF_RANGE},
		{TEXT("0100\0\0\0\0\0\x01\0\0"
		      "04a"),
			RD_BAD_NUMBER},
		/* Characters of each class: digit, letter, print, track. */
		{TEXT("0100\x20\0\0\0\0\0\0\0"
		      "00000 "),
			RD_BAD_TYPE},
		{TEXT("0100\0\0\0\0\x08\0\0\0"
		      "00000000000 "),
			RD_BAD_TYPE},
		{TEXT("0100\0\0\0\0\0\x80\0\0"
		      "abc\x1f    "),
			RD_BAD_TYPE},
		{TEXT("0100\0\0\0\0\0\x80\0\0"
		      "abc\x7f    "),
			RD_BAD_TYPE},
		{TEXT("0100\0\0\0\0\x20\0\0\0"
		      "03=d1"),
			RD_BAD_TYPE},
	};

	(void)state;
	check_refusals(cases, RD_ARRAY_LEN(cases));
}

static void refuses_a_message_that_is_too_long(void **state)
{
	static uint8_t bytes[PAY_ISO_MESSAGE_MAX + 1];
	struct pay_iso msg;

	(void)state;
	memcpy(bytes, echo, sizeof(echo) - 1);
	assert_status(pay_iso_decode(rd_view(bytes, sizeof(bytes)), &msg), RD_LIMIT);
	assert_status(pay_iso_decode(rd_view(bytes, sizeof(bytes) - 1), &msg), RD_TRAILING);
}

static void refuses_to_set_what_would_not_decode(void **state)
{
	uint8_t storage[PAY_ISO_MESSAGE_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct pay_iso msg = {.mti = "0100"}, other = {.mti = "0101"};

	(void)state;
	assert_ok(pay_iso_set(&msg, PAY_ISO_F_STAN, rd_view_str("123456")));
	assert_status(pay_iso_set(&msg, PAY_ISO_F_STAN, rd_view_str("123456")), RD_DUPLICATE);
	assert_status(pay_iso_set(&msg, PAY_ISO_F_AMOUNT, rd_view_str("12")), RD_OUT_OF_RANGE);
	assert_status(pay_iso_set(&msg, PAY_ISO_F_PAN, rd_view_str("")), RD_OUT_OF_RANGE);
	assert_status(
		pay_iso_set(&msg, PAY_ISO_F_PAN, rd_view_str("41111111111111111111")), RD_LIMIT);
	assert_status(pay_iso_set(&msg, PAY_ISO_F_PAN, rd_view_str("4111-111")), RD_BAD_TYPE);
	assert_status(pay_iso_set(&msg, PAY_ISO_F_PIN, BYTES("12345678")), RD_FORBIDDEN);
	assert_status(pay_iso_set(&msg, 1, BYTES("12345678")), RD_UNSUPPORTED);
	assert_status(pay_iso_set(&msg, 129, BYTES("1")), RD_UNSUPPORTED);
	assert_status(pay_iso_encode(&other, &out), RD_UNSUPPORTED);
	/* Set behind its back. */
	msg.fields[5] = rd_view_str("000000000000");
	assert_status(pay_iso_encode(&msg, &out), RD_UNSUPPORTED);
	msg.fields[5] = (struct rd_view){0};
	msg.fields[PAY_ISO_F_RRN] = rd_view_str("short");
	assert_status(pay_iso_encode(&msg, &out), RD_OUT_OF_RANGE);
	out = rd_buf_fixed(storage, 10);
	msg.fields[PAY_ISO_F_RRN] = rd_view_str("ABCDEF012345");
	assert_status(pay_iso_encode(&msg, &out), RD_NOSPACE);
}

/* --- subfields --- */

static void carries_subfields(void **state)
{
	uint8_t storage[200];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct pay_iso_private data = {0}, read;

	(void)state;
	data.tags[PAY_ISO_T_CVV] = rd_view_str("123");
	data.tags[0] = rd_view_str("zero");
	data.tags[99] = rd_view_str("~");
	assert_ok(pay_iso_private_encode(&data, &out));
	assert_true(rd_view_equal(rd_buf_view(&out), rd_view_str("0004zero920312399"
								 "01~")));
	assert_ok(pay_iso_private_decode(rd_buf_view(&out), &read));
	for (unsigned tag = 0; tag < PAY_ISO_TAGS; tag++) {
		assert_true(rd_view_equal(data.tags[tag], read.tags[tag]));
	}
	assert_ok(pay_iso_private_decode(rd_view_str(""), &read));
	assert_null(read.tags[0].ptr);
}

static void refuses_subfields_that_break_a_rule(void **state)
{
	static const struct {
		const char *text;
		enum rd_status want;
	} cases[] = {
		{"9", RD_TRUNCATED},
		{"920", RD_TRUNCATED},
		{"920312", RD_TRUNCATED},
		{"9203123"
		 "8",
			RD_TRUNCATED},
		{"9x03123", RD_BAD_NUMBER},
		{"92 3123", RD_BAD_NUMBER},
		{"9200", RD_OUT_OF_RANGE},
		{"9203123"
		 "9203123",
			RD_DUPLICATE},
		{"9203123"
		 "8001x",
			RD_NONCANONICAL},
		{"9203123"
		 "8001x"
		 "9203123",
			RD_NONCANONICAL},
		{"920312\t", RD_BAD_TYPE},
	};
	struct pay_iso_private data;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		assert_status(
			pay_iso_private_decode(rd_view_str(cases[i].text), &data), cases[i].want);
	}
}

static void refuses_to_write_subfields_that_break_a_rule(void **state)
{
	uint8_t storage[200], long_value[PAY_ISO_SUBFIELD_MAX + 1];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct pay_iso_private data = {0};

	(void)state;
	memset(long_value, 'x', sizeof(long_value));
	data.tags[1] = rd_view(long_value, sizeof(long_value));
	assert_status(pay_iso_private_encode(&data, &out), RD_LIMIT);
	data.tags[1] = rd_view(long_value, 0);
	assert_status(pay_iso_private_encode(&data, &out), RD_OUT_OF_RANGE);
	data.tags[1] = rd_view_str("\n");
	assert_status(pay_iso_private_encode(&data, &out), RD_BAD_TYPE);
	data.tags[1] = rd_view(long_value, PAY_ISO_SUBFIELD_MAX);
	assert_ok(pay_iso_private_encode(&data, &out));
}

/* --- what a log sees --- */

static bool contains(const struct rd_buf *text, const char *part)
{
	return memmem(text->ptr, text->used, part, strlen(part)) != NULL;
}

static void shows_nothing_secret(void **state)
{
	uint8_t storage[PAY_ISO_MESSAGE_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct pay_iso msg = {.mti = "0100"};

	(void)state;
	assert_ok(pay_iso_set(&msg, PAY_ISO_F_PAN, rd_view_str("5105105105105100")));
	assert_ok(pay_iso_set(&msg, PAY_ISO_F_STAN, rd_view_str("123456")));
	assert_ok(pay_iso_set(&msg, PAY_ISO_F_EXPIRY, rd_view_str("3108")));
	assert_ok(pay_iso_set(&msg, PAY_ISO_F_TRACK2, rd_view_str("5105105105105100=31081010000")));
	assert_ok(pay_iso_set(&msg, PAY_ISO_F_PRIVATE, rd_view_str("3704wxyz9203987")));
	assert_ok(pay_iso_set(&msg, PAY_ISO_F_CHIP, rd_view_str("\x5a\x08QQQQQQQQ")));
	assert_ok(pay_iso_set(&msg, PAY_ISO_F_MAC, rd_view_str("MMMMMMMM")));
	assert_ok(pay_iso_dump(&msg, &out));
	assert_true(rd_view_equal(
		rd_buf_view(&out), rd_view_str("0100 2=************5100 11=123456 14=*** 35=*** "
					       "48=[37=wxyz 92=***] 55=*** 64=(8 bytes)")));
	assert_false(contains(&out, "987"));
}

static void hides_what_is_not_of_subfields_and_short_numbers(void **state)
{
	uint8_t storage[PAY_ISO_MESSAGE_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct pay_iso msg = {.mti = "0100"};

	(void)state;
	assert_ok(pay_iso_set(&msg, PAY_ISO_F_PAN, rd_view_str("12345678901")));
	assert_ok(pay_iso_set(&msg, PAY_ISO_F_PRIVATE,
		rd_view_str("9203123"
			    "9203123")));
	/* A PIN block that somebody set behind the codec's back. */
	msg.fields[PAY_ISO_F_PIN] = rd_view_str("PPPPPPPP");
	assert_ok(pay_iso_dump(&msg, &out));
	assert_true(rd_view_equal(
		rd_buf_view(&out), rd_view_str("0100 2=*********** 48=(14 bytes) 52=***")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_message_written_by_hand),
		cmocka_unit_test(writes_the_same_bytes),
		cmocka_unit_test(leaves_an_empty_second_bitmap_out),
		cmocka_unit_test(carries_every_field_at_its_longest_in_every_mti),
		cmocka_unit_test(refuses_every_prefix),
		cmocka_unit_test(refuses_what_breaks_a_rule_of_the_message),
		cmocka_unit_test(refuses_values_that_are_not_of_their_field),
		cmocka_unit_test(refuses_a_message_that_is_too_long),
		cmocka_unit_test(refuses_to_set_what_would_not_decode),
		cmocka_unit_test(carries_subfields),
		cmocka_unit_test(refuses_subfields_that_break_a_rule),
		cmocka_unit_test(refuses_to_write_subfields_that_break_a_rule),
		cmocka_unit_test(shows_nothing_secret),
		cmocka_unit_test(hides_what_is_not_of_subfields_and_short_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
