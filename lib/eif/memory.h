/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much memory an image needs to boot, before anything is started.
 *
 *	need = kernel + ramdisks + root + the kernel's own fixed share
 *
 * kernel is the boot protocol's init_size (decompression included), ramdisks their bytes as stored:
 * they stay in memory until unpacked. root is the unpacked files: pages of data, and an inode and a
 * directory entry a name; on tmpfs at least twice the pages, or twice as many pages as there are
 * names, since it may hold only half as many of either as there are pages free at its making. A
 * cmdline with rootfstype=ramfs or root= lifts that. For an opaque (compressed) ramdisk root is
 * four times its size, AWS's rule of thumb.
 */
#ifndef RD_EIF_MEMORY_H
#define RD_EIF_MEMORY_H

#include "eif/read.h"

/* AWS's driver accepts no less, so images are not tried with less. */
#define RD_EIF_MEMORY_MIN_MIB 64

/* In MiB, rounded up, at least RD_EIF_MEMORY_MIN_MIB. The application's own memory is not in it. */
uint64_t rd_eif_memory_needed_mib(const struct rd_eif_info *info);

#endif
