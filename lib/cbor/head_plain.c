/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR heads by hand, for static programs: the initial byte is (major << 5) | info. */
#include "base/byteorder.h"
#include "cbor/head.h"

/* Values of info; up to 23 it is the value itself. */
enum {
	INFO_1_BYTE = 24,
	INFO_2_BYTES = 25,
	INFO_4_BYTES = 26,
	INFO_8_BYTES = 27,
	INFO_INDEFINITE = 31
};

/* Simple values of major type 7. */
enum { SIMPLE_FALSE = 20, SIMPLE_TRUE = 21, SIMPLE_NULL = 22, SIMPLE_UNDEFINED = 23 };

#define MAJOR_SIMPLE 7

static enum rd_status read_argument(struct rd_cur *c, unsigned info, uint64_t *ret)
{
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;

	switch (info) {
	case INFO_1_BYTE:
		RD_TRY(rd_cur_u8(c, &u8));
		*ret = u8;
		return RD_OK;
	case INFO_2_BYTES:
		RD_TRY(rd_cur_be16(c, &u16));
		*ret = u16;
		return RD_OK;
	case INFO_4_BYTES:
		RD_TRY(rd_cur_be32(c, &u32));
		*ret = u32;
		return RD_OK;
	case INFO_8_BYTES:
		return rd_cur_be64(c, ret);
	default:
		*ret = info;
		return info < INFO_1_BYTE ? RD_OK : RD_MALFORMED;
	}
}

static enum rd_status read_simple(struct rd_cur *c, unsigned info, struct rd_cbor_head *h)
{
	switch (info) {
	case SIMPLE_FALSE:
	case SIMPLE_TRUE:
		h->type = RD_CBOR_BOOL;
		h->value = info == SIMPLE_TRUE;
		return RD_OK;
	case SIMPLE_NULL:
		h->type = RD_CBOR_NULL;
		return RD_OK;
	case SIMPLE_UNDEFINED:
		h->type = RD_CBOR_UNDEFINED;
		return RD_OK;
	case INFO_2_BYTES:
		h->type = RD_CBOR_FLOAT;
		return rd_cur_skip(c, 2);
	case INFO_4_BYTES:
		h->type = RD_CBOR_FLOAT;
		return rd_cur_skip(c, 4);
	case INFO_8_BYTES:
		h->type = RD_CBOR_FLOAT;
		return rd_cur_skip(c, 8);
	case INFO_INDEFINITE:
		h->type = RD_CBOR_END;
		return RD_OK;
	default:
		return RD_MALFORMED;
	}
}

static enum rd_status read_rest(
	struct rd_cur *c, unsigned major, unsigned info, struct rd_cbor_head *h)
{
	static const enum rd_cbor_type types[] = {RD_CBOR_UINT, RD_CBOR_NINT, RD_CBOR_BYTES,
		RD_CBOR_TEXT, RD_CBOR_ARRAY, RD_CBOR_MAP, RD_CBOR_TAG};

	if (major == MAJOR_SIMPLE) {
		return read_simple(c, info, h);
	}
	h->type = types[major];
	if (info == INFO_INDEFINITE && major >= RD_CBOR_MAJOR_BYTES && major <= RD_CBOR_MAJOR_MAP) {
		h->indefinite = true;
		return RD_OK;
	}
	return read_argument(c, info, &h->value);
}

enum rd_status rd_cbor_head_read(struct rd_view input, struct rd_cbor_head *ret)
{
	struct rd_cur c = rd_cur(input);
	struct rd_cbor_head h = {0};
	uint8_t first;

	RD_TRY(rd_cur_u8(&c, &first));
	RD_TRY(read_rest(&c, first >> 5, first & 31, &h));
	h.size = input.len - c.left;
	if ((h.type == RD_CBOR_BYTES || h.type == RD_CBOR_TEXT) && !h.indefinite) {
		RD_TRY(rd_cur_take(&c, h.value, &h.body));
	}
	*ret = h;
	return RD_OK;
}

size_t rd_cbor_head_write(
	enum rd_cbor_major major, uint64_t value, uint8_t dst[RD_CBOR_HEAD_SIZE_MAX])
{
	uint8_t first = (uint8_t)(major << 5);

	if (value < INFO_1_BYTE) {
		dst[0] = (uint8_t)(first | value);
		return 1;
	}
	if (value <= UINT8_MAX) {
		dst[0] = first | INFO_1_BYTE;
		dst[1] = (uint8_t)value;
		return 2;
	}
	if (value <= UINT16_MAX) {
		dst[0] = first | INFO_2_BYTES;
		rd_put_be16(dst + 1, (uint16_t)value);
		return 3;
	}
	if (value <= UINT32_MAX) {
		dst[0] = first | INFO_4_BYTES;
		rd_put_be32(dst + 1, (uint32_t)value);
		return 5;
	}
	dst[0] = first | INFO_8_BYTES;
	rd_put_be64(dst + 1, value);
	return 9;
}
