/* SPDX-License-Identifier: Apache-2.0 */
/* Small files that survive kill -9 and a full disk, and directories that go away whole. */
#ifndef RD_OS_FILE_H
#define RD_OS_FILE_H

#include "base/bytes.h"
#include "base/error.h"

#include <sys/types.h>

/*
 * Writes dir_fd/name whole: a temporary file, fsync, rename, fsync of the directory. On failure the
 * old content stands and nothing is left behind.
 */
enum rd_status rd_file_replace(int dir_fd, const char *name, struct rd_view content, mode_t mode,
	struct rd_error *err) RD_MUST_USE;

/* A regular file of ours (no symbolic link), at most out->max bytes. RD_NOTFOUND without an err. */
enum rd_status rd_file_load(int dir_fd, const char *name, struct rd_buf *out, struct rd_error *err)
	RD_MUST_USE;

/* A file that an operator named: the same, but links are followed, and one that is not there is an
 * error as any other. */
enum rd_status rd_file_read(const char *path, struct rd_buf *out, struct rd_error *err) RD_MUST_USE;

/* Makes (or finds) and opens a directory of ours below dir_fd. */
enum rd_status rd_dir_make(
	int dir_fd, const char *name, mode_t mode, int *ret_fd, struct rd_error *err) RD_MUST_USE;

/*
 * Removes dir_fd/name and everything in it, never following a link. The directory may belong to an
 * enclave's owner, who may be adding to it: it is taken away from them first. RD_NOTFOUND if there
 * is none.
 */
enum rd_status rd_dir_remove(int dir_fd, const char *name, struct rd_error *err) RD_MUST_USE;

#endif
