/* SPDX-License-Identifier: Apache-2.0 */
/* Filters. */
#include "ec2/filter.h"

#include "aws/uri.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool is_filter(struct rd_view name, const char *const *names)
{
	for (; *names != NULL; names++) {
		if (rd_text_is(name, *names) ||
			(strcmp(*names, "tag:") == 0 && rd_text_has_prefix(name, "tag:") &&
				name.len > strlen("tag:"))) {
			return true;
		}
	}
	return false;
}

static enum rd_status parse_values(struct ec2_in in, size_t i, struct ec2_filters *f)
{
	char list[EC2_PARAM_NAME_SIZE];
	size_t n = 0;

	ec2_in_name(list, "Filter", i, "Value");
	RD_TRY(ec2_in_count(in, list, EC2_FILTER_VALUES_MAX, &n));
	if (n == 0) {
		return ec2_fail(in.call, EC2_FAULT_MISSING_PARAMETER,
			"The request must contain the parameter %s", list);
	}
	if (f->n_values + n > EC2_FILTER_VALUES_MAX) {
		return ec2_fail(in.call, EC2_FAULT_PARAMETER_VALUE,
			"The maximum number of filter values is %d.", EC2_FILTER_VALUES_MAX);
	}
	f->filters[i - 1].first = f->n_values;
	f->filters[i - 1].n = n;
	for (size_t v = 1; v <= n; v++) {
		f->values[f->n_values++] = rd_query_item(in.q, list, v, NULL);
	}
	return RD_OK;
}

enum rd_status ec2_filters_parse(
	struct ec2_in in, const char *const *names, struct ec2_filters *ret)
{
	ret->n_values = 0;
	ret->n = 0;
	RD_TRY(ec2_in_count(in, "Filter", EC2_FILTERS_MAX, &ret->n));
	for (size_t i = 1; i <= ret->n; i++) {
		struct rd_view name = rd_query_item(in.q, "Filter", i, "Name");

		if (name.ptr == NULL || !is_filter(name, names)) {
			return ec2_fail(in.call, EC2_FAULT_PARAMETER_VALUE,
				"The filter '%.*s' is invalid",
				(int)(name.len < 128 ? name.len : 128),
				name.ptr == NULL ? "" : (const char *)name.ptr);
		}
		ret->filters[i - 1].name = name;
		RD_TRY(parse_values(in, i, ret));
	}
	return RD_OK;
}

/* One pass, and back to behind the last star when it does not fit: quadratic at worst. */
bool ec2_pattern_matches(struct rd_view pattern, struct rd_view text)
{
	size_t p = 0, t = 0, star = SIZE_MAX, mark = 0;

	while (t < text.len) {
		bool escaped = p + 1 < pattern.len && pattern.ptr[p] == '\\';
		size_t at = escaped ? p + 1 : p;

		if (!escaped && p < pattern.len && pattern.ptr[p] == '*') {
			star = p++;
			mark = t;
		} else if (at < pattern.len && ((!escaped && pattern.ptr[at] == '?') ||
						       pattern.ptr[at] == text.ptr[t])) {
			p = at + 1;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.ptr[p] == '*') {
		p++;
	}
	return p == pattern.len;
}

void ec2_filters_begin(struct ec2_filters *f)
{
	for (size_t i = 0; i < f->n; i++) {
		f->filters[i].matched = false;
	}
}

static void fact(struct ec2_filters *f, struct rd_view name, struct rd_view value)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->filters[i].matched || !rd_view_equal(f->filters[i].name, name)) {
			continue;
		}
		for (size_t v = 0; v < f->filters[i].n && !f->filters[i].matched; v++) {
			f->filters[i].matched = ec2_pattern_matches(
				f->values[f->filters[i].first + v], value);
		}
	}
}

void ec2_fact(struct ec2_filters *f, const char *name, const char *value)
{
	if (f->n > 0 && value != NULL) {
		fact(f, rd_view_str(name), rd_view_str(value));
	}
}

void ec2_fact_number(struct ec2_filters *f, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	ec2_fact(f, name, text);
}

void ec2_fact_bool(struct ec2_filters *f, const char *name, bool value)
{
	ec2_fact(f, name, value ? "true" : "false");
}

void ec2_fact_time(struct ec2_filters *f, const char *name, int64_t ms)
{
	char text[RD_TIME_TEXT_SIZE];

	rd_time_string((uint64_t)ms, text);
	ec2_fact(f, name, text);
}

void ec2_fact_tags(struct ec2_filters *f, const json_t *tags)
{
	/* jansson's iteration takes what it does not change as not const. */
	json_t *object = (json_t *)(uintptr_t)tags;
	const char *key;
	json_t *value;

	if (f->n == 0) {
		return;
	}
	json_object_foreach(object, key, value)
	{
		char name[sizeof("tag:") + EC2_NAME_SIZE];

		snprintf(name, sizeof(name), "tag:%s", key);
		ec2_fact(f, name, json_string_value(value));
		ec2_fact(f, "tag-key", key);
		ec2_fact(f, "tag-value", json_string_value(value));
	}
}

bool ec2_filters_pass(const struct ec2_filters *f)
{
	for (size_t i = 0; i < f->n; i++) {
		if (!f->filters[i].matched) {
			return false;
		}
	}
	return true;
}
