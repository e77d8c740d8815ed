/* SPDX-License-Identifier: Apache-2.0 */
/* redoubt audit: its command line. */
#include "redoubt/audit.h"

#include "base/text.h"
#include "redoubt/redoubt.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { OPT_KEY = 1, OPT_AGAINST, OPT_SAVE_HEAD, OPT_MOVED, OPT_JSON, OPT_ID, OPT_LAST, OPT_HELP };

static const struct option verify_options[] = {
	{"key", required_argument, NULL, OPT_KEY},
	{"against", required_argument, NULL, OPT_AGAINST},
	{"save-head", required_argument, NULL, OPT_SAVE_HEAD},
	{"moved", no_argument, NULL, OPT_MOVED},
	{"json", no_argument, NULL, OPT_JSON},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static const struct option show_options[] = {
	{"request-id", required_argument, NULL, OPT_ID},
	{"last", required_argument, NULL, OPT_LAST},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

void audit_print_help(void)
{
	puts("usage: redoubt audit verify DIR [OPTION]...\n"
	     "       redoubt audit show DIR [--request-id ID | --last N]\n"
	     "\n"
	     "verify checks the audit log of redoubt-kms in DIR: signatures of all tree heads, every\n"
	     "record under them, every document; that nothing was dropped, reordered or altered.\n"
	     "Exits 0 only when everything holds; every refusal has an exit code of its own (see\n"
	     "redoubt-audit(1)). show prints records as JSON, one a line, and checks nothing.\n"
	     "\n"
	     "  --key PEM          the log's public key, kept elsewhere. Without it: key.pem in DIR\n"
	     "  --against FILE     the log must go on from this signed head, saved earlier\n"
	     "  --save-head FILE   when everything holds, save the last head there\n"
	     "  --moved            the first segments may have been moved away\n"
	     "  --json             print the result as JSON\n"
	     "  --request-id ID    show the record of this request\n"
	     "  --last N           show the last N records\n"
	     "  --help             this text");
}

static enum rd_status set_last(struct audit_args *a, const char *text, struct rd_error *err)
{
	if (rd_parse_u64(text, 1, AUDIT_LAST_MAX, &a->last) != RD_OK) {
		return rd_fail(err, RD_USAGE, "--last %s is not a number from 1 to %d", text,
			AUDIT_LAST_MAX);
	}
	return RD_OK;
}

static enum rd_status set_option(int opt, struct audit_args *a, struct rd_error *err)
{
	switch (opt) {
	case OPT_KEY:
		a->key = optarg;
		return RD_OK;
	case OPT_AGAINST:
		a->against = optarg;
		return RD_OK;
	case OPT_SAVE_HEAD:
		a->save = optarg;
		return RD_OK;
	case OPT_MOVED:
		a->moved = true;
		return RD_OK;
	case OPT_JSON:
		a->json = true;
		return RD_OK;
	case OPT_ID:
		a->request_id = optarg;
		return RD_OK;
	case OPT_LAST:
		return set_last(a, optarg, err);
	case OPT_HELP:
		a->help = true;
		return RD_OK;
	default:
		return rd_fail(err, RD_USAGE,
			"unknown option, or one without its value; see `redoubt audit --help`");
	}
}

enum rd_status audit_args_parse(int argc, char **argv, struct audit_args *ret, struct rd_error *err)
{
	struct audit_args a = {0};
	int opt;

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		ret->help = true;
		return RD_OK;
	}
	a.show = argc > 1 && strcmp(argv[1], "show") == 0;
	if (!a.show && (argc < 2 || strcmp(argv[1], "verify") != 0)) {
		return rd_fail(err, RD_USAGE, "wants verify or show; see `redoubt audit --help`");
	}
	opterr = 0;
	optind = 1;
	while ((opt = getopt_long(argc - 1, argv + 1, "", a.show ? show_options : verify_options,
			NULL)) != -1) {
		RD_TRY(set_option(opt, &a, err));
	}
	if (!a.help && argc - 1 - optind != 1) {
		return rd_fail(err, RD_USAGE, "wants exactly one directory of an audit log");
	}
	if (a.request_id != NULL && a.last != 0) {
		return rd_fail(err, RD_USAGE, "--request-id and --last exclude each other");
	}
	a.dir = argv[1 + optind];
	*ret = a;
	return RD_OK;
}

enum rd_status audit_open_dir(const struct audit_args *args, int *ret_fd)
{
	int fd = open(args->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		fprintf(stderr, "redoubt audit: %s: cannot be opened: %s\n", args->dir,
			strerror(errno));
		return rd_status_from_errno(errno);
	}
	*ret_fd = fd;
	return RD_OK;
}

int rd_redoubt_audit(int argc, char **argv)
{
	struct audit_args args = {0};
	struct rd_error err;

	if (audit_args_parse(argc, argv, &args, &err) != RD_OK) {
		fprintf(stderr, "redoubt audit: %s\n", err.text);
		return RD_EXIT_USAGE;
	}
	if (args.help) {
		audit_print_help();
		return RD_EXIT_OK;
	}
	return args.show ? audit_show(&args) : audit_verify(&args);
}
