/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The channel from the page: a P-256 key of this process, which attestation documents name, and the
 * cards that were sealed to it (wire/card.h). It is never written anywhere: an enclave that starts
 * again has another.
 */
#ifndef ENCLAVE_CHANNEL_H
#define ENCLAVE_CHANNEL_H

#include "crypto/ec.h"
#include "wire/card.h"
#include "wire/link.h"

struct channel {
	struct rd_ec_key *key;
	uint8_t point[65];
};

enum rd_status channel_init(struct channel *channel) RD_MUST_USE;
void channel_finish(struct channel *channel);

/*
 * Opens a card for this payment into *ret, which then has a struct pay_card in secret memory.
 * RD_UNTRUSTED: not sealed to this key, or for another order, payment, amount or currency;
 * RD_NOMEM: no secret memory; those of pay_card_decode. *ret is empty on failure.
 */
enum rd_status channel_open(const struct channel *channel, const struct pay_authorise *payment,
	struct rd_secret *ret) RD_MUST_USE;

static inline struct pay_card *channel_card(const struct rd_secret *s)
{
	return (struct pay_card *)(void *)s->ptr;
}

#endif
