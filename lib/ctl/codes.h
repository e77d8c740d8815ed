/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nitro-cli's error numbers, as far as redoubtd and redoubt-vmm raise them: the number is the Exx
 * that the operator reads and nitro-cli's exit status.
 */
#ifndef RD_CTL_CODES_H
#define RD_CTL_CODES_H

enum rd_ctl_code {
	RD_E_INVALID_ARGUMENT = 3,
	RD_E_SPAWN = 5,
	RD_E_SOCKET = 11,
	RD_E_FILE = 19,
	RD_E_CPU_TWICE = 20,
	RD_E_CPU_NOT_IN_POOL = 21,
	RD_E_CPUS_INSUFFICIENT = 22,
	RD_E_MEMORY_TOO_SMALL = 26,
	RD_E_MEMORY_NOT_AVAILABLE = 27,
	RD_E_ENGINE = 29, /* upstream: an ioctl of the enclave device failed */
	RD_E_EIF = 35,
	RD_E_BOOT = 36,
	RD_E_CONNECTION = 39, /* also: not yours to touch */
	RD_E_CONSOLE = 44,
	RD_E_NAME = 58,
	RD_E_EIF_SIGNATURE = 59,
};

#endif
