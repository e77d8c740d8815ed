/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FF1, format-preserving encryption of numeral strings: NIST SP 800-38G, 4.3 and 5.1, with the
 * domain of at least 1,000,000 that the drafts of revision 1 demand. FF3 and FF3-1 are withdrawn
 * there, and absent here.
 *
 * A numeral string is one byte a numeral, each below radix, most significant first (digit values,
 * not characters). Same key and tweak: a permutation of the strings of one length.
 */
#ifndef RD_CARD_FF1_H
#define RD_CARD_FF1_H

#include "crypto/aes.h"

#define RD_FF1_RADIX_MIN 2
#define RD_FF1_RADIX_MAX 36
/* SP 800-38G r1, 5.1: radix^n is at least this, or trying all strings would be too easy. */
#define RD_FF1_DOMAIN_MIN 1000000
/* Card numbers have 19 digits; a string of this many fits every buffer here. */
#define RD_FF1_NUMERALS_MAX 128
/* Ours are BIN, last four and a merchant's id. */
#define RD_FF1_TWEAK_MAX 256

/*
 * Writes as many numerals as there are; ret_numerals may be the input's own storage. aes is
 * AES-128, -192 or -256. RD_USAGE: radix; RD_LIMIT: too many numerals, or too long a tweak (which
 * may be empty); RD_OUT_OF_RANGE: a domain below RD_FF1_DOMAIN_MIN; RD_BAD_NUMBER: a numeral that
 * is not below radix. Nothing is written on failure.
 */
enum rd_status rd_ff1_encrypt(struct rd_aes *aes, unsigned radix, struct rd_view tweak,
	struct rd_view numerals, uint8_t *ret_numerals) RD_MUST_USE;
enum rd_status rd_ff1_decrypt(struct rd_aes *aes, unsigned radix, struct rd_view tweak,
	struct rd_view numerals, uint8_t *ret_numerals) RD_MUST_USE;

#endif
