/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading an EIF in one pass: feed the file from its first byte to its last, in pieces of any size;
 * it is checked, measured and summed up as it goes by. No seeking, no I/O, nothing held but the
 * small sections (cmdline, metadata, signature: each bounded in format.h), so the caller can copy
 * an image of any size to its destination in the same pass and trust exactly the bytes that it
 * copied.
 *
 * Strict where AWS's tools look away: magic, version, the table of places and sizes against the
 * sections themselves, no gap, overlap or trailing byte, exactly one kernel and cmdline, at least
 * one ramdisk and all of them after the kernel, at most one signature, metadata (version 4), all
 * flags and reserved fields zero.
 *
 * A wrong CRC is not an error here, since describe-eif reports it; rd_eif_check_runnable refuses
 * it. A signature is handed out, not verified: see signature.h.
 */
#ifndef RD_EIF_READ_H
#define RD_EIF_READ_H

#include "base/error.h"
#include "eif/measure.h"

struct rd_eif_section {
	enum rd_eif_type type;
	uint64_t offset; /* of the data, in bytes from the start of the file */
	uint64_t size;   /* of the data */
};

/* What the ramdisks unpack to, found by walking their cpio headers as they pass. */
struct rd_eif_unpacked {
	uint64_t entries;
	uint64_t data_pages; /* 4 KiB pages of file data, each file rounded up */
	bool opaque;         /* a ramdisk is compressed or no newc archive: the figures lack it */
};

/* Views point into the parser and live as long as it. */
struct rd_eif_info {
	uint16_t version;
	bool aarch64;
	uint64_t file_size;
	uint32_t crc_stored;
	uint32_t crc_computed; /* differs from crc_stored when the file is damaged */
	unsigned n_sections;
	struct rd_eif_section sections[RD_EIF_SECTIONS_MAX]; /* in file order */
	struct rd_eif_pcrs pcrs;
	struct rd_view cmdline;     /* no NUL inside; one follows it */
	struct rd_view metadata;    /* JSON text, unparsed; ptr NULL when absent (version < 4) */
	struct rd_view signature;   /* CBOR, see signature.h; ptr NULL when unsigned */
	struct rd_view kernel_head; /* the kernel's first bytes, at most RD_EIF_KERNEL_HEAD_SIZE */
	uint64_t kernel_size;
	uint64_t ramdisk_size; /* all ramdisks together */
	struct rd_eif_unpacked unpacked;
};

struct rd_eif_parser;

enum rd_status rd_eif_parser_new(struct rd_eif_parser **ret_parser) RD_MUST_USE;
void rd_eif_parser_free(struct rd_eif_parser **parser);

/*
 * The next bytes of the file. After a refusal the parser accepts nothing more. Refusals:
 *   RD_BAD_MAGIC                 not an EIF
 *   RD_BAD_VERSION               version 0, 1 or above 4
 *   RD_OUT_OF_RANGE              number of sections, flags or reserved fields
 *   RD_OVERLAP / RD_MALFORMED    the table has sections that overlap / leaves a gap
 *   RD_LIMIT                     a section or the file is larger than format.h allows
 *   RD_BAD_TYPE                  unknown section type
 *   RD_NONCANONICAL              a section's own header and the table disagree
 *   RD_FORBIDDEN                 a ramdisk before the kernel, a NUL in the cmdline, empty kernel
 *   RD_DUPLICATE                 a second kernel, cmdline, metadata or signature
 *   RD_TRAILING                  bytes after the last section
 */
enum rd_status rd_eif_parser_feed(
	struct rd_eif_parser *parser, struct rd_view bytes, struct rd_error *err) RD_MUST_USE;

/* The file's size as its header states it; 0 until 548 bytes were fed. */
uint64_t rd_eif_parser_expected_size(const struct rd_eif_parser *parser);

/* End of file. RD_TRUNCATED when bytes lack, RD_MISSING when a mandatory section does. */
enum rd_status rd_eif_parser_finish(struct rd_eif_parser *parser,
	const struct rd_eif_info **ret_info, struct rd_error *err) RD_MUST_USE;

/* Feeds a whole file, read from offset 0 with pread, and finishes. name is for messages. */
enum rd_status rd_eif_parser_read_fd(struct rd_eif_parser *parser, int fd, const char *name,
	const struct rd_eif_info **ret_info, struct rd_error *err) RD_MUST_USE;

/* May this machine boot it: CRC (RD_BAD_CRC), version 4 (RD_BAD_VERSION), x86_64 (RD_BAD_ARCH), and
 * a kernel that is one (as rd_eif_kernel_read). */
enum rd_status rd_eif_check_runnable(const struct rd_eif_info *info, struct rd_error *err)
	RD_MUST_USE;

#endif
