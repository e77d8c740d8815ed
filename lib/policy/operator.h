/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to lib/policy: the names of condition operators (kms.md 4.6). */
#ifndef RD_POLICY_OPERATOR_H
#define RD_POLICY_OPERATOR_H

#include "policy/policy.h"

/* "ForAnyValue:StringLikeIfExists" and its like, case-sensitively; RD_UNSUPPORTED for any other
 * name. */
enum rd_status rd_operator_parse(struct rd_view name, struct rd_policy_operator *ret) RD_MUST_USE;

#endif
