/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Can this host's KVM run a kernel at speed? Tested, not asked: some hosts offer a /dev/kvm that
 * interprets every instruction, in which a stock kernel hangs for minutes.
 */
#ifndef RD_VMM_KVM_PROBE_H
#define RD_VMM_KVM_PROBE_H

#include <stdint.h>

/* Also redoubt-vmm --probe-kvm's exit status. */
enum rd_kvm_verdict {
	RD_KVM_FAST,
	RD_KVM_SLOW,   /* runs, but slower than QEMU's translator */
	RD_KVM_ABSENT, /* cannot be used at all */
	RD_KVM_VERDICT_COUNT
};

#define RD_KVM_REASON_MAX 256

struct rd_kvm_probe {
	enum rd_kvm_verdict verdict;
	uint64_t instructions; /* run by the guest, as far as that is known */
	uint64_t elapsed_us;
	char reason[RD_KVM_REASON_MAX]; /* one line */
};

/* "fast", "slow", "absent". */
const char *rd_kvm_verdict_name(enum rd_kvm_verdict verdict);

/* Takes well under a second whatever the host does. Uses SIGALRM while it runs. */
void rd_kvm_probe(const char *device, struct rd_kvm_probe *ret);

#endif
