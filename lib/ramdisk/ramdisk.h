/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two ramdisks of an image (docs/architecture.md, "Ramdisks"): bootstrap, from a blobs
 * directory, measured in PCR1; and application, from a merged image tree, measured in PCR2. The
 * bytes depend on the input only, not on its place, on the time or on who builds.
 */
#ifndef RD_RAMDISK_RAMDISK_H
#define RD_RAMDISK_RAMDISK_H

#include "image/image.h"
#include "ramdisk/cpio.h"

/* "NN-name.ko" orders the modules by two digits. */
#define RD_RAMDISK_MODULES_MAX 100

/*
 * dev/, init, and when they are there nsm.ko, nsm-cuse and modules/NN-name.ko, in this order, all
 * 0755 0:0 with the dialect's fixed mtime. RD_NOTFOUND when blobs_dir lacks init.
 */
enum rd_status rd_ramdisk_write_bootstrap(
	const char *blobs_dir, struct rd_cpio_sink sink, struct rd_error *err) RD_MUST_USE;

/* How to start the application; NAME=value in env, absolute cwd. */
struct rd_ramdisk_process {
	const struct rd_strings *args;
	const struct rd_strings *env;
	const char *cwd;
	uint32_t uid;
	uint32_t gid;
	const uint32_t *groups;
	size_t n_groups;
};

/* What a cpio archive cannot hold and the application may miss. */
struct rd_ramdisk_report {
	uint64_t entries;
	uint64_t xattrs_dropped; /* names that lost extended attributes */
	const char *first_xattr; /* path of the first of them, NULL if none; belongs to the tree */
	const char *first_attr;  /* and that attribute's name */
};

/* rootfs/ with the tree below it, then cmd, env and process. ret_report may be NULL. */
enum rd_status rd_ramdisk_write_application(struct rd_tree *tree,
	const struct rd_ramdisk_process *process, struct rd_cpio_sink sink,
	struct rd_ramdisk_report *ret_report, struct rd_error *err) RD_MUST_USE;

#endif
