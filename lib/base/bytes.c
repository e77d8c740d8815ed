/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded reader and writer. */
#include "base/bytes.h"

#include "base/byteorder.h"
#include "base/secret.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* First heap allocation of a growable writer; most messages fit. */
#define BUF_FIRST_CAP 256

bool rd_view_equal(struct rd_view a, struct rd_view b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

enum rd_status rd_cur_take(struct rd_cur *c, size_t n, struct rd_view *ret_view)
{
	RD_ENSURE(n <= c->left, RD_TRUNCATED);
	*ret_view = rd_view(c->ptr, n);
	if (n > 0) {
		c->ptr += n;
		c->left -= n;
	}
	return RD_OK;
}

enum rd_status rd_cur_skip(struct rd_cur *c, size_t n)
{
	struct rd_view skipped;

	return rd_cur_take(c, n, &skipped);
}

enum rd_status rd_cur_copy(struct rd_cur *c, void *dst, size_t n)
{
	struct rd_view v;

	RD_TRY(rd_cur_take(c, n, &v));
	if (n > 0) {
		memcpy(dst, v.ptr, n);
	}
	return RD_OK;
}

enum rd_status rd_cur_be16(struct rd_cur *c, uint16_t *ret)
{
	struct rd_view v;

	RD_TRY(rd_cur_take(c, 2, &v));
	*ret = rd_get_be16(v.ptr);
	return RD_OK;
}

enum rd_status rd_cur_be32(struct rd_cur *c, uint32_t *ret)
{
	struct rd_view v;

	RD_TRY(rd_cur_take(c, 4, &v));
	*ret = rd_get_be32(v.ptr);
	return RD_OK;
}

enum rd_status rd_cur_be64(struct rd_cur *c, uint64_t *ret)
{
	struct rd_view v;

	RD_TRY(rd_cur_take(c, 8, &v));
	*ret = rd_get_be64(v.ptr);
	return RD_OK;
}

enum rd_status rd_cur_le16(struct rd_cur *c, uint16_t *ret)
{
	struct rd_view v;

	RD_TRY(rd_cur_take(c, 2, &v));
	*ret = rd_get_le16(v.ptr);
	return RD_OK;
}

enum rd_status rd_cur_le32(struct rd_cur *c, uint32_t *ret)
{
	struct rd_view v;

	RD_TRY(rd_cur_take(c, 4, &v));
	*ret = rd_get_le32(v.ptr);
	return RD_OK;
}

enum rd_status rd_cur_le64(struct rd_cur *c, uint64_t *ret)
{
	struct rd_view v;

	RD_TRY(rd_cur_take(c, 8, &v));
	*ret = rd_get_le64(v.ptr);
	return RD_OK;
}

enum rd_status rd_cur_finish(const struct rd_cur *c)
{
	return c->left == 0 ? RD_OK : RD_TRAILING;
}

struct rd_buf rd_buf_fixed(void *storage, size_t cap)
{
	return (struct rd_buf){.ptr = storage, .cap = cap, .max = cap};
}

struct rd_buf rd_buf_growable(size_t max)
{
	return (struct rd_buf){.max = max, .heap = true};
}

struct rd_buf rd_buf_wiping(size_t max)
{
	return (struct rd_buf){.max = max, .heap = true, .wipes = true};
}

void rd_buf_finish(struct rd_buf *b)
{
	if (b->wipes && b->ptr != NULL) {
		rd_wipe(b->ptr, b->used);
	}
	if (b->heap) {
		free(b->ptr);
	}
	*b = (struct rd_buf){0};
}

static enum rd_status grow(struct rd_buf *b, size_t need)
{
	size_t cap = b->cap == 0 ? BUF_FIRST_CAP : b->cap;
	uint8_t *ptr;

	while (cap < need && cap <= b->max / 2) {
		cap *= 2;
	}
	if (cap < need || cap > b->max) {
		cap = b->max;
	}
	/* realloc would leave a copy where the bytes were. */
	ptr = b->wipes ? malloc(cap) : realloc(b->ptr, cap);
	RD_ENSURE(ptr != NULL, RD_NOMEM);
	if (b->wipes && b->ptr != NULL) {
		memcpy(ptr, b->ptr, b->used);
		rd_wipe(b->ptr, b->used);
		free(b->ptr);
	}
	b->ptr = ptr;
	b->cap = cap;
	return RD_OK;
}

enum rd_status rd_buf_make_room(struct rd_buf *b, size_t n)
{
	RD_ENSURE(n <= b->max - b->used, RD_NOSPACE);
	return n > b->cap - b->used ? grow(b, b->used + n) : RD_OK;
}

enum rd_status rd_buf_reserve(struct rd_buf *b, size_t n, uint8_t **ret_dst)
{
	RD_ENSURE(n <= b->max - b->used, RD_NOSPACE);
	if (n > b->cap - b->used) {
		RD_TRY(grow(b, b->used + n));
	}
	assert(n == 0 || b->ptr != NULL);
	*ret_dst = b->ptr == NULL ? NULL : b->ptr + b->used;
	b->used += n;
	return RD_OK;
}

enum rd_status rd_buf_put_zeros(struct rd_buf *b, size_t n)
{
	uint8_t *dst;

	RD_TRY(rd_buf_reserve(b, n, &dst));
	if (n > 0) {
		memset(dst, 0, n);
	}
	return RD_OK;
}

enum rd_status rd_buf_be16(struct rd_buf *b, uint16_t v)
{
	uint8_t *dst;

	RD_TRY(rd_buf_reserve(b, 2, &dst));
	rd_put_be16(dst, v);
	return RD_OK;
}

enum rd_status rd_buf_be32(struct rd_buf *b, uint32_t v)
{
	uint8_t *dst;

	RD_TRY(rd_buf_reserve(b, 4, &dst));
	rd_put_be32(dst, v);
	return RD_OK;
}

enum rd_status rd_buf_be64(struct rd_buf *b, uint64_t v)
{
	uint8_t *dst;

	RD_TRY(rd_buf_reserve(b, 8, &dst));
	rd_put_be64(dst, v);
	return RD_OK;
}

enum rd_status rd_buf_le16(struct rd_buf *b, uint16_t v)
{
	uint8_t *dst;

	RD_TRY(rd_buf_reserve(b, 2, &dst));
	rd_put_le16(dst, v);
	return RD_OK;
}

enum rd_status rd_buf_le32(struct rd_buf *b, uint32_t v)
{
	uint8_t *dst;

	RD_TRY(rd_buf_reserve(b, 4, &dst));
	rd_put_le32(dst, v);
	return RD_OK;
}

enum rd_status rd_buf_le64(struct rd_buf *b, uint64_t v)
{
	uint8_t *dst;

	RD_TRY(rd_buf_reserve(b, 8, &dst));
	rd_put_le64(dst, v);
	return RD_OK;
}

enum rd_status rd_buf_printf(struct rd_buf *b, const char *fmt, ...)
{
	va_list ap;
	uint8_t *dst;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	RD_ENSURE(n >= 0, RD_INTERNAL);
	/* vsnprintf writes a NUL after the text: reserve it, then give it back. */
	RD_TRY(rd_buf_reserve(b, (size_t)n + 1, &dst));
	va_start(ap, fmt);
	vsnprintf((char *)dst, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->used--;
	return RD_OK;
}
