/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR against RFC 8949: examples of appendix A, malformed items of appendix F, and our own rules.
 */
#include "test.h"

#include "cbor/decode.h"
#include "cbor/encode.h"

/* A decoder over hex; the buffer stays until bytes_of is called again or the test ends. */
static struct rd_cbor open_hex(const char *hex, unsigned flags)
{
	static uint8_t storage[4096];
	struct rd_buf b = rd_buf_fixed(storage, sizeof(storage));
	struct rd_cbor d;

	assert_ok(rd_hex_decode(rd_view_str(hex), &b));
	rd_cbor_init(&d, rd_buf_view(&b), flags);
	return d;
}

static void unsigned_integers_of_appendix_a(void **state)
{
	static const struct {
		uint64_t value;
		const char *hex;
	} cases[] = {
		{0, "00"},
		{1, "01"},
		{10, "0a"},
		{23, "17"},
		{24, "1818"},
		{25, "1819"},
		{100, "1864"},
		{1000, "1903e8"},
		{1000000, "1a000f4240"},
		{1000000000000, "1b000000e8d4a51000"},
		{UINT64_MAX, "1bffffffffffffffff"},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		struct rd_cbor d = open_hex(cases[i].hex, RD_CBOR_STRICT);
		uint8_t storage[16];
		struct rd_buf b = rd_buf_fixed(storage, sizeof(storage));
		uint64_t v = 0;

		assert_ok(rd_cbor_uint(&d, UINT64_MAX, &v));
		assert_true(v == cases[i].value);
		assert_ok(rd_cbor_finish(&d));
		assert_ok(rd_cbor_put_uint(&b, v));
		assert_view_hex(rd_buf_view(&b), cases[i].hex);
	}
}

static void signed_integers_of_appendix_a(void **state)
{
	static const struct {
		int64_t value;
		const char *hex;
	} cases[] = {
		{-1, "20"},
		{-10, "29"},
		{-100, "3863"},
		{-1000, "3903e7"},
		{INT64_MIN, "3b7fffffffffffffff"},
		{7, "07"},
	};
	struct rd_cbor d;
	int64_t v = 0;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		uint8_t storage[16];
		struct rd_buf b = rd_buf_fixed(storage, sizeof(storage));

		d = open_hex(cases[i].hex, RD_CBOR_STRICT);
		assert_ok(rd_cbor_int(&d, INT64_MIN, INT64_MAX, &v));
		assert_true(v == cases[i].value);
		assert_ok(rd_cbor_put_int(&b, v));
		assert_view_hex(rd_buf_view(&b), cases[i].hex);
	}
	d = open_hex("3bffffffffffffffff", RD_CBOR_STRICT);
	assert_status(rd_cbor_int(&d, INT64_MIN, INT64_MAX, &v), RD_OUT_OF_RANGE);
	d = open_hex("20", RD_CBOR_STRICT);
	assert_status(rd_cbor_int(&d, 0, 9, &v), RD_OUT_OF_RANGE);
}

static void strings_of_appendix_a(void **state)
{
	static const struct {
		const char *text;
		const char *hex;
	} cases[] = {
		{"", "60"},
		{"a", "6161"},
		{"IETF", "6449455446"},
		{"\"\\", "62225c"},
		{"\xc3\xbc", "62c3bc"},
		{"\xe6\xb0\xb4", "63e6b0b4"},
		{"\xf0\x90\x85\x91", "64f0908591"},
	};
	struct rd_view v;
	struct rd_cbor d;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		uint8_t storage[16];
		struct rd_buf b = rd_buf_fixed(storage, sizeof(storage));

		d = open_hex(cases[i].hex, RD_CBOR_STRICT);
		assert_ok(rd_cbor_text(&d, &v));
		assert_true(rd_view_equal(v, rd_view_str(cases[i].text)));
		assert_ok(rd_cbor_finish(&d));
		assert_ok(rd_cbor_put_str(&b, cases[i].text));
		assert_view_hex(rd_buf_view(&b), cases[i].hex);
	}
	d = open_hex("4401020304", RD_CBOR_STRICT);
	assert_ok(rd_cbor_bytes(&d, &v));
	assert_view_hex(v, "01020304");
}

static void simple_values_of_appendix_a(void **state)
{
	uint8_t storage[16];
	struct rd_buf b = rd_buf_fixed(storage, sizeof(storage));
	struct rd_cbor d = open_hex("f4f5f6", RD_CBOR_STRICT);
	bool v = true;

	(void)state;
	assert_ok(rd_cbor_bool(&d, &v));
	assert_false(v);
	assert_ok(rd_cbor_bool(&d, &v));
	assert_true(v);
	assert_ok(rd_cbor_null(&d));
	assert_ok(rd_cbor_finish(&d));
	assert_ok(rd_cbor_put_bool(&b, false));
	assert_ok(rd_cbor_put_bool(&b, true));
	assert_ok(rd_cbor_put_null(&b));
	assert_view_hex(rd_buf_view(&b), "f4f5f6");
}

static void tags_and_nesting_of_appendix_a(void **state)
{
	struct rd_cbor d = open_hex("c11a514b67b0", RD_CBOR_STRICT);
	struct rd_cbor_iter outer;
	struct rd_cbor_iter inner;
	uint64_t v = 0;
	bool more;

	(void)state;
	assert_ok(rd_cbor_tag(&d, &v));
	assert_int_equal(v, 1);
	assert_ok(rd_cbor_uint(&d, UINT64_MAX, &v));
	assert_int_equal(v, 1363896240);
	d = open_hex("8301820203820405", RD_CBOR_STRICT);
	assert_ok(rd_cbor_array(&d, &outer));
	assert_ok(rd_cbor_more(&d, &outer, &more));
	assert_ok(rd_cbor_uint(&d, 9, &v));
	for (uint64_t want = 2; want <= 4; want += 2) {
		assert_ok(rd_cbor_more(&d, &outer, &more));
		assert_true(more);
		assert_ok(rd_cbor_array_of(&d, 2, &inner));
		assert_ok(rd_cbor_uint(&d, 9, &v));
		assert_int_equal(v, want);
		assert_ok(rd_cbor_uint(&d, 9, &v));
		assert_int_equal(v, want + 1);
		assert_ok(rd_cbor_more(&d, &inner, &more));
		assert_false(more);
	}
	assert_status(rd_cbor_finish(&d), RD_TRAILING);
	assert_ok(rd_cbor_more(&d, &outer, &more));
	assert_false(more);
	assert_ok(rd_cbor_finish(&d));
}

static void writers_announce_containers(void **state)
{
	uint8_t storage[64];
	struct rd_buf b = rd_buf_fixed(storage, sizeof(storage));

	(void)state;
	assert_ok(rd_cbor_put_map(&b, 2));
	assert_ok(rd_cbor_put_str(&b, "a"));
	assert_ok(rd_cbor_put_uint64_wide(&b, 1));
	assert_ok(rd_cbor_put_str(&b, "b"));
	assert_ok(rd_cbor_put_array(&b, 3));
	assert_ok(rd_cbor_put_bytes_or_null(&b, rd_view(NULL, 0)));
	assert_ok(rd_cbor_put_bytes_or_null(&b, rd_view("", 0)));
	assert_ok(rd_cbor_put_tag(&b, 18));
	assert_ok(rd_cbor_put_bytes(&b, rd_view("\x01", 1)));
	assert_view_hex(rd_buf_view(&b), "a261611b0000000000000001616283f640d24101");
	b = rd_buf_fixed(storage, 2);
	assert_status(rd_cbor_put_uint(&b, 1000), RD_NOSPACE);
	assert_int_equal(b.used, 0);
}

/* RFC 8949 appendix F, and lengths that lie. */
static const struct {
	const char *hex;
	enum rd_status want;
} malformed[] = {
	{"", RD_TRUNCATED},
	{"18", RD_TRUNCATED},
	{"19", RD_TRUNCATED},
	{"1a", RD_TRUNCATED},
	{"1b", RD_TRUNCATED},
	{"1901", RD_TRUNCATED},
	{"1a0102", RD_TRUNCATED},
	{"1b01020304050607", RD_TRUNCATED},
	{"38", RD_TRUNCATED},
	{"58", RD_TRUNCATED},
	{"78", RD_TRUNCATED},
	{"98", RD_TRUNCATED},
	{"9a01ff00", RD_TRUNCATED},
	{"b8", RD_TRUNCATED},
	{"d8", RD_TRUNCATED},
	{"f8", RD_MALFORMED},
	{"f900", RD_TRUNCATED},
	{"fa0000", RD_TRUNCATED},
	{"fb000000", RD_TRUNCATED},
	{"41", RD_TRUNCATED},
	{"61", RD_TRUNCATED},
	{"5affffffff00", RD_TRUNCATED},
	{"5bffffffffffffffff010203", RD_TRUNCATED},
	{"7affffffff00", RD_TRUNCATED},
	{"7b7fffffffffffffff010203", RD_TRUNCATED},
	{"9bffffffffffffffff00", RD_TRUNCATED},
	{"bbffffffffffffffff0000", RD_TRUNCATED},
	{"bb80000000000000000000", RD_TRUNCATED},
	{"81", RD_TRUNCATED},
	{"818181818181818181", RD_TRUNCATED},
	{"8200", RD_TRUNCATED},
	{"a1", RD_TRUNCATED},
	{"a20102", RD_TRUNCATED},
	{"a100", RD_TRUNCATED},
	{"c0", RD_TRUNCATED},
	{"9f", RD_TRUNCATED},
	{"9f0102", RD_TRUNCATED},
	{"bf", RD_TRUNCATED},
	{"bf01020102", RD_TRUNCATED},
	{"819f", RD_TRUNCATED},
	{"1c", RD_MALFORMED},
	{"1d", RD_MALFORMED},
	{"1e", RD_MALFORMED},
	{"3c", RD_MALFORMED},
	{"5c", RD_MALFORMED},
	{"7c", RD_MALFORMED},
	{"9c", RD_MALFORMED},
	{"bc", RD_MALFORMED},
	{"dc", RD_MALFORMED},
	{"fc", RD_MALFORMED},
	{"f800", RD_MALFORMED},
	{"f818", RD_MALFORMED},
	{"1f", RD_MALFORMED},
	{"3f", RD_MALFORMED},
	{"df", RD_MALFORMED},
	{"ff", RD_MALFORMED},
	{"81ff", RD_MALFORMED},
	{"8200ff", RD_MALFORMED},
	{"a1ff00", RD_MALFORMED},
	{"a100ff", RD_MALFORMED},
	{"9f81ff", RD_MALFORMED},
	{"bf00ff", RD_MALFORMED},
	{"bf000000ff", RD_MALFORMED},
	{"61c0", RD_MALFORMED},
	{"62c0af", RD_MALFORMED},
	{"63eda080", RD_MALFORMED},
	{"64f4908080", RD_MALFORMED},
	{"62e282", RD_MALFORMED},
	{"5f4100ff", RD_NONCANONICAL},
	{"7f6161ff", RD_NONCANONICAL},
};

static void malformed_items_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(malformed); i++) {
		struct rd_cbor d = open_hex(malformed[i].hex, RD_CBOR_ALLOW_INDEFINITE);
		enum rd_status st = rd_cbor_skip(&d, NULL);

		if (st != malformed[i].want) {
			fail_msg("%s: got %s, want %s", malformed[i].hex, rd_status_name(st),
				rd_status_name(malformed[i].want));
		}
	}
}

static void skip_takes_exactly_one_item(void **state)
{
	static const char *const items[] = {
		"00",
		"3863",
		"f97e00",
		"fb3ff199999999999a",
		"f7",
		"80",
		"a0",
		"c249010000000000000000",
		"d818456449455446",
		"83018202039f0405ff",
		"9fff",
		"bfff",
		"bf61610161629f0203ffff",
		"826161bf61626163ff",
		"c1c2c300",
		"9f018202039f0405ffff",
		"a56161614161626142616361436164614461656145",
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(items); i++) {
		char hex[128];
		struct rd_cbor d;
		struct rd_view v;

		snprintf(hex, sizeof(hex), "%s00", items[i]);
		d = open_hex(hex, RD_CBOR_ALLOW_INDEFINITE);
		assert_ok(rd_cbor_skip(&d, &v));
		assert_view_hex(v, items[i]);
		assert_int_equal(d.cur.left, 1);
	}
}

static void flags_decide_on_indefinite_lengths(void **state)
{
	struct rd_cbor d = open_hex("9f01ff", RD_CBOR_STRICT);
	struct rd_cbor_iter it;
	uint64_t v;
	bool more;

	(void)state;
	assert_status(rd_cbor_array(&d, &it), RD_NONCANONICAL);
	d = open_hex("9f01ff", RD_CBOR_ALLOW_INDEFINITE);
	assert_ok(rd_cbor_array(&d, &it));
	assert_ok(rd_cbor_more(&d, &it, &more));
	assert_true(more);
	assert_ok(rd_cbor_uint(&d, 9, &v));
	assert_ok(rd_cbor_more(&d, &it, &more));
	assert_false(more);
	assert_ok(rd_cbor_finish(&d));
	d = open_hex("9f01ff", RD_CBOR_ALLOW_INDEFINITE);
	assert_status(rd_cbor_array_of(&d, 1, &it), RD_NONCANONICAL);
}

static void flags_decide_on_long_heads(void **state)
{
	static const char *const longs[] = {"1817", "190005", "1a00000005", "1b0000000000000005",
		"1900ff", "1a0000ffff", "1b00000000ffffffff"};
	struct rd_cbor d;
	struct rd_view v;
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(longs); i++) {
		d = open_hex(longs[i], RD_CBOR_STRICT);
		assert_status(rd_cbor_uint(&d, UINT64_MAX, &n), RD_NONCANONICAL);
		d = open_hex(longs[i], RD_CBOR_ALLOW_LONG_HEADS);
		assert_ok(rd_cbor_uint(&d, UINT64_MAX, &n));
	}
	d = open_hex("580161", RD_CBOR_STRICT);
	assert_status(rd_cbor_bytes(&d, &v), RD_NONCANONICAL);
	d = open_hex("d80100", RD_CBOR_STRICT);
	assert_status(rd_cbor_skip(&d, NULL), RD_NONCANONICAL);
}

static void other_types_are_refused(void **state)
{
	struct rd_cbor_iter it;
	struct rd_cbor d;
	struct rd_view v;
	uint64_t n;
	int64_t i;
	bool b;

	(void)state;
	d = open_hex("6161", 0);
	assert_status(rd_cbor_bytes(&d, &v), RD_BAD_TYPE);
	d = open_hex("4161", 0);
	assert_status(rd_cbor_text(&d, &v), RD_BAD_TYPE);
	d = open_hex("20", 0);
	assert_status(rd_cbor_uint(&d, 9, &n), RD_BAD_TYPE);
	d = open_hex("f6", 0);
	assert_status(rd_cbor_int(&d, 0, 9, &i), RD_BAD_TYPE);
	d = open_hex("f6", 0);
	assert_status(rd_cbor_bool(&d, &b), RD_BAD_TYPE);
	d = open_hex("f7", 0);
	assert_status(rd_cbor_null(&d), RD_BAD_TYPE);
	d = open_hex("a0", 0);
	assert_status(rd_cbor_array(&d, &it), RD_BAD_TYPE);
	d = open_hex("80", 0);
	assert_status(rd_cbor_map(&d, &it), RD_BAD_TYPE);
	d = open_hex("8100", 0);
	assert_status(rd_cbor_array_of(&d, 2, &it), RD_BAD_TYPE);
	d = open_hex("60", 0);
	assert_status(rd_cbor_bytes_or_null(&d, &v), RD_BAD_TYPE);
	d = open_hex("0a", 0);
	assert_status(rd_cbor_uint(&d, 9, &n), RD_OUT_OF_RANGE);
}

static void absent_and_empty_bytes_differ(void **state)
{
	struct rd_cbor d = open_hex("f640", RD_CBOR_STRICT);
	struct rd_view v = rd_view("", 0);

	(void)state;
	assert_ok(rd_cbor_bytes_or_null(&d, &v));
	assert_null(v.ptr);
	assert_ok(rd_cbor_bytes_or_null(&d, &v));
	assert_non_null(v.ptr);
	assert_int_equal(v.len, 0);
}

static void depth_is_capped(void **state)
{
	char hex[2 * RD_CBOR_DEPTH_MAX + 5] = "";
	struct rd_cbor_iter it;
	struct rd_cbor d;
	bool more;

	(void)state;
	for (int i = 0; i < RD_CBOR_DEPTH_MAX; i++) {
		memcpy(hex + 2 * i, "81", 3);
	}
	memcpy(hex + strlen(hex), "00", 3);
	d = open_hex(hex, RD_CBOR_STRICT);
	assert_ok(rd_cbor_skip(&d, NULL));
	memcpy(hex + strlen(hex) - 2, "8100", 5);
	d = open_hex(hex, RD_CBOR_STRICT);
	assert_status(rd_cbor_skip(&d, NULL), RD_TOO_DEEP);
	d = open_hex(hex, RD_CBOR_STRICT);
	for (int i = 0; i < RD_CBOR_DEPTH_MAX; i++) {
		assert_ok(rd_cbor_array(&d, &it));
		assert_ok(rd_cbor_more(&d, &it, &more));
	}
	assert_status(rd_cbor_array(&d, &it), RD_TOO_DEEP);
}

static const char *const names[] = {"a", "bc"};

/* Reads a map of integers; the last known index seen is returned through ret. */
static enum rd_status read_fields(const char *hex, int *ret_known, int *ret_unknown)
{
	struct rd_cbor d = open_hex(hex, RD_CBOR_ALLOW_INDEFINITE);
	struct rd_cbor_fields f;
	int index;

	*ret_known = 0;
	*ret_unknown = 0;
	RD_TRY(rd_cbor_fields_begin(&d, names, RD_ARRAY_LEN(names), &f));
	for (;;) {
		RD_TRY(rd_cbor_fields_next(&d, &f, &index));
		if (index == RD_CBOR_KEY_END) {
			return rd_cbor_finish(&d);
		}
		*(index == RD_CBOR_KEY_UNKNOWN ? ret_unknown : ret_known) += 1;
		RD_TRY(rd_cbor_skip(&d, NULL));
	}
}

static void maps_are_read_by_name_in_any_order(void **state)
{
	int known;
	int unknown;

	(void)state;
	assert_ok(read_fields("a362626301617801616102", &known, &unknown));
	assert_int_equal(known, 2);
	assert_int_equal(unknown, 1);
	assert_ok(read_fields("bf616101ff", &known, &unknown));
	assert_ok(read_fields("a0", &known, &unknown));
	assert_int_equal(known, 0);
}

static void duplicate_and_odd_keys_are_refused(void **state)
{
	char many[2 + 6 * (RD_CBOR_UNKNOWN_KEYS_MAX + 1) + 1] = "";
	int known;
	int unknown;

	(void)state;
	assert_status(read_fields("a2616101616102", &known, &unknown), RD_DUPLICATE);
	assert_status(read_fields("a2617801617802", &known, &unknown), RD_DUPLICATE);
	assert_status(read_fields("a10001", &known, &unknown), RD_BAD_TYPE);
	assert_status(read_fields("a1416101", &known, &unknown), RD_BAD_TYPE);
	assert_status(read_fields("a161610100", &known, &unknown), RD_TRAILING);
	assert_status(read_fields("80", &known, &unknown), RD_BAD_TYPE);
	snprintf(many, sizeof(many), "%02x", 0xa0 + RD_CBOR_UNKNOWN_KEYS_MAX);
	for (int i = 0; i < RD_CBOR_UNKNOWN_KEYS_MAX; i++) {
		snprintf(many + strlen(many), 7, "61%02x01", 'A' + i);
	}
	assert_ok(read_fields(many, &known, &unknown));
	assert_int_equal(unknown, RD_CBOR_UNKNOWN_KEYS_MAX);
	many[0] = 'b';
	many[1] = '1';
	snprintf(many + strlen(many), 7, "61%02x01", '0');
	assert_status(read_fields(many, &known, &unknown), RD_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unsigned_integers_of_appendix_a),
		cmocka_unit_test(signed_integers_of_appendix_a),
		cmocka_unit_test(strings_of_appendix_a),
		cmocka_unit_test(simple_values_of_appendix_a),
		cmocka_unit_test(tags_and_nesting_of_appendix_a),
		cmocka_unit_test(writers_announce_containers),
		cmocka_unit_test(malformed_items_are_refused),
		cmocka_unit_test(skip_takes_exactly_one_item),
		cmocka_unit_test(flags_decide_on_indefinite_lengths),
		cmocka_unit_test(flags_decide_on_long_heads),
		cmocka_unit_test(other_types_are_refused),
		cmocka_unit_test(absent_and_empty_bytes_differ),
		cmocka_unit_test(depth_is_capped),
		cmocka_unit_test(maps_are_read_by_name_in_any_order),
		cmocka_unit_test(duplicate_and_odd_keys_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
