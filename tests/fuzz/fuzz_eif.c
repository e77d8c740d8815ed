/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enclave images: the incremental reader, its cpio walk, the memory figure and the signature
 * section. Whole or byte by byte, the same file must get the same answer.
 */
#include "eif/kernel.h"
#include "eif/memory.h"
#include "eif/read.h"
#include "eif/signature.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum rd_status parse(struct rd_eif_parser *p, struct rd_view bytes, size_t chunk,
	const struct rd_eif_info **info)
{
	struct rd_cur in = rd_cur(bytes);
	struct rd_view piece;

	while (in.left > 0) {
		RD_TRY(rd_cur_take(&in, in.left < chunk ? in.left : chunk, &piece));
		RD_TRY(rd_eif_parser_feed(p, piece, NULL));
	}
	return rd_eif_parser_finish(p, info, NULL);
}

static void use(const struct rd_eif_info *info)
{
	struct rd_eif_signature signature;
	uint32_t init_size;

	if (rd_eif_kernel_read(info->kernel_head, info->kernel_size, &init_size, NULL) == RD_OK &&
		(info->kernel_size < RD_EIF_KERNEL_HEAD_SIZE ||
			rd_eif_memory_needed_mib(info) < init_size >> 20)) {
		abort();
	}
	if (rd_eif_memory_needed_mib(info) < RD_EIF_MEMORY_MIN_MIB ||
		strlen((const char *)info->cmdline.ptr) != info->cmdline.len) {
		abort();
	}
	if (info->signature.ptr != NULL && rd_eif_signature_open(info->signature, info->pcrs.pcr0,
						   &signature, NULL) == RD_OK) {
		rd_eif_signature_finish(&signature);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd_eif_parser *whole = NULL;
	struct rd_eif_parser *bytewise = NULL;
	const struct rd_eif_info *a;
	const struct rd_eif_info *b;
	enum rd_status st;

	if (rd_eif_parser_new(&whole) != RD_OK || rd_eif_parser_new(&bytewise) != RD_OK) {
		abort();
	}
	st = parse(whole, rd_view(data, size), size + 1, &a);
	if (parse(bytewise, rd_view(data, size), 1, &b) != st) {
		abort();
	}
	if (st == RD_OK) {
		if (memcmp(&a->pcrs, &b->pcrs, sizeof(a->pcrs)) != 0 ||
			a->crc_computed != b->crc_computed ||
			a->unpacked.opaque != b->unpacked.opaque ||
			a->unpacked.entries != b->unpacked.entries) {
			abort();
		}
		use(a);
	}
	rd_eif_parser_free(&whole);
	rd_eif_parser_free(&bytewise);
	return 0;
}
