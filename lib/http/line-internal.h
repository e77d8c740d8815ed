/* SPDX-License-Identifier: Apache-2.0 */
/* Lines and header fields: what reading a request and reading a response share. */
#ifndef RD_HTTP_LINE_INTERNAL_H
#define RD_HTTP_LINE_INTERNAL_H

#include "http/request.h"

#include <string.h>
#include <strings.h>

/* RFC 9110 section 5.6.2; not empty. */
bool rd_http_is_token(struct rd_view v);
/* Without blanks and tabs at both ends. */
struct rd_view rd_http_trim(struct rd_view v);
/* ASCII letters compare without case. */
static inline bool rd_http_same_word(struct rd_view v, const char *word)
{
	return v.len == strlen(word) && strncasecmp((const char *)v.ptr, word, v.len) == 0;
}
/* Splits at the first `at`; false when it is not there. */
bool rd_http_split(struct rd_view v, char at, struct rd_view *ret_head, struct rd_view *ret_tail);

/* Takes a line with its CR LF away. RD_AGAIN when there is none; a CR or LF alone is malformed. */
enum rd_status rd_http_take_line(struct rd_cur *c, struct rd_view *ret) RD_MUST_USE;
/* "Name: value", the value trimmed and without control characters (RD_MALFORMED). */
enum rd_status rd_http_parse_field(struct rd_view line, struct rd_http_header *ret) RD_MUST_USE;
/* Digits only, at most 15 of them: RD_MALFORMED. */
enum rd_status rd_http_parse_length(struct rd_view value, uint64_t *ret) RD_MUST_USE;

#endif
