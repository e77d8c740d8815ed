/* SPDX-License-Identifier: Apache-2.0 */
/* Counting authorisations of a card. */
#include "enclave/velocity.h"

#include <stdio.h>

/* The card's own entry, or the one that it takes: a free one, or the oldest. */
static struct velocity_card *entry_of(struct velocity *v, const uint8_t *blind)
{
	struct velocity_card *oldest = &v->cards[0];

	for (size_t i = 0; i < VELOCITY_CARDS_MAX; i++) {
		struct velocity_card *c = &v->cards[i];

		if (c->count > 0 && memcmp(c->blind, blind, PAY_BLIND_SIZE) == 0) {
			return c;
		}
		if (oldest->count > 0 && (c->count == 0 || c->began_ms < oldest->began_ms)) {
			oldest = c;
		}
	}
	oldest->count = 0;
	return oldest;
}

bool velocity_allows(struct velocity *v, const uint8_t blind[PAY_BLIND_SIZE], const char *payment,
	uint32_t count, uint32_t window_s, uint64_t now_ms)
{
	struct velocity_card *c = entry_of(v, blind);

	if (c->count == 0 || now_ms - c->began_ms >= (uint64_t)window_s * 1000) {
		*c = (struct velocity_card){.began_ms = now_ms};
		memcpy(c->blind, blind, PAY_BLIND_SIZE);
	}
	if (c->count > 0 && strcmp(c->last, payment) == 0) {
		return c->count <= count;
	}
	(void)snprintf(c->last, sizeof(c->last), "%s", payment);
	c->count += c->count < UINT32_MAX;
	return c->count <= count;
}
