/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters of a query. Each function sets the call's fault when it returns anything but RD_OK.
 *
 * A struct ec2_in says which query: the request's, or one that a launch template was merged into.
 */
#ifndef EC2_PARAMS_H
#define EC2_PARAMS_H

#include "ec2/call.h"

struct ec2_in {
	struct ec2_call *call;
	const struct rd_query *q;
};

static inline struct ec2_in ec2_in(struct ec2_call *call)
{
	return (struct ec2_in){.call = call, .q = call->q};
}

#define EC2_PARAM_NAME_SIZE (RD_QUERY_NAME_MAX + 1)

/* Every parameter is one of the operation's: UnknownParameter. */
enum rd_status ec2_params_known(
	struct ec2_call *call, const struct rd_query *q, const char *const *params) RD_MUST_USE;

bool ec2_in_has(struct ec2_in in, const char *name);
/* Whether any parameter begins with the name and a dot, or is it. */
bool ec2_in_has_part(struct ec2_in in, const char *name);

/* Absent gives "". Too long, or not printable: InvalidParameterValue. */
enum rd_status ec2_in_text(struct ec2_in in, const char *name, char *ret, size_t size) RD_MUST_USE;
/* Absent or empty: MissingParameter. */
enum rd_status ec2_in_need(struct ec2_in in, const char *name, char *ret, size_t size) RD_MUST_USE;
/* On the heap, of at most max bytes; absent leaves *ret alone. */
enum rd_status ec2_in_dup(struct ec2_in in, const char *name, size_t max, char **ret) RD_MUST_USE;
/* Absent leaves *ret alone, and so below. */
enum rd_status ec2_in_bool(struct ec2_in in, const char *name, bool *ret) RD_MUST_USE;
enum rd_status ec2_in_number(
	struct ec2_in in, const char *name, int64_t min, int64_t max, int64_t *ret) RD_MUST_USE;
/* One of the words, NULL-terminated, to its index. */
enum rd_status ec2_in_word(
	struct ec2_in in, const char *name, const char *const *words, unsigned *ret) RD_MUST_USE;

/* "<list>.1" … "<list>.n". */
enum rd_status ec2_in_count(struct ec2_in in, const char *list, size_t max, size_t *ret)
	RD_MUST_USE;
/* The name "<list>.<i>[.<field>]", i from 1. */
const char *ec2_in_name(
	char ret[EC2_PARAM_NAME_SIZE], const char *list, size_t i, const char *field);
/* Element i of a list of texts, not empty. */
enum rd_status ec2_in_item(struct ec2_in in, const char *list, size_t i, char *ret, size_t size)
	RD_MUST_USE;

/* Tags for one resource type out of TagSpecification.N: a new object. */
enum rd_status ec2_in_tags(struct ec2_in in, const char *resource, json_t **ret) RD_MUST_USE;
/* Tag.N of CreateTags. */
enum rd_status ec2_in_tag_list(struct ec2_in in, const char *list, json_t *tags) RD_MUST_USE;

/* Digest over all parameters but those whose name is in the list, in the order of their names. */
enum rd_status ec2_in_digest(struct ec2_in in, const char *const *without, char ret_hex[65])
	RD_MUST_USE;

#endif
