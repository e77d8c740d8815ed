/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the page seals for the enclave: one card for one payment.
 *
 *	message     enc (65) || ciphertext, PAY_SEALED_CARD_SIZE bytes in all
 *	HPKE        RFC 9180 base mode, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM
 *	key         the public_key of the enclave's attestation document, a point 04 || X || Y
 *	info        "redoubt-payments card v1", without a NUL
 *	aad         CBOR array ["card", order id, payment key, amount, currency]: texts, and amount
 *	            an unsigned integer of minor units
 *	plaintext   CBOR map {1: PAN, 2: month, 3: year, 4: CVV, 5: padding} of PAY_CARD_SIZE bytes
 *
 * CBOR is strict: definite lengths, shortest heads. The map has its five keys in this order, each
 * once. PAN is a text of 12 to 19 digits, month 1 to 12, year 2000 to 2099, CVV a text of 3 or 4
 * digits, padding a byte string of zeros, so long that the whole has PAY_CARD_SIZE bytes: every
 * card's message has one length. Whether the card is good is not asked here.
 */
#ifndef PAYMENTS_WIRE_CARD_H
#define PAYMENTS_WIRE_CARD_H

#include "base/bytes.h"

#define PAY_CARD_INFO   "redoubt-payments card v1"
#define PAY_EXPORT_INFO "redoubt-payments export v1"
#define PAY_CARD_SIZE   256
/* The longest aad: an array's head, texts of 4, 64, 64 and 3 with theirs, and 9 for the amount. */
#define PAY_CARD_AAD_MAX 160

/* Digits and a NUL. To be kept in a struct rd_secret's memory, and wiped. */
struct pay_card {
	char pan[20];
	char cvv[5];
	unsigned month; /* 1 to 12 */
	unsigned year;  /* 2000 to 2099 */
};

struct pay_card_aad {
	const char *order, *payment, *currency;
	uint64_t amount;
};

/*
 * Reads a plaintext. RD_LIMIT: not PAY_CARD_SIZE bytes; RD_MALFORMED: other characters than digits;
 * RD_OUT_OF_RANGE: lengths, month or year; RD_NONCANONICAL: another key than comes next, padding
 * that is not zeros; and those of cbor/decode.h. *ret is written on success alone.
 */
enum rd_status pay_card_decode(struct rd_view plaintext, struct pay_card *ret) RD_MUST_USE;
/* Appends the plaintext: PAY_CARD_SIZE bytes. RD_USAGE: a card that would be refused. */
enum rd_status pay_card_encode(const struct pay_card *card, struct rd_buf *out) RD_MUST_USE;

/* Appends the aad. */
enum rd_status pay_card_aad(const struct pay_card_aad *aad, struct rd_buf *out) RD_MUST_USE;

/* Appends an exported card: the CBOR map {1: PAN, 2: month, 3: year}. */
enum rd_status pay_card_export(const struct pay_card *card, struct rd_buf *out) RD_MUST_USE;

#endif
