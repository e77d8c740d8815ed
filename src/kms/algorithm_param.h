/* SPDX-License-Identifier: Apache-2.0 */
/* An algorithm that a request names: any of the model's (KMS reference, 2.14), also those of keys
 * that this server does not have. */
#ifndef KMS_ALGORITHM_PARAM_H
#define KMS_ALGORITHM_PARAM_H

#include "kms/cache.h"
#include "kms/params.h"
#include "kms/spec.h"

struct kms_algorithm_param {
	const char *name;             /* a constant; NULL: absent, or not one of the model's */
	enum kms_algorithm algorithm; /* KMS_ALG_COUNT: none of ours */
};

/* Broken constraints are noted in p. fallback: when it is absent, or NULL for "required". */
struct kms_algorithm_param kms_param_algorithm(
	struct kms_params *p, const char *name, enum kms_usage usage, const char *fallback);

/* InvalidKeyUsageException "Algorithm X is incompatible with key spec Y.", or
 * UnsupportedOperationException for ED25519_PH_SHA_512 with a key of its kind. */
enum rd_status kms_algorithm_check(struct kms_call *call, const struct kms_cached_key *key,
	const struct kms_algorithm_param *param) RD_MUST_USE;

#endif
