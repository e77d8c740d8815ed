/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks cpio archives as they stream by and counts what they unpack to. It never fails: what it
 * cannot follow (compression, another archive format, damage) makes the figures opaque.
 */
#ifndef RD_EIF_UNPACKED_H
#define RD_EIF_UNPACKED_H

#include "eif/read.h"

#define RD_EIF_CPIO_HEADER_SIZE 110

struct rd_eif_walk {
	struct rd_eif_unpacked sum;
	uint64_t offset; /* in all ramdisks together, which is what the kernel aligns to */
	uint64_t skip;   /* bytes of names, data and padding still to pass over */
	unsigned have;   /* of the header that is being collected */
	uint8_t header[RD_EIF_CPIO_HEADER_SIZE];
};

/* Zero-initialise the walk, then feed all ramdisks' data in file order. */
void rd_eif_walk_feed(struct rd_eif_walk *walk, struct rd_view data);

/* At the end of the last ramdisk: an archive that stops inside an entry is opaque as well. */
struct rd_eif_unpacked rd_eif_walk_result(const struct rd_eif_walk *walk);

#endif
