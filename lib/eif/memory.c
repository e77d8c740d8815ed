/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory figure; memory.h has the formula, the constants here have their reasons.
 *
 * Checked against the least memory with which Debian's 6.12 cloud kernel unpacks an image and
 * starts its init (QEMU microvm, steps of 2 %): 74 MiB for an empty image (figure 76), 445 MiB for
 * 128 MiB in 32 files (figure 468), 332 MiB for 16 MiB in 32,768 files (figure 358).
 */
#include "eif/memory.h"

#include "eif/kernel.h"

#include <string.h>

#define MIB  ((uint64_t)1 << 20)
#define PAGE (uint64_t)4096

/* A kernel that does not say so: bzImages unpack to about four times their size. */
#define KERNEL_GROWTH 4

/* An inode of tmpfs with its directory entry and their slab overhead. */
#define NAME_COST 1280
/* What a kernel of ours has taken when init runs: per-CPU areas, caches, hash tables, devices. */
#define KERNEL_FIXED (16 * MIB)
/* struct page: 64 bytes for each 4096, rounded up to a percentage of everything. */
#define PAGE_TABLE_PERCENT 2
/* AWS's rule of thumb, for ramdisks whose unpacked size cannot be known. */
#define OPAQUE_GROWTH 4

static uint64_t kernel_need(const struct rd_eif_info *info)
{
	uint32_t init_size;

	if (rd_eif_kernel_read(info->kernel_head, info->kernel_size, &init_size, NULL) != RD_OK) {
		return info->kernel_size * KERNEL_GROWTH;
	}
	return init_size;
}

static bool has_word(struct rd_view cmdline, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= cmdline.len; i++) {
		if (memcmp(cmdline.ptr + i, word, n) == 0 &&
			(i == 0 || cmdline.ptr[i - 1] == ' ')) {
			return true;
		}
	}
	return false;
}

/* tmpfs as root may fill half of the memory that is free when it is mounted; ramfs all of it. */
static bool root_is_capped(struct rd_view cmdline)
{
	return !has_word(cmdline, "rootfstype=ramfs") && !has_word(cmdline, "root=");
}

/* What the files take, all of it, names included. */
static uint64_t unpacked_bytes(const struct rd_eif_info *info)
{
	return info->unpacked.data_pages * PAGE + info->unpacked.entries * NAME_COST;
}

/* What must be free for the root file system to be allowed as many pages and inodes. */
static uint64_t capped_bytes(const struct rd_eif_info *info)
{
	const struct rd_eif_unpacked *u = &info->unpacked;

	return 2 * PAGE * (u->data_pages > u->entries ? u->data_pages : u->entries);
}

static uint64_t root_need(const struct rd_eif_info *info)
{
	uint64_t unpacked = unpacked_bytes(info);
	uint64_t capped = root_is_capped(info->cmdline) ? capped_bytes(info) : 0;

	if (info->unpacked.opaque) {
		return info->ramdisk_size * OPAQUE_GROWTH;
	}
	return unpacked > capped ? unpacked : capped;
}

uint64_t rd_eif_memory_needed_mib(const struct rd_eif_info *info)
{
	/* Sizes are below RD_EIF_FILE_MAX = 2^40 and entries below 2^34: no sum can overflow. */
	uint64_t need = kernel_need(info) + info->ramdisk_size + root_need(info) + KERNEL_FIXED;
	uint64_t mib = (need + need / 100 * PAGE_TABLE_PERCENT + MIB - 1) / MIB;

	return mib > RD_EIF_MEMORY_MIN_MIB ? mib : RD_EIF_MEMORY_MIN_MIB;
}
