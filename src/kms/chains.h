/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate chains whose signatures held: the verifier's memory (attest/verify.h), bounded, for
 * any number of threads. Only chains from a configured root come into it, so its entries are worth
 * what an enclave is: nobody fills it for free.
 */
#ifndef KMS_CHAINS_H
#define KMS_CHAINS_H

#include "attest/verify.h"

struct kms_chains;

enum rd_status kms_chains_new(struct kms_chains **ret) RD_MUST_USE;
void kms_chains_free(struct kms_chains **chains);

/* What rd_verify_options takes; valid as long as the memory. */
const struct rd_verify_chain_cache *kms_chains_cache(const struct kms_chains *chains);

struct kms_chains_stats {
	uint64_t hits, misses;
};
void kms_chains_stats(struct kms_chains *chains, struct kms_chains_stats *ret);

#endif
