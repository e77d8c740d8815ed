/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a valid policy says that its author hardly meant: the known holes of attested keys
 * (kms.md 3.8, 4.10), values that can never match, and names that do not exist. A policy without
 * findings is not thereby right.
 */
#ifndef RD_POLICY_LINT_H
#define RD_POLICY_LINT_H

#include "policy/policy.h"

struct rd_lint_finding {
	const char *id;     /* "reencrypt-from": stable, for scripts and suppressions */
	size_t statement;   /* from 0; RD_LINT_WHOLE for the policy as a whole */
	struct rd_view sid; /* ptr NULL: none */
	struct rd_view
		subject; /* the action, key, value or principal that it is about; ptr NULL: none */
	const char *sentence;
	const char *remedy;
};

#define RD_LINT_WHOLE SIZE_MAX

struct rd_lint_report {
	void (*finding)(void *ctx, const struct rd_lint_finding *finding);
	void *ctx;
};

/* Reports findings statement by statement, then those of the whole. RD_LIMIT: the policy's patterns
 * take too long. */
enum rd_status rd_policy_lint(const struct rd_policy *policy, const struct rd_lint_report *report)
	RD_MUST_USE;

#endif
