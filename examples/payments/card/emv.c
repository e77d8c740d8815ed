/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chip data: a walk over BER-TLV with the ends of the open templates in an array. A template's
 * value may not reach beyond its own template, and an object that ends a template may end several.
 */
#include "card/emv.h"

/* X.690, 8.1.2: the class and form bits, and what says that a tag goes on. */
#define TAG_CONSTRUCTED 0x20u
#define TAG_GOES_ON     0x1fu
#define TAG_MORE        0x80u
#define TAG_BYTES_MAX   3
/* X.690, 8.1.3. */
#define LENGTH_LONG       0x80u
#define LENGTH_INDEFINITE 0x80u
#define LENGTH_BYTES_MAX  2u

static enum rd_status take_tag(struct rd_cur *c, struct pay_emv_object *ret)
{
	uint8_t byte;

	RD_TRY(rd_cur_u8(c, &byte));
	RD_ENSURE(byte != 0, RD_MALFORMED);
	ret->tag = byte;
	ret->constructed = (byte & TAG_CONSTRUCTED) != 0;
	if ((byte & TAG_GOES_ON) != TAG_GOES_ON) {
		return RD_OK;
	}
	RD_TRY(rd_cur_u8(c, &byte));
	/* X.690, 8.1.2.4.2 c: the number does not start with zeros. That it might have fitted into
	 * one byte is no error here: EMV's own tags, 9F02 among them, have small numbers. */
	RD_ENSURE(byte != TAG_MORE, RD_NONCANONICAL);
	ret->tag = ret->tag << 8 | byte;
	for (int n = 2; (byte & TAG_MORE) != 0; n++) {
		RD_ENSURE(n < TAG_BYTES_MAX, RD_MALFORMED);
		RD_TRY(rd_cur_u8(c, &byte));
		ret->tag = ret->tag << 8 | byte;
	}
	return RD_OK;
}

static enum rd_status take_length(struct rd_cur *c, size_t *ret)
{
	uint8_t byte;
	unsigned n;

	RD_TRY(rd_cur_u8(c, &byte));
	*ret = byte;
	if ((byte & LENGTH_LONG) == 0) {
		return RD_OK;
	}
	n = byte & ~LENGTH_LONG;
	RD_ENSURE(byte != LENGTH_INDEFINITE && n <= LENGTH_BYTES_MAX, RD_UNSUPPORTED);
	*ret = 0;
	for (unsigned i = 0; i < n; i++) {
		RD_TRY(rd_cur_u8(c, &byte));
		*ret = *ret << 8 | byte;
	}
	RD_ENSURE(*ret >= (n == 1 ? LENGTH_LONG : 0x100u), RD_NONCANONICAL);
	return RD_OK;
}

static enum rd_status take_object(struct rd_cur *c, size_t room, struct pay_emv_object *ret)
{
	/* What is behind the template's end is not there. */
	struct rd_cur within = {.ptr = c->ptr, .left = room};
	size_t len;

	RD_TRY(take_tag(&within, ret));
	RD_TRY(take_length(&within, &len));
	RD_TRY(rd_cur_take(&within, len, &ret->value));
	/* Into a template, or past a value. */
	return rd_cur_skip(c, room - within.left - (ret->constructed ? len : 0));
}

enum rd_status pay_emv_walk(struct rd_view bytes, pay_emv_fn *fn, void *arg)
{
	struct rd_cur c = rd_cur(bytes);
	/* How many bytes are left of everything when the template at this depth ends. */
	size_t end[PAY_EMV_DEPTH_MAX + 1] = {0};
	unsigned depth = 0;

	RD_ENSURE(bytes.len <= PAY_EMV_SIZE_MAX, RD_LIMIT);
	for (unsigned n = 0; c.left > 0; n++) {
		struct pay_emv_object object = {.depth = depth};

		RD_ENSURE(n < PAY_EMV_OBJECTS_MAX, RD_LIMIT);
		RD_TRY(take_object(&c, c.left - end[depth], &object));
		if (fn != NULL) {
			RD_TRY(fn(arg, &object));
		}
		if (object.constructed) {
			RD_ENSURE(depth < PAY_EMV_DEPTH_MAX, RD_TOO_DEEP);
			end[++depth] = c.left - object.value.len;
		}
		while (depth > 0 && c.left == end[depth]) {
			depth--;
		}
	}
	return RD_OK;
}
