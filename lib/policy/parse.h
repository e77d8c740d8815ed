/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy text, as KMS accepts it for keys and IAM for identities (kms.md 4.3, 4.4, 4.6, 4.10).
 */
#ifndef RD_POLICY_PARSE_H
#define RD_POLICY_PARSE_H

#include "base/error.h"
#include "policy/policy.h"

/*
 * Reads and validates; *ret_policy is freed with rd_policy_free. err says where ("statement 2: …")
 * and what.
 *
 * To KMS every failure is MalformedPolicyDocumentException but RD_LIMIT of the whole text, which it
 * calls LimitExceededException: that one is found first, see rd_policy_is_too_large.
 *
 *	RD_LIMIT         larger than RD_POLICY_SIZE_MAX, or more statements, elements or
 *	                 characters than a named maximum
 *	RD_TOO_DEEP      nested deeper than any policy
 *	RD_NONCANONICAL  characters other than TAB, LF, CR and U+0020 to U+00FF
 *	RD_MALFORMED     not JSON; a broken policy variable; a condition's value not of its
 *	                 operator's type
 *	RD_DUPLICATE     an element or a Sid twice
 *	RD_BAD_TYPE      an element of the wrong JSON type
 *	RD_BAD_VERSION   a Version that is neither 2008-10-17 nor 2012-10-17
 *	RD_MISSING       no Statement, Effect, Principal, Action or Resource where one is
 *	                 needed, or an empty one
 *	RD_OUT_OF_RANGE  Effect that is neither Allow nor Deny; a Sid, an Action or a Resource
 *	                 not of its form
 *	RD_FORBIDDEN     an invalid principal; Principal in an identity policy; both of a pair
 *	                 such as Action and NotAction; ForAllValues on a single-valued key that
 *	                 anyone may leave out
 *	RD_UNSUPPORTED   an unknown element, principal type or condition operator
 *	RD_NOMEM
 */
enum rd_status rd_policy_new(struct rd_view text, enum rd_policy_kind kind,
	struct rd_policy **ret_policy, struct rd_error *err) RD_MUST_USE;

void rd_policy_free(struct rd_policy **policy);

/*
 * The text of a new key's policy (kms.md 4.2): everything for the account, whose IAM policies
 * decide. Appended to out; account is 12 digits.
 */
enum rd_status rd_policy_put_default(struct rd_view account, struct rd_buf *out) RD_MUST_USE;

static inline bool rd_policy_is_too_large(struct rd_view text)
{
	return text.len > RD_POLICY_SIZE_MAX;
}

#endif
