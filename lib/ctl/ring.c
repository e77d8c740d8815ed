/* SPDX-License-Identifier: Apache-2.0 */
/* The console ring's writer and reader. */
#include "ctl/ring.h"

#include "base/byteorder.h"

static const char ring_magic[8] = {'R', 'D', 'C', 'O', 'N', 'S', '0', '1'};

enum { ring_at_capacity = 8, ring_at_written = 16 };

void rd_ring_format(void *mem)
{
	uint8_t *p = mem;

	memcpy(p, ring_magic, sizeof(ring_magic));
	rd_put_le64(p + ring_at_capacity, RD_RING_CAPACITY);
	rd_put_le64(p + ring_at_written, 0);
}

void rd_ring_write(void *mem, struct rd_view bytes)
{
	uint8_t *p = mem;
	uint8_t *data = p + RD_RING_HEADER;
	uint64_t written = rd_get_le64(p + ring_at_written);
	uint64_t after = written + bytes.len;
	struct rd_cur c = rd_cur(bytes);

	if (c.left > RD_RING_CAPACITY) {
		written += c.left - RD_RING_CAPACITY;
		(void)!rd_cur_skip(&c, c.left - RD_RING_CAPACITY);
	}
	while (c.left > 0) {
		size_t at = written % RD_RING_CAPACITY;
		size_t n = RD_RING_CAPACITY - at < c.left ? RD_RING_CAPACITY - at : c.left;

		(void)!rd_cur_copy(&c, data + at, n);
		written += n;
	}
	__atomic_thread_fence(__ATOMIC_RELEASE);
	rd_put_le64(p + ring_at_written, after);
}

enum rd_status rd_ring_read(struct rd_view mem, struct rd_view ret_parts[2], uint64_t *ret_written)
{
	uint64_t written;
	size_t at;

	RD_ENSURE(mem.len >= RD_RING_SIZE, RD_TRUNCATED);
	RD_ENSURE(memcmp(mem.ptr, ring_magic, sizeof(ring_magic)) == 0, RD_BAD_MAGIC);
	RD_ENSURE(rd_get_le64(mem.ptr + ring_at_capacity) == RD_RING_CAPACITY, RD_OUT_OF_RANGE);
	written = rd_get_le64(mem.ptr + ring_at_written);
	at = written % RD_RING_CAPACITY;
	if (written <= RD_RING_CAPACITY) {
		ret_parts[0] = rd_view(mem.ptr + RD_RING_HEADER, written);
		ret_parts[1] = rd_view(mem.ptr + RD_RING_HEADER, 0);
	} else {
		ret_parts[0] = rd_view(mem.ptr + RD_RING_HEADER + at, RD_RING_CAPACITY - at);
		ret_parts[1] = rd_view(mem.ptr + RD_RING_HEADER, at);
	}
	*ret_written = written;
	return RD_OK;
}
