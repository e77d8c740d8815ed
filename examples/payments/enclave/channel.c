/* SPDX-License-Identifier: Apache-2.0 */
/* Opening what the page sealed. */
#include "enclave/channel.h"

#include "hpke/hpke.h"

_Static_assert(PAY_SEALED_CARD_SIZE == PAY_CARD_SIZE + RD_HPKE_OVERHEAD, "what the page sends");

enum rd_status channel_init(struct channel *channel)
{
	struct rd_buf point = rd_buf_fixed(channel->point, sizeof(channel->point));

	RD_TRY(rd_ec_key_generate(RD_P256, &channel->key));
	return rd_ec_key_point(channel->key, &point);
}

void channel_finish(struct channel *channel)
{
	rd_ec_key_free(&channel->key);
}

static enum rd_status open_plaintext(const struct channel *channel,
	const struct pay_authorise *payment, struct rd_secret *plaintext)
{
	const struct pay_card_aad names = {.order = payment->order,
		.payment = payment->payment,
		.amount = payment->amount,
		.currency = payment->currency};
	uint8_t room[PAY_CARD_AAD_MAX];
	struct rd_buf aad = rd_buf_fixed(room, sizeof(room));

	RD_TRY(pay_card_aad(&names, &aad));
	RD_TRY(rd_secret_init(plaintext, PAY_CARD_SIZE));
	return rd_hpke_open_once(channel->key, rd_view_str(PAY_CARD_INFO), rd_buf_view(&aad),
		payment->sealed, plaintext);
}

enum rd_status channel_open(
	const struct channel *channel, const struct pay_authorise *payment, struct rd_secret *ret)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret plaintext = {0};
	RD_CLEANUP(rd_secret_finish) struct rd_secret card = {0};

	RD_TRY(open_plaintext(channel, payment, &plaintext));
	RD_TRY(rd_secret_init(&card, sizeof(struct pay_card)));
	RD_TRY(pay_card_decode(rd_secret_view(&plaintext), channel_card(&card)));
	card.len = sizeof(struct pay_card);
	*ret = rd_steal(&card, (struct rd_secret){0});
	return RD_OK;
}
