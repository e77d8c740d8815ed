/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much memory an image needs to boot, before anything is started.
 *
 *   need = kernel + ramdisks + unpacked files + the kernel's own fixed share, of which the root
 * file system may fill only half of what is free when it is made
 *
 * kernel is the boot protocol's init_size (decompression included), ramdisks their bytes as stored:
 * they stay in memory until unpacked. The unpacked files are pages of data and one inode and
 * directory entry a name. A root file system on tmpfs is capped at half of the memory that is free
 * while the ramdisks are still there; a cmdline with rootfstype=ramfs or root= lifts that. An
 * opaque (compressed) ramdisk counts four times its size, AWS's rule of thumb.
 */
#ifndef RD_EIF_MEMORY_H
#define RD_EIF_MEMORY_H

#include "eif/read.h"

/* AWS's driver accepts no less, so images are not tried with less. */
#define RD_EIF_MEMORY_MIN_MIB 64

/* In MiB, rounded up, at least RD_EIF_MEMORY_MIN_MIB. The application's own memory is not in it. */
uint64_t rd_eif_memory_needed_mib(const struct rd_eif_info *info);

#endif
