/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork + exec.
 *
 * Between fork and exec only async-signal-safe calls are made, so a threaded caller is fine. The
 * child tells what failed over a close-on-exec pipe: end of file means that exec has succeeded.
 * Descriptors are first moved above every number that the child wants, then put in their places,
 * then everything else is closed; so maps that swap numbers work.
 */
#include "os/spawn.h"

#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Numbers that a child may ask for: a program of ours uses single digits. */
#define CHILD_FD_MAX 64

/* Steps of the child that can fail; the names make the parent's message. */
enum child_step {
	STEP_DEATH_SIGNAL,
	STEP_SESSION,
	STEP_CGROUP,
	STEP_FDS,
	STEP_IDS,
	STEP_NO_NEW_PRIVS,
	STEP_PREPARE,
	STEP_EXEC,
	STEP_COUNT
};

static const char *const step_names[STEP_COUNT] = {
	[STEP_DEATH_SIGNAL] = "cannot ask for a signal at the parent's death",
	[STEP_SESSION] = "cannot start a session",
	[STEP_CGROUP] = "cannot enter the cgroup",
	[STEP_FDS] = "cannot arrange descriptors",
	[STEP_IDS] = "cannot change the user id",
	[STEP_NO_NEW_PRIVS] = "cannot set no_new_privs",
	[STEP_PREPARE] = "cannot isolate the child",
	[STEP_EXEC] = "cannot execute it",
};

struct child_failure {
	int step;
	int os_errno;
};

static _Noreturn void child_fail(int pipe_fd, enum child_step step)
{
	struct child_failure failure = {.step = (int)step, .os_errno = errno};
	ssize_t n = write(pipe_fd, &failure, sizeof(failure));

	_exit(n == (ssize_t)sizeof(failure) ? 126 : 127);
}

/* Moves the wanted descriptors and the pipe above CHILD_FD_MAX, out of the way. */
static int lift_fds(const struct rd_spawn *how, int lifted[RD_SPAWN_FDS_MAX], int *pipe_fd)
{
	size_t i;

	*pipe_fd = fcntl(*pipe_fd, F_DUPFD_CLOEXEC, CHILD_FD_MAX);
	if (*pipe_fd < 0) {
		return -1;
	}
	for (i = 0; i < how->fd_count; i++) {
		lifted[i] = fcntl(how->fds[i].from, F_DUPFD_CLOEXEC, CHILD_FD_MAX);
		if (lifted[i] < 0) {
			return -1;
		}
	}
	return 0;
}

/* Closes [first, last]; the fallback is for kernels before 5.9. */
static void close_range_any(unsigned first, unsigned last)
{
	long max;
	unsigned fd;

	if (first > last || syscall(SYS_close_range, first, last, 0) == 0) {
		return;
	}
	max = sysconf(_SC_OPEN_MAX);
	for (fd = first; fd <= last && (max < 0 || fd < (unsigned long)max); fd++) {
		(void)close((int)fd);
	}
}

static int arrange_fds(const struct rd_spawn *how, int *pipe_fd)
{
	int lifted[RD_SPAWN_FDS_MAX];
	int null_fd;
	size_t i;

	if (lift_fds(how, lifted, pipe_fd) != 0) {
		return -1;
	}
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0 || dup2(null_fd, 2) < 0) {
		return -1;
	}
	close_range_any(3, CHILD_FD_MAX - 1);
	for (i = 0; i < how->fd_count; i++) {
		if (dup2(lifted[i], how->fds[i].to) < 0) {
			return -1;
		}
	}
	close_range_any(CHILD_FD_MAX, (unsigned)*pipe_fd - 1);
	close_range_any((unsigned)*pipe_fd + 1, ~0u);
	return 0;
}

/* "0" means the writing process. */
static int enter_cgroup(int cgroup_fd)
{
	int fd = openat(cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0) {
		return -1;
	}
	n = write(fd, "0", 1);
	(void)close(fd);
	return n == 1 ? 0 : -1;
}

/*
 * By the kernel's call: the C library's refuses the two signals that it keeps for its threads, and
 * a parent that uses another library may have left them ignored.
 */
static void reset_signals(void)
{
	/* struct sigaction as the kernel has it; all zero is SIG_DFL, no flags, an empty mask. */
	static const unsigned long kernel_default[4];
	sigset_t none;
	int signo;

	for (signo = 1; signo < NSIG; signo++) {
		(void)syscall(SYS_rt_sigaction, signo, kernel_default, NULL, NSIG / 8);
	}
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int change_ids(const struct rd_spawn *how)
{
	/* An ordinary user has no right to setgroups, and no other ids to become. */
	if (geteuid() != 0) {
		return how->uid == geteuid() && how->gid == getegid() ? 0 : (errno = EPERM, -1);
	}
	if (setgroups(0, NULL) != 0 || setresgid(how->gid, how->gid, how->gid) != 0) {
		return -1;
	}
	return setresuid(how->uid, how->uid, how->uid);
}

/*
 * The parent may have died before prctl was heard. The pipe tells, not getppid(), which is 0 for
 * the first process of a PID namespace.
 */
static int ask_death_signal(int signo, int pipe_fd)
{
	struct pollfd reader = {.fd = pipe_fd};

	if (prctl(PR_SET_PDEATHSIG, signo, 0, 0, 0) != 0) {
		return -1;
	}
	(void)poll(&reader, 1, 0);
	return (reader.revents & POLLERR) == 0 ? 0 : (errno = ESRCH, -1);
}

static _Noreturn void child_main(const struct rd_spawn *how, int pipe_fd)
{
	static char *const empty[] = {NULL};

	reset_signals();
	if (how->new_session && setsid() < 0) {
		child_fail(pipe_fd, STEP_SESSION);
	}
	if (how->cgroup_fd > 0 && enter_cgroup(how->cgroup_fd) != 0) {
		child_fail(pipe_fd, STEP_CGROUP);
	}
	if (arrange_fds(how, &pipe_fd) != 0) {
		child_fail(pipe_fd, STEP_FDS);
	}
	if (how->set_ids && change_ids(how) != 0) {
		child_fail(pipe_fd, STEP_IDS);
	}
	if (how->prepare != NULL && how->prepare(how->prepare_arg) != 0) {
		child_fail(pipe_fd, STEP_PREPARE);
	}
	/* After everything that may change ids: that clears the death signal. */
	if (how->death_signal != 0 && ask_death_signal(how->death_signal, pipe_fd) != 0) {
		child_fail(pipe_fd, STEP_DEATH_SIGNAL);
	}
	if (how->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		child_fail(pipe_fd, STEP_NO_NEW_PRIVS);
	}
	(void)execve(how->path, (char *const *)(uintptr_t)how->argv,
		how->envp == NULL ? empty : (char *const *)(uintptr_t)how->envp);
	child_fail(pipe_fd, STEP_EXEC);
}

static enum rd_status check_request(const struct rd_spawn *how, struct rd_error *err)
{
	size_t i;

	if (how->path == NULL || how->path[0] != '/' || how->argv == NULL || how->argv[0] == NULL ||
		how->fd_count > RD_SPAWN_FDS_MAX) {
		return rd_fail(err, RD_INTERNAL, "spawn: malformed request");
	}
	for (i = 0; i < how->fd_count; i++) {
		if (how->fds[i].to < 0 || how->fds[i].to >= CHILD_FD_MAX || how->fds[i].from < 0) {
			return rd_fail(err, RD_INTERNAL, "spawn: bad descriptor %d for %d",
				how->fds[i].from, how->fds[i].to);
		}
	}
	return RD_OK;
}

static int open_pidfd(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -1 : fd; /* close-on-exec by definition */
}

/* For a child that has ended or been killed: nobody wants to know how. */
static void reap_silently(struct rd_child *child)
{
	struct rd_exit ended;

	if (rd_child_reap(child, true, &ended) != RD_OK) {
		child->pid = -1;
	}
}

/* Waits for exec or for the reason why not. */
static enum rd_status await_exec(
	int pipe_fd, const char *path, struct rd_child *child, struct rd_error *err)
{
	struct child_failure failure;
	enum rd_status st = rd_fd_read_full(pipe_fd, &failure, sizeof(failure));

	if (st == RD_TRUNCATED) {
		return RD_OK;
	}
	reap_silently(child);
	if (st != RD_OK || failure.step < 0 || failure.step >= STEP_COUNT) {
		return rd_fail(err, RD_INTERNAL, "%s: lost contact before it started", path);
	}
	return rd_fail_errno(err, failure.os_errno, "%s: %s", path, step_names[failure.step]);
}

enum rd_status rd_spawn(const struct rd_spawn *how, struct rd_child *ret, struct rd_error *err)
{
	int from RD_CLEANUP(rd_fd_close) = -1, to RD_CLEANUP(rd_fd_close) = -1;
	struct rd_child child = RD_CHILD_INIT;
	sigset_t all, old;
	int pipe_fds[2];

	RD_TRY(check_request(how, err));
	if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
		return rd_fail_errno(err, errno, "%s: cannot make a pipe", how->path);
	}
	from = pipe_fds[0];
	to = pipe_fds[1];
	/* No handler of ours may run in the child. */
	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	child.pid = fork();
	if (child.pid == 0) {
		child_main(how, to);
	}
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	if (child.pid < 0) {
		return rd_fail_errno(err, errno, "%s: cannot fork", how->path);
	}
	rd_fd_close(&to);
	child.pidfd = open_pidfd(child.pid);
	RD_TRY(await_exec(from, how->path, &child, err));
	*ret = child;
	return RD_OK;
}

enum rd_status rd_child_reap(struct rd_child *child, bool wait, struct rd_exit *ret)
{
	int status;
	pid_t pid;

	RD_ENSURE(child->pid > 0, RD_NOTFOUND);
	do {
		pid = waitpid(child->pid, &status, wait ? 0 : WNOHANG);
	} while (pid < 0 && errno == EINTR);
	RD_ENSURE(pid >= 0, rd_status_from_errno(errno));
	RD_ENSURE(pid > 0, RD_AGAIN);
	ret->signalled = WIFSIGNALED(status);
	ret->code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
	rd_fd_close(&child->pidfd);
	child->pid = -1;
	return RD_OK;
}

enum rd_status rd_child_kill(const struct rd_child *child, int signo)
{
	RD_ENSURE(child->pid > 0, RD_NOTFOUND);
	if (child->pidfd >= 0) {
		RD_ENSURE(syscall(SYS_pidfd_send_signal, child->pidfd, signo, NULL, 0) == 0,
			rd_status_from_errno(errno));
		return RD_OK;
	}
	/* Not reaped yet, so the number cannot have been given to another. */
	RD_ENSURE(kill(child->pid, signo) == 0, rd_status_from_errno(errno));
	return RD_OK;
}

void rd_child_finish(struct rd_child *child)
{
	if (rd_child_kill(child, SIGKILL) == RD_OK) {
		reap_silently(child);
	}
	rd_fd_close(&child->pidfd);
}
