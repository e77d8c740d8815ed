/* SPDX-License-Identifier: Apache-2.0 */
/* Instance types: the Nitro families that every course on enclaves names, with EC2's own sizes. */
#ifndef EC2_TYPES_H
#define EC2_TYPES_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

struct ec2_type {
	const char *name; /* "m5.large" */
	uint32_t vcpus;   /* two for each core */
	uint32_t memory_mib;
	const char *clock_ghz;
};

extern const struct ec2_type ec2_types[];
extern const size_t ec2_types_count;

/* NULL for one that is not here. */
const struct ec2_type *ec2_type_find(const char *name);

/* Enclaves take whole cores and leave one: under EC2's rules a type needs two of them. */
bool ec2_type_has_enclaves(const struct ec2_type *type, bool strict);

#endif
