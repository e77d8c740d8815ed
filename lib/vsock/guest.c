/* SPDX-License-Identifier: Apache-2.0 */
/* The end report: how the application ended, or why init gave up. */
#include "vsock/guest.h"

#include <string.h>

/* What value may be for each kind. */
static const struct {
	uint32_t min;
	uint32_t max;
} ranges[RD_GUEST_END_KIND_COUNT] = {
	[RD_GUEST_EXITED] = {0, 255},
	[RD_GUEST_SIGNALLED] = {1, 64},
	[RD_GUEST_INIT_FAILED] = {0, 4095}, /* MAX_ERRNO */
};

static bool is_control(uint32_t c)
{
	/* C0, DEL and C1; and the marks that turn a terminal's writing direction. */
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

/*
 * Takes one printable UTF-8 character. RD_FORBIDDEN, with one byte taken, when there is none: cut
 * short, overlong, a surrogate, beyond U+10FFFF, or a control character.
 */
static enum rd_status take_char(struct rd_cur *c, struct rd_view *ret)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	struct rd_cur ahead = *c;
	struct rd_view bytes;
	uint32_t code;
	size_t n;

	RD_TRY(rd_cur_take(c, 1, ret));
	code = ret->ptr[0];
	n = code < 0x80 ? 1 : (code & 0xe0) == 0xc0 ? 2 : (code & 0xf0) == 0xe0 ? 3 : 4;
	RD_ENSURE(n < 4 || (code & 0xf8) == 0xf0, RD_FORBIDDEN);
	code &= n == 1 ? 0x7f : 0xffu >> (n + 1);
	RD_ENSURE(rd_cur_take(&ahead, n, &bytes) == RD_OK, RD_FORBIDDEN);
	for (size_t i = 1; i < n; i++) {
		RD_ENSURE((bytes.ptr[i] & 0xc0) == 0x80, RD_FORBIDDEN);
		code = code << 6 | (bytes.ptr[i] & 0x3f);
	}
	RD_ENSURE(code >= smallest[n] && code <= 0x10ffff, RD_FORBIDDEN);
	RD_ENSURE(code < 0xd800 || code > 0xdfff, RD_FORBIDDEN);
	RD_ENSURE(!is_control(code), RD_FORBIDDEN);
	*c = ahead;
	*ret = bytes;
	return RD_OK;
}

/* Copies what is printable, as much of it as there is room for. */
static enum rd_status clean_text(struct rd_view text, struct rd_buf *out)
{
	struct rd_cur c = rd_cur(text);
	struct rd_view ch;

	while (c.left > 0) {
		if (take_char(&c, &ch) != RD_OK) {
			ch = rd_view_str("?");
		}
		if (ch.len > out->max - out->used) {
			return RD_OK;
		}
		RD_TRY(rd_buf_put_view(out, ch));
	}
	return RD_OK;
}

enum rd_status rd_guest_end_encode(const struct rd_guest_end *end, struct rd_buf *out)
{
	char storage[RD_GUEST_END_TEXT_MAX];
	struct rd_buf text = rd_buf_fixed(storage, sizeof(storage));

	RD_ENSURE((unsigned)end->kind < RD_GUEST_END_KIND_COUNT, RD_USAGE);
	RD_TRY(clean_text(rd_view(end->text, strnlen(end->text, sizeof(end->text))), &text));
	RD_ENSURE(out->max - out->used >= RD_GUEST_END_HEAD + text.used, RD_NOSPACE);
	RD_TRY(rd_buf_le32(out, (uint32_t)end->kind));
	RD_TRY(rd_buf_le32(out, end->value));
	RD_TRY(rd_buf_le16(out, (uint16_t)text.used));
	return rd_buf_put_view(out, rd_buf_view(&text));
}

static enum rd_status check_text(struct rd_view text)
{
	struct rd_cur c = rd_cur(text);
	struct rd_view ch;

	while (c.left > 0) {
		RD_TRY(take_char(&c, &ch));
	}
	return RD_OK;
}

enum rd_status rd_guest_end_decode(struct rd_view in, struct rd_guest_end *ret_end)
{
	struct rd_cur c = rd_cur(in);
	struct rd_guest_end end = {0};
	struct rd_view text;
	uint32_t kind;
	uint16_t len;

	RD_TRY(rd_cur_le32(&c, &kind));
	RD_TRY(rd_cur_le32(&c, &end.value));
	RD_TRY(rd_cur_le16(&c, &len));
	RD_ENSURE(kind < RD_GUEST_END_KIND_COUNT, RD_OUT_OF_RANGE);
	RD_ENSURE(end.value >= ranges[kind].min && end.value <= ranges[kind].max, RD_OUT_OF_RANGE);
	RD_ENSURE(len <= RD_GUEST_END_TEXT_MAX, RD_LIMIT);
	RD_TRY(rd_cur_take(&c, len, &text));
	RD_TRY(rd_cur_finish(&c));
	RD_TRY(check_text(text));
	end.kind = (enum rd_guest_end_kind)kind;
	if (len > 0) {
		memcpy(end.text, text.ptr, len);
	}
	*ret_end = end;
	return RD_OK;
}
