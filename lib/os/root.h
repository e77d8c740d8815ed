/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a path that somebody else chose, inside a directory that it must not leave.
 *
 * ".." stops at the root, absolute paths and symbolic links start at the root (as after chroot).
 * openat2(RESOLVE_IN_ROOT) where the kernel has it; otherwise a walk of our own, component by
 * component, which gives the same answers.
 */
#ifndef RD_OS_ROOT_H
#define RD_OS_ROOT_H

#include "base/status.h"

#include <sys/types.h>

/* Symbolic links followed in one path: the kernel's own figure (path_resolution(7)). */
#define RD_ROOT_LINKS_MAX 40

/*
 * root_fd: an open directory (O_PATH will do). flags, mode: as for openat; O_CLOEXEC is added.
 * RD_BAD_PATH for a path that is too long or loops, RD_NOTFOUND, RD_DENIED as usual.
 * Magic links (/proc/self/fd/N) are never followed.
 */
enum rd_status rd_root_open(int root_fd, const char *path, int flags, mode_t mode, int *ret_fd)
	RD_MUST_USE;

/* The fallback alone: what rd_root_open does without openat2. For tests. */
enum rd_status rd_root_open_walk(int root_fd, const char *path, int flags, mode_t mode, int *ret_fd)
	RD_MUST_USE;

#endif
