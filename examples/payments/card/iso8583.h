/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ISO 8583:1987 messages in the dialect that enclave and gateway speak: a codec, no I/O, no
 * allocation.
 *
 *	MTI       4 ASCII digits, one of PAY_ISO_MTI_LIST
 *	bitmap    8 bytes; bit 1 (the highest of the first byte) says that 8 more follow
 *	fields    in ascending order, as the table below packs them; nothing behind them
 *
 * A value is ASCII, or bytes where the format is b. Fixed fields have exactly their size, so their
 * padding is the sender's: digits with zeros on the left, text with blanks on the right. A variable
 * field has a length of two (LL) or three (LLL) ASCII digits before it, and is never empty. There
 * is one encoding of each message: what decodes encodes to the same bytes.
 *
 * On a stream each message follows its length, two bytes in network order (PAY_ISO_FRAME_MAX).
 *
 * Everything in here comes from the other side: a value is checked against its class, no more. What
 * a field means, and which fields a message must have, is card/gateway_message.h's.
 */
#ifndef PAY_CARD_ISO8583_H
#define PAY_CARD_ISO8583_H

#include "base/bytes.h"

#define PAY_ISO_MTI_SIZE 4
/* Two bitmaps' worth of fields. */
#define PAY_ISO_FIELD_MAX 128
/* All fields of the table at their longest are 1,557 bytes; a message above this is refused before
 * a byte of it is looked at. */
#define PAY_ISO_MESSAGE_MAX 2048
#define PAY_ISO_LENGTH_SIZE 2
#define PAY_ISO_FRAME_MAX   (PAY_ISO_LENGTH_SIZE + PAY_ISO_MESSAGE_MAX)

/* Request and answer of: authorisation, financial message, reversal, network management. */
#define PAY_ISO_MTI_LIST(X)                                                                        \
	X("0100") X("0110") X("0200") X("0210") X("0400") X("0410") X("0800") X("0810")

/* Which characters a value may have. */
enum pay_iso_class {
	PAY_ISO_N,   /* digits */
	PAY_ISO_AN,  /* digits and letters of both cases; no blanks */
	PAY_ISO_ANS, /* printable ASCII, 0x20 to 0x7e */
	PAY_ISO_Z,   /* track 2: digits, '=' and 'D' */
	PAY_ISO_B    /* any bytes */
};

/* How a value is delimited. */
enum pay_iso_packing { PAY_ISO_FIXED, PAY_ISO_LLVAR, PAY_ISO_LLLVAR };

enum pay_iso_care {
	PAY_ISO_PLAIN,
	PAY_ISO_SECRET,  /* never shown: CVV, track, expiry, chip data */
	PAY_ISO_PAN,     /* shown by its last four digits */
	PAY_ISO_PRIVATE, /* subfields, each with its own care */
	PAY_ISO_REFUSED  /* not offered: a message with it is refused; never shown */
};

struct pay_iso_format {
	uint8_t number;
	uint8_t klass;   /* enum pay_iso_class */
	uint8_t packing; /* enum pay_iso_packing */
	uint8_t care;    /* enum pay_iso_care */
	uint16_t max;    /* bytes: exactly, if fixed */
	const char *name;
};

/* The fields of the dialect; a message with any other is refused. */
enum pay_iso_field {
	PAY_ISO_F_PAN = 2,         /* n..19 */
	PAY_ISO_F_PROCESSING = 3,  /* n6: 000000 purchase, 200000 refund */
	PAY_ISO_F_AMOUNT = 4,      /* n12, minor units */
	PAY_ISO_F_SENT = 7,        /* n10: MMDDhhmmss, UTC */
	PAY_ISO_F_STAN = 11,       /* n6: the sender's trace number */
	PAY_ISO_F_TIME = 12,       /* n6: hhmmss */
	PAY_ISO_F_DATE = 13,       /* n4: MMDD */
	PAY_ISO_F_EXPIRY = 14,     /* n4: YYMM */
	PAY_ISO_F_ENTRY = 22,      /* n3: point-of-service entry mode */
	PAY_ISO_F_FUNCTION = 24,   /* n3: function code */
	PAY_ISO_F_TRACK2 = 35,     /* z..37 */
	PAY_ISO_F_RRN = 37,        /* an12: retrieval reference number */
	PAY_ISO_F_AUTH_CODE = 38,  /* an6 */
	PAY_ISO_F_RESPONSE = 39,   /* an2 */
	PAY_ISO_F_TERMINAL = 41,   /* ans8 */
	PAY_ISO_F_MERCHANT = 42,   /* ans15 */
	PAY_ISO_F_PRIVATE = 48,    /* ans...999: subfields, struct pay_iso_private */
	PAY_ISO_F_CURRENCY = 49,   /* n3: ISO 4217 */
	PAY_ISO_F_PIN = 52,        /* b8: refused, RD_FORBIDDEN */
	PAY_ISO_F_CHIP = 55,       /* b...255: BER-TLV, card/emv.h */
	PAY_ISO_F_MAC = 64,        /* b8 */
	PAY_ISO_F_NETWORK = 70,    /* n3: network management code */
	PAY_ISO_F_ORIGINAL = 90,   /* n42: original data elements */
	PAY_ISO_F_MAC_SECOND = 128 /* b8 */
};

/* NULL for a number that is not of the dialect, 1 (the second bitmap) among them. */
const struct pay_iso_format *pay_iso_format_of(unsigned number);

/*
 * A message. Values are borrowed: from the decoded bytes, or from whoever set them. fields is
 * indexed by number; an absent field's ptr is NULL. Zero-initialise, set mti.
 */
struct pay_iso {
	char mti[PAY_ISO_MTI_SIZE + 1];
	struct rd_view fields[PAY_ISO_FIELD_MAX + 1];
};

static inline bool pay_iso_has(const struct pay_iso *msg, unsigned number)
{
	return msg->fields[number].ptr != NULL;
}

/*
 * Reads a whole message; *ret is written on success only.
 *
 *	RD_LIMIT         longer than PAY_ISO_MESSAGE_MAX, or a variable field above its maximum
 *	RD_TRUNCATED     ends within MTI, bitmap, length or value
 *	RD_TRAILING      has bytes behind the last field
 *	RD_BAD_NUMBER    an MTI or a length that is not of digits
 *	RD_UNSUPPORTED   an MTI or a field that is not of the dialect
 *	RD_NONCANONICAL  a second bitmap without a bit in it
 *	RD_OUT_OF_RANGE  an empty variable field
 *	RD_BAD_TYPE      a character that is not of the field's class
 *	RD_FORBIDDEN     a field that we do not take (PIN block)
 *
 * The subfields of 48 and the TLVs of 55 are not looked into.
 */
enum rd_status pay_iso_decode(struct rd_view bytes, struct pay_iso *ret) RD_MUST_USE;

/*
 * Sets a field that was absent. RD_UNSUPPORTED, RD_FORBIDDEN, RD_BAD_TYPE as above;
 * RD_OUT_OF_RANGE: empty, or a fixed field of another size; RD_LIMIT: too long; RD_DUPLICATE: was
 * set.
 */
enum rd_status pay_iso_set(struct pay_iso *msg, unsigned number, struct rd_view value) RD_MUST_USE;

/* Appends the message, without a length before it. RD_UNSUPPORTED: no MTI of the dialect;
 * RD_NOSPACE; and whatever is wrong with a value that was not set by pay_iso_set. */
enum rd_status pay_iso_encode(const struct pay_iso *msg, struct rd_buf *out) RD_MUST_USE;

/*
 * One line for a log, without a line end: "0100 3=000000 4=000000001999 2=************1111 14=***".
 * Nothing in it is worth stealing: a PAN is shown by its last four digits, secrets and CVV by
 * "***", bytes by their number, and private data that is not of subfields by its length.
 * RD_NOSPACE.
 */
enum rd_status pay_iso_dump(const struct pay_iso *msg, struct rd_buf *out) RD_MUST_USE;

/* --- field 48 --- */

/*
 * Subfields: tag (two digits), length (two digits, not 00), value; in ascending order of tags, each
 * once. Tags are the dialect's own: what is longer than 99 characters goes over several.
 */
#define PAY_ISO_TAGS         100
#define PAY_ISO_SUBFIELD_MAX 99

enum pay_iso_tag {
	PAY_ISO_T_ORIGINAL_RRN = 37, /* an12: of the authorisation that is captured or refunded */
	PAY_ISO_T_HEAD = 60,    /* 60, 61, 62: a signed tree head, base64, 68 characters each */
	PAY_ISO_T_LOG_KEY = 66, /* 66, 67: its key's SubjectPublicKeyInfo, base64, 62 each */
	PAY_ISO_T_REASON = 80,  /* ans..99: why not, for people */
	PAY_ISO_T_CVV = 92      /* n3 or n4; never shown */
};

/* Values by tag; an absent one's ptr is NULL. Borrowed. */
struct pay_iso_private {
	struct rd_view tags[PAY_ISO_TAGS];
};

/* RD_TRUNCATED; RD_BAD_NUMBER: tag or length not of digits; RD_OUT_OF_RANGE: empty;
 * RD_DUPLICATE: a tag twice; RD_NONCANONICAL: out of order; RD_BAD_TYPE: not printable ASCII. */
enum rd_status pay_iso_private_decode(struct rd_view value, struct pay_iso_private *ret)
	RD_MUST_USE;

/* Appends those that are present. RD_LIMIT: one is above PAY_ISO_SUBFIELD_MAX; RD_OUT_OF_RANGE,
 * RD_BAD_TYPE as above. */
enum rd_status pay_iso_private_encode(const struct pay_iso_private *data, struct rd_buf *out)
	RD_MUST_USE;

#endif
