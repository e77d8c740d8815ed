/* SPDX-License-Identifier: Apache-2.0 */
/* The encryption context's encoding. */
#include "envelope/context.h"

#include <stdlib.h>
#include <string.h>

static int compare_keys(const void *a, const void *b)
{
	const struct rd_view x = ((const struct rd_context_pair *)a)->key;
	const struct rd_view y = ((const struct rd_context_pair *)b)->key;
	int order = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);

	if (order != 0 || x.len == y.len) {
		return order;
	}
	return x.len < y.len ? -1 : 1;
}

/* Each part is compared with what is left, so that no sum can wrap. */
static enum rd_status check(const struct rd_context_pair *pairs, size_t n)
{
	size_t left = RD_CONTEXT_SIZE_MAX - 4;

	RD_ENSURE(n <= RD_CONTEXT_PAIRS_MAX, RD_LIMIT);
	for (size_t i = 0; i < n; i++) {
		RD_ENSURE(pairs[i].key.len > 0, RD_MISSING);
		RD_ENSURE(left >= 8 && pairs[i].key.len <= left - 8, RD_LIMIT);
		left -= 8 + pairs[i].key.len;
		RD_ENSURE(pairs[i].value.len <= left, RD_LIMIT);
		left -= pairs[i].value.len;
	}
	return RD_OK;
}

static enum rd_status put_string(struct rd_buf *out, struct rd_view s)
{
	RD_TRY(rd_buf_be32(out, (uint32_t)s.len));
	return rd_buf_put_view(out, s);
}

static enum rd_status put_pairs(const struct rd_context_pair *pairs, size_t n, struct rd_buf *out)
{
	RD_TRY(rd_buf_be32(out, (uint32_t)n));
	for (size_t i = 0; i < n; i++) {
		RD_TRY(put_string(out, pairs[i].key));
		RD_TRY(put_string(out, pairs[i].value));
	}
	return RD_OK;
}

enum rd_status rd_context_encode(struct rd_context_pair *pairs, size_t n, struct rd_buf *out)
{
	size_t before = out->used;
	enum rd_status st;

	RD_TRY(check(pairs, n));
	if (n > 1) {
		qsort(pairs, n, sizeof(*pairs), compare_keys);
	}
	for (size_t i = 1; i < n; i++) {
		RD_ENSURE(!rd_view_equal(pairs[i - 1].key, pairs[i].key), RD_DUPLICATE);
	}
	st = put_pairs(pairs, n, out);
	if (st != RD_OK) {
		out->used = before;
	}
	return st;
}
