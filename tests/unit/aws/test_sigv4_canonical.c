/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical request's rules, one by one: paths, queries, header values. */
#include "request.h"

static const uint8_t body_hash[RD_SHA256_SIZE];

/* Line n (from 0) of the canonical request. */
static void assert_line(struct request *q, const char *names, size_t n, const char *want)
{
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_SIGV4_CANONICAL_MAX);
	char *line;

	assert_ok(rd_sigv4_canonical(&q->r, rd_view_str(names), body_hash, &text));
	assert_ok(rd_buf_u8(&text, '\0'));
	line = (char *)text.ptr;
	while (n-- > 0) {
		line = strchr(line, '\n');
		assert_non_null(line);
		line++;
	}
	line[strcspn(line, "\n")] = '\0';
	assert_string_equal(line, want);
}

static void paths_are_normalised_and_encoded(void **state)
{
	static const char *const paths[][2] = {{"", "/"}, {"/", "/"}, {"//", "/"},
		{"/example/..", "/"}, {"/a/b/../..", "/"}, {"/../..", "/"}, {"/./", "/"},
		{"/./example", "/example"}, {"//example//", "/example/"}, {"/a/./b", "/a/b"},
		{"/a/../b", "/b"}, {"/example space/", "/example%20space/"},
		{"/\xe1\x88\xb4", "/%E1%88%B4"}, {"/a%20b", "/a%2520b"}, {"/-._~", "/-._~"},
		{"/a...", "/a..."}};
	struct request q;

	(void)state;
	make_request(&q);
	for (size_t i = 0; i < RD_ARRAY_LEN(paths); i++) {
		q.r.path = rd_view_str(paths[i][0]);
		assert_line(&q, "host", 1, paths[i][1]);
	}
}

static void query_parameters_are_sorted_and_encoded(void **state)
{
	static const char *const queries[][2] = {{"", ""}, {"a=1", "a=1"}, {"b=2&a=1", "a=1&b=2"},
		{"a=2&a=1", "a=1&a=2"}, {"ab=1&a=2", "a=2&ab=1"}, {"a-=1&a=2", "a=2&a-=1"},
		{"a", "a="}, {"&a=1&&", "a=1"}, {"a=b=c", "a=b%3Dc"}, {"a=%7e", "a=~"},
		{"a=%2f", "a=%2F"}, {"a=+", "a=%2B"}, {"%61=1", "a=1"},
		{"\xe1\x88\xb4=bar", "%E1%88%B4=bar"}};
	struct request q;

	(void)state;
	make_request(&q);
	for (size_t i = 0; i < RD_ARRAY_LEN(queries); i++) {
		q.r.query = rd_view_str(queries[i][0]);
		assert_line(&q, "host", 2, queries[i][1]);
	}
}

static void header_values_are_trimmed_collapsed_and_joined(void **state)
{
	struct request q;

	(void)state;
	make_request(&q);
	add_header(&q, "My-Header1", "  a   b \t c  ");
	add_header(&q, "my-header2", "value2");
	add_header(&q, "MY-HEADER2", " value3 ");
	add_header(&q, "My-Header2", "value1");
	add_header(&q, "empty", "");
	add_header(&q, "quoted", "\"a  b\"");
	assert_line(&q, "host;my-header1;my-header2", 3, "host:127.0.0.1:8080");
	assert_line(&q, "host;my-header1;my-header2", 4, "my-header1:a b c");
	assert_line(&q, "host;my-header1;my-header2", 5, "my-header2:value2,value3,value1");
	assert_line(&q, "host;my-header1;my-header2", 6, "");
	assert_line(&q, "host;my-header1;my-header2", 7, "host;my-header1;my-header2");
	assert_line(&q, "empty", 3, "empty:");
	assert_line(&q, "quoted", 3, "quoted:\"a b\"");
}

static void a_signed_value_with_blanks_verifies(void **state)
{
	char text[1024];
	struct request q;

	(void)state;
	make_request(&q);
	add_header(&q, "x-amz-note", "  two  words ");
	sign(&q, text, sizeof(text));
	assert_accepted(&q);
	set_header(&q, "x-amz-note", "two words");
	assert_accepted(&q);
	set_header(&q, "x-amz-note", "twowords");
	assert_refused(&q, RD_SIGV4_MISMATCH);
}

/* Longer than what is usual, and than what a canonical form may be. */
static void large_headers_are_signed_as_well(void **state)
{
	char text[1024];
	char *value = calloc(1, RD_SIGV4_CANONICAL_MAX + 1);
	struct request q;

	(void)state;
	assert_non_null(value);
	for (size_t len = 600; len < 1100; len += 50) {
		memset(value, 'v', len);
		make_request(&q);
		add_header(&q, "x-amz-note", value);
		sign(&q, text, sizeof(text));
		assert_accepted(&q);
		value[len - 1] = 'w';
		assert_refused(&q, RD_SIGV4_MISMATCH);
	}
	memset(value, 'v', RD_SIGV4_CANONICAL_MAX);
	set_header(&q, "x-amz-note", value);
	assert_refused(&q, RD_SIGV4_BAD_QUERY);
	free(value);
}

static void what_cannot_be_made_canonical_is_refused(void **state)
{
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_SIGV4_CANONICAL_MAX);
	char many[4 * (RD_SIGV4_QUERY_PARAMS_MAX + 1)] = "";
	struct request q;

	(void)state;
	make_request(&q);
	add_header(&q, "forged", "a\nhost:other");
	assert_status(
		rd_sigv4_canonical(&q.r, rd_view_str("forged"), body_hash, &text), RD_FORBIDDEN);
	assert_status(rd_sigv4_canonical(&q.r, rd_view_str("none"), body_hash, &text), RD_NOTFOUND);
	q.r.query = rd_view_str("a=%zz");
	assert_status(
		rd_sigv4_canonical(&q.r, rd_view_str("host"), body_hash, &text), RD_MALFORMED);
	q.r.query = rd_view_str("a=%2");
	assert_status(
		rd_sigv4_canonical(&q.r, rd_view_str("host"), body_hash, &text), RD_MALFORMED);
	for (size_t i = 0; i <= RD_SIGV4_QUERY_PARAMS_MAX; i++) {
		memcpy(many + 4 * i, "a=1&", 4);
	}
	q.r.query = rd_view(many, sizeof(many));
	assert_status(rd_sigv4_canonical(&q.r, rd_view_str("host"), body_hash, &text), RD_LIMIT);
	assert_refused(&q, RD_SIGV4_BAD_QUERY);
	make_request(&q);
	add_header(&q, "x-amz-forged", "a\nb");
	set_header(&q, "Authorization",
		AUTH(SCOPE, "content-type;host;x-amz-date;x-amz-forged;x-amz-target", SIGNATURE));
	assert_refused(&q, RD_SIGV4_BAD_HEADER);
}

static void times_round_trip(void **state)
{
	static const int64_t times[] = {0, 951782400, REQUEST_TIME, 253402300799};
	char text[RD_SIGV4_TIME_SIZE];
	int64_t again;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(times); i++) {
		assert_ok(rd_sigv4_time(times[i], text));
		assert_ok(rd_sigv4_parse_time(rd_view_str(text), &again));
		assert_int_equal(again, times[i]);
	}
	assert_status(rd_sigv4_time(-1, text), RD_OUT_OF_RANGE);
	assert_status(rd_sigv4_time(253402300800, text), RD_OUT_OF_RANGE);
	assert_status(rd_sigv4_parse_time(rd_view_str("19691231T235959Z"), &again), RD_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_normalised_and_encoded),
		cmocka_unit_test(query_parameters_are_sorted_and_encoded),
		cmocka_unit_test(header_values_are_trimmed_collapsed_and_joined),
		cmocka_unit_test(a_signed_value_with_blanks_verifies),
		cmocka_unit_test(large_headers_are_signed_as_well),
		cmocka_unit_test(what_cannot_be_made_canonical_is_refused),
		cmocka_unit_test(times_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
