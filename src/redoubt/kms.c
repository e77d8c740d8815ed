/* SPDX-License-Identifier: Apache-2.0 */
/* redoubt kms: its command line, and lint-policy. */
#include "redoubt/kms.h"

#include "os/fd.h"
#include "policy/lint.h"
#include "policy/parse.h"
#include "redoubt/redoubt.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { OPT_KIND = 1, OPT_POLICY, OPT_IDENTITY, OPT_REQUEST, OPT_HELP };

static const struct option lint_options[] = {
	{"kind", required_argument, NULL, OPT_KIND},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static const struct option explain_options[] = {
	{"policy", required_argument, NULL, OPT_POLICY},
	{"identity-policy", required_argument, NULL, OPT_IDENTITY},
	{"request", required_argument, NULL, OPT_REQUEST},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static void print_help(void)
{
	puts("usage: redoubt kms lint-policy [--kind KIND] FILE|-\n"
	     "       redoubt kms explain [--policy FILE] [--identity-policy FILE]...\n"
	     "                           --request FILE|-\n"
	     "\n"
	     "lint-policy warns of what a valid policy says and its author hardly meant: the known\n"
	     "ways around an attested key above all. explain says which statement decides a request,\n"
	     "and what came of every other one. See redoubt-kms(1) for the request's form.\n"
	     "\n"
	     "  --kind KIND              key (the default), identity or trust\n"
	     "  --policy FILE            the key's policy; without it the operation has no key\n"
	     "  --identity-policy FILE   a policy of the caller; may come several times\n"
	     "  --request FILE           the request, as JSON\n"
	     "  --help                   this text");
}

static enum rd_status set_kind(struct kms_args *a, const char *text, struct rd_error *err)
{
	static const char *const kinds[] = {[RD_POLICY_KEY] = "key",
		[RD_POLICY_IDENTITY] = "identity",
		[RD_POLICY_TRUST] = "trust"};

	for (size_t i = 0; i < RD_ARRAY_LEN(kinds); i++) {
		if (strcmp(text, kinds[i]) == 0) {
			a->kind = (enum rd_policy_kind)i;
			return RD_OK;
		}
	}
	return rd_fail(err, RD_USAGE, "--kind %s is none of key, identity and trust", text);
}

static enum rd_status set_option(int opt, struct kms_args *a, struct rd_error *err)
{
	switch (opt) {
	case OPT_KIND:
		return set_kind(a, optarg, err);
	case OPT_POLICY:
		a->policy = optarg;
		return RD_OK;
	case OPT_IDENTITY:
		if (a->n_identity == KMS_IDENTITY_POLICIES_MAX) {
			return rd_fail(err, RD_USAGE, "more than %d identity policies",
				KMS_IDENTITY_POLICIES_MAX);
		}
		a->identity[a->n_identity++] = optarg;
		return RD_OK;
	case OPT_REQUEST:
		a->request = optarg;
		return RD_OK;
	case OPT_HELP:
		a->help = true;
		return RD_OK;
	default:
		return rd_fail(err, RD_USAGE,
			"unknown option, or one without its value; see `redoubt kms --help`");
	}
}

static enum rd_status parse(int argc, char **argv, struct kms_args *a, struct rd_error *err)
{
	int opt;

	a->help = argc > 1 && strcmp(argv[1], "--help") == 0;
	a->explain = argc > 1 && strcmp(argv[1], "explain") == 0;
	if (!a->help && !a->explain && (argc < 2 || strcmp(argv[1], "lint-policy") != 0)) {
		return rd_fail(
			err, RD_USAGE, "wants lint-policy or explain; see `redoubt kms --help`");
	}
	opterr = 0;
	optind = 1;
	while (!a->help && (opt = getopt_long(argc - 1, argv + 1, "",
				    a->explain ? explain_options : lint_options, NULL)) != -1) {
		RD_TRY(set_option(opt, a, err));
	}
	if (a->help) {
		return RD_OK;
	}
	if (argc - 1 - optind != (a->explain ? 0 : 1)) {
		return rd_fail(err, RD_USAGE, "%s",
			a->explain
				? "explain takes its files by options alone"
				: "wants exactly one policy: a file's name, or - for standard input");
	}
	if (a->explain && a->request == NULL) {
		return rd_fail(err, RD_USAGE, "explain wants --request FILE");
	}
	a->file = a->explain ? NULL : argv[1 + optind];
	return RD_OK;
}

enum rd_status kms_read_file(const char *path, struct rd_buf *out, struct rd_error *err)
{
	RD_CLEANUP(rd_fd_close)
	int fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
					: open(path, O_RDONLY | O_CLOEXEC);
	enum rd_status st;

	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot be opened");
	}
	st = rd_fd_read_all(fd, out);
	return st == RD_OK ? RD_OK : rd_fail(err, st, "cannot be read: %s", rd_status_text(st));
}

int kms_read_policy(const char *path, enum rd_policy_kind kind, struct rd_policy **ret)
{
	/* More than the limit, so that the parser is who says that it is too long. */
	RD_CLEANUP(rd_buf_finish) struct rd_buf text = rd_buf_growable(4 * RD_POLICY_SIZE_MAX);
	struct rd_error err;

	if (kms_read_file(path, &text, &err) != RD_OK) {
		fprintf(stderr, "redoubt kms: %s: %s\n", path, err.text);
		return RD_EXIT_FAILURE;
	}
	if (rd_policy_new(rd_buf_view(&text), kind, ret, &err) != RD_OK) {
		fprintf(stderr, "redoubt kms: %s: %s\n", path, err.text);
		return KMS_EXIT_INVALID;
	}
	return RD_EXIT_OK;
}

/* One line each: "statement 2 (Sid): reencrypt-from: kms:ReEncryptFrom: sentence; remedy". Policies
 * hold printable Latin-1 alone, so nothing of them does anything to a terminal. */
static void print_finding(void *ctx, const struct rd_lint_finding *f)
{
	size_t *count = ctx;

	(*count)++;
	if (f->statement == RD_LINT_WHOLE) {
		printf("policy");
	} else {
		printf("statement %zu", f->statement + 1);
	}
	if (f->sid.len > 0) {
		printf(" (%.*s)", (int)f->sid.len, (const char *)f->sid.ptr);
	}
	printf(": %s: ", f->id);
	if (f->subject.ptr != NULL) {
		printf("%.*s: ", (int)f->subject.len, (const char *)f->subject.ptr);
	}
	printf("%s; %s\n", f->sentence, f->remedy);
}

int kms_lint_policy(const struct kms_args *args)
{
	struct rd_policy *policy RD_CLEANUP(rd_policy_free) = NULL;
	size_t count = 0;
	struct rd_lint_report report = {.finding = print_finding, .ctx = &count};
	int rc = kms_read_policy(args->file, args->kind, &policy);
	enum rd_status st;

	if (rc != RD_EXIT_OK) {
		return rc;
	}
	st = rd_policy_lint(policy, &report);
	if (st != RD_OK || fflush(stdout) != 0) {
		fprintf(stderr, "redoubt kms: %s: cannot be examined: %s\n", args->file,
			st != RD_OK ? rd_status_text(st) : "cannot write the findings");
		return RD_EXIT_FAILURE;
	}
	return count > 0 ? KMS_EXIT_FINDINGS : RD_EXIT_OK;
}

int rd_redoubt_kms(int argc, char **argv)
{
	struct kms_args args = {.kind = RD_POLICY_KEY};
	struct rd_error err;

	if (parse(argc, argv, &args, &err) != RD_OK) {
		fprintf(stderr, "redoubt kms: %s\n", err.text);
		return RD_EXIT_USAGE;
	}
	if (args.help) {
		print_help();
		return RD_EXIT_OK;
	}
	return args.explain ? kms_explain(&args) : kms_lint_policy(&args);
}
