/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting a program: fork + exec with exactly the descriptors, environment and identity that are
 * named here, and nothing else of ours.
 */
#ifndef RD_OS_SPAWN_H
#define RD_OS_SPAWN_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Descriptors for a child: no program of ours is given more than a handful. */
#define RD_SPAWN_FDS_MAX 16

/* The child's descriptor `to` is ours `from`. */
struct rd_spawn_fd {
	int from;
	int to;
};

/*
 * Runs in the child after fork, before exec. Only async-signal-safe things, unless the parent has a
 * single thread. Non-zero, with errno: give up.
 */
typedef int rd_spawn_fn(void *arg);

/* Zero-initialise; what is zero or NULL is not done. */
struct rd_spawn {
	const char *path;        /* absolute; no search along PATH */
	const char *const *argv; /* NULL-terminated, argv[0] included */
	const char *const *envp; /* NULL-terminated; NULL gives an empty environment */
	const struct rd_spawn_fd *fds;
	size_t fd_count;  /* 0, 1, 2 not named here become /dev/null; all others are closed */
	int death_signal; /* PR_SET_PDEATHSIG: sent to the child when *this thread* ends */
	int cgroup_fd;    /* an open cgroup directory; 0 or -1: stay in ours */
	bool new_session;
	bool no_new_privs;
	bool set_ids; /* drop supplementary groups and become uid:gid */
	uid_t uid;
	gid_t gid;
	rd_spawn_fn *prepare; /* with the final descriptors; may change ids */
	void *prepare_arg;
};

struct rd_child {
	pid_t pid;
	int pidfd; /* readable when the child has ended; -1 on kernels before 5.3 */
};

#define RD_CHILD_INIT                                                                              \
	{                                                                                          \
		.pid = -1, .pidfd = -1                                                             \
	}

/*
 * Starts it. Returns once exec has succeeded; what failed in the child before that (no such
 * program, a refused setuid) is reported here, in *err, and leaves no child. The child starts with
 * default signal dispositions and an empty signal mask.
 */
enum rd_status rd_spawn(const struct rd_spawn *how, struct rd_child *ret, struct rd_error *err)
	RD_MUST_USE;

/* How a child ended. */
struct rd_exit {
	bool signalled;
	int code; /* exit status, or the signal's number */
};

/* RD_AGAIN while it runs (with wait false). Closes the pidfd and sets pid to -1 once it is reaped.
 */
enum rd_status rd_child_reap(struct rd_child *child, bool wait, struct rd_exit *ret) RD_MUST_USE;

/* Sends a signal, through the pidfd where there is one; RD_NOTFOUND when it has ended. */
enum rd_status rd_child_kill(const struct rd_child *child, int signo) RD_MUST_USE;

/* SIGKILL, wait, close. For cleanup; accepts an empty one. */
void rd_child_finish(struct rd_child *child);

#endif
