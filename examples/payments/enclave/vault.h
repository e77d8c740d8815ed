/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vault: what stands for a card, and the card sealed for the server to keep.
 *
 * One merchant and card have one token: the server finds it again by the blind index. A record is
 * sealed under the newest "card" key with context {app, record: token, merchant}: it opens for this
 * token of this merchant alone.
 */
#ifndef ENCLAVE_VAULT_H
#define ENCLAVE_VAULT_H

#include "card/pan.h"
#include "enclave/keyring.h"
#include "wire/card.h"

/* HMAC over merchant and number. RD_NOTFOUND: no key. */
enum rd_status vault_blind(const struct keyring *ring, const char *merchant,
	const struct rd_pan *pan, uint8_t ret_blind[PAY_BLIND_SIZE]) RD_MUST_USE;

enum rd_status vault_new_token(char ret_token[PAY_TOKEN_MAX + 1]) RD_MUST_USE;

/* The format-preserving token, or "" for a number that is too short for one. */
enum rd_status vault_fpe(const struct keyring *ring, const char *merchant, const struct rd_pan *pan,
	char ret_fpe[PAY_PAN_MAX + 1]) RD_MUST_USE;

/* Appends the record of number and expiry (never the CVV); *ret_version: the key's. */
enum rd_status vault_seal(const struct keyring *ring, const char *merchant, const char *token,
	const struct pay_card *card, struct rd_buf *out, uint32_t *ret_version) RD_MUST_USE;

/*
 * Opens a record into *ret, which then has a struct pay_card without CVV in secret memory.
 * RD_NOTFOUND: sealed under a key that is not here; RD_FORBIDDEN: under a key of another purpose;
 * RD_UNTRUSTED: another token's or merchant's, or altered; those of rd_seal_read.
 */
enum rd_status vault_open(const struct keyring *ring, const char *merchant, const char *token,
	struct rd_view record, struct rd_secret *ret) RD_MUST_USE;

#endif
