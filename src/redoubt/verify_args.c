/* SPDX-License-Identifier: Apache-2.0 */
/* Command line of `redoubt verify`. */
#include "redoubt/verify.h"

#include "base/text.h"
#include "os/fd.h"
#include "os/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Where redoubtd publishes its root's certificate, under the state directory. */
#define OWN_ROOT_FILE "root.pem"

enum { OPT_ROOT = 1, OPT_AT, OPT_MAX_AGE, OPT_NONCE, OPT_PCR, OPT_ALLOW_DEBUG, OPT_JSON, OPT_HELP };

static const struct option long_options[] = {
	{"root", required_argument, NULL, OPT_ROOT},
	{"at", required_argument, NULL, OPT_AT},
	{"max-age", required_argument, NULL, OPT_MAX_AGE},
	{"nonce", required_argument, NULL, OPT_NONCE},
	{"pcr", required_argument, NULL, OPT_PCR},
	{"allow-debug", no_argument, NULL, OPT_ALLOW_DEBUG},
	{"json", no_argument, NULL, OPT_JSON},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

void verify_print_help(void)
{
	puts("usage: redoubt verify [OPTION]... FILE|-\n"
	     "\n"
	     "Checks an attestation document: form, chain to a trusted root, signature, identity,\n"
	     "freshness and the registers. Exits 0 only when everything holds; every refusal has\n"
	     "an exit code of its own (see redoubt-verify(1)).\n"
	     "\n"
	     "  --root FILE     trust this root certificate (PEM or DER); may come several times.\n"
	     "                  Without it: root.pem in the state directory, which redoubtd makes\n"
	     "  --at TIME       judge certificates at this time (RFC 3339 in UTC, or seconds since\n"
	     "                  the epoch) instead of now, for archived documents\n"
	     "  --max-age S     refuse a document made more than S seconds before\n"
	     "  --nonce HEX     the nonce that was sent, at least 16 bytes\n"
	     "  --pcr N=HEX     what register N must hold; may come for every register\n"
	     "  --allow-debug   accept an enclave in debug mode (PCR0, 1 or 2 zero)\n"
	     "  --json          print all fields as JSON\n"
	     "  --help          this text");
}

static enum rd_status parse_cert(struct rd_view bytes, struct rd_cert **ret)
{
	enum rd_status st = rd_cert_from_der(bytes, ret);

	return st == RD_OK ? RD_OK : rd_cert_from_pem(bytes, ret);
}

static enum rd_status add_root(struct verify_args *a, const char *path, struct rd_error *err)
{
	RD_CLEANUP(rd_buf_finish) struct rd_buf bytes = rd_buf_growable(RD_CERT_PEM_SIZE_MAX);
	RD_CLEANUP(rd_fd_close) int fd = -1;
	enum rd_status st;

	if (a->options.n_roots == VERIFY_ROOTS_MAX) {
		return rd_fail(err, RD_USAGE, "more than %d roots", VERIFY_ROOTS_MAX);
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot open the root certificate %s", path);
	}
	st = rd_fd_read_all(fd, &bytes);
	if (st == RD_OK) {
		st = parse_cert(rd_buf_view(&bytes), &a->roots[a->options.n_roots]);
	}
	if (st != RD_OK) {
		return rd_fail(err, st, "%s is not a certificate in PEM or DER (%s)", path,
			rd_status_text(st));
	}
	a->options.n_roots++;
	return RD_OK;
}

static enum rd_status add_own_root(struct verify_args *a, struct rd_error *err)
{
	struct rd_paths paths;
	char path[RD_PATH_MAX];
	enum rd_status st;

	RD_TRY(rd_paths_init(&paths, err));
	st = rd_paths_join(path, paths.state, OWN_ROOT_FILE, NULL);
	if (st != RD_OK) {
		return rd_fail(err, st, "the state directory's path is too long");
	}
	st = add_root(a, path, err);
	return st == RD_OK
		       ? RD_OK
		       : rd_error_wrap(err, st,
				 "no --root given (name one, or start redoubtd once to make our own)");
}

static enum rd_status set_time(struct verify_args *a, const char *text, struct rd_error *err)
{
	if (rd_parse_time(text, &a->options.now_s) != RD_OK) {
		return rd_fail(err, RD_USAGE,
			"--at %s is not a time: write 2031-02-03T04:05:06Z or seconds since the "
			"epoch",
			text);
	}
	return RD_OK;
}

static enum rd_status set_max_age(struct verify_args *a, const char *text, struct rd_error *err)
{
	uint64_t v;

	if (rd_parse_u64(text, 1, UINT32_MAX, &v) != RD_OK) {
		return rd_fail(
			err, RD_USAGE, "--max-age %s is not a number of seconds above 0", text);
	}
	a->options.max_age_s = (uint32_t)v;
	return RD_OK;
}

static enum rd_status set_nonce(struct verify_args *a, const char *hex, struct rd_error *err)
{
	struct rd_buf b = rd_buf_fixed(a->nonce, sizeof(a->nonce));

	if (rd_hex_decode(rd_view_str(hex), &b) != RD_OK || b.used < RD_VERIFY_NONCE_MIN) {
		return rd_fail(err, RD_USAGE, "--nonce wants %d to %d bytes in hex",
			RD_VERIFY_NONCE_MIN, RD_DOC_FIELD_MAX);
	}
	a->options.nonce = rd_buf_view(&b);
	return RD_OK;
}

/* "N=HEX" */
static enum rd_status set_pcr(struct verify_args *a, const char *text, struct rd_error *err)
{
	const char *equals = strchr(text, '=');
	char number[8];
	struct rd_buf b;
	uint64_t n;

	if (equals == NULL || (size_t)(equals - text) >= sizeof(number)) {
		return rd_fail(err, RD_USAGE, "--pcr %s is not of the form N=HEX", text);
	}
	snprintf(number, sizeof(number), "%.*s", (int)(equals - text), text);
	if (rd_parse_u64(number, 0, RD_DOC_PCR_COUNT - 1, &n) != RD_OK) {
		return rd_fail(err, RD_USAGE, "--pcr %s: registers are 0 to %d", text,
			RD_DOC_PCR_COUNT - 1);
	}
	if (a->options.pcrs[n].ptr != NULL) {
		return rd_fail(err, RD_USAGE, "--pcr %s comes twice", number);
	}
	b = rd_buf_fixed(a->pcrs[n], sizeof(a->pcrs[n]));
	if (rd_hex_decode(rd_view_str(equals + 1), &b) != RD_OK || b.used != RD_DOC_PCR_SIZE) {
		return rd_fail(err, RD_USAGE, "--pcr %s=... wants %d bytes in hex", number,
			RD_DOC_PCR_SIZE);
	}
	a->options.pcrs[n] = rd_buf_view(&b);
	return RD_OK;
}

static enum rd_status set_option(int opt, struct verify_args *a, struct rd_error *err)
{
	switch (opt) {
	case OPT_ROOT:
		return add_root(a, optarg, err);
	case OPT_AT:
		return set_time(a, optarg, err);
	case OPT_MAX_AGE:
		return set_max_age(a, optarg, err);
	case OPT_NONCE:
		return set_nonce(a, optarg, err);
	case OPT_PCR:
		return set_pcr(a, optarg, err);
	case OPT_ALLOW_DEBUG:
		a->options.allow_debug = true;
		return RD_OK;
	case OPT_JSON:
		a->json = true;
		return RD_OK;
	case OPT_HELP:
		a->help = true;
		return RD_OK;
	default:
		return rd_fail(err, RD_USAGE,
			"unknown option, or one without its value; see `redoubt verify --help`");
	}
}

/* Zeros are what debug mode shows: expecting them would accept any image. */
static enum rd_status check_pcrs(const struct verify_args *a, struct rd_error *err)
{
	static const uint8_t zeros[RD_DOC_PCR_SIZE];

	for (size_t i = 0; i < RD_DOC_PCR_COUNT && !a->options.allow_debug; i++) {
		if (rd_view_equal(a->options.pcrs[i], rd_view(zeros, sizeof(zeros)))) {
			return rd_fail(err, RD_USAGE,
				"--pcr %zu expects zeros, which every debug enclave has; give "
				"--allow-debug if that is meant",
				i);
		}
	}
	return RD_OK;
}

static enum rd_status parse_all(int argc, char **argv, struct verify_args *a, struct rd_error *err)
{
	int opt;

	opterr = 0;
	optind = 1;
	while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		RD_TRY(set_option(opt, a, err));
	}
	if (a->help) {
		return RD_OK;
	}
	if (argc - optind != 1) {
		return rd_fail(err, RD_USAGE,
			"wants exactly one document: a file's name, or - for standard input");
	}
	a->file = argv[optind];
	RD_TRY(check_pcrs(a, err));
	return a->options.n_roots == 0 ? add_own_root(a, err) : RD_OK;
}

enum rd_status verify_args_parse(
	int argc, char **argv, struct verify_args *ret, struct rd_error *err)
{
	*ret = (struct verify_args){.options = {.now_s = time(NULL), .skew_s = RD_VERIFY_SKEW_S}};
	return parse_all(argc, argv, ret, err);
}

void verify_args_finish(struct verify_args *args)
{
	for (size_t i = 0; i < VERIFY_ROOTS_MAX; i++) {
		rd_cert_free(&args->roots[i]);
	}
}
