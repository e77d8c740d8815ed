/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every operation on a key begins with: from the KeyId parameter to a cached key, its usage
 * and its state. In the order of the reference, 2.7: key found → authorised → usage → state.
 */
#ifndef KMS_KEYS_H
#define KMS_KEYS_H

#include "kms/authorize.h"
#include "kms/cache.h"
#include "kms/call.h"

enum kms_key_forms {
	KMS_KEY_BY_ID_OR_ARN,    /* management operations */
	KMS_KEY_BY_ANYTHING = 1, /* also alias names and alias ARNs */
};

/*
 * Resolves KeyId (reference 2.1): fault NotFoundException or InvalidArnException with the recorded
 * texts. ret_alias: "alias/…" when the caller used one, else "". Release with kms_cache_put. Sets
 * call->key_arn.
 */
enum rd_status kms_key_resolve(struct kms_call *call, const char *key_id, enum kms_key_forms forms,
	const struct kms_cached_key **ret, char ret_alias[KMS_ALIAS_SIZE]) RD_MUST_USE;

/* InvalidKeyUsageException "<ARN> key usage is U which is not valid for Op." */
enum rd_status kms_key_needs_usage(
	struct kms_call *call, const struct kms_cached_key *key, enum kms_usage usage) RD_MUST_USE;

/* Which states an operation bears, as bits (1 << KMS_STATE_…); the fault is the state's own (2.7:
 * DisabledException, KMSInvalidStateException "is pending deletion." or "is pending import."). */
#define KMS_IN_ENABLED          (1u << KMS_STATE_ENABLED)
#define KMS_IN_DISABLED         (1u << KMS_STATE_DISABLED)
#define KMS_IN_PENDING_DELETION (1u << KMS_STATE_PENDING_DELETION)
#define KMS_IN_PENDING_IMPORT   (1u << KMS_STATE_PENDING_IMPORT)
enum rd_status kms_key_needs_state(
	struct kms_call *call, const struct kms_cached_key *key, unsigned states) RD_MUST_USE;

/* The current generation, or one by number; NULL when it is not there. */
const struct kms_cached_material *kms_key_current(const struct kms_cached_key *key);
const struct kms_cached_material *kms_key_generation(
	const struct kms_cached_key *key, uint32_t generation);

/* DryRun: after everything but the work. RD_OK when the request is none; else the fault
 * DryRunOperationException. */
enum rd_status kms_dry_run(struct kms_call *call) RD_MUST_USE;

/* The operation, if it succeeds, is the key's latest use. */
void kms_key_used(struct kms_call *call, const struct kms_cached_key *key);

#endif
