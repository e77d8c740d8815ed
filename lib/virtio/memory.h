/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory: which guest-physical ranges exist and where they are mapped here.
 *
 * A guest address is a struct rd_gpa and never a pointer. It becomes bytes only together with a
 * length and a direction, and the answer is either a copy or a list of segments that lie wholly
 * inside memory that the guest has. The guest may change shared bytes at any time: read a thing
 * once, validate the copy, use the copy.
 *
 * The map is built before the guest runs and does not change while a queue uses it.
 */
#ifndef RD_VIRTIO_MEMORY_H
#define RD_VIRTIO_MEMORY_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* vhost-user front ends describe memory in at most eight pieces; our boards need two. */
#define RD_GUEST_MEM_REGIONS_MAX 8

struct rd_gpa {
	uint64_t v;
};

enum rd_mem_dir {
	RD_MEM_READ,  /* we read what the guest wrote */
	RD_MEM_WRITE, /* we write for the guest to read */
};

struct rd_guest_region {
	struct rd_gpa gpa;
	uint64_t size;  /* bytes, not 0 */
	uint8_t *hva;   /* borrowed: mapped for as long as the map is used */
	bool read_only; /* RD_MEM_WRITE is refused */
};

struct rd_guest_mem {
	struct rd_guest_region regions[RD_GUEST_MEM_REGIONS_MAX];
	unsigned count;
};

/* An empty map. Nothing to free. */
void rd_guest_mem_init(struct rd_guest_mem *mem);

/*
 * RD_LIMIT: too many regions. RD_OUT_OF_RANGE: empty, without a mapping, or past the end of the
 * address space. RD_OVERLAP: shares an address with another region.
 */
enum rd_status rd_guest_mem_add(struct rd_guest_mem *mem, const struct rd_guest_region *region)
	RD_MUST_USE;

/*
 * The segments of [gpa, gpa + len), in order, appended at iov[*count] and up; *count is raised and
 * never passes max. A range may cross from one region into another that adjoins it.
 *
 * RD_OUT_OF_RANGE: a byte is not memory, or not writable for RD_MEM_WRITE. RD_LIMIT: more than max
 * segments. Neither changes *count.
 */
enum rd_status rd_guest_mem_segments(const struct rd_guest_mem *mem, struct rd_gpa gpa, size_t len,
	enum rd_mem_dir dir, struct iovec *iov, size_t max, size_t *count) RD_MUST_USE;

/* Copies; RD_OUT_OF_RANGE copies nothing. */
enum rd_status rd_guest_mem_read(
	const struct rd_guest_mem *mem, struct rd_gpa gpa, void *dst, size_t len) RD_MUST_USE;
enum rd_status rd_guest_mem_write(
	const struct rd_guest_mem *mem, struct rd_gpa gpa, const void *src, size_t len) RD_MUST_USE;

/*
 * One stretch of len bytes, aligned to align (a power of two), for objects that both sides use in
 * place: the rings, and nothing else. RD_OUT_OF_RANGE when it is not within one region,
 * RD_NONCANONICAL when it is not aligned.
 */
enum rd_status rd_guest_mem_in_place(const struct rd_guest_mem *mem, struct rd_gpa gpa, size_t len,
	size_t align, enum rd_mem_dir dir, uint8_t **ret_hva) RD_MUST_USE;

#endif
