/* SPDX-License-Identifier: Apache-2.0 */
/* ISO 8583 messages: the table of fields, and reading and writing by it. */
#include "card/iso8583.h"

#include "base/byteorder.h"

#define BITMAP_BITS 64u
/* Bit 1 of a bitmap, where field 1 would be: another bitmap follows. */
#define SECOND_BITMAP (UINT64_C(1) << 63)
/* What a PAN keeps in a dump, and the shortest that keeps it. */
#define PAN_SHOWN 4u
#define PAN_MIN   12u

static const struct pay_iso_format formats[] = {
	{PAY_ISO_F_PAN, PAY_ISO_N, PAY_ISO_LLVAR, PAY_ISO_PAN, 19, "primary account number"},
	{PAY_ISO_F_PROCESSING, PAY_ISO_N, PAY_ISO_FIXED, PAY_ISO_PLAIN, 6, "processing code"},
	{PAY_ISO_F_AMOUNT, PAY_ISO_N, PAY_ISO_FIXED, PAY_ISO_PLAIN, 12, "amount"},
	{PAY_ISO_F_SENT, PAY_ISO_N, PAY_ISO_FIXED, PAY_ISO_PLAIN, 10, "transmission date and time"},
	{PAY_ISO_F_STAN, PAY_ISO_N, PAY_ISO_FIXED, PAY_ISO_PLAIN, 6, "trace number"},
	{PAY_ISO_F_TIME, PAY_ISO_N, PAY_ISO_FIXED, PAY_ISO_PLAIN, 6, "time"},
	{PAY_ISO_F_DATE, PAY_ISO_N, PAY_ISO_FIXED, PAY_ISO_PLAIN, 4, "date"},
	{PAY_ISO_F_EXPIRY, PAY_ISO_N, PAY_ISO_FIXED, PAY_ISO_SECRET, 4, "expiry"},
	{PAY_ISO_F_ENTRY, PAY_ISO_N, PAY_ISO_FIXED, PAY_ISO_PLAIN, 3, "entry mode"},
	{PAY_ISO_F_FUNCTION, PAY_ISO_N, PAY_ISO_FIXED, PAY_ISO_PLAIN, 3, "function code"},
	{PAY_ISO_F_TRACK2, PAY_ISO_Z, PAY_ISO_LLVAR, PAY_ISO_SECRET, 37, "track 2"},
	{PAY_ISO_F_RRN, PAY_ISO_AN, PAY_ISO_FIXED, PAY_ISO_PLAIN, 12, "retrieval reference number"},
	{PAY_ISO_F_AUTH_CODE, PAY_ISO_AN, PAY_ISO_FIXED, PAY_ISO_PLAIN, 6, "authorisation code"},
	{PAY_ISO_F_RESPONSE, PAY_ISO_AN, PAY_ISO_FIXED, PAY_ISO_PLAIN, 2, "response code"},
	{PAY_ISO_F_TERMINAL, PAY_ISO_ANS, PAY_ISO_FIXED, PAY_ISO_PLAIN, 8, "terminal"},
	{PAY_ISO_F_MERCHANT, PAY_ISO_ANS, PAY_ISO_FIXED, PAY_ISO_PLAIN, 15, "merchant"},
	{PAY_ISO_F_PRIVATE, PAY_ISO_ANS, PAY_ISO_LLLVAR, PAY_ISO_PRIVATE, 999, "private data"},
	{PAY_ISO_F_CURRENCY, PAY_ISO_N, PAY_ISO_FIXED, PAY_ISO_PLAIN, 3, "currency"},
	{PAY_ISO_F_PIN, PAY_ISO_B, PAY_ISO_FIXED, PAY_ISO_REFUSED, 8, "PIN block"},
	{PAY_ISO_F_CHIP, PAY_ISO_B, PAY_ISO_LLLVAR, PAY_ISO_SECRET, 255, "chip data"},
	{PAY_ISO_F_MAC, PAY_ISO_B, PAY_ISO_FIXED, PAY_ISO_PLAIN, 8, "MAC"},
	{PAY_ISO_F_NETWORK, PAY_ISO_N, PAY_ISO_FIXED, PAY_ISO_PLAIN, 3, "network management code"},
	{PAY_ISO_F_ORIGINAL, PAY_ISO_N, PAY_ISO_FIXED, PAY_ISO_PLAIN, 42, "original data elements"},
	{PAY_ISO_F_MAC_SECOND, PAY_ISO_B, PAY_ISO_FIXED, PAY_ISO_PLAIN, 8, "MAC"},
};

const struct pay_iso_format *pay_iso_format_of(unsigned number)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(formats); i++) {
		if (formats[i].number == number) {
			return &formats[i];
		}
	}
	return NULL;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool in_class(enum pay_iso_class klass, uint8_t c)
{
	switch (klass) {
	case PAY_ISO_N:
		return is_digit(c);
	case PAY_ISO_AN:
		return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
	case PAY_ISO_ANS:
		return c >= ' ' && c <= '~';
	case PAY_ISO_Z:
		return is_digit(c) || c == '=' || c == 'D';
	case PAY_ISO_B:
	default:
		return true;
	}
}

static enum rd_status check_class(enum pay_iso_class klass, struct rd_view value)
{
	for (size_t i = 0; i < value.len; i++) {
		RD_ENSURE(in_class(klass, value.ptr[i]), RD_BAD_TYPE);
	}
	return RD_OK;
}

static enum rd_status check_value(const struct pay_iso_format *format, struct rd_view value)
{
	RD_ENSURE(format->care != PAY_ISO_REFUSED, RD_FORBIDDEN);
	RD_ENSURE(value.len <= format->max, RD_LIMIT);
	RD_ENSURE(value.len > 0, RD_OUT_OF_RANGE);
	RD_ENSURE(format->packing != PAY_ISO_FIXED || value.len == format->max, RD_OUT_OF_RANGE);
	return check_class((enum pay_iso_class)format->klass, value);
}

/* A number of so many ASCII digits, three at most. */
static enum rd_status take_number(struct rd_cur *c, size_t digits, size_t *ret)
{
	struct rd_view text;

	RD_TRY(rd_cur_take(c, digits, &text));
	*ret = 0;
	for (size_t i = 0; i < digits; i++) {
		RD_ENSURE(is_digit(text.ptr[i]), RD_BAD_NUMBER);
		*ret = *ret * 10 + (text.ptr[i] - (size_t)'0');
	}
	return RD_OK;
}

static enum rd_status put_number(struct rd_buf *out, size_t digits, size_t number)
{
	uint8_t *text;

	RD_TRY(rd_buf_reserve(out, digits, &text));
	for (size_t i = digits; i > 0; i--) {
		text[i - 1] = (uint8_t)('0' + number % 10);
		number /= 10;
	}
	return RD_OK;
}

static size_t length_digits(const struct pay_iso_format *format)
{
	switch ((enum pay_iso_packing)format->packing) {
	case PAY_ISO_LLVAR:
		return 2;
	case PAY_ISO_LLLVAR:
		return 3;
	case PAY_ISO_FIXED:
	default:
		return 0;
	}
}

static bool known_mti(const char mti[PAY_ISO_MTI_SIZE + 1])
{
#define X(text) memcmp(mti, text, sizeof(text)) == 0 ||
	return PAY_ISO_MTI_LIST(X) false;
#undef X
}

/* --- reading --- */

static enum rd_status take_mti(struct rd_cur *c, char ret[PAY_ISO_MTI_SIZE + 1])
{
	RD_TRY(rd_cur_copy(c, ret, PAY_ISO_MTI_SIZE));
	ret[PAY_ISO_MTI_SIZE] = '\0';
	for (size_t i = 0; i < PAY_ISO_MTI_SIZE; i++) {
		RD_ENSURE(is_digit((uint8_t)ret[i]), RD_BAD_NUMBER);
	}
	RD_ENSURE(known_mti(ret), RD_UNSUPPORTED);
	return RD_OK;
}

/* Of both bitmaps; bits of the second are 0 where it is absent. */
static enum rd_status take_bitmaps(struct rd_cur *c, uint64_t ret[2])
{
	ret[1] = 0;
	RD_TRY(rd_cur_be64(c, &ret[0]));
	if ((ret[0] & SECOND_BITMAP) != 0) {
		RD_TRY(rd_cur_be64(c, &ret[1]));
		RD_ENSURE(ret[1] != 0, RD_NONCANONICAL);
		ret[0] &= ~SECOND_BITMAP;
	}
	return RD_OK;
}

static bool has_bit(const uint64_t bitmaps[2], unsigned number)
{
	unsigned bit = number - 1;

	return (bitmaps[bit / BITMAP_BITS] >> (BITMAP_BITS - 1 - bit % BITMAP_BITS) & 1) != 0;
}

static enum rd_status take_field(struct rd_cur *c, unsigned number, struct rd_view *ret)
{
	const struct pay_iso_format *format = pay_iso_format_of(number);
	size_t len;

	RD_ENSURE(format != NULL, RD_UNSUPPORTED);
	RD_ENSURE(format->care != PAY_ISO_REFUSED, RD_FORBIDDEN);
	len = format->max;
	if (format->packing != PAY_ISO_FIXED) {
		RD_TRY(take_number(c, length_digits(format), &len));
		RD_ENSURE(len <= format->max, RD_LIMIT);
	}
	RD_TRY(rd_cur_take(c, len, ret));
	return check_value(format, *ret);
}

enum rd_status pay_iso_decode(struct rd_view bytes, struct pay_iso *ret)
{
	struct rd_cur c = rd_cur(bytes);
	struct pay_iso msg = {.mti = ""};
	uint64_t bitmaps[2];

	RD_ENSURE(bytes.len <= PAY_ISO_MESSAGE_MAX, RD_LIMIT);
	RD_TRY(take_mti(&c, msg.mti));
	RD_TRY(take_bitmaps(&c, bitmaps));
	for (unsigned number = 1; number <= PAY_ISO_FIELD_MAX; number++) {
		if (has_bit(bitmaps, number)) {
			RD_TRY(take_field(&c, number, &msg.fields[number]));
		}
	}
	RD_TRY(rd_cur_finish(&c));
	*ret = msg;
	return RD_OK;
}

/* --- writing --- */

enum rd_status pay_iso_set(struct pay_iso *msg, unsigned number, struct rd_view value)
{
	const struct pay_iso_format *format = pay_iso_format_of(number);

	RD_ENSURE(format != NULL, RD_UNSUPPORTED);
	RD_TRY(check_value(format, value));
	RD_ENSURE(!pay_iso_has(msg, number), RD_DUPLICATE);
	msg->fields[number] = value;
	return RD_OK;
}

static void set_bit(uint64_t bitmaps[2], unsigned number)
{
	unsigned bit = number - 1;

	bitmaps[bit / BITMAP_BITS] |= UINT64_C(1) << (BITMAP_BITS - 1 - bit % BITMAP_BITS);
}

static enum rd_status put_field(struct rd_buf *out, unsigned number, struct rd_view value)
{
	const struct pay_iso_format *format = pay_iso_format_of(number);

	RD_ENSURE(format != NULL, RD_UNSUPPORTED);
	RD_TRY(check_value(format, value));
	RD_TRY(put_number(out, length_digits(format), value.len));
	return rd_buf_put_view(out, value);
}

enum rd_status pay_iso_encode(const struct pay_iso *msg, struct rd_buf *out)
{
	uint64_t bitmaps[2] = {0, 0};

	RD_ENSURE(known_mti(msg->mti), RD_UNSUPPORTED);
	for (unsigned number = 1; number <= PAY_ISO_FIELD_MAX; number++) {
		if (pay_iso_has(msg, number)) {
			set_bit(bitmaps, number);
		}
	}
	RD_TRY(rd_buf_put(out, msg->mti, PAY_ISO_MTI_SIZE));
	RD_TRY(rd_buf_be64(out, bitmaps[0] | (bitmaps[1] != 0 ? SECOND_BITMAP : 0)));
	if (bitmaps[1] != 0) {
		RD_TRY(rd_buf_be64(out, bitmaps[1]));
	}
	for (unsigned number = 1; number <= PAY_ISO_FIELD_MAX; number++) {
		if (pay_iso_has(msg, number)) {
			RD_TRY(put_field(out, number, msg->fields[number]));
		}
	}
	return RD_OK;
}

/* --- field 48 --- */

enum rd_status pay_iso_private_decode(struct rd_view value, struct pay_iso_private *ret)
{
	struct rd_cur c = rd_cur(value);
	struct pay_iso_private data = {0};
	size_t next = 0;

	while (c.left > 0) {
		size_t tag, len;

		RD_TRY(take_number(&c, 2, &tag));
		RD_TRY(take_number(&c, 2, &len));
		RD_ENSURE(data.tags[tag].ptr == NULL, RD_DUPLICATE);
		RD_ENSURE(tag >= next, RD_NONCANONICAL);
		RD_ENSURE(len > 0, RD_OUT_OF_RANGE);
		RD_TRY(rd_cur_take(&c, len, &data.tags[tag]));
		RD_TRY(check_class(PAY_ISO_ANS, data.tags[tag]));
		next = tag + 1;
	}
	*ret = data;
	return RD_OK;
}

enum rd_status pay_iso_private_encode(const struct pay_iso_private *data, struct rd_buf *out)
{
	for (size_t tag = 0; tag < PAY_ISO_TAGS; tag++) {
		struct rd_view value = data->tags[tag];

		if (value.ptr == NULL) {
			continue;
		}
		RD_ENSURE(value.len > 0, RD_OUT_OF_RANGE);
		RD_ENSURE(value.len <= PAY_ISO_SUBFIELD_MAX, RD_LIMIT);
		RD_TRY(check_class(PAY_ISO_ANS, value));
		RD_TRY(put_number(out, 2, tag));
		RD_TRY(put_number(out, 2, value.len));
		RD_TRY(rd_buf_put_view(out, value));
	}
	return RD_OK;
}

/* --- for people --- */

static enum rd_status dump_pan(struct rd_view pan, struct rd_buf *out)
{
	size_t shown = pan.len >= PAN_MIN ? PAN_SHOWN : 0;

	for (size_t i = 0; i < pan.len - shown; i++) {
		RD_TRY(rd_buf_u8(out, '*'));
	}
	return rd_buf_put(out, pan.ptr + (pan.len - shown), shown);
}

static enum rd_status dump_private(struct rd_view value, struct rd_buf *out)
{
	struct pay_iso_private data;
	const char *before = "[";

	if (pay_iso_private_decode(value, &data) != RD_OK) {
		return rd_buf_printf(out, "(%zu bytes)", value.len);
	}
	for (unsigned tag = 0; tag < PAY_ISO_TAGS; tag++) {
		if (data.tags[tag].ptr == NULL) {
			continue;
		}
		RD_TRY(rd_buf_printf(out, "%s%02u=", before, tag));
		RD_TRY(tag == PAY_ISO_T_CVV ? rd_buf_put_str(out, "***")
					    : rd_buf_put_view(out, data.tags[tag]));
		before = " ";
	}
	return rd_buf_put_str(out, "]");
}

static enum rd_status dump_value(unsigned number, struct rd_view value, struct rd_buf *out)
{
	const struct pay_iso_format *format = pay_iso_format_of(number);
	enum pay_iso_care care = format == NULL ? PAY_ISO_SECRET : (enum pay_iso_care)format->care;

	switch (care) {
	case PAY_ISO_PLAIN:
		return format->klass == PAY_ISO_B ? rd_buf_printf(out, "(%zu bytes)", value.len)
						  : rd_buf_put_view(out, value);
	case PAY_ISO_PAN:
		return dump_pan(value, out);
	case PAY_ISO_PRIVATE:
		return dump_private(value, out);
	case PAY_ISO_SECRET:
	case PAY_ISO_REFUSED:
	default:
		return rd_buf_put_str(out, "***");
	}
}

enum rd_status pay_iso_dump(const struct pay_iso *msg, struct rd_buf *out)
{
	RD_TRY(rd_buf_put_str(out, msg->mti));
	for (unsigned number = 1; number <= PAY_ISO_FIELD_MAX; number++) {
		if (pay_iso_has(msg, number)) {
			RD_TRY(rd_buf_printf(out, " %u=", number));
			RD_TRY(dump_value(number, msg->fields[number], out));
		}
	}
	return RD_OK;
}
