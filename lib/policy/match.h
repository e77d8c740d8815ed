/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparison of context values with compiled patterns, in bounded time.
 *
 * A failed "*" is retried only from the last one seen, so a match costs at most pattern length
 * times text length, never more; and an evaluation as a whole has a budget of steps, after which it
 * ends with RD_LIMIT.
 */
#ifndef RD_POLICY_MATCH_H
#define RD_POLICY_MATCH_H

#include "policy/policy.h"

/*
 * Steps of one evaluation. An honest policy of the largest size costs about one step a byte; this
 * is sixty times as much and still a few milliseconds.
 */
#define RD_POLICY_STEPS_MAX 2000000u

struct rd_budget {
	uint64_t left;
};

/* RD_LIMIT when fewer than n steps are left; then none is left. Inline: it is called for every byte
 * compared. */
static inline RD_MUST_USE enum rd_status rd_budget_take(struct rd_budget *b, uint64_t n)
{
	if (n > b->left) {
		b->left = 0;
		return RD_LIMIT;
	}
	b->left -= n;
	return RD_OK;
}

struct rd_symbols {
	const uint16_t *v;
	size_t n;
};

/* The whole text against the whole pattern; folded ignores the case of ASCII letters. */
enum rd_status rd_match_symbols(struct rd_symbols pattern, struct rd_view text, bool folded,
	struct rd_budget *budget, bool *ret_matches) RD_MUST_USE;

/*
 * Each of an ARN's six parts for itself: wildcards do not cross a colon, except in the last part,
 * which has the rest (kms.md 4.6). A pattern or a text of fewer parts matches nothing.
 */
enum rd_status rd_match_arn(struct rd_symbols pattern, struct rd_view text,
	struct rd_budget *budget, bool *ret_matches) RD_MUST_USE;

/* ASCII letters' case ignored: condition keys, booleans, service prefixes. */
bool rd_view_equal_folded(struct rd_view a, struct rd_view b);
/* text starts with prefix, case ignored. */
bool rd_view_starts_folded(struct rd_view text, const char *prefix);

#endif
