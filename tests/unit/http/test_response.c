/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about reading responses: heads of real services, each way of being ambiguous, chunks. */
#include "test.h"

#include "http/response.h"

static struct rd_http_response response;

static enum rd_status parse(const char *text)
{
	return rd_http_parse_response(rd_view_str(text), &response);
}

static void reads_what_services_send(void **state)
{
	const char *text = "HTTP/1.1 200 OK\r\nx-amzn-RequestId: 0b0c8a52\r\n"
			   "Content-Type: application/x-amz-json-1.1\r\nContent-Length: 12\r\n"
			   "Connection: keep-alive\r\n\r\n{\"KeyId\":";

	(void)state;
	assert_ok(parse(text));
	assert_int_equal(response.status, 200);
	assert_int_equal(response.n_headers, 4);
	assert_int_equal(response.body, RD_HTTP_BODY_LENGTH);
	assert_int_equal(response.body_len, 12);
	assert_int_equal(response.head_len, strlen(text) - 9);
	assert_true(rd_view_equal(
		rd_http_response_header(&response, "X-AMZN-REQUESTID"), rd_view_str("0b0c8a52")));
	assert_null(rd_http_response_header(&response, "x-amzn").ptr);
}

static void reads_status_lines(void **state)
{
	static const struct {
		const char *line;
		enum rd_status st;
		unsigned status;
	} cases[] = {
		{"HTTP/1.1 400 Bad Request", RD_OK, 400},
		{"HTTP/1.0 503 ", RD_OK, 503},
		{"HTTP/1.1 599", RD_OK, 599},
		{"HTTP/1.1 100 Continue", RD_UNSUPPORTED, 0},
		{"HTTP/1.1 199 X", RD_UNSUPPORTED, 0},
		{"HTTP/1.1 600 X", RD_MALFORMED, 0},
		{"HTTP/1.1 099 X", RD_MALFORMED, 0},
		{"HTTP/1.1 20 OK", RD_MALFORMED, 0},
		{"HTTP/1.1 2000 OK", RD_MALFORMED, 0},
		{"HTTP/1.1 2x0 OK", RD_MALFORMED, 0},
		{"HTTP/1.1  200 OK", RD_MALFORMED, 0},
		{"HTTP/1.1", RD_MALFORMED, 0},
		{"HTTP/2 200 OK", RD_BAD_VERSION, 0},
		{"http/1.1 200 OK", RD_BAD_VERSION, 0},
		{"ICY 200 OK", RD_BAD_VERSION, 0},
		{"", RD_MALFORMED, 0},
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		snprintf(text, sizeof(text), "%s\r\nContent-Length: 0\r\n\r\n", cases[i].line);
		assert_status(parse(text), cases[i].st);
		if (cases[i].st == RD_OK) {
			assert_int_equal(response.status, cases[i].status);
		}
	}
}

static void wants_one_length_of_the_body(void **state)
{
	static const struct {
		const char *fields;
		enum rd_status st;
	} cases[] = {
		{"Content-Length: 0\r\n", RD_OK},
		{"Transfer-Encoding: Chunked\r\n", RD_OK},
		{"", RD_MISSING},
		{"Connection: close\r\n", RD_MISSING},
		{"Content-Length: 1\r\nContent-Length: 1\r\n", RD_DUPLICATE},
		{"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", RD_DUPLICATE},
		{"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", RD_DUPLICATE},
		{"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", RD_DUPLICATE},
		{"Transfer-Encoding: gzip, chunked\r\n", RD_UNSUPPORTED},
		{"Transfer-Encoding: identity\r\n", RD_UNSUPPORTED},
		{"Content-Encoding: gzip\r\nContent-Length: 1\r\n", RD_UNSUPPORTED},
		{"Content-Length: -1\r\n", RD_MALFORMED},
		{"Content-Length: 1, 1\r\n", RD_MALFORMED},
		{"Content-Length: 0x10\r\n", RD_MALFORMED},
		{"Content-Length:\r\n", RD_MALFORMED},
		{"Content-Length: 1234567890123456\r\n", RD_MALFORMED},
		{"Content-Length : 1\r\n", RD_MALFORMED},
		{"Content-Length: 1\r\n folded\r\n", RD_MALFORMED},
		{"no colon\r\n", RD_MALFORMED},
		{"Content-Length: 1\n", RD_MALFORMED},
		{"X: a\rb\r\nContent-Length: 1\r\n", RD_MALFORMED},
		{"X: \x01\r\nContent-Length: 1\r\n", RD_MALFORMED},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%s\r\n", cases[i].fields);
		assert_status(parse(text), cases[i].st);
	}
	assert_ok(parse("HTTP/1.1 204 No Content\r\n\r\n"));
	assert_ok(parse("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"));
	assert_int_equal(response.body_len, 0);
}

static void bounds_the_number_of_fields(void **state)
{
	uint8_t text[1024];
	struct rd_buf out = rd_buf_fixed(text, sizeof(text));

	(void)state;
	assert_ok(rd_buf_put_str(&out, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"));
	for (int i = 1; i < RD_HTTP_HEADERS_MAX; i++) {
		assert_ok(rd_buf_put_str(&out, "X: y\r\n"));
	}
	assert_ok(rd_buf_put_str(&out, "\r\n"));
	assert_ok(rd_http_parse_response(rd_buf_view(&out), &response));
	out.used -= 2;
	assert_ok(rd_buf_put_str(&out, "X: y\r\n\r\n"));
	assert_status(rd_http_parse_response(rd_buf_view(&out), &response), RD_LIMIT);
}

static void waits_for_the_whole_head(void **state)
{
	const char *text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

	(void)state;
	for (size_t n = 0; n < strlen(text); n++) {
		assert_status(rd_http_parse_response(rd_view(text, n), &response), RD_AGAIN);
	}
	assert_status(rd_http_parse_response(rd_view(NULL, 0), &response), RD_AGAIN);
	assert_ok(parse(text));
}

/* The body that text has, fed in pieces of the given size. */
static enum rd_status feed(const char *text, size_t piece, char *ret_body, size_t *ret_left)
{
	struct rd_http_chunks chunks = {0};
	uint8_t storage[64];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct rd_cur all = rd_cur(rd_view_str(text));
	enum rd_status st = RD_AGAIN;

	while (st == RD_AGAIN && all.left > 0) {
		struct rd_view part;
		struct rd_cur in;

		assert_ok(rd_cur_take(&all, all.left < piece ? all.left : piece, &part));
		in = rd_cur(part);
		st = rd_http_chunks_feed(&chunks, &in, &out);
		assert_true(st != RD_AGAIN || in.left == 0);
		*ret_left = all.left + in.left;
	}
	memcpy(ret_body, storage, out.used);
	ret_body[out.used] = '\0';
	return st;
}

static void reads_chunks_in_any_pieces(void **state)
{
	const char *text = "4\r\nWiki\r\n6;name=\"v\"\r\npedia \r\n00E\r\nof \r\n\r\nchunks.\r\n"
			   "0\r\nTrailer: x\r\n\r\nrest";
	char body[65];
	size_t left;

	(void)state;
	for (size_t piece = 1; piece <= strlen(text); piece++) {
		assert_ok(feed(text, piece, body, &left));
		assert_string_equal(body, "Wikipedia of \r\n\r\nchunks.");
		assert_int_equal(left, 4);
	}
	assert_ok(feed("0\r\n\r\n", 64, body, &left));
	assert_string_equal(body, "");
}

static void refuses_bad_chunks(void **state)
{
	static const struct {
		const char *text;
		enum rd_status st;
	} cases[] = {
		{"4\r\nWik", RD_AGAIN},
		{"4\r\nWiki\r\n0\r\n", RD_AGAIN},
		{"\r\n", RD_MALFORMED},
		{"x\r\n", RD_MALFORMED},
		{"-1\r\n", RD_MALFORMED},
		{"+1\r\na\r\n", RD_MALFORMED},
		{"0x1\r\na\r\n", RD_MALFORMED},
		{"1 1\r\na\r\n", RD_MALFORMED},
		{";x\r\n", RD_MALFORMED},
		{"10000000\r\n", RD_MALFORMED},
		{"1\na\r\n", RD_MALFORMED},
		{"1\r\nab\r\n", RD_MALFORMED},
		{"1\r\na\n0\r\n\r\n", RD_MALFORMED},
		{"0\r\nno colon\r\n\r\n", RD_MALFORMED},
		{"41\r\n0123456789012345678901234567890123456789012345678901234567890123x\r\n",
			RD_NOSPACE},
	};
	char body[65], text[1024];
	size_t left;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		assert_status(feed(cases[i].text, 4096, body, &left), cases[i].st);
	}
	memset(text, '1', RD_HTTP_CHUNK_LINE_MAX + 1);
	text[RD_HTTP_CHUNK_LINE_MAX + 1] = '\0';
	assert_status(feed(text, 4096, body, &left), RD_LIMIT);
	memcpy(text, "0\r\n", 3);
	for (size_t i = 0; i <= RD_HTTP_TRAILERS_MAX; i++) {
		memcpy(text + 3 + 6 * i, "A: b\r\n", sizeof("A: b\r\n"));
	}
	assert_status(feed(text, 4096, body, &left), RD_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_services_send),
		cmocka_unit_test(reads_status_lines),
		cmocka_unit_test(wants_one_length_of_the_body),
		cmocka_unit_test(bounds_the_number_of_fields),
		cmocka_unit_test(waits_for_the_whole_head),
		cmocka_unit_test(reads_chunks_in_any_pieces),
		cmocka_unit_test(refuses_bad_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
