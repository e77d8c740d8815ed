/* SPDX-License-Identifier: Apache-2.0 */
/* Format-preserving tokens; token.h says how they are made. */
#include "base/luhn.h"
#include "base/secret.h"
#include "card/ff1.h"
#include "card/token.h"

#include <assert.h>
#include <string.h>

#define RADIX 10
/* What is kept of the number, and so the fewest digits that one with a token has. */
#define KEPT_DIGITS (RD_PAN_BIN_DIGITS + RD_PAN_LAST_DIGITS)
#define DIGITS_MIN  (KEPT_DIGITS + RD_FPE_MIDDLE_MIN)
#define TWEAK_MAX   (KEPT_DIGITS + RD_TOKEN_MERCHANT_MAX)

/* A number or token under work: ASCII digits, in whose middle FF1 works. */
struct walk {
	struct rd_aes *aes;
	uint8_t tweak[TWEAK_MAX];
	size_t tweak_len;
	struct rd_secret digits;
};

static void finish(struct walk *w)
{
	rd_secret_finish(&w->digits);
}

static enum rd_status start(struct walk *w, struct rd_view digits, struct rd_view merchant)
{
	struct rd_buf tweak = rd_buf_fixed(w->tweak, sizeof(w->tweak));
	struct rd_cur c = rd_cur(digits);
	struct rd_view bin, last;

	RD_ENSURE(merchant.len > 0, RD_USAGE);
	RD_ENSURE(merchant.len <= RD_TOKEN_MERCHANT_MAX, RD_LIMIT);
	RD_ENSURE(digits.len >= DIGITS_MIN && digits.len <= RD_PAN_DIGITS_MAX, RD_OUT_OF_RANGE);
	RD_TRY(rd_cur_take(&c, RD_PAN_BIN_DIGITS, &bin));
	RD_TRY(rd_cur_skip(&c, digits.len - KEPT_DIGITS));
	RD_TRY(rd_cur_take(&c, RD_PAN_LAST_DIGITS, &last));
	RD_TRY(rd_buf_put_view(&tweak, bin));
	RD_TRY(rd_buf_put_view(&tweak, last));
	RD_TRY(rd_buf_put_view(&tweak, merchant));
	w->tweak_len = tweak.used;
	RD_TRY(rd_secret_init(&w->digits, RD_PAN_DIGITS_MAX));
	return rd_secret_set(&w->digits, digits);
}

typedef enum rd_status permutation_fn(struct rd_aes *aes, unsigned radix, struct rd_view tweak,
	struct rd_view numerals, uint8_t *ret_numerals);

/* FF1 on the middle, once: to numerals and back. */
static enum rd_status step(struct walk *w, permutation_fn *permute)
{
	uint8_t *middle = w->digits.ptr + RD_PAN_BIN_DIGITS;
	size_t n = w->digits.len - KEPT_DIGITS;

	for (size_t i = 0; i < n; i++) {
		middle[i] -= '0';
	}
	RD_TRY(permute(w->aes, RADIX, rd_view(w->tweak, w->tweak_len), rd_view(middle, n), middle));
	for (size_t i = 0; i < n; i++) {
		middle[i] += '0';
	}
	return RD_OK;
}

/* From one good number to the next. A permutation's cycle comes back to where it began, which was
 * a good number, so this ends; a tenth of all fillings are good, so it ends soon. */
static enum rd_status walk_to_number(struct walk *w, permutation_fn *permute)
{
	do {
		RD_TRY(step(w, permute));
	} while (!rd_luhn_valid(rd_secret_view(&w->digits)));
	return RD_OK;
}

/* Any change of one digit breaks Luhn, and the same change backward mends it. */
static void turn_last_of_middle(struct walk *w, unsigned by)
{
	uint8_t *digit = w->digits.ptr + w->digits.len - RD_PAN_LAST_DIGITS - 1;

	*digit = (uint8_t)('0' + (*digit - '0' + by) % RADIX);
}

enum rd_status rd_fpe_token_encode(struct rd_aes *aes, const struct rd_pan *pan,
	struct rd_view merchant, char ret_token[RD_FPE_TOKEN_SIZE])
{
	RD_CLEANUP(finish) struct walk w = {.aes = aes};

	RD_TRY(start(&w, rd_secret_view(&pan->digits), merchant));
	/* The walk ends because a struct rd_pan holds a good number. */
	assert(rd_luhn_valid(rd_secret_view(&w.digits)));
	RD_TRY(walk_to_number(&w, rd_ff1_encrypt));
	turn_last_of_middle(&w, 1);
	memcpy(ret_token, w.digits.ptr, w.digits.len);
	ret_token[w.digits.len] = '\0';
	return RD_OK;
}

static enum rd_status check_digits(struct rd_view text)
{
	for (size_t i = 0; i < text.len; i++) {
		RD_ENSURE(text.ptr[i] >= '0' && text.ptr[i] <= '9', RD_MALFORMED);
	}
	return RD_OK;
}

enum rd_status rd_fpe_token_decode(
	struct rd_aes *aes, struct rd_view token, struct rd_view merchant, struct rd_pan *ret)
{
	RD_CLEANUP(finish) struct walk w = {.aes = aes};

	*ret = (struct rd_pan){0};
	RD_TRY(start(&w, token, merchant));
	RD_TRY(check_digits(rd_secret_view(&w.digits)));
	turn_last_of_middle(&w, RADIX - 1);
	/* Nine of ten strings that fail Luhn are no token of any number. */
	RD_ENSURE(rd_luhn_valid(rd_secret_view(&w.digits)), RD_MALFORMED);
	RD_TRY(walk_to_number(&w, rd_ff1_decrypt));
	return rd_pan_parse(rd_secret_view(&w.digits), ret);
}
