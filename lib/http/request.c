/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the head of a request. */
#include "http/request.h"

#include "http/line-internal.h"

static bool is_target(struct rd_view v)
{
	for (size_t i = 0; i < v.len; i++) {
		if (v.ptr[i] <= ' ' || v.ptr[i] >= 0x7f) {
			return false;
		}
	}
	return v.len > 0;
}

static enum rd_status parse_request_line(
	struct rd_view line, struct rd_http_request *request, struct rd_http_framing *framing)
{
	struct rd_view rest, version;

	RD_ENSURE(rd_http_split(line, ' ', &request->method, &rest), RD_MALFORMED);
	RD_ENSURE(rd_http_split(rest, ' ', &request->target, &version), RD_MALFORMED);
	RD_ENSURE(rd_http_is_token(request->method) && is_target(request->target), RD_MALFORMED);
	framing->keep_alive = rd_view_equal(version, rd_view_str("HTTP/1.1"));
	RD_ENSURE(framing->keep_alive || rd_view_equal(version, rd_view_str("HTTP/1.0")),
		RD_BAD_VERSION);
	return RD_OK;
}

struct seen {
	bool host, length, close, keep_alive;
};

/* "close", "keep-alive" and others, separated by commas. */
static void apply_connection(struct rd_view list, struct seen *seen)
{
	struct rd_view word, rest = list;
	bool more = true;

	while (more) {
		more = rd_http_split(rest, ',', &word, &rest);
		word = rd_http_trim(more ? word : rest);
		seen->close |= rd_http_same_word(word, "close");
		seen->keep_alive |= rd_http_same_word(word, "keep-alive");
	}
}

static enum rd_status apply_field(
	const struct rd_http_header *field, struct seen *seen, struct rd_http_framing *framing)
{
	if (rd_http_same_word(field->name, "Host")) {
		RD_ENSURE(!seen->host, RD_DUPLICATE);
		seen->host = true;
	} else if (rd_http_same_word(field->name, "Content-Length")) {
		RD_ENSURE(!seen->length, RD_DUPLICATE);
		seen->length = true;
		return rd_http_parse_length(field->value, &framing->body_len);
	} else if (rd_http_same_word(field->name, "Transfer-Encoding")) {
		return RD_UNSUPPORTED;
	} else if (rd_http_same_word(field->name, "Connection")) {
		apply_connection(field->value, seen);
	} else if (rd_http_same_word(field->name, "Expect")) {
		RD_ENSURE(rd_http_same_word(field->value, "100-continue"), RD_UNSUPPORTED);
		framing->expect_continue = true;
	}
	return RD_OK;
}

enum rd_status rd_http_parse_head(struct rd_view bytes, struct rd_http_request *ret_request,
	struct rd_http_framing *ret_framing)
{
	struct rd_cur c = rd_cur(bytes);
	struct rd_http_framing framing = {0};
	struct seen seen = {0};
	struct rd_view line;

	ret_request->n_headers = 0;
	ret_request->body = rd_view(NULL, 0);
	RD_TRY(rd_http_take_line(&c, &line));
	if (line.len == 0) {
		/* One empty line before a request is forgiven (RFC 9112 section 2.2). */
		RD_TRY(rd_http_take_line(&c, &line));
	}
	RD_TRY(parse_request_line(line, ret_request, &framing));
	for (;;) {
		RD_TRY(rd_http_take_line(&c, &line));
		if (line.len == 0) {
			break;
		}
		RD_ENSURE(ret_request->n_headers < RD_HTTP_HEADERS_MAX, RD_LIMIT);
		RD_TRY(rd_http_parse_field(line, &ret_request->headers[ret_request->n_headers]));
		RD_TRY(apply_field(&ret_request->headers[ret_request->n_headers], &seen, &framing));
		ret_request->n_headers++;
	}
	RD_ENSURE(seen.host, RD_MISSING);
	framing.keep_alive = !seen.close && (framing.keep_alive || seen.keep_alive);
	framing.head_len = bytes.len - c.left;
	*ret_framing = framing;
	return RD_OK;
}

struct rd_view rd_http_header_find(const struct rd_http_request *request, const char *name)
{
	for (size_t i = 0; i < request->n_headers; i++) {
		if (rd_http_same_word(request->headers[i].name, name)) {
			return request->headers[i].value;
		}
	}
	return rd_view(NULL, 0);
}

bool rd_http_is_get(const struct rd_http_request *request, const char *target)
{
	return rd_view_equal(request->method, rd_view_str("GET")) &&
	       rd_view_equal(request->target, rd_view_str(target));
}
