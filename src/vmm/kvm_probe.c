/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The KVM probe: the one user of linux/kvm.h.
 *
 * A guest of one page runs a counted loop with loads and stores, in flat 32-bit mode so that no
 * hardware generation has to emulate real mode for us, and halts. It is run against the clock; a
 * timer ends it at the deadline. The best of several short runs counts, because other load on the
 * host must not be taken for a slow KVM.
 */
#include "kvm_probe.h"

#include "base/status.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define GUEST_MEMORY 0x3000 /* a page of code, one of data, one to spare */
#define GUEST_CODE   0x0000
#define GUEST_COUNT  75000 /* rounds of the loop */
#define GUEST_LOOP   4     /* instructions in one round */

/*
 * QEMU's translator runs this loop at about 1 ns an instruction on slow hosts; hardware at well
 * under 1 ns; interpreters seen in the wild at 200 ns and more. Ten times the translator's cost is
 * not worth having, and is far from what any hardware needs.
 */
#define SLOW_NS_PER_INSTRUCTION 20

#define RUNS        3
#define DEADLINE_MS 250 /* for all runs together */

static const char *const verdict_names[RD_KVM_VERDICT_COUNT] = {
	[RD_KVM_FAST] = "fast",
	[RD_KVM_SLOW] = "slow",
	[RD_KVM_ABSENT] = "absent",
};

const char *rd_kvm_verdict_name(enum rd_kvm_verdict verdict)
{
	return verdict < RD_KVM_VERDICT_COUNT ? verdict_names[verdict] : "unknown";
}

/* The loop; ecx counts down. */
static const uint8_t guest_code[] = {
	0xb9, GUEST_COUNT & 0xff, GUEST_COUNT >> 8 & 0xff, GUEST_COUNT >> 16,
	0,                                  /* mov ecx, COUNT */
	0x89, 0x0d, 0x00, 0x10, 0x00, 0x00, /* round: mov [0x1000], ecx */
	0x03, 0x05, 0x00, 0x10, 0x00, 0x00, /* add eax, [0x1000] */
	0x49,                               /* dec ecx */
	0x75, 0xf1,                         /* jnz round */
	0xf4,                               /* hlt */
};

struct guest {
	int kvm;
	int vm;
	int vcpu;
	uint8_t *memory;
	struct kvm_run *run;
	size_t run_size;
};

/*
 * What the timer's handler stops; NULL when there is nothing to stop. A signal handler has no other
 * way to find it.
 */
static struct kvm_run *volatile running;

static void on_deadline(int signo)
{
	struct kvm_run *run = running;

	(void)signo;
	/* Also when the signal comes just before the ioctl: it then returns at once. */
	if (run != NULL) {
		run->immediate_exit = 1;
	}
}

static void guest_finish(struct guest *guest)
{
	running = NULL;
	if (guest->run != NULL) {
		(void)munmap(guest->run, guest->run_size);
	}
	if (guest->memory != NULL) {
		(void)munmap(guest->memory, GUEST_MEMORY);
	}
	rd_fd_close(&guest->vcpu);
	rd_fd_close(&guest->vm);
	rd_fd_close(&guest->kvm);
}

/* Flat 32-bit protected mode without paging. */
static int set_flat_mode(int vcpu)
{
	struct kvm_segment code = {.limit = 0xffffffff,
		.selector = 8,
		.type = 11,
		.present = 1,
		.db = 1,
		.s = 1,
		.g = 1};
	struct kvm_segment data = code;
	struct kvm_sregs sregs;

	if (ioctl(vcpu, KVM_GET_SREGS, &sregs) != 0) {
		return -1;
	}
	data.selector = 16;
	data.type = 3;
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr0 |= 1;
	return ioctl(vcpu, KVM_SET_SREGS, &sregs);
}

static int make_memory(struct guest *guest)
{
	struct kvm_userspace_memory_region region = {.memory_size = GUEST_MEMORY};
	void *memory = mmap(
		NULL, GUEST_MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		return -1;
	}
	guest->memory = memory;
	memcpy(guest->memory + GUEST_CODE, guest_code, sizeof(guest_code));
	region.userspace_addr = (uintptr_t)guest->memory;
	return ioctl(guest->vm, KVM_SET_USER_MEMORY_REGION, &region);
}

static int make_vcpu(struct guest *guest)
{
	void *run;
	int size;

	guest->vcpu = ioctl(guest->vm, KVM_CREATE_VCPU, 0);
	size = ioctl(guest->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (guest->vcpu < 0 || size < (int)sizeof(struct kvm_run)) {
		return -1;
	}
	run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, guest->vcpu, 0);
	if (run == MAP_FAILED) {
		return -1;
	}
	guest->run = run;
	guest->run_size = (size_t)size;
	return set_flat_mode(guest->vcpu);
}

/* NULL, or what failed (errno says why). */
static const char *guest_start(const char *device, struct guest *guest)
{
	guest->kvm = open(device, O_RDWR | O_CLOEXEC);
	if (guest->kvm < 0) {
		return "cannot be opened";
	}
	if (ioctl(guest->kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
		errno = EPROTO;
		return "speaks another API version";
	}
	guest->vm = ioctl(guest->kvm, KVM_CREATE_VM, 0);
	if (guest->vm < 0) {
		return "makes no virtual machine";
	}
	if (make_memory(guest) != 0) {
		return "takes no memory";
	}
	if (make_vcpu(guest) != 0) {
		return "makes no CPU";
	}
	return NULL;
}

static uint64_t now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* One pass through the loop. 1: halted as it should; 0: deadline; -1: something else happened. */
static int run_once(const struct guest *guest)
{
	struct kvm_regs regs = {.rip = GUEST_CODE, .rflags = 2};

	if (ioctl(guest->vcpu, KVM_SET_REGS, &regs) != 0) {
		return -1;
	}
	if (ioctl(guest->vcpu, KVM_RUN, 0) != 0) {
		return errno == EINTR ? 0 : -1;
	}
	if (guest->run->exit_reason != KVM_EXIT_HLT) {
		errno = EPROTO;
		return -1;
	}
	return ioctl(guest->vcpu, KVM_GET_REGS, &regs) == 0 && regs.rcx == 0 ? 1 : -1;
}

/* Fills ret from the best of a few runs, all within the deadline. */
static void measure(const struct guest *guest, struct rd_kvm_probe *ret)
{
	const uint64_t instructions = (uint64_t)GUEST_COUNT * GUEST_LOOP;
	uint64_t best = UINT64_MAX, started;
	int i, rc = 1;

	started = now_us();
	for (i = 0; i < RUNS && rc == 1; i++) {
		uint64_t before = now_us(), took;

		rc = run_once(guest);
		took = now_us() - before;
		best = rc == 1 && took < best ? took : best;
	}
	if (rc < 0) {
		ret->verdict = RD_KVM_ABSENT;
		snprintf(ret->reason, sizeof(ret->reason), "KVM does not run a guest: %s",
			strerror(errno));
		return;
	}
	if (best == UINT64_MAX) {
		ret->verdict = RD_KVM_SLOW;
		ret->elapsed_us = now_us() - started;
		snprintf(ret->reason, sizeof(ret->reason),
			"KVM did not run %llu instructions in %llu ms: it interprets them",
			(unsigned long long)instructions,
			(unsigned long long)(ret->elapsed_us / 1000));
		return;
	}
	ret->instructions = instructions;
	ret->elapsed_us = best;
	ret->verdict = best * 1000 > instructions * SLOW_NS_PER_INSTRUCTION ? RD_KVM_SLOW
									    : RD_KVM_FAST;
	snprintf(ret->reason, sizeof(ret->reason), "KVM ran %llu instructions in %llu us%s",
		(unsigned long long)instructions, (unsigned long long)best,
		ret->verdict == RD_KVM_SLOW ? ": it interprets them" : "");
}

/* Without SA_RESTART, so that the ioctl returns. Repeats, in case one comes at a bad moment. */
static void arm(struct guest *guest, timer_t timer)
{
	struct sigaction action = {.sa_handler = on_deadline};
	struct itimerspec when = {
		.it_value.tv_nsec = DEADLINE_MS * 1000000L, .it_interval.tv_nsec = 10000000L};

	running = guest->run;
	(void)sigaction(SIGALRM, &action, NULL);
	(void)timer_settime(timer, 0, &when, NULL);
}

void rd_kvm_probe(const char *device, struct rd_kvm_probe *ret)
{
	struct guest guest RD_CLEANUP(guest_finish) = {.kvm = -1, .vm = -1, .vcpu = -1};
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct rd_kvm_probe probe = {.verdict = RD_KVM_ABSENT};
	const char *failed = guest_start(device, &guest);
	timer_t timer;

	if (failed != NULL) {
		snprintf(probe.reason, sizeof(probe.reason), "%s %s: %s", device, failed,
			strerror(errno));
	} else if (timer_create(CLOCK_MONOTONIC, NULL, &timer) != 0) {
		snprintf(probe.reason, sizeof(probe.reason), "no timer for the test: %s",
			strerror(errno));
	} else {
		arm(&guest, timer);
		measure(&guest, &probe);
		(void)sigaction(SIGALRM, &ignore, NULL);
		(void)timer_delete(timer);
	}
	*ret = probe;
}
