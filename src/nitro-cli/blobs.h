/* SPDX-License-Identifier: Apache-2.0 */
/* The blobs directory: what an image is built of besides the application. */
#ifndef NITRO_CLI_BLOBS_H
#define NITRO_CLI_BLOBS_H

#include "base/bytes.h"
#include "base/error.h"
#include "eif/format.h"
#include "os/paths.h"

#define CLI_KERNEL_VERSION_MAX 128

struct cli_blobs {
	char dir[RD_PATH_MAX];
	int kernel_fd;                        /* at its start */
	char cmdline[RD_EIF_CMDLINE_MAX + 1]; /* trimmed */
	char system[CLI_KERNEL_VERSION_MAX];  /* "Linux" */
	char version[CLI_KERNEL_VERSION_MAX]; /* "6.12.57"; "Unknown" without bzImage.config */
};

/*
 * $NITRO_CLI_BLOBS, or the first of our own flavours that is installed: the enclave kernel, then
 * Debian's. RD_NOTFOUND when there is none.
 */
enum rd_status cli_blobs_find(char ret_dir[RD_PATH_MAX], struct rd_error *err) RD_MUST_USE;

/* RD_NOTFOUND when dir lacks a part, RD_BAD_ARCH when its kernel is no whole bzImage for x86_64. */
enum rd_status cli_blobs_open(const char *dir, struct cli_blobs *ret_blobs, struct rd_error *err)
	RD_MUST_USE;
void cli_blobs_close(struct cli_blobs *blobs);

#endif
