/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to lib/ctl: how each message's struct maps to its CBOR map. */
#ifndef RD_CTL_SCHEMA_H
#define RD_CTL_SCHEMA_H

#include "ctl/message.h"

enum rd_ctl_kind {
	RD_CTL_KIND_U64,   /* uint64_t, min <= v <= max */
	RD_CTL_KIND_BOOL,  /* bool */
	RD_CTL_KIND_TEXT,  /* char[max + 1], NUL-terminated */
	RD_CTL_KIND_PCR,   /* uint8_t[RD_CTL_PCR_SIZE]; a byte string of that length */
	RD_CTL_KIND_BYTES, /* struct rd_view, 1..max bytes */
	RD_CTL_KIND_U64S,  /* struct rd_ctl_u64s, each item <= max */
	RD_CTL_KIND_VIEWS, /* struct rd_ctl_views, each item 1..max bytes */
	RD_CTL_KIND_TEXTS, /* struct rd_ctl_texts, each item a text of 1..max bytes */
};

struct rd_ctl_field {
	const char *name;
	enum rd_ctl_kind kind;
	bool mandatory;
	size_t offset; /* in struct rd_ctl_message */
	uint64_t min;
	uint64_t max;
};

struct rd_ctl_schema {
	enum rd_ctl_type type;
	const char *name;
	unsigned links; /* enum rd_ctl_link, or-ed */
	size_t min_fds;
	size_t max_fds;
	const struct rd_ctl_field *fields;
	size_t field_count;
};

/* No message has more; the decoder's set of fields seen is one word. */
#define RD_CTL_FIELDS_MAX 32

/* NULL when the type is not in the table. */
const struct rd_ctl_schema *rd_ctl_schema(uint64_t type);

/* RD_OK when the text is UTF-8 without control characters (C0, DEL, C1), RD_MALFORMED otherwise. */
enum rd_status rd_ctl_text_check(struct rd_view text) RD_MUST_USE;

#endif
