/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redoubtd.yaml: what this host gives to enclaves. The first two keys are those of the
 * allocator.yaml of the Nitro Enclaves tools.
 *
 *	memory_mib:  memory for all enclaves together; default three quarters of the host's
 *	cpu_count:   number of CPU slots, or
 *	cpu_pool:    their numbers ("2,4-7"); default twice the host's CPUs, since a vCPU is
 *	             a thread and not a core taken away from the host
 *	engine:      auto, qemu (TCG only) or qemu-kvm
 *	region:      name in certificates; default "local-1"
 *	instance_id: "i-" and 8 or 17 hex digits; default the host's own
 *	group:       whose members may use the daemon besides its own user; default "ne" if
 *	             that exists
 */
#ifndef RD_REDOUBTD_CONFIG_H
#define RD_REDOUBTD_CONFIG_H

#include "base/error.h"
#include "redoubtd/identity.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Slots of one host: twice 512 CPUs. */
#define RD_CONFIG_CPUS_MAX 1024
/* A configuration of seven scalars; more is not one. */
#define RD_CONFIG_FILE_MAX 65536

enum rd_config_engine { RD_ENGINE_AUTO, RD_ENGINE_QEMU, RD_ENGINE_QEMU_KVM };

struct rd_config {
	uint64_t memory_mib;
	size_t cpu_slot_count;
	uint32_t cpu_slots[RD_CONFIG_CPUS_MAX]; /* ascending, unique */
	enum rd_config_engine engine;
	char region[RD_REGION_MAX + 1];
	char instance_id[RD_INSTANCE_ID_MAX + 1]; /* "": the host's own */
	bool has_group;
	gid_t group;
};

/* What defaults depend on. */
struct rd_config_host {
	uint64_t mem_total_mib;
	size_t cpu_count;
};

enum rd_status rd_config_host(struct rd_config_host *ret, struct rd_error *err) RD_MUST_USE;

/* Defaults, then the text on top. Errors say "<name>:<line>: …"; unknown and repeated keys too. */
enum rd_status rd_config_parse(const struct rd_config_host *host, const char *name,
	const char *text, size_t len, struct rd_config *ret, struct rd_error *err) RD_MUST_USE;

/* The file at path; one that does not exist gives the defaults unless must_exist. */
enum rd_status rd_config_load(const struct rd_config_host *host, const char *path, bool must_exist,
	struct rd_config *ret, struct rd_error *err) RD_MUST_USE;

#endif
