/* SPDX-License-Identifier: Apache-2.0 */
/* JSON requests: what does not parse, what has the wrong type, and what breaks a rule. */
#include "test.h"

#include "aws/json_in.h"

static void assert_parse(const char *text, enum rd_status want)
{
	json_t *json RD_CLEANUP(rd_json_in_free) = NULL;

	assert_status(rd_json_in_parse(rd_view_str(text), &json), want);
	assert_true((json != NULL) == (want == RD_OK));
}

static void parses_objects_and_nothing_else(void **state)
{
	(void)state;
	assert_parse("", RD_OK);
	assert_parse("{}", RD_OK);
	assert_parse(" { \"a\" : [1, 2.5, null, true, \"x\"] } \n", RD_OK);
	assert_parse("[]", RD_BAD_TYPE);
	assert_parse("1", RD_MALFORMED);
	assert_parse("{", RD_MALFORMED);
	assert_parse("}{", RD_MALFORMED);
	assert_parse("{} {}", RD_MALFORMED);
	assert_parse("{\"a\":1,}", RD_MALFORMED);
	assert_parse("{\"a\":01}", RD_MALFORMED);
	assert_parse("{\"a\":99999999999999999999}", RD_MALFORMED);
	assert_parse("{\"a\":\"unended", RD_MALFORMED);
	assert_parse("{\"a\":\"\\", RD_MALFORMED);
	assert_parse("{\"a\":1,\"a\":1}", RD_DUPLICATE);
	assert_parse("{\"a\":1,\"\\u0061\":1}", RD_DUPLICATE);
}

static void strings_are_unicode_without_nul(void **state)
{
	(void)state;
	assert_parse("{\"a\":\"\\ud83d\\ude00\"}", RD_OK);
	assert_parse("{\"a\":\"\\ud83d\"}", RD_MALFORMED);
	assert_parse("{\"a\":\"\\ude00\\ud83d\"}", RD_MALFORMED);
	assert_parse("{\"a\":\"\\u0000\"}", RD_MALFORMED);
	assert_parse("{\"\\u0000\":1}", RD_MALFORMED);
	assert_parse("{\"a\":\"\xff\"}", RD_MALFORMED);
	assert_parse("{\"a\":\"\xc0\xaf\"}", RD_MALFORMED);
	assert_parse("{\"a\":\"\xed\xa0\x80\"}", RD_MALFORMED);
	assert_parse("{\"a\":\"\n\"}", RD_MALFORMED);
}

static void depth_and_number_of_values_are_bounded(void **state)
{
	char text[256];
	char *many;
	struct rd_view v;
	json_t *json RD_CLEANUP(rd_json_in_free) = NULL;

	(void)state;
	snprintf(text, sizeof(text), "{\"a\":%.*s%.*s}", 31, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 31,
		"]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
	assert_parse(text, RD_OK);
	snprintf(text, sizeof(text), "{\"a\":%.*s%.*s}", 32, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 32,
		"]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
	assert_parse(text, RD_TOO_DEEP);
	/* Brackets in strings are text. */
	assert_parse("{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"{{{{\"}", RD_OK);
	many = malloc(RD_JSON_IN_SIZE_MAX + 1);
	assert_non_null(many);
	memset(many, '0', RD_JSON_IN_SIZE_MAX + 1);
	for (size_t i = 0; i < RD_JSON_IN_VALUES_MAX + 8; i++) {
		many[2 * i + 1] = ',';
	}
	v = rd_view(many, RD_JSON_IN_SIZE_MAX);
	memcpy(many, "{\"a\":[", 6);
	assert_status(rd_json_in_parse(v, &json), RD_LIMIT);
	v.len = RD_JSON_IN_SIZE_MAX + 1;
	memset(many, ' ', v.len);
	assert_status(rd_json_in_parse(v, &json), RD_LIMIT);
	free(many);
}

/* Whatever we take jansson takes as the same, and what we refuse it refuses. */
static void assert_as_jansson(const char *text, size_t len)
{
	json_t *ours RD_CLEANUP(rd_json_in_free) = NULL;
	json_t *theirs RD_CLEANUP(rd_json_in_free) = json_loadb(
		text, len, JSON_REJECT_DUPLICATES, NULL);
	bool taken = rd_json_in_parse(rd_view(text, len), &ours) == RD_OK;

	assert_true(taken == json_is_object(theirs));
	assert_true(!taken || json_equal(ours, theirs));
}

/* Each byte at each place, in names and strings around the lengths that are taken at a time. */
static void every_byte_is_read_as_jansson_reads_it(void **state)
{
	static const char *const texts[] = {"{\"name\":\"v\"}", "{\"a\":\"string of 18 bytes\"}",
		"{ \"a name of 18 bytes\" : 1 }", "{\"a\":[true,false,null],\"b\":{}}",
		"{\"a\":-1.5e+3,\"b\":[\"\\ud83d\\ude00\",\"\xc3\xa4\"]}"};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(texts); i++) {
		size_t len = strlen(texts[i]);
		char text[64];

		for (size_t at = 0; at < len; at++) {
			for (unsigned c = 0; c < 256; c++) {
				memcpy(text, texts[i], len);
				text[at] = (char)c;
				assert_as_jansson(text, len);
			}
			assert_as_jansson(texts[i], at == 0 ? len : at);
		}
	}
}

/* A parsed request and its findings. */
struct fixture {
	json_t *json;
	struct rd_validation v;
	struct rd_json_in in;
};

static void set_up(struct fixture *f, const char *text)
{
	*f = (struct fixture){0};
	assert_ok(rd_json_in_parse(rd_view_str(text), &f->json));
	f->in = rd_json_in(f->json, &f->v);
}

/* The message, or none; and the end of the fixture. */
static void tear_down(struct fixture *f, const char *want)
{
	struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(8192);

	assert_true(f->v.failed == (want != NULL));
	if (want != NULL) {
		assert_ok(rd_validation_message(&f->v, &out));
		assert_ok(rd_buf_u8(&out, '\0'));
		assert_string_equal((const char *)out.ptr, want);
	}
	rd_json_in_free(&f->json);
}

static bool is_hex(struct rd_view v)
{
	return v.len == 2 && v.ptr[0] != 'z';
}

static void strings_are_counted_in_characters(void **state)
{
	const struct rd_json_string_rule rule = {.required = true, .min = 1, .max = 3};
	struct rd_view text;
	struct fixture f;

	(void)state;
	set_up(&f, "{\"KeyId\":\"\\u00e4\\u00f6\\u00fc\",\"Other\":null}");
	assert_ok(rd_json_in_string(&f.in, "KeyId", &rule, &text));
	assert_int_equal(text.len, 6);
	tear_down(&f, NULL);
	set_up(&f, "{\"KeyId\":\"abcd\",\"Name\":\"\",\"Null\":null}");
	assert_ok(rd_json_in_string(&f.in, "KeyId", &rule, &text));
	assert_null(text.ptr);
	assert_ok(rd_json_in_string(&f.in, "Name", &rule, &text));
	assert_null(text.ptr);
	assert_ok(rd_json_in_string(&f.in, "Null", &rule, &text));
	assert_null(text.ptr);
	tear_down(&f,
		"3 validation errors detected: Value 'abcd' at 'keyId' failed to satisfy "
		"constraint: Member must have length less than or equal to 3; Value '' at 'name' "
		"failed to satisfy constraint: Member must have length greater than or equal to 1; "
		"Value null at 'null' failed to satisfy constraint: Member must not be null");
}

static void patterns_and_sensitive_values(void **state)
{
	const struct rd_json_string_rule rule = {
		.sensitive = true, .max = 9, .pattern = "^[0-9a-f]{2}$", .matches = is_hex};
	struct rd_view text;
	struct fixture f;

	(void)state;
	set_up(&f, "{\"KeyMaterialId\":\"zz\",\"Good\":\"ab\",\"Number\":5}");
	assert_ok(rd_json_in_string(&f.in, "Good", &rule, &text));
	assert_true(rd_view_equal(text, rd_view_str("ab")));
	assert_ok(rd_json_in_string(&f.in, "Absent", &rule, &text));
	assert_null(text.ptr);
	assert_status(rd_json_in_string(&f.in, "Number", &rule, &text), RD_BAD_TYPE);
	assert_ok(rd_json_in_string(&f.in, "KeyMaterialId", &rule, &text));
	tear_down(&f, "1 validation error detected: Value at 'keyMaterialId' failed to satisfy "
		      "constraint: Member must satisfy regular expression pattern: ^[0-9a-f]{2}$");
}

static void enumerations_give_an_index(void **state)
{
	static const char *const specs[] = {"AES_256", "AES_128"};
	struct fixture f;
	int index;

	(void)state;
	set_up(&f, "{\"KeySpec\":\"AES_128\",\"Bad\":\"aes_128\",\"List\":[\"AES_256\"]}");
	assert_ok(rd_json_in_enum(&f.in, "KeySpec", true, specs, 2, &index));
	assert_int_equal(index, 1);
	assert_ok(rd_json_in_enum(&f.in, "Absent", false, specs, 2, &index));
	assert_int_equal(index, -1);
	assert_status(rd_json_in_enum(&f.in, "List", true, specs, 2, &index), RD_BAD_TYPE);
	assert_ok(rd_json_in_enum(&f.in, "Bad", true, specs, 2, &index));
	assert_int_equal(index, -1);
	tear_down(&f, "1 validation error detected: Value 'aes_128' at 'bad' failed to satisfy "
		      "constraint: Member must satisfy enum value set: [AES_256, AES_128]");
}

static void blobs_are_strict_base64(void **state)
{
	static const char *const bad[] = {
		"***", "YQ", "YQ=", "YQ==YQ==", "YR==", "Y Q=", "YQ==\\n"};
	const struct rd_json_blob_rule rule = {.required = true, .min = 1, .max = 16};
	char text[64];
	uint8_t storage[64];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct rd_view bytes;
	struct fixture f;

	(void)state;
	/* As json-c writes it: every slash escaped. */
	set_up(&f, "{ \"Plaintext\": \"\\/\\/\\/\\/\" }");
	assert_ok(rd_json_in_blob(&f.in, "Plaintext", &rule, &out, &bytes));
	assert_view_hex(bytes, "ffffff");
	tear_down(&f, NULL);
	for (size_t i = 0; i < RD_ARRAY_LEN(bad); i++) {
		snprintf(text, sizeof(text), "{\"P\":\"%s\"}", bad[i]);
		set_up(&f, text);
		assert_true(rd_json_in_blob(&f.in, "P", &rule, &out, &bytes) != RD_OK);
		tear_down(&f, NULL);
	}
	set_up(&f, "{\"P\":5}");
	assert_status(rd_json_in_blob(&f.in, "P", &rule, &out, &bytes), RD_BAD_TYPE);
	tear_down(&f, NULL);
}

static void blob_lengths_are_of_the_bytes(void **state)
{
	const struct rd_json_blob_rule rule = {.required = true, .min = 1, .max = 4};
	uint8_t storage[16];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct rd_view bytes;
	struct fixture f;

	(void)state;
	set_up(&f, "{\"A\":\"YWJjZA==\",\"B\":\"\",\"C\":\"YWJjZGU=\",\"D\":\"YWJjZGVmZ2hpamts\"}");
	assert_ok(rd_json_in_blob(&f.in, "A", &rule, &out, &bytes));
	assert_true(rd_view_equal(bytes, rd_view_str("abcd")));
	assert_ok(rd_json_in_blob(&f.in, "B", &rule, &out, &bytes));
	assert_null(bytes.ptr);
	assert_ok(rd_json_in_blob(&f.in, "C", &rule, &out, &bytes));
	assert_null(bytes.ptr);
	assert_ok(rd_json_in_blob(&f.in, "D", &rule, &out, &bytes));
	assert_int_equal(out.used, 4);
	tear_down(&f,
		"3 validation errors detected: Value at 'b' failed to satisfy constraint: Member "
		"must have length greater than or equal to 1; Value at 'c' failed to satisfy "
		"constraint: Member must have length less than or equal to 4; Value at 'd' failed "
		"to satisfy constraint: Member must have length less than or equal to 4");
}

static void numbers_are_plain_integers_in_range(void **state)
{
	const struct rd_json_int_rule rule = {.min = 1, .max = 1024};
	int64_t value = 0;
	struct fixture f;
	bool present;

	(void)state;
	set_up(&f, "{\"A\":32,\"B\":0,\"C\":1025,\"D\":1.0,\"E\":\"1\",\"F\":true}");
	assert_ok(rd_json_in_int(&f.in, "A", &rule, &present, &value));
	assert_true(present && value == 32);
	assert_ok(rd_json_in_int(&f.in, "Absent", &rule, &present, &value));
	assert_false(present);
	assert_status(rd_json_in_int(&f.in, "D", &rule, &present, &value), RD_BAD_TYPE);
	assert_status(rd_json_in_int(&f.in, "E", &rule, &present, &value), RD_BAD_TYPE);
	assert_status(rd_json_in_int(&f.in, "F", &rule, &present, &value), RD_BAD_TYPE);
	assert_ok(rd_json_in_int(&f.in, "B", &rule, &present, &value));
	assert_false(present);
	assert_ok(rd_json_in_int(&f.in, "C", &rule, &present, &value));
	assert_false(present);
	tear_down(&f,
		"2 validation errors detected: Value '0' at 'b' failed to satisfy constraint: "
		"Member must have value greater than or equal to 1; Value '1025' at 'c' failed to "
		"satisfy constraint: Member must have value less than or equal to 1024");
}

static void booleans_and_times(void **state)
{
	uint64_t ms = 0;
	struct fixture f;
	bool value;

	(void)state;
	set_up(&f, "{\"T\":true,\"N\":null,\"S\":\"true\",\"I\":1767225600,\"R\":1767225600.1235,"
		   "\"Neg\":-1,\"Big\":253402300800,\"Exp\":1.7672256e9}");
	assert_ok(rd_json_in_bool(&f.in, "T", false, &value));
	assert_true(value);
	assert_ok(rd_json_in_bool(&f.in, "N", true, &value));
	assert_true(value);
	assert_status(rd_json_in_bool(&f.in, "S", false, &value), RD_BAD_TYPE);
	assert_ok(rd_json_in_time(&f.in, "I", &value, &ms));
	assert_true(value && ms == 1767225600000);
	assert_ok(rd_json_in_time(&f.in, "R", &value, &ms));
	assert_true(ms == 1767225600123 || ms == 1767225600124);
	assert_ok(rd_json_in_time(&f.in, "Exp", &value, &ms));
	assert_true(ms == 1767225600000);
	assert_ok(rd_json_in_time(&f.in, "Absent", &value, &ms));
	assert_false(value);
	assert_status(rd_json_in_time(&f.in, "S", &value, &ms), RD_BAD_TYPE);
	assert_status(rd_json_in_time(&f.in, "Neg", &value, &ms), RD_OUT_OF_RANGE);
	assert_status(rd_json_in_time(&f.in, "Big", &value, &ms), RD_OUT_OF_RANGE);
	tear_down(&f, NULL);
}

static void members_of_members_have_paths(void **state)
{
	const struct rd_json_string_rule key = {.required = true, .min = 1, .max = 3};
	const struct rd_json_list_rule tags = {.max = 50};
	struct rd_json_list list;
	struct rd_json_in tag;
	struct rd_view text;
	struct fixture f;

	(void)state;
	set_up(&f, "{\"Tags\":[{\"TagKey\":\"ok\"},{\"TagKey\":\"long\"},{}],"
		   "\"Recipient\":{\"Bad\":\"\"},\"Number\":1,\"Null\":[null]}");
	assert_ok(rd_json_in_list(&f.in, "Tags", &tags, &list));
	assert_int_equal(list.n, 3);
	for (size_t i = 0; i < list.n; i++) {
		assert_ok(rd_json_list_object(&f.in, &list, i, &tag));
		assert_ok(rd_json_in_string(&tag, "TagKey", &key, &text));
	}
	assert_ok(rd_json_in_object(&f.in, "Recipient", false, &tag));
	assert_ok(rd_json_in_string(&tag, "Bad", &key, &text));
	assert_ok(rd_json_in_object(&f.in, "Absent", false, &tag));
	assert_null(tag.object);
	assert_status(rd_json_in_object(&f.in, "Number", false, &tag), RD_BAD_TYPE);
	assert_status(rd_json_in_list(&f.in, "Number", &tags, &list), RD_BAD_TYPE);
	assert_ok(rd_json_in_list(&f.in, "Null", &tags, &list));
	assert_status(rd_json_list_string(&f.in, &list, 0, &key, &text), RD_BAD_TYPE);
	assert_status(rd_json_list_object(&f.in, &list, 0, &tag), RD_BAD_TYPE);
	tear_down(&f,
		"3 validation errors detected: Value 'long' at 'tags.2.member.tagKey' failed to "
		"satisfy constraint: Member must have length less than or equal to 3; Value null "
		"at 'tags.3.member.tagKey' failed to satisfy constraint: Member must not be null; "
		"Value '' at 'recipient.bad' failed to satisfy constraint: Member must have length "
		"greater than or equal to 1");
}

static void lists_have_lengths(void **state)
{
	static const char *const ops[] = {"Decrypt"};
	const struct rd_json_list_rule rule = {.required = true, .min = 1, .max = 2};
	struct rd_json_list list;
	struct fixture f;
	int index;

	(void)state;
	set_up(&f, "{\"A\":[\"Decrypt\",\"x\"],\"B\":[],\"C\":[1,2,3]}");
	assert_ok(rd_json_in_list(&f.in, "A", &rule, &list));
	assert_ok(rd_json_list_enum(&f.in, &list, 0, ops, 1, &index));
	assert_int_equal(index, 0);
	assert_ok(rd_json_list_enum(&f.in, &list, 1, ops, 1, &index));
	assert_ok(rd_json_in_list(&f.in, "B", &rule, &list));
	assert_int_equal(list.n, 0);
	assert_ok(rd_json_in_list(&f.in, "C", &rule, &list));
	assert_int_equal(list.n, 0);
	assert_ok(rd_json_in_list(&f.in, "D", &rule, &list));
	tear_down(&f,
		"4 validation errors detected: Value 'x' at 'a.2.member' failed to satisfy "
		"constraint: Member must satisfy enum value set: [Decrypt]; Value at 'b' failed to "
		"satisfy constraint: Member must have length greater than or equal to 1; Value at "
		"'c' failed to satisfy constraint: Member must have length less than or equal to "
		"2; Value null at 'd' failed to satisfy constraint: Member must not be null");
}

static void maps_come_sorted(void **state)
{
	struct rd_json_pair pairs[3];
	struct fixture f;
	size_t n = 9;

	(void)state;
	set_up(&f, "{\"C\":{\"b\":\"2\",\"ab\":\"\",\"a\":\"1\"},\"Four\":{\"a\":\"\",\"b\":\"\","
		   "\"c\":\"\",\"d\":\"\"},\"Int\":{\"a\":1},\"List\":[]}");
	assert_ok(rd_json_in_map(&f.in, "C", pairs, 3, &n));
	assert_int_equal(n, 3);
	assert_true(rd_view_equal(pairs[0].key, rd_view_str("a")));
	assert_true(rd_view_equal(pairs[1].key, rd_view_str("ab")));
	assert_true(rd_view_equal(pairs[2].value, rd_view_str("2")));
	assert_ok(rd_json_in_map(&f.in, "Absent", pairs, 3, &n));
	assert_int_equal(n, 0);
	assert_status(rd_json_in_map(&f.in, "Four", pairs, 3, &n), RD_LIMIT);
	assert_status(rd_json_in_map(&f.in, "Int", pairs, 3, &n), RD_BAD_TYPE);
	assert_status(rd_json_in_map(&f.in, "List", pairs, 3, &n), RD_BAD_TYPE);
	tear_down(&f, NULL);
}

static void endless_findings_are_cut_at_a_clause(void **state)
{
	struct rd_validation v = {0};
	struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(8192);
	char value[600];

	(void)state;
	memset(value, 'v', sizeof(value));
	for (int i = 0; i < 100; i++) {
		rd_validation_add(
			&v, RD_VALUE_SHOWN, rd_view(value, sizeof(value)), "field", "be good");
	}
	assert_true(v.failed && v.count > 5 && v.count < 20);
	assert_ok(rd_validation_message(&v, &out));
	assert_memory_equal(out.ptr + out.used - 7, "be good", 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_objects_and_nothing_else),
		cmocka_unit_test(strings_are_unicode_without_nul),
		cmocka_unit_test(depth_and_number_of_values_are_bounded),
		cmocka_unit_test(every_byte_is_read_as_jansson_reads_it),
		cmocka_unit_test(strings_are_counted_in_characters),
		cmocka_unit_test(patterns_and_sensitive_values),
		cmocka_unit_test(enumerations_give_an_index),
		cmocka_unit_test(blobs_are_strict_base64),
		cmocka_unit_test(blob_lengths_are_of_the_bytes),
		cmocka_unit_test(numbers_are_plain_integers_in_range),
		cmocka_unit_test(booleans_and_times),
		cmocka_unit_test(members_of_members_have_paths),
		cmocka_unit_test(lists_have_lengths),
		cmocka_unit_test(maps_come_sorted),
		cmocka_unit_test(endless_findings_are_cut_at_a_clause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
