/* SPDX-License-Identifier: Apache-2.0 */
/* Key policies as requests bring them, for CreateKey and PutKeyPolicy. Source: the KMS reference,
 * 4.10. */
#ifndef KMS_POLICIES_H
#define KMS_POLICIES_H

#include "kms/cache.h"
#include "kms/params.h"

/* The parameter Policy; NULL when absent. */
const char *kms_param_policy(struct kms_params *p, bool required);

/*
 * Size (LimitExceededException), syntax (MalformedPolicyDocumentException), and unless bypass
 * whether the caller could put another policy later. key: as it is, or as it will be.
 */
enum rd_status kms_policy_check(struct kms_call *call, const struct kms_cached_key *key,
	const char *policy, bool bypass) RD_MUST_USE;

#endif
