/* SPDX-License-Identifier: Apache-2.0 */
/* redoubt pki: its command line. */
#include "redoubt/pki.h"

#include "base/text.h"
#include "os/paths.h"
#include "redoubt/redoubt.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What authorities are made with: a server's certificate must end before. */
#define DAYS_MAX 3650

enum { OPT_NAME = 1, OPT_OUT, OPT_DAYS, OPT_HELP };

static const struct option tls_options[] = {
	{"name", required_argument, NULL, OPT_NAME},
	{"out", required_argument, NULL, OPT_OUT},
	{"days", required_argument, NULL, OPT_DAYS},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static const struct option root_options[] = {
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static void print_help(void)
{
	puts("usage: redoubt pki tls --name NAME... --out DIR [--days N]\n"
	     "       redoubt pki root\n"
	     "\n"
	     "tls makes what redoubt-kms needs for TLS: in DIR, server.pem and server.key for these\n"
	     "names, and ca.pem, which clients are given. The authority in DIR (ca.pem, ca.key) is\n"
	     "made once and kept; the server's certificate is replaced each time. root prints where\n"
	     "redoubtd's root certificate is, which attestation documents are verified with.\n"
	     "\n"
	     "  --name NAME   a DNS name or address of the server; may come several times\n"
	     "  --out DIR     where to; made if it is not there\n"
	     "  --days N      how long the server's certificate is good: 1 to 3650, 365 unless told\n"
	     "  --help        this text");
}

/* Letters, digits, '-' and dots between labels; the address forms are read by the system. */
static bool is_name(const char *text)
{
	uint8_t address[sizeof(struct in6_addr)];
	size_t len = strlen(text);

	if (inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1) {
		return true;
	}
	return len > 0 && len <= PKI_NAME_MAX && strchr(".-", text[0]) == NULL &&
	       strchr(".-", text[len - 1]) == NULL && strstr(text, "..") == NULL &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") ==
		       len;
}

static enum rd_status add_name(struct pki_args *a, const char *text, struct rd_error *err)
{
	if (!is_name(text)) {
		return rd_fail(err, RD_USAGE, "--name %.64s is no DNS name and no address", text);
	}
	if (a->n_names == PKI_NAMES_MAX) {
		return rd_fail(err, RD_USAGE, "more than %d names", PKI_NAMES_MAX);
	}
	a->names[a->n_names++] = text;
	return RD_OK;
}

static enum rd_status set_option(int opt, struct pki_args *a, struct rd_error *err)
{
	switch (opt) {
	case OPT_NAME:
		return add_name(a, optarg, err);
	case OPT_OUT:
		a->out = optarg;
		return RD_OK;
	case OPT_DAYS:
		return rd_parse_u64(optarg, 1, DAYS_MAX, &a->days) == RD_OK
			       ? RD_OK
			       : rd_fail(err, RD_USAGE, "--days %s is not a number from 1 to %d",
					 optarg, DAYS_MAX);
	case OPT_HELP:
		a->help = true;
		return RD_OK;
	default:
		return rd_fail(err, RD_USAGE,
			"unknown option, or one without its value; see `redoubt pki --help`");
	}
}

static enum rd_status parse(int argc, char **argv, struct pki_args *a, struct rd_error *err)
{
	int opt;

	a->help = argc > 1 && strcmp(argv[1], "--help") == 0;
	if (a->help) {
		return RD_OK;
	}
	a->root = argc > 1 && strcmp(argv[1], "root") == 0;
	if (!a->root && (argc < 2 || strcmp(argv[1], "tls") != 0)) {
		return rd_fail(err, RD_USAGE, "wants tls or root; see `redoubt pki --help`");
	}
	opterr = 0;
	optind = 1;
	while ((opt = getopt_long(argc - 1, argv + 1, "", a->root ? root_options : tls_options,
			NULL)) != -1) {
		RD_TRY(set_option(opt, a, err));
	}
	if (!a->help && optind != argc - 1) {
		return rd_fail(err, RD_USAGE, "unexpected argument %s", argv[optind + 1]);
	}
	if (!a->help && !a->root && (a->n_names == 0 || a->out == NULL)) {
		return rd_fail(err, RD_USAGE, "tls wants --name and --out");
	}
	return RD_OK;
}

static enum rd_status print_root(struct rd_error *err)
{
	struct rd_paths paths;
	char path[RD_PATH_MAX];

	RD_TRY(rd_paths_init(&paths, err));
	RD_TRY(rd_paths_join(path, paths.state, "root.pem", NULL));
	if (access(path, R_OK) != 0) {
		return rd_fail_errno(err, errno, "%s: start redoubtd once, which makes it", path);
	}
	puts(path);
	return RD_OK;
}

int rd_redoubt_pki(int argc, char **argv)
{
	struct pki_args args = {.days = PKI_DAYS};
	struct rd_error err = {.text = "internal error"};
	enum rd_status st;

	if (parse(argc, argv, &args, &err) != RD_OK) {
		fprintf(stderr, "redoubt pki: %s\n", err.text);
		return RD_EXIT_USAGE;
	}
	if (args.help) {
		print_help();
		return RD_EXIT_OK;
	}
	st = args.root ? print_root(&err) : pki_tls(&args, time(NULL), &err);
	if (st != RD_OK) {
		fprintf(stderr, "redoubt pki: %s\n", err.text);
		return RD_EXIT_FAILURE;
	}
	return RD_EXIT_OK;
}
