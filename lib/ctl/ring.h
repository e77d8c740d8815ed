/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console ring: a file of fixed size that keeps the last output of a debug-mode enclave and
 * outlives the vmm that wrote it. redoubtd makes the file, redoubt-vmm alone writes it, nitro-cli
 * unrolls it after the enclave's end.
 *
 * Layout, little-endian: magic "RDCONS01" (8 bytes), capacity (u64), written (u64, bytes ever
 * written), zeros up to RD_RING_HEADER, then `capacity` bytes. Byte n of the output is at
 * RD_RING_HEADER + n % capacity. A writer stores the bytes first and `written` after them, so that
 * a kill between the two loses output but never shows what was not written.
 *
 * Both ends work on the whole file as memory (mmap), sans-I/O. A reader trusts nothing in it.
 */
#ifndef RD_CTL_RING_H
#define RD_CTL_RING_H

#include "base/bytes.h"

/* One page: keeps the data aligned and the header alone in its page. */
#define RD_RING_HEADER 4096
/* Half a minute of a chatty kernel, and too little for twenty enclaves to hurt the host. */
#define RD_RING_CAPACITY (256 * 1024)
#define RD_RING_SIZE     (RD_RING_HEADER + RD_RING_CAPACITY)

/* Writes the header of an empty ring into mem, RD_RING_SIZE zeroed bytes. */
void rd_ring_format(void *mem);

/* Appends; what no longer fits pushes out the oldest bytes. mem: RD_RING_SIZE bytes, formatted. */
void rd_ring_write(void *mem, struct rd_view bytes);

/*
 * What is kept, oldest first, in two views into mem (the second empty while the ring has not
 * wrapped), and how many bytes were ever written. RD_BAD_MAGIC, RD_TRUNCATED or RD_OUT_OF_RANGE
 * when the bytes are not a ring.
 */
enum rd_status rd_ring_read(struct rd_view mem, struct rd_view ret_parts[2], uint64_t *ret_written)
	RD_MUST_USE;

#endif
