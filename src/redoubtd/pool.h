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

/* What a parent's own kernel needs to go on, and to be told of it: less and it thrashes. */
#define RD_POOL_INSTANCE_KEEPS_MIB 192

struct rd_pool {
	/* What to do when there is too little, as the end of a refusal. */
	const char *cpu_advice;
	const char *memory_advice;
	bool whole_cores; /* slots 2n and 2n + 1 are a core, and taken together or not at all */
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

/*
 * An instance's pool. Its vCPUs are threads, so that its enclaves may have as many again as it has,
 * twice over; strict: what is taken is taken from it, whole cores of two threads (n and n +
 * cpus/2), and the first core stays its own.
 */
void rd_pool_init_instance(struct rd_pool *pool, uint64_t cpus, uint64_t memory_mib, bool strict);

/* What has been given out, also beyond the total. */
uint64_t rd_pool_taken_mib(const struct rd_pool *pool);

size_t rd_pool_free_cpus(const struct rd_pool *pool);

/*
 * Takes memory and CPUs, both or neither. cpu_ids are taken as named (E20 twice, E21 not in the
 * pool or in use); if there are none, the first cpu_count free ones (E22 when there are fewer).
 * Memory: E27. ret_cpus: what was taken, in order. With whole cores, half ones are refused (E22,
 * E21).
 */
enum rd_status rd_pool_take(struct rd_pool *pool, uint64_t memory_mib, uint64_t cpu_count,
	const struct rd_ctl_u64s *cpu_ids, struct rd_ctl_u64s *ret_cpus, struct rd_refusal *ref)
	RD_MUST_USE;

/*
 * Lends memory of a host's pool, all of it or none, for as long as an instance takes to give up as
 * much: what was lent, 0 when there is not so much.
 */
uint64_t rd_pool_lend(struct rd_pool *pool, uint64_t memory_mib);
void rd_pool_return_loan(struct rd_pool *pool, uint64_t memory_mib);

/*
 * Takes what a running enclave holds already, when the daemon comes back to it. What the
 * configuration no longer offers is not an error: the enclave was there first.
 */
void rd_pool_retake(struct rd_pool *pool, uint64_t memory_mib, const struct rd_ctl_u64s *cpus);

void rd_pool_give_back(struct rd_pool *pool, uint64_t memory_mib, const struct rd_ctl_u64s *cpus);

#endif
