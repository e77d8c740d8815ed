/* SPDX-License-Identifier: Apache-2.0 */
/* The table of refusals. */
#include "server/fault.h"

static const struct {
	int status;
	const char *code, *message;
} faults[PS_FAULT_COUNT] = {[PS_FAULT_NONE] = {200, "", ""},
#define X(name, status, code, message) [PS_FAULT_##name] = {status, code, message},
	PS_FAULTS(X)
#undef X
};

int ps_fault_status(enum ps_fault fault)
{
	return faults[fault].status;
}

const char *ps_fault_code(enum ps_fault fault)
{
	return faults[fault].code;
}

const char *ps_fault_message(enum ps_fault fault)
{
	return faults[fault].message;
}
