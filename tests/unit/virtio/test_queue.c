/* SPDX-License-Identifier: Apache-2.0 */
/* The virtqueue walker: what it gives out, and every way in which a guest can break its queue. */
#include "test.h"

#include "guest_ring.h"
#include "virtio/queue.h"

#define GPA      0x10000u
#define MEM_SIZE 0x100000u
#define DATA     (GPA + 0x8000u) /* behind the rings */
#define TABLE    (GPA + 0x6000u) /* indirect tables */
#define SIZE     8u

struct fixture {
	uint8_t *bytes;
	struct rd_guest_mem mem;
	struct guest_ring ring;
	struct rd_queue q;
	struct rd_chain chain;
};

static int setup_with(void **state, uint64_t features)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct rd_queue_config config;

	assert_non_null(f);
	f->bytes = aligned_alloc(4096, MEM_SIZE);
	assert_non_null(f->bytes);
	memset(f->bytes, 0, MEM_SIZE);
	rd_guest_mem_init(&f->mem);
	assert_ok(rd_guest_mem_add(
		&f->mem, &(struct rd_guest_region){{GPA}, MEM_SIZE, f->bytes, false}));
	f->ring = (struct guest_ring){.at = f->bytes, .gpa = GPA, .size = SIZE};
	config = ring_config(&f->ring, features);
	rd_queue_init(&f->q);
	assert_ok(rd_queue_start(&f->q, &f->mem, &config));
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, RD_VIRTIO_F_VERSION_1 | RD_VIRTIO_F_INDIRECT_DESC);
}

static int setup_event_idx(void **state)
{
	return setup_with(state, RD_VIRTIO_F_RINGS);
}

static int setup_plain(void **state)
{
	return setup_with(state, RD_VIRTIO_F_VERSION_1);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->bytes);
	free(f);
	return 0;
}

static uint8_t *hva(struct fixture *f, uint64_t gpa)
{
	return f->bytes + (gpa - GPA);
}

static void assert_breaks(struct fixture *f, enum rd_status how)
{
	assert_status(rd_queue_pop(&f->q, &f->chain), how);
	assert_status(rd_queue_pop(&f->q, &f->chain), RD_FORBIDDEN);
	assert_int_equal(f->q.stats.breaks, 1);
	assert_int_equal(f->q.stats.last_break, how);
}

/* --- starting ----------------------------------------------------------------------------------
 */

static void start_refuses_bad_rings(void **state)
{
	struct fixture *f = *state;
	const struct rd_queue_config good = ring_config(&f->ring, 0);
	const struct {
		struct rd_queue_config config;
		enum rd_status want;
	} cases[] = {
		{{0, 0, good.desc, good.avail, good.used, 0}, RD_OUT_OF_RANGE},
		{{3, 0, good.desc, good.avail, good.used, 0}, RD_OUT_OF_RANGE},
		{{2048, 0, good.desc, good.avail, good.used, 0}, RD_OUT_OF_RANGE},
		{{8, 0, {GPA + 8}, good.avail, good.used, 0}, RD_NONCANONICAL},
		{{8, 0, good.desc, {GPA + 0x1001}, good.used, 0}, RD_NONCANONICAL},
		{{8, 0, good.desc, good.avail, {GPA + 0x2002}, 0}, RD_NONCANONICAL},
		{{8, 0, {0}, good.avail, good.used, 0}, RD_OUT_OF_RANGE},
		{{8, 0, {GPA + MEM_SIZE - 112}, good.avail, good.used, 0}, RD_OUT_OF_RANGE},
		{{8, 0, good.desc, {GPA + MEM_SIZE - 20}, good.used, 0}, RD_OUT_OF_RANGE},
		{{8, 0, good.desc, good.avail, {GPA + MEM_SIZE - 68}, 0}, RD_OUT_OF_RANGE},
		{{8, 0, good.desc, good.avail, {UINT64_MAX - 3}, 0}, RD_OUT_OF_RANGE},
	};

	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		assert_ok(rd_queue_start(&f->q, &f->mem, &good));
		assert_status(rd_queue_start(&f->q, &f->mem, &cases[i].config), cases[i].want);
		assert_false(rd_queue_started(&f->q));
		assert_status(rd_queue_pop(&f->q, &f->chain), RD_CLOSED);
	}
}

static void start_refuses_used_ring_in_read_only_memory(void **state)
{
	struct fixture *f = *state;
	struct rd_queue_config config = ring_config(&f->ring, 0);

	f->mem.regions[0].read_only = true;
	assert_status(rd_queue_start(&f->q, &f->mem, &config), RD_OUT_OF_RANGE);
}

static void rings_may_end_where_memory_ends(void **state)
{
	struct fixture *f = *state;
	struct rd_queue_config config = ring_config(&f->ring, 0);

	config.used.v = GPA + MEM_SIZE - (4 + 8 * SIZE + 2) - 2; /* 4-aligned */
	assert_ok(rd_queue_start(&f->q, &f->mem, &config));
}

/* --- chains ------------------------------------------------------------------------------------
 */

static void empty_and_stopped_queues_give_nothing(void **state)
{
	struct fixture *f = *state;

	assert_status(rd_queue_pop(&f->q, &f->chain), RD_AGAIN);
	rd_queue_stop(&f->q);
	assert_status(rd_queue_pop(&f->q, &f->chain), RD_CLOSED);
	assert_false(rd_queue_should_notify(&f->q));
}

static void chain_is_readable_then_writable(void **state)
{
	struct fixture *f = *state;

	ring_desc(&f->ring, 3, DATA, 44, RING_NEXT, 7);
	ring_desc(&f->ring, 7, DATA + 100, 0, RING_NEXT, 0);
	ring_desc(&f->ring, 0, DATA + 0x1000, 512, RING_NEXT | RING_WRITE, 1);
	ring_desc(&f->ring, 1, DATA + 0x2000, 16, RING_WRITE, 99);
	ring_offer(&f->ring, 3);
	assert_ok(rd_queue_pop(&f->q, &f->chain));
	assert_int_equal(f->chain.head, 3);
	assert_int_equal(f->chain.readable, 1);
	assert_int_equal(f->chain.writable, 2);
	assert_int_equal(f->chain.readable_bytes, 44);
	assert_int_equal(f->chain.writable_bytes, 528);
	assert_ptr_equal(f->chain.iov[0].iov_base, hva(f, DATA));
	assert_ptr_equal(f->chain.iov[2].iov_base, hva(f, DATA + 0x2000));
	assert_status(rd_queue_pop(&f->q, &f->chain), RD_AGAIN);
}

static void push_tells_head_and_length(void **state)
{
	struct fixture *f = *state;
	uint32_t head;
	uint32_t written;

	ring_desc(&f->ring, 5, DATA, 64, RING_WRITE, 0);
	ring_offer(&f->ring, 5);
	assert_ok(rd_queue_pop(&f->q, &f->chain));
	assert_false(ring_take(&f->ring, &head, &written));
	rd_queue_push(&f->q, &f->chain, 60);
	assert_true(ring_take(&f->ring, &head, &written));
	assert_int_equal(head, 5);
	assert_int_equal(written, 60);
}

static void unpop_gives_the_same_chain_again(void **state)
{
	struct fixture *f = *state;

	ring_desc(&f->ring, 2, DATA, 64, RING_WRITE, 0);
	ring_offer(&f->ring, 2);
	for (unsigned i = 0; i < 3; i++) {
		assert_ok(rd_queue_pop(&f->q, &f->chain));
		assert_int_equal(f->chain.head, 2);
		assert_int_equal(rd_queue_base(&f->q), 1);
		rd_queue_unpop(&f->q);
		assert_int_equal(rd_queue_base(&f->q), 0);
	}
}

static void indices_wrap(void **state)
{
	struct fixture *f = *state;
	uint32_t head;
	uint32_t written;

	ring_desc(&f->ring, 0, DATA, 8, 0, 0);
	ring_desc(&f->ring, 1, DATA, 8, 0, 0);
	for (unsigned i = 0; i < 70000; i++) {
		ring_offer(&f->ring, (uint16_t)(i & 1));
		assert_ok(rd_queue_pop(&f->q, &f->chain));
		rd_queue_push(&f->q, &f->chain, 0);
		assert_true(ring_take(&f->ring, &head, &written));
		assert_int_equal(head, i & 1);
	}
	assert_status(rd_queue_pop(&f->q, &f->chain), RD_AGAIN);
}

static void resumes_from_a_base(void **state)
{
	struct fixture *f = *state;
	struct rd_queue_config config = ring_config(&f->ring, 0);

	for (uint16_t i = 0; i < 3; i++) {
		ring_desc(&f->ring, i, DATA, 8 + i, 0, 0);
		ring_offer(&f->ring, i);
	}
	assert_ok(rd_queue_pop(&f->q, &f->chain));
	rd_queue_push(&f->q, &f->chain, 0);
	config.base = rd_queue_base(&f->q);
	assert_ok(rd_queue_start(&f->q, &f->mem, &config));
	assert_ok(rd_queue_pop(&f->q, &f->chain));
	assert_int_equal(f->chain.readable_bytes, 9);
	rd_queue_push(&f->q, &f->chain, 0);
	assert_int_equal(ring_used_idx(&f->ring), 2);
}

static void full_ring_is_no_violation(void **state)
{
	struct fixture *f = *state;

	for (uint16_t i = 0; i < SIZE; i++) {
		ring_desc(&f->ring, i, DATA, 8, 0, 0);
		ring_offer(&f->ring, i);
	}
	for (unsigned i = 0; i < SIZE; i++) {
		assert_ok(rd_queue_pop(&f->q, &f->chain));
	}
	assert_status(rd_queue_pop(&f->q, &f->chain), RD_AGAIN);
}

static void longest_chain_is_taken(void **state)
{
	struct fixture *f = *state;

	for (uint16_t i = 0; i < SIZE; i++) {
		ring_desc(&f->ring, i, DATA, 8, i + 1u < SIZE ? RING_NEXT : 0, i + 1u);
	}
	ring_offer(&f->ring, 0);
	assert_ok(rd_queue_pop(&f->q, &f->chain));
	assert_int_equal(f->chain.readable, SIZE);
}

/* --- violations --------------------------------------------------------------------------------
 */

static void avail_index_too_far_breaks(void **state)
{
	struct fixture *f = *state;
	struct rd_queue_config config = ring_config(&f->ring, 0);

	ring_set_avail_idx(&f->ring, SIZE + 1);
	assert_breaks(f, RD_OUT_OF_RANGE);
	ring_set_avail_idx(&f->ring, 0);
	assert_ok(rd_queue_start(&f->q, &f->mem, &config));
	assert_status(rd_queue_pop(&f->q, &f->chain), RD_AGAIN);
	assert_int_equal(f->q.stats.breaks, 1);
}

static void avail_index_backwards_breaks(void **state)
{
	struct fixture *f = *state;

	ring_set_avail_idx(&f->ring, 0xffff);
	assert_breaks(f, RD_OUT_OF_RANGE);
}

static void head_outside_table_breaks(void **state)
{
	struct fixture *f = *state;

	ring_offer(&f->ring, SIZE);
	assert_breaks(f, RD_OUT_OF_RANGE);
}

static void next_outside_table_breaks(void **state)
{
	struct fixture *f = *state;

	ring_desc(&f->ring, 0, DATA, 8, RING_NEXT, SIZE);
	ring_offer(&f->ring, 0);
	assert_breaks(f, RD_OUT_OF_RANGE);
}

static void loop_breaks(void **state)
{
	struct fixture *f = *state;

	ring_desc(&f->ring, 0, DATA, 8, RING_NEXT, 1);
	ring_desc(&f->ring, 1, DATA, 0, RING_NEXT, 0);
	ring_offer(&f->ring, 0);
	assert_breaks(f, RD_LIMIT);
}

static void readable_after_writable_breaks(void **state)
{
	struct fixture *f = *state;

	ring_desc(&f->ring, 0, DATA, 0, RING_WRITE | RING_NEXT, 1);
	ring_desc(&f->ring, 1, DATA, 8, 0, 0);
	ring_offer(&f->ring, 0);
	assert_breaks(f, RD_FORBIDDEN);
}

static void buffer_outside_memory_breaks(void **state)
{
	static const struct {
		uint64_t addr;
		uint32_t len;
	} cases[] = {
		{0, 8},
		{GPA - 1, 2},
		{GPA + MEM_SIZE - 7, 8},
		{GPA + MEM_SIZE, 1},
		{UINT64_MAX, 8},
		{UINT64_MAX - 7, 16},
	};
	struct fixture *f = *state;
	struct rd_queue_config config = ring_config(&f->ring, 0);

	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		ring_desc(&f->ring, 0, cases[i].addr, cases[i].len, 0, 0);
		ring_set_avail_idx(&f->ring, 0);
		ring_offer(&f->ring, 0);
		assert_ok(rd_queue_start(&f->q, &f->mem, &config));
		assert_status(rd_queue_pop(&f->q, &f->chain), RD_OUT_OF_RANGE);
	}
	assert_int_equal(f->q.stats.breaks, RD_ARRAY_LEN(cases));
}

static void too_many_bytes_break(void **state)
{
	struct fixture *f = *state;

	ring_desc(&f->ring, 0, DATA, 0x80000, RING_NEXT, 1);
	ring_desc(&f->ring, 1, DATA, 0x80000, RING_NEXT | RING_WRITE, 2);
	ring_desc(&f->ring, 2, DATA, 1, RING_WRITE, 0);
	ring_offer(&f->ring, 0);
	assert_breaks(f, RD_LIMIT);
}

static void longest_total_is_taken(void **state)
{
	struct fixture *f = *state;

	ring_desc(&f->ring, 0, DATA, 0x80000, RING_NEXT, 1);
	ring_desc(&f->ring, 1, DATA, 0x80000, RING_WRITE, 0);
	ring_offer(&f->ring, 0);
	assert_ok(rd_queue_pop(&f->q, &f->chain));
	assert_int_equal(f->chain.readable_bytes + f->chain.writable_bytes, RD_CHAIN_BYTES_MAX);
}

/* --- indirect ----------------------------------------------------------------------------------
 */

static void indirect_table_is_followed(void **state)
{
	struct fixture *f = *state;

	ring_desc(&f->ring, 0, DATA, 8, RING_NEXT, 1);
	ring_desc(&f->ring, 1, TABLE, 48, RING_INDIRECT, 0);
	ring_put_desc(hva(f, TABLE), DATA + 64, 44, RING_NEXT, 2);
	ring_put_desc(hva(f, TABLE + 32), DATA + 128, 100, RING_WRITE, 0);
	ring_offer(&f->ring, 0);
	assert_ok(rd_queue_pop(&f->q, &f->chain));
	assert_int_equal(f->chain.readable_bytes, 52);
	assert_int_equal(f->chain.writable_bytes, 100);
}

static void indirect_without_negotiation_breaks(void **state)
{
	struct fixture *f = *state;

	ring_desc(&f->ring, 0, TABLE, 16, RING_INDIRECT, 0);
	ring_offer(&f->ring, 0);
	assert_breaks(f, RD_FORBIDDEN);
}

static void bad_indirect_tables_break(void **state)
{
	static const struct {
		uint64_t table;
		uint32_t len;
		unsigned flags; /* of the descriptor that points at the table */
		unsigned inner_flags;
		unsigned inner_next;
		enum rd_status want;
	} cases[] = {
		{TABLE, 0, RING_INDIRECT, 0, 0, RD_OUT_OF_RANGE},
		{TABLE, 15, RING_INDIRECT, 0, 0, RD_OUT_OF_RANGE},
		{TABLE, 17, RING_INDIRECT, 0, 0, RD_OUT_OF_RANGE},
		{TABLE, 16, RING_INDIRECT | RING_NEXT, 0, 0, RD_FORBIDDEN},
		{TABLE, 16, RING_INDIRECT, RING_INDIRECT, 0, RD_FORBIDDEN},
		{TABLE, 16, RING_INDIRECT, RING_NEXT, 1, RD_OUT_OF_RANGE},
		{TABLE, 32, RING_INDIRECT, RING_NEXT, 0, RD_LIMIT},
		{0, 16, RING_INDIRECT, 0, 0, RD_OUT_OF_RANGE},
		{GPA + MEM_SIZE - 8, 16, RING_INDIRECT, 0, 0, RD_OUT_OF_RANGE},
		{UINT64_MAX - 7, 16, RING_INDIRECT, 0, 0, RD_OUT_OF_RANGE},
	};
	struct fixture *f = *state;
	struct rd_queue_config config = ring_config(&f->ring, RD_VIRTIO_F_INDIRECT_DESC);

	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		ring_desc(&f->ring, 0, cases[i].table, cases[i].len, cases[i].flags, 1);
		ring_put_desc(hva(f, TABLE), DATA, 8, cases[i].inner_flags, cases[i].inner_next);
		ring_set_avail_idx(&f->ring, 0);
		ring_offer(&f->ring, 0);
		assert_ok(rd_queue_start(&f->q, &f->mem, &config));
		assert_status(rd_queue_pop(&f->q, &f->chain), cases[i].want);
	}
}

static void indirect_chain_longer_than_the_queue_breaks(void **state)
{
	struct fixture *f = *state;

	ring_desc(&f->ring, 0, TABLE, 16 * (SIZE + 1), RING_INDIRECT, 0);
	for (unsigned i = 0; i <= SIZE; i++) {
		ring_put_desc(hva(f, TABLE + 16u * i), DATA, 1, i < SIZE ? RING_NEXT : 0, i + 1);
	}
	ring_offer(&f->ring, 0);
	assert_breaks(f, RD_LIMIT);
}

/* --- kicks and interrupts ----------------------------------------------------------------------
 */

static void kicks_are_wanted_only_when_idle(void **state)
{
	struct fixture *f = *state;

	ring_desc(&f->ring, 0, DATA, 8, 0, 0);
	ring_offer(&f->ring, 0);
	assert_status(rd_queue_pop(&f->q, &f->chain), RD_OK);
	assert_status(rd_queue_pop(&f->q, &f->chain), RD_AGAIN);
	assert_int_equal(ring_used_flags(&f->ring), 0);
	ring_offer(&f->ring, 0);
	assert_ok(rd_queue_pop(&f->q, &f->chain));
	assert_int_equal(ring_used_flags(&f->ring), 1);
	assert_status(rd_queue_pop(&f->q, &f->chain), RD_AGAIN);
	assert_int_equal(ring_used_flags(&f->ring), 0);
}

static void avail_event_follows_the_avail_index(void **state)
{
	struct fixture *f = *state;

	ring_desc(&f->ring, 0, DATA, 8, 0, 0);
	for (uint16_t i = 1; i < 20; i++) {
		ring_offer(&f->ring, 0);
		assert_ok(rd_queue_pop(&f->q, &f->chain));
		assert_status(rd_queue_pop(&f->q, &f->chain), RD_AGAIN);
		assert_int_equal(ring_avail_event(&f->ring), i);
	}
	assert_int_equal(ring_used_flags(&f->ring), 0);
}

static void guest_can_refuse_interrupts(void **state)
{
	struct fixture *f = *state;

	ring_desc(&f->ring, 0, DATA, 8, 0, 0);
	assert_false(rd_queue_should_notify(&f->q));
	for (unsigned i = 0; i < 2; i++) {
		ring_set_avail_flags(&f->ring, (uint16_t)i);
		ring_offer(&f->ring, 0);
		assert_ok(rd_queue_pop(&f->q, &f->chain));
		rd_queue_push(&f->q, &f->chain, 0);
		assert_int_equal(rd_queue_should_notify(&f->q), i == 0);
		assert_false(rd_queue_should_notify(&f->q));
	}
}

static void used_event_asks_for_one_interrupt(void **state)
{
	struct fixture *f = *state;

	ring_desc(&f->ring, 0, DATA, 8, 0, 0);
	ring_set_used_event(&f->ring, 3);
	for (unsigned i = 0; i < 8; i++) {
		ring_offer(&f->ring, 0);
		assert_ok(rd_queue_pop(&f->q, &f->chain));
		rd_queue_push(&f->q, &f->chain, 0);
		assert_int_equal(rd_queue_should_notify(&f->q), i == 3);
	}
	/* a batch that passes by the event is as good as one that hits it */
	ring_set_used_event(&f->ring, 9);
	for (unsigned i = 0; i < 4; i++) {
		ring_offer(&f->ring, 0);
		assert_ok(rd_queue_pop(&f->q, &f->chain));
		rd_queue_push(&f->q, &f->chain, 0);
	}
	assert_true(rd_queue_should_notify(&f->q));
}

/* The guest says that it waits for the next one when that has come and gone: nobody wakes it. */
static void a_guest_that_missed_its_interrupt_is_behind(void **state)
{
	struct fixture *f = *state;

	ring_desc(&f->ring, 0, DATA, 8, 0, 0);
	ring_set_used_event(&f->ring, 0);
	assert_false(rd_queue_is_behind(&f->q));
	for (unsigned i = 0; i < 3; i++) {
		ring_offer(&f->ring, 0);
		assert_ok(rd_queue_pop(&f->q, &f->chain));
		rd_queue_push(&f->q, &f->chain, 0);
		assert_int_equal(rd_queue_should_notify(&f->q), i == 0);
	}
	ring_set_used_event(&f->ring, 2);
	assert_false(rd_queue_should_notify(&f->q));
	assert_true(rd_queue_is_behind(&f->q));
	ring_set_used_event(&f->ring, 3);
	assert_false(rd_queue_is_behind(&f->q));
	ring_set_used_event(&f->ring, 10);
	assert_false(rd_queue_is_behind(&f->q));
}

static void nobody_is_behind_without_event_idx(void **state)
{
	struct fixture *f = *state;

	ring_desc(&f->ring, 0, DATA, 8, 0, 0);
	ring_offer(&f->ring, 0);
	assert_ok(rd_queue_pop(&f->q, &f->chain));
	rd_queue_push(&f->q, &f->chain, 0);
	assert_true(rd_queue_should_notify(&f->q));
	assert_false(rd_queue_is_behind(&f->q));
}

/* --- nonsense ----------------------------------------------------------------------------------
 */

static uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33);
}

static void assert_inside(struct fixture *f)
{
	size_t bytes = 0;

	assert_true(f->chain.readable + f->chain.writable <= RD_CHAIN_SEGMENTS_MAX);
	for (size_t i = 0; i < f->chain.readable + f->chain.writable; i++) {
		const uint8_t *p = f->chain.iov[i].iov_base;

		assert_true(p >= f->bytes);
		assert_true(f->chain.iov[i].iov_len <= MEM_SIZE - (size_t)(p - f->bytes));
		bytes += f->chain.iov[i].iov_len;
	}
	assert_true(bytes <= RD_CHAIN_BYTES_MAX);
	assert_int_equal(bytes, f->chain.readable_bytes + f->chain.writable_bytes);
}

/* Descriptors that are plausible half of the time, so that walks get somewhere before they fail. */
static void scribble(struct fixture *f, uint64_t *seed)
{
	for (unsigned i = 0; i < SIZE; i++) {
		bool plausible = next_random(seed) % 2;
		uint64_t addr = plausible ? DATA + next_random(seed) % 0x1000
					  : (uint64_t)next_random(seed) << (next_random(seed) % 33);
		uint32_t len = plausible ? 16 * (next_random(seed) % 16) : next_random(seed);

		ring_desc(&f->ring, i, plausible && i % 3 == 0 ? TABLE : addr, len,
			next_random(seed) % 8, next_random(seed) % (plausible ? SIZE : 65536));
		ring_put_desc(hva(f, TABLE + 16u * i), addr, len, next_random(seed) % 8,
			next_random(seed) % 10);
	}
	ring_set_avail_idx(&f->ring, (uint16_t)(next_random(seed) % (SIZE + 2)));
	for (unsigned i = 0; i < SIZE; i++) {
		rd_put_le16(f->bytes + RING_AVAIL_OFFSET + 4 + 2 * i,
			(uint16_t)(next_random(seed) % (SIZE + 1)));
	}
}

static void nonsense_never_leaves_memory(void **state)
{
	struct fixture *f = *state;
	struct rd_queue_config config = ring_config(&f->ring, RD_VIRTIO_F_RINGS);
	uint64_t seed = 42;
	uint64_t given = 0;

	for (unsigned round = 0; round < 20000; round++) {
		scribble(f, &seed);
		rd_put_le16(f->bytes + RING_USED_OFFSET + 2, (uint16_t)next_random(&seed));
		assert_ok(rd_queue_start(&f->q, &f->mem, &config));
		while (rd_queue_pop(&f->q, &f->chain) == RD_OK) {
			assert_inside(f);
			rd_queue_push(&f->q, &f->chain, f->chain.writable_bytes);
			given++;
		}
		(void)rd_queue_should_notify(&f->q);
	}
	/* the test would prove little if everything failed, or nothing did */
	assert_true(given > 1000);
	assert_true(f->q.stats.breaks > 1000);
}

#define QUEUE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		QUEUE_TEST(start_refuses_bad_rings),
		QUEUE_TEST(start_refuses_used_ring_in_read_only_memory),
		QUEUE_TEST(rings_may_end_where_memory_ends),
		QUEUE_TEST(empty_and_stopped_queues_give_nothing),
		QUEUE_TEST(chain_is_readable_then_writable),
		QUEUE_TEST(push_tells_head_and_length),
		QUEUE_TEST(unpop_gives_the_same_chain_again),
		QUEUE_TEST(indices_wrap),
		QUEUE_TEST(resumes_from_a_base),
		QUEUE_TEST(full_ring_is_no_violation),
		QUEUE_TEST(longest_chain_is_taken),
		QUEUE_TEST(avail_index_too_far_breaks),
		QUEUE_TEST(avail_index_backwards_breaks),
		QUEUE_TEST(head_outside_table_breaks),
		QUEUE_TEST(next_outside_table_breaks),
		QUEUE_TEST(loop_breaks),
		QUEUE_TEST(readable_after_writable_breaks),
		QUEUE_TEST(buffer_outside_memory_breaks),
		QUEUE_TEST(too_many_bytes_break),
		QUEUE_TEST(longest_total_is_taken),
		QUEUE_TEST(indirect_table_is_followed),
		cmocka_unit_test_setup_teardown(
			indirect_without_negotiation_breaks, setup_plain, teardown),
		QUEUE_TEST(bad_indirect_tables_break),
		QUEUE_TEST(indirect_chain_longer_than_the_queue_breaks),
		QUEUE_TEST(kicks_are_wanted_only_when_idle),
		cmocka_unit_test_setup_teardown(
			avail_event_follows_the_avail_index, setup_event_idx, teardown),
		QUEUE_TEST(guest_can_refuse_interrupts),
		cmocka_unit_test_setup_teardown(
			used_event_asks_for_one_interrupt, setup_event_idx, teardown),
		cmocka_unit_test_setup_teardown(
			a_guest_that_missed_its_interrupt_is_behind, setup_event_idx, teardown),
		QUEUE_TEST(nobody_is_behind_without_event_idx),
		QUEUE_TEST(nonsense_never_leaves_memory),
	};

	return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
