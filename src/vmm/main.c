/* SPDX-License-Identifier: Apache-2.0 */
/* redoubt-vmm: runs one enclave. Started by redoubtd with a control socket on descriptor 3. */
#include "crypto/secret.h"
#include "kvm_probe.h"
#include "vmm.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CONTROL_FD 3

/* Why, on one line; the verdict is the exit status: 0 fast, 1 slow, 2 absent. */
static int probe_kvm(void)
{
	struct rd_kvm_probe probe;

	rd_kvm_probe("/dev/kvm", &probe);
	printf("%s\n", probe.reason);
	return fflush(stdout) == 0 ? (int)probe.verdict : RD_KVM_ABSENT;
}

/* Before there is a key. Its leaf's and the next one's need the smallest heap, which every system
 * lets its users lock; one that does not must not keep enclaves from running. */
static void open_heap(void)
{
	struct rd_error err = {0};

	if (rd_secret_heap_open(RD_SECRET_HEAP_MIN, &err) != RD_OK) {
		fprintf(stderr, "redoubt-vmm: the leaf's key is in ordinary memory: %s\n",
			err.text);
	}
}

static int run(void)
{
	static struct rd_vmm vmm; /* large for a stack */
	struct rd_error err = {0};
	enum rd_status st;

	/* timegm, of a certificate's dates, reads the time zone once: not when no file is left. */
	tzset();
	open_heap();
	rd_vmm_init(&vmm);
	st = rd_vmm_launch(&vmm, CONTROL_FD, &err);
	st = st == RD_OK ? rd_vmm_run(&vmm, &err) : st;
	if (st != RD_OK) {
		fprintf(stderr, "redoubt-vmm: %s\n", err.text);
		rd_vmm_report_failure(&vmm, &err);
	}
	rd_vmm_finish(&vmm);
	return st == RD_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
	/* An enclave's id may be there for whoever reads a list of processes; LAUNCH says it all.
	 */
	if (argc == 1 || (argc == 2 && argv[1][0] != '-')) {
		return run();
	}
	if (argc == 2 && strcmp(argv[1], "--probe-kvm") == 0) {
		return probe_kvm();
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("redoubt-vmm %s\n", RD_VERSION);
		return 0;
	}
	fprintf(stderr, "usage: redoubt-vmm [--probe-kvm | --version]\n"
			"Without arguments it is started by redoubtd; see redoubt-vmm(8).\n");
	return 2;
}
