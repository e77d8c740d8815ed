/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disk images of this host. Somebody may register a path, and redoubtd's VMs read what is behind
 * it: so it must be a regular file in one of the configured directories, and a qcow2 image may name
 * no other file.
 */
#ifndef EC2_DISK_H
#define EC2_DISK_H

#include "base/bytes.h"
#include "base/error.h"
#include "disk/qcow2.h"
#include "ec2/config.h"

struct ec2_disk {
	char format[8];     /* "raw" or "qcow2" */
	int64_t size_bytes; /* of the disk that a guest sees */
};

/* What is read of an image: a boot sector, which is longer than a qcow2 header. */
#define EC2_DISK_HEAD 512

/*
 * From the first bytes of a file of file_bytes. RD_BAD_MAGIC: neither a qcow2 image nor a disk with
 * a boot sector; else as rd_qcow2_check.
 */
enum rd_status ec2_disk_examine(struct rd_view head, uint64_t file_bytes, struct ec2_disk *ret,
	struct rd_error *err) RD_MUST_USE;

/*
 * Opens it for reading. RD_DENIED: outside of the directories; RD_NOTFOUND; RD_BAD_TYPE: no regular
 * file; and as above. ret_disk may be NULL.
 */
enum rd_status ec2_disk_open(const struct ec2_config *config, const char *path, int *ret_fd,
	struct ec2_disk *ret_disk, struct rd_error *err) RD_MUST_USE;

#endif
