/* SPDX-License-Identifier: Apache-2.0 */
/* Looking for card numbers in what leaves. */
#include "enclave/egress.h"

#include "card/pan.h"

/* Twelve digits are an amount (DE 4), too. */
#define RUN_MIN 13

static size_t digits_at(struct rd_view bytes, size_t at)
{
	size_t n = 0;

	while (at + n < bytes.len && bytes.ptr[at + n] >= '0' && bytes.ptr[at + n] <= '9') {
		n++;
	}
	return n;
}

/* A run of digits is a number, or has one in it. */
static bool run_has_pan(struct rd_view run)
{
	for (size_t from = 0; from + RUN_MIN <= run.len; from++) {
		for (size_t n = RUN_MIN; n <= RD_PAN_DIGITS_MAX && from + n <= run.len; n++) {
			enum rd_card_brand brand;
			struct rd_view digits = rd_view(run.ptr + from, n);

			if (rd_luhn_valid(digits) && rd_card_brand_of(digits, &brand) == RD_OK &&
				rd_card_brand_has_length(brand, n)) {
				return true;
			}
		}
	}
	return false;
}

bool egress_has_pan(struct rd_view bytes)
{
	for (size_t at = 0; at < bytes.len;) {
		size_t n = digits_at(bytes, at);

		if (n >= RUN_MIN && run_has_pan(rd_view(bytes.ptr + at, n))) {
			return true;
		}
		at += n + 1;
	}
	return false;
}

enum rd_status egress_encode(const struct pay_message *m, struct rd_buf *out)
{
	size_t before = out->used;

	RD_TRY(pay_link_encode(m, out));
	if (egress_has_pan(rd_view(out->ptr + before, out->used - before))) {
		out->used = before;
		return RD_FORBIDDEN;
	}
	return RD_OK;
}
