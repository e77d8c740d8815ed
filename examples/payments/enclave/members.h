/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members of a JSON object whose names and bounds are known: each is wanted, any other is refused.
 * For the two files of the image and for policies that custodians signed.
 */
#ifndef ENCLAVE_MEMBERS_H
#define ENCLAVE_MEMBERS_H

#include "base/bytes.h"
#include "base/error.h"

#include <jansson.h>
#include <stdint.h>

enum member_kind {
	MEMBER_TEXT,   /* char[max + 1], printable ASCII, 1 to max */
	MEMBER_U64,    /* uint64_t, 1 to max */
	MEMBER_U32,    /* uint32_t, 1 to max */
	MEMBER_OBJECT, /* json_t *, borrowed */
	MEMBER_ARRAY,  /* json_t *, borrowed */
};

struct member {
	const char *name;
	enum member_kind kind;
	void *ret;
	uint64_t max;
};

/* object is refused unless it is one (RD_BAD_TYPE). RD_MISSING, RD_FORBIDDEN: a member too few or
 * too many; RD_BAD_TYPE, RD_OUT_OF_RANGE. err begins with where. */
enum rd_status members_take(json_t *object, const char *where, const struct member *members,
	size_t n, struct rd_error *err) RD_MUST_USE;

/* Parses a text that is one JSON value, without duplicate members; the caller json_decrefs. */
enum rd_status members_parse(
	struct rd_view text, const char *where, json_t **ret, struct rd_error *err) RD_MUST_USE;

#endif
