/* SPDX-License-Identifier: Apache-2.0 */
/* A server's lock, isolation and signals. */
#include "os/server.h"

#include "os/fd.h"
#include "os/isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

/* A full disk is no reason not to serve: then nobody reads it there. */
static void put_pid(int fd)
{
	char text[16];

	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) == 0) {
		(void)!rd_fd_pwrite_full(fd, rd_view_str(text), 0);
	}
}

enum rd_status rd_server_lock(int dir_fd, const char *path, int *ret_fd, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = openat(
		dir_fd, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot open %s", path);
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK) {
			return rd_fail_errno(err, errno, "cannot lock %s", path);
		}
		return rd_fail(err, RD_EXISTS, "%s is locked", path);
	}
	put_pid(fd);
	*ret_fd = rd_steal(&fd, -1);
	return RD_OK;
}

enum rd_status rd_server_isolate(uint64_t nofile_max, struct rd_seccomp_list own,
	char ret_text[RD_SERVER_ISOLATION_MAX], struct rd_error *err)
{
	const struct rd_isolate_drop drop = {.nofile_max = nofile_max};
	const uint32_t wanted = (1u << RD_ISOLATE_CAPS) | (1u << RD_ISOLATE_LIMITS) |
				(1u << RD_ISOLATE_NO_NEW_PRIVS) | (1u << RD_ISOLATE_SECCOMP);
	const struct rd_seccomp_list lists[] = {rd_seccomp_server, own, rd_seccomp_sanitizer};
	struct rd_isolate_report report = {0};

	RD_TRY(rd_isolate_drop(&drop, &report, err));
	RD_TRY(rd_seccomp_load(lists, RD_ARRAY_LEN(lists), err));
	report.in_force |= 1u << RD_ISOLATE_SECCOMP;
	rd_isolate_describe(&report, wanted, ret_text, RD_SERVER_ISOLATION_MAX);
	return RD_OK;
}

void rd_server_hold_signals(sigset_t *ret_signals)
{
	sigemptyset(ret_signals);
	sigaddset(ret_signals, SIGTERM);
	sigaddset(ret_signals, SIGINT);
	sigaddset(ret_signals, SIGHUP);
	sigprocmask(SIG_BLOCK, ret_signals, NULL);
}

void rd_server_wait(const sigset_t *signals, void (*reload)(void *arg), void *arg)
{
	int signo = 0;

	while (signo != SIGTERM && signo != SIGINT) {
		signo = sigwaitinfo(signals, NULL);
		if (signo == SIGHUP) {
			reload(arg);
		}
	}
}
