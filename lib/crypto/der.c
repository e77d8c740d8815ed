/* SPDX-License-Identifier: Apache-2.0 */
/* Reading DER. */
#include "crypto/der.h"

#define LENGTH_ONE_OCTET     0x81
#define LENGTH_TWO_OCTETS    0x82
#define TAG_NUMBER_MULTIBYTE 0x1f

static enum rd_status take_length(struct rd_cur *c, size_t *ret)
{
	uint8_t first;
	uint8_t one;
	uint16_t two;

	RD_TRY(rd_cur_u8(c, &first));
	switch (first) {
	case LENGTH_ONE_OCTET:
		RD_TRY(rd_cur_u8(c, &one));
		RD_ENSURE(one >= 0x80, RD_NONCANONICAL);
		*ret = one;
		return RD_OK;
	case LENGTH_TWO_OCTETS:
		RD_TRY(rd_cur_be16(c, &two));
		RD_ENSURE(two >= 0x100, RD_NONCANONICAL);
		*ret = two;
		return RD_OK;
	default:
		RD_ENSURE(first < 0x80, RD_NONCANONICAL);
		*ret = first;
		return RD_OK;
	}
}

enum rd_status rd_der_take_any(struct rd_cur *c, uint8_t *ret_tag, struct rd_view *ret)
{
	size_t len;

	RD_TRY(rd_cur_u8(c, ret_tag));
	/* 00 is BER's end of contents. */
	RD_ENSURE(*ret_tag != 0, RD_BAD_TYPE);
	RD_ENSURE((*ret_tag & TAG_NUMBER_MULTIBYTE) != TAG_NUMBER_MULTIBYTE, RD_BAD_TYPE);
	RD_TRY(take_length(c, &len));
	return rd_cur_take(c, len, ret);
}

enum rd_status rd_der_take(struct rd_cur *c, uint8_t tag, struct rd_view *ret)
{
	uint8_t got_tag;

	RD_TRY(rd_der_take_any(c, &got_tag, ret));
	return got_tag == tag ? RD_OK : RD_BAD_TYPE;
}

enum rd_status rd_der_take_positive(struct rd_cur *c, struct rd_view *ret)
{
	struct rd_view octets;
	struct rd_cur magnitude;
	uint8_t first;

	RD_TRY(rd_der_take(c, RD_DER_INTEGER, &octets));
	magnitude = rd_cur(octets);
	RD_TRY(rd_cur_u8(&magnitude, &first));
	RD_ENSURE(first < 0x80, RD_OUT_OF_RANGE);
	if (first != 0) {
		*ret = octets;
		return RD_OK;
	}
	RD_ENSURE(magnitude.left > 0, RD_OUT_OF_RANGE);
	RD_ENSURE(magnitude.ptr[0] >= 0x80, RD_NONCANONICAL);
	*ret = rd_view(magnitude.ptr, magnitude.left);
	return RD_OK;
}
