/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a request's members, collected into the one message of a ValidationException
 * (kms.md 1.3):
 *
 *     N validation error(s) detected: Value 'X' at 'field' failed to satisfy constraint: Member
 *     must <rule>; Value at 'other' failed …
 *
 * Fields have the model's lower-camel names, list elements are counted from 1
 * ("tags.1.member.key").
 */
#ifndef RD_AWS_VALIDATION_H
#define RD_AWS_VALIDATION_H

#include "base/bytes.h"

/* A dozen clauses; what does not fit is not counted either. */
#define RD_VALIDATION_TEXT_SIZE 4096
/* A value is repeated to its sender up to here: long enough to recognise it. */
#define RD_VALIDATION_VALUE_MAX 256

struct rd_validation {
	unsigned count;
	bool failed; /* also when the clause did not fit */
	size_t used;
	char text[RD_VALIDATION_TEXT_SIZE];
};

/* How a clause names the value. */
enum rd_validation_value {
	RD_VALUE_SHOWN,
	RD_VALUE_HIDDEN, /* sensitive members and blobs */
	RD_VALUE_NULL,   /* a required member that is not there */
};

/*
 * Adds a clause; rule is what stands behind "Member must ". The value must be UTF-8 (it came
 * through the JSON reader) and may be absent unless it is shown.
 */
void rd_validation_add(struct rd_validation *v, enum rd_validation_value how, struct rd_view value,
	const char *field, const char *rule, ...) RD_PRINTF(5, 6);

/* Appends the message; to be asked for when v->failed. */
enum rd_status rd_validation_message(const struct rd_validation *v, struct rd_buf *out) RD_MUST_USE;

#endif
