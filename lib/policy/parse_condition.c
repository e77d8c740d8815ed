/* SPDX-License-Identifier: Apache-2.0 */
/* The Condition element of a statement. */
#include "policy/parse-internal.h"

#include "base/text.h"
#include "policy/match.h"
#include "policy/operator.h"
#include "policy/pattern.h"
#include "policy/text.h"
#include "policy/value.h"

#include <stdio.h>

/* A 64-bit integer, or a double's 15 exact digits with sign, point and exponent. */
#define NUMBER_TEXT_MAX 32u

/* The text of a string, number or boolean. */
static enum rd_status operand_text(struct rd_parser *p, json_t *v, struct rd_view *ret)
{
	char number[NUMBER_TEXT_MAX];
	struct rd_view text = {0};

	if (json_is_string(v)) {
		return rd_parse_string(p, v, "Condition", true, ret);
	}
	if (json_is_boolean(v)) {
		*ret = rd_view_str(json_is_true(v) ? "true" : "false");
		return RD_OK;
	}
	if (json_is_integer(v)) {
		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(v));
	} else if (json_is_real(v)) {
		snprintf(number, sizeof(number), "%.15g", json_real_value(v));
	} else {
		return rd_fail(p->err, RD_BAD_TYPE,
			"a condition's value must be a string, number or boolean, or a list of them");
	}
	text = rd_arena_copy(p->arena, rd_view_str(number));
	RD_ENSURE(text.ptr != NULL, rd_fail(p->err, RD_NOMEM, "out of memory"));
	*ret = text;
	return RD_OK;
}

static enum rd_status check_base64(struct rd_view text)
{
	struct rd_buf bytes RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_POLICY_STRING_MAX);

	return rd_base64_decode(text, &bytes);
}

static enum rd_status parse_typed(struct rd_parser *p, const struct rd_policy_operator *op,
	struct rd_view text, struct rd_policy_operand *ret)
{
	struct rd_pattern_rules rules = {.variables = p->has_variables};

	ret->pattern.text = text;
	switch (op->family) {
	case RD_FAMILY_STRING:
		rules.wildcards = op->relation == RD_RELATION_LIKE;
		return rd_pattern_compile(text, rules, p->arena, &ret->pattern);
	case RD_FAMILY_ARN:
		rules.wildcards = true;
		return rd_pattern_compile(text, rules, p->arena, &ret->pattern);
	case RD_FAMILY_NUMERIC:
		return rd_decimal_parse(text, &ret->decimal);
	case RD_FAMILY_DATE:
		return rd_date_parse(text, &ret->date);
	case RD_FAMILY_IP:
		return rd_network_parse(text, &ret->network);
	case RD_FAMILY_BINARY:
		return check_base64(text);
	case RD_FAMILY_BOOL:
	case RD_FAMILY_NULL:
	default:
		return rd_truth_parse(text, &ret->truth);
	}
}

static enum rd_status parse_operand(struct rd_parser *p, const struct rd_policy_condition *c,
	json_t *v, struct rd_policy_operand *ret)
{
	struct rd_view text = {0};
	enum rd_status st;

	RD_TRY(operand_text(p, v, &text));
	st = parse_typed(p, &c->op, text, ret);
	if (st == RD_NOMEM) {
		return rd_fail(p->err, st, "out of memory");
	}
	if (st != RD_OK) {
		/* One reason for the caller, whichever rule of its type the text broke. */
		return rd_fail(p->err, RD_MALFORMED, "%s: \"%s\" is not a value of that operator",
			rd_show(c->op_text).text, rd_show(text).text);
	}
	return RD_OK;
}

/*
 * KMS refuses as over-permissive what is true of a request that leaves the key out: ForAllValues on
 * the single-valued families whose members a caller chooses.
 */
static enum rd_status check_set(struct rd_parser *p, const struct rd_policy_condition *c)
{
	bool chosen = rd_view_starts_folded(c->key, "kms:EncryptionContext:") ||
		      rd_view_starts_folded(c->key, "aws:RequestTag/");

	if (p->kind == RD_POLICY_KEY && chosen && c->op.set == RD_SET_ALL) {
		return rd_fail(p->err, RD_FORBIDDEN,
			"over-permissive condition: %s on the single-valued key \"%s\" holds without it",
			rd_show(c->op_text).text, rd_show(c->key).text);
	}
	return RD_OK;
}

static enum rd_status parse_key(
	struct rd_parser *p, const char *key, json_t *values, struct rd_policy_condition *c)
{
	struct rd_policy_operand *operands;
	size_t n = rd_parse_list_size(values);

	if (key[0] == '\0') {
		return rd_fail(p->err, RD_MISSING, "a condition key is an empty string");
	}
	RD_TRY(rd_parse_list_check(p, values, "a condition key"));
	c->key = rd_arena_copy(p->arena, rd_view_str(key));
	operands = rd_arena_alloc(p->arena, n, sizeof(*operands));
	RD_ENSURE(
		c->key.ptr != NULL && operands != NULL, rd_fail(p->err, RD_NOMEM, "out of memory"));
	RD_TRY(check_set(p, c));
	for (size_t i = 0; i < n; i++) {
		RD_TRY(parse_operand(p, c, rd_parse_list_at(values, i), &operands[i]));
	}
	c->operands = operands;
	c->operand_count = n;
	return RD_OK;
}

static enum rd_status parse_operator(struct rd_parser *p, const char *name, json_t *keys,
	struct rd_policy_condition *conditions, size_t *n)
{
	struct rd_policy_condition base = {0};
	const char *key;
	json_t *values;

	if (rd_operator_parse(rd_view_str(name), &base.op) != RD_OK) {
		return rd_fail(p->err, RD_UNSUPPORTED, "unknown condition operator \"%s\"",
			rd_show(rd_view_str(name)).text);
	}
	base.op_text = rd_arena_copy(p->arena, rd_view_str(name));
	RD_ENSURE(base.op_text.ptr != NULL, rd_fail(p->err, RD_NOMEM, "out of memory"));
	json_object_foreach(keys, key, values)
	{
		conditions[*n] = base;
		RD_TRY(parse_key(p, key, values, &conditions[*n]));
		(*n)++;
	}
	return RD_OK;
}

static enum rd_status count_keys(struct rd_parser *p, json_t *v, size_t *ret_n)
{
	const char *name;
	json_t *keys;
	size_t n = 0;

	json_object_foreach(v, name, keys)
	{
		if (!json_is_object(keys)) {
			return rd_fail(p->err, RD_BAD_TYPE,
				"condition operator \"%s\" must be an object of keys",
				rd_show(rd_view_str(name)).text);
		}
		n += json_object_size(keys);
	}
	*ret_n = n;
	return RD_OK;
}

enum rd_status rd_parse_conditions(
	struct rd_parser *p, json_t *v, struct rd_policy_statement *statement)
{
	struct rd_policy_condition *conditions;
	const char *name;
	json_t *keys;
	size_t n = 0;

	if (!json_is_object(v)) {
		return rd_fail(p->err, RD_BAD_TYPE, "Condition must be an object of operators");
	}
	RD_TRY(count_keys(p, v, &n));
	conditions = rd_arena_alloc(p->arena, n, sizeof(*conditions));
	RD_ENSURE(conditions != NULL, rd_fail(p->err, RD_NOMEM, "out of memory"));
	n = 0;
	json_object_foreach(v, name, keys)
	{
		RD_TRY(parse_operator(p, name, keys, conditions, &n));
	}
	statement->conditions = conditions;
	statement->condition_count = n;
	return RD_OK;
}
