/* SPDX-License-Identifier: Apache-2.0 */
/* A page's card message, opened: what is accepted has one form, so that it is written back as the
 * same bytes. */
#include "wire/card.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Shorter inputs are filled up with zeros, as the padding is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t plain[PAY_CARD_SIZE] = {0}, again[PAY_CARD_SIZE];
	struct rd_buf out = rd_buf_fixed(again, sizeof(again));
	struct pay_card card;

	if (size > sizeof(plain)) {
		return pay_card_decode(rd_view(data, size), &card) == RD_LIMIT ? 0 : (abort(), 0);
	}
	if (size > 0) {
		memcpy(plain, data, size);
	}
	if (pay_card_decode(rd_view(plain, sizeof(plain)), &card) == RD_OK &&
		(pay_card_encode(&card, &out) != RD_OK ||
			!rd_view_equal(rd_buf_view(&out), rd_view(plain, sizeof(plain))))) {
		abort();
	}
	return 0;
}
