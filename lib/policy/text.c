/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of a policy's text before and besides its grammar. */
#include "policy/text.h"

#include <string.h>

static bool is_letter_or_digit(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* U+0080 to U+00FF are the two-byte sequences that begin with C2 or C3. */
static enum rd_status take_character(struct rd_cur *c, uint8_t *ret_first)
{
	uint8_t next = 0;

	RD_TRY(rd_cur_u8(c, ret_first));
	if (*ret_first < 0x80) {
		bool blank = *ret_first == '\t' || *ret_first == '\n' || *ret_first == '\r';

		RD_ENSURE(*ret_first >= 0x20 || blank, RD_NONCANONICAL);
		return RD_OK;
	}
	RD_ENSURE(*ret_first == 0xc2 || *ret_first == 0xc3, RD_NONCANONICAL);
	RD_ENSURE(rd_cur_u8(c, &next) == RD_OK && (next & 0xc0u) == 0x80u, RD_NONCANONICAL);
	return RD_OK;
}

enum rd_status rd_policy_text_check(struct rd_view text, unsigned max_depth)
{
	struct rd_cur c = rd_cur(text);
	unsigned depth = 0;
	bool quoted = false;
	bool escaped = false;

	while (c.left > 0) {
		uint8_t ch = 0;

		RD_TRY(take_character(&c, &ch));
		if (quoted) {
			quoted = escaped || ch != '"';
			escaped = !escaped && ch == '\\';
			continue;
		}
		quoted = ch == '"';
		if (ch == '{' || ch == '[') {
			RD_ENSURE(++depth <= max_depth, RD_TOO_DEEP);
		} else if ((ch == '}' || ch == ']') && depth > 0) {
			depth--;
		}
	}
	return RD_OK;
}

struct rd_shown rd_show(struct rd_view text)
{
	struct rd_shown shown = {""};
	size_t n = text.len < RD_SHOWN_MAX ? text.len : RD_SHOWN_MAX;

	for (size_t i = 0; i < n; i++) {
		bool control = text.ptr[i] < 0x20 || text.ptr[i] == 0x7f;

		shown.text[i] = control ? '?' : (char)text.ptr[i];
	}
	if (text.len > n) {
		/* Not in the middle of a character. */
		while (n > 0 && (text.ptr[n] & 0xc0u) == 0x80u) {
			n--;
		}
		memcpy(shown.text + n, "...", 4);
	}
	return shown;
}

bool rd_policy_is_sid(struct rd_view text, bool key_policy)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (!is_letter_or_digit(c) && !(key_policy && (c == ' ' || c == '-' || c == '_'))) {
			return false;
		}
	}
	return true;
}

bool rd_policy_is_action(struct rd_view text)
{
	const uint8_t *colon = text.len > 0 ? memchr(text.ptr, ':', text.len) : NULL;
	size_t service = colon != NULL ? (size_t)(colon - text.ptr) : 0;

	if (rd_view_equal(text, rd_view_str("*"))) {
		return true;
	}
	if (service == 0 || service + 1 == text.len) {
		return false;
	}
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];
		bool wild = i > service && (c == '*' || c == '?');
		bool dash = i < service && c == '-';

		if (i != service && !is_letter_or_digit(c) && !wild && !dash) {
			return false;
		}
	}
	return true;
}
