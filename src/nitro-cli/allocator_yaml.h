/* SPDX-License-Identifier: Apache-2.0 */
/*
 * allocator.yaml: what a parent instance sets aside for its enclaves. The keys are the original's,
 * and so is what applies without them.
 *
 *	memory_mib:  memory, in MiB; default 512
 *	cpu_count:   number of CPUs; default 2, or
 *	cpu_pool:    their numbers ("2,4-7")
 *
 * CPUs are checked and not taken: an enclave's are threads of the host's.
 */
#ifndef NITRO_CLI_ALLOCATOR_YAML_H
#define NITRO_CLI_ALLOCATOR_YAML_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define CLI_ALLOCATOR_YAML "/etc/nitro_enclaves/allocator.yaml"
/* Three scalars, and what a file says about them. */
#define CLI_ALLOCATOR_YAML_MAX 65536

/*
 * cpus: what this instance has; no more than that, and no other, may be asked for. Errors say
 * "<name>:<line>: …": unknown keys (RD_USAGE), repeated ones, values that cannot be.
 */
enum rd_status cli_allocator_parse(const char *name, const char *text, size_t len, uint64_t cpus,
	uint64_t *ret_memory_mib, struct rd_error *err) RD_MUST_USE;

/* The file at path, which must be there. */
enum rd_status cli_allocator_load(const char *path, uint64_t cpus, uint64_t *ret_memory_mib,
	struct rd_error *err) RD_MUST_USE;

#endif
