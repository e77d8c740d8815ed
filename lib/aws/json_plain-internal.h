/* SPDX-License-Identifier: Apache-2.0 */
/* Characters that stand for themselves in JSON, eight at a time: what requests and answers of this
 * API are nearly all made of. */
#ifndef RD_AWS_JSON_PLAIN_INTERNAL_H
#define RD_AWS_JSON_PLAIN_INTERNAL_H

#include "base/bytes.h"

/* A byte of each of eight. */
#define RD_JSON_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/*
 * Whether all eight are within 0x20 and 0x7e and neither '"' nor '\'. No byte can hide behind
 * another's carry or borrow: one that causes them is found itself.
 */
static inline bool rd_json_plain(uint64_t eight)
{
	uint64_t quote = eight ^ RD_JSON_EACH('"'), escape = eight ^ RD_JSON_EACH('\\');
	uint64_t below = (eight - RD_JSON_EACH(0x20)) & ~eight;
	uint64_t above = (eight + RD_JSON_EACH(1)) | eight;

	below |= ((quote - RD_JSON_EACH(1)) & ~quote) | ((escape - RD_JSON_EACH(1)) & ~escape);
	return ((below | above) & RD_JSON_EACH(0x80)) == 0;
}

/* How many characters at the beginning are such. */
static inline size_t rd_json_plain_length(struct rd_view text)
{
	uint64_t eight;
	size_t n = 0;

	for (; text.len - n >= sizeof(eight); n += sizeof(eight)) {
		memcpy(&eight, text.ptr + n, sizeof(eight));
		if (!rd_json_plain(eight)) {
			break;
		}
	}
	while (n < text.len && rd_json_plain(RD_JSON_EACH(text.ptr[n]))) {
		n++;
	}
	return n;
}

#endif
