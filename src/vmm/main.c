/* SPDX-License-Identifier: Apache-2.0 */
/* redoubt-vmm: runs one enclave or one parent. Started by redoubtd with a control socket on
 * descriptor 3. */
#include "crypto/secret.h"
#include "kvm_probe.h"
#include "parent.h"
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

static enum rd_status run_enclave(int sock, const struct rd_tsc_mark *tsc,
	const struct rd_ctl_launch *launch, struct rd_msg_fds *fds, struct rd_error *err)
{
	static struct rd_vmm vmm; /* large for a stack */
	enum rd_status st;

	rd_vmm_init(&vmm);
	vmm.tsc = *tsc;
	vmm.control.sock = sock;
	st = rd_vmm_launch(&vmm, launch, fds, err);
	st = st == RD_OK ? rd_vmm_run(&vmm, err) : st;
	if (st != RD_OK) {
		rd_vmm_report_failure(&vmm, err);
	}
	rd_vmm_finish(&vmm);
	return st;
}

static enum rd_status run_parent(
	int sock, const struct rd_ctl_parent *config, struct rd_msg_fds *fds, struct rd_error *err)
{
	static struct rd_parent parent;
	enum rd_status st;

	rd_parent_init(&parent);
	parent.control.sock = sock;
	st = rd_parent_launch(&parent, config, fds, err);
	st = st == RD_OK ? rd_parent_run(&parent, err) : st;
	if (st != RD_OK) {
		rd_parent_report_failure(&parent, err);
	}
	rd_parent_finish(&parent);
	return st;
}

static int run(void)
{
	static struct rd_ctl_message message;
	struct rd_tsc_mark tsc;
	struct rd_msg_fds fds RD_CLEANUP(rd_msg_fds_finish) = RD_MSG_FDS_INIT;
	struct rd_error err = {0};
	enum rd_status st;

	rd_tsc_mark(&tsc);
	/* timegm, of a certificate's dates, reads the time zone once: not when no file is left. */
	tzset();
	open_heap();
	st = rd_vmm_begin(CONTROL_FD, &message, &fds, &err);
	if (st == RD_OK && message.type == RD_CTL_VMM_LAUNCH) {
		st = run_enclave(CONTROL_FD, &tsc, &message.launch, &fds, &err);
	} else if (st == RD_OK && message.type == RD_CTL_VMM_PARENT) {
		st = run_parent(CONTROL_FD, &message.parent, &fds, &err);
	} else if (st == RD_OK) {
		st = rd_fail(&err, RD_FORBIDDEN, "first message is %s, not LAUNCH or PARENT",
			rd_ctl_type_name(message.type));
	}
	if (st != RD_OK) {
		fprintf(stderr, "redoubt-vmm: %s\n", err.text);
	}
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
