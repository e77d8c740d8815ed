/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a card (month, year, length of the security code, the code, the number): a number
 * that is accepted keeps every rule, and its mask hides the middle. */
#include "base/luhn.h"
#include "card/pan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 2026-11-26. */
#define NOW_S INT64_C(1795651200)

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static void check_mask(const struct rd_pan *pan)
{
	char mask[RD_PAN_MASK_SIZE];
	size_t hidden = 0;
	size_t n = pan->digits.len;

	rd_pan_mask(pan, mask);
	require(strlen(mask) == n);
	for (size_t i = 0; i < n; i++) {
		require(mask[i] == '*' || (uint8_t)mask[i] == pan->digits.ptr[i]);
		hidden += mask[i] == '*';
	}
	require(hidden >= RD_PAN_HIDDEN_MIN);
	require(n - hidden <= RD_PAN_BIN_DIGITS + RD_PAN_LAST_DIGITS);
}

static void check_number(struct rd_view text)
{
	RD_CLEANUP(rd_pan_finish) struct rd_pan pan = {0};
	enum rd_card_brand brand;

	if (rd_pan_parse(text, &pan) != RD_OK) {
		require(pan.digits.ptr == NULL);
		return;
	}
	require(rd_view_equal(rd_secret_view(&pan.digits), text));
	require(rd_luhn_valid(text) && rd_card_brand_has_length(pan.brand, text.len));
	require(rd_card_brand_of(text, &brand) == RD_OK && brand == pan.brand);
	check_mask(&pan);
}

static void check_card(struct rd_view input)
{
	RD_CLEANUP(rd_pan_finish) struct rd_pan pan = {0};
	struct rd_cur c = rd_cur(input);
	struct rd_card_input card;
	enum rd_card_part part;
	uint8_t month, cvv_len;
	uint16_t year;

	if (rd_cur_u8(&c, &month) != RD_OK || rd_cur_be16(&c, &year) != RD_OK ||
		rd_cur_u8(&c, &cvv_len) != RD_OK || rd_cur_take(&c, cvv_len, &card.cvv) != RD_OK) {
		return;
	}
	card.month = month;
	card.year = year;
	card.number = rd_view(c.ptr, c.left);
	check_number(card.number);
	if (rd_card_check(&card, NOW_S, &pan, &part) == RD_OK) {
		require(month >= 1 && month <= 12 && year >= 2026 && year <= 2046);
		require(cvv_len == (pan.brand == RD_CARD_AMEX ? 4 : 3));
	} else {
		require(pan.digits.ptr == NULL && rd_card_part_text(part) != NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool opened;

	if (!opened) {
		require(rd_secret_heap_open(RD_SECRET_HEAP_MIN, NULL) == RD_OK);
		opened = true;
	}
	check_number(rd_view(data, size));
	check_card(rd_view(data, size));
	return 0;
}
