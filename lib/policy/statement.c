/* SPDX-License-Identifier: Apache-2.0 */
/* Whether one statement matches a request, and if not, why. */
#include "policy/statement.h"

#include "policy/condition.h"

struct matcher {
	const struct rd_policy_request *request;
	struct rd_scratch *scratch;
	struct rd_budget *budget;
};

/* RD_NOTFOUND: a variable without value, in whichever of the list. */
static enum rd_status patterns_hold(const struct matcher *m, const struct rd_policy_patterns *list,
	struct rd_view text, bool folded, bool *ret)
{
	bool any = false;

	for (size_t i = 0; i < list->n; i++) {
		struct rd_symbols symbols = {0};
		bool matches = false;

		if (any && list->v[i].variable_count == 0) {
			continue;
		}
		RD_TRY(rd_pattern_expand(&list->v[i], &m->request->context, m->scratch, &symbols));
		RD_TRY(rd_match_symbols(symbols, text, folded, m->budget, &matches));
		any = any || matches;
	}
	*ret = any != list->negated;
	return RD_OK;
}

static enum rd_status match_resource(const struct matcher *m, const struct rd_policy *policy,
	const struct rd_policy_statement *s, enum rd_policy_outcome *ret)
{
	enum rd_status st;
	bool holds = true;

	if (policy->kind == RD_POLICY_TRUST) {
		*ret = RD_OUTCOME_MATCH;
		return RD_OK;
	}
	st = patterns_hold(m, &s->resources, m->request->resource, false, &holds);
	if (st == RD_NOTFOUND) {
		*ret = RD_OUTCOME_VARIABLE;
		return RD_OK;
	}
	*ret = holds ? RD_OUTCOME_MATCH : RD_OUTCOME_RESOURCE;
	return st;
}

/* kms:ResourceAliases exists in identity policies only (kms.md 4.7): elsewhere it is absent. */
static bool lookup_in_resource_policy(
	const void *ctx, struct rd_view key, struct rd_policy_values *ret_values)
{
	const struct rd_policy_context *request = ctx;

	return !rd_view_equal_folded(key, rd_view_str("kms:ResourceAliases")) &&
	       request->lookup(request->ctx, key, ret_values);
}

static enum rd_status match_conditions(const struct matcher *m, const struct rd_policy *policy,
	const struct rd_policy_statement *s, struct rd_statement_match *match)
{
	struct rd_policy_context context = m->request->context;

	if (policy->kind != RD_POLICY_IDENTITY) {
		context.lookup = lookup_in_resource_policy;
		context.ctx = &m->request->context;
	}
	for (size_t i = 0; i < s->condition_count; i++) {
		bool holds = false;
		enum rd_status st = rd_condition_holds(
			&s->conditions[i], &context, m->scratch, m->budget, &holds);

		if (st != RD_OK && st != RD_NOTFOUND) {
			return st;
		}
		if (!holds) {
			match->outcome = st == RD_NOTFOUND ? RD_OUTCOME_VARIABLE
							   : RD_OUTCOME_CONDITION;
			match->condition = &s->conditions[i];
			return RD_OK;
		}
	}
	return RD_OK;
}

enum rd_status rd_statement_match(const struct rd_policy *policy,
	const struct rd_policy_statement *statement, const struct rd_policy_request *request,
	struct rd_scratch *scratch, struct rd_budget *budget, struct rd_statement_match *ret_match)
{
	struct matcher m = {.request = request, .scratch = scratch, .budget = budget};
	struct rd_statement_match match = {.outcome = RD_OUTCOME_ACTION};
	enum rd_principal_match who = RD_PRINCIPAL_DIRECT;
	bool holds = false;

	RD_TRY(rd_budget_take(budget, 1 + statement->principals.n));
	RD_TRY(patterns_hold(&m, &statement->actions, request->action, true, &holds));
	if (holds && policy->kind != RD_POLICY_IDENTITY) {
		who = rd_principals_match(
			&statement->principals, &request->caller, statement->deny);
	}
	if (holds && who == RD_PRINCIPAL_NO) {
		match.outcome = RD_OUTCOME_PRINCIPAL;
	} else if (holds) {
		RD_TRY(match_resource(&m, policy, statement, &match.outcome));
	}
	if (match.outcome == RD_OUTCOME_MATCH) {
		RD_TRY(match_conditions(&m, policy, statement, &match));
	}
	if (match.outcome == RD_OUTCOME_MATCH && who == RD_PRINCIPAL_DELEGATED) {
		match.outcome = RD_OUTCOME_DELEGATES;
	}
	*ret_match = match;
	return RD_OK;
}
