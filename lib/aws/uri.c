/* SPDX-License-Identifier: Apache-2.0 */
/* Percent-encoding and the small text operations that the parsers here share. */
#include "aws/uri.h"

#include "base/text.h"

#include <assert.h>
#include <string.h>

static bool is_unreserved(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

enum rd_status rd_uri_encode(struct rd_view text, struct rd_buf *out)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (is_unreserved(c)) {
			RD_TRY(rd_buf_u8(out, c));
		} else {
			const char escape[3] = {'%', digits[c >> 4], digits[c & 15]};

			RD_TRY(rd_buf_put(out, escape, sizeof(escape)));
		}
	}
	return RD_OK;
}

enum rd_status rd_uri_decode(struct rd_view text, bool plus_is_space, struct rd_buf *out)
{
	struct rd_cur c = rd_cur(text);

	while (c.left > 0) {
		struct rd_view hex;
		uint8_t byte;

		RD_TRY(rd_cur_u8(&c, &byte));
		if (byte == '%') {
			RD_ENSURE(rd_cur_take(&c, 2, &hex) == RD_OK, RD_MALFORMED);
			RD_TRY(rd_hex_decode(hex, out));
		} else {
			RD_TRY(rd_buf_u8(out, plus_is_space && byte == '+' ? ' ' : byte));
		}
	}
	return RD_OK;
}

struct rd_view rd_text_from(struct rd_view text, size_t n)
{
	assert(n <= text.len);
	return n == 0 ? text : rd_view(text.ptr + n, text.len - n);
}

struct rd_view rd_text_cut(struct rd_view text, uint8_t separator, struct rd_view *ret_rest)
{
	const uint8_t *at = text.len > 0 ? memchr(text.ptr, separator, text.len) : NULL;
	size_t before = at == NULL ? text.len : (size_t)(at - text.ptr);

	*ret_rest = at == NULL ? rd_view(NULL, 0) : rd_text_from(text, before + 1);
	return rd_view(text.ptr, before);
}

bool rd_text_has_prefix(struct rd_view text, const char *literal)
{
	size_t n = strlen(literal);

	return text.len >= n && memcmp(text.ptr, literal, n) == 0;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

bool rd_text_same_letters(const uint8_t *a, const uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (lower(a[i]) != lower(b[i])) {
			return false;
		}
	}
	return true;
}
