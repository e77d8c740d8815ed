/* SPDX-License-Identifier: Apache-2.0 */
/* Form bodies of IAM and STS. */
#include "test.h"

#include "aws/query.h"
#include "aws/uri.h"

static void assert_query(const char *body, enum rd_status want)
{
	struct rd_buf storage RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_QUERY_SIZE_MAX);
	struct rd_query q;

	assert_status(rd_query_parse(rd_view_str(body), &storage, &q), want);
}

static void values_are_decoded(void **state)
{
	struct rd_buf storage RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_QUERY_SIZE_MAX);
	struct rd_query q;

	(void)state;
	assert_ok(rd_query_parse(rd_view_str("Action=CreateUser&Version=2010-05-08&UserName=a+b%2B"
					     "%C3%A4&Path=&PolicyDocument=%7B%22a%22%3D1%7D"),
		&storage, &q));
	assert_int_equal(q.n, 5);
	assert_true(rd_view_equal(rd_query_get(&q, "Action"), rd_view_str("CreateUser")));
	assert_true(rd_view_equal(rd_query_get(&q, "UserName"), rd_view_str("a b+\xc3\xa4")));
	assert_true(rd_view_equal(rd_query_get(&q, "PolicyDocument"), rd_view_str("{\"a\"=1}")));
	assert_non_null(rd_query_get(&q, "Path").ptr);
	assert_int_equal(rd_query_get(&q, "Path").len, 0);
	assert_null(rd_query_get(&q, "action").ptr);
}

static void what_is_no_form_is_refused(void **state)
{
	static char many[4 * (RD_QUERY_PARAMS_MAX + 2) * 2];
	static char name[RD_QUERY_NAME_MAX + 4];
	size_t at = 0;

	(void)state;
	assert_query("", RD_OK);
	assert_query("a=1&", RD_OK);
	assert_query("a", RD_MALFORMED);
	assert_query("&a=1", RD_MALFORMED);
	assert_query("=1", RD_MALFORMED);
	assert_query("a=%", RD_MALFORMED);
	assert_query("a=%4", RD_MALFORMED);
	assert_query("a=%zz", RD_MALFORMED);
	assert_query("a=%00", RD_MALFORMED);
	assert_query("a=%ff", RD_MALFORMED);
	assert_query("a%20b=1", RD_MALFORMED);
	assert_query("a=1&a=1", RD_DUPLICATE);
	assert_query("a=1&%61=1", RD_DUPLICATE);
	for (int i = 0; i <= RD_QUERY_PARAMS_MAX; i++) {
		at += (size_t)snprintf(many + at, sizeof(many) - at, "p%d=&", i);
	}
	assert_query(many, RD_LIMIT);
	memset(name, 'n', RD_QUERY_NAME_MAX + 1);
	name[RD_QUERY_NAME_MAX + 1] = '=';
	assert_query(name, RD_LIMIT);
}

static void an_overlong_body_is_refused(void **state)
{
	struct rd_buf storage RD_CLEANUP(rd_buf_finish) = rd_buf_growable(2 * RD_QUERY_SIZE_MAX);
	char *body = calloc(1, RD_QUERY_SIZE_MAX + 1);
	struct rd_query q;

	(void)state;
	assert_non_null(body);
	memset(body, 'a', RD_QUERY_SIZE_MAX + 1);
	body[1] = '=';
	assert_ok(rd_query_parse(rd_view(body, RD_QUERY_SIZE_MAX), &storage, &q));
	assert_int_equal(q.params[0].value.len, RD_QUERY_SIZE_MAX - 2);
	storage.used = 0;
	assert_status(rd_query_parse(rd_view(body, RD_QUERY_SIZE_MAX + 1), &storage, &q), RD_LIMIT);
	free(body);
}

static enum rd_status list_of(const char *body, size_t max, size_t *ret_n)
{
	struct rd_buf storage RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_QUERY_SIZE_MAX);
	struct rd_query q;

	assert_ok(rd_query_parse(rd_view_str(body), &storage, &q));
	return rd_query_list(&q, "Tags", max, ret_n);
}

static void lists_are_counted_without_gaps(void **state)
{
	static const char *const bad[] = {"Tags.member.2=a", "Tags.member.0=a", "Tags.member.01=a",
		"Tags.member.x=a", "Tags.member.=a", "Tags.member.1=a&Tags.member.3=a",
		"Tags.member.99999=a", "Tags.member.-1=a"};
	size_t n = 9;

	(void)state;
	assert_ok(list_of("Tags.member.1.Key=k&Tags.member.1.Value=v&Tags.member.2.Key=k", 2, &n));
	assert_int_equal(n, 2);
	assert_ok(list_of("Tags=&Other.member.7=x", 2, &n));
	assert_int_equal(n, 0);
	assert_status(list_of("Tags.member.1=a&Tags.member.2=b&Tags.member.3=c", 2, &n), RD_LIMIT);
	assert_status(list_of("Tags.member.9999=a", SIZE_MAX, &n), RD_LIMIT);
	for (size_t i = 0; i < RD_ARRAY_LEN(bad); i++) {
		assert_status(list_of(bad[i], 50, &n), RD_MALFORMED);
	}
}

static void members_are_found_by_number_and_field(void **state)
{
	struct rd_buf storage RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_QUERY_SIZE_MAX);
	struct rd_query q;

	(void)state;
	assert_ok(rd_query_parse(
		rd_view_str("Tags.member.2.Key=k2&Names.member.1=n1&Tags.member.1.Key=k1"),
		&storage, &q));
	assert_true(rd_view_equal(rd_query_member(&q, "Tags", 2, "Key"), rd_view_str("k2")));
	assert_true(rd_view_equal(rd_query_member(&q, "Names", 1, NULL), rd_view_str("n1")));
	assert_null(rd_query_member(&q, "Tags", 1, "Value").ptr);
	assert_null(rd_query_member(&q, "Tags", 3, "Key").ptr);
}

static void percent_encoding_leaves_the_unreserved_alone(void **state)
{
	struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(256);

	(void)state;
	assert_ok(rd_uri_encode(rd_view_str("AZaz09-._~ /+%\xc3\xa4"), &out));
	assert_true(rd_view_equal(rd_buf_view(&out), rd_view_str("AZaz09-._~%20%2F%2B%25%C3%A4")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_decoded),
		cmocka_unit_test(what_is_no_form_is_refused),
		cmocka_unit_test(an_overlong_body_is_refused),
		cmocka_unit_test(lists_are_counted_without_gaps),
		cmocka_unit_test(members_are_found_by_number_and_field),
		cmocka_unit_test(percent_encoding_leaves_the_unreserved_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
