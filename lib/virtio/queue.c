/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The split virtqueue walker (virtio 1.2, section 2.7).
 *
 * Three rings live in guest memory: the descriptor table and the avail ring, which the guest
 * writes, and the used ring, which we write. rd_queue_start finds them, checks that they lie wholly
 * in memory, and keeps their addresses; everything else is reached through rd_guest_mem_segments.
 *
 * The guest may write anything at any time, so each field is loaded once: the avail index with
 * acquire order (the ring entries that it covers are visible after it), a descriptor by one copy,
 * an indirect table by one copy of all of it. Checks are on the copies.
 *
 * Kicks and interrupts are suppressed on both sides as sections 2.7.7 and 2.7.10 describe. Each of
 * the two races (guest adds a chain as we go to sleep; we push as the guest goes to sleep) is
 * closed by a full barrier between our store and our load, against the same barrier in the driver.
 */
#include "virtio/queue.h"

#include "base/byteorder.h"

#include <assert.h>
#include <string.h>

#define DESC_SIZE  16u
#define DESC_ALIGN 16u
#define USED_ENTRY 8u
/* flags u16, idx u16 in front of a ring's entries, an event index u16 behind them */
#define RING_HEAD  4u
#define RING_EVENT 2u

#define DESC_F_NEXT     1u
#define DESC_F_WRITE    2u
#define DESC_F_INDIRECT 4u

#define AVAIL_F_NO_INTERRUPT 1u
#define USED_F_NO_NOTIFY     1u

struct desc {
	struct rd_gpa addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

static uint16_t load_acquire(const uint8_t *ring, size_t offset)
{
	const uint16_t *p = (const void *)(ring + offset);

	return le16toh(__atomic_load_n(p, __ATOMIC_ACQUIRE));
}

static void store_release(uint8_t *ring, size_t offset, uint16_t v)
{
	uint16_t *p = (void *)(ring + offset);

	__atomic_store_n(p, htole16(v), __ATOMIC_RELEASE);
}

static bool has_event_idx(const struct rd_queue *q)
{
	return (q->features & RD_VIRTIO_F_EVENT_IDX) != 0;
}

void rd_queue_init(struct rd_queue *q)
{
	*q = (struct rd_queue){0};
}

enum rd_status rd_queue_start(
	struct rd_queue *q, const struct rd_guest_mem *mem, const struct rd_queue_config *config)
{
	uint16_t size = config->size;
	struct rd_queue_stats stats = q->stats;
	uint8_t *desc;
	uint8_t *avail;
	uint8_t *used;

	rd_queue_stop(q);
	RD_ENSURE(size != 0 && size <= RD_QUEUE_SIZE_MAX, RD_OUT_OF_RANGE);
	RD_ENSURE((size & (size - 1)) == 0, RD_OUT_OF_RANGE);
	RD_TRY(rd_guest_mem_in_place(
		mem, config->desc, (size_t)DESC_SIZE * size, DESC_ALIGN, RD_MEM_READ, &desc));
	RD_TRY(rd_guest_mem_in_place(mem, config->avail,
		RING_HEAD + sizeof(uint16_t) * size + RING_EVENT, 2, RD_MEM_READ, &avail));
	RD_TRY(rd_guest_mem_in_place(mem, config->used,
		RING_HEAD + (size_t)USED_ENTRY * size + RING_EVENT, 4, RD_MEM_WRITE, &used));
	*q = (struct rd_queue){
		.mem = mem,
		.desc = desc,
		.avail = avail,
		.used = used,
		.features = config->features,
		.size = size,
		.next_avail = config->base,
		.seen_avail = config->base,
		.next_used = load_acquire(used, 2),
		.stats = stats,
	};
	q->signalled_used = q->next_used;
	return RD_OK;
}

void rd_queue_stop(struct rd_queue *q)
{
	q->mem = NULL;
	q->desc = NULL;
	q->avail = NULL;
	q->used = NULL;
}

static enum rd_status broken(struct rd_queue *q, enum rd_status why)
{
	q->broken = true;
	q->stats.breaks++;
	q->stats.last_break = why;
	return why;
}

static void kicks_on(struct rd_queue *q)
{
	if (has_event_idx(q)) {
		store_release(q->used, RING_HEAD + (size_t)USED_ENTRY * q->size, q->next_avail);
	} else {
		store_release(q->used, 0, 0);
	}
	q->kicks_on = true;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void kicks_off(struct rd_queue *q)
{
	/* With EVENT_IDX the index that we last asked for is behind the guest: it stays quiet. */
	if (!has_event_idx(q)) {
		store_release(q->used, 0, USED_F_NO_NOTIFY);
	}
	q->kicks_on = false;
}

/* Looks at the avail index; RD_AGAIN when the guest has added nothing. */
static enum rd_status refresh(struct rd_queue *q)
{
	uint16_t idx = load_acquire(q->avail, 2);

	RD_ENSURE((uint16_t)(idx - q->next_avail) <= q->size, RD_OUT_OF_RANGE);
	q->seen_avail = idx;
	return idx == q->next_avail ? RD_AGAIN : RD_OK;
}

static enum rd_status wait_for_avail(struct rd_queue *q)
{
	enum rd_status st;

	if (q->next_avail != q->seen_avail) {
		return RD_OK;
	}
	st = refresh(q);
	if (st == RD_AGAIN && !q->kicks_on) {
		kicks_on(q);
		st = refresh(q);
	}
	return st;
}

/* One table of descriptors: the queue's own, in place, or an indirect one, anywhere in memory. */
struct table {
	const uint8_t *in_place; /* NULL for an indirect table */
	struct rd_gpa gpa;
	uint32_t entries;
};

static enum rd_status desc_load(
	const struct rd_queue *q, const struct table *t, uint32_t index, struct desc *ret)
{
	size_t offset = (size_t)DESC_SIZE * index;
	uint8_t copy[DESC_SIZE];

	RD_ENSURE(index < t->entries, RD_OUT_OF_RANGE);
	if (t->in_place) {
		memcpy(copy, t->in_place + offset, sizeof(copy));
	} else {
		struct rd_gpa at = {t->gpa.v + offset};

		RD_TRY(rd_guest_mem_read(q->mem, at, copy, sizeof(copy)));
	}
	*ret = (struct desc){
		.addr = {rd_get_le64(copy)},
		.len = rd_get_le32(copy + 8),
		.flags = rd_get_le16(copy + 12),
		.next = rd_get_le16(copy + 14),
	};
	return RD_OK;
}

static enum rd_status chain_add(
	const struct rd_queue *q, struct rd_chain *chain, const struct desc *d, bool *in_writable)
{
	size_t count = chain->readable + chain->writable;
	size_t before = count;
	bool write = (d->flags & DESC_F_WRITE) != 0;

	/* Section 2.7.4.2: what the device writes comes after all that it reads. */
	RD_ENSURE(write || !*in_writable, RD_FORBIDDEN);
	RD_ENSURE(d->len <= RD_CHAIN_BYTES_MAX - chain->readable_bytes - chain->writable_bytes,
		RD_LIMIT);
	RD_TRY(rd_guest_mem_segments(q->mem, d->addr, d->len, write ? RD_MEM_WRITE : RD_MEM_READ,
		chain->iov, RD_CHAIN_SEGMENTS_MAX, &count));
	if (write) {
		*in_writable = true;
		chain->writable += count - before;
		chain->writable_bytes += d->len;
	} else {
		chain->readable += count - before;
		chain->readable_bytes += d->len;
	}
	return RD_OK;
}

struct walk {
	struct table table;
	uint32_t first;
	uint32_t steps; /* descriptors of the chain so far: a loop runs into its bound */
	bool in_writable;
};

/* Follows one table. *ret_indirect.flags has DESC_F_INDIRECT when the chain goes on in another. */
static enum rd_status walk_table(
	const struct rd_queue *q, struct walk *w, struct rd_chain *chain, struct desc *ret_indirect)
{
	uint32_t index = w->first;
	struct desc d;

	*ret_indirect = (struct desc){0};
	for (;;) {
		RD_TRY(desc_load(q, &w->table, index, &d));
		if (d.flags & DESC_F_INDIRECT) {
			/* Section 2.7.5.3.1: negotiated, not nested, and the last of its table. */
			RD_ENSURE(q->features & RD_VIRTIO_F_INDIRECT_DESC, RD_FORBIDDEN);
			RD_ENSURE(w->table.in_place && !(d.flags & DESC_F_NEXT), RD_FORBIDDEN);
			*ret_indirect = d;
			return RD_OK;
		}
		RD_ENSURE(w->steps < q->size, RD_LIMIT);
		w->steps++;
		RD_TRY(chain_add(q, chain, &d, &w->in_writable));
		if (!(d.flags & DESC_F_NEXT)) {
			return RD_OK;
		}
		index = d.next;
	}
}

static enum rd_status enter_indirect(struct walk *w, const struct desc *d)
{
	RD_ENSURE(d->len != 0 && d->len % DESC_SIZE == 0, RD_OUT_OF_RANGE);
	RD_ENSURE(d->len - 1 <= UINT64_MAX - d->addr.v, RD_OUT_OF_RANGE);
	w->table = (struct table){.gpa = d->addr, .entries = d->len / DESC_SIZE};
	w->first = 0;
	return RD_OK;
}

static enum rd_status walk_chain(const struct rd_queue *q, struct rd_chain *chain)
{
	struct walk w = {.table = {.in_place = q->desc, .entries = q->size}, .first = chain->head};
	struct desc d;

	RD_TRY(walk_table(q, &w, chain, &d));
	if (d.flags & DESC_F_INDIRECT) {
		RD_TRY(enter_indirect(&w, &d));
		RD_TRY(walk_table(q, &w, chain, &d));
	}
	return RD_OK;
}

enum rd_status rd_queue_pop(struct rd_queue *q, struct rd_chain *ret_chain)
{
	enum rd_status st;
	size_t slot;

	RD_ENSURE(q->mem != NULL, RD_CLOSED);
	RD_ENSURE(!q->broken, RD_FORBIDDEN);
	st = wait_for_avail(q);
	if (st != RD_OK) {
		return st == RD_AGAIN ? st : broken(q, st);
	}
	if (q->kicks_on) {
		kicks_off(q);
	}
	slot = (size_t)q->next_avail & (q->size - 1u);
	ret_chain->head = load_acquire(q->avail, RING_HEAD + sizeof(uint16_t) * slot);
	ret_chain->readable = 0;
	ret_chain->writable = 0;
	ret_chain->readable_bytes = 0;
	ret_chain->writable_bytes = 0;
	st = walk_chain(q, ret_chain);
	if (st != RD_OK) {
		return broken(q, st);
	}
	q->next_avail++;
	q->stats.chains++;
	return RD_OK;
}

void rd_queue_unpop(struct rd_queue *q)
{
	/* An op may have stopped or restarted the queue meanwhile; then there is nothing to undo.
	 */
	if (q->mem != NULL && !q->broken) {
		q->next_avail--;
		q->stats.chains--;
	}
}

void rd_queue_push(struct rd_queue *q, const struct rd_chain *chain, size_t written)
{
	size_t entry = RING_HEAD + (size_t)USED_ENTRY * (q->next_used & (q->size - 1u));

	if (q->mem == NULL) {
		return;
	}
	assert(written <= chain->writable_bytes);
	rd_put_le32(q->used + entry, chain->head);
	rd_put_le32(q->used + entry + 4, (uint32_t)written);
	q->next_used++;
	store_release(q->used, 2, q->next_used);
}

/* What the guest wrote last into the field behind its ring. */
static uint16_t used_event(const struct rd_queue *q)
{
	return load_acquire(q->avail, RING_HEAD + sizeof(uint16_t) * q->size);
}

bool rd_queue_is_behind(const struct rd_queue *q)
{
	return q->mem != NULL && has_event_idx(q) &&
	       (int16_t)(uint16_t)(used_event(q) - q->signalled_used) < 0;
}

bool rd_queue_should_notify(struct rd_queue *q)
{
	uint16_t old = q->signalled_used;
	uint16_t event;

	if (q->mem == NULL || q->next_used == old) {
		return false;
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	q->signalled_used = q->next_used;
	if (!has_event_idx(q)) {
		return !(load_acquire(q->avail, 0) & AVAIL_F_NO_INTERRUPT);
	}
	/* Section 2.7.7.2: did the index that the guest waits for pass by? */
	event = used_event(q);
	return (uint16_t)(q->next_used - event - 1) < (uint16_t)(q->next_used - old);
}
