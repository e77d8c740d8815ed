/* SPDX-License-Identifier: Apache-2.0 */
/* What a text in a control message may hold: it will be shown on a terminal and written to a log.
 */
#include "ctl/schema.h"

#include <string.h>

/* Takes one code point, shortest form, no surrogates (RFC 3629). */
static enum rd_status take_code_point(struct rd_cur *c, uint32_t *ret)
{
	static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
	uint8_t byte = 0;
	uint32_t cp;
	unsigned more;

	RD_TRY(rd_cur_u8(c, &byte));
	if (byte < 0x80) {
		*ret = byte;
		return RD_OK;
	}
	if (byte >= 0xc2 && byte < 0xe0) {
		more = 1;
		cp = byte & 0x1f;
	} else if (byte >= 0xe0 && byte < 0xf0) {
		more = 2;
		cp = byte & 0x0f;
	} else if (byte >= 0xf0 && byte < 0xf5) {
		more = 3;
		cp = byte & 0x07;
	} else {
		return RD_MALFORMED;
	}
	for (unsigned i = 0; i < more; i++) {
		RD_TRY(rd_cur_u8(c, &byte));
		RD_ENSURE((byte & 0xc0) == 0x80, RD_MALFORMED);
		cp = cp << 6 | (byte & 0x3f);
	}
	RD_ENSURE(cp >= smallest[more] && cp <= 0x10ffff, RD_MALFORMED);
	RD_ENSURE(cp < 0xd800 || cp > 0xdfff, RD_MALFORMED);
	*ret = cp;
	return RD_OK;
}

static bool is_control(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0);
}

enum rd_status rd_ctl_text_check(struct rd_view text)
{
	struct rd_cur c = rd_cur(text);

	while (c.left > 0) {
		uint32_t cp = 0;

		RD_ENSURE(take_code_point(&c, &cp) == RD_OK, RD_MALFORMED);
		RD_ENSURE(!is_control(cp), RD_MALFORMED);
	}
	return RD_OK;
}

void rd_ctl_text_clean(struct rd_view text, char *ret_text, size_t cap)
{
	struct rd_cur c = rd_cur(text);
	size_t used = 0;

	while (c.left > 0) {
		struct rd_cur before = c;
		struct rd_view bytes = rd_view("?", 1);
		uint32_t cp = 0;

		if (take_code_point(&c, &cp) != RD_OK) {
			c = before;
			(void)!rd_cur_skip(&c, 1);
		} else if (!is_control(cp)) {
			bytes = rd_view(before.ptr, before.left - c.left);
		}
		if (bytes.len >= cap - used) {
			break;
		}
		memcpy(ret_text + used, bytes.ptr, bytes.len);
		used += bytes.len;
	}
	ret_text[used] = '\0';
}
