/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Card data: the number (PAN), its brand and check digit, the expiry date and the security code.
 *
 * A number has one form here: 12 to 19 ASCII digits. Spaces and hyphens are refused, not stripped:
 * the page strips what people type before it seals, and two spellings of one card would be two
 * cards to everything that compares bytes. Numbers live in secret memory; what leaves the enclave
 * is the mask. No refusal says which rule a number broke (rd_card_part_text): whoever may try
 * numbers would otherwise learn from the answers.
 */
#ifndef RD_CARD_PAN_H
#define RD_CARD_PAN_H

#include "crypto/secret.h"

/* ISO/IEC 7812-1. */
#define RD_PAN_DIGITS_MIN 12
#define RD_PAN_DIGITS_MAX 19

enum rd_card_brand {
	RD_CARD_VISA,
	RD_CARD_MASTERCARD,
	RD_CARD_AMEX,
	RD_CARD_DISCOVER,
	RD_CARD_JCB,
	RD_CARD_DINERS,
	RD_CARD_UNIONPAY,
	RD_CARD_BRAND_COUNT
};

/* "visa", "mastercard", "amex", "discover", "jcb", "diners", "unionpay". */
const char *rd_card_brand_name(enum rd_card_brand brand);

/*
 * The brand whose longest prefix in the table begins the digits; RD_NOTFOUND: none's. digits are
 * '0' to '9' (anything else matches nothing), of any number.
 */
enum rd_status rd_card_brand_of(struct rd_view digits, enum rd_card_brand *ret) RD_MUST_USE;
/* Whether the brand has numbers of that many digits. */
bool rd_card_brand_has_length(enum rd_card_brand brand, size_t n_digits);

/* A number that has passed every check. Zero-initialise; digits are ASCII. */
struct rd_pan {
	struct rd_secret digits;
	enum rd_card_brand brand;
};

/*
 * text is digits alone. RD_LIMIT: fewer than RD_PAN_DIGITS_MIN or more than RD_PAN_DIGITS_MAX;
 * RD_MALFORMED: something that is no digit; RD_NOTFOUND: a brand that we do not know;
 * RD_OUT_OF_RANGE: not a length of its brand; RD_BAD_CRC: the check digit. On failure *ret is
 * empty. The caller finishes *ret, and wipes text.
 */
enum rd_status rd_pan_parse(struct rd_view text, struct rd_pan *ret) RD_MUST_USE;
/* Wipes; accepts an empty one. */
void rd_pan_finish(struct rd_pan *pan);

/* PCI DSS 3.4.1: at most the BIN and the last four. At least five are hidden, so that Luhn's digit
 * leaves 10,000 numbers and not 100: short numbers show less of their beginning. */
#define RD_PAN_BIN_DIGITS  6
#define RD_PAN_LAST_DIGITS 4
#define RD_PAN_HIDDEN_MIN  5
#define RD_PAN_MASK_SIZE   (RD_PAN_DIGITS_MAX + 1)

/* "411111******1111" with a NUL; as long as the number. */
void rd_pan_mask(const struct rd_pan *pan, char ret_text[RD_PAN_MASK_SIZE]);

/*
 * A card is good to the end of its month, UTC; month 1 to 12, year of four digits. RD_OUT_OF_RANGE:
 * another month, or a year before 2000 or more than RD_CARD_YEARS_AHEAD after now_s (since the
 * epoch); RD_EXPIRED.
 */
#define RD_CARD_YEARS_AHEAD 20 /* no issuer's cards are good for longer */
enum rd_status rd_card_expiry_check(unsigned month, unsigned year, int64_t now_s) RD_MUST_USE;

/* Present (RD_MISSING), digits alone (RD_MALFORMED), and as many as the brand has
 * (RD_OUT_OF_RANGE): 4 on American Express, 3 on all others. */
enum rd_status rd_card_cvv_check(enum rd_card_brand brand, struct rd_view cvv) RD_MUST_USE;

/* What a card has; in the order in which it is checked. */
enum rd_card_part { RD_CARD_NUMBER, RD_CARD_EXPIRY, RD_CARD_CVV, RD_CARD_PART_COUNT };

/* One constant sentence for whatever is wrong with a part: "the card number is not valid". */
const char *rd_card_part_text(enum rd_card_part part);

/* A card as the page seals it; views stay the caller's. */
struct rd_card_input {
	struct rd_view number;
	unsigned month;
	unsigned year;
	struct rd_view cvv;
};

/*
 * All of the checks above. On failure *ret_pan is empty and *ret_part is what was wrong; also when
 * the failure is not the card's (RD_NOMEM, RD_USAGE: no secret memory), which the category tells.
 */
enum rd_status rd_card_check(const struct rd_card_input *card, int64_t now_s,
	struct rd_pan *ret_pan, enum rd_card_part *ret_part) RD_MUST_USE;

#endif
