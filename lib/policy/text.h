/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to lib/policy: what is asked of a policy's text before and besides its grammar. */
#ifndef RD_POLICY_TEXT_H
#define RD_POLICY_TEXT_H

#include "base/bytes.h"

/*
 * Characters and nesting, before a recursive parser sees them. RD_NONCANONICAL: a character outside
 * TAB, LF, CR and U+0020 to U+00FF, or no UTF-8. RD_TOO_DEEP: more than max_depth objects and lists
 * inside each other.
 */
enum rd_status rd_policy_text_check(struct rd_view text, unsigned max_depth) RD_MUST_USE;

/* A piece of foreign text for a message: cut short, control characters replaced. */
#define RD_SHOWN_MAX 80u
struct rd_shown {
	char text[RD_SHOWN_MAX + 4];
};
struct rd_shown rd_show(struct rd_view text);

/* Characters of a Sid: letters and digits; key policies take blanks, "-" and "_" as well. */
bool rd_policy_is_sid(struct rd_view text, bool key_policy);
/* "*", or service:Name with wildcards in the name only. */
bool rd_policy_is_action(struct rd_view text);

#endif
