/* SPDX-License-Identifier: Apache-2.0 */
/* What a card has besides its number: expiry date and security code, and the check of all three. */
#include "card/pan.h"

#include <assert.h>

#define YEAR_MIN          2000
#define SECONDS_PER_DAY   86400
#define CVV_DIGITS        3
#define CVV_DIGITS_AMEX   4
#define MONTHS_PER_YEAR   12
#define DAYS_PER_ERA      146097 /* 400 years of the Gregorian calendar */
#define DAYS_BEFORE_EPOCH 719468 /* from 0000-03-01 to 1970-01-01 */

/* Days from the epoch to the first of a month. Years begin in March, so that a leap day is the last
 * of its year. */
static int64_t days_to_month(int64_t year, unsigned month)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t months_since_march = (month + 9) % MONTHS_PER_YEAR;
	int64_t day_of_year = (153 * months_since_march + 2) / 5;

	/* year is not negative here. */
	return y / 400 * DAYS_PER_ERA + y % 400 * 365 + y % 400 / 4 - y % 400 / 100 + day_of_year -
	       DAYS_BEFORE_EPOCH;
}

static int64_t start_of_month_s(int64_t year, unsigned month)
{
	return days_to_month(year, month) * SECONDS_PER_DAY;
}

enum rd_status rd_card_expiry_check(unsigned month, unsigned year, int64_t now_s)
{
	RD_ENSURE(month >= 1 && month <= MONTHS_PER_YEAR, RD_OUT_OF_RANGE);
	RD_ENSURE(year >= YEAR_MIN && year <= 9999, RD_OUT_OF_RANGE);
	/* The first moment at which it is no longer good is the start of the next month. */
	if (month == MONTHS_PER_YEAR) {
		RD_ENSURE(now_s < start_of_month_s((int64_t)year + 1, 1), RD_EXPIRED);
	} else {
		RD_ENSURE(now_s < start_of_month_s(year, month + 1), RD_EXPIRED);
	}
	/* So many years before the card's year began, it is further ahead than any card. */
	return now_s >= start_of_month_s((int64_t)year - RD_CARD_YEARS_AHEAD, 1) ? RD_OK
										 : RD_OUT_OF_RANGE;
}

enum rd_status rd_card_cvv_check(enum rd_card_brand brand, struct rd_view cvv)
{
	RD_ENSURE(cvv.len > 0, RD_MISSING);
	RD_ENSURE(
		cvv.len == (brand == RD_CARD_AMEX ? CVV_DIGITS_AMEX : CVV_DIGITS), RD_OUT_OF_RANGE);
	for (size_t i = 0; i < cvv.len; i++) {
		RD_ENSURE(cvv.ptr[i] >= '0' && cvv.ptr[i] <= '9', RD_MALFORMED);
	}
	return RD_OK;
}

const char *rd_card_part_text(enum rd_card_part part)
{
	static const char *const texts[RD_CARD_PART_COUNT] = {
		[RD_CARD_NUMBER] = "the card number is not valid",
		[RD_CARD_EXPIRY] = "the expiry date is not valid",
		[RD_CARD_CVV] = "the security code is not valid",
	};

	assert(part < RD_CARD_PART_COUNT);
	return texts[part];
}

enum rd_status rd_card_check(const struct rd_card_input *card, int64_t now_s,
	struct rd_pan *ret_pan, enum rd_card_part *ret_part)
{
	RD_CLEANUP(rd_pan_finish) struct rd_pan pan = {0};

	*ret_pan = (struct rd_pan){0};
	*ret_part = RD_CARD_NUMBER;
	RD_TRY(rd_pan_parse(card->number, &pan));
	*ret_part = RD_CARD_EXPIRY;
	RD_TRY(rd_card_expiry_check(card->month, card->year, now_s));
	*ret_part = RD_CARD_CVV;
	RD_TRY(rd_card_cvv_check(pan.brand, card->cvv));
	*ret_pan = rd_steal(&pan, (struct rd_pan){0});
	return RD_OK;
}
