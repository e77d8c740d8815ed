/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of the vsock device: opening, refusing, ending, and what a guest gets for breaking
 * rules. */
#include "world.h"

/* --- opening -----------------------------------------------------------------------------------
 */

static void guest_opens_and_sends(void **state)
{
	struct world *w = *state;
	struct stream *s = world_open(w, 9000, 1024);

	assert_int_equal(s->address.host_cid, RD_CID_PARENT);
	assert_int_equal(s->address.host_port, 9000);
	assert_int_equal(s->address.guest_port, 1024);
	world_send(w, RD_VSOCK_OP_RW, 9000, 1024, 100, 0);
	assert_int_equal(s->taken, 100);
	assert_int_equal(s->last[0], 0xa5);
	world_expect_nothing(w);
}

static void host_sends(void **state)
{
	struct world *w = *state;
	struct stream *s = world_open(w, 9000, 1024);
	struct packet p;

	s->gives = 10;
	rd_vsock_host_readable(s->conn);
	assert_true(world_receive(w, &p));
	assert_int_equal(p.h.op, RD_VSOCK_OP_RW);
	assert_int_equal(p.h.len, 10);
	assert_int_equal(p.h.src_port, 9000);
	assert_int_equal(p.payload[9], 0x5a);
	world_expect_nothing(w);
	assert_true(w->notified[RD_VSOCK_QUEUE_RX] > 0);
}

/* The guest asks for the interrupt after the packet that it is for has come. */
static void a_lost_interrupt_comes_with_the_tick(void **state)
{
	struct world *w = *state;
	struct rd_queue_config rx = ring_config(
		&w->rx_ring, RD_VIRTIO_F_VERSION_1 | RD_VIRTIO_F_EVENT_IDX);
	struct stream *s;
	unsigned before;

	assert_ok(rd_queue_start(&w->rx, &w->mem, &rx));
	s = world_open(w, 9000, 1024);
	s->gives = 10;
	rd_vsock_host_readable(s->conn);
	before = w->notified[RD_VSOCK_QUEUE_RX];
	ring_set_used_event(&w->rx_ring, 1);
	rd_vsock_run(w->dev);
	assert_int_equal(w->notified[RD_VSOCK_QUEUE_RX], before);
	rd_vsock_tick(w->dev, 1000 + RD_VSOCK_TICK_MS);
	assert_int_equal(w->notified[RD_VSOCK_QUEUE_RX], before + 1);
	/* And no more once it has seen all. */
	ring_set_used_event(&w->rx_ring, 2);
	rd_vsock_tick(w->dev, 1000 + 2 * RD_VSOCK_TICK_MS);
	assert_int_equal(w->notified[RD_VSOCK_QUEUE_RX], before + 1);
}

static void hypervisor_is_a_host_too(void **state)
{
	struct world *w = *state;
	struct rd_vsock_header h = world_header(w, RD_VSOCK_OP_REQUEST, 7, 8, 0);

	h.dst_cid = RD_CID_HYPERVISOR;
	world_send_header(w, &h);
	h = world_expect(w, RD_VSOCK_OP_RESPONSE, 8);
	assert_int_equal(h.src_cid, RD_CID_HYPERVISOR);
	assert_int_equal(w->streams[0].address.host_cid, RD_CID_HYPERVISOR);
	/* the same ports at the other host are another connection */
	world_open(w, 7, 8);
	assert_int_equal(rd_vsock_stats(w->dev)->connections_now, 2);
}

static void refused_connection_is_reset(void **state)
{
	struct world *w = *state;

	w->connect_status = RD_DENIED;
	world_send(w, RD_VSOCK_OP_REQUEST, 9000, 1024, 0, 0);
	world_expect(w, RD_VSOCK_OP_RST, 1024);
	world_expect_nothing(w);
	assert_int_equal(rd_vsock_stats(w->dev)->connections_now, 0);
}

static void late_answers_are_taken(void **state)
{
	struct world *w = *state;

	w->connect_status = RD_AGAIN;
	world_send(w, RD_VSOCK_OP_REQUEST, 1, 10, 0, 0);
	world_send(w, RD_VSOCK_OP_REQUEST, 1, 11, 0, 0);
	world_send(w, RD_VSOCK_OP_REQUEST, 1, 12, 0, 0);
	world_expect_nothing(w);
	rd_vsock_accept(w->streams[0].conn);
	world_expect(w, RD_VSOCK_OP_RESPONSE, 10);
	rd_vsock_accept(w->streams[0].conn);
	world_expect_nothing(w); /* once */
	rd_vsock_reset(w->streams[1].conn);
	world_expect(w, RD_VSOCK_OP_RST, 11);
	assert_int_equal(w->streams[1].why, RD_OK);
	world_tick(w, RD_VSOCK_CONNECT_TIMEOUT_MS);
	world_expect(w, RD_VSOCK_OP_RST, 12);
	assert_int_equal(w->streams[2].why, RD_TIMEOUT);
	assert_false(w->streams[0].closed);
}

static void guest_gives_up_waiting(void **state)
{
	struct world *w = *state;

	w->connect_status = RD_AGAIN;
	world_send(w, RD_VSOCK_OP_REQUEST, 1, 10, 0, 0);
	world_send(w, RD_VSOCK_OP_RST, 1, 10, 0, 0);
	assert_int_equal(w->streams[0].why, RD_CLOSED);
	world_send(w, RD_VSOCK_OP_REQUEST, 1, 10, 0, 0);
	world_send(w, RD_VSOCK_OP_SHUTDOWN, 1, 10, 0, RD_VSOCK_SHUT_BOTH);
	assert_int_equal(w->streams[1].why, RD_CLOSED);
	world_expect(w, RD_VSOCK_OP_RST, 10);
	world_expect_nothing(w);
}

static void host_opens(void **state)
{
	struct world *w = *state;
	struct stream *s = &w->streams[w->stream_count++];
	struct rd_vsock_header h;

	assert_ok(rd_vsock_connect(w->dev, RD_CID_PARENT, 5000, s, &s->conn));
	h = world_expect(w, RD_VSOCK_OP_REQUEST, 5000);
	assert_int_equal(h.src_cid, RD_CID_PARENT);
	assert_true(h.src_port >= 0x40000000);
	assert_true(h.buf_alloc > 0);
	assert_false(s->connected);
	world_send(w, RD_VSOCK_OP_RESPONSE, h.src_port, 5000, 0, 0);
	assert_true(s->connected);
	s->gives = 5;
	rd_vsock_host_readable(s->conn);
	assert_int_equal(world_expect(w, RD_VSOCK_OP_RW, 5000).len, 5);
	s->takes = SIZE_MAX;
	world_send(w, RD_VSOCK_OP_RW, h.src_port, 5000, 7, 0);
	assert_int_equal(s->taken, 7);
}

static void host_connection_can_be_refused_or_time_out(void **state)
{
	struct world *w = *state;
	struct stream *a = &w->streams[w->stream_count++];
	struct stream *b = &w->streams[w->stream_count++];
	struct rd_vsock_header first;
	struct rd_vsock_header second;

	assert_ok(rd_vsock_connect(w->dev, RD_CID_PARENT, 5000, a, &a->conn));
	assert_ok(rd_vsock_connect(w->dev, RD_CID_PARENT, 5000, b, &b->conn));
	first = world_expect(w, RD_VSOCK_OP_REQUEST, 5000);
	second = world_expect(w, RD_VSOCK_OP_REQUEST, 5000);
	assert_int_not_equal(first.src_port, second.src_port);
	world_send(w, RD_VSOCK_OP_RST, first.src_port, 5000, 0, 0);
	assert_int_equal(a->why, RD_CLOSED);
	world_tick(w, RD_VSOCK_CONNECT_TIMEOUT_MS - 1);
	assert_false(b->closed);
	world_tick(w, 1);
	assert_int_equal(b->why, RD_TIMEOUT);
	world_expect(w, RD_VSOCK_OP_RST, 5000);
}

static void response_before_request_is_a_violation(void **state)
{
	struct world *w = *state; /* without rx buffers: the REQUEST is not delivered */
	struct stream *s = &w->streams[w->stream_count++];

	assert_ok(rd_vsock_connect(w->dev, RD_CID_PARENT, 5000, s, &s->conn));
	world_run(w);
	world_send(w, RD_VSOCK_OP_RESPONSE, 0x40000000, 5000, 0, 0);
	assert_false(s->connected);
	assert_int_equal(s->why, RD_MALFORMED);
	world_post(w, 4, WORLD_RX_BYTES);
	world_expect(w, RD_VSOCK_OP_RST, 5000);
	world_expect_nothing(w);
}

/* --- what is not for us ------------------------------------------------------------------------
 */

static void strangers_are_reset(void **state)
{
	static const uint32_t cids[] = {1, 2, 4, WORLD_CID, 0x7fffffff, UINT32_MAX};
	struct world *w = *state;

	for (size_t i = 0; i < RD_ARRAY_LEN(cids); i++) {
		struct rd_vsock_header h = world_header(w, RD_VSOCK_OP_REQUEST, 70, 80, 0);

		h.dst_cid = cids[i];
		world_send_header(w, &h);
		h = world_expect(w, RD_VSOCK_OP_RST, 80);
		assert_int_equal(h.src_cid, cids[i]);
		assert_int_equal(h.src_port, 70);
	}
	assert_int_equal(w->stream_count, 0);
}

static void other_types_are_reset(void **state)
{
	struct world *w = *state;
	struct rd_vsock_header h = world_header(w, RD_VSOCK_OP_REQUEST, 70, 80, 0);

	h.type = RD_VSOCK_TYPE_SEQPACKET;
	world_send_header(w, &h);
	h = world_expect(w, RD_VSOCK_OP_RST, 80);
	assert_int_equal(h.type, RD_VSOCK_TYPE_SEQPACKET);
	assert_int_equal(w->stream_count, 0);
}

static void wrong_source_is_dropped(void **state)
{
	struct world *w = *state;
	struct rd_vsock_header h = world_header(w, RD_VSOCK_OP_REQUEST, 70, 80, 0);

	h.src_cid = WORLD_CID + 1;
	world_send_header(w, &h);
	h.src_cid = RD_CID_HYPERVISOR;
	world_send_header(w, &h);
	world_expect_nothing(w);
	assert_int_equal(rd_vsock_stats(w->dev)->dropped_source, 2);
	assert_int_equal(w->stream_count, 0);
}

static void unknown_connections_are_reset(void **state)
{
	static const enum rd_vsock_op ops[] = {RD_VSOCK_OP_INVALID, RD_VSOCK_OP_RESPONSE,
		RD_VSOCK_OP_SHUTDOWN, RD_VSOCK_OP_RW, RD_VSOCK_OP_CREDIT_UPDATE,
		RD_VSOCK_OP_CREDIT_REQUEST, (enum rd_vsock_op)99};
	struct world *w = *state;

	for (size_t i = 0; i < RD_ARRAY_LEN(ops); i++) {
		world_send(w, ops[i], 70, 80, 0, 0);
		world_expect(w, RD_VSOCK_OP_RST, 80);
	}
	world_send(w, RD_VSOCK_OP_RST, 70, 80, 0, 0);
	world_expect_nothing(w); /* an RST is never answered */
}

static void garbage_is_counted_and_dropped(void **state)
{
	struct world *w = *state;
	struct stream *s = world_open(w, 9000, 1024);
	struct rd_vsock_header h = world_header(w, RD_VSOCK_OP_RW, 9000, 1024, 8);
	uint8_t bytes[RD_VSOCK_HEADER_SIZE];

	rd_vsock_header_encode(&h, bytes);
	world_send_raw(w, bytes, 43, 0); /* no whole header */
	world_send_raw(w, bytes, 0, 0);
	world_send_raw(w, bytes, 44, 7); /* less payload than it says */
	bytes[5] = 1;                    /* reserved bits of a CID */
	world_send_raw(w, bytes, 44, 8);
	world_run(w);
	world_expect_nothing(w);
	assert_int_equal(rd_vsock_stats(w->dev)->dropped_garbage, 4);
	assert_int_equal(s->taken, 0);
	world_send(w, RD_VSOCK_OP_RW, 9000, 1024, 8, 0);
	assert_int_equal(s->taken, 8);
}

static void payload_ends_where_the_header_says(void **state)
{
	struct world *w = *state;
	struct stream *s = world_open(w, 9000, 1024);
	struct rd_vsock_header h = world_header(w, RD_VSOCK_OP_RW, 9000, 1024, 8);
	uint8_t bytes[RD_VSOCK_HEADER_SIZE];

	rd_vsock_header_encode(&h, bytes);
	world_send_raw(w, bytes, 44, 100);
	world_run(w);
	assert_int_equal(s->taken, 8);
}

/* --- violations --------------------------------------------------------------------------------
 */

static void protocol_violations_reset_their_connection_only(void **state)
{
	static const enum rd_vsock_op ops[] = {RD_VSOCK_OP_REQUEST, RD_VSOCK_OP_RESPONSE,
		RD_VSOCK_OP_INVALID, (enum rd_vsock_op)99};
	struct world *w = *state;
	struct stream *good = world_open(w, 9000, 1);

	for (uint32_t i = 0; i < RD_ARRAY_LEN(ops); i++) {
		struct stream *s = world_open(w, 9000, 100 + i);

		world_send(w, ops[i], 9000, 100 + i, 0, 0);
		assert_int_equal(s->why, RD_MALFORMED);
		world_expect(w, RD_VSOCK_OP_RST, 100 + i);
	}
	world_expect_nothing(w);
	assert_false(good->closed);
	assert_int_equal(rd_vsock_stats(w->dev)->connections_now, 1);
}

static void data_before_the_answer_is_a_violation(void **state)
{
	struct world *w = *state;

	w->connect_status = RD_AGAIN;
	world_send(w, RD_VSOCK_OP_REQUEST, 1, 10, 0, 0);
	world_send(w, RD_VSOCK_OP_RW, 1, 10, 5, 0);
	assert_int_equal(w->streams[0].why, RD_MALFORMED);
	assert_int_equal(w->streams[0].taken, 0);
	world_expect(w, RD_VSOCK_OP_RST, 10);
}

static void data_after_its_end_is_a_violation(void **state)
{
	struct world *w = *state;
	struct stream *s = world_open(w, 9000, 1024);

	world_send(w, RD_VSOCK_OP_SHUTDOWN, 9000, 1024, 0, RD_VSOCK_SHUT_SEND);
	world_send(w, RD_VSOCK_OP_RW, 9000, 1024, 5, 0);
	assert_int_equal(s->why, RD_MALFORMED);
	assert_int_equal(s->taken, 0);
	world_expect(w, RD_VSOCK_OP_RST, 1024);
}

/* --- ending ------------------------------------------------------------------------------------
 */

static void guest_closes(void **state)
{
	struct world *w = *state;
	struct stream *s = world_open(w, 9000, 1024);

	world_send(w, RD_VSOCK_OP_SHUTDOWN, 9000, 1024, 0, RD_VSOCK_SHUT_BOTH);
	assert_true(s->closed);
	assert_int_equal(s->why, RD_OK);
	world_expect(w, RD_VSOCK_OP_RST, 1024);
	world_open(w, 9000, 1024); /* the port is free again */
}

static void guest_resets(void **state)
{
	struct world *w = *state;
	struct stream *s = world_open(w, 9000, 1024);

	world_send(w, RD_VSOCK_OP_RST, 9000, 1024, 0, 0);
	assert_int_equal(s->why, RD_CLOSED);
	world_expect_nothing(w);
	assert_int_equal(rd_vsock_stats(w->dev)->connections_now, 0);
}

static void guest_half_closes(void **state)
{
	struct world *w = *state;
	struct stream *s = world_open(w, 9000, 1024);
	struct rd_vsock_header h;

	world_send(w, RD_VSOCK_OP_RW, 9000, 1024, 50, 0);
	world_send(w, RD_VSOCK_OP_SHUTDOWN, 9000, 1024, 0, RD_VSOCK_SHUT_SEND);
	assert_int_equal(s->shut, RD_VSOCK_SHUT_SEND);
	s->gives = 20;
	s->gives_end = true;
	rd_vsock_host_readable(s->conn);
	assert_int_equal(world_expect(w, RD_VSOCK_OP_RW, 1024).len, 20);
	h = world_expect(w, RD_VSOCK_OP_SHUTDOWN, 1024);
	assert_int_equal(h.flags, RD_VSOCK_SHUT_BOTH); /* nothing is left in either direction */
	assert_false(s->closed);
	world_send(w, RD_VSOCK_OP_RST, 9000, 1024, 0, 0);
	assert_true(s->closed);
	assert_int_equal(s->why, RD_OK);
}

static void host_half_closes(void **state)
{
	struct world *w = *state;
	struct stream *s = world_open(w, 9000, 1024);

	s->gives_end = true;
	rd_vsock_host_readable(s->conn);
	assert_int_equal(world_expect(w, RD_VSOCK_OP_SHUTDOWN, 1024).flags, RD_VSOCK_SHUT_SEND);
	world_send(w, RD_VSOCK_OP_RW, 9000, 1024, 50, 0);
	assert_int_equal(s->taken, 50);
	world_send(w, RD_VSOCK_OP_SHUTDOWN, 9000, 1024, 0, RD_VSOCK_SHUT_BOTH);
	assert_int_equal(s->why, RD_OK);
	world_expect(w, RD_VSOCK_OP_RST, 1024);
}

static void guest_that_will_not_receive_gets_nothing(void **state)
{
	struct world *w = *state;
	struct stream *s = world_open(w, 9000, 1024);

	world_send(w, RD_VSOCK_OP_SHUTDOWN, 9000, 1024, 0, RD_VSOCK_SHUT_RECEIVE);
	assert_int_equal(s->shut, RD_VSOCK_SHUT_RECEIVE);
	s->gives = 20;
	rd_vsock_host_readable(s->conn);
	assert_int_equal(s->reads, 0);
	world_expect_nothing(w);
	world_send(w, RD_VSOCK_OP_RW, 9000, 1024, 50, 0);
	assert_int_equal(s->taken, 50);
}

static void host_closes_and_guest_confirms(void **state)
{
	struct world *w = *state;
	struct stream *s = world_open(w, 9000, 1024);

	rd_vsock_shutdown(s->conn, RD_VSOCK_SHUT_BOTH);
	assert_int_equal(world_expect(w, RD_VSOCK_OP_SHUTDOWN, 1024).flags, RD_VSOCK_SHUT_BOTH);
	world_send(w, RD_VSOCK_OP_RW, 9000, 1024, 50, 0); /* was under way */
	assert_int_equal(s->taken, 0);
	assert_false(s->closed);
	world_send(w, RD_VSOCK_OP_RST, 9000, 1024, 0, 0);
	assert_int_equal(s->why, RD_OK);
}

static void close_without_confirmation_lingers_and_ends(void **state)
{
	struct world *w = *state;
	struct stream *s = world_open(w, 9000, 1024);

	rd_vsock_shutdown(s->conn, RD_VSOCK_SHUT_BOTH);
	world_expect(w, RD_VSOCK_OP_SHUTDOWN, 1024);
	world_tick(w, RD_VSOCK_LINGER_MS - 1);
	assert_false(s->closed);
	world_tick(w, 1);
	assert_int_equal(s->why, RD_TIMEOUT);
	world_expect(w, RD_VSOCK_OP_RST, 1024);
	assert_int_equal(rd_vsock_stats(w->dev)->connections_now, 0);
}

static void idle_connections_do_not_time_out(void **state)
{
	struct world *w = *state;
	struct stream *s = world_open(w, 9000, 1024);

	world_tick(w, 1000u * 3600 * 24 * 365);
	assert_false(s->closed);
}

static void failing_host_resets(void **state)
{
	struct world *w = *state;
	struct stream *a = world_open(w, 9000, 1);
	struct stream *b = world_open(w, 9000, 2);

	a->write_status = RD_IO;
	world_send(w, RD_VSOCK_OP_RW, 9000, 1, 5, 0);
	assert_int_equal(a->why, RD_IO);
	world_expect(w, RD_VSOCK_OP_RST, 1);
	b->read_status = RD_DENIED;
	rd_vsock_host_readable(b->conn);
	assert_int_equal(b->why, RD_DENIED);
	world_expect(w, RD_VSOCK_OP_RST, 2);
}

static void op_may_reset_its_own_connection(void **state)
{
	struct world *w = *state;
	struct stream *a = world_open(w, 9000, 1);
	struct stream *b = world_open(w, 9000, 2);

	a->reset_in_op = true;
	b->reset_in_op = true;
	world_send(w, RD_VSOCK_OP_RW, 9000, 1, 5, 0);
	rd_vsock_host_readable(b->conn);
	assert_true(a->closed && b->closed);
	world_expect(w, RD_VSOCK_OP_RST, 1);
	world_expect(w, RD_VSOCK_OP_RST, 2);
	world_expect_nothing(w);
}

static void device_reset_ends_all_in_silence(void **state)
{
	struct world *w = *state;

	world_open(w, 9000, 1);
	world_open(w, 9000, 2);
	world_send(w, RD_VSOCK_OP_RW, 70, 80, 0, 0);
	world_expect(w, RD_VSOCK_OP_RST, 80);
	rd_vsock_device_reset(w->dev);
	assert_int_equal(w->streams[0].why, RD_CLOSED);
	assert_int_equal(w->streams[1].why, RD_CLOSED);
	world_expect_nothing(w);
	world_open(w, 9000, 1);
}

static void bad_cids_make_no_device(void **state)
{
	static const uint32_t cids[] = {0, 1, 2, UINT32_MAX};
	struct rd_vsock_device *dev;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cids); i++) {
		struct rd_vsock_config config = {.guest_cid = cids[i]};

		assert_status(rd_vsock_device_new(&config, &dev), RD_USAGE);
	}
}

static void parent_speaks_to_hypervisor_and_enclaves(void **state)
{
	static const uint32_t good[] = {RD_CID_HYPERVISOR, 4, 16, 0xfffffffe};
	/* Local, the host that a parent must not reach, itself, and "any". */
	static const uint32_t bad[] = {1, 2, RD_CID_PARENT, UINT32_MAX};
	struct world *w = *state;
	struct rd_vsock_header h = world_header(w, RD_VSOCK_OP_REQUEST, 70, 80, 0);

	for (uint32_t i = 0; i < RD_ARRAY_LEN(good); i++) {
		h.dst_cid = good[i];
		h.src_port = 100 + i;
		world_send_header(w, &h);
		assert_int_equal(world_expect(w, RD_VSOCK_OP_RESPONSE, 100 + i).src_cid, good[i]);
		assert_int_equal(w->streams[i].address.host_cid, good[i]);
	}
	for (uint32_t i = 0; i < RD_ARRAY_LEN(bad); i++) {
		h.dst_cid = bad[i];
		h.src_port = 200 + i;
		world_send_header(w, &h);
		world_expect(w, RD_VSOCK_OP_RST, 200 + i);
	}
	assert_int_equal(w->stream_count, RD_ARRAY_LEN(good));
}

static void parent_cannot_speak_for_an_enclave(void **state)
{
	static const uint32_t forged[] = {RD_CID_HYPERVISOR, 2, 4, 16};
	struct world *w = *state;
	struct rd_vsock_header h = world_header(w, RD_VSOCK_OP_REQUEST, 70, 80, 0);

	h.dst_cid = 17;
	for (size_t i = 0; i < RD_ARRAY_LEN(forged); i++) {
		h.src_cid = forged[i];
		world_send_header(w, &h);
	}
	world_expect_nothing(w);
	assert_int_equal(w->stream_count, 0);
	assert_int_equal(rd_vsock_stats(w->dev)->dropped_source, RD_ARRAY_LEN(forged));
}

static void enclave_reaches_no_other_enclave(void **state)
{
	struct world *w = *state;
	struct rd_vsock_header h = world_header(w, RD_VSOCK_OP_REQUEST, 70, 80, 0);

	h.dst_cid = WORLD_CID + 1;
	world_send_header(w, &h);
	world_expect(w, RD_VSOCK_OP_RST, 80);
	assert_int_equal(w->stream_count, 0);
}

#define WORLD_TEST(fn) cmocka_unit_test_setup_teardown(fn, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(guest_opens_and_sends),
		WORLD_TEST(host_sends),
		WORLD_TEST(a_lost_interrupt_comes_with_the_tick),
		WORLD_TEST(hypervisor_is_a_host_too),
		WORLD_TEST(refused_connection_is_reset),
		WORLD_TEST(late_answers_are_taken),
		WORLD_TEST(guest_gives_up_waiting),
		WORLD_TEST(host_opens),
		WORLD_TEST(host_connection_can_be_refused_or_time_out),
		cmocka_unit_test_setup_teardown(
			response_before_request_is_a_violation, world_setup_dry, world_teardown),
		WORLD_TEST(strangers_are_reset),
		WORLD_TEST(other_types_are_reset),
		WORLD_TEST(wrong_source_is_dropped),
		cmocka_unit_test_setup_teardown(parent_speaks_to_hypervisor_and_enclaves,
			world_setup_parent, world_teardown),
		cmocka_unit_test_setup_teardown(
			parent_cannot_speak_for_an_enclave, world_setup_parent, world_teardown),
		WORLD_TEST(enclave_reaches_no_other_enclave),
		WORLD_TEST(unknown_connections_are_reset),
		WORLD_TEST(garbage_is_counted_and_dropped),
		WORLD_TEST(payload_ends_where_the_header_says),
		WORLD_TEST(protocol_violations_reset_their_connection_only),
		WORLD_TEST(data_before_the_answer_is_a_violation),
		WORLD_TEST(data_after_its_end_is_a_violation),
		WORLD_TEST(guest_closes),
		WORLD_TEST(guest_resets),
		WORLD_TEST(guest_half_closes),
		WORLD_TEST(host_half_closes),
		WORLD_TEST(guest_that_will_not_receive_gets_nothing),
		WORLD_TEST(host_closes_and_guest_confirms),
		WORLD_TEST(close_without_confirmation_lingers_and_ends),
		WORLD_TEST(idle_connections_do_not_time_out),
		WORLD_TEST(failing_host_resets),
		WORLD_TEST(op_may_reset_its_own_connection),
		WORLD_TEST(device_reset_ends_all_in_silence),
		cmocka_unit_test(bad_cids_make_no_device),
	};

	return cmocka_run_group_tests_name("vsock device", tests, NULL, NULL);
}
