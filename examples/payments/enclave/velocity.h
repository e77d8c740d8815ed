/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often a card was used lately, by its blind index. In memory only: an enclave that starts
 * again has forgotten, so this slows down who tries cards, and limits nobody for good.
 *
 * A window begins with a card's first authorisation. The table is bounded; when it is full the
 * oldest window gives way. A payment that is asked for again (a retry) counts once while it is the
 * card's last.
 */
#ifndef ENCLAVE_VELOCITY_H
#define ENCLAVE_VELOCITY_H

#include "wire/link.h"

/* 400 KiB; a shop with more cards in an hour needs a longer table. */
#define VELOCITY_CARDS_MAX 4096

struct velocity_card {
	uint8_t blind[PAY_BLIND_SIZE];
	uint64_t began_ms;
	uint32_t count; /* 0: free */
	char last[PAY_ID_MAX + 1];
};

struct velocity {
	struct velocity_card cards[VELOCITY_CARDS_MAX];
};

/* Counts one more, and says whether it is among the first count of its window. */
bool velocity_allows(struct velocity *v, const uint8_t blind[PAY_BLIND_SIZE], const char *payment,
	uint32_t count, uint32_t window_s, uint64_t now_ms);

#endif
