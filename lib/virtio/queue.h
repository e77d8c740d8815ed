/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device side of a split virtqueue (virtio 1.2, section 2.7): the only ring walker there is.
 *
 * Nothing that the guest writes into a ring can do more than break its own queue: a broken queue
 * gives out no further chains until it is started again, and says why in struct rd_queue_stats.
 *
 * Use, from one thread:
 *
 *	while (rd_queue_pop(q, &chain) == RD_OK) {
 *		… use chain …
 *		rd_queue_push(q, &chain, bytes_written);
 *	}
 *	if (rd_queue_should_notify(q)) { … interrupt the guest … }
 */
#ifndef RD_VIRTIO_QUEUE_H
#define RD_VIRTIO_QUEUE_H

#include "base/status.h"
#include "virtio/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Feature bits that the walker implements (virtio 1.2, section 6); offer the others nowhere. */
#define RD_VIRTIO_F_INDIRECT_DESC (UINT64_C(1) << 28)
#define RD_VIRTIO_F_EVENT_IDX     (UINT64_C(1) << 29)
#define RD_VIRTIO_F_VERSION_1     (UINT64_C(1) << 32)
#define RD_VIRTIO_F_RINGS                                                                          \
	(RD_VIRTIO_F_INDIRECT_DESC | RD_VIRTIO_F_EVENT_IDX | RD_VIRTIO_F_VERSION_1)

/* What QEMU's virtio-mmio tells the driver of every queue (VIRTQUEUE_MAX_SIZE), and Linux then
 * takes. */
#define RD_QUEUE_SIZE_MAX 1024

/* Linux sends at most 64 KiB in a vsock packet; no request of ours needs more than this. */
#define RD_CHAIN_BYTES_MAX ((size_t)1 << 20)

/* As many pages; each border between regions may split one more. */
#define RD_CHAIN_SEGMENTS_MAX (256 + RD_GUEST_MEM_REGIONS_MAX)

struct rd_queue_config {
	uint16_t size; /* entries: a power of two, at most RD_QUEUE_SIZE_MAX */
	uint16_t base; /* next avail index to look at; 0 unless a queue is resumed */
	struct rd_gpa desc;
	struct rd_gpa avail;
	struct rd_gpa used;
	uint64_t features; /* negotiated: EVENT_IDX and INDIRECT_DESC count here */
};

struct rd_queue_stats {
	uint64_t chains; /* given out */
	uint64_t breaks; /* times that the guest broke the queue */
	enum rd_status last_break;
};

/* Storage is the caller's; the fields are the walker's. */
struct rd_queue {
	const struct rd_guest_mem *mem; /* NULL when not started */
	uint8_t *desc;
	uint8_t *avail;
	uint8_t *used;
	uint64_t features;
	uint16_t size;
	uint16_t next_avail;
	uint16_t next_used;
	uint16_t seen_avail;     /* avail index as last loaded */
	uint16_t signalled_used; /* next_used when the guest was last notified */
	bool broken;
	bool kicks_on; /* the guest has been told to kick */
	struct rd_queue_stats stats;
};

/*
 * A chain of descriptors, copied and validated: first `readable` segments that the guest filled,
 * then `writable` ones that we may fill.
 */
struct rd_chain {
	uint16_t head;
	size_t readable;
	size_t writable;
	size_t readable_bytes;
	size_t writable_bytes;
	struct iovec iov[RD_CHAIN_SEGMENTS_MAX];
};

/* A queue that is not started. Nothing to free. */
void rd_queue_init(struct rd_queue *q);

/*
 * Starts with the rings at the given addresses; `mem` is borrowed until rd_queue_stop. A queue may
 * be started again, which also mends a broken one.
 *
 * RD_OUT_OF_RANGE: size is 0, too large or no power of two, or a ring is not in memory.
 * RD_NONCANONICAL: a ring is not aligned as section 2.7 wants it. The queue is then not started.
 */
enum rd_status rd_queue_start(struct rd_queue *q, const struct rd_guest_mem *mem,
	const struct rd_queue_config *config) RD_MUST_USE;
void rd_queue_stop(struct rd_queue *q);

static inline bool rd_queue_started(const struct rd_queue *q)
{
	return q->mem != NULL;
}

/*
 * The next chain. RD_AGAIN: none now, and the guest has been asked to kick when there is.
 * RD_CLOSED: not started. Otherwise the queue is broken: the call that found it out says how, later
 * ones say RD_FORBIDDEN.
 */
enum rd_status rd_queue_pop(struct rd_queue *q, struct rd_chain *ret_chain) RD_MUST_USE;

/* Puts back the chain that the last pop gave, as if it had not been popped. */
void rd_queue_unpop(struct rd_queue *q);

/* Hands a chain back to the guest with `written` bytes in its writable part. */
void rd_queue_push(struct rd_queue *q, const struct rd_chain *chain, size_t written);

/* True when the guest wants an interrupt for what was pushed since this was last asked. */
bool rd_queue_should_notify(struct rd_queue *q);

/*
 * With EVENT_IDX: true when the index that the guest said last it waits for is behind what it was
 * told of. Then it is still at work, or it went to sleep without having seen that, and nothing
 * pushed later would wake it. A guest rules that out by a barrier between saying and looking; QEMU
 * leaves the barrier of a lock prefix out when it translates for a single CPU. Asked now and then,
 * with an interrupt for an answer, it makes a lost wake-up a late one.
 */
bool rd_queue_is_behind(const struct rd_queue *q);

/* The avail index that a later rd_queue_start would go on from (vhost's GET_VRING_BASE). */
static inline uint16_t rd_queue_base(const struct rd_queue *q)
{
	return q->next_avail;
}

/*
 * Parts of a segment list. `slice` makes a list of the bytes [offset, offset + len) of `in`,
 * shortened at the end of `in`, and returns its number of segments, at most `in_count`; *ret_len
 * says how many bytes it has. `out` has room for in_count segments. `copy_out` and `copy_in` return
 * the number of bytes that they moved.
 */
size_t rd_iov_slice(const struct iovec *in, size_t in_count, size_t offset, size_t len,
	struct iovec *out, size_t *ret_len);
/* All bytes of a list. */
size_t rd_iov_bytes(const struct iovec *iov, size_t count);
size_t rd_iov_copy_out(const struct iovec *in, size_t count, size_t offset, void *dst, size_t len);
size_t rd_iov_copy_in(
	const struct iovec *out, size_t count, size_t offset, const void *src, size_t len);

#endif
