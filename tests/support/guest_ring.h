/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's side of a split virtqueue, for tests: writes what it is told to, sense or nonsense.
 */
#ifndef RD_TEST_GUEST_RING_H
#define RD_TEST_GUEST_RING_H

#include "base/byteorder.h"
#include "virtio/queue.h"

#include <stddef.h>
#include <stdint.h>

#define RING_NEXT     1u
#define RING_WRITE    2u
#define RING_INDIRECT 4u

/* Where a ring of up to 256 entries keeps its parts, from its first byte. */
#define RING_AVAIL_OFFSET 4096u
#define RING_USED_OFFSET  8192u
#define RING_BYTES        12288u

struct guest_ring {
	uint8_t *at;
	uint64_t gpa;
	uint16_t size;
	uint16_t avail_idx;
	uint16_t used_seen;
};

static inline struct rd_queue_config ring_config(const struct guest_ring *r, uint64_t features)
{
	return (struct rd_queue_config){
		.size = r->size,
		.desc = {r->gpa},
		.avail = {r->gpa + RING_AVAIL_OFFSET},
		.used = {r->gpa + RING_USED_OFFSET},
		.features = features,
	};
}

static inline void ring_put_desc(
	uint8_t *at, uint64_t addr, uint32_t len, unsigned flags, unsigned next)
{
	rd_put_le64(at, addr);
	rd_put_le32(at + 8, len);
	rd_put_le16(at + 12, (uint16_t)flags);
	rd_put_le16(at + 14, (uint16_t)next);
}

static inline void ring_desc(struct guest_ring *r, unsigned index, uint64_t addr, uint32_t len,
	unsigned flags, unsigned next)
{
	ring_put_desc(r->at + (size_t)16 * index, addr, len, flags, next);
}

static inline void ring_set_avail_idx(struct guest_ring *r, uint16_t idx)
{
	r->avail_idx = idx;
	rd_put_le16(r->at + RING_AVAIL_OFFSET + 2, idx);
}

static inline void ring_set_avail_flags(struct guest_ring *r, uint16_t flags)
{
	rd_put_le16(r->at + RING_AVAIL_OFFSET, flags);
}

static inline void ring_set_used_event(struct guest_ring *r, uint16_t event)
{
	rd_put_le16(r->at + RING_AVAIL_OFFSET + 4 + (size_t)2 * r->size, event);
}

static inline void ring_offer(struct guest_ring *r, uint16_t head)
{
	rd_put_le16(
		r->at + RING_AVAIL_OFFSET + 4 + (size_t)2 * (r->avail_idx & (r->size - 1u)), head);
	ring_set_avail_idx(r, (uint16_t)(r->avail_idx + 1));
}

static inline uint16_t ring_used_flags(const struct guest_ring *r)
{
	return rd_get_le16(r->at + RING_USED_OFFSET);
}

static inline uint16_t ring_used_idx(const struct guest_ring *r)
{
	return rd_get_le16(r->at + RING_USED_OFFSET + 2);
}

static inline uint16_t ring_avail_event(const struct guest_ring *r)
{
	return rd_get_le16(r->at + RING_USED_OFFSET + 4 + (size_t)8 * r->size);
}

/* The next chain that the device gave back; false when there is none. */
static inline bool ring_take(struct guest_ring *r, uint32_t *ret_head, uint32_t *ret_written)
{
	const uint8_t *e = r->at + RING_USED_OFFSET + 4 +
			   (size_t)8 * (r->used_seen & (r->size - 1u));

	if (r->used_seen == ring_used_idx(r)) {
		return false;
	}
	*ret_head = rd_get_le32(e);
	*ret_written = rd_get_le32(e + 4);
	r->used_seen++;
	return true;
}

#endif
