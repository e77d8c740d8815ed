/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR heads through libcbor's streaming decoder, which allocates nothing, and its encoders. */
#include "cbor/head.h"

#include <assert.h>
#include <cbor.h>
#include <string.h>

static void number(void *ctx, enum rd_cbor_type type, uint64_t value)
{
	struct rd_cbor_head *h = ctx;

	h->type = type;
	h->value = value;
}

static void on_uint8(void *ctx, uint8_t v)
{
	number(ctx, RD_CBOR_UINT, v);
}

static void on_uint16(void *ctx, uint16_t v)
{
	number(ctx, RD_CBOR_UINT, v);
}

static void on_uint32(void *ctx, uint32_t v)
{
	number(ctx, RD_CBOR_UINT, v);
}

static void on_uint64(void *ctx, uint64_t v)
{
	number(ctx, RD_CBOR_UINT, v);
}

static void on_negint8(void *ctx, uint8_t v)
{
	number(ctx, RD_CBOR_NINT, v);
}

static void on_negint16(void *ctx, uint16_t v)
{
	number(ctx, RD_CBOR_NINT, v);
}

static void on_negint32(void *ctx, uint32_t v)
{
	number(ctx, RD_CBOR_NINT, v);
}

static void on_negint64(void *ctx, uint64_t v)
{
	number(ctx, RD_CBOR_NINT, v);
}

static void on_bytes(void *ctx, cbor_data data, uint64_t len)
{
	struct rd_cbor_head *h = ctx;

	number(ctx, RD_CBOR_BYTES, len);
	h->body = rd_view(data, len);
}

static void on_text(void *ctx, cbor_data data, uint64_t len)
{
	struct rd_cbor_head *h = ctx;

	number(ctx, RD_CBOR_TEXT, len);
	h->body = rd_view(data, len);
}

static void on_array(void *ctx, uint64_t n)
{
	number(ctx, RD_CBOR_ARRAY, n);
}

static void on_map(void *ctx, uint64_t n)
{
	number(ctx, RD_CBOR_MAP, n);
}

static void indefinite(void *ctx, enum rd_cbor_type type)
{
	struct rd_cbor_head *h = ctx;

	h->type = type;
	h->indefinite = true;
}

static void on_indef_bytes(void *ctx)
{
	indefinite(ctx, RD_CBOR_BYTES);
}

static void on_indef_text(void *ctx)
{
	indefinite(ctx, RD_CBOR_TEXT);
}

static void on_indef_array(void *ctx)
{
	indefinite(ctx, RD_CBOR_ARRAY);
}

static void on_indef_map(void *ctx)
{
	indefinite(ctx, RD_CBOR_MAP);
}

static void on_float(void *ctx, float v)
{
	(void)v;
	number(ctx, RD_CBOR_FLOAT, 0);
}

static void on_double(void *ctx, double v)
{
	(void)v;
	number(ctx, RD_CBOR_FLOAT, 0);
}

static void on_bool(void *ctx, bool v)
{
	number(ctx, RD_CBOR_BOOL, v);
}

static void on_null(void *ctx)
{
	number(ctx, RD_CBOR_NULL, 0);
}

static void on_undefined(void *ctx)
{
	number(ctx, RD_CBOR_UNDEFINED, 0);
}

static void on_break(void *ctx)
{
	number(ctx, RD_CBOR_END, 0);
}

/* libcbor 0.8 counts strings and containers in size_t, later versions in uint64_t: the same type
 * on every platform that we build for, but not the same name. */
_Static_assert(sizeof(size_t) == sizeof(uint64_t), "lengths must not be cut");

static const struct cbor_callbacks callbacks = {
	.uint8 = on_uint8,
	.uint16 = on_uint16,
	.uint32 = on_uint32,
	.uint64 = on_uint64,
	.negint8 = on_negint8,
	.negint16 = on_negint16,
	.negint32 = on_negint32,
	.negint64 = on_negint64,
	.byte_string = on_bytes,
	.byte_string_start = on_indef_bytes,
	.string = on_text,
	.string_start = on_indef_text,
	.array_start = on_array,
	.indef_array_start = on_indef_array,
	.map_start = on_map,
	.indef_map_start = on_indef_map,
	.float2 = on_float,
	.float4 = on_float,
	.float8 = on_double,
	.boolean = on_bool,
	.null = on_null,
	.undefined = on_undefined,
	.indef_break = on_break,
};

static enum rd_status decode(struct rd_view input, struct rd_cbor_head *ret)
{
	struct rd_cbor_head head = {.type = RD_CBOR_END};
	struct cbor_decoder_result r = cbor_stream_decode(input.ptr, input.len, &callbacks, &head);

	switch (r.status) {
	case CBOR_DECODER_FINISHED:
		break;
	case CBOR_DECODER_NEDATA:
		return RD_TRUNCATED;
	case CBOR_DECODER_ERROR:
		return RD_MALFORMED;
	}
	head.size = r.read - head.body.len;
	*ret = head;
	return RD_OK;
}

/*
 * libcbor 0.8 knows only the tags of RFC 7049 and calls the others, COSE's 18 among them, an error.
 * A tag's argument is written as an unsigned integer's is: read it as one.
 */
static enum rd_status decode_tag(struct rd_view input, struct rd_cbor_head *ret)
{
	uint8_t copy[RD_CBOR_HEAD_SIZE_MAX];
	size_t len = input.len < sizeof(copy) ? input.len : sizeof(copy);

	memcpy(copy, input.ptr, len);
	copy[0] = (uint8_t)(copy[0] & 31);
	RD_TRY(decode(rd_view(copy, len), ret));
	ret->type = RD_CBOR_TAG;
	return RD_OK;
}

enum rd_status rd_cbor_head_read(struct rd_view input, struct rd_cbor_head *ret)
{
	RD_ENSURE(input.len > 0, RD_TRUNCATED);
	return input.ptr[0] >> 5 == RD_CBOR_MAJOR_TAG ? decode_tag(input, ret) : decode(input, ret);
}

size_t rd_cbor_head_write(
	enum rd_cbor_major major, uint64_t value, uint8_t dst[RD_CBOR_HEAD_SIZE_MAX])
{
	switch (major) {
	case RD_CBOR_MAJOR_UINT:
		return cbor_encode_uint(value, dst, RD_CBOR_HEAD_SIZE_MAX);
	case RD_CBOR_MAJOR_NINT:
		return cbor_encode_negint(value, dst, RD_CBOR_HEAD_SIZE_MAX);
	case RD_CBOR_MAJOR_BYTES:
		return cbor_encode_bytestring_start(value, dst, RD_CBOR_HEAD_SIZE_MAX);
	case RD_CBOR_MAJOR_TEXT:
		return cbor_encode_string_start(value, dst, RD_CBOR_HEAD_SIZE_MAX);
	case RD_CBOR_MAJOR_ARRAY:
		return cbor_encode_array_start(value, dst, RD_CBOR_HEAD_SIZE_MAX);
	case RD_CBOR_MAJOR_MAP:
		return cbor_encode_map_start(value, dst, RD_CBOR_HEAD_SIZE_MAX);
	case RD_CBOR_MAJOR_TAG:
		return cbor_encode_tag(value, dst, RD_CBOR_HEAD_SIZE_MAX);
	}
	assert(!"no such major type");
	return 0;
}
