/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cgroup v2 group for one enclave, where the host lets us have one.
 *
 * Where it does not (cgroup v1, no delegation), rd_cgroup_open returns RD_UNSUPPORTED with the
 * reason in err: the caller goes on without.
 */
#ifndef RD_OS_CGROUP_H
#define RD_OS_CGROUP_H

#include "base/error.h"

#include <stdint.h>

/* Group names are ours: letters, digits, '-' and '_'. */
#define RD_CGROUP_NAME_MAX 64

struct rd_cgroup_limits {
	uint64_t memory_max; /* bytes; 0: none */
	uint64_t pids_max;   /* 0: none */
};

/*
 * Before anything is started that is not put into a group of its own: it would be in the caller's
 * group and keep it from handing controllers down, which rd_cgroup_open then says. Fails as that.
 */
enum rd_status rd_cgroup_prepare(struct rd_error *err) RD_MUST_USE;

/*
 * Makes (or opens) the group <our own group>/<name> below the unified hierarchy and sets the
 * limits. *ret_fd is the group's directory, for rd_spawn's cgroup_fd and the calls below.
 */
enum rd_status rd_cgroup_open(const char *name, const struct rd_cgroup_limits *limits, int *ret_fd,
	struct rd_error *err) RD_MUST_USE;

/* Kills everything in it (cgroup.kill, Linux 5.14); RD_UNSUPPORTED before that. */
enum rd_status rd_cgroup_kill(int group_fd) RD_MUST_USE;

/* Removes an empty group; RD_NOTFOUND when there is none, RD_AGAIN while something runs in it. */
enum rd_status rd_cgroup_remove(const char *name) RD_MUST_USE;

#endif
