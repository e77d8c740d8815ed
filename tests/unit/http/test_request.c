/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about reading a request's head: what clients send, and each way of being ambiguous. */
#include "test.h"

#include "http/request.h"

static struct rd_http_request request;
static struct rd_http_framing framing;

static enum rd_status parse(const char *text)
{
	return rd_http_parse_head(rd_view_str(text), &request, &framing);
}

#define HOST "Host: kms.local-1.amazonaws.com\r\n"

static void reads_what_clients_send(void **state)
{
	const char *text = "POST / HTTP/1.1\r\n" HOST
			   "X-Amz-Target: TrentService.Decrypt\r\nContent-Length: 2\r\n"
			   "Accept-Encoding:identity\r\nX-Blank: \t a  b \t\r\nX-Empty:\r\n\r\n{}";

	(void)state;
	assert_ok(parse(text));
	assert_true(rd_view_equal(request.method, rd_view_str("POST")));
	assert_true(rd_view_equal(request.target, rd_view_str("/")));
	assert_int_equal(request.n_headers, 6);
	assert_true(rd_view_equal(rd_http_header_find(&request, "x-amz-target"),
		rd_view_str("TrentService.Decrypt")));
	assert_true(rd_view_equal(rd_http_header_find(&request, "X-BLANK"), rd_view_str("a  b")));
	assert_int_equal(rd_http_header_find(&request, "X-Empty").len, 0);
	assert_null(rd_http_header_find(&request, "X-Empt").ptr);
	assert_int_equal(framing.body_len, 2);
	assert_int_equal(framing.head_len, strlen(text) - 2);
	assert_true(framing.keep_alive);
	assert_false(framing.expect_continue);
}

static void a_get_is_of_one_target_to_the_letter(void **state)
{
	static const struct {
		const char *line;
		bool is;
	} cases[] = {
		{"GET /metrics", true},
		{"HEAD /metrics", false},
		{"POST /metrics", false},
		{"get /metrics", false},
		{"GET /", false},
		{"GET /metric", false},
		{"GET /metrics/", false},
		{"GET /metrics?x=1", false},
		{"GET /Metrics", false},
		{"GET http://x/metrics", false},
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		snprintf(text, sizeof(text), "%s HTTP/1.1\r\n" HOST "\r\n", cases[i].line);
		assert_ok(parse(text));
		if (rd_http_is_get(&request, "/metrics") != cases[i].is) {
			fail_msg("%s", cases[i].line);
		}
	}
}

static void knows_when_to_close(void **state)
{
	static const struct {
		const char *version, *header;
		bool keep_alive;
	} cases[] = {
		{"HTTP/1.1", "", true},
		{"HTTP/1.1", "Connection: close\r\n", false},
		{"HTTP/1.1", "Connection: Keep-Alive, Close\r\n", false},
		{"HTTP/1.1", "Connection: close\r\nConnection: keep-alive\r\n", false},
		{"HTTP/1.1", "Connection: closed\r\n", true},
		{"HTTP/1.0", "", false},
		{"HTTP/1.0", "Connection: x,keep-alive\r\n", true},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		snprintf(text, sizeof(text), "GET /x %s\r\n" HOST "%s\r\n", cases[i].version,
			cases[i].header);
		assert_ok(parse(text));
		assert_int_equal(framing.keep_alive, cases[i].keep_alive);
	}
}

static void waits_for_the_end(void **state)
{
	const char text[] = "POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n";

	(void)state;
	for (size_t n = 0; n + 1 < sizeof(text); n++) {
		enum rd_status st = rd_http_parse_head(rd_view(text, n), &request, &framing);

		/* A head that has been cut may lack something, but is never taken for whole. */
		assert_status(st, RD_AGAIN);
	}
	assert_ok(parse(text));
}

static void forgives_one_empty_line_before(void **state)
{
	(void)state;
	assert_ok(parse("\r\nGET / HTTP/1.1\r\n" HOST "\r\n"));
	assert_status(parse("\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n"), RD_MALFORMED);
}

static void expects_only_to_continue(void **state)
{
	(void)state;
	assert_ok(parse("POST / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\n\r\n"));
	assert_true(framing.expect_continue);
	assert_status(parse("POST / HTTP/1.1\r\n" HOST "Expect: 200-ok\r\n\r\n"), RD_UNSUPPORTED);
}

static void refuses_what_two_parsers_may_read_differently(void **state)
{
	static const struct {
		const char *text;
		enum rd_status want;
	} cases[] = {
		{"GET / HTTP/1.1\r\n\r\n", RD_MISSING},
		{"GET / HTTP/1.1\r\n" HOST HOST "\r\n", RD_DUPLICATE},
		{"GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
			RD_DUPLICATE},
		{"GET / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\n", RD_MALFORMED},
		{"GET / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n", RD_MALFORMED},
		{"GET / HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\n", RD_MALFORMED},
		{"GET / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", RD_MALFORMED},
		{"GET / HTTP/1.1\r\n" HOST "Content-Length: 1234567890123456\r\n\r\n",
			RD_MALFORMED},
		{"GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", RD_UNSUPPORTED},
		{"GET / HTTP/1.1\r\n" HOST "transfer-encoding: identity\r\n\r\n", RD_UNSUPPORTED},
		{"GET / HTTP/1.1\n" HOST "\r\n", RD_MALFORMED},
		{"GET / HTTP/1.1\r\n" HOST "A: b\n\r\n", RD_MALFORMED},
		{"GET / HTTP/1.1\r\n" HOST "A: b\rc\r\n\r\n", RD_MALFORMED},
		{"GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n", RD_MALFORMED},
		{"GET / HTTP/1.1\r\n" HOST "A : b\r\n\r\n", RD_MALFORMED},
		{"GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n", RD_MALFORMED},
		{"GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n", RD_MALFORMED},
		{"GET / HTTP/1.1\r\n" HOST "A: \x01\r\n\r\n", RD_MALFORMED},
		{"GET / HTTP/1.1\r\n" HOST "A: \x7f\r\n\r\n", RD_MALFORMED},
		{"GET  / HTTP/1.1\r\n" HOST "\r\n", RD_MALFORMED},
		{"GET /\t HTTP/1.1\r\n" HOST "\r\n", RD_MALFORMED},
		{"GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", RD_MALFORMED},
		{"G(T / HTTP/1.1\r\n" HOST "\r\n", RD_MALFORMED},
		{"GET /\r\n" HOST "\r\n", RD_MALFORMED},
		{"GET / HTTP/1.1 \r\n" HOST "\r\n", RD_BAD_VERSION},
		{"GET / HTTP/2.0\r\n" HOST "\r\n", RD_BAD_VERSION},
		{"GET / http/1.1\r\n" HOST "\r\n", RD_BAD_VERSION},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		enum rd_status st = parse(cases[i].text);

		if (st != cases[i].want) {
			fail_msg("case %zu: got %s, want %s", i, rd_status_name(st),
				rd_status_name(cases[i].want));
		}
	}
}

static void bounds_the_number_of_fields(void **state)
{
	static char text[(RD_HTTP_HEADERS_MAX + 2) * 8 + 128];
	int n;

	(void)state;
	for (int extra = 0; extra < 2; extra++) {
		n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" HOST);
		for (int i = 0; i < RD_HTTP_HEADERS_MAX - 1 + extra; i++) {
			n += snprintf(text + n, sizeof(text) - (size_t)n, "A: b\r\n");
		}
		snprintf(text + n, sizeof(text) - (size_t)n, "\r\n");
		assert_status(parse(text), extra == 0 ? RD_OK : RD_LIMIT);
	}
}

static void refuses_a_nul_anywhere(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\n" HOST "A: b\r\n\r\n";
	char copy[sizeof(text)];

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		memcpy(copy, text, sizeof(text));
		copy[i] = '\0';
		assert_int_not_equal(
			rd_http_parse_head(rd_view(copy, sizeof(text) - 1), &request, &framing),
			RD_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_clients_send),
		cmocka_unit_test(a_get_is_of_one_target_to_the_letter),
		cmocka_unit_test(knows_when_to_close),
		cmocka_unit_test(waits_for_the_end),
		cmocka_unit_test(forgives_one_empty_line_before),
		cmocka_unit_test(expects_only_to_continue),
		cmocka_unit_test(refuses_what_two_parsers_may_read_differently),
		cmocka_unit_test(bounds_the_number_of_fields),
		cmocka_unit_test(refuses_a_nul_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
