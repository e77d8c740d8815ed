/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 (RFC 3629): shortest forms only, no surrogates, nothing above U+10FFFF. */
#ifndef RD_BASE_UTF8_H
#define RD_BASE_UTF8_H

#include "base/bytes.h"

/* Takes one character off the reader; RD_MALFORMED for anything that is not UTF-8. */
enum rd_status rd_utf8_next(struct rd_cur *c, uint32_t *ret_char) RD_MUST_USE;

/* How many characters: the unit of the service model's length limits. */
enum rd_status rd_utf8_count(struct rd_view text, size_t *ret_chars) RD_MUST_USE;

/* The longest prefix of at most max bytes that does not end inside a character. */
struct rd_view rd_utf8_prefix(struct rd_view text, size_t max);

#endif
