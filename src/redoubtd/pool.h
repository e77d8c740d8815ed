/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is there to be given out: CPU slots and memory. Two enclaves never hold the same slot. Pure;
 * the refusals carry nitro-cli's codes and say what is free.
 */
#ifndef RD_REDOUBTD_POOL_H
#define RD_REDOUBTD_POOL_H

#include "ctl/message.h"
#include "redoubtd/config.h"
#include "redoubtd/refusal.h"

struct rd_pool {
	uint64_t memory_total_mib;
	uint64_t memory_free_mib;
	uint64_t memory_debt_mib; /* given out beyond the total, after it was made smaller */
	size_t slot_count;
	struct {
		uint32_t id;
		bool taken;
	} slots[RD_CONFIG_CPUS_MAX];
};

void rd_pool_init(struct rd_pool *pool, const struct rd_config *config);

size_t rd_pool_free_cpus(const struct rd_pool *pool);

/*
 * Takes memory and CPUs, both or neither. cpu_ids are taken as named (E20 twice, E21 not in the
 * pool or in use); if there are none, the first cpu_count free ones (E22 when there are fewer).
 * Memory: E27. ret_cpus: what was taken, in order.
 */
enum rd_status rd_pool_take(struct rd_pool *pool, uint64_t memory_mib, uint64_t cpu_count,
	const struct rd_ctl_u64s *cpu_ids, struct rd_ctl_u64s *ret_cpus, struct rd_refusal *ref)
	RD_MUST_USE;

/*
 * Takes what a running enclave holds already, when the daemon comes back to it. What the
 * configuration no longer offers is not an error: the enclave was there first.
 */
void rd_pool_retake(struct rd_pool *pool, uint64_t memory_mib, const struct rd_ctl_u64s *cpus);

void rd_pool_give_back(struct rd_pool *pool, uint64_t memory_mib, const struct rd_ctl_u64s *cpus);

#endif
