/* SPDX-License-Identifier: Apache-2.0 */
/* Codes and statuses of faults. */
#include "ec2/fault.h"

#include <assert.h>

static const struct {
	const char *code;
	int http;
} faults[EC2_FAULT_COUNT] = {
#define X(name, wire, http) [EC2_FAULT_##name] = {wire, http},
	EC2_FAULT_LIST(X)
#undef X
};

const char *ec2_fault_code(enum ec2_fault_type type)
{
	assert(type > EC2_FAULT_NONE && type < EC2_FAULT_COUNT);
	return faults[type].code;
}

int ec2_fault_http(enum ec2_fault_type type)
{
	assert(type > EC2_FAULT_NONE && type < EC2_FAULT_COUNT);
	return faults[type].http;
}
