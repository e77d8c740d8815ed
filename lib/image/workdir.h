/* SPDX-License-Identifier: Apache-2.0 */
/* A private directory for a program that insists on files, removed with everything in it. */
#ifndef RD_IMAGE_WORKDIR_H
#define RD_IMAGE_WORKDIR_H

#include "base/error.h"

#include <limits.h>

struct rd_workdir {
	char path[PATH_MAX]; /* "": none */
};

/* <dir>/redoubt-XXXXXX, 0700; dir as in rd_spool_dir. */
enum rd_status rd_workdir_make(const char *dir, struct rd_workdir *ret_dir, struct rd_error *err)
	RD_MUST_USE;

/* Removes it, without following symbolic links or crossing into other file systems. RD_DENIED when
 * something in it belongs to another user (a build in a user namespace). */
enum rd_status rd_workdir_remove(struct rd_workdir *d) RD_MUST_USE;

#endif
