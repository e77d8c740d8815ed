/* SPDX-License-Identifier: Apache-2.0 */
/* Instance types. */
#include "ec2/types.h"

#include <string.h>

const struct ec2_type ec2_types[] = {
	{"c5.large", 2, 4096, "3.4"},
	{"c5.xlarge", 4, 8192, "3.4"},
	{"c5.2xlarge", 8, 16384, "3.4"},
	{"c5.4xlarge", 16, 32768, "3.4"},
	{"c5.9xlarge", 36, 73728, "3.4"},
	{"c5.12xlarge", 48, 98304, "3.4"},
	{"c5.18xlarge", 72, 147456, "3.4"},
	{"c5.24xlarge", 96, 196608, "3.4"},
	{"c5n.large", 2, 5376, "3.4"},
	{"c5n.xlarge", 4, 10752, "3.4"},
	{"c5n.2xlarge", 8, 21504, "3.4"},
	{"c5n.4xlarge", 16, 43008, "3.4"},
	{"c5n.9xlarge", 36, 98304, "3.4"},
	{"c5n.18xlarge", 72, 196608, "3.4"},
	{"m5.large", 2, 8192, "3.1"},
	{"m5.xlarge", 4, 16384, "3.1"},
	{"m5.2xlarge", 8, 32768, "3.1"},
	{"m5.4xlarge", 16, 65536, "3.1"},
	{"m5.8xlarge", 32, 131072, "3.1"},
	{"m5.12xlarge", 48, 196608, "3.1"},
	{"m5.16xlarge", 64, 262144, "3.1"},
	{"m5.24xlarge", 96, 393216, "3.1"},
	{"m5d.large", 2, 8192, "3.1"},
	{"m5d.xlarge", 4, 16384, "3.1"},
	{"m5d.2xlarge", 8, 32768, "3.1"},
	{"m5d.4xlarge", 16, 65536, "3.1"},
	{"m5d.8xlarge", 32, 131072, "3.1"},
	{"m5d.12xlarge", 48, 196608, "3.1"},
	{"m5d.16xlarge", 64, 262144, "3.1"},
	{"m5d.24xlarge", 96, 393216, "3.1"},
	{"m5n.large", 2, 8192, "3.1"},
	{"m5n.xlarge", 4, 16384, "3.1"},
	{"m5n.2xlarge", 8, 32768, "3.1"},
	{"m5n.4xlarge", 16, 65536, "3.1"},
	{"m5n.8xlarge", 32, 131072, "3.1"},
	{"m5n.12xlarge", 48, 196608, "3.1"},
	{"m5n.16xlarge", 64, 262144, "3.1"},
	{"m5n.24xlarge", 96, 393216, "3.1"},
	{"r5.large", 2, 16384, "3.1"},
	{"r5.xlarge", 4, 32768, "3.1"},
	{"r5.2xlarge", 8, 65536, "3.1"},
	{"r5.4xlarge", 16, 131072, "3.1"},
	{"r5.8xlarge", 32, 262144, "3.1"},
	{"r5.12xlarge", 48, 393216, "3.1"},
	{"r5.16xlarge", 64, 524288, "3.1"},
	{"r5.24xlarge", 96, 786432, "3.1"},
	{"r5d.large", 2, 16384, "3.1"},
	{"r5d.xlarge", 4, 32768, "3.1"},
	{"r5d.2xlarge", 8, 65536, "3.1"},
	{"r5d.4xlarge", 16, 131072, "3.1"},
	{"r5d.8xlarge", 32, 262144, "3.1"},
	{"r5d.12xlarge", 48, 393216, "3.1"},
	{"r5d.16xlarge", 64, 524288, "3.1"},
	{"r5d.24xlarge", 96, 786432, "3.1"},
};

const size_t ec2_types_count = RD_ARRAY_LEN(ec2_types);

const struct ec2_type *ec2_type_find(const char *name)
{
	for (size_t i = 0; i < ec2_types_count; i++) {
		if (strcmp(ec2_types[i].name, name) == 0) {
			return &ec2_types[i];
		}
	}
	return NULL;
}

bool ec2_type_has_enclaves(const struct ec2_type *type, bool strict)
{
	return !strict || type->vcpus >= 4;
}
