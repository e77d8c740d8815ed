/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the head of a response. */
#include "http/response.h"

#include "http/line-internal.h"

/* "HTTP/1.1 200" */
#define STATUS_DIGITS 3

static enum rd_status parse_status(struct rd_view digits, unsigned *ret)
{
	unsigned status = 0;

	RD_ENSURE(digits.len == STATUS_DIGITS, RD_MALFORMED);
	for (size_t i = 0; i < digits.len; i++) {
		RD_ENSURE(digits.ptr[i] >= '0' && digits.ptr[i] <= '9', RD_MALFORMED);
		status = status * 10 + (digits.ptr[i] - '0');
	}
	RD_ENSURE(status >= 100 && status < 600, RD_MALFORMED);
	RD_ENSURE(status >= 200, RD_UNSUPPORTED);
	*ret = status;
	return RD_OK;
}

/* The reason phrase is for people, and may be left out with its blank. */
static enum rd_status parse_status_line(struct rd_view line, struct rd_http_response *ret)
{
	struct rd_view version, rest, digits, reason;

	RD_ENSURE(rd_http_split(line, ' ', &version, &rest), RD_MALFORMED);
	RD_ENSURE(rd_view_equal(version, rd_view_str("HTTP/1.1")) ||
			  rd_view_equal(version, rd_view_str("HTTP/1.0")),
		RD_BAD_VERSION);
	if (!rd_http_split(rest, ' ', &digits, &reason)) {
		digits = rest;
	}
	return parse_status(digits, &ret->status);
}

struct seen {
	bool length, chunked;
};

static enum rd_status apply_field(
	const struct rd_http_header *field, struct seen *seen, struct rd_http_response *ret)
{
	if (rd_http_same_word(field->name, "Content-Length")) {
		RD_ENSURE(!seen->length && !seen->chunked, RD_DUPLICATE);
		seen->length = true;
		return rd_http_parse_length(field->value, &ret->body_len);
	}
	if (rd_http_same_word(field->name, "Transfer-Encoding")) {
		RD_ENSURE(!seen->length && !seen->chunked, RD_DUPLICATE);
		RD_ENSURE(rd_http_same_word(field->value, "chunked"), RD_UNSUPPORTED);
		seen->chunked = true;
		ret->body = RD_HTTP_BODY_CHUNKED;
	}
	RD_ENSURE(!rd_http_same_word(field->name, "Content-Encoding"), RD_UNSUPPORTED);
	return RD_OK;
}

static enum rd_status check_framing(const struct seen *seen, struct rd_http_response *ret)
{
	if (ret->status == 204 || ret->status == 304) {
		ret->body = RD_HTTP_BODY_LENGTH;
		ret->body_len = 0;
		return RD_OK;
	}
	return seen->length || seen->chunked ? RD_OK : RD_MISSING;
}

enum rd_status rd_http_parse_response(struct rd_view bytes, struct rd_http_response *ret)
{
	struct rd_cur c = rd_cur(bytes);
	struct seen seen = {0};
	struct rd_view line;

	ret->n_headers = 0;
	ret->body = RD_HTTP_BODY_LENGTH;
	ret->body_len = 0;
	RD_TRY(rd_http_take_line(&c, &line));
	RD_TRY(parse_status_line(line, ret));
	for (;;) {
		RD_TRY(rd_http_take_line(&c, &line));
		if (line.len == 0) {
			break;
		}
		RD_ENSURE(ret->n_headers < RD_HTTP_HEADERS_MAX, RD_LIMIT);
		RD_TRY(rd_http_parse_field(line, &ret->headers[ret->n_headers]));
		RD_TRY(apply_field(&ret->headers[ret->n_headers], &seen, ret));
		ret->n_headers++;
	}
	ret->head_len = bytes.len - c.left;
	return check_framing(&seen, ret);
}

struct rd_view rd_http_response_header(const struct rd_http_response *response, const char *name)
{
	for (size_t i = 0; i < response->n_headers; i++) {
		if (rd_http_same_word(response->headers[i].name, name)) {
			return response->headers[i].value;
		}
	}
	return rd_view(NULL, 0);
}
