/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cryptographic operation's use of a key that the request names: found, asked about, and fit for
 * it. The order is the reference's, 2.7: key → authorisation → usage and algorithm → state.
 */
#ifndef KMS_USE_H
#define KMS_USE_H

#include "kms/algorithm_param.h"
#include "kms/ask.h"
#include "kms/encryption_context.h"

struct kms_use {
	struct kms_call *call;
	const struct kms_cached_key *key;
	char alias[KMS_ALIAS_SIZE];
};

/* For RD_CLEANUP. */
void kms_use_finish(struct kms_use *use);

enum rd_status kms_use_find(struct kms_call *call, const char *key_id, struct kms_use *ret)
	RD_MUST_USE;

/* Asks. The caller has begun ask, and added its facts. context: NULL for an operation without. */
enum rd_status kms_use_authorize(const struct kms_use *use, struct kms_ask *ask,
	const struct kms_encryption_context *context, json_t *grant_tokens) RD_MUST_USE;

/* Usage, algorithm and state. */
enum rd_status kms_use_check(const struct kms_use *use, enum kms_usage usage,
	const struct kms_algorithm_param *algorithm) RD_MUST_USE;

/* The current material, whose bytes are there; a failure has its fault. */
enum rd_status kms_use_material(const struct kms_use *use, const struct kms_cached_material **ret)
	RD_MUST_USE;

/* A blob under the symmetric key's current material, appended. */
enum rd_status kms_use_seal(const struct kms_use *use, const struct kms_encryption_context *context,
	struct rd_view plaintext, struct rd_buf *out) RD_MUST_USE;

/* The id of the current material of a symmetric key; NULL for others. */
const char *kms_use_material_id(const struct kms_use *use);

#endif
