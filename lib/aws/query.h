/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of the query protocol of IAM, STS and EC2: a form body, Action=…&Version=…&Name=value.
 *
 * Structures are flattened with dots and lists are counted from 1: "Tags.member.1.Key". An empty
 * list is written as its own name with an empty value ("Tags="). EC2 writes no ".member":
 * "Tag.1.Key".
 */
#ifndef RD_AWS_QUERY_H
#define RD_AWS_QUERY_H

#include "base/bytes.h"

/* A policy document of 131,072 characters, three bytes each when percent-encoded, and the rest. */
#define RD_QUERY_SIZE_MAX (512u << 10)
/* 50 tags are 100 parameters, and EC2 has requests about a few hundred ids at once. */
#define RD_QUERY_PARAMS_MAX 352
#define RD_QUERY_NAME_MAX   128

struct rd_query_param {
	struct rd_view name;
	struct rd_view value;
};

struct rd_query {
	size_t n;
	struct rd_query_param params[RD_QUERY_PARAMS_MAX];
};

/*
 * Decodes body into storage, which the views point into (a growable buffer must be empty and stay
 * untouched). RD_LIMIT: body, parameters or a name too long; RD_MALFORMED: bad percent-encoding, no
 * UTF-8, NUL, a name with other characters than letters, digits, '.', '-' and '_', or without '=';
 * RD_DUPLICATE: a name twice.
 */
enum rd_status rd_query_parse(struct rd_view body, struct rd_buf *storage, struct rd_query *ret)
	RD_MUST_USE;

/* Absent when there is none. */
struct rd_view rd_query_get(const struct rd_query *q, const char *name);

/* How many elements a list has: 1 to n without a gap. RD_MALFORMED: a gap, a number that is not
 * written plainly; RD_LIMIT: more than max. */
enum rd_status rd_query_list(const struct rd_query *q, const char *list, size_t max, size_t *ret_n)
	RD_MUST_USE;

/* Element i, from 1; field is NULL for a list of strings, "Key" for one of structures. */
struct rd_view rd_query_member(
	const struct rd_query *q, const char *list, size_t i, const char *field);

/* The same in EC2's form: "<list>.1", "<list>.1.<field>". */
enum rd_status rd_query_items(const struct rd_query *q, const char *list, size_t max, size_t *ret_n)
	RD_MUST_USE;
struct rd_view rd_query_item(
	const struct rd_query *q, const char *list, size_t i, const char *field);

#endif
