/* SPDX-License-Identifier: Apache-2.0 */
/* What a text in a control message may hold: it will be shown on a terminal and written to a log.
 */
#include "ctl/schema.h"

#include "base/utf8.h"

#include <string.h>

static bool is_control(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0);
}

enum rd_status rd_ctl_text_check(struct rd_view text)
{
	struct rd_cur c = rd_cur(text);

	while (c.left > 0) {
		uint32_t cp = 0;

		RD_ENSURE(rd_utf8_next(&c, &cp) == RD_OK, RD_MALFORMED);
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

		if (rd_utf8_next(&c, &cp) != RD_OK) {
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
