/* SPDX-License-Identifier: Apache-2.0 */
/* Percent-encoding with RFC 3986's unreserved set, as SigV4, query bodies and IAM replies use it.
 */
#ifndef RD_AWS_URI_H
#define RD_AWS_URI_H

#include "base/bytes.h"

/* Appends text; everything but A-Z a-z 0-9 - . _ ~ becomes %XX in upper case. */
enum rd_status rd_uri_encode(struct rd_view text, struct rd_buf *out) RD_MUST_USE;

/* Appends what %XX stands for; RD_MALFORMED when a % is not followed by two hex digits.
 * plus_is_space is the rule of form bodies, and of them alone. */
enum rd_status rd_uri_decode(struct rd_view text, bool plus_is_space, struct rd_buf *out)
	RD_MUST_USE;

/* The part of text before the first separator, and what is behind it (absent when there is none).
 */
struct rd_view rd_text_cut(struct rd_view text, uint8_t separator, struct rd_view *ret_rest);

/* Here, so that a literal's length is known when it is compared. */
static inline bool rd_text_is(struct rd_view text, const char *literal)
{
	size_t len = strlen(literal);

	return text.len == len && (len == 0 || memcmp(text.ptr, literal, len) == 0);
}

bool rd_text_has_prefix(struct rd_view text, const char *literal);
/* ASCII letters compare without case. */
bool rd_text_same_letters(const uint8_t *a, const uint8_t *b, size_t len);
static inline bool rd_text_is_caseless(struct rd_view text, const char *literal)
{
	size_t len = strlen(literal);

	return text.len == len && rd_text_same_letters(text.ptr, (const uint8_t *)literal, len);
}
/* What is behind the first n bytes; n <= text.len. */
struct rd_view rd_text_from(struct rd_view text, size_t n);

#endif
