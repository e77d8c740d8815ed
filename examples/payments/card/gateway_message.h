/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What enclave and gateway say to each other: requests and answers as structs, packed by
 * card/iso8583.h. No I/O, no allocation.
 *
 *	authorise  0100/0110  holds an amount on a card
 *	capture    0200/0210  function code 201: takes all or part of an authorised amount
 *	refund     0200/0210  processing code 200000: gives all or part of a captured amount back
 *	reverse    0400/0410  undoes an authorisation, also one of which no answer was heard
 *	sign on    0800/0810  network code 001: the witness's exchange of tree heads
 *	echo       0800/0810  network code 301: is anybody there
 *
 * An operation is known by its RRN. A request that is repeated (same RRN, same content but for when
 * it was sent, and for the CVV) gets the first answer again, byte for byte; other content under the
 * same RRN gets 94. Capture and refund have RRNs of their own and name the authorisation's.
 *
 * A reversal has the RRN of the authorisation that it undoes, and may be repeated at will; an
 * authorisation that arrives, or is repeated, after its own reversal is declined. What was captured
 * is not reversed any more, but refunded.
 *
 * A response of 96 says nothing about whether an operation happened: repeat it, or reverse it.
 *
 * All text is NUL-terminated ASCII. Structs may hold card data: their owner wipes them.
 */
#ifndef PAY_CARD_GATEWAY_MESSAGE_H
#define PAY_CARD_GATEWAY_MESSAGE_H

#include "card/iso8583.h"

#define PAY_GATEWAY_PAN_MIN 12
#define PAY_GATEWAY_PAN_MAX 19
/* n12. */
#define PAY_GATEWAY_AMOUNT_MAX UINT64_C(999999999999)
/* RD_MERKLE_HEAD_SIZE, and the size of a P-256 key's SubjectPublicKeyInfo. */
#define PAY_GATEWAY_HEAD_SIZE    152
#define PAY_GATEWAY_LOG_KEY_SIZE 91

enum pay_gateway_kind {
	PAY_GATEWAY_AUTHORISE,
	PAY_GATEWAY_CAPTURE,
	PAY_GATEWAY_REFUND,
	PAY_GATEWAY_REVERSE,
	PAY_GATEWAY_SIGN_ON,
	PAY_GATEWAY_ECHO,
	PAY_GATEWAY_KIND_COUNT
};

/* Field 39. */
#define PAY_GATEWAY_APPROVED    "00"
#define PAY_GATEWAY_DECLINED    "05"
#define PAY_GATEWAY_INVALID     "14" /* no such card */
#define PAY_GATEWAY_FUNDS       "51"
#define PAY_GATEWAY_EXPIRED     "54"
#define PAY_GATEWAY_UNAVAILABLE "91" /* the issuer does not answer */
#define PAY_GATEWAY_CONFLICT    "94" /* this RRN was used for something else */
#define PAY_GATEWAY_ERROR       "96" /* nothing is known of the outcome; or a head is refused */

/* What every message has. sent is written as fields 7, 12 and 13, in UTC. */
struct pay_gateway_stamp {
	char sent[10 + 1]; /* MMDDhhmmss, pay_gateway_time */
	char stan[6 + 1];  /* digits */
};

/* A signed tree head (merkle/head.h), and the key that signed it. */
struct pay_gateway_head {
	bool present;
	bool has_key;
	uint8_t bytes[PAY_GATEWAY_HEAD_SIZE];
	uint8_t key[PAY_GATEWAY_LOG_KEY_SIZE]; /* SubjectPublicKeyInfo; requests only */
};

/* What requests and answers about an operation have. */
struct pay_gateway_operation {
	char rrn[12 + 1];      /* digits and letters; of a reversal: the authorisation's */
	uint64_t amount;       /* minor units, 1 to PAY_GATEWAY_AMOUNT_MAX */
	char currency[3 + 1];  /* ISO 4217 digits: "978" */
	char terminal[8 + 1];  /* at most 8 characters of printable ASCII; no blank at the end */
	char merchant[15 + 1]; /* at most 15, as terminal */
};

struct pay_gateway_request {
	enum pay_gateway_kind kind;
	struct pay_gateway_stamp stamp;
	struct pay_gateway_operation op; /* not: sign on, echo */

	/* Authorise. */
	char pan[PAY_GATEWAY_PAN_MAX + 1];
	char expiry[4 + 1]; /* YYMM */
	char entry[3 + 1];  /* "812": e-commerce; "010": typed in */
	char cvv[4 + 1];    /* three or four digits, or "" for none */

	/* Capture and refund: the authorisation's RRN. */
	char original_rrn[12 + 1];
	/* Reverse: the authorisation's STAN. */
	char original_stan[6 + 1];

	struct pay_gateway_head head; /* sign on */
};

struct pay_gateway_answer {
	enum pay_gateway_kind kind;
	struct pay_gateway_stamp stamp;        /* the request's */
	struct pay_gateway_operation op;       /* the request's; not: sign on, echo */
	char response[2 + 1];                  /* field 39 */
	char auth_code[6 + 1];                 /* of what was approved; "" for none */
	char reason[PAY_ISO_SUBFIELD_MAX + 1]; /* for people; "" for none */
	struct pay_gateway_head head; /* sign on: the last one that the gateway had before */
};

/* MMDDhhmmss of a time in seconds since the epoch, in UTC. */
void pay_gateway_time(int64_t unix_s, char ret[10 + 1]);

/*
 * Append the message, without its length. RD_OUT_OF_RANGE, RD_BAD_TYPE, RD_LIMIT: a member is not
 * as said above; RD_NOSPACE. PAY_ISO_MESSAGE_MAX bytes are enough.
 */
enum rd_status pay_gateway_request_encode(
	const struct pay_gateway_request *request, struct rd_buf *out) RD_MUST_USE;
enum rd_status pay_gateway_answer_encode(
	const struct pay_gateway_answer *answer, struct rd_buf *out) RD_MUST_USE;

/*
 * Read a whole message; *ret is written on success only. As pay_iso_decode and
 * pay_iso_private_decode, and
 *
 *	RD_MISSING       a mandatory field or subfield is not there
 *	RD_FORBIDDEN     one that this message may not have is
 *	RD_UNSUPPORTED   a request where an answer is wanted or the reverse; codes that are not of
 *	                 the dialect
 *	RD_OUT_OF_RANGE  an amount of 0; a date that there is not; fields 12 and 13 that are not
 *	                 field 7's; a PAN or CVV of a length that there is not
 *	RD_MALFORMED     base64 that is none, or of another size
 */
enum rd_status pay_gateway_request_decode(struct rd_view bytes, struct pay_gateway_request *ret)
	RD_MUST_USE;
enum rd_status pay_gateway_answer_decode(struct rd_view bytes, struct pay_gateway_answer *ret)
	RD_MUST_USE;

/* Whether this is an answer to that request: kind, STAN and operation are the same. When it was
 * sent need not be: a repeated request gets the first one's answer. */
bool pay_gateway_answers(
	const struct pay_gateway_request *request, const struct pay_gateway_answer *answer);

#endif
