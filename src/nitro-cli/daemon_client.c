/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting, starting, asking. */
#include "nitro-cli/daemon_client.h"

#include "nitro-cli/hypervisor_client.h"
#include "nitro-cli/log.h"
#include "os/fd.h"
#include "os/loop.h"
#include "os/paths.h"
#include "os/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char socket_name[] = "redoubtd.sock";
static const char log_name[] = "redoubtd.log";

#define RETRY_MS 20
/* What it logs at its start, twice over. */
#define LOG_ROOM 4096
/* A line of its log that fits an error's text beside a path. */
#define LAST_WORDS_MAX 320
/* redoubtd's exit code when another one was faster, which serves us as well. */
#define DAEMON_EXIT_RUNNING 3

/*
 * Whoever serves the socket gets the image and says how the enclave does, and /tmp/redoubt-UID is a
 * name that anybody may take first: RD_UNTRUSTED when it is neither us nor root. Root may talk to
 * everybody's.
 */
static enum rd_status check_server(int sock)
{
	struct rd_msg_peer peer;

	RD_TRY(rd_msg_peer(sock, &peer));
	RD_ENSURE(peer.uid == 0 || peer.uid == geteuid() || geteuid() == 0, RD_UNTRUSTED);
	return RD_OK;
}

static enum rd_status connect_run(const char *run, int *ret_sock)
{
	int dir RD_CLEANUP(rd_fd_close) = -1;
	int sock RD_CLEANUP(rd_fd_close) = -1;

	dir = open(run, O_PATH | O_DIRECTORY | O_CLOEXEC);
	RD_ENSURE(dir >= 0, rd_status_from_errno(errno));
	RD_TRY(rd_msg_connect_at(dir, socket_name, SOCK_SEQPACKET, &sock));
	RD_TRY(check_server(sock));
	*ret_sock = rd_steal(&sock, -1);
	return RD_OK;
}

/* A daemon with a full queue is there and busy: it is waited for, and no second one started. */
static enum rd_status connect_busy(const char *run, int *ret_sock)
{
	uint64_t until = rd_loop_now_ms() + CLI_DAEMON_START_MS;
	enum rd_status st = connect_run(run, ret_sock);

	while (st == RD_AGAIN && rd_loop_now_ms() < until) {
		usleep(RETRY_MS * 1000);
		st = connect_run(run, ret_sock);
	}
	return st;
}

/* The system's daemon, for a user whose group may use it. Not with a home of one's own. */
static enum rd_status connect_system(int *ret_sock)
{
	struct rd_paths_env env = {.uid = 0};
	struct rd_paths paths;
	const char *home = getenv("REDOUBT_HOME");

	if (geteuid() == 0 || (home != NULL && home[0] != '\0')) {
		return RD_NOTFOUND;
	}
	RD_TRY(rd_paths_resolve(&env, &paths, NULL));
	return connect_busy(paths.run, ret_sock);
}

static void say_started(const char *path)
{
	const char *level = getenv("RUST_LOG");

	if (level != NULL && (strcmp(level, "debug") == 0 || strcmp(level, "trace") == 0)) {
		fprintf(stderr, "redoubtd does not run: starting %s\n", path);
	}
	cli_log(CLI_LOG_INFO, "starting %s", path);
}

/* What a daemon needs to find its directories, its programs and theirs. */
static size_t collect_environment(const char **ret, char *storage, size_t cap)
{
	static const char *const names[] = {"PATH", "HOME", "REDOUBT_HOME", "REDOUBT_LIBEXEC",
		"REDOUBT_SHARE", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "RUST_LOG",
		"TMPDIR"};
	size_t n = 0;
	size_t used = 0;

	for (size_t i = 0; i < RD_ARRAY_LEN(names); i++) {
		const char *value = getenv(names[i]);
		int len;

		if (value == NULL) {
			continue;
		}
		len = snprintf(storage + used, cap - used, "%s=%s", names[i], value);
		if (len < 0 || (size_t)len >= cap - used) {
			continue;
		}
		ret[n++] = storage + used;
		used += (size_t)len + 1;
	}
	ret[n] = NULL;
	return n;
}

/* A daemon that cannot even log why it does not start would leave nothing to go by. */
static enum rd_status make_room(int fd, const char *path, struct rd_error *err)
{
	uint64_t size = 0;

	if (rd_fd_size(fd, &size) == RD_OK &&
		fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)size, LOG_ROOM) < 0 &&
		(errno == ENOSPC || errno == EDQUOT || errno == EFBIG)) {
		return rd_fail_errno(err, errno, "cannot write %s", path);
	}
	return RD_OK;
}

static enum rd_status open_log(const char *run, int *ret_fd, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;
	char path[RD_PATH_MAX];

	RD_TRY(rd_paths_make_dir(run, 0755, err));
	RD_TRY(rd_paths_join(path, run, log_name, NULL));
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot open %s", path);
	}
	RD_TRY(make_room(fd, path, err));
	*ret_fd = rd_steal(&fd, -1);
	return RD_OK;
}

static enum rd_status spawn_daemon(const char *run, struct rd_child *ret, struct rd_error *err)
{
	char environment[4 * RD_PATH_MAX];
	char path[RD_PATH_MAX];
	const char *argv[] = {"redoubtd", "--no-cgroup", NULL};
	const char *envp[16];
	int log RD_CLEANUP(rd_fd_close) = -1;
	struct rd_spawn_fd fds[1];
	struct rd_spawn how = {.path = path,
		.argv = argv,
		.envp = envp,
		.fds = fds,
		.fd_count = 1,
		.new_session = true};

	RD_TRY(rd_paths_libexec("redoubtd", path, err));
	RD_TRY(open_log(run, &log, err));
	fds[0] = (struct rd_spawn_fd){.from = log, .to = STDERR_FILENO};
	collect_environment(envp, environment, sizeof(environment));
	say_started(path);
	return rd_spawn(&how, ret, err);
}

/* What the daemon said last, without level and time; "" if that cannot be had. */
static void last_words(const char *run, char ret[LAST_WORDS_MAX])
{
	char tail[LAST_WORDS_MAX] = "";
	char path[RD_PATH_MAX];
	uint64_t size = 0;
	size_t n;
	char *line;
	int fd RD_CLEANUP(rd_fd_close) = -1;

	ret[0] = '\0';
	if (rd_paths_join(path, run, log_name, NULL) != RD_OK) {
		return;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || rd_fd_size(fd, &size) != RD_OK) {
		return;
	}
	n = size < sizeof(tail) - 1 ? (size_t)size : sizeof(tail) - 1;
	if (n == 0 || rd_fd_pread_full(fd, tail, n, size - n) != RD_OK) {
		return;
	}
	tail[n - 1] = tail[n - 1] == '\n' ? '\0' : tail[n - 1];
	line = strrchr(tail, '\n');
	line = line == NULL ? tail : line + 1;
	if (line[0] == '[' && strstr(line, "] ") != NULL) {
		line = strstr(line, "] ") + 2;
	}
	rd_ctl_text_clean(rd_view_str(line), ret, LAST_WORDS_MAX);
}

/* RD_AGAIN while there is hope. */
static enum rd_status check_daemon(struct rd_child *child, const char *run, struct rd_error *err)
{
	struct rd_exit how = {0};
	char words[LAST_WORDS_MAX];

	if (child->pid < 0 || rd_child_reap(child, false, &how) != RD_OK) {
		return RD_AGAIN;
	}
	if (!how.signalled && how.code == DAEMON_EXIT_RUNNING) {
		return RD_AGAIN;
	}
	last_words(run, words);
	return rd_fail(err, RD_CLOSED, "redoubtd did not start: %s%s(its log: %s/%s)", words,
		words[0] == '\0' ? "" : " ", run, log_name);
}

static enum rd_status start_daemon(const char *run, int *ret_sock, struct rd_error *err)
{
	struct rd_child child = RD_CHILD_INIT;
	uint64_t until;
	enum rd_status st = spawn_daemon(run, &child, err);

	RD_TRY(st);
	until = rd_loop_now_ms() + CLI_DAEMON_START_MS;
	for (;;) {
		if (connect_run(run, ret_sock) == RD_OK) {
			break;
		}
		st = check_daemon(&child, run, err);
		if (st == RD_AGAIN && rd_loop_now_ms() >= until) {
			st = rd_fail(err, RD_TIMEOUT,
				"redoubtd does not answer: see the end of %s/%s", run, log_name);
		}
		if (st != RD_AGAIN) {
			break;
		}
		usleep(RETRY_MS * 1000);
		st = RD_OK;
	}
	/* It is nobody's child soon; only the descriptor is ours to close. */
	rd_fd_close(&child.pidfd);
	return st;
}

/* Why the service that is there is not used. */
static enum rd_status refuse_server(enum rd_status st, const char *run, struct rd_error *err)
{
	if (st == RD_DENIED) {
		return rd_fail(err, st, "you may not use %s/%s: ask for membership of its group",
			run, socket_name);
	}
	if (st == RD_UNTRUSTED) {
		return rd_fail(err, st,
			"%s/%s is served by another user: remove it, or set REDOUBT_HOME to a "
			"directory of your own",
			run, socket_name);
	}
	return rd_fail(err, st, "redoubtd is busy and takes no connection: try again");
}

enum cli_code cli_daemon_open(struct cli_daemon *d, struct rd_error *err)
{
	struct rd_paths paths;
	enum rd_status st;
	enum rd_status system;

	*d = (struct cli_daemon){.sock = -1, .fds = RD_MSG_FDS_INIT};
	if (rd_paths_init(&paths, err) != RD_OK) {
		return CLI_E19;
	}
	st = connect_busy(paths.run, &d->sock);
	if (st == RD_OK) {
		return CLI_E00;
	}
	system = connect_system(&d->sock);
	if (system == RD_OK) {
		return CLI_E00;
	}
	if (st == RD_DENIED || st == RD_UNTRUSTED || st == RD_AGAIN || system == RD_AGAIN) {
		(void)refuse_server(system == RD_AGAIN ? system : st, paths.run, err);
		return CLI_E11;
	}
	if (cli_hypervisor_here()) {
		d->hypervisor = true;
		return cli_hypervisor_connect(&d->sock, err) == RD_OK ? CLI_E00 : CLI_E11;
	}
	return start_daemon(paths.run, &d->sock, err) == RD_OK ? CLI_E00 : CLI_E11;
}

static enum rd_status send_request(struct cli_daemon *d, const struct rd_ctl_message *m, int fd)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CTL_MESSAGE_MAX);
	struct rd_msg_fds fds = {.fd = {fd, -1, -1, -1}, .count = fd < 0 ? 0 : 1};

	RD_TRY(rd_ctl_encode(m, &buf));
	if (d->hypervisor) {
		return cli_hypervisor_send(d->sock, m, fd);
	}
	return rd_msg_send(d->sock, rd_buf_view(&buf), &fds);
}

enum cli_code cli_daemon_ask(
	struct cli_daemon *d, const struct rd_ctl_message *m, int fd, struct rd_error *err)
{
	enum rd_status st = send_request(d, m, fd);

	if (st == RD_USAGE || st == RD_NOSPACE) {
		(void)rd_fail(err, st, "an argument is too long, or not plain text");
		return CLI_E03;
	}
	/* Who hangs up before our request may have said why: that is the answer, then. */
	if (st != RD_OK && st != RD_CLOSED) {
		(void)rd_fail(err, st, "cannot send to redoubtd: %s", rd_status_text(st));
		return CLI_E11;
	}
	return CLI_E00;
}

/* Stop, continue and other signals do not end a wait. */
static enum rd_status wait_readable(int fd, int timeout_ms)
{
	uint64_t start = rd_loop_now_ms();

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint64_t passed = rd_loop_now_ms() - start;
		int left = timeout_ms;
		int n;

		if (timeout_ms >= 0) {
			left = passed >= (uint64_t)timeout_ms ? 0 : timeout_ms - (int)passed;
		}
		n = poll(&p, 1, left);
		if (n > 0) {
			return RD_OK;
		}
		if (n == 0) {
			return RD_TIMEOUT;
		}
		if (errno != EINTR) {
			return rd_status_from_errno(errno);
		}
	}
}

/*
 * A peer that closes without having read our request is reported once as a reset, before what it
 * had to say; asked again, the socket gives that, or its end.
 */
static enum rd_status receive(struct cli_daemon *d, size_t *ret_len)
{
	enum rd_status st = rd_msg_recv(d->sock, d->storage, sizeof(d->storage), ret_len, &d->fds);

	if (st == RD_CLOSED) {
		st = rd_msg_recv(d->sock, d->storage, sizeof(d->storage), ret_len, &d->fds);
	}
	return st;
}

static enum rd_status answer_of_daemon(struct cli_daemon *d, int timeout_ms)
{
	size_t len = 0;
	enum rd_status st;

	do {
		st = wait_readable(d->sock, timeout_ms);
		if (st == RD_OK) {
			st = receive(d, &len);
		}
	} while (st == RD_AGAIN);
	RD_TRY(st);
	return rd_ctl_decode(
		rd_view(d->storage, len), d->fds.count, RD_CTL_DAEMON_TO_CLIENT, &d->answer);
}

/*
 * No descriptors come this way: a console's place is the rest of the stream itself, and metadata
 * follows its message.
 */
static enum rd_status answer_of_hypervisor(struct cli_daemon *d, int timeout_ms)
{
	struct rd_view datagram = rd_view(d->storage, 0);
	enum rd_status st;

	RD_TRY(cli_hypervisor_receive(d->sock, timeout_ms, d->storage, &datagram.len));
	st = rd_ctl_decode(datagram, 0, RD_CTL_DAEMON_TO_CLIENT, &d->answer);
	if (st == RD_OK && d->answer.type == RD_CTL_ENCLAVE &&
		d->answer.enclave.metadata_size > 0) {
		RD_TRY(cli_hypervisor_receive_file(
			d->sock, timeout_ms, d->answer.enclave.metadata_size, &d->fds.fd[0]));
		d->fds.count = 1;
	}
	if (st != RD_FORBIDDEN) {
		return st;
	}
	RD_TRY(rd_ctl_decode(datagram, 1, RD_CTL_DAEMON_TO_CLIENT, &d->answer));
	d->fds.fd[0] = fcntl(d->sock, F_DUPFD_CLOEXEC, 0);
	RD_ENSURE(d->fds.fd[0] >= 0, rd_status_from_errno(errno));
	d->fds.count = 1;
	return RD_OK;
}

enum cli_code cli_daemon_answer(struct cli_daemon *d, int timeout_ms, struct rd_error *err)
{
	enum rd_status st;

	rd_msg_fds_finish(&d->fds);
	st = d->hypervisor ? answer_of_hypervisor(d, timeout_ms) : answer_of_daemon(d, timeout_ms);
	if (st != RD_OK) {
		(void)rd_fail(err, st, "redoubtd: %s%s", rd_status_text(st),
			st == RD_CLOSED ? " (it ended, or was restarted): try again" : "");
		return CLI_E39;
	}
	if (d->answer.type == RD_CTL_ERROR) {
		(void)rd_fail(err, RD_DENIED, "%s", d->answer.error.text);
		return cli_code_from_number((unsigned)d->answer.error.code);
	}
	return CLI_E00;
}

void cli_daemon_close(struct cli_daemon *d)
{
	rd_msg_fds_finish(&d->fds);
	rd_fd_close(&d->sock);
}

static enum rd_status set_text(const char *value, char *dst, size_t cap)
{
	RD_ENSURE(strlen(value) < cap, RD_LIMIT);
	memcpy(dst, value, strlen(value) + 1);
	return RD_OK;
}

enum cli_code cli_target_set(struct rd_ctl_target *target, const char *enclave_id, const char *name,
	struct rd_error *err)
{
	if (enclave_id != NULL &&
		set_text(enclave_id, target->enclave_id, sizeof(target->enclave_id)) != RD_OK) {
		(void)rd_fail(err, RD_LIMIT, "--enclave-id is longer than any enclave's id");
		return CLI_E03;
	}
	if (name != NULL && set_text(name, target->name, sizeof(target->name)) != RD_OK) {
		(void)rd_fail(
			err, RD_LIMIT, "--enclave-name is longer than %d bytes", RD_CTL_NAME_MAX);
		return CLI_E03;
	}
	return CLI_E00;
}
