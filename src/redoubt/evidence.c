/* SPDX-License-Identifier: Apache-2.0 */
/* redoubt evidence: its command line, and what it prints. */
#include "redoubt/evidence.h"

#include "os/fd.h"
#include "os/paths.h"
#include "redoubt/redoubt.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_LOG = 1, OPT_ROOT, OPT_IMAGE, OPT_WITNESS, OPT_KMS_LOG, OPT_POLICY, OPT_JSON, OPT_HELP };

static const struct option make_options[] = {
	{"log", required_argument, NULL, OPT_LOG},
	{"root", required_argument, NULL, OPT_ROOT},
	{"image", required_argument, NULL, OPT_IMAGE},
	{"witness", required_argument, NULL, OPT_WITNESS},
	{"kms-log", required_argument, NULL, OPT_KMS_LOG},
	{"policy", required_argument, NULL, OPT_POLICY},
	{"json", no_argument, NULL, OPT_JSON},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static const struct option verify_options[] = {
	{"root", required_argument, NULL, OPT_ROOT},
	{"json", no_argument, NULL, OPT_JSON},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static void print_help(void)
{
	puts("usage: redoubt evidence make --log DIR --image EIF... [OPTION]... FOLDER\n"
	     "       redoubt evidence verify --root PEM [--json] FOLDER\n"
	     "\n"
	     "make collects what shows that an application ran in genuine enclaves and that its\n"
	     "audit log is whole, and verifies it. verify computes every proof anew, offline, and\n"
	     "prints it with the lines of PCI DSS v4.0.1 that it serves. Both exit 0 only when all\n"
	     "that is in the folder holds; each proof has an exit code (see redoubt-evidence(1)).\n"
	     "\n"
	     "  --log DIR        the application's audit log\n"
	     "  --image EIF      an image whose enclaves may have written it; several times\n"
	     "  --root PEM       the attestation root. make: root.pem in the state directory\n"
	     "                   unless given. verify: your own copy, not the folder's\n"
	     "  --witness FILE   tree heads that another party kept\n"
	     "  --kms-log DIR    redoubt-kms's audit log\n"
	     "  --policy FILE    the policy of the KMS key\n"
	     "  --json           print the result as JSON\n"
	     "  --help           this text");
}

static enum rd_status set_option(int opt, struct evidence_args *a, struct rd_error *err)
{
	const char **texts[] = {[OPT_LOG] = &a->log,
		[OPT_ROOT] = &a->root,
		[OPT_WITNESS] = &a->witness,
		[OPT_KMS_LOG] = &a->kms_log,
		[OPT_POLICY] = &a->policy};

	switch (opt) {
	case OPT_LOG:
	case OPT_ROOT:
	case OPT_WITNESS:
	case OPT_KMS_LOG:
	case OPT_POLICY:
		*texts[opt] = optarg;
		return RD_OK;
	case OPT_IMAGE:
		if (a->n_images == EVIDENCE_IMAGES_MAX) {
			return rd_fail(err, RD_USAGE, "more than %d images", EVIDENCE_IMAGES_MAX);
		}
		a->images[a->n_images++] = optarg;
		return RD_OK;
	case OPT_JSON:
		a->json = true;
		return RD_OK;
	case OPT_HELP:
		a->help = true;
		return RD_OK;
	default:
		return rd_fail(err, RD_USAGE,
			"unknown option, or one without its value; see `redoubt evidence --help`");
	}
}

static enum rd_status check_args(const struct evidence_args *a, int left, struct rd_error *err)
{
	if (left != 1) {
		return rd_fail(err, RD_USAGE, "wants exactly one folder");
	}
	if (a->verify && a->root == NULL) {
		return rd_fail(err, RD_USAGE,
			"wants --root: the attestation root that you have from elsewhere");
	}
	if (!a->verify && (a->log == NULL || a->n_images == 0)) {
		return rd_fail(err, RD_USAGE, "wants --log and at least one --image");
	}
	return RD_OK;
}

static enum rd_status parse(int argc, char **argv, struct evidence_args *a, struct rd_error *err)
{
	int opt;

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		a->help = true;
		return RD_OK;
	}
	a->verify = argc > 1 && strcmp(argv[1], "verify") == 0;
	if (!a->verify && (argc < 2 || strcmp(argv[1], "make") != 0)) {
		return rd_fail(
			err, RD_USAGE, "wants make or verify; see `redoubt evidence --help`");
	}
	opterr = 0;
	optind = 1;
	while ((opt = getopt_long(argc - 1, argv + 1, "", a->verify ? verify_options : make_options,
			NULL)) != -1) {
		RD_TRY(set_option(opt, a, err));
	}
	if (a->help) {
		return RD_OK;
	}
	a->folder = argv[1 + optind];
	return check_args(a, argc - 1 - optind, err);
}

static json_t *proof_json(const struct evidence_proof *p)
{
	static const char *const outcomes[] = {[EVIDENCE_HOLDS] = "holds",
		[EVIDENCE_ABSENT] = "absent",
		[EVIDENCE_FAILS] = "fails"};

	return json_pack("{s:s,s:s,s:s,s:s,s:s}", "name", p->name, "outcome", outcomes[p->outcome],
		"pciDss", p->pci, "claim", p->claim, "detail", p->detail);
}

static int print_json(const struct evidence_report *report, bool verified)
{
	json_t *proofs = json_array(), *not_claimed = json_array();
	json_t *result = json_pack(
		"{s:b,s:o,s:o}", "verified", verified, "proofs", proofs, "notClaimed", not_claimed);
	int rc;

	for (size_t i = 0; i < report->n; i++) {
		(void)json_array_append_new(proofs, proof_json(&report->proofs[i]));
	}
	for (size_t i = 0; evidence_not_claimed[i] != NULL; i++) {
		(void)json_array_append_new(not_claimed, json_string(evidence_not_claimed[i]));
	}
	rc = result == NULL ? -1 : json_dumpf(result, stdout, JSON_INDENT(2));
	json_decref(result);
	return rc == 0 && putchar('\n') == '\n' ? 0 : -1;
}

static int print_text(const struct evidence_report *report)
{
	static const char *const words[] = {
		[EVIDENCE_HOLDS] = "holds", [EVIDENCE_ABSENT] = "-", [EVIDENCE_FAILS] = "FAILS"};

	for (size_t i = 0; i < report->n; i++) {
		const struct evidence_proof *p = &report->proofs[i];

		printf("%-5s  %-14s  PCI DSS %s: %s (%s)\n", words[p->outcome], p->name, p->pci,
			p->claim, p->detail);
	}
	puts("Not claimed:");
	for (size_t i = 0; evidence_not_claimed[i] != NULL; i++) {
		printf("  %s\n", evidence_not_claimed[i]);
	}
	return ferror(stdout) ? -1 : 0;
}

static enum rd_status read_root(
	const struct evidence_args *args, int dir_fd, struct rd_buf *out, struct rd_error *err)
{
	return args->verify ? evidence_read(AT_FDCWD, args->root, out, err)
			    : evidence_read(dir_fd, EVIDENCE_ROOT, out, err);
}

static int exit_code(const struct evidence_report *report)
{
	for (size_t i = 0; i < report->n; i++) {
		if (report->proofs[i].outcome == EVIDENCE_FAILS) {
			return EVIDENCE_EXIT_FIRST + (int)i;
		}
	}
	return RD_EXIT_FAILURE; /* it came to no proof */
}

static int verify(const struct evidence_args *args)
{
	RD_CLEANUP(rd_buf_finish) struct rd_buf root = rd_buf_growable(RD_CERT_PEM_SIZE_MAX);
	RD_CLEANUP(rd_fd_close)
	int dir = open(args->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct evidence_report report = {0};
	struct rd_error err = {0};
	enum rd_status st;

	st = dir < 0 ? rd_fail_errno(&err, errno, "cannot be opened")
		     : read_root(args, dir, &root, &err);
	st = st == RD_OK ? evidence_check(dir, rd_buf_view(&root), &report, &err) : st;
	if (report.n > 0 && (args->json ? print_json(&report, st == RD_OK) : print_text(&report)) +
					    fflush(stdout) <
				    0) {
		fprintf(stderr, "redoubt evidence: cannot write the result\n");
		return RD_EXIT_FAILURE;
	}
	if (st != RD_OK) {
		fprintf(stderr, "redoubt evidence: %s: %s\n", args->folder, err.text);
		return exit_code(&report);
	}
	return RD_EXIT_OK;
}

static enum rd_status find_own_root(char path[RD_PATH_MAX], struct rd_error *err)
{
	struct rd_paths paths;

	RD_TRY(rd_paths_init(&paths, err));
	return rd_paths_join(path, paths.state, EVIDENCE_ROOT, NULL);
}

static int make_and_verify(const struct evidence_args *given)
{
	struct evidence_args args = *given;
	char own_root[RD_PATH_MAX];
	struct rd_error err = {0};
	enum rd_status st = RD_OK;

	if (args.root == NULL) {
		st = find_own_root(own_root, &err);
		args.root = own_root;
	}
	st = st == RD_OK ? evidence_make(&args, &err) : st;
	if (st != RD_OK) {
		fprintf(stderr, "redoubt evidence: %s\n", err.text);
		return RD_EXIT_FAILURE;
	}
	return verify(&args);
}

int rd_redoubt_evidence(int argc, char **argv)
{
	struct evidence_args args = {0};
	struct rd_error err;

	if (parse(argc, argv, &args, &err) != RD_OK) {
		fprintf(stderr, "redoubt evidence: %s\n", err.text);
		return RD_EXIT_USAGE;
	}
	if (args.help) {
		print_help();
		return RD_EXIT_OK;
	}
	return args.verify ? verify(&args) : make_and_verify(&args);
}
