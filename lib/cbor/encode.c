/* SPDX-License-Identifier: Apache-2.0 */
/* Heads and bodies into a struct rd_buf. */
#include "cbor/encode.h"

#include "cbor/head.h"

/* The whole initial byte of the simple values that we write. */
enum { BYTE_FALSE = 0xf4, BYTE_TRUE = 0xf5, BYTE_NULL = 0xf6, BYTE_UINT64 = 0x1b };

static enum rd_status put_head(struct rd_buf *b, enum rd_cbor_major major, uint64_t value)
{
	uint8_t head[RD_CBOR_HEAD_SIZE_MAX];
	size_t n = rd_cbor_head_write(major, value, head);

	return rd_buf_put(b, head, n);
}

static enum rd_status put_string(struct rd_buf *b, enum rd_cbor_major major, struct rd_view v)
{
	RD_TRY(put_head(b, major, v.len));
	return rd_buf_put_view(b, v);
}

enum rd_status rd_cbor_put_uint(struct rd_buf *b, uint64_t v)
{
	return put_head(b, RD_CBOR_MAJOR_UINT, v);
}

enum rd_status rd_cbor_put_int(struct rd_buf *b, int64_t v)
{
	if (v < 0) {
		return put_head(b, RD_CBOR_MAJOR_NINT, (uint64_t)(-1 - v));
	}
	return put_head(b, RD_CBOR_MAJOR_UINT, (uint64_t)v);
}

enum rd_status rd_cbor_put_uint64_wide(struct rd_buf *b, uint64_t v)
{
	RD_TRY(rd_buf_u8(b, BYTE_UINT64));
	return rd_buf_be64(b, v);
}

enum rd_status rd_cbor_put_bytes(struct rd_buf *b, struct rd_view v)
{
	return put_string(b, RD_CBOR_MAJOR_BYTES, v);
}

enum rd_status rd_cbor_put_bytes_or_null(struct rd_buf *b, struct rd_view v)
{
	return v.ptr == NULL ? rd_cbor_put_null(b) : rd_cbor_put_bytes(b, v);
}

enum rd_status rd_cbor_put_bytes_head(struct rd_buf *b, uint64_t len)
{
	return put_head(b, RD_CBOR_MAJOR_BYTES, len);
}

enum rd_status rd_cbor_put_text(struct rd_buf *b, struct rd_view v)
{
	return put_string(b, RD_CBOR_MAJOR_TEXT, v);
}

enum rd_status rd_cbor_put_str(struct rd_buf *b, const char *s)
{
	return rd_cbor_put_text(b, rd_view_str(s));
}

enum rd_status rd_cbor_put_array(struct rd_buf *b, uint64_t n)
{
	return put_head(b, RD_CBOR_MAJOR_ARRAY, n);
}

enum rd_status rd_cbor_put_map(struct rd_buf *b, uint64_t n_pairs)
{
	return put_head(b, RD_CBOR_MAJOR_MAP, n_pairs);
}

enum rd_status rd_cbor_put_tag(struct rd_buf *b, uint64_t tag)
{
	return put_head(b, RD_CBOR_MAJOR_TAG, tag);
}

enum rd_status rd_cbor_put_bool(struct rd_buf *b, bool v)
{
	return rd_buf_u8(b, v ? BYTE_TRUE : BYTE_FALSE);
}

enum rd_status rd_cbor_put_null(struct rd_buf *b)
{
	return rd_buf_u8(b, BYTE_NULL);
}
