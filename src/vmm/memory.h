/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's memory: a memory file of final size that this process has mapped and the engine
 * shares. It is in no core dump and is overwritten before it goes back to the host.
 */
#ifndef RD_VMM_MEMORY_H
#define RD_VMM_MEMORY_H

#include "base/error.h"

#include <stdint.h>
#include <sys/types.h>

struct rd_vmm_memory {
	int fd;
	uint8_t *base;
	uint64_t size;
	dev_t device; /* which file it is, to recognise it when it comes back from the engine */
	ino_t inode;
};

#define RD_VMM_MEMORY_INIT                                                                         \
	{                                                                                          \
		.fd = -1                                                                           \
	}

enum rd_status rd_vmm_memory_open(uint64_t size, struct rd_vmm_memory *ret, struct rd_error *err)
	RD_MUST_USE;

/*
 * Makes the pages that every guest touches before it is up, so that it does not wait for each. As
 * much as there is room for: a guest that finds less makes its own.
 */
void rd_vmm_memory_warm(struct rd_vmm_memory *memory);

/*
 * Where `size` bytes at `offset` of the file behind fd are mapped here. RD_FORBIDDEN when fd is
 * another file than ours, RD_OUT_OF_RANGE when they are not all in it.
 */
enum rd_status rd_vmm_memory_locate(const struct rd_vmm_memory *memory, int fd, uint64_t offset,
	uint64_t size, uint8_t **ret_hva) RD_MUST_USE;

/* Overwrites what the guest has touched, then gives it back. Nothing may use it any more. */
void rd_vmm_memory_wipe(struct rd_vmm_memory *memory);

/* Wipes, unmaps, closes. */
void rd_vmm_memory_close(struct rd_vmm_memory *memory);

#endif
