/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes: a borrowed view, a bounded reader (struct rd_cur) and a bounded writer (struct rd_buf).
 *
 * All pointer arithmetic on input lives here. A reader advances only over bytes that are there; a
 * writer never goes past its maximum. Functions return RD_TRUNCATED or RD_NOSPACE and leave the
 * cursor where it was.
 */
#ifndef RD_BASE_BYTES_H
#define RD_BASE_BYTES_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes. ptr NULL means absent, which is not the same as present and empty. */
struct rd_view {
	const uint8_t *ptr;
	size_t len;
};

static inline struct rd_view rd_view(const void *ptr, size_t len)
{
	return (struct rd_view){.ptr = ptr, .len = len};
}

/* A string literal's or NUL-terminated string's bytes, without the NUL. */
static inline struct rd_view rd_view_str(const char *s)
{
	return rd_view(s, strlen(s));
}

bool rd_view_equal(struct rd_view a, struct rd_view b);

/* Reader. Initialise with rd_cur(view); what is left is always [ptr, ptr + left). */
struct rd_cur {
	const uint8_t *ptr;
	size_t left;
};

static inline struct rd_cur rd_cur(struct rd_view v)
{
	return (struct rd_cur){.ptr = v.ptr, .left = v.len};
}

enum rd_status rd_cur_take(struct rd_cur *c, size_t n, struct rd_view *ret_view) RD_MUST_USE;
enum rd_status rd_cur_skip(struct rd_cur *c, size_t n) RD_MUST_USE;
enum rd_status rd_cur_copy(struct rd_cur *c, void *dst, size_t n) RD_MUST_USE;
static inline RD_MUST_USE enum rd_status rd_cur_u8(struct rd_cur *c, uint8_t *ret)
{
	RD_ENSURE(c->left > 0, RD_TRUNCATED);
	*ret = *c->ptr++;
	c->left--;
	return RD_OK;
}
enum rd_status rd_cur_be16(struct rd_cur *c, uint16_t *ret) RD_MUST_USE;
enum rd_status rd_cur_be32(struct rd_cur *c, uint32_t *ret) RD_MUST_USE;
enum rd_status rd_cur_be64(struct rd_cur *c, uint64_t *ret) RD_MUST_USE;
enum rd_status rd_cur_le16(struct rd_cur *c, uint16_t *ret) RD_MUST_USE;
enum rd_status rd_cur_le32(struct rd_cur *c, uint32_t *ret) RD_MUST_USE;
enum rd_status rd_cur_le64(struct rd_cur *c, uint64_t *ret) RD_MUST_USE;
/* RD_OK when nothing is left, RD_TRAILING otherwise. */
enum rd_status rd_cur_finish(const struct rd_cur *c) RD_MUST_USE;

/*
 * Writer. Either over the caller's storage (rd_buf_fixed: never allocates) or on the heap, growing
 * up to a stated maximum (rd_buf_growable). rd_buf_finish frees heap storage, accepts a fixed one,
 * and wipes nothing: secrets belong in struct rd_secret. What has to be text with a secret in it,
 * an answer say, is written into an rd_buf_wiping: it wipes what it lets go, growing or finished.
 */
struct rd_buf {
	uint8_t *ptr;
	size_t used;
	size_t cap;
	size_t max; /* cap may grow up to this; equal to cap for fixed storage */
	bool heap;
	bool wipes;
};

struct rd_buf rd_buf_fixed(void *storage, size_t cap);
struct rd_buf rd_buf_growable(size_t max);
struct rd_buf rd_buf_wiping(size_t max);
void rd_buf_finish(struct rd_buf *b);
static inline struct rd_view rd_buf_view(const struct rd_buf *b)
{
	return rd_view(b->ptr, b->used);
}

/* Room for n more bytes at *ret_dst, counted as used. */
enum rd_status rd_buf_reserve(struct rd_buf *b, size_t n, uint8_t **ret_dst) RD_MUST_USE;
/* Allocates for n more bytes at once, as far as max; what is written counts. */
enum rd_status rd_buf_make_room(struct rd_buf *b, size_t n) RD_MUST_USE;

/* Here, so that what there is room for costs no call: writers are made of thousands of these. */
static inline RD_MUST_USE enum rd_status rd_buf_put(struct rd_buf *b, const void *src, size_t n)
{
	uint8_t *dst;

	if (n > b->cap - b->used) {
		RD_TRY(rd_buf_reserve(b, n, &dst));
	} else {
		dst = b->ptr + b->used;
		b->used += n;
	}
	if (n > 0) {
		memcpy(dst, src, n);
	}
	return RD_OK;
}

/* What is absent appends nothing. */
static inline RD_MUST_USE enum rd_status rd_buf_put_view(struct rd_buf *b, struct rd_view v)
{
	return v.ptr == NULL ? RD_OK : rd_buf_put(b, v.ptr, v.len);
}

static inline RD_MUST_USE enum rd_status rd_buf_put_str(struct rd_buf *b, const char *s)
{
	return rd_buf_put(b, s, strlen(s));
}

static inline RD_MUST_USE enum rd_status rd_buf_u8(struct rd_buf *b, uint8_t v)
{
	return rd_buf_put(b, &v, 1);
}

enum rd_status rd_buf_put_zeros(struct rd_buf *b, size_t n) RD_MUST_USE;
enum rd_status rd_buf_be16(struct rd_buf *b, uint16_t v) RD_MUST_USE;
enum rd_status rd_buf_be32(struct rd_buf *b, uint32_t v) RD_MUST_USE;
enum rd_status rd_buf_be64(struct rd_buf *b, uint64_t v) RD_MUST_USE;
enum rd_status rd_buf_le16(struct rd_buf *b, uint16_t v) RD_MUST_USE;
enum rd_status rd_buf_le32(struct rd_buf *b, uint32_t v) RD_MUST_USE;
enum rd_status rd_buf_le64(struct rd_buf *b, uint64_t v) RD_MUST_USE;
enum rd_status rd_buf_printf(struct rd_buf *b, const char *fmt, ...) RD_MUST_USE RD_PRINTF(2, 3);

#endif
