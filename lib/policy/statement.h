/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to lib/policy: whether one statement matches a request, and if not, why. */
#ifndef RD_POLICY_STATEMENT_H
#define RD_POLICY_STATEMENT_H

#include "policy/evaluate.h"
#include "policy/match.h"
#include "policy/pattern.h"

struct rd_statement_match {
	enum rd_policy_outcome outcome;
	const struct rd_policy_condition *condition; /* CONDITION, and VARIABLE of a condition */
};

/* RD_LIMIT: out of steps, or a string too long once expanded. */
enum rd_status rd_statement_match(const struct rd_policy *policy,
	const struct rd_policy_statement *statement, const struct rd_policy_request *request,
	struct rd_scratch *scratch, struct rd_budget *budget, struct rd_statement_match *ret_match)
	RD_MUST_USE;

#endif
