/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway's own key, in a file of its own: the database alone says nothing about a PAN, which
 * has few enough digits to be guessed from a plain hash (PCI DSS 3.5.1.1).
 */
#ifndef GATEWAY_SECRETS_H
#define GATEWAY_SECRETS_H

#include "base/error.h"
#include "card/gateway_message.h"
#include "crypto/digest.h"

struct gw_secrets {
	uint8_t key[RD_SHA256_SIZE];
};

/* A card or a request, as the database knows it. */
struct gw_digest {
	uint8_t bytes[RD_SHA256_SIZE];
};

/* The key of the state directory, made the first time. */
enum rd_status gw_secrets_open(int state_dir, struct gw_secrets *ret, struct rd_error *err)
	RD_MUST_USE;

/* The same card gives the same, here only. */
enum rd_status gw_card_digest(
	const struct gw_secrets *secrets, const char *pan, struct gw_digest *ret) RD_MUST_USE;

/* Of what a request asks for: without the time it was sent, and without the CVV, of which nothing
 * is kept that it could be guessed from. */
enum rd_status gw_request_digest(const struct gw_secrets *secrets,
	const struct pay_gateway_request *request, struct gw_digest *ret) RD_MUST_USE;

/* Six letters and digits; the same for the same RRN. */
enum rd_status gw_auth_code(const struct gw_secrets *secrets, const char *rrn, char ret[6 + 1])
	RD_MUST_USE;

#endif
