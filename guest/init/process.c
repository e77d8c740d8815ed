/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The application: started as a container engine would, waited for as PID 1 must.
 *
 * Between fork and exec the child tells its parent over a close-on-exec pipe what failed. An empty
 * pipe means that the program runs, so "cannot be executed" and "exited with 127" are told apart.
 */
#include "init/init.h"

#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum stage { STAGE_CWD, STAGE_GROUPS, STAGE_USER, STAGE_EXEC, STAGE_COUNT };

static const char *const stage_texts[STAGE_COUNT] = {
	[STAGE_CWD] = "cannot enter the working directory",
	[STAGE_GROUPS] = "cannot take the image's groups for",
	[STAGE_USER] = "cannot become the image's user for",
	[STAGE_EXEC] = "cannot execute",
};

struct failure {
	enum stage stage;
	int os_errno;
};

/* Each directory of the path that is missing, as WORKDIR in a container file promises. */
static int make_path(const char *path)
{
	char partial[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(partial)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(partial, path, len + 1);
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != 0) {
			continue;
		}
		partial[i] = 0;
		if (mkdir(partial, 0755) < 0 && errno != EEXIST) {
			return -1;
		}
		partial[i] = path[i];
	}
	return 0;
}

static int enter(const char *cwd)
{
	if (chdir(cwd) == 0) {
		return 0;
	}
	if (errno != ENOENT || make_path(cwd) < 0) {
		return -1;
	}
	return chdir(cwd);
}

/* One candidate. Returns when it was not it: true to go on looking. */
static bool try_exec(const char *file, const struct init_spec *spec, int *ret_errno)
{
	execve(file, spec->argv, spec->envp);
	if (errno == ENOENT || errno == ENOTDIR || errno == EACCES) {
		/* A file that is there but not allowed says more than its absence elsewhere. */
		*ret_errno = errno == EACCES ? EACCES : *ret_errno;
		return true;
	}
	*ret_errno = errno;
	return false;
}

/* Returns only on failure, with the errno to report. */
static int exec_program(const struct init_spec *spec)
{
	const char *name = spec->argv[0];
	const char *dir = init_getenv(spec->envp, "PATH");
	int os_errno = ENOENT;

	if (strchr(name, '/') != NULL) {
		execve(name, spec->argv, spec->envp);
		return errno;
	}
	while (dir != NULL && *name != 0) {
		size_t len = strcspn(dir, ":");
		char file[PATH_MAX];
		int n = snprintf(file, sizeof(file), "%.*s/%s", (int)len, dir, name);

		/* An empty element would mean the working directory: container engines skip it. */
		if (len > 0 && n > 0 && (size_t)n < sizeof(file) &&
			!try_exec(file, spec, &os_errno)) {
			break;
		}
		dir = dir[len] == 0 ? NULL : dir + len + 1;
	}
	return os_errno;
}

/* Groups before the user: afterwards it may not. The directory first, while root may create it. */
static struct failure become_application(const struct init_spec *spec)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (enter(spec->cwd) < 0) {
		return (struct failure){STAGE_CWD, errno};
	}
	if (setgroups(spec->group_count, spec->groups) < 0 ||
		setresgid(spec->gid, spec->gid, spec->gid) < 0) {
		return (struct failure){STAGE_GROUPS, errno};
	}
	if (setresuid(spec->uid, spec->uid, spec->uid) < 0) {
		return (struct failure){STAGE_USER, errno};
	}
	return (struct failure){STAGE_EXEC, exec_program(spec)};
}

static _Noreturn void run_child(const struct init_spec *spec, int pipe_fd)
{
	struct failure failure = become_application(spec);

	/* A failed write leaves an exit with 127, which the parent then reports. */
	_exit(write(pipe_fd, &failure, sizeof(failure)) < 0 ? 127 : 126);
}

static enum rd_status check_started(const struct init_spec *spec, int pipe_fd, struct rd_error *err)
{
	struct failure failure;
	ssize_t n = read(pipe_fd, &failure, sizeof(failure));
	const char *what = spec->argv[0];

	if (n == 0) {
		return RD_OK;
	}
	if (n != sizeof(failure) || (unsigned)failure.stage >= STAGE_COUNT) {
		return rd_fail(err, RD_INTERNAL, "cannot learn whether %s was started", what);
	}
	if (failure.stage == STAGE_CWD) {
		what = spec->cwd;
	}
	return rd_fail_errno(err, failure.os_errno, "%s '%s'", stage_texts[failure.stage], what);
}

enum rd_status init_start_process(
	const struct init_spec *spec, pid_t *ret_pid, struct rd_error *err)
{
	int pipe_in RD_CLEANUP(rd_fd_close) = -1;
	int pipe_out RD_CLEANUP(rd_fd_close) = -1;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		return rd_fail_errno(err, errno, "cannot start the application");
	}
	pipe_out = ends[0];
	pipe_in = ends[1];
	pid = fork();
	if (pid < 0) {
		return rd_fail_errno(err, errno, "cannot start the application");
	}
	if (pid == 0) {
		run_child(spec, pipe_in);
	}
	rd_fd_close(&pipe_in);
	RD_TRY(check_started(spec, pipe_out, err));
	*ret_pid = pid;
	return RD_OK;
}

static struct rd_guest_end describe_end(int status)
{
	struct rd_guest_end end = {.kind = RD_GUEST_EXITED};

	if (WIFSIGNALED(status)) {
		end.kind = RD_GUEST_SIGNALLED;
		end.value = (uint32_t)WTERMSIG(status);
		snprintf(end.text, sizeof(end.text),
			"the application was ended by signal %u (%s)%s", end.value,
			strsignal((int)end.value), WCOREDUMP(status) ? ", core dumped" : "");
	} else {
		end.value = (uint32_t)WEXITSTATUS(status);
		snprintf(end.text, sizeof(end.text), "the application exited with code %u",
			end.value);
	}
	return end;
}

struct rd_guest_end init_wait(pid_t application, pid_t helper)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, 0);

		if (pid == application) {
			return describe_end(status);
		}
		if (pid > 0 && pid == helper) {
			init_say("nsm-cuse ended (status 0x%x): /dev/nsm is gone", status);
		}
	}
}
