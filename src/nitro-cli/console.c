/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nitro-cli console: the output of a debug-mode enclave, what was kept of it and what follows,
 * until its end. After its end, what was kept.
 */
#include "nitro-cli/daemon_client.h"
#include "nitro-cli/options.h"

#include "base/text.h"
#include "ctl/ring.h"
#include "os/fd.h"
#include "os/loop.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A year, in seconds: longer time-outs are as good as none, and fit every clock. */
#define TIMEOUT_MAX_S (366ull * 86400)
/* poll's timeout is an int of milliseconds; longer waits are several. */
#define POLL_MAX_MS 3600000

struct console_args {
	const char *enclave_id;
	const char *enclave_name;
	const char *disconnect_timeout;
};

static const struct cli_option options[] = {
	{"enclave-id", CLI_TEXT, offsetof(struct console_args, enclave_id), "ID",
		"The enclave's EnclaveID", .required = true, .unless = "enclave-name",
		.conflicts = "enclave-name"},
	{"enclave-name", CLI_TEXT, offsetof(struct console_args, enclave_name), "NAME",
		"The enclave's name", .conflicts = "enclave-id"},
	{"disconnect-timeout", CLI_TEXT, offsetof(struct console_args, disconnect_timeout),
		"SECONDS", "Detach so many seconds after attaching"},
};

/* Everything, also to a stdout that somebody made non-blocking. */
static enum rd_status write_stdout(struct rd_view bytes)
{
	struct rd_cur c = rd_cur(bytes);

	while (c.left > 0) {
		struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
		size_t n = 0;
		enum rd_status st = rd_fd_write(STDOUT_FILENO, rd_view(c.ptr, c.left), &n);

		if (st == RD_AGAIN) {
			(void)!poll(&p, 1, -1);
			continue;
		}
		RD_TRY(st);
		RD_TRY(rd_cur_skip(&c, n));
	}
	return RD_OK;
}

/* RD_TIMEOUT at the deadline; signals do not end the wait. */
static enum rd_status wait_for_output(int fd, bool has_deadline, uint64_t deadline_ms)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint64_t now = rd_loop_now_ms();
		int wait = POLL_MAX_MS;
		int n;

		if (has_deadline) {
			uint64_t left = now >= deadline_ms ? 0 : deadline_ms - now;

			wait = left < POLL_MAX_MS ? (int)left : POLL_MAX_MS;
		}
		n = poll(&p, 1, wait);
		if (n > 0) {
			return RD_OK;
		}
		if (n == 0 && has_deadline && rd_loop_now_ms() >= deadline_ms) {
			return RD_TIMEOUT;
		}
		if (n < 0 && errno != EINTR) {
			return rd_status_from_errno(errno);
		}
	}
}

static int follow(int fd, bool has_deadline, uint64_t timeout_s)
{
	static uint8_t piece[65536];
	uint64_t deadline_ms = rd_loop_now_ms() + timeout_s * 1000;
	bool first = true;
	size_t n = 0;

	for (;;) {
		enum rd_status st = wait_for_output(fd, has_deadline, deadline_ms);

		if (st == RD_TIMEOUT) {
			return 0;
		}
		if (st == RD_OK) {
			st = rd_fd_read(fd, piece, sizeof(piece), &n);
		}
		if (st == RD_AGAIN) {
			continue;
		}
		if (st != RD_OK) {
			return cli_fail_text(
				CLI_E45, "cannot read the console: %s", rd_status_text(st));
		}
		if (n == 0) {
			return 0;
		}
		if (first && rd_view_equal(rd_view(piece, n), rd_ctl_console_full())) {
			return cli_fail_text(CLI_E44,
				"the enclave's console has as many readers as it may have: end one "
				"of them");
		}
		first = false;
		st = write_stdout(rd_view(piece, n));
		if (st != RD_OK) {
			return cli_fail_text(
				CLI_E46, "cannot write to stdout: %s", rd_status_text(st));
		}
	}
}

static int unroll(int fd)
{
	struct rd_view parts[2];
	uint64_t written = 0;
	uint8_t *ring = malloc(RD_RING_SIZE);
	enum rd_status st = ring == NULL ? RD_NOMEM : rd_fd_pread_full(fd, ring, RD_RING_SIZE, 0);

	if (st == RD_OK) {
		st = rd_ring_read(rd_view(ring, RD_RING_SIZE), parts, &written);
	}
	if (st != RD_OK) {
		free(ring);
		return cli_fail_text(
			CLI_E45, "the kept console cannot be read: %s", rd_status_text(st));
	}
	st = write_stdout(parts[0]);
	if (st == RD_OK) {
		st = write_stdout(parts[1]);
	}
	free(ring);
	if (st != RD_OK) {
		return cli_fail_text(CLI_E46, "cannot write to stdout: %s", rd_status_text(st));
	}
	return 0;
}

static enum cli_code ask(
	struct cli_daemon *d, const char *enclave_id, const char *name, struct rd_error *err)
{
	struct rd_ctl_message m = {.type = RD_CTL_CONSOLE};
	enum cli_code code = cli_target_set(&m.target, enclave_id, name, err);

	if (code == CLI_E00) {
		code = cli_daemon_open(d, err);
	}
	if (code == CLI_E00) {
		code = cli_daemon_ask(d, &m, -1, err);
	}
	if (code == CLI_E00) {
		code = cli_daemon_answer(d, CLI_DAEMON_ANSWER_MS, err);
	}
	if (code == CLI_E00 && d->answer.type != RD_CTL_CONSOLE_FD) {
		(void)rd_fail(
			err, RD_BAD_TYPE, "redoubtd answered %s", rd_ctl_type_name(d->answer.type));
		code = CLI_E39;
	}
	return code;
}

int cli_console_show(const char *enclave_id, const char *name, bool has_timeout, uint64_t timeout_s)
{
	static struct cli_daemon daemon = {.sock = -1, .fds = RD_MSG_FDS_INIT};
	struct rd_error err = {.text = ""};
	enum cli_code code = ask(&daemon, enclave_id, name, &err);
	int fd RD_CLEANUP(rd_fd_close) = -1;
	bool ring = daemon.answer.console_fd.ring;
	uint64_t cid = daemon.answer.console_fd.cid;

	if (code == CLI_E00) {
		fd = rd_msg_fds_steal(&daemon.fds, 0);
	}
	cli_daemon_close(&daemon);
	if (code != CLI_E00) {
		return cli_fail(code, &err);
	}
	printf("Connecting to the console for enclave %" PRIu64 "...\n"
	       "Successfully connected to the console.\n",
		cid);
	fflush(stdout);
	return ring ? unroll(fd) : follow(fd, has_timeout, timeout_s);
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	struct console_args args = {0};
	enum cli_parsed parsed = cli_parse(command, argc, argv, &args);
	uint64_t timeout_s = 0;

	if (parsed != CLI_PARSED) {
		return cli_parse_exit(parsed);
	}
	if (args.disconnect_timeout != NULL &&
		rd_parse_u64(args.disconnect_timeout, 0, TIMEOUT_MAX_S, &timeout_s) != RD_OK) {
		return cli_fail_text(CLI_E03,
			"--disconnect-timeout \"%s\" is not a number of seconds (0 to %llu)",
			args.disconnect_timeout, TIMEOUT_MAX_S);
	}
	return cli_console_show(
		args.enclave_id, args.enclave_name, args.disconnect_timeout != NULL, timeout_s);
}

const struct cli_command cli_console = {
	.name = "console",
	.about = "Show the console of an enclave in debug mode",
	.options = options,
	.n_options = RD_ARRAY_LEN(options),
	.run = run,
};
