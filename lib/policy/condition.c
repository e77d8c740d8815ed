/* SPDX-License-Identifier: Apache-2.0 */
/* Whether one condition holds in a context. */
#include "policy/condition.h"

#include "policy/value.h"

struct evaluation {
	const struct rd_policy_context *context;
	struct rd_scratch *scratch;
	struct rd_budget *budget;
};

static bool order_satisfies(int order, enum rd_policy_relation relation)
{
	switch (relation) {
	case RD_RELATION_LESS:
		return order < 0;
	case RD_RELATION_LESS_EQUAL:
		return order <= 0;
	case RD_RELATION_GREATER:
		return order > 0;
	case RD_RELATION_GREATER_EQUAL:
		return order >= 0;
	case RD_RELATION_EQUAL:
	case RD_RELATION_EQUAL_FOLDED:
	case RD_RELATION_LIKE:
	default:
		return order == 0;
	}
}

static enum rd_status pattern_matches(const struct evaluation *e,
	const struct rd_policy_operator *op, const struct rd_policy_operand *operand,
	struct rd_view value, bool *ret)
{
	struct rd_symbols symbols = {0};

	RD_TRY(rd_pattern_expand(&operand->pattern, e->context, e->scratch, &symbols));
	if (op->family == RD_FAMILY_ARN) {
		return rd_match_arn(symbols, value, e->budget, ret);
	}
	return rd_match_symbols(
		symbols, value, op->relation == RD_RELATION_EQUAL_FOLDED, e->budget, ret);
}

static bool typed_matches(const struct rd_policy_operator *op,
	const struct rd_policy_operand *operand, struct rd_view value)
{
	struct rd_policy_decimal decimal = {0};
	struct rd_policy_date date = {0};
	struct rd_policy_network address = {0};
	bool truth = false;

	switch (op->family) {
	case RD_FAMILY_NUMERIC:
		return rd_decimal_parse(value, &decimal) == RD_OK &&
		       order_satisfies(
			       rd_decimal_compare(&decimal, &operand->decimal), op->relation);
	case RD_FAMILY_DATE:
		return rd_date_parse(value, &date) == RD_OK &&
		       order_satisfies(rd_date_compare(&date, &operand->date), op->relation);
	case RD_FAMILY_IP:
		return rd_network_parse(value, &address) == RD_OK &&
		       address.prefix == address.size * 8 &&
		       rd_network_contains(&operand->network, &address);
	case RD_FAMILY_BOOL:
		return rd_truth_parse(value, &truth) == RD_OK && truth == operand->truth;
	case RD_FAMILY_BINARY:
		return rd_view_equal(value, operand->pattern.text);
	case RD_FAMILY_STRING:
	case RD_FAMILY_ARN:
	case RD_FAMILY_NULL:
	default:
		return false;
	}
}

/* Whether any operand matches the value, before negation. */
static enum rd_status value_matches(const struct evaluation *e, const struct rd_policy_condition *c,
	struct rd_view value, bool *ret)
{
	bool pattern = c->op.family == RD_FAMILY_STRING || c->op.family == RD_FAMILY_ARN;
	bool matches = false;

	for (size_t i = 0; !matches && i < c->operand_count; i++) {
		if (pattern) {
			RD_TRY(pattern_matches(e, &c->op, &c->operands[i], value, &matches));
		} else {
			RD_TRY(rd_budget_take(e->budget, 1 + value.len));
			matches = typed_matches(&c->op, &c->operands[i], value);
		}
	}
	*ret = matches;
	return RD_OK;
}

/* A statement with a variable that has no value does not match, whichever operand would have been
 * first. */
static enum rd_status check_variables(
	const struct evaluation *e, const struct rd_policy_condition *c)
{
	for (size_t i = 0; i < c->operand_count; i++) {
		struct rd_symbols ignored;

		if (c->operands[i].pattern.variable_count > 0) {
			RD_TRY(rd_pattern_expand(
				&c->operands[i].pattern, e->context, e->scratch, &ignored));
		}
	}
	return RD_OK;
}

static bool holds_when_absent(const struct rd_policy_operator *op)
{
	if (op->if_exists) {
		return true;
	}
	switch (op->set) {
	case RD_SET_ALL:
		return true;
	case RD_SET_ANY:
		return false;
	case RD_SET_NONE:
	default:
		return op->negated;
	}
}

/*
 * "All" fails at the first value whose answer is no, "any" succeeds at the first yes. Without a set
 * prefix the values are asked before negation: NOT(any matches) for a negated operator, which is
 * "all values do not match".
 */
static enum rd_status present_holds(const struct evaluation *e, const struct rd_policy_condition *c,
	struct rd_policy_values values, bool *ret)
{
	bool all = c->op.set == RD_SET_ALL || (c->op.set == RD_SET_NONE && c->op.negated);

	for (size_t i = 0; i < values.n; i++) {
		bool matches = false;

		RD_TRY(value_matches(e, c, values.v[i], &matches));
		if ((matches != c->op.negated) != all) {
			*ret = !all;
			return RD_OK;
		}
	}
	*ret = all;
	return RD_OK;
}

static bool null_holds(const struct rd_policy_condition *c, bool absent)
{
	for (size_t i = 0; i < c->operand_count; i++) {
		if (c->operands[i].truth == absent) {
			return true;
		}
	}
	return false;
}

enum rd_status rd_condition_holds(const struct rd_policy_condition *condition,
	const struct rd_policy_context *context, struct rd_scratch *scratch,
	struct rd_budget *budget, bool *ret_holds)
{
	struct evaluation e = {.context = context, .scratch = scratch, .budget = budget};
	struct rd_policy_values values = {0};
	bool present;

	RD_TRY(rd_budget_take(budget, 1));
	RD_TRY(check_variables(&e, condition));
	present = context->lookup(context->ctx, condition->key, &values) && values.n > 0;
	if (condition->op.family == RD_FAMILY_NULL) {
		*ret_holds = null_holds(condition, !present);
		return RD_OK;
	}
	if (!present) {
		*ret_holds = holds_when_absent(&condition->op);
		return RD_OK;
	}
	return present_holds(&e, condition, values, ret_holds);
}
