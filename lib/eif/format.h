/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Enclave Image File: a 548-byte header, then sections, each a 12-byte header and its data,
 * back to back. All integers are big-endian, nothing is padded. The header repeats every section's
 * place (of its header) and size (of its data); a CRC-32 over everything but itself ends the
 * header.
 */
#ifndef RD_EIF_FORMAT_H
#define RD_EIF_FORMAT_H

#include <stdint.h>

#define RD_EIF_MAGIC_SIZE          4
#define RD_EIF_HEADER_SIZE         548
#define RD_EIF_SECTION_HEADER_SIZE 12
#define RD_EIF_SECTIONS_MAX        32
/* Kernel and cmdline at least; the ramdisk and the metadata are demanded by rules of their own. */
#define RD_EIF_SECTIONS_MIN 2

/* Offsets in the header. */
#define RD_EIF_OFF_VERSION      4
#define RD_EIF_OFF_FLAGS        6
#define RD_EIF_OFF_DEFAULT_MEM  8
#define RD_EIF_OFF_DEFAULT_CPUS 16
#define RD_EIF_OFF_RESERVED     24
#define RD_EIF_OFF_NUM_SECTIONS 26
#define RD_EIF_OFF_OFFSETS      28
#define RD_EIF_OFF_SIZES        284
#define RD_EIF_OFF_UNUSED       540
#define RD_EIF_OFF_CRC          544

/* 2 and 3 (before metadata was mandatory) can be described; what we write and run is 4. */
#define RD_EIF_VERSION_MIN 2
#define RD_EIF_VERSION     4

#define RD_EIF_FLAG_AARCH64 0x0001

/* What the header says of memory and CPUs; nobody reads it, AWS's builder writes this. */
#define RD_EIF_DEFAULT_MEM  ((uint64_t)1 << 30)
#define RD_EIF_DEFAULT_CPUS 2

enum rd_eif_type {
	RD_EIF_KERNEL = 1,
	RD_EIF_CMDLINE,
	RD_EIF_RAMDISK,
	RD_EIF_SIGNATURE,
	RD_EIF_METADATA,
};

/* COMMAND_LINE_SIZE of Linux (x86, arm64) less its NUL: the kernel would cut a longer one. */
#define RD_EIF_CMDLINE_MAX 2047
/* SIGNATURE_MAX_SIZE of the published format. */
#define RD_EIF_SIGNATURE_MAX 32768
/* An image's inspect object is some KiB, labels included, and custom metadata at most 4 KiB. */
#define RD_EIF_METADATA_MAX (1u << 20)
/* A kernel with everything built in and debug information is a tenth of this. */
#define RD_EIF_KERNEL_MAX ((uint64_t)1 << 30)
/* Far more than any guest that would have to hold it; keeps all size arithmetic off the edge. */
#define RD_EIF_FILE_MAX ((uint64_t)1 << 40)

#endif
