/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header of a qcow2 image (QEMU's docs/interop/qcow2.txt), as far as it decides whether an
 * image of somebody's may be a disk's base: it must name no other file, and be of a bearable size.
 */
#ifndef RD_DISK_QCOW2_H
#define RD_DISK_QCOW2_H

#include "base/bytes.h"
#include "base/error.h"

/* Version 3's fixed part; version 2's is shorter, but no file is. */
#define RD_QCOW2_HEADER_SIZE 104

/* EBS: 64 TiB, as QEMU takes them, too. */
#define RD_DISK_BYTES_MAX (64LL << 40)

/*
 * header: the file's first RD_QCOW2_HEADER_SIZE bytes. RD_BAD_MAGIC: no qcow2; RD_BAD_VERSION;
 * RD_TRUNCATED: header is shorter; RD_FORBIDDEN: it refers to another file (backing or data file)
 * or is encrypted; RD_MALFORMED: it was not closed, or is marked as corrupt; RD_UNSUPPORTED: a
 * feature that we do not know; RD_OUT_OF_RANGE: sizes and offsets that cannot be. err says which.
 */
enum rd_status rd_qcow2_check(struct rd_view header, uint64_t file_size, uint64_t *ret_disk_bytes,
	struct rd_error *err) RD_MUST_USE;

#endif
