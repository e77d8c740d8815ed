/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the head of a request. */
#include "http/request.h"

#include "base/text.h"

#include <string.h>
#include <strings.h>

/* A length of more digits than this is refused before it is a number. */
#define LENGTH_DIGITS_MAX 15

/* RFC 9110 section 5.6.2. */
static bool is_token_char(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(struct rd_view v)
{
	for (size_t i = 0; i < v.len; i++) {
		if (!is_token_char(v.ptr[i])) {
			return false;
		}
	}
	return v.len > 0;
}

/* Visible characters, blank, tab, and what is beyond ASCII: no control character. */
static bool is_field_value(struct rd_view v)
{
	for (size_t i = 0; i < v.len; i++) {
		if ((v.ptr[i] < ' ' && v.ptr[i] != '\t') || v.ptr[i] == 0x7f) {
			return false;
		}
	}
	return true;
}

static bool is_target(struct rd_view v)
{
	for (size_t i = 0; i < v.len; i++) {
		if (v.ptr[i] <= ' ' || v.ptr[i] >= 0x7f) {
			return false;
		}
	}
	return v.len > 0;
}

static struct rd_view trim(struct rd_view v)
{
	while (v.len > 0 && (v.ptr[0] == ' ' || v.ptr[0] == '\t')) {
		v = rd_view(v.ptr + 1, v.len - 1);
	}
	while (v.len > 0 && (v.ptr[v.len - 1] == ' ' || v.ptr[v.len - 1] == '\t')) {
		v.len--;
	}
	return v;
}

static bool same_word(struct rd_view v, const char *word)
{
	return v.len == strlen(word) && strncasecmp((const char *)v.ptr, word, v.len) == 0;
}

/* Takes a line with its CR LF away. RD_AGAIN when there is none; a CR or LF alone is malformed. */
static enum rd_status take_line(struct rd_cur *c, struct rd_view *ret)
{
	const uint8_t *lf = memchr(c->ptr, '\n', c->left);
	struct rd_view line;
	size_t n;

	RD_ENSURE(lf != NULL, RD_AGAIN);
	n = (size_t)(lf - c->ptr);
	RD_ENSURE(n > 0 && lf[-1] == '\r', RD_MALFORMED);
	RD_TRY(rd_cur_take(c, n + 1, &line));
	line.len -= 2;
	RD_ENSURE(memchr(line.ptr, '\r', line.len) == NULL, RD_MALFORMED);
	*ret = line;
	return RD_OK;
}

/* Splits at the first `at`; false when it is not there. */
static bool split(struct rd_view v, char at, struct rd_view *ret_head, struct rd_view *ret_tail)
{
	const uint8_t *p = v.len == 0 ? NULL : memchr(v.ptr, at, v.len);

	if (p == NULL) {
		return false;
	}
	*ret_head = rd_view(v.ptr, (size_t)(p - v.ptr));
	*ret_tail = rd_view(p + 1, v.len - ret_head->len - 1);
	return true;
}

static enum rd_status parse_request_line(
	struct rd_view line, struct rd_http_request *request, struct rd_http_framing *framing)
{
	struct rd_view rest, version;

	RD_ENSURE(split(line, ' ', &request->method, &rest), RD_MALFORMED);
	RD_ENSURE(split(rest, ' ', &request->target, &version), RD_MALFORMED);
	RD_ENSURE(is_token(request->method) && is_target(request->target), RD_MALFORMED);
	framing->keep_alive = rd_view_equal(version, rd_view_str("HTTP/1.1"));
	RD_ENSURE(framing->keep_alive || rd_view_equal(version, rd_view_str("HTTP/1.0")),
		RD_BAD_VERSION);
	return RD_OK;
}

static enum rd_status parse_length(struct rd_view value, uint64_t *ret)
{
	char text[LENGTH_DIGITS_MAX + 1];

	RD_ENSURE(value.len > 0 && value.len <= LENGTH_DIGITS_MAX, RD_MALFORMED);
	memcpy(text, value.ptr, value.len);
	text[value.len] = '\0';
	return rd_parse_u64(text, 0, UINT64_MAX, ret) == RD_OK ? RD_OK : RD_MALFORMED;
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
		more = split(rest, ',', &word, &rest);
		word = trim(more ? word : rest);
		seen->close |= same_word(word, "close");
		seen->keep_alive |= same_word(word, "keep-alive");
	}
}

static enum rd_status apply_field(
	const struct rd_http_header *field, struct seen *seen, struct rd_http_framing *framing)
{
	if (same_word(field->name, "Host")) {
		RD_ENSURE(!seen->host, RD_DUPLICATE);
		seen->host = true;
	} else if (same_word(field->name, "Content-Length")) {
		RD_ENSURE(!seen->length, RD_DUPLICATE);
		seen->length = true;
		return parse_length(field->value, &framing->body_len);
	} else if (same_word(field->name, "Transfer-Encoding")) {
		return RD_UNSUPPORTED;
	} else if (same_word(field->name, "Connection")) {
		apply_connection(field->value, seen);
	} else if (same_word(field->name, "Expect")) {
		RD_ENSURE(same_word(field->value, "100-continue"), RD_UNSUPPORTED);
		framing->expect_continue = true;
	}
	return RD_OK;
}

static enum rd_status parse_field(struct rd_view line, struct rd_http_header *ret)
{
	struct rd_view value;

	/* A name with a blank in it, a folded line and a line without a colon are no tokens. */
	RD_ENSURE(split(line, ':', &ret->name, &value) && is_token(ret->name), RD_MALFORMED);
	ret->value = trim(value);
	return is_field_value(ret->value) ? RD_OK : RD_MALFORMED;
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
	RD_TRY(take_line(&c, &line));
	if (line.len == 0) {
		/* One empty line before a request is forgiven (RFC 9112 section 2.2). */
		RD_TRY(take_line(&c, &line));
	}
	RD_TRY(parse_request_line(line, ret_request, &framing));
	for (;;) {
		RD_TRY(take_line(&c, &line));
		if (line.len == 0) {
			break;
		}
		RD_ENSURE(ret_request->n_headers < RD_HTTP_HEADERS_MAX, RD_LIMIT);
		RD_TRY(parse_field(line, &ret_request->headers[ret_request->n_headers]));
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
		if (same_word(request->headers[i].name, name)) {
			return request->headers[i].value;
		}
	}
	return rd_view(NULL, 0);
}
