/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to lib/policy: strings with wildcards and policy variables, compiled and expanded. */
#ifndef RD_POLICY_PATTERN_H
#define RD_POLICY_PATTERN_H

#include "policy/arena.h"
#include "policy/context.h"
#include "policy/match.h"
#include "policy/policy.h"

struct rd_pattern_rules {
	bool wildcards; /* "*" and "?" are wildcards, not text */
	bool variables; /* "${…}" is a variable or an escaped "*", "?", "$" */
};

/*
 * RD_MALFORMED: a "${" without its "}", an empty name, a fallback without its quotes. RD_LIMIT:
 * more variables than RD_POLICY_VARIABLES_MAX. text lives as long as the arena: what comes out
 * points into it.
 */
enum rd_status rd_pattern_compile(struct rd_view text, struct rd_pattern_rules rules,
	struct rd_arena *arena, struct rd_policy_pattern *ret) RD_MUST_USE;

/* A pattern of the longest string, and as much again for what its variables bring. */
#define RD_PATTERN_EXPANDED_MAX (2u * RD_POLICY_STRING_MAX)

struct rd_scratch {
	uint16_t symbols[RD_PATTERN_EXPANDED_MAX];
};

/*
 * The pattern with its variables' values, as text, in their places; without variables it is not
 * copied. RD_NOTFOUND: a variable without fallback whose key is absent or has several values.
 * RD_LIMIT: longer than scratch.
 */
enum rd_status rd_pattern_expand(const struct rd_policy_pattern *p,
	const struct rd_policy_context *context, struct rd_scratch *scratch, struct rd_symbols *ret)
	RD_MUST_USE;

#endif
