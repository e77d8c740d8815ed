/* SPDX-License-Identifier: Apache-2.0 */
/* Reading parameters. */
#include "ec2/params.h"

#include "aws/uri.h"
#include "base/text.h"
#include "base/utf8.h"
#include "crypto/digest.h"
#include "ec2/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- which there may be --- */

/* "Filter.3.Value.1" is "Filter.N.Value.N". */
static void with_n(struct rd_view name, char ret[EC2_PARAM_NAME_SIZE])
{
	struct rd_view rest = name;
	size_t used = 0;

	while (rest.ptr != NULL) {
		struct rd_view part = rd_text_cut(rest, '.', &rest);
		bool number = part.len > 0;

		for (size_t i = 0; i < part.len; i++) {
			number = number && part.ptr[i] >= '0' && part.ptr[i] <= '9';
		}
		used += (size_t)snprintf(ret + used, EC2_PARAM_NAME_SIZE - used, "%s%.*s",
			used == 0 ? "" : ".", number ? 1 : (int)part.len,
			number ? "N" : (const char *)part.ptr);
	}
}

static bool matches_known(const char *name, const char *known)
{
	size_t len = strlen(known);

	if (len > 0 && known[len - 1] == '*') {
		return strncmp(name, known, len - 1) == 0;
	}
	return strcmp(name, known) == 0;
}

static bool is_known(const char *name, const char *const *params)
{
	static const char *const common[] = {"Action", "Version", "DryRun"};

	for (size_t i = 0; i < RD_ARRAY_LEN(common); i++) {
		if (strcmp(name, common[i]) == 0) {
			return true;
		}
	}
	for (; *params != NULL; params++) {
		if (matches_known(name, *params)) {
			return true;
		}
	}
	return false;
}

enum rd_status ec2_params_known(
	struct ec2_call *call, const struct rd_query *q, const char *const *params)
{
	char name[EC2_PARAM_NAME_SIZE];

	for (size_t i = 0; i < q->n; i++) {
		with_n(q->params[i].name, name);
		if (!is_known(name, params)) {
			return ec2_fail(call, EC2_FAULT_UNKNOWN_PARAMETER,
				"The parameter %.*s is not recognized, or not one that this server "
				"knows",
				(int)q->params[i].name.len, q->params[i].name.ptr);
		}
	}
	return RD_OK;
}

/* --- one by one --- */

bool ec2_in_has(struct ec2_in in, const char *name)
{
	return rd_query_get(in.q, name).ptr != NULL;
}

bool ec2_in_has_part(struct ec2_in in, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < in.q->n; i++) {
		struct rd_view n = in.q->params[i].name;

		if (n.len >= len && memcmp(n.ptr, name, len) == 0 &&
			(n.len == len || n.ptr[len] == '.')) {
			return true;
		}
	}
	return false;
}

static bool is_printable(struct rd_view text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < ' ' || text.ptr[i] == 0x7f) {
			return false;
		}
	}
	return true;
}

static enum rd_status bad_value(struct ec2_in in, const char *name, struct rd_view value)
{
	struct rd_view shown = rd_utf8_prefix(value, 128);

	return ec2_fail(in.call, EC2_FAULT_PARAMETER_VALUE,
		"Value (%.*s) for parameter %s is invalid.",
		is_printable(shown) ? (int)shown.len : 0, (const char *)shown.ptr, name);
}

enum rd_status ec2_in_text(struct ec2_in in, const char *name, char *ret, size_t size)
{
	struct rd_view value = rd_query_get(in.q, name);

	ret[0] = '\0';
	if (value.ptr == NULL) {
		return RD_OK;
	}
	if (value.len >= size || !is_printable(value)) {
		return bad_value(in, name, value);
	}
	memcpy(ret, value.ptr, value.len);
	ret[value.len] = '\0';
	return RD_OK;
}

enum rd_status ec2_in_need(struct ec2_in in, const char *name, char *ret, size_t size)
{
	RD_TRY(ec2_in_text(in, name, ret, size));
	if (ret[0] == '\0') {
		return ec2_fail(in.call, EC2_FAULT_MISSING_PARAMETER,
			"The request must contain the parameter %s", name);
	}
	return RD_OK;
}

enum rd_status ec2_in_dup(struct ec2_in in, const char *name, size_t max, char **ret)
{
	struct rd_view value = rd_query_get(in.q, name);

	if (value.ptr == NULL) {
		return RD_OK;
	}
	if (value.len > max) {
		return ec2_fail(in.call, EC2_FAULT_PARAMETER_VALUE,
			"The parameter %s is longer than %zu bytes.", name, max);
	}
	free(*ret);
	*ret = strndup((const char *)value.ptr, value.len);
	return *ret == NULL ? RD_NOMEM : RD_OK;
}

enum rd_status ec2_in_bool(struct ec2_in in, const char *name, bool *ret)
{
	struct rd_view value = rd_query_get(in.q, name);

	if (value.ptr == NULL) {
		return RD_OK;
	}
	if (rd_text_is_caseless(value, "true")) {
		*ret = true;
	} else if (rd_text_is_caseless(value, "false")) {
		*ret = false;
	} else {
		return bad_value(in, name, value);
	}
	return RD_OK;
}

enum rd_status ec2_in_number(
	struct ec2_in in, const char *name, int64_t min, int64_t max, int64_t *ret)
{
	struct rd_view value = rd_query_get(in.q, name);
	char text[24] = "";
	uint64_t number = 0;
	bool minus;

	if (value.ptr == NULL) {
		return RD_OK;
	}
	if (value.len == 0 || value.len >= sizeof(text)) {
		return bad_value(in, name, value);
	}
	memcpy(text, value.ptr, value.len);
	minus = text[0] == '-';
	if (rd_parse_u64(text + (minus ? 1 : 0), 0, INT64_MAX, &number) != RD_OK ||
		(minus ? -(int64_t)number : (int64_t)number) < min ||
		(minus ? -(int64_t)number : (int64_t)number) > max) {
		return bad_value(in, name, value);
	}
	*ret = minus ? -(int64_t)number : (int64_t)number;
	return RD_OK;
}

enum rd_status ec2_in_word(
	struct ec2_in in, const char *name, const char *const *words, unsigned *ret)
{
	struct rd_view value = rd_query_get(in.q, name);

	if (value.ptr == NULL) {
		return RD_OK;
	}
	for (unsigned i = 0; words[i] != NULL; i++) {
		if (rd_text_is(value, words[i])) {
			*ret = i;
			return RD_OK;
		}
	}
	return bad_value(in, name, value);
}

/* --- lists --- */

enum rd_status ec2_in_count(struct ec2_in in, const char *list, size_t max, size_t *ret)
{
	enum rd_status st = rd_query_items(in.q, list, max, ret);

	if (st == RD_LIMIT) {
		return ec2_fail(in.call, EC2_FAULT_PARAMETER_VALUE,
			"The list %s has more than %zu elements.", list, max);
	}
	if (st != RD_OK) {
		return ec2_fail(in.call, EC2_FAULT_PARAMETER_VALUE,
			"The list %s is not numbered from 1 on.", list);
	}
	return RD_OK;
}

const char *ec2_in_name(
	char ret[EC2_PARAM_NAME_SIZE], const char *list, size_t i, const char *field)
{
	snprintf(ret, EC2_PARAM_NAME_SIZE, "%s.%zu%s%s", list, i, field == NULL ? "" : ".",
		field == NULL ? "" : field);
	return ret;
}

enum rd_status ec2_in_item(struct ec2_in in, const char *list, size_t i, char *ret, size_t size)
{
	char name[EC2_PARAM_NAME_SIZE];

	return ec2_in_need(in, ec2_in_name(name, list, i, NULL), ret, size);
}

/* --- tags --- */

static enum rd_status tag_key(struct ec2_in in, const char *name, char ret[EC2_NAME_SIZE])
{
	size_t chars = 0;

	RD_TRY(ec2_in_need(in, name, ret, EC2_NAME_SIZE));
	if (rd_utf8_count(rd_view_str(ret), &chars) != RD_OK || chars > EC2_TAG_KEY_MAX) {
		return ec2_fail(in.call, EC2_FAULT_PARAMETER_VALUE,
			"Tag key exceeds the maximum length of %d characters", EC2_TAG_KEY_MAX);
	}
	if (strncasecmp(ret, "aws:", 4) == 0 || strncmp(ret, "redoubt:", 8) == 0) {
		return ec2_fail(in.call, EC2_FAULT_PARAMETER_VALUE,
			"Tag keys starting with 'aws:' and 'redoubt:' are reserved for internal "
			"use");
	}
	return RD_OK;
}

static enum rd_status one_tag(struct ec2_in in, const char *list, size_t i, json_t *tags)
{
	char name[EC2_PARAM_NAME_SIZE], key[EC2_NAME_SIZE];
	char value[4 * EC2_TAG_VALUE_MAX + 1];
	size_t chars = 0;

	RD_TRY(tag_key(in, ec2_in_name(name, list, i, "Key"), key));
	RD_TRY(ec2_in_text(in, ec2_in_name(name, list, i, "Value"), value, sizeof(value)));
	if (rd_utf8_count(rd_view_str(value), &chars) != RD_OK || chars > EC2_TAG_VALUE_MAX) {
		return ec2_fail(in.call, EC2_FAULT_PARAMETER_VALUE,
			"Tag value exceeds the maximum length of %d characters", EC2_TAG_VALUE_MAX);
	}
	if (json_object_get(tags, key) != NULL) {
		return ec2_fail(in.call, EC2_FAULT_PARAMETER_VALUE,
			"Duplicate tag key '%s' specified.", key);
	}
	return json_object_set_new(tags, key, json_string(value)) == 0 ? RD_OK : RD_NOMEM;
}

enum rd_status ec2_in_tag_list(struct ec2_in in, const char *list, json_t *tags)
{
	size_t n = 0;

	RD_TRY(ec2_in_count(in, list, EC2_TAGS_MAX, &n));
	for (size_t i = 1; i <= n; i++) {
		RD_TRY(one_tag(in, list, i, tags));
	}
	if (json_object_size(tags) > EC2_TAGS_MAX) {
		return ec2_fail(
			in.call, EC2_FAULT_TAG_LIMIT, "More than %d tags specified", EC2_TAGS_MAX);
	}
	return RD_OK;
}

/* Every kind of resource is tagged at its creation but these, which EC2 knows and we have not. */
static enum rd_status known_resource(struct ec2_in in, const char *name, const char *resource)
{
	if (ec2_kind_of_resource(rd_view_str(resource)) == EC2_KIND_NONE ||
		strcmp(resource, "launch-template-version") == 0) {
		return ec2_fail(in.call, EC2_FAULT_PARAMETER_VALUE,
			"'%s' is not a valid taggable resource type for this operation (%s).",
			resource, name);
	}
	return RD_OK;
}

enum rd_status ec2_in_tags(struct ec2_in in, const char *resource, json_t **ret)
{
	char name[EC2_PARAM_NAME_SIZE], list[EC2_PARAM_NAME_SIZE], type[64];
	json_t *tags = json_object();
	enum rd_status st = tags == NULL ? RD_NOMEM : RD_OK;
	size_t n = 0;

	if (st == RD_OK) {
		/* As many as there are taggable types. */
		st = ec2_in_count(in, "TagSpecification", EC2_KIND_COUNT, &n);
	}
	for (size_t i = 1; i <= n && st == RD_OK; i++) {
		ec2_in_name(name, "TagSpecification", i, "ResourceType");
		st = ec2_in_need(in, name, type, sizeof(type));
		if (st == RD_OK) {
			st = known_resource(in, name, type);
		}
		if (st == RD_OK && strcmp(type, resource) == 0) {
			st = ec2_in_tag_list(
				in, ec2_in_name(list, "TagSpecification", i, "Tag"), tags);
		}
	}
	if (st != RD_OK) {
		json_decref(tags);
		return st;
	}
	*ret = tags;
	return RD_OK;
}

/* --- digest --- */

static int by_name(const void *a, const void *b)
{
	const struct rd_query_param *const *pa = a, *const *pb = b;
	struct rd_view va = (*pa)->name, vb = (*pb)->name;
	int order = memcmp(va.ptr, vb.ptr, va.len < vb.len ? va.len : vb.len);

	return order != 0 ? order : (va.len > vb.len) - (va.len < vb.len);
}

static bool is_in(struct rd_view name, const char *const *list)
{
	for (; *list != NULL; list++) {
		if (rd_text_is(name, *list)) {
			return true;
		}
	}
	return false;
}

static enum rd_status digest_one(struct rd_digest *d, struct rd_view text)
{
	uint8_t end = '\0';

	RD_TRY(rd_digest_update(d, text));
	return rd_digest_update(d, rd_view(&end, 1));
}

enum rd_status ec2_in_digest(struct ec2_in in, const char *const *without, char ret_hex[65])
{
	const struct rd_query_param *sorted[RD_QUERY_PARAMS_MAX] = {NULL};
	uint8_t digest[RD_SHA256_SIZE];
	struct rd_digest *d RD_CLEANUP(rd_digest_free) = NULL;

	for (size_t i = 0; i < in.q->n; i++) {
		sorted[i] = &in.q->params[i];
	}
	qsort(sorted, in.q->n, sizeof(sorted[0]), by_name);
	RD_TRY(rd_digest_new(RD_SHA256, &d));
	for (size_t i = 0; i < in.q->n; i++) {
		if (!is_in(sorted[i]->name, without)) {
			RD_TRY(digest_one(d, sorted[i]->name));
			RD_TRY(digest_one(d, sorted[i]->value));
		}
	}
	RD_TRY(rd_digest_finish(d, digest));
	rd_hex_string(rd_view(digest, sizeof(digest)), ret_hex);
	return RD_OK;
}
