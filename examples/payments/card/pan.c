/* SPDX-License-Identifier: Apache-2.0 */
/* Card numbers: digits, brands, check digit, mask. What else a card has is in card.c. */
#include "card/pan.h"

#include "base/luhn.h"

#include <assert.h>
#include <string.h>

/* Prefixes from first to last, all of as many digits. */
struct bin_range {
	unsigned digits;
	uint32_t first;
	uint32_t last;
	enum rd_card_brand brand;
};

/*
 * Where prefixes overlap the longest wins: 622126 to 622925 are cards that UnionPay issues and
 * Discover's network takes, inside UnionPay's 62.
 */
static const struct bin_range bins[] = {
	{1, 4, 4, RD_CARD_VISA},
	{2, 51, 55, RD_CARD_MASTERCARD},
	{4, 2221, 2720, RD_CARD_MASTERCARD},
	{2, 34, 34, RD_CARD_AMEX},
	{2, 37, 37, RD_CARD_AMEX},
	{4, 6011, 6011, RD_CARD_DISCOVER},
	{3, 644, 649, RD_CARD_DISCOVER},
	{2, 65, 65, RD_CARD_DISCOVER},
	{6, 622126, 622925, RD_CARD_DISCOVER},
	{4, 3528, 3589, RD_CARD_JCB},
	{3, 300, 305, RD_CARD_DINERS},
	{2, 36, 36, RD_CARD_DINERS},
	{2, 38, 39, RD_CARD_DINERS},
	{2, 62, 62, RD_CARD_UNIONPAY},
};

/* The longest prefix above. */
#define BIN_DIGITS_MAX 6

#define LENGTH(n) (UINT32_C(1) << (n))

static const struct {
	const char *name;
	uint32_t lengths; /* LENGTH bits */
} brands[RD_CARD_BRAND_COUNT] = {
	[RD_CARD_VISA] = {"visa", LENGTH(13) | LENGTH(16) | LENGTH(19)},
	[RD_CARD_MASTERCARD] = {"mastercard", LENGTH(16)},
	[RD_CARD_AMEX] = {"amex", LENGTH(15)},
	[RD_CARD_DISCOVER] = {"discover", LENGTH(16) | LENGTH(17) | LENGTH(18) | LENGTH(19)},
	[RD_CARD_JCB] = {"jcb", LENGTH(16) | LENGTH(17) | LENGTH(18) | LENGTH(19)},
	[RD_CARD_DINERS] = {"diners", LENGTH(14)},
	[RD_CARD_UNIONPAY] = {"unionpay", LENGTH(16) | LENGTH(17) | LENGTH(18) | LENGTH(19)},
};

const char *rd_card_brand_name(enum rd_card_brand brand)
{
	assert(brand < RD_CARD_BRAND_COUNT);
	return brands[brand].name;
}

bool rd_card_brand_has_length(enum rd_card_brand brand, size_t n_digits)
{
	assert(brand < RD_CARD_BRAND_COUNT);
	return n_digits <= RD_PAN_DIGITS_MAX && (brands[brand].lengths & LENGTH(n_digits)) != 0;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* The brand of the range of exactly that many digits that has prefix in it. */
static bool brand_of_prefix(unsigned digits, uint32_t prefix, enum rd_card_brand *ret)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(bins); i++) {
		if (bins[i].digits == digits && prefix >= bins[i].first && prefix <= bins[i].last) {
			*ret = bins[i].brand;
			return true;
		}
	}
	return false;
}

enum rd_status rd_card_brand_of(struct rd_view digits, enum rd_card_brand *ret)
{
	struct rd_cur c = rd_cur(digits);
	uint32_t prefix = 0;
	bool found = false;
	uint8_t digit;

	for (unsigned n = 1; n <= BIN_DIGITS_MAX && rd_cur_u8(&c, &digit) == RD_OK; n++) {
		if (!is_digit(digit)) {
			break;
		}
		prefix = 10 * prefix + (digit - '0');
		found |= brand_of_prefix(n, prefix, ret);
	}
	return found ? RD_OK : RD_NOTFOUND;
}

static enum rd_status check_number(struct rd_view digits, enum rd_card_brand *ret_brand)
{
	RD_ENSURE(digits.len >= RD_PAN_DIGITS_MIN && digits.len <= RD_PAN_DIGITS_MAX, RD_LIMIT);
	for (size_t i = 0; i < digits.len; i++) {
		RD_ENSURE(is_digit(digits.ptr[i]), RD_MALFORMED);
	}
	RD_TRY(rd_card_brand_of(digits, ret_brand));
	RD_ENSURE(rd_card_brand_has_length(*ret_brand, digits.len), RD_OUT_OF_RANGE);
	return rd_luhn_valid(digits) ? RD_OK : RD_BAD_CRC;
}

enum rd_status rd_pan_parse(struct rd_view text, struct rd_pan *ret)
{
	RD_CLEANUP(rd_pan_finish) struct rd_pan pan = {0};

	*ret = (struct rd_pan){0};
	RD_ENSURE(text.len <= RD_PAN_DIGITS_MAX, RD_LIMIT);
	RD_TRY(rd_secret_init(&pan.digits, RD_PAN_DIGITS_MAX));
	/* The copy is what is checked: whoever holds text may change it meanwhile. */
	RD_TRY(rd_secret_set(&pan.digits, text));
	RD_TRY(check_number(rd_secret_view(&pan.digits), &pan.brand));
	*ret = rd_steal(&pan, (struct rd_pan){0});
	return RD_OK;
}

void rd_pan_finish(struct rd_pan *pan)
{
	rd_secret_finish(&pan->digits);
	*pan = (struct rd_pan){0};
}

void rd_pan_mask(const struct rd_pan *pan, char ret_text[RD_PAN_MASK_SIZE])
{
	size_t n = pan->digits.len;
	size_t shown = n < RD_PAN_HIDDEN_MIN + RD_PAN_LAST_DIGITS
			       ? 0
			       : n - RD_PAN_HIDDEN_MIN - RD_PAN_LAST_DIGITS;

	assert(n >= RD_PAN_LAST_DIGITS && n <= RD_PAN_DIGITS_MAX);
	if (shown > RD_PAN_BIN_DIGITS) {
		shown = RD_PAN_BIN_DIGITS;
	}
	/* What is hidden is never written, not even for a moment. */
	memset(ret_text, '*', n);
	memcpy(ret_text, pan->digits.ptr, shown);
	memcpy(ret_text + n - RD_PAN_LAST_DIGITS, pan->digits.ptr + n - RD_PAN_LAST_DIGITS,
		RD_PAN_LAST_DIGITS);
	ret_text[n] = '\0';
}
