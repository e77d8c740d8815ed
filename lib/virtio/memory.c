/* SPDX-License-Identifier: Apache-2.0 */
/* The guest memory map: the only place where a guest address becomes a host address. */
#include "virtio/memory.h"

#include <string.h>

void rd_guest_mem_init(struct rd_guest_mem *mem)
{
	*mem = (struct rd_guest_mem){0};
}

static bool overlap(const struct rd_guest_region *a, const struct rd_guest_region *b)
{
	/* Neither ends past the address space, so the differences cannot wrap. */
	if (a->gpa.v <= b->gpa.v) {
		return b->gpa.v - a->gpa.v < a->size;
	}
	return a->gpa.v - b->gpa.v < b->size;
}

enum rd_status rd_guest_mem_add(struct rd_guest_mem *mem, const struct rd_guest_region *region)
{
	RD_ENSURE(region->size != 0 && region->hva != NULL, RD_OUT_OF_RANGE);
	RD_ENSURE(region->size - 1 <= UINT64_MAX - region->gpa.v, RD_OUT_OF_RANGE);
	RD_ENSURE(region->size <= SIZE_MAX, RD_OUT_OF_RANGE);
	RD_ENSURE(mem->count < RD_GUEST_MEM_REGIONS_MAX, RD_LIMIT);
	for (unsigned i = 0; i < mem->count; i++) {
		RD_ENSURE(!overlap(&mem->regions[i], region), RD_OVERLAP);
	}
	mem->regions[mem->count++] = *region;
	return RD_OK;
}

/* The longest stretch from gpa on that lies in one region, at most len bytes. */
static enum rd_status stretch(const struct rd_guest_mem *mem, struct rd_gpa gpa, size_t len,
	enum rd_mem_dir dir, struct iovec *ret)
{
	for (unsigned i = 0; i < mem->count; i++) {
		const struct rd_guest_region *r = &mem->regions[i];
		uint64_t offset = gpa.v - r->gpa.v;
		uint64_t left;

		if (gpa.v < r->gpa.v || offset >= r->size) {
			continue;
		}
		RD_ENSURE(dir == RD_MEM_READ || !r->read_only, RD_OUT_OF_RANGE);
		left = r->size - offset;
		ret->iov_base = r->hva + offset;
		ret->iov_len = len < left ? len : (size_t)left;
		return RD_OK;
	}
	return RD_OUT_OF_RANGE;
}

enum rd_status rd_guest_mem_segments(const struct rd_guest_mem *mem, struct rd_gpa gpa, size_t len,
	enum rd_mem_dir dir, struct iovec *iov, size_t max, size_t *count)
{
	size_t n = *count;

	RD_ENSURE(len == 0 || len - 1 <= UINT64_MAX - gpa.v, RD_OUT_OF_RANGE);
	while (len > 0) {
		struct iovec part;

		RD_TRY(stretch(mem, gpa, len, dir, &part));
		RD_ENSURE(n < max, RD_LIMIT);
		iov[n++] = part;
		gpa.v += part.iov_len;
		len -= part.iov_len;
	}
	*count = n;
	return RD_OK;
}

enum rd_status rd_guest_mem_read(
	const struct rd_guest_mem *mem, struct rd_gpa gpa, void *dst, size_t len)
{
	struct iovec iov[RD_GUEST_MEM_REGIONS_MAX];
	uint8_t *to = dst;
	size_t n = 0;

	RD_TRY(rd_guest_mem_segments(mem, gpa, len, RD_MEM_READ, iov, RD_ARRAY_LEN(iov), &n));
	for (size_t i = 0; i < n; i++) {
		memcpy(to, iov[i].iov_base, iov[i].iov_len);
		to += iov[i].iov_len;
	}
	return RD_OK;
}

enum rd_status rd_guest_mem_write(
	const struct rd_guest_mem *mem, struct rd_gpa gpa, const void *src, size_t len)
{
	struct iovec iov[RD_GUEST_MEM_REGIONS_MAX];
	const uint8_t *from = src;
	size_t n = 0;

	RD_TRY(rd_guest_mem_segments(mem, gpa, len, RD_MEM_WRITE, iov, RD_ARRAY_LEN(iov), &n));
	for (size_t i = 0; i < n; i++) {
		memcpy(iov[i].iov_base, from, iov[i].iov_len);
		from += iov[i].iov_len;
	}
	return RD_OK;
}

enum rd_status rd_guest_mem_in_place(const struct rd_guest_mem *mem, struct rd_gpa gpa, size_t len,
	size_t align, enum rd_mem_dir dir, uint8_t **ret_hva)
{
	struct iovec part;

	RD_ENSURE((gpa.v & (align - 1)) == 0, RD_NONCANONICAL);
	RD_TRY(stretch(mem, gpa, len, dir, &part));
	RD_ENSURE(part.iov_len == len, RD_OUT_OF_RANGE);
	/* A region that is mapped off its guest alignment would tear the atomic accesses. */
	RD_ENSURE(((uintptr_t)part.iov_base & (align - 1)) == 0, RD_NONCANONICAL);
	*ret_hva = part.iov_base;
	return RD_OK;
}
