/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filter.N.Name and Filter.N.Value.M: a resource is listed when, for each filter, one of its facts
 * of that name matches one of the values. In values * is any text, ? one character, and a backslash
 * takes both their meaning.
 */
#ifndef EC2_FILTER_H
#define EC2_FILTER_H

#include "ec2/params.h"

/* EC2's limits are 50 and 200; a query has RD_QUERY_PARAMS_MAX parameters. */
#define EC2_FILTERS_MAX       50
#define EC2_FILTER_VALUES_MAX 200

struct ec2_filters {
	size_t n;
	struct {
		struct rd_view name;
		size_t first, n; /* values */
		bool matched;    /* of the resource that is looked at now */
	} filters[EC2_FILTERS_MAX];
	struct rd_view values[EC2_FILTER_VALUES_MAX];
	size_t n_values;
};

/* names: those that the operation has, NULL-terminated; "tag:" stands for all tags. Another one is
 * InvalidParameterValue, "The filter 'x' is invalid". */
enum rd_status ec2_filters_parse(
	struct ec2_in in, const char *const *names, struct ec2_filters *ret) RD_MUST_USE;

bool ec2_pattern_matches(struct rd_view pattern, struct rd_view text);

/* For each resource: begin, its facts, and then whether it passes. */
void ec2_filters_begin(struct ec2_filters *f);
void ec2_fact(struct ec2_filters *f, const char *name, const char *value);
void ec2_fact_number(struct ec2_filters *f, const char *name, int64_t value);
void ec2_fact_bool(struct ec2_filters *f, const char *name, bool value);
void ec2_fact_time(struct ec2_filters *f, const char *name, int64_t ms);
/* tag:<key>, tag-key and tag-value. */
void ec2_fact_tags(struct ec2_filters *f, const json_t *tags);
bool ec2_filters_pass(const struct ec2_filters *f);

#endif
