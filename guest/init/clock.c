/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where time comes from. Certificates and freshness checks inside the enclave depend on it, and a
 * clock made of timer interrupts stops whenever the host delays them; kvm-clock and the TSC do not.
 */
#include "init/init.h"

#include "init/file.h"

#include <string.h>

#define CURRENT "/sys/devices/system/clocksource/clocksource0/current_clocksource"

/* tsc-early is the TSC during the second in which the kernel still refines its frequency. */
static const char *const trusted[] = {"kvm-clock", "tsc", "tsc-early"};

enum rd_status init_check_clock(struct rd_error *err)
{
	char name[32];

	if (init_read_line(CURRENT, name, sizeof(name)) != RD_OK) {
		return rd_fail(
			err, RD_UNTRUSTED, "cannot read the kernel's clock source at " CURRENT);
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(trusted); i++) {
		if (strcmp(name, trusted[i]) == 0) {
			return RD_OK;
		}
	}
	return rd_fail(err, RD_UNTRUSTED,
		"the clock source is %s: it must be kvm-clock or tsc for time to be trusted", name);
}
