/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nitro-cli run-enclave. The image is copied into a sealed memory file here, in our own process and
 * at our own expense, so that the service never waits for our file system.
 */
#include "nitro-cli/daemon_client.h"
#include "nitro-cli/enclave_json.h"
#include "nitro-cli/hypervisor_client.h"
#include "nitro-cli/options.h"
#include "nitro-cli/run_args.h"

#include "eif/read.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

static const struct cli_option options[] = {
	{"cpu-count", CLI_TEXT, offsetof(struct cli_run_flags, cpu_count), "COUNT",
		"Number of CPUs", .required = true, .unless = "cpu-ids config",
		.conflicts = "cpu-ids config"},
	{"cpu-ids", CLI_LIST, offsetof(struct cli_run_flags, cpu_ids), "ID",
		"The CPUs, separated by spaces", .conflicts = "cpu-count config"},
	{"memory", CLI_TEXT, offsetof(struct cli_run_flags, memory), "SIZE",
		"Memory in MiB, or with M, G or T", .required = true, .unless = "config",
		.conflicts = "config"},
	{"eif-path", CLI_TEXT, offsetof(struct cli_run_flags, eif_path), "PATH", "The image to run",
		.required = true, .unless = "config", .conflicts = "config"},
	{"enclave-cid", CLI_TEXT, offsetof(struct cli_run_flags, enclave_cid), "CID",
		"Its vsock address, from 4 up; automatic without it", .conflicts = "config"},
	{"debug-mode", CLI_FLAG, offsetof(struct cli_run_flags, debug_mode), NULL,
		"With a console, and with PCR0, PCR1 and PCR2 zero", .conflicts = "config"},
	{"attach-console", CLI_FLAG, offsetof(struct cli_run_flags, attach_console), NULL,
		"Show the console when it has started; implies --debug-mode"},
	{"enclave-name", CLI_TEXT, offsetof(struct cli_run_flags, enclave_name), "NAME",
		"A name of your own; the image's file name without it", .conflicts = "config"},
	{"config", CLI_TEXT, offsetof(struct cli_run_flags, config), "PATH",
		"Read all of this from a JSON file",
		.conflicts = "cpu-count cpu-ids memory eif-path "
			     "enclave-cid debug-mode enclave-name"},
};

static enum cli_code open_image(const char *path, int *ret_fd, struct rd_error *err)
{
	struct stat st;
	int fd RD_CLEANUP(rd_fd_close) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) < 0) {
		(void)rd_fail_errno(err, errno, "cannot open %s", path);
		return CLI_E19;
	}
	if (!S_ISREG(st.st_mode)) {
		(void)rd_fail(err, RD_BAD_TYPE, "%s is not a regular file", path);
		return CLI_E19;
	}
	*ret_fd = rd_steal(&fd, -1);
	return CLI_E00;
}

/* What is no image at all is refused before gigabytes of it are copied. */
static enum cli_code check_header(const char *path, int fd, struct rd_error *err)
{
	struct rd_eif_parser *parser RD_CLEANUP(rd_eif_parser_free) = NULL;
	uint8_t header[RD_EIF_HEADER_SIZE];
	uint64_t size = 0;
	enum rd_status st = rd_fd_size(fd, &size);

	if (st == RD_OK) {
		st = rd_eif_parser_new(&parser);
	}
	if (st != RD_OK) {
		(void)rd_fail(err, st, "%s: %s", path, rd_status_text(st));
		return CLI_E19;
	}
	if (rd_fd_pread_full(fd, header, sizeof(header), 0) != RD_OK) {
		(void)rd_fail(err, RD_TRUNCATED, "%s is too short to be an enclave image", path);
		return CLI_E35;
	}
	if (rd_eif_parser_feed(parser, rd_view(header, sizeof(header)), err) != RD_OK) {
		(void)rd_error_wrap(err, RD_MALFORMED, "%s", path);
		return CLI_E35;
	}
	if (rd_eif_parser_expected_size(parser) != size) {
		(void)rd_fail(err, RD_TRUNCATED,
			"%s is %" PRIu64 " bytes long, but its header says %" PRIu64
			": it was cut short or added to; get it again",
			path, size, rd_eif_parser_expected_size(parser));
		return CLI_E35;
	}
	return CLI_E00;
}

static enum cli_code seal_image(const char *path, int *fd, struct rd_error *err)
{
	int file RD_CLEANUP(rd_fd_close) = rd_steal(fd, -1);

	if (rd_fd_sealed_copy(file, "eif", RD_EIF_FILE_MAX, fd, err) != RD_OK) {
		(void)rd_error_wrap(err, RD_IO, "%s", path);
		return CLI_E19;
	}
	return CLI_E00;
}

/* What is to be sent: in a parent the file itself, since the hypervisor makes the copy. */
static enum cli_code load_image(const char *path, bool sealed, int *ret_fd, struct rd_error *err)
{
	enum cli_code code = open_image(path, ret_fd, err);

	if (code == CLI_E00) {
		code = check_header(path, *ret_fd, err);
	}
	if (code == CLI_E00 && sealed) {
		code = seal_image(path, ret_fd, err);
	}
	return code;
}

static void print_started(const struct rd_ctl_enclave *e)
{
	fprintf(stderr,
		"Started enclave with enclave-cid: %" PRIu64 ", memory: %" PRIu64
		" MiB, cpu-ids: [",
		e->cid, e->memory_mib);
	for (size_t i = 0; i < e->cpu_ids.count; i++) {
		fprintf(stderr, "%s%" PRIu64, i == 0 ? "" : ", ", e->cpu_ids.items[i]);
	}
	fprintf(stderr, "]\n");
}

/* Until the heartbeat: RUNNING is then in d->answer. */
static enum cli_code wait_until_running(struct cli_daemon *d, struct rd_error *err)
{
	for (;;) {
		enum cli_code code = cli_daemon_answer(d, CLI_DAEMON_WAIT_FOREVER, err);

		if (code != CLI_E00 || d->answer.type == RD_CTL_RUNNING) {
			return code;
		}
		if (d->answer.type == RD_CTL_PROGRESS) {
			fprintf(stderr, "%s\n", d->answer.progress.text);
		} else if (d->answer.type == RD_CTL_STARTED) {
			print_started(&d->answer.enclave);
		}
	}
}

static enum cli_code start(
	struct cli_daemon *d, const struct cli_run_args *args, struct rd_error *err)
{
	struct rd_ctl_message m = {.type = RD_CTL_RUN, .run = args->run};
	int image RD_CLEANUP(rd_fd_close) = -1;
	bool sealed = !cli_hypervisor_here();
	enum cli_code code = load_image(args->eif_path, sealed, &image, err);

	if (code == CLI_E00) {
		code = cli_daemon_open(d, err);
	}
	if (code == CLI_E00 && !sealed && !d->hypervisor) {
		code = seal_image(args->eif_path, &image, err);
	}
	if (code == CLI_E00) {
		code = cli_daemon_ask(d, &m, image, err);
	}
	/* The copy is the service's now. */
	rd_fd_close(&image);
	return code == CLI_E00 ? wait_until_running(d, err) : code;
}

static enum cli_code print_running(const struct rd_ctl_enclave *e, struct rd_error *err)
{
	json_t *o RD_CLEANUP(cli_json_free) = NULL;

	if (cli_enclave_json(e, &o) != RD_OK) {
		(void)rd_fail(err, RD_NOMEM, "out of memory");
		return CLI_E17;
	}
	return cli_json_print(o, err) == RD_OK ? CLI_E00 : CLI_E17;
}

static enum cli_code read_args(
	const struct cli_run_flags *flags, struct cli_run_args *ret, struct rd_error *err)
{
	if (flags->config != NULL) {
		return cli_run_args_from_config(flags->config, flags->attach_console, ret, err);
	}
	return cli_run_args_from_flags(flags, ret, err);
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	static struct cli_daemon daemon = {.sock = -1, .fds = RD_MSG_FDS_INIT};
	struct cli_run_flags flags = {0};
	struct cli_run_args args RD_CLEANUP(cli_run_args_finish) = {0};
	struct rd_error err = {.text = ""};
	enum cli_parsed parsed = cli_parse(command, argc, argv, &flags);
	enum cli_code code;

	if (parsed != CLI_PARSED) {
		return cli_parse_exit(parsed);
	}
	code = read_args(&flags, &args, &err);
	if (code == CLI_E00 && (flags.enclave_cid != NULL && args.run.cid == 0)) {
		fprintf(stderr, "The enclave CID will be assigned automatically.\n");
	}
	if (code == CLI_E00) {
		code = start(&daemon, &args, &err);
	}
	if (code == CLI_E00) {
		code = print_running(&daemon.answer.enclave, &err);
	}
	cli_daemon_close(&daemon);
	if (code != CLI_E00) {
		return cli_fail(code, &err);
	}
	if (args.attach_console) {
		return cli_console_show(daemon.answer.enclave.enclave_id, NULL, false, 0);
	}
	return 0;
}

const struct cli_command cli_run_enclave = {
	.name = "run-enclave",
	.about = "Run an image in a new enclave",
	.options = options,
	.n_options = RD_ARRAY_LEN(options),
	.run = run,
};
