/* SPDX-License-Identifier: Apache-2.0 */
/* nitro-cli pcr: the PCR value of a file, or PCR8 of a signing certificate. */
#include "eif/measure.h"
#include "nitro-cli/errors.h"
#include "nitro-cli/json_out.h"
#include "nitro-cli/options.h"
#include "nitro-cli/signer.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#define READ_CHUNK ((size_t)256 * 1024)

struct pcr_args {
	const char *input;
	const char *certificate;
};

static const struct cli_option options[] = {
	{"input", CLI_TEXT, offsetof(struct pcr_args, input), "PATH", "The file to measure",
		.required = true, .unless = "signing-certificate",
		.conflicts = "signing-certificate"},
	{"signing-certificate", CLI_TEXT, offsetof(struct pcr_args, certificate), "PATH",
		"The PEM certificate to measure, as in PCR8"},
};

/* Whatever the file is, it is measured as a single section would be. */
static enum rd_status measure_fd(
	int fd, uint8_t *chunk, struct rd_eif_measure *m, uint8_t ret_pcr[RD_EIF_PCR_SIZE])
{
	struct rd_eif_pcrs pcrs;
	size_t n;

	RD_TRY(rd_eif_measure_begin(m, RD_EIF_KERNEL));
	do {
		RD_TRY(rd_fd_read(fd, chunk, READ_CHUNK, &n));
		RD_TRY(rd_eif_measure_data(m, rd_view(chunk, n)));
	} while (n > 0);
	RD_TRY(rd_eif_measure_result(m, &pcrs));
	for (unsigned i = 0; i < RD_EIF_PCR_SIZE; i++) {
		ret_pcr[i] = pcrs.pcr0[i];
	}
	return RD_OK;
}

static enum rd_status measure_file(
	const char *path, uint8_t ret_pcr[RD_EIF_PCR_SIZE], struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = open(path, O_RDONLY | O_CLOEXEC);
	struct rd_eif_measure *m RD_CLEANUP(rd_eif_measure_free) = NULL;
	uint8_t *chunk;
	enum rd_status st;

	if (fd < 0) {
		return rd_fail_errno(err, errno, "opening %s", path);
	}
	if (rd_eif_measure_new(&m) != RD_OK) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	chunk = malloc(READ_CHUNK);
	errno = 0;
	st = chunk != NULL ? measure_fd(fd, chunk, m, ret_pcr) : RD_NOMEM;
	free(chunk);
	return st == RD_OK ? RD_OK : rd_fail_errno(err, errno, "reading %s", path);
}

static enum rd_status measure_certificate(
	const char *path, uint8_t ret_pcr[RD_EIF_PCR_SIZE], struct rd_error *err)
{
	struct rd_buf pem RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CERT_PEM_SIZE_MAX);
	enum rd_status st;

	RD_TRY(cli_read_file(path, "signing certificate", &pem, err));
	st = cli_certificate_pcr(rd_buf_view(&pem), ret_pcr, err);
	return st == RD_OK ? RD_OK : rd_error_wrap(err, st, "%s", path);
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	json_t *out RD_CLEANUP(cli_json_free) = json_object();
	struct pcr_args args = {0};
	enum cli_parsed parsed = cli_parse(command, argc, argv, &args);
	uint8_t pcr[RD_EIF_PCR_SIZE];
	struct rd_error err;
	enum rd_status st;

	if (parsed != CLI_PARSED) {
		return cli_parse_exit(parsed);
	}
	st = args.input != NULL ? measure_file(args.input, pcr, &err)
				: measure_certificate(args.certificate, pcr, &err);
	if (st != RD_OK) {
		return cli_fail(rd_category(st) == RD_CAT_MALFORMED ? CLI_E57 : CLI_E19, &err);
	}
	if (cli_json_set_hex(out, args.input != NULL ? "PCR" : "PCR8", rd_view(pcr, sizeof(pcr))) !=
		RD_OK) {
		return cli_fail_text(CLI_E57, "out of memory");
	}
	return cli_json_print(out, &err) == RD_OK ? 0 : cli_fail(CLI_E19, &err);
}

const struct cli_command cli_pcr = {
	.name = "pcr",
	.about = "Compute the PCR value of a file or of a signing certificate",
	.options = options,
	.n_options = RD_ARRAY_LEN(options),
	.run = run,
};
