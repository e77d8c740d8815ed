/* SPDX-License-Identifier: Apache-2.0 */
/* redoubt-vmm: runs one enclave. Started by redoubtd with a control socket on descriptor 3. */
#include "kvm_probe.h"
#include "vmm.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define CONTROL_FD 3

static void print_json_string(const char *text)
{
	const char *p;

	putchar('"');
	for (p = text; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\') {
			putchar('\\');
		}
		/* The texts are ours and strerror's: no control characters, but be sure. */
		putchar((unsigned char)*p < 0x20 ? ' ' : *p);
	}
	putchar('"');
}

static int probe_kvm(void)
{
	struct rd_kvm_probe probe;

	rd_kvm_probe("/dev/kvm", &probe);
	printf("{\"verdict\": \"%s\", \"instructions\": %llu, \"elapsed_us\": %llu, \"reason\": ",
		rd_kvm_verdict_name(probe.verdict), (unsigned long long)probe.instructions,
		(unsigned long long)probe.elapsed_us);
	print_json_string(probe.reason);
	printf("}\n");
	return fflush(stdout) == 0 ? 0 : 1;
}

static int run(void)
{
	static struct rd_vmm vmm; /* large for a stack */
	struct rd_error err = {0};
	enum rd_status st;

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
	if (argc == 1) {
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
