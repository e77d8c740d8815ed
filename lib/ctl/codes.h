/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nitro-cli's error numbers, as far as redoubtd and redoubt-vmm raise them: the number is the Exx
 * that the operator reads and nitro-cli's exit status. Those of instances (RD_I_…) are ours: they
 * go to redoubt-ec2 only, which has EC2's own codes for them.
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

	RD_I_CAPACITY = 100, /* no memory or CPUs left: InsufficientInstanceCapacity */
	RD_I_INVALID = 101,  /* a field is not what it should be */
	RD_I_NOTFOUND = 102, /* no such instance: InvalidInstanceID.NotFound */
	RD_I_STATE = 103,    /* not in that state: IncorrectInstanceState */
	RD_I_IMAGE = 104,    /* the image cannot be used */
	RD_I_STORAGE = 105,  /* the disk cannot be made: the host's is full, or worse */
	RD_I_INTERNAL = 106, /* could not be started */
};

#endif
