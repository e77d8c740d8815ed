/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x86 boot protocol's header at the start of a bzImage, which is what an engine boots
 * (Documentation/arch/x86/boot.rst). Little endian:
 *
 *	1f1  setup_sects, sectors of 512 bytes after the first; 0 means 4
 *	1f4  syssize, what follows them, in units of 16 bytes
 *	1fe  aa55, the boot flag
 *	202  "HdrS"
 *	206  version of the protocol
 *	211  loadflags; bit 0: loaded at 1 MiB, so a bzImage
 *	260  init_size, the memory that it needs to decompress itself
 */
#ifndef RD_EIF_KERNEL_H
#define RD_EIF_KERNEL_H

#include "base/bytes.h"
#include "base/error.h"

/* As much of the kernel as is looked at. */
#define RD_EIF_KERNEL_HEAD_SIZE 0x268

/*
 * head: the kernel's first bytes, RD_EIF_KERNEL_HEAD_SIZE of them if it has as many; size: all of
 * it. RD_BAD_MAGIC: no bzImage; RD_BAD_VERSION: older than 2.10 (Linux 2.6.35), without init_size;
 * RD_TRUNCATED: shorter than the header says.
 */
enum rd_status rd_eif_kernel_read(struct rd_view head, uint64_t size, uint32_t *ret_init_size,
	struct rd_error *err) RD_MUST_USE;

#endif
