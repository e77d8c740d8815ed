/* SPDX-License-Identifier: Apache-2.0 */
/* Lines and header fields, as requests and responses have them alike (RFC 9112 sections 2 and 5).
 */
#include "http/line-internal.h"

#include "base/text.h"

#include <string.h>

/* A length of more digits than this is refused before it is a number. */
#define LENGTH_DIGITS_MAX 15

/* RFC 9110 section 5.6.2. */
static const bool is_token_char[256] = {
	['0' ... '9'] = true,
	['A' ... 'Z'] = true,
	['a' ... 'z'] = true,
	['!'] = true,
	['#' ... '\''] = true,
	['*'] = true,
	['+'] = true,
	['-'] = true,
	['.'] = true,
	['^' ... '`'] = true,
	['|'] = true,
	['~'] = true,
};

bool rd_http_is_token(struct rd_view v)
{
	for (size_t i = 0; i < v.len; i++) {
		if (!is_token_char[v.ptr[i]]) {
			return false;
		}
	}
	return v.len > 0;
}

/* Visible characters, blank, tab, and what is beyond ASCII: no control character. Without a way out
 * of the loop, so that a compiler takes 16 at a time. */
static bool is_field_value(struct rd_view v)
{
	uint8_t bad = 0;

	for (size_t i = 0; i < v.len; i++) {
		uint8_t c = v.ptr[i];

		bad |= (uint8_t)((c < ' ') & (c != '\t')) | (uint8_t)(c == 0x7f);
	}
	return bad == 0;
}

struct rd_view rd_http_trim(struct rd_view v)
{
	while (v.len > 0 && (v.ptr[0] == ' ' || v.ptr[0] == '\t')) {
		v = rd_view(v.ptr + 1, v.len - 1);
	}
	while (v.len > 0 && (v.ptr[v.len - 1] == ' ' || v.ptr[v.len - 1] == '\t')) {
		v.len--;
	}
	return v;
}

enum rd_status rd_http_take_line(struct rd_cur *c, struct rd_view *ret)
{
	const uint8_t *lf = c->left == 0 ? NULL : memchr(c->ptr, '\n', c->left);
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

bool rd_http_split(struct rd_view v, char at, struct rd_view *ret_head, struct rd_view *ret_tail)
{
	const uint8_t *p = v.len == 0 ? NULL : memchr(v.ptr, at, v.len);

	if (p == NULL) {
		return false;
	}
	*ret_head = rd_view(v.ptr, (size_t)(p - v.ptr));
	*ret_tail = rd_view(p + 1, v.len - ret_head->len - 1);
	return true;
}

enum rd_status rd_http_parse_length(struct rd_view value, uint64_t *ret)
{
	char text[LENGTH_DIGITS_MAX + 1];

	RD_ENSURE(value.len > 0 && value.len <= LENGTH_DIGITS_MAX, RD_MALFORMED);
	memcpy(text, value.ptr, value.len);
	text[value.len] = '\0';
	return rd_parse_u64(text, 0, UINT64_MAX, ret) == RD_OK ? RD_OK : RD_MALFORMED;
}

enum rd_status rd_http_parse_field(struct rd_view line, struct rd_http_header *ret)
{
	struct rd_view value;

	/* A name with a blank in it, a folded line and a line without a colon are no tokens. */
	RD_ENSURE(rd_http_split(line, ':', &ret->name, &value) && rd_http_is_token(ret->name),
		RD_MALFORMED);
	ret->value = rd_http_trim(value);
	return is_field_value(ret->value) ? RD_OK : RD_MALFORMED;
}
