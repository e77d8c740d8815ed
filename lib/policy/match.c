/* SPDX-License-Identifier: Apache-2.0 */
/* Comparison of context values with compiled patterns, in bounded time. */
#include "policy/match.h"

#include <string.h>

/* Colons in front of an ARN's sixth part. */
#define ARN_COLONS 5u

static unsigned fold(unsigned c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

/* Bytes of the UTF-8 character at text[at]; a stray byte counts as one. */
static size_t character(struct rd_view text, size_t at)
{
	size_t n = 1;

	while (at + n < text.len && (text.ptr[at + n] & 0xc0u) == 0x80u) {
		n++;
	}
	return n;
}

/* How many bytes of text the symbol takes at that place; 0 when it does not match there. */
static size_t symbol_takes(unsigned symbol, struct rd_view text, size_t at, bool folded)
{
	unsigned byte;

	if (symbol == RD_SYMBOL_ONE) {
		return character(text, at);
	}
	byte = text.ptr[at];
	if (folded) {
		return fold(symbol) == fold(byte) ? 1 : 0;
	}
	return symbol == byte ? 1 : 0;
}

enum rd_status rd_match_symbols(struct rd_symbols pattern, struct rd_view text, bool folded,
	struct rd_budget *budget, bool *ret_matches)
{
	size_t p = 0;
	size_t t = 0;
	size_t after_run = SIZE_MAX; /* the pattern behind the last "*" … */
	size_t run_end = 0;          /* … and where the text that this "*" took ends */

	while (t < text.len) {
		size_t taken = 0;

		RD_TRY(rd_budget_take(budget, 1));
		if (p < pattern.n && pattern.v[p] == RD_SYMBOL_RUN) {
			after_run = ++p;
			run_end = t;
			if (p == pattern.n) {
				break; /* whatever is left is this "*"'s */
			}
			continue;
		}
		if (p < pattern.n) {
			taken = symbol_takes(pattern.v[p], text, t, folded);
		}
		if (taken > 0) {
			p++;
			t += taken;
		} else if (after_run != SIZE_MAX) {
			run_end += character(text, run_end);
			t = run_end;
			p = after_run;
		} else {
			*ret_matches = false;
			return RD_OK;
		}
	}
	while (p < pattern.n && pattern.v[p] == RD_SYMBOL_RUN) {
		RD_TRY(rd_budget_take(budget, 1));
		p++;
	}
	*ret_matches = p == pattern.n;
	return RD_OK;
}

static bool split_pattern(struct rd_symbols all, struct rd_symbols ret_parts[ARN_COLONS + 1])
{
	size_t part = 0;
	size_t start = 0;

	for (size_t i = 0; i < all.n && part < ARN_COLONS; i++) {
		if (all.v[i] == ':') {
			ret_parts[part++] = (struct rd_symbols){.v = all.v + start, .n = i - start};
			start = i + 1;
		}
	}
	ret_parts[part] = (struct rd_symbols){.v = all.v + start, .n = all.n - start};
	return part == ARN_COLONS;
}

static bool split_text(struct rd_view all, struct rd_view ret_parts[ARN_COLONS + 1])
{
	size_t part = 0;
	size_t start = 0;

	for (size_t i = 0; i < all.len && part < ARN_COLONS; i++) {
		if (all.ptr[i] == ':') {
			ret_parts[part++] = rd_view(all.ptr + start, i - start);
			start = i + 1;
		}
	}
	ret_parts[part] = rd_view(all.ptr + start, all.len - start);
	return part == ARN_COLONS;
}

enum rd_status rd_match_arn(
	struct rd_symbols pattern, struct rd_view text, struct rd_budget *budget, bool *ret_matches)
{
	struct rd_symbols parts[ARN_COLONS + 1] = {0};
	struct rd_view texts[ARN_COLONS + 1] = {0};
	bool matches = true;

	RD_TRY(rd_budget_take(budget, 1));
	if (pattern.n == 0 || text.len == 0 || !split_pattern(pattern, parts) ||
		!split_text(text, texts)) {
		*ret_matches = false;
		return RD_OK;
	}
	for (size_t i = 0; matches && i <= ARN_COLONS; i++) {
		RD_TRY(rd_match_symbols(parts[i], texts[i], false, budget, &matches));
	}
	*ret_matches = matches;
	return RD_OK;
}

static bool equal_folded(const uint8_t *a, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (fold(a[i]) != fold(b[i])) {
			return false;
		}
	}
	return true;
}

bool rd_view_equal_folded(struct rd_view a, struct rd_view b)
{
	return a.len == b.len && equal_folded(a.ptr, b.ptr, a.len);
}

bool rd_view_starts_folded(struct rd_view text, const char *prefix)
{
	size_t n = strlen(prefix);

	return text.len >= n && equal_folded(text.ptr, (const uint8_t *)prefix, n);
}
