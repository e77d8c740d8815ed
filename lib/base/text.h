/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text forms: hex, base64 and integers. Every number that comes from a command line, a
 * configuration file or a protocol's text goes through rd_parse_u64: whole string, base 10, ranged.
 */
#ifndef RD_BASE_TEXT_H
#define RD_BASE_TEXT_H

#include "base/bytes.h"

/* Appends lowercase hex, or decodes hex of either case; an odd digit or a stranger is RD_MALFORMED.
 */
enum rd_status rd_hex_encode(struct rd_view bytes, struct rd_buf *out) RD_MUST_USE;
enum rd_status rd_hex_decode(struct rd_view hex, struct rd_buf *out) RD_MUST_USE;

/* The same into a NUL-terminated array of 2 * len + 1 bytes. */
void rd_hex_string(struct rd_view bytes, char *ret_text);

/* RFC 4648 section 4, padded; the decoder refuses white space and non-zero spare bits. */
enum rd_status rd_base64_encode(struct rd_view bytes, struct rd_buf *out) RD_MUST_USE;
enum rd_status rd_base64_decode(struct rd_view text, struct rd_buf *out) RD_MUST_USE;

/* min <= value <= max, digits only, no sign, no blank; otherwise RD_BAD_NUMBER. */
enum rd_status rd_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
	RD_MUST_USE;

/* RFC 3339 in UTC ("2031-02-03T04:05:06Z", fraction allowed and dropped) or plain seconds since the
 * epoch. */
enum rd_status rd_parse_time(const char *text, int64_t *ret_unix_s) RD_MUST_USE;

/* As snprintf of "%s" into size bytes: what does not fit is cut. */
void rd_text_copy(char *dst, size_t size, const char *src);

/* "2031-02-03T04:05:06.123Z" into 25 bytes. */
#define RD_TIME_TEXT_SIZE 32
void rd_time_string(uint64_t unix_ms, char ret_text[RD_TIME_TEXT_SIZE]);

/*
 * Makes text that somebody else chose fit for one line on a terminal: control characters, the C1
 * ones in UTF-8 too, become '?'. In place; the length stays.
 */
void rd_text_make_printable(char *text);

#endif
