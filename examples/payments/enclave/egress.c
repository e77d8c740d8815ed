/* SPDX-License-Identifier: Apache-2.0 */
/* Looking for card numbers in what leaves. */
#include "enclave/egress.h"

#include "base/luhn.h"
#include "card/pan.h"
#include "cbor/decode.h"

/* Twelve digits are an amount (DE 4), too. */
#define RUN_MIN 13

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(uint8_t c)
{
	return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool is_pan(struct rd_view digits)
{
	enum rd_card_brand brand;

	return digits.len >= RUN_MIN && digits.len <= RD_PAN_DIGITS_MAX && rd_luhn_valid(digits) &&
	       rd_card_brand_of(digits, &brand) == RD_OK &&
	       rd_card_brand_has_length(brand, digits.len);
}

/* How many letters and digits there are from here on; *ret_digits: they are digits alone. */
static size_t word_at(struct rd_view bytes, size_t at, bool *ret_digits)
{
	size_t n = 0;

	*ret_digits = true;
	while (at + n < bytes.len &&
		(is_digit(bytes.ptr[at + n]) || is_letter(bytes.ptr[at + n]))) {
		*ret_digits = *ret_digits && is_digit(bytes.ptr[at + n]);
		n++;
	}
	return n;
}

bool egress_has_pan(struct rd_view bytes)
{
	for (size_t at = 0; at < bytes.len;) {
		bool digits;
		size_t n = word_at(bytes, at, &digits);

		if (digits && is_pan(rd_view(bytes.ptr + at, n))) {
			return true;
		}
		at += n + 1;
	}
	return false;
}

/* One value of the message's map: its text or bytes. Heads of CBOR are letters, too, so strings are
 * looked at one by one. */
static enum rd_status check_value(struct rd_cbor *d)
{
	struct rd_view value = {0};
	enum rd_cbor_type type;

	RD_TRY(rd_cbor_peek(d, &type));
	if (type == RD_CBOR_TEXT) {
		RD_TRY(rd_cbor_text(d, &value));
	} else if (type == RD_CBOR_BYTES) {
		RD_TRY(rd_cbor_bytes(d, &value));
	} else {
		RD_TRY(rd_cbor_skip(d, &value));
	}
	return egress_has_pan(value) ? RD_FORBIDDEN : RD_OK;
}

static enum rd_status check_frame(struct rd_view frame)
{
	struct rd_cbor_iter it, members;
	struct rd_view name;
	struct rd_cbor d;
	uint64_t number;
	bool more;

	rd_cbor_init(&d, frame, RD_CBOR_STRICT);
	RD_TRY(rd_cbor_array_of(&d, 3, &it));
	RD_TRY(rd_cbor_uint(&d, UINT64_MAX, &number));
	RD_TRY(rd_cbor_uint(&d, UINT64_MAX, &number));
	RD_TRY(rd_cbor_map(&d, &members));
	for (;;) {
		RD_TRY(rd_cbor_more(&d, &members, &more));
		if (!more) {
			return RD_OK;
		}
		RD_TRY(rd_cbor_text(&d, &name));
		RD_TRY(check_value(&d));
	}
}

enum rd_status egress_encode(const struct pay_message *m, struct rd_buf *out)
{
	size_t before = out->used, body = before + sizeof(uint32_t);

	RD_TRY(pay_link_encode(m, out));
	if (check_frame(rd_view(out->ptr + body, out->used - body)) != RD_OK) {
		out->used = before;
		return RD_FORBIDDEN;
	}
	return RD_OK;
}
