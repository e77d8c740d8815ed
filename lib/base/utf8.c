/* SPDX-License-Identifier: Apache-2.0 */
/* Strict UTF-8. */
#include "base/utf8.h"

/* How many bytes follow, from a first byte; -1 when it cannot be one. C0 and C1 are overlong. */
static int followers(uint8_t first)
{
	if (first < 0x80) {
		return 0;
	}
	if (first >= 0xc2 && first <= 0xdf) {
		return 1;
	}
	if (first >= 0xe0 && first <= 0xef) {
		return 2;
	}
	return first >= 0xf0 && first <= 0xf4 ? 3 : -1;
}

enum rd_status rd_utf8_next(struct rd_cur *c, uint32_t *ret_char)
{
	static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
	static const uint8_t first_bits[] = {0x7f, 0x1f, 0x0f, 0x07};
	struct rd_cur at = *c;
	uint8_t byte;
	uint32_t v;
	int more;

	RD_TRY(rd_cur_u8(&at, &byte));
	if (byte < 0x80) {
		*ret_char = byte;
		*c = at;
		return RD_OK;
	}
	more = followers(byte);
	RD_ENSURE(more >= 0, RD_MALFORMED);
	v = byte & first_bits[more];
	for (int i = 0; i < more; i++) {
		RD_ENSURE(rd_cur_u8(&at, &byte) == RD_OK && (byte & 0xc0) == 0x80, RD_MALFORMED);
		v = v << 6 | (byte & 0x3f);
	}
	RD_ENSURE(v >= smallest[more] && v <= 0x10ffff, RD_MALFORMED);
	RD_ENSURE(v < 0xd800 || v > 0xdfff, RD_MALFORMED);
	*ret_char = v;
	*c = at;
	return RD_OK;
}

enum rd_status rd_utf8_count(struct rd_view text, size_t *ret_chars)
{
	struct rd_cur c = rd_cur(text);
	size_t n = 0;
	uint32_t v;

	while (c.left > 0) {
		RD_TRY(rd_utf8_next(&c, &v));
		n++;
	}
	*ret_chars = n;
	return RD_OK;
}

struct rd_view rd_utf8_prefix(struct rd_view text, size_t max)
{
	size_t n = max;

	if (text.len <= max) {
		return text;
	}
	while (n > 0 && (text.ptr[n] & 0xc0) == 0x80) {
		n--;
	}
	return rd_view(text.ptr, n);
}
