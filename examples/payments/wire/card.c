/* SPDX-License-Identifier: Apache-2.0 */
/* The page's card message: plaintext and aad. */
#include "wire/card.h"

#include "cbor/decode.h"
#include "cbor/encode.h"

#include <string.h>

#define PAN_MIN  12
#define PAN_MAX  19
#define CVV_MIN  3
#define CVV_MAX  4
#define YEAR_MIN 2000
#define YEAR_MAX 2099

enum key { KEY_PAN = 1, KEY_MONTH, KEY_YEAR, KEY_CVV, KEY_PADDING };
#define KEYS 5

static const uint8_t zeros[PAY_CARD_SIZE];

static bool is_digits(struct rd_view text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9') {
			return false;
		}
	}
	return true;
}

static enum rd_status take_key(struct rd_cbor *d, struct rd_cbor_iter *it, enum key key)
{
	uint64_t v = 0;
	bool more = false;

	RD_TRY(rd_cbor_more(d, it, &more));
	RD_ENSURE(more, RD_MISSING);
	RD_TRY(rd_cbor_uint(d, UINT64_MAX, &v));
	RD_ENSURE(v == (uint64_t)key, RD_NONCANONICAL);
	return RD_OK;
}

static enum rd_status take_digits(
	struct rd_cbor *d, struct rd_cbor_iter *it, enum key key, size_t min, size_t max, char *ret)
{
	struct rd_view text = {0};

	RD_TRY(take_key(d, it, key));
	RD_TRY(rd_cbor_text(d, &text));
	RD_ENSURE(text.len >= min && text.len <= max, RD_OUT_OF_RANGE);
	RD_ENSURE(is_digits(text), RD_MALFORMED);
	memcpy(ret, text.ptr, text.len);
	ret[text.len] = '\0';
	return RD_OK;
}

static enum rd_status take_number(struct rd_cbor *d, struct rd_cbor_iter *it, enum key key,
	uint64_t min, uint64_t max, unsigned *ret)
{
	uint64_t v = 0;

	RD_TRY(take_key(d, it, key));
	RD_TRY(rd_cbor_uint(d, max, &v));
	RD_ENSURE(v >= min, RD_OUT_OF_RANGE);
	*ret = (unsigned)v;
	return RD_OK;
}

static enum rd_status take_padding(struct rd_cbor *d, struct rd_cbor_iter *it)
{
	struct rd_view padding = {0};
	bool more = false;

	RD_TRY(take_key(d, it, KEY_PADDING));
	RD_TRY(rd_cbor_bytes(d, &padding));
	RD_ENSURE(padding.len <= sizeof(zeros) && memcmp(padding.ptr, zeros, padding.len) == 0,
		RD_NONCANONICAL);
	RD_TRY(rd_cbor_more(d, it, &more));
	return more ? RD_NONCANONICAL : RD_OK;
}

static enum rd_status decode(struct rd_cbor *d, struct pay_card *card)
{
	struct rd_cbor_iter it;

	RD_TRY(rd_cbor_map(d, &it));
	RD_TRY(take_digits(d, &it, KEY_PAN, PAN_MIN, PAN_MAX, card->pan));
	RD_TRY(take_number(d, &it, KEY_MONTH, 1, 12, &card->month));
	RD_TRY(take_number(d, &it, KEY_YEAR, YEAR_MIN, YEAR_MAX, &card->year));
	RD_TRY(take_digits(d, &it, KEY_CVV, CVV_MIN, CVV_MAX, card->cvv));
	RD_TRY(take_padding(d, &it));
	return rd_cbor_finish(d);
}

/* Straight into the caller's memory, which is locked: a copy here would have to be wiped. */
enum rd_status pay_card_decode(struct rd_view plaintext, struct pay_card *ret)
{
	struct rd_cbor d;

	*ret = (struct pay_card){0};
	RD_ENSURE(plaintext.len == PAY_CARD_SIZE, RD_LIMIT);
	rd_cbor_init(&d, plaintext, RD_CBOR_STRICT);
	return decode(&d, ret);
}

static bool is_card(const struct pay_card *card)
{
	struct rd_view pan = rd_view(card->pan, strnlen(card->pan, sizeof(card->pan)));

	return pan.len >= PAN_MIN && pan.len <= PAN_MAX && is_digits(pan) && card->month >= 1 &&
	       card->month <= 12 && card->year >= YEAR_MIN && card->year <= YEAR_MAX;
}

static bool is_cvv(const struct pay_card *card)
{
	struct rd_view cvv = rd_view(card->cvv, strnlen(card->cvv, sizeof(card->cvv)));

	return cvv.len >= CVV_MIN && cvv.len <= CVV_MAX && is_digits(cvv);
}

static enum rd_status put_face(const struct pay_card *card, struct rd_buf *out)
{
	RD_TRY(rd_cbor_put_uint(out, KEY_PAN));
	RD_TRY(rd_cbor_put_str(out, card->pan));
	RD_TRY(rd_cbor_put_uint(out, KEY_MONTH));
	RD_TRY(rd_cbor_put_uint(out, card->month));
	RD_TRY(rd_cbor_put_uint(out, KEY_YEAR));
	return rd_cbor_put_uint(out, card->year);
}

/* A byte string of so many bytes has a head of two: more than 23, fewer than 256 are left. */
static enum rd_status put_padding(size_t start, struct rd_buf *out)
{
	size_t used;

	RD_TRY(rd_cbor_put_uint(out, KEY_PADDING));
	used = out->used - start;
	RD_TRY(rd_cbor_put_bytes_head(out, PAY_CARD_SIZE - used - 2));
	return rd_buf_put_zeros(out, PAY_CARD_SIZE - used - 2);
}

enum rd_status pay_card_encode(const struct pay_card *card, struct rd_buf *out)
{
	size_t start = out->used;

	RD_ENSURE(is_card(card) && is_cvv(card), RD_USAGE);
	RD_TRY(rd_cbor_put_map(out, KEYS));
	RD_TRY(put_face(card, out));
	RD_TRY(rd_cbor_put_uint(out, KEY_CVV));
	RD_TRY(rd_cbor_put_str(out, card->cvv));
	return put_padding(start, out);
}

enum rd_status pay_card_aad(const struct pay_card_aad *aad, struct rd_buf *out)
{
	RD_TRY(rd_cbor_put_array(out, 5));
	RD_TRY(rd_cbor_put_str(out, "card"));
	RD_TRY(rd_cbor_put_str(out, aad->order));
	RD_TRY(rd_cbor_put_str(out, aad->payment));
	RD_TRY(rd_cbor_put_uint(out, aad->amount));
	return rd_cbor_put_str(out, aad->currency);
}

enum rd_status pay_card_export(const struct pay_card *card, struct rd_buf *out)
{
	RD_ENSURE(is_card(card), RD_USAGE);
	RD_TRY(rd_cbor_put_map(out, 3));
	return put_face(card, out);
}
