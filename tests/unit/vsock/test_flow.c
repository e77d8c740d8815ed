/* SPDX-License-Identifier: Apache-2.0 */
/* Credit, slow peers, fairness, limits, and a guest that sends nonsense. */
#include "world.h"

/* --- credit: guest to host ---------------------------------------------------------------------
 */

/* Sends packets of the given size until `total` bytes are out. */
static void send_bytes(struct world *w, uint32_t guest_port, uint32_t total, uint32_t part)
{
	while (total > 0) {
		uint32_t n = part < total ? part : total;

		world_send(w, RD_VSOCK_OP_RW, 9000, guest_port, n, 0);
		total -= n;
	}
}

static void credit_is_all_that_a_slow_host_costs(void **state)
{
	struct world *w = *state;
	struct stream *slow = world_open(w, 9000, 1);
	struct stream *good = world_open(w, 9000, 2);

	slow->takes = 0;
	send_bytes(w, 1, RD_VSOCK_BUFFER_BYTES, 65536);
	assert_false(slow->closed);
	assert_int_equal(rd_vsock_stats(w->dev)->buffered_bytes, RD_VSOCK_BUFFER_BYTES);
	/* the other one flows all the while */
	send_bytes(w, 2, 10 * RD_VSOCK_BUFFER_BYTES / 4, 65536 / 4);
	assert_int_equal(good->taken, 10 * RD_VSOCK_BUFFER_BYTES / 4);
	/* one byte more than it was given ends that connection, and frees what was kept */
	world_send(w, RD_VSOCK_OP_RW, 9000, 1, 1, 0);
	assert_int_equal(slow->why, RD_LIMIT);
	assert_int_equal(rd_vsock_stats(w->dev)->credit_overruns, 1);
	assert_int_equal(rd_vsock_stats(w->dev)->buffered_bytes, 0);
	assert_false(good->closed);
}

static void credit_counts_what_the_guest_was_told(void **state)
{
	struct world *w = *state; /* without rx buffers after the first: no news reach the guest */
	struct stream *s;

	world_post(w, 1, WORLD_RX_BYTES);
	world_send(w, RD_VSOCK_OP_REQUEST, 9000, 1, 0, 0);
	s = &w->streams[0];
	send_bytes(w, 1, RD_VSOCK_BUFFER_BYTES, 65536);
	assert_int_equal(s->taken, RD_VSOCK_BUFFER_BYTES);
	world_send(w, RD_VSOCK_OP_RW, 9000, 1, 1, 0);
	assert_int_equal(s->why, RD_LIMIT);
}

static void credit_comes_back_as_the_host_takes(void **state)
{
	struct world *w = *state;
	struct stream *s = world_open(w, 9000, 1);
	struct rd_vsock_header h;

	world_send(w, RD_VSOCK_OP_RW, 9000, 1, RD_VSOCK_BUFFER_BYTES / 4 - 1, 0);
	world_expect_nothing(w);
	world_send(w, RD_VSOCK_OP_RW, 9000, 1, 1, 0);
	h = world_expect(w, RD_VSOCK_OP_CREDIT_UPDATE, 1);
	assert_int_equal(h.fwd_cnt, RD_VSOCK_BUFFER_BYTES / 4);
	assert_int_equal(h.buf_alloc, RD_VSOCK_BUFFER_BYTES);
	assert_int_equal(s->taken, RD_VSOCK_BUFFER_BYTES / 4);
}

static void kept_bytes_go_out_when_the_host_has_room(void **state)
{
	struct world *w = *state;
	struct stream *s = world_open(w, 9000, 1);

	s->takes = 1000;
	world_send(w, RD_VSOCK_OP_RW, 9000, 1, 3000, 0);
	world_send(w, RD_VSOCK_OP_RW, 9000, 1, 500, 0);
	assert_int_equal(s->taken, 1000);
	assert_int_equal(rd_vsock_stats(w->dev)->buffered_bytes, 2500);
	s->takes = 2400;
	rd_vsock_host_writable(s->conn);
	assert_int_equal(s->taken, 3400);
	s->takes = SIZE_MAX;
	rd_vsock_host_writable(s->conn);
	assert_int_equal(s->taken, 3500);
	assert_int_equal(rd_vsock_stats(w->dev)->buffered_bytes, 0);
	world_send(w, RD_VSOCK_OP_RW, 9000, 1, 1, 0);
	assert_int_equal(s->taken, 3501);
}

/* The ring of kept bytes wraps: many rounds of more in than out. */
static void kept_ring_wraps(void **state)
{
	struct world *w = *state;
	struct stream *s = world_open(w, 9000, 1);
	uint64_t sent = 0;
	struct packet p;

	s->takes = 0;
	for (unsigned i = 0; i < 2000; i++) {
		world_send(w, RD_VSOCK_OP_RW, 9000, 1, 7777, 0);
		sent += 7777;
		s->takes = sent - s->taken > 150000 ? 7777 * 2 : 5000;
		rd_vsock_host_writable(s->conn);
		while (world_receive(w, &p)) {
			assert_int_equal(p.h.op, RD_VSOCK_OP_CREDIT_UPDATE);
		}
		assert_false(s->closed);
		assert_int_equal(rd_vsock_stats(w->dev)->buffered_bytes, sent - s->taken);
	}
}

static void credit_request_is_answered(void **state)
{
	struct world *w = *state;

	world_open(w, 9000, 1);
	world_send(w, RD_VSOCK_OP_RW, 9000, 1, 10, 0);
	world_send(w, RD_VSOCK_OP_CREDIT_REQUEST, 9000, 1, 0, 0);
	assert_int_equal(world_expect(w, RD_VSOCK_OP_CREDIT_UPDATE, 1).fwd_cnt, 10);
	world_expect_nothing(w);
}

/* --- credit: host to guest ---------------------------------------------------------------------
 */

static void guest_gets_no_more_than_its_credit(void **state)
{
	struct world *w = *state;
	struct stream *s;

	w->buf_alloc = 100;
	s = world_open(w, 9000, 1);
	s->gives = 250;
	rd_vsock_host_readable(s->conn);
	assert_int_equal(world_expect(w, RD_VSOCK_OP_RW, 1).len, 100);
	world_expect(w, RD_VSOCK_OP_CREDIT_REQUEST, 1);
	world_expect_nothing(w); /* it asks once */
	w->fwd_cnt = 60;
	world_send(w, RD_VSOCK_OP_CREDIT_UPDATE, 9000, 1, 0, 0);
	assert_int_equal(world_expect(w, RD_VSOCK_OP_RW, 1).len, 60);
	world_expect(w, RD_VSOCK_OP_CREDIT_REQUEST, 1);
	w->fwd_cnt = 160;
	world_send(w, RD_VSOCK_OP_CREDIT_UPDATE, 9000, 1, 0, 0);
	assert_int_equal(world_expect(w, RD_VSOCK_OP_RW, 1).len, 90);
	world_expect_nothing(w);
}

static void lies_about_credit_starve_the_liar(void **state)
{
	struct world *w = *state;
	struct stream *s = world_open(w, 9000, 1);
	struct stream *good = world_open(w, 9000, 2);

	w->fwd_cnt = 5000; /* has taken what was never sent */
	world_send(w, RD_VSOCK_OP_CREDIT_UPDATE, 9000, 1, 0, 0);
	s->gives = 250;
	rd_vsock_host_readable(s->conn);
	world_expect(w, RD_VSOCK_OP_CREDIT_REQUEST, 1);
	world_expect_nothing(w);
	assert_int_equal(s->given, 0);
	good->gives = 10;
	rd_vsock_host_readable(good->conn);
	assert_int_equal(world_expect(w, RD_VSOCK_OP_RW, 2).len, 10);
}

static void counters_wrap_at_32_bits(void **state)
{
	struct world *w = *state;
	struct stream *s;
	uint64_t total = 0;

	w->buf_alloc = UINT32_MAX;
	s = world_open(w, 9000, 1);
	/* 4 GiB of credit consumed in the guest's buffers of 4,052 bytes would take long: let it
	 * lie */
	w->fwd_cnt = 0xffffff00;
	world_send(w, RD_VSOCK_OP_CREDIT_UPDATE, 9000, 1, 0, 0);
	s->gives = 10000;
	rd_vsock_host_readable(s->conn);
	while (total < 10000) {
		struct packet p;

		world_run(w);
		assert_true(world_receive(w, &p));
		total += p.h.len;
	}
	assert_int_equal(total, 10000);
}

/* --- ends while bytes are kept -----------------------------------------------------------------
 */

static void end_is_told_after_the_last_byte(void **state)
{
	struct world *w = *state;
	struct stream *s = world_open(w, 9000, 1);

	s->takes = 0;
	world_send(w, RD_VSOCK_OP_RW, 9000, 1, 100, 0);
	world_send(w, RD_VSOCK_OP_SHUTDOWN, 9000, 1, 0, RD_VSOCK_SHUT_SEND);
	assert_int_equal(s->shut, 0);
	s->takes = 99;
	rd_vsock_host_writable(s->conn);
	assert_int_equal(s->shut, 0);
	s->takes = 1;
	rd_vsock_host_writable(s->conn);
	assert_int_equal(s->shut, RD_VSOCK_SHUT_SEND);
}

static void close_is_confirmed_after_the_last_byte(void **state)
{
	struct world *w = *state;
	struct stream *s = world_open(w, 9000, 1);

	s->takes = 0;
	world_send(w, RD_VSOCK_OP_RW, 9000, 1, 100, 0);
	world_send(w, RD_VSOCK_OP_SHUTDOWN, 9000, 1, 0, RD_VSOCK_SHUT_BOTH);
	world_expect_nothing(w);
	assert_false(s->closed);
	s->takes = SIZE_MAX;
	rd_vsock_host_writable(s->conn);
	assert_int_equal(s->taken, 100);
	assert_int_equal(s->why, RD_OK);
	world_expect(w, RD_VSOCK_OP_RST, 1);
}

static void bytes_of_a_finished_guest_still_arrive(void **state)
{
	struct world *w = *state;
	struct stream *s = world_open(w, 9000, 1);
	struct stream *again;

	s->takes = 0;
	world_send(w, RD_VSOCK_OP_RW, 9000, 1, 100, 0);
	world_send(w, RD_VSOCK_OP_SHUTDOWN, 9000, 1, 0, RD_VSOCK_SHUT_BOTH);
	world_send(w, RD_VSOCK_OP_RST, 9000, 1, 0, 0); /* it waited long enough */
	assert_false(s->closed);
	again = world_open(w, 9000, 1); /* the same port: another connection */
	world_send(w, RD_VSOCK_OP_RW, 9000, 1, 7, 0);
	assert_int_equal(again->taken, 7);
	s->takes = 40;
	rd_vsock_host_writable(s->conn);
	world_tick(w, RD_VSOCK_LINGER_MS - 1);
	s->takes = 40;
	rd_vsock_host_writable(s->conn); /* progress, so it may go on */
	world_tick(w, RD_VSOCK_LINGER_MS - 1);
	assert_false(s->closed);
	s->takes = 20;
	rd_vsock_host_writable(s->conn);
	assert_int_equal(s->why, RD_OK);
	assert_int_equal(s->taken, 100);
	assert_false(again->closed);
	world_expect_nothing(w);
}

static void bytes_that_nobody_takes_are_given_up(void **state)
{
	struct world *w = *state;
	struct stream *s = world_open(w, 9000, 1);

	s->takes = 0;
	world_send(w, RD_VSOCK_OP_RW, 9000, 1, 100, 0);
	world_send(w, RD_VSOCK_OP_SHUTDOWN, 9000, 1, 0, RD_VSOCK_SHUT_BOTH);
	world_send(w, RD_VSOCK_OP_RST, 9000, 1, 0, 0);
	world_tick(w, RD_VSOCK_LINGER_MS);
	assert_int_equal(s->why, RD_TIMEOUT);
	assert_int_equal(rd_vsock_stats(w->dev)->buffered_bytes, 0);
	assert_int_equal(rd_vsock_stats(w->dev)->connections_now, 0);
	world_expect_nothing(w);
}

static void abort_discards_kept_bytes(void **state)
{
	struct world *w = *state;
	struct stream *s = world_open(w, 9000, 1);

	s->takes = 0;
	world_send(w, RD_VSOCK_OP_RW, 9000, 1, 100, 0);
	world_send(w, RD_VSOCK_OP_RST, 9000, 1, 0, 0);
	assert_int_equal(s->why, RD_CLOSED);
	assert_int_equal(rd_vsock_stats(w->dev)->buffered_bytes, 0);
}

static void host_that_will_not_receive_discards(void **state)
{
	struct world *w = *state;
	struct stream *s = world_open(w, 9000, 1);

	s->takes = 0;
	world_send(w, RD_VSOCK_OP_RW, 9000, 1, 100, 0);
	rd_vsock_shutdown(s->conn, RD_VSOCK_SHUT_RECEIVE);
	assert_int_equal(world_expect(w, RD_VSOCK_OP_SHUTDOWN, 1).flags, RD_VSOCK_SHUT_RECEIVE);
	assert_int_equal(rd_vsock_stats(w->dev)->buffered_bytes, 0);
	for (unsigned i = 0; i < 8; i++) { /* far more than the buffer: its credit comes back */
		struct packet p;

		world_send(w, RD_VSOCK_OP_RW, 9000, 1, 65536, 0);
		while (world_receive(w, &p)) {
			assert_int_equal(p.h.op, RD_VSOCK_OP_CREDIT_UPDATE);
		}
	}
	assert_false(s->closed);
	assert_int_equal(s->taken, 0);
}

/* --- fairness ----------------------------------------------------------------------------------
 */

static void connections_share_the_guests_buffers(void **state)
{
	struct world *w = *state; /* without rx buffers: they are handed out below */
	struct packet p;
	unsigned packets[8] = {0};

	w->buf_alloc = UINT32_MAX;
	world_post(w, 8, WORLD_RX_BYTES);
	for (uint32_t i = 0; i < 8; i++) {
		struct stream *s = world_open(w, 9000, i);

		s->gives = SIZE_MAX;
	}
	for (unsigned i = 0; i < 8; i++) {
		rd_vsock_host_readable(w->streams[i].conn);
	}
	for (unsigned n = 0; n < 88; n++) {
		world_run(w);
		assert_true(world_receive(w, &p));
		assert_int_equal(p.h.op, RD_VSOCK_OP_RW);
		/* the first had all the buffers while it was alone */
		packets[p.h.dst_port] += n >= 8;
	}
	for (unsigned i = 0; i < 8; i++) {
		assert_in_range(packets[i], 9, 11);
	}
}

static void guest_that_does_not_read_holds_up_itself(void **state)
{
	struct world *w = *state;
	struct stream *unread;
	struct stream *good;
	struct packet p;
	uint64_t got = 0;

	w->buf_alloc = 10000;
	unread = world_open(w, 9000, 1);
	w->buf_alloc = UINT32_MAX;
	good = world_open(w, 9000, 2);
	unread->gives = SIZE_MAX;
	good->gives = 1000000;
	rd_vsock_host_readable(unread->conn);
	rd_vsock_host_readable(good->conn);
	while (got < 1000000) {
		world_run(w);
		assert_true(world_receive(w, &p));
		got += p.h.dst_port == 2 ? p.h.len : 0;
	}
	assert_int_equal(unread->given, 10000);
}

static void rx_queue_is_drained_in_one_run(void **state)
{
	struct world *w = *state;
	struct stream *s;
	unsigned n = 0;
	struct packet p;

	w->buf_alloc = UINT32_MAX;
	s = world_open(w, 9000, 1);
	s->gives = SIZE_MAX;
	rd_vsock_host_readable(s->conn);
	while (n < WORLD_RING && world_receive(w, &p)) {
		n++;
	}
	assert_int_equal(n, WORLD_RING); /* every buffer that there was */
}

/* --- limits ------------------------------------------------------------------------------------
 */

static void connections_are_limited(void **state)
{
	struct world *w = *state;

	for (uint32_t i = 0; i < RD_VSOCK_CONNECTIONS_PARENT; i++) {
		world_open(w, 9000, i);
	}
	world_send(w, RD_VSOCK_OP_REQUEST, 9000, 5000, 0, 0);
	world_expect(w, RD_VSOCK_OP_RST, 5000);
	assert_int_equal(rd_vsock_stats(w->dev)->refused_limit, 1);
	world_send(w, RD_VSOCK_OP_RST, 9000, 17, 0, 0);
	world_open(w, 9000, 5000);
}

static void nothing_keeps_the_guest_from_the_hypervisor(void **state)
{
	struct world *w = *state;

	for (uint32_t i = 0; i < RD_VSOCK_CONNECTIONS_PARENT; i++) {
		world_open(w, 9000, i);
	}
	for (uint32_t i = 0; i < RD_VSOCK_CONNECTS_PER_S; i++) {
		world_send(w, RD_VSOCK_OP_REQUEST, 9000, 5000, 0, 0);
		world_expect(w, RD_VSOCK_OP_RST, 5000);
	}
	for (uint32_t i = 0; i < RD_VSOCK_CONNECTIONS_RESERVED; i++) {
		struct rd_vsock_header h = world_header(w, RD_VSOCK_OP_REQUEST, 1, i, 0);

		h.dst_cid = RD_CID_HYPERVISOR;
		world_send_header(w, &h);
		world_expect(w, RD_VSOCK_OP_RESPONSE, i);
	}
	assert_int_equal(rd_vsock_stats(w->dev)->connections_now, RD_VSOCK_CONNECTIONS_MAX);
}

static void a_full_table_refuses_the_hypervisors_streams_too(void **state)
{
	struct world *w = *state;

	for (uint32_t i = 0; i <= RD_VSOCK_CONNECTIONS_MAX; i++) {
		struct rd_vsock_header h = world_header(w, RD_VSOCK_OP_REQUEST, 1, i, 0);

		h.dst_cid = RD_CID_HYPERVISOR;
		world_send_header(w, &h);
		world_expect(w,
			i < RD_VSOCK_CONNECTIONS_MAX ? RD_VSOCK_OP_RESPONSE : RD_VSOCK_OP_RST, i);
	}
}

static void crowds_get_smaller_buffers(void **state)
{
	struct world *w = *state;
	uint64_t total = 0;

	for (uint32_t i = 0; i < RD_VSOCK_CONNECTIONS_PARENT; i++) {
		world_send(w, RD_VSOCK_OP_REQUEST, 9000, i, 0, 0);
		total += world_expect(w, RD_VSOCK_OP_RESPONSE, i).buf_alloc;
	}
	assert_true(total <= 64u << 20);
}

static void unanswered_connections_are_limited(void **state)
{
	struct world *w = *state;

	w->connect_status = RD_AGAIN;
	for (uint32_t i = 0; i < RD_VSOCK_PENDING_MAX; i++) {
		world_send(w, RD_VSOCK_OP_REQUEST, 9000, i, 0, 0);
	}
	world_expect_nothing(w);
	world_send(w, RD_VSOCK_OP_REQUEST, 9000, 5000, 0, 0);
	world_expect(w, RD_VSOCK_OP_RST, 5000);
	rd_vsock_accept(w->streams[0].conn);
	world_expect(w, RD_VSOCK_OP_RESPONSE, 0);
	world_send(w, RD_VSOCK_OP_REQUEST, 9000, 5000, 0, 0);
	assert_int_equal(w->stream_count, RD_VSOCK_PENDING_MAX + 1);
}

static void connection_rate_is_limited(void **state)
{
	struct world *w = *state;

	w->connect_status = RD_DENIED;
	for (uint32_t i = 0; i < RD_VSOCK_CONNECTS_PER_S; i++) {
		world_send(w, RD_VSOCK_OP_REQUEST, 9000, i, 0, 0);
		world_expect(w, RD_VSOCK_OP_RST, i);
	}
	assert_int_equal(rd_vsock_stats(w->dev)->refused_limit, 0);
	w->connect_status = RD_OK;
	world_send(w, RD_VSOCK_OP_REQUEST, 9000, 1, 0, 0);
	world_expect(w, RD_VSOCK_OP_RST, 1);
	assert_int_equal(rd_vsock_stats(w->dev)->refused_limit, 1);
	world_tick(w, 10);
	world_open(w, 9000, 1);
}

static void answers_wait_for_the_guest(void **state)
{
	struct world *w = *state; /* without rx buffers */
	struct packet p;
	unsigned n = 0;
	uint16_t before;

	/* Fill the room for answers, twice what it holds: the rest stays in the guest's ring. */
	for (uint32_t i = 0; i < 256; i++) {
		world_send(w, RD_VSOCK_OP_RW, 70, i, 0, 0);
	}
	before = ring_used_idx(&w->tx_ring);
	assert_int_equal(before, 256);
	for (uint32_t i = 0; i < 256; i++) {
		world_send(w, RD_VSOCK_OP_RW, 70, 256 + i, 0, 0);
	}
	assert_int_equal(ring_used_idx(&w->tx_ring), before);
	world_post(w, 64, WORLD_RX_BYTES);
	world_run(w);
	while (world_receive(w, &p)) {
		assert_int_equal(p.h.op, RD_VSOCK_OP_RST);
		assert_int_equal(p.h.dst_port, n);
		n++;
		world_run(w);
	}
	assert_int_equal(n, 512);
}

static void small_buffers_are_given_back(void **state)
{
	struct world *w = *state; /* without rx buffers */
	uint32_t head;
	uint32_t written;

	world_send(w, RD_VSOCK_OP_REQUEST, 9000, 1, 0, 0);
	world_post(w, 1, 43);
	world_run(w);
	assert_true(ring_take(&w->rx_ring, &head, &written));
	assert_int_equal(written, 0);
	world_post(w, 1, 44); /* a header fits */
	world_expect(w, RD_VSOCK_OP_RESPONSE, 1);
	w->streams[0].gives = 5;
	rd_vsock_host_readable(w->streams[0].conn); /* data does not */
	assert_true(ring_take(&w->rx_ring, &head, &written));
	assert_int_equal(written, 0);
	assert_int_equal(w->streams[0].given, 0);
	assert_int_equal(rd_vsock_stats(w->dev)->dropped_rx_small, 2);
	world_post(w, 1, 100);
	assert_int_equal(world_expect(w, RD_VSOCK_OP_RW, 1).len, 5);
}

static void broken_queue_stops_the_device_only(void **state)
{
	struct world *w = *state;
	struct stream *s;

	w->buf_alloc = UINT32_MAX;
	s = world_open(w, 9000, 1);
	ring_offer(&w->tx_ring, WORLD_RING); /* no such descriptor */
	world_run(w);
	assert_int_equal(w->tx.stats.breaks, 1);
	s->gives = 10; /* the other queue still works */
	rd_vsock_host_readable(s->conn);
	assert_int_equal(world_expect(w, RD_VSOCK_OP_RW, 1).len, 10);
	ring_set_avail_idx(&w->rx_ring, (uint16_t)(w->rx_ring.avail_idx + 3000));
	s->gives = SIZE_MAX;
	rd_vsock_host_readable(s->conn);
	assert_int_equal(w->rx.stats.breaks, 1);
	assert_false(s->closed);
}

/* --- nonsense ----------------------------------------------------------------------------------
 */

static uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33);
}

static void random_packet(struct world *w, uint64_t *seed)
{
	struct rd_vsock_header h = world_header(w, (enum rd_vsock_op)(next_random(seed) % 9),
		9000 + next_random(seed) % 2, 100 + next_random(seed) % 8, 0);
	uint8_t bytes[64];
	uint32_t payload = next_random(seed) % 3 ? 0 : next_random(seed) % 3000;

	h.len = next_random(seed) % 8 ? payload : next_random(seed);
	h.flags = next_random(seed) % 5;
	h.fwd_cnt = next_random(seed) % 4 ? 0 : next_random(seed);
	h.buf_alloc = next_random(seed) % 4 ? 8192 : next_random(seed);
	h.type = next_random(seed) % 16 ? RD_VSOCK_TYPE_STREAM : (uint16_t)next_random(seed);
	h.src_cid = next_random(seed) % 32 ? WORLD_CID : next_random(seed);
	h.dst_cid = next_random(seed) % 16 ? RD_CID_PARENT : next_random(seed) % 5;
	memset(bytes, (int)next_random(seed), sizeof(bytes));
	rd_vsock_header_encode(&h, bytes);
	world_send_raw(w, bytes, next_random(seed) % 64 ? 44 : next_random(seed) % 65, payload);
}

/* A host stream does something, if the connection is still there. */
static void random_host(struct world *w, uint64_t *seed)
{
	struct stream *s = &w->streams[1 + next_random(seed) % (WORLD_STREAMS - 1)];

	if (!s->conn) {
		return;
	}
	s->takes = next_random(seed) % 3000;
	s->gives = next_random(seed) % 20000;
	s->gives_end = next_random(seed) % 8 == 0;
	switch (next_random(seed) % 8) {
	case 0:
		rd_vsock_reset(s->conn);
		break;
	case 1:
		rd_vsock_shutdown(s->conn, next_random(seed) % 4);
		break;
	case 2:
		rd_vsock_accept(s->conn);
		break;
	case 3:
	case 4:
		rd_vsock_host_writable(s->conn);
		break;
	default:
		rd_vsock_host_readable(s->conn);
		break;
	}
}

static void nonsense_harms_its_own_connections_only(void **state)
{
	struct world *w = *state;
	struct stream *good = world_open(w, 9000, 1);
	struct packet p;
	uint64_t seed = 7;

	for (unsigned i = 0; i < 60000; i++) {
		if (w->stream_count >= WORLD_STREAMS - 1) {
			w->connect_status = RD_DENIED;
		} else {
			w->connect_status = next_random(&seed) % 4 ? RD_OK : RD_AGAIN;
		}
		random_packet(w, &seed);
		world_run(w);
		random_host(w, &seed);
		if (next_random(&seed) % 4 == 0) {
			world_tick(w, next_random(&seed) % 50);
		}
		while (next_random(&seed) % 4 && world_receive(w, &p)) {
		}
		assert_false(good->closed);
	}
	while (world_receive(w, &p)) {
		world_run(w);
	}
	assert_true(rd_vsock_stats(w->dev)->dropped_garbage > 100);
	assert_true(rd_vsock_stats(w->dev)->connections > 500);
	assert_true(rd_vsock_stats(w->dev)->credit_overruns == 0);
	world_send(w, RD_VSOCK_OP_RW, 9000, 1, 77, 0);
	assert_int_equal(good->taken, 77);
	good->gives = 99;
	rd_vsock_host_readable(good->conn);
	while (world_receive(w, &p) && p.h.dst_port != 1) {
	}
	assert_int_equal(p.h.len, 99);
}

#define WORLD_TEST(fn) cmocka_unit_test_setup_teardown(fn, world_setup, world_teardown)
#define DRY_TEST(fn)   cmocka_unit_test_setup_teardown(fn, world_setup_dry, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(credit_is_all_that_a_slow_host_costs),
		DRY_TEST(credit_counts_what_the_guest_was_told),
		WORLD_TEST(credit_comes_back_as_the_host_takes),
		WORLD_TEST(kept_bytes_go_out_when_the_host_has_room),
		WORLD_TEST(kept_ring_wraps),
		WORLD_TEST(credit_request_is_answered),
		WORLD_TEST(guest_gets_no_more_than_its_credit),
		WORLD_TEST(lies_about_credit_starve_the_liar),
		WORLD_TEST(counters_wrap_at_32_bits),
		WORLD_TEST(end_is_told_after_the_last_byte),
		WORLD_TEST(close_is_confirmed_after_the_last_byte),
		WORLD_TEST(bytes_of_a_finished_guest_still_arrive),
		WORLD_TEST(bytes_that_nobody_takes_are_given_up),
		WORLD_TEST(abort_discards_kept_bytes),
		WORLD_TEST(host_that_will_not_receive_discards),
		DRY_TEST(connections_share_the_guests_buffers),
		WORLD_TEST(guest_that_does_not_read_holds_up_itself),
		WORLD_TEST(rx_queue_is_drained_in_one_run),
		WORLD_TEST(connections_are_limited),
		WORLD_TEST(nothing_keeps_the_guest_from_the_hypervisor),
		WORLD_TEST(a_full_table_refuses_the_hypervisors_streams_too),
		WORLD_TEST(crowds_get_smaller_buffers),
		WORLD_TEST(unanswered_connections_are_limited),
		WORLD_TEST(connection_rate_is_limited),
		DRY_TEST(answers_wait_for_the_guest),
		DRY_TEST(small_buffers_are_given_back),
		WORLD_TEST(broken_queue_stops_the_device_only),
		WORLD_TEST(nonsense_harms_its_own_connections_only),
	};

	return cmocka_run_group_tests_name("vsock flow", tests, NULL, NULL);
}
