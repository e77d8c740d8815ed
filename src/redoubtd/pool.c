/* SPDX-License-Identifier: Apache-2.0 */
/* The pools of CPU slots and memory. */
#include "redoubtd/pool.h"

#include <stdio.h>

/* "1, 3, 5, …" in a refusal: enough to choose from, short enough for one line. */
#define LIST_TEXT_SIZE 64

void rd_pool_init(struct rd_pool *pool, const struct rd_config *config)
{
	*pool = (struct rd_pool){
		.cpu_advice = "terminate an enclave or raise cpu_count in redoubtd.yaml",
		.memory_advice = "terminate an enclave or raise memory_mib in redoubtd.yaml",
		.memory_total_mib = config->memory_mib,
		.memory_free_mib = config->memory_mib,
		.slot_count = config->cpu_slot_count,
	};
	for (size_t i = 0; i < config->cpu_slot_count; i++) {
		pool->slots[i].id = config->cpu_slots[i];
	}
}

void rd_pool_init_instance(struct rd_pool *pool, uint64_t cpus, uint64_t memory_mib, bool strict)
{
	uint64_t cores = cpus / 2;

	*pool = (struct rd_pool){
		.cpu_advice = strict ? "in strict mode an instance keeps one core for itself and "
				       "gives the others whole: use a larger instance type"
				     : "terminate an enclave or use a larger instance type",
		.memory_advice = "terminate an enclave or use a larger instance type",
		.whole_cores = strict,
		.memory_total_mib = memory_mib < RD_POOL_INSTANCE_KEEPS_MIB
					    ? 0
					    : memory_mib - RD_POOL_INSTANCE_KEEPS_MIB,
	};
	pool->memory_free_mib = pool->memory_total_mib;
	for (uint64_t i = strict ? 1 : 0; i < (strict ? cores : 2 * cpus); i++) {
		pool->slots[pool->slot_count++].id = (uint32_t)i;
		if (strict) {
			pool->slots[pool->slot_count++].id = (uint32_t)(i + cores);
		}
	}
}

uint64_t rd_pool_taken_mib(const struct rd_pool *pool)
{
	return pool->memory_total_mib - pool->memory_free_mib + pool->memory_debt_mib;
}

size_t rd_pool_free_cpus(const struct rd_pool *pool)
{
	size_t n = 0;

	for (size_t i = 0; i < pool->slot_count; i++) {
		n += !pool->slots[i].taken;
	}
	return n;
}

/* The slot's index, or slot_count. */
static size_t find(const struct rd_pool *pool, uint64_t id)
{
	size_t i = 0;

	while (i < pool->slot_count && pool->slots[i].id != id) {
		i++;
	}
	return i;
}

static void list_slots(const struct rd_pool *pool, bool only_free, char ret[LIST_TEXT_SIZE])
{
	size_t used = 0;

	snprintf(ret, LIST_TEXT_SIZE, "none");
	for (size_t i = 0; i < pool->slot_count; i++) {
		if (only_free && pool->slots[i].taken) {
			continue;
		}
		/* Room for ", 8191" here and ", ..." after it. */
		if (used + 12 > LIST_TEXT_SIZE) {
			snprintf(ret + used, LIST_TEXT_SIZE - used, ", ...");
			return;
		}
		used += (size_t)snprintf(ret + used, LIST_TEXT_SIZE - used, "%s%u",
			used == 0 ? "" : ", ", (unsigned)pool->slots[i].id);
	}
}

static enum rd_status check_named(
	const struct rd_pool *pool, const struct rd_ctl_u64s *ids, struct rd_refusal *ref)
{
	char list[LIST_TEXT_SIZE];

	for (size_t i = 0; i < ids->count; i++) {
		size_t slot = find(pool, ids->items[i]);
		unsigned long long id = ids->items[i];

		for (size_t j = 0; j < i; j++) {
			if (ids->items[j] == ids->items[i]) {
				return rd_refuse(ref, RD_E_CPU_TWICE, RD_DUPLICATE,
					"CPU %llu is named twice in --cpu-ids: name each once", id);
			}
		}
		if (slot == pool->slot_count) {
			list_slots(pool, false, list);
			return rd_refuse(ref, RD_E_CPU_NOT_IN_POOL, RD_NOTFOUND,
				"CPU %llu is not in the pool (%s): %s", id, list, pool->cpu_advice);
		}
		if (pool->slots[slot].taken) {
			list_slots(pool, true, list);
			return rd_refuse(ref, RD_E_CPU_NOT_IN_POOL, RD_EXISTS,
				"CPU %llu is in use by another enclave: free are %s", id, list);
		}
	}
	return RD_OK;
}

static enum rd_status check_count(
	const struct rd_pool *pool, uint64_t count, struct rd_refusal *ref)
{
	size_t n = rd_pool_free_cpus(pool);

	if (count == 0) {
		return rd_refuse(ref, RD_E_INVALID_ARGUMENT, RD_USAGE,
			"an enclave needs at least 1 CPU: see --cpu-count");
	}
	if (count > RD_CTL_CPUS_MAX) {
		return rd_refuse(ref, RD_E_CPUS_INSUFFICIENT, RD_LIMIT,
			"%llu CPUs asked for, but an enclave has at most %d",
			(unsigned long long)count, RD_CTL_CPUS_MAX);
	}
	if (count > n) {
		return rd_refuse(ref, RD_E_CPUS_INSUFFICIENT, RD_LIMIT,
			"%llu CPUs asked for, %zu free of %zu in the pool: %s",
			(unsigned long long)count, n, pool->slot_count, pool->cpu_advice);
	}
	return RD_OK;
}

static enum rd_status check_memory(
	const struct rd_pool *pool, uint64_t memory_mib, struct rd_refusal *ref)
{
	if (memory_mib > pool->memory_free_mib) {
		return rd_refuse(ref, RD_E_MEMORY_NOT_AVAILABLE, RD_LIMIT,
			"%llu MiB asked for, %llu MiB free of %llu MiB in the pool: %s",
			(unsigned long long)memory_mib, (unsigned long long)pool->memory_free_mib,
			(unsigned long long)pool->memory_total_mib, pool->memory_advice);
	}
	return RD_OK;
}

static bool names(const struct rd_ctl_u64s *ids, uint64_t id)
{
	for (size_t i = 0; i < ids->count; i++) {
		if (ids->items[i] == id) {
			return true;
		}
	}
	return false;
}

/* The other half of each core is taken, too. */
static enum rd_status check_cores(const struct rd_pool *pool, uint64_t count,
	const struct rd_ctl_u64s *ids, struct rd_refusal *ref)
{
	if (!pool->whole_cores) {
		return RD_OK;
	}
	if (ids->count == 0 && count % 2 != 0) {
		return rd_refuse(ref, RD_E_CPUS_INSUFFICIENT, RD_OUT_OF_RANGE,
			"%llu CPUs asked for, but a core has 2 and is given whole: ask for an even "
			"number",
			(unsigned long long)count);
	}
	for (size_t i = 0; i < ids->count; i++) {
		uint64_t other = pool->slots[find(pool, ids->items[i]) ^ 1].id;

		if (!names(ids, other)) {
			return rd_refuse(ref, RD_E_CPU_NOT_IN_POOL, RD_MISSING,
				"CPU %llu shares its core with CPU %llu: name both in --cpu-ids",
				(unsigned long long)ids->items[i], (unsigned long long)other);
		}
	}
	return RD_OK;
}

static void mark(struct rd_pool *pool, const struct rd_ctl_u64s *cpus, bool taken)
{
	for (size_t i = 0; i < cpus->count; i++) {
		size_t slot = find(pool, cpus->items[i]);

		if (slot < pool->slot_count) {
			pool->slots[slot].taken = taken;
		}
	}
}

enum rd_status rd_pool_take(struct rd_pool *pool, uint64_t memory_mib, uint64_t cpu_count,
	const struct rd_ctl_u64s *cpu_ids, struct rd_ctl_u64s *ret_cpus, struct rd_refusal *ref)
{
	struct rd_ctl_u64s cpus = *cpu_ids;

	if (cpus.count > 0) {
		RD_TRY(check_named(pool, &cpus, ref));
	} else {
		RD_TRY(check_count(pool, cpu_count, ref));
	}
	RD_TRY(check_cores(pool, cpu_count, &cpus, ref));
	RD_TRY(check_memory(pool, memory_mib, ref));
	for (size_t i = 0; cpu_ids->count == 0 && cpus.count < cpu_count; i++) {
		if (!pool->slots[i].taken) {
			cpus.items[cpus.count++] = pool->slots[i].id;
		}
	}
	mark(pool, &cpus, true);
	pool->memory_free_mib -= memory_mib;
	*ret_cpus = cpus;
	return RD_OK;
}

uint64_t rd_pool_lend(struct rd_pool *pool, uint64_t memory_mib)
{
	if (memory_mib > pool->memory_free_mib) {
		return 0;
	}
	pool->memory_free_mib -= memory_mib;
	return memory_mib;
}

void rd_pool_return_loan(struct rd_pool *pool, uint64_t memory_mib)
{
	static const struct rd_ctl_u64s none;

	rd_pool_give_back(pool, memory_mib, &none);
}

void rd_pool_retake(struct rd_pool *pool, uint64_t memory_mib, const struct rd_ctl_u64s *cpus)
{
	mark(pool, cpus, true);
	/* A smaller pool than before: nothing is free until what was given out comes back. */
	if (memory_mib > pool->memory_free_mib) {
		pool->memory_debt_mib += memory_mib - pool->memory_free_mib;
		pool->memory_free_mib = 0;
	} else {
		pool->memory_free_mib -= memory_mib;
	}
}

void rd_pool_give_back(struct rd_pool *pool, uint64_t memory_mib, const struct rd_ctl_u64s *cpus)
{
	uint64_t debt = memory_mib < pool->memory_debt_mib ? memory_mib : pool->memory_debt_mib;

	mark(pool, cpus, false);
	pool->memory_debt_mib -= debt;
	pool->memory_free_mib += memory_mib - debt;
}
