/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The encryption context: pairs of strings that a ciphertext is bound to, in one encoding.
 *
 * Order does not matter, case does, nothing is normalised. The encoding carries counts and lengths,
 * so that {"a": "bc"} and {"ab": "c"} are two contexts:
 *
 *   u32 n, then for each pair in the order of the keys' bytes: u32 length, key, u32 length, value
 *
 * all big-endian. No context is the same as one without pairs.
 */
#ifndef RD_ENVELOPE_CONTEXT_H
#define RD_ENVELOPE_CONTEXT_H

#include "base/bytes.h"

struct rd_context_pair {
	struct rd_view key;   /* UTF-8, not empty */
	struct rd_view value; /* UTF-8, may be empty */
};

/* Of the encoding: what a request to the service has room for. */
#define RD_CONTEXT_SIZE_MAX 8192
/* As many of the smallest pairs as fit, so that sorting is bounded before anything is encoded. */
#define RD_CONTEXT_PAIRS_MAX ((RD_CONTEXT_SIZE_MAX - 4) / 9)

/*
 * Sorts the caller's pairs in place and appends their encoding. RD_LIMIT: more than
 * RD_CONTEXT_SIZE_MAX bytes; RD_MISSING: an empty key; RD_DUPLICATE: the same key twice. The
 * strings' UTF-8 is for whoever parsed them to check. Nothing is appended on failure.
 */
enum rd_status rd_context_encode(struct rd_context_pair *pairs, size_t n, struct rd_buf *out)
	RD_MUST_USE;

#endif
