/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to wire/: how each message's struct maps to its CBOR map. */
#ifndef PAYMENTS_WIRE_SCHEMA_H
#define PAYMENTS_WIRE_SCHEMA_H

#include "wire/link.h"

enum pay_kind {
	PAY_KIND_U64,        /* uint64_t, min <= v <= max */
	PAY_KIND_ID,         /* char[max + 1]: A-Z a-z 0-9 - _ */
	PAY_KIND_TEXT,       /* char[max + 1]: printable ASCII */
	PAY_KIND_STRING,     /* struct rd_view: printable ASCII, min..max bytes; for long ones */
	PAY_KIND_BYTES,      /* struct rd_view, min..max bytes */
	PAY_KIND_KEYS,       /* struct pay_keys */
	PAY_KIND_SIGNATURES, /* struct pay_signatures */
};

struct pay_field {
	const char *name;
	enum pay_kind kind;
	bool mandatory;
	size_t offset; /* in struct pay_message */
	uint64_t min;
	uint64_t max;
};

struct pay_schema {
	enum pay_type type;
	const char *name;
	enum pay_direction direction;
	const struct pay_field *fields;
	size_t n;
};

/* NULL when the type is not in the table. */
const struct pay_schema *pay_schema(uint64_t type);

/* The texts' characters, and nothing about their length. */
bool pay_text_is(enum pay_kind kind, struct rd_view text);

#endif
