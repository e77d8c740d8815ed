/* SPDX-License-Identifier: Apache-2.0 */
/* redoubt verify: reads one document, has it checked, and says what came of it. */
#include "redoubt/verify.h"

#include "os/fd.h"
#include "redoubt/redoubt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What to do about a refusal, where something can be done. */
static const struct {
	enum rd_verify_result result;
	const char *advice;
} advices[] = {
	{RD_VERIFY_UNKNOWN_ROOT, "name the right root with --root if you trust it"},
	{RD_VERIFY_EXPIRED, "ask for a new document, or give --at TIME for an archived one"},
	{RD_VERIFY_NOT_YET_VALID, "check this machine's clock, or --at"},
	{RD_VERIFY_FUTURE, "check this machine's clock, or --at"},
	{RD_VERIFY_TOO_OLD, "ask for a new document"},
	{RD_VERIFY_NONCE, "the document answers another challenge: ask for a new one"},
	{RD_VERIFY_DEBUG, "--allow-debug accepts it, for tests"},
	{RD_VERIFY_PCR, "another image, signer or parent than the one expected"},
};

static const char *advice_on(enum rd_verify_result result)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(advices); i++) {
		if (advices[i].result == result) {
			return advices[i].advice;
		}
	}
	return NULL;
}

/* One line: the sentence, where, and what to do. */
static void explain(
	enum rd_verify_result result, const struct rd_verify_report *report, struct rd_error *ret)
{
	static const char *const levels[RD_VERIFY_CHAIN_MAX] = {
		"root", "regional", "zonal", "instance", "leaf"};
	const char *advice = advice_on(result);
	char where[64] = "";

	if (report->cert >= 0) {
		bool full = report->doc.n_cabundle == RD_DOC_CABUNDLE_MAX;

		snprintf(where, sizeof(where), " (certificate %d of %zu%s%s)", report->cert + 1,
			report->doc.n_cabundle + 1, full ? ", " : "",
			full ? levels[report->cert] : "");
	} else if (report->pcr >= 0) {
		snprintf(where, sizeof(where), " (PCR%d)", report->pcr);
	}
	rd_fail(ret, RD_UNTRUSTED, "%s%s%s%s", rd_verify_text(result), where,
		advice != NULL ? "; " : "", advice != NULL ? advice : "");
}

static enum rd_status read_input(const char *file, struct rd_buf *b, struct rd_error *err)
{
	RD_CLEANUP(rd_fd_close) int fd = -1;
	bool from_stdin = strcmp(file, "-") == 0;
	enum rd_status st;

	fd = from_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
			: open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot open the document");
	}
	st = rd_fd_read_all(fd, b);
	if (st != RD_OK && st != RD_LIMIT) {
		return rd_fail(err, st, "cannot read the document: %s", rd_status_text(st));
	}
	return st;
}

static int refuse(const struct verify_args *args, enum rd_verify_result result,
	const struct rd_verify_report *report)
{
	struct rd_error err;

	explain(result, report, &err);
	fprintf(stderr, "redoubt verify: %s: %s\n", args->file, err.text);
	if (args->json && verify_print_refusal_json(result, err.text) != RD_OK) {
		fprintf(stderr, "redoubt verify: cannot write the result\n");
	}
	return (int)result;
}

static int accept_document(const struct verify_args *args, const struct rd_verify_report *report)
{
	enum rd_status st = args->json ? verify_print_json(report) : verify_print_text(report);

	if (st != RD_OK) {
		fprintf(stderr, "redoubt verify: cannot write the result: %s\n",
			rd_status_text(st));
		return RD_EXIT_FAILURE;
	}
	return RD_EXIT_OK;
}

static int verify(const struct verify_args *args)
{
	RD_CLEANUP(rd_buf_finish) struct rd_buf input = rd_buf_growable(RD_VERIFY_INPUT_MAX);
	struct rd_verify_report report = {.cert = -1, .pcr = -1};
	const struct rd_cert *roots[VERIFY_ROOTS_MAX];
	struct rd_verify_options options = args->options;
	enum rd_verify_result result = RD_VERIFY_TOO_LARGE;
	struct rd_error err;
	enum rd_status st = read_input(args->file, &input, &err);

	if (st != RD_OK && st != RD_LIMIT) {
		fprintf(stderr, "redoubt verify: %s: %s\n", args->file, err.text);
		return RD_EXIT_FAILURE;
	}
	memcpy(roots, args->roots, sizeof(roots));
	options.roots = roots;
	if (st == RD_OK) {
		result = rd_verify(rd_buf_view(&input), &options, &report);
	}
	return result == RD_VERIFY_OK ? accept_document(args, &report)
				      : refuse(args, result, &report);
}

int rd_redoubt_verify(int argc, char **argv)
{
	RD_CLEANUP(verify_args_finish) struct verify_args args = {0};
	struct rd_error err;
	enum rd_status st = verify_args_parse(argc, argv, &args, &err);

	if (st != RD_OK) {
		fprintf(stderr, "redoubt verify: %s\n", err.text);
		return st == RD_USAGE ? RD_EXIT_USAGE : RD_EXIT_FAILURE;
	}
	if (args.help) {
		verify_print_help();
		return RD_EXIT_OK;
	}
	return verify(&args);
}
