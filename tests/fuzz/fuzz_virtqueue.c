/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtqueue walker over rings that the input wrote.
 *
 * Input: one byte of features (bit 0 EVENT_IDX, bit 1 INDIRECT, bits 2-3 queue size 2, 4, 8 or 16),
 * then up to 4 KiB of guest memory: descriptors at 0, avail ring at 256, used ring at 512, the rest
 * is data and indirect tables. Guest memory is an allocation of its own, so that a byte outside
 * meets ASan.
 */
#include "virtio/queue.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define GPA      0x1000u
#define MEM_SIZE 4096u

static void use(const struct rd_guest_mem *mem, const struct rd_chain *chain)
{
	size_t segments = chain->readable + chain->writable;
	const uint8_t *hva = mem->regions[0].hva;
	static uint8_t bytes[RD_CHAIN_BYTES_MAX];
	size_t total = 0;

	if (segments > RD_CHAIN_SEGMENTS_MAX) {
		abort();
	}
	for (size_t i = 0; i < segments; i++) {
		const uint8_t *p = chain->iov[i].iov_base;

		if (p < hva || chain->iov[i].iov_len > MEM_SIZE - (size_t)(p - hva)) {
			abort();
		}
		total += chain->iov[i].iov_len;
	}
	if (total != chain->readable_bytes + chain->writable_bytes || total > RD_CHAIN_BYTES_MAX) {
		abort();
	}
	if (rd_iov_copy_out(chain->iov, chain->readable, 0, bytes, sizeof(bytes)) !=
		chain->readable_bytes) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rd_chain chain;
	struct rd_queue_config config = {.desc = {GPA}, .avail = {GPA + 256}, .used = {GPA + 512}};
	struct rd_guest_mem mem;
	struct rd_queue q;
	uint8_t *bytes;

	if (size < 1) {
		return 0;
	}
	config.features = (data[0] & 1 ? RD_VIRTIO_F_EVENT_IDX : 0) |
			  (data[0] & 2 ? RD_VIRTIO_F_INDIRECT_DESC : 0);
	config.size = (uint16_t)(2u << (data[0] >> 2 & 3));
	bytes = aligned_alloc(16, MEM_SIZE);
	if (!bytes) {
		return 0;
	}
	memset(bytes, 0, MEM_SIZE);
	memcpy(bytes, data + 1, size - 1 < MEM_SIZE ? size - 1 : MEM_SIZE);
	rd_guest_mem_init(&mem);
	rd_queue_init(&q);
	if (rd_guest_mem_add(&mem, &(struct rd_guest_region){{GPA}, MEM_SIZE, bytes, false}) ==
			RD_OK &&
		rd_queue_start(&q, &mem, &config) == RD_OK) {
		/* A guest may offer its ring over and over: what we write into it can change it. */
		for (unsigned i = 0; i < 64 && rd_queue_pop(&q, &chain) == RD_OK; i++) {
			use(&mem, &chain);
			rd_queue_push(&q, &chain, chain.writable_bytes);
		}
		(void)rd_queue_should_notify(&q);
	}
	free(bytes);
	return 0;
}
