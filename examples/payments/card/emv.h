/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chip data, field 55: BER-TLV as EMV Book 3, annex B has it, walked within bounds.
 *
 * Tags have one to three bytes, lengths the definite form in one to three, the shortest that there
 * is. There is no padding between data objects. Nothing is allocated and nothing recurses.
 */
#ifndef PAY_CARD_EMV_H
#define PAY_CARD_EMV_H

#include "base/bytes.h"

/* Field 55 is LLLVAR ..255 (card/iso8583.h). */
#define PAY_EMV_SIZE_MAX 255
/* Response templates nest two deep (EMV Book 3, 6.5.5); twice that, so that a card's own fit. */
#define PAY_EMV_DEPTH_MAX 4
/* A data object has two bytes at least; authorisations have some thirty. */
#define PAY_EMV_OBJECTS_MAX 64

struct pay_emv_object {
	uint32_t tag;         /* its bytes as one big-endian number: 0x9f26 */
	unsigned depth;       /* 0 at the top */
	bool constructed;     /* value holds objects, which are visited next */
	struct rd_view value; /* borrowed; may be empty */
};

/* Another status than RD_OK ends the walk with it. */
typedef enum rd_status pay_emv_fn(void *arg, const struct pay_emv_object *object);

/*
 * Visits every data object, a constructed one before those in it. fn may have been called before a
 * failure: who must not act on half of it walks once with NULL.
 *
 *	RD_LIMIT         longer than PAY_EMV_SIZE_MAX, or more than PAY_EMV_OBJECTS_MAX objects
 *	RD_TRUNCATED     tag, length or value goes on behind the end, its template's among them
 *	RD_TOO_DEEP      deeper than PAY_EMV_DEPTH_MAX
 *	RD_MALFORMED     tag 00 (padding) or of more than three bytes
 *	RD_NONCANONICAL  a length that has a shorter form, a tag whose number starts with zeros
 *	RD_UNSUPPORTED   the indefinite length, or one of more than two bytes
 */
enum rd_status pay_emv_walk(struct rd_view bytes, pay_emv_fn *fn, void *arg) RD_MUST_USE;

#endif
