/* SPDX-License-Identifier: Apache-2.0 */
/* Elements of a statement: lists of strings, principals, actions and resources. */
#include "policy/parse-internal.h"

#include "policy/pattern.h"
#include "policy/principal.h"
#include "policy/text.h"

#include <string.h>

size_t rd_parse_list_size(json_t *v)
{
	return json_is_array(v) ? json_array_size(v) : 1;
}

json_t *rd_parse_list_at(json_t *v, size_t i)
{
	return json_is_array(v) ? json_array_get(v, i) : v;
}

enum rd_status rd_parse_list_check(struct rd_parser *p, json_t *v, const char *element)
{
	size_t n = rd_parse_list_size(v);

	if (n == 0) {
		return rd_fail(p->err, RD_MISSING, "%s is an empty list", element);
	}
	if (n > RD_POLICY_LIST_MAX) {
		return rd_fail(p->err, RD_LIMIT, "%s has more than %u values", element,
			RD_POLICY_LIST_MAX);
	}
	return RD_OK;
}

enum rd_status rd_parse_string(
	struct rd_parser *p, json_t *v, const char *element, bool may_be_empty, struct rd_view *ret)
{
	struct rd_view copy;
	size_t n;

	if (!json_is_string(v)) {
		return rd_fail(p->err, RD_BAD_TYPE, "%s must be a string", element);
	}
	n = json_string_length(v);
	if (n == 0 && !may_be_empty) {
		return rd_fail(p->err, RD_MISSING, "%s is an empty string", element);
	}
	if (n > RD_POLICY_STRING_MAX) {
		return rd_fail(p->err, RD_LIMIT, "%s has a string of more than %u bytes", element,
			RD_POLICY_STRING_MAX);
	}
	copy = rd_arena_copy(p->arena, rd_view(json_string_value(v), n));
	RD_ENSURE(copy.ptr != NULL, rd_fail(p->err, RD_NOMEM, "out of memory"));
	*ret = copy;
	return RD_OK;
}

static enum rd_status parse_aws_principal(
	struct rd_parser *p, json_t *v, struct rd_policy_principal *ret)
{
	struct rd_view text = {0};
	enum rd_status st;

	RD_TRY(rd_parse_string(p, v, "Principal", false, &text));
	st = rd_policy_principal_parse(text, ret);
	if (st != RD_OK) {
		return rd_fail(p->err, st,
			"invalid principal \"%s\": name an account, user, role, session or \"*\"",
			rd_show(text).text);
	}
	return RD_OK;
}

/* {"AWS": …, "Service": …}: each type's values behind those of the types before it. */
static enum rd_status parse_principal_type(struct rd_parser *p, const char *type, json_t *v,
	struct rd_policy_principal *out, size_t *n)
{
	static const char *const foreign[] = {"Service", "Federated", "CanonicalUser"};
	bool aws = strcmp(type, "AWS") == 0;
	bool known = aws;

	for (size_t i = 0; i < RD_ARRAY_LEN(foreign); i++) {
		known = known || strcmp(type, foreign[i]) == 0;
	}
	if (!known) {
		return rd_fail(p->err, RD_UNSUPPORTED, "unknown type of principal \"%s\"",
			rd_show(rd_view_str(type)).text);
	}
	for (size_t i = 0; i < rd_parse_list_size(v); i++) {
		struct rd_policy_principal *one = &out[(*n)++];

		if (aws) {
			RD_TRY(parse_aws_principal(p, rd_parse_list_at(v, i), one));
			continue;
		}
		one->kind = strcmp(type, "Service") == 0 ? RD_PRINCIPAL_SERVICE
							 : RD_PRINCIPAL_FOREIGN;
		RD_TRY(rd_parse_string(p, rd_parse_list_at(v, i), "Principal", false, &one->name));
	}
	return RD_OK;
}

static enum rd_status count_principals(struct rd_parser *p, json_t *v, size_t *ret_n)
{
	const char *type;
	json_t *values;
	size_t n = 0;

	json_object_foreach(v, type, values)
	{
		RD_TRY(rd_parse_list_check(p, values, "Principal"));
		n += rd_parse_list_size(values);
	}
	if (n == 0) {
		return rd_fail(p->err, RD_MISSING, "Principal names nobody");
	}
	*ret_n = n;
	return RD_OK;
}

enum rd_status rd_parse_principals(
	struct rd_parser *p, json_t *v, const char *element, struct rd_policy_principals *ret)
{
	struct rd_policy_principal *list;
	const char *type;
	json_t *values;
	size_t n = 1;

	if (json_is_string(v) && strcmp(json_string_value(v), "*") != 0) {
		return rd_fail(p->err, RD_FORBIDDEN,
			"invalid principal \"%s\": only \"*\" may stand without a type",
			rd_show(rd_view_str(json_string_value(v))).text);
	}
	if (!json_is_string(v) && !json_is_object(v)) {
		return rd_fail(p->err, RD_BAD_TYPE, "%s must be \"*\" or an object", element);
	}
	if (json_is_object(v)) {
		RD_TRY(count_principals(p, v, &n));
	}
	list = rd_arena_alloc(p->arena, n, sizeof(*list));
	RD_ENSURE(list != NULL, rd_fail(p->err, RD_NOMEM, "out of memory"));
	if (json_is_object(v)) {
		n = 0;
		json_object_foreach(v, type, values)
		{
			RD_TRY(parse_principal_type(p, type, values, list, &n));
		}
	}
	*ret = (struct rd_policy_principals){
		.v = list, .n = n, .negated = strncmp(element, "Not", 3) == 0};
	return RD_OK;
}

static enum rd_status compile(struct rd_parser *p, struct rd_view text, const char *element,
	bool variables, struct rd_policy_pattern *ret)
{
	struct rd_pattern_rules rules = {.wildcards = true, .variables = variables};
	enum rd_status st = rd_pattern_compile(text, rules, p->arena, ret);

	if (st != RD_OK) {
		return rd_fail(p->err, st,
			"%s \"%s\" has a policy variable that is not of the form "
			"${key} or ${key, 'default'}",
			element, rd_show(text).text);
	}
	return RD_OK;
}

static enum rd_status parse_action(
	struct rd_parser *p, struct rd_view text, struct rd_policy_pattern *ret)
{
	if (!rd_policy_is_action(text)) {
		return rd_fail(p->err, RD_OUT_OF_RANGE,
			"\"%s\" is not an action: write service:Name, such as kms:Decrypt",
			rd_show(text).text);
	}
	return compile(p, text, "Action", false, ret);
}

static enum rd_status parse_resource(
	struct rd_parser *p, struct rd_view text, struct rd_policy_pattern *ret)
{
	bool arn = text.len >= 4 && memcmp(text.ptr, "arn:", 4) == 0;

	if (!arn && !rd_view_equal(text, rd_view_str("*"))) {
		return rd_fail(p->err, RD_OUT_OF_RANGE,
			"resource \"%s\" is neither an ARN nor \"*\"", rd_show(text).text);
	}
	return compile(p, text, "resource", p->has_variables, ret);
}

typedef enum rd_status (*parse_pattern_fn)(
	struct rd_parser *p, struct rd_view text, struct rd_policy_pattern *ret);

static enum rd_status parse_patterns(struct rd_parser *p, json_t *v, const char *element,
	parse_pattern_fn parse_one, struct rd_policy_patterns *ret)
{
	struct rd_policy_pattern *list;
	size_t n = rd_parse_list_size(v);

	RD_TRY(rd_parse_list_check(p, v, element));
	list = rd_arena_alloc(p->arena, n, sizeof(*list));
	RD_ENSURE(list != NULL, rd_fail(p->err, RD_NOMEM, "out of memory"));
	for (size_t i = 0; i < n; i++) {
		struct rd_view text = {0};

		RD_TRY(rd_parse_string(p, rd_parse_list_at(v, i), element, false, &text));
		RD_TRY(parse_one(p, text, &list[i]));
	}
	*ret = (struct rd_policy_patterns){
		.v = list, .n = n, .negated = strncmp(element, "Not", 3) == 0};
	return RD_OK;
}

enum rd_status rd_parse_actions(
	struct rd_parser *p, json_t *v, const char *element, struct rd_policy_patterns *ret)
{
	return parse_patterns(p, v, element, parse_action, ret);
}

enum rd_status rd_parse_resources(
	struct rd_parser *p, json_t *v, const char *element, struct rd_policy_patterns *ret)
{
	return parse_patterns(p, v, element, parse_resource, ret);
}
