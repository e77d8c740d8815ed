/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to lib/policy: whether one condition holds in a context (kms.md 4.6). */
#ifndef RD_POLICY_CONDITION_H
#define RD_POLICY_CONDITION_H

#include "policy/context.h"
#include "policy/match.h"
#include "policy/pattern.h"
#include "policy/policy.h"

/*
 * Absent key: a positive operator is false, a negated one true, IfExists true, ForAllValues true,
 * ForAnyValue false. Several operands: any may match; of a negated operator none may. Several
 * values of the key: without a set prefix one that matches is enough (and of a negated operator
 * none may); ForAllValues asks each value, ForAnyValue one. A value that is not of the operator's
 * type matches no operand.
 *
 * RD_NOTFOUND: an operand's variable has no value, so the statement does not match. RD_LIMIT: out
 * of steps.
 */
enum rd_status rd_condition_holds(const struct rd_policy_condition *condition,
	const struct rd_policy_context *context, struct rd_scratch *scratch,
	struct rd_budget *budget, bool *ret_holds) RD_MUST_USE;

#endif
