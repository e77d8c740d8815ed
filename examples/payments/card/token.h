/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands for a card number outside the enclave.
 *
 * - The vault token: "tok_" and 22 base62 characters, random (131 bits). It says nothing of the
 *   card; the record is found by it.
 * - The format-preserving token: as many digits as the number, its first six and last four, and FF1
 *   over those between. Its Luhn check always fails, so that it is never taken for a card's number,
 *   its own included.
 * - The blind index: HMAC-SHA-256 of merchant and number, by which the vault finds the same card
 *   again (PCI DSS 3.5.1.1: a keyed hash).
 *
 * The format-preserving form, exactly: tweak = BIN (6 ASCII digits) || last four (4) || merchant's
 * id. A number is good in one of ten fillings of its middle (Luhn); those are a set P of a tenth of
 * all fillings. FF1 is applied until the result is in P again (cycle walking: a permutation of P,
 * ten applications on average), and then 1 is added, modulo 10, to the middle's last digit, which
 * leaves P for certain. Decoding goes back the same way. Nothing authenticates such a token: under
 * another key or merchant it decodes to some other number.
 */
#ifndef RD_CARD_TOKEN_H
#define RD_CARD_TOKEN_H

#include "card/pan.h"
#include "crypto/aes.h"

#define RD_TOKEN_PREFIX     "tok_"
#define RD_TOKEN_CHARACTERS 22
/* With a NUL. */
#define RD_TOKEN_SIZE (sizeof(RD_TOKEN_PREFIX) + RD_TOKEN_CHARACTERS)
/* A byte gives a character with probability 62/64: fewer than 22 of these do once in 2^90. */
#define RD_TOKEN_RANDOM_SIZE 48

/* Every token is equally likely. RD_AGAIN: other random bytes are needed. */
enum rd_status rd_token_from_random(
	const uint8_t random[RD_TOKEN_RANDOM_SIZE], char ret_token[RD_TOKEN_SIZE]) RD_MUST_USE;
/* Copies what has the form, with a NUL; otherwise RD_MALFORMED. */
enum rd_status rd_token_parse(struct rd_view text, char ret_token[RD_TOKEN_SIZE]) RD_MUST_USE;

/* A merchant's id: 1 to this many bytes (RD_USAGE, RD_LIMIT). */
#define RD_TOKEN_MERCHANT_MAX 64

/* FF1's domain (ff1.h): a number with fewer digits between BIN and last four has no such token. */
#define RD_FPE_MIDDLE_MIN 6
#define RD_FPE_TOKEN_SIZE (RD_PAN_DIGITS_MAX + 1)

/* With a NUL, as long as the number. RD_OUT_OF_RANGE: the number has fewer than 16 digits. */
enum rd_status rd_fpe_token_encode(struct rd_aes *aes, const struct rd_pan *pan,
	struct rd_view merchant, char ret_token[RD_FPE_TOKEN_SIZE]) RD_MUST_USE;
/*
 * RD_OUT_OF_RANGE: fewer than 16 digits, or more than 19; RD_MALFORMED: not the form of such a
 * token (digits, and Luhn fails as it must); rd_pan_parse's refusals, for what it decodes to. On
 * failure *ret is empty.
 */
enum rd_status rd_fpe_token_decode(struct rd_aes *aes, struct rd_view token,
	struct rd_view merchant, struct rd_pan *ret) RD_MUST_USE;

#define RD_BLIND_INDEX_SIZE     32
#define RD_BLIND_INDEX_KEY_SIZE 32

/*
 * HMAC-SHA-256(key, "redoubt-payments index v1" || be16 length of merchant || merchant || number's
 * ASCII digits). merchant may be empty: then one card has one index at all merchants. RD_USAGE: key
 * has not RD_BLIND_INDEX_KEY_SIZE bytes.
 */
enum rd_status rd_blind_index(struct rd_view key, struct rd_view merchant, const struct rd_pan *pan,
	uint8_t ret_index[RD_BLIND_INDEX_SIZE]) RD_MUST_USE;

#endif
