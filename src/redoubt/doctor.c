/* SPDX-License-Identifier: Apache-2.0 */
/* redoubt doctor: is this host fit for enclaves and parent instances, and what to do if not. */
#include "redoubt/doctor.h"

#include "os/fd.h"
#include "os/paths.h"
#include "redoubt/redoubt.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Something of ours does not work on this host. */
#define EXIT_BAD 10

enum { OPT_JSON = 1, OPT_ROOT, OPT_HELP };

struct args {
	bool help;
	bool json;
	const char *root;
};

static void print_help(void)
{
	puts("usage: redoubt doctor [--json] [--root DIR]\n"
	     "\n"
	     "Looks at this host and says, a line for each, what is well, what could be better and\n"
	     "what must be mended, and how. Changes nothing.\n"
	     "\n"
	     "  --json       the findings as JSON\n"
	     "  --root DIR   look at DIR/proc, DIR/sys and the programs below DIR instead\n"
	     "  --help       this text");
}

static enum rd_status parse(int argc, char **argv, struct args *a, struct rd_error *err)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, OPT_JSON},
		{"root", required_argument, NULL, OPT_ROOT},
		{"help", no_argument, NULL, OPT_HELP},
		{NULL, 0, NULL, 0},
	};
	int opt;

	opterr = 0;
	optind = 1;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case OPT_JSON:
			a->json = true;
			break;
		case OPT_ROOT:
			a->root = optarg;
			break;
		case OPT_HELP:
			a->help = true;
			return RD_OK;
		default:
			return rd_fail(err, RD_USAGE,
				"unknown option, or one without its value; see `redoubt doctor --help`");
		}
	}
	return optind == argc ? RD_OK
			      : rd_fail(err, RD_USAGE, "unexpected argument %s", argv[optind]);
}

/* Of the state directory, or of what it will be made in. */
static enum rd_status free_disk_mib(uint64_t *ret, struct rd_error *err)
{
	struct rd_paths paths;
	struct statvfs fs;
	char *slash;

	RD_TRY(rd_paths_init(&paths, err));
	while (statvfs(paths.state, &fs) != 0) {
		slash = strrchr(paths.state, '/');
		if (errno != ENOENT || slash == NULL || slash == paths.state) {
			return rd_fail_errno(err, errno, "%s", paths.state);
		}
		*slash = '\0';
	}
	*ret = (uint64_t)fs.f_bavail * fs.f_frsize >> 20;
	return RD_OK;
}

static void examine_disk(struct doctor *d)
{
	struct rd_error err;
	uint64_t mib = 0;

	if (free_disk_mib(&mib, &err) != RD_OK) {
		doctor_add(d, "disk", DOCTOR_WARN, "look at it yourself: df", "%s", err.text);
		return;
	}
	doctor_check_disk(d, mib);
}

static void examine(struct doctor *d)
{
	doctor_check_kvm(d);
	doctor_check_qemu(d);
	doctor_check_programs(d);
	doctor_check_smt(d);
	doctor_check_swap(d);
	doctor_check_ksm(d);
	doctor_check_hugepages(d);
	doctor_check_limits(d);
	doctor_check_cgroup(d);
	doctor_check_clock(d);
	doctor_check_memory(d);
	examine_disk(d);
	doctor_check_sizes(d);
}

static enum doctor_verdict worst(const struct doctor *d)
{
	enum doctor_verdict verdict = DOCTOR_OK;

	for (size_t i = 0; i < d->count; i++) {
		verdict = d->findings[i].verdict > verdict ? d->findings[i].verdict : verdict;
	}
	return verdict;
}

static void print_lines(const struct doctor *d)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct doctor_finding *f = &d->findings[i];

		printf("%-4s  %-9s  %s%s%s\n", doctor_verdict_name(f->verdict), f->name, f->text,
			f->remedy[0] != '\0' ? "; " : "", f->remedy);
	}
}

static int print_json(const struct doctor *d)
{
	json_t *findings = json_array();
	json_t *root;
	int rc = 0;

	for (size_t i = 0; i < d->count; i++) {
		const struct doctor_finding *f = &d->findings[i];

		rc |= json_array_append_new(
			findings, json_pack("{s:s, s:s, s:s, s:s*}", "Check", f->name, "Verdict",
					  doctor_verdict_name(f->verdict), "Text", f->text,
					  "Remedy", f->remedy[0] != '\0' ? f->remedy : NULL));
	}
	root = json_pack(
		"{s:s, s:o}", "Verdict", doctor_verdict_name(worst(d)), "Findings", findings);
	rc |= root == NULL || json_dumpf(root, stdout, JSON_INDENT(2)) != 0 || puts("") < 0;
	json_decref(root);
	return rc;
}

int rd_redoubt_doctor(int argc, char **argv)
{
	struct args args = {.root = "/"};
	struct doctor doctor = {.root = -1};
	struct rd_error err;
	int rc = 0;

	if (parse(argc, argv, &args, &err) != RD_OK) {
		fprintf(stderr, "redoubt doctor: %s\n", err.text);
		return RD_EXIT_USAGE;
	}
	if (args.help) {
		print_help();
		return RD_EXIT_OK;
	}
	doctor.root_path = args.root;
	doctor.root = open(args.root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (doctor.root < 0) {
		fprintf(stderr, "redoubt doctor: %s: %s\n", args.root, strerror(errno));
		return RD_EXIT_FAILURE;
	}
	examine(&doctor);
	rd_fd_close(&doctor.root);
	if (args.json) {
		rc = print_json(&doctor);
	} else {
		print_lines(&doctor);
	}
	if (rc != 0 || fflush(stdout) != 0) {
		fprintf(stderr, "redoubt doctor: cannot write the findings\n");
		return RD_EXIT_FAILURE;
	}
	return worst(&doctor) == DOCTOR_BAD ? EXIT_BAD : RD_EXIT_OK;
}
