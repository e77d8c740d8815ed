/* SPDX-License-Identifier: Apache-2.0 */
/* The vsock tests' guest and host. */
#include "world.h"

#define GPA        0x100000u
#define MEM_SIZE   0x500000u
#define TX_RING    0x4000u
#define TX_HEADS   0x8000u  /* 256 of 64 bytes */
#define RX_BUFFERS 0x10000u /* 256 of WORLD_RX_BYTES */
#define TX_PAYLOAD 0x200000u

static struct stream *stream_of(const struct rd_vsock_conn *conn)
{
	struct stream *s = rd_vsock_conn_user(conn);

	assert_non_null(s);
	assert_ptr_equal(s->conn, conn);
	assert_false(s->closed);
	return s;
}

static struct stream *stream_new(struct world *w, struct rd_vsock_conn *conn)
{
	struct stream *s = &w->streams[w->stream_count++];

	assert_true(w->stream_count <= WORLD_STREAMS);
	*s = (struct stream){.conn = conn, .takes = SIZE_MAX};
	s->address = rd_vsock_conn_address(conn);
	rd_vsock_conn_set_user(conn, s);
	return s;
}

static enum rd_status on_connect(
	void *ctx, struct rd_vsock_conn *conn, const struct rd_vsock_address *address)
{
	struct world *w = ctx;

	assert_true(address->host_cid == RD_CID_HYPERVISOR ||
		    (w->cid == RD_CID_PARENT ? address->host_cid >= RD_VSOCK_CID_GUEST_MIN
					     : address->host_cid == RD_CID_PARENT));
	if (w->connect_status == RD_OK || w->connect_status == RD_AGAIN) {
		stream_new(w, conn);
	}
	return w->connect_status;
}

static void on_connected(void *ctx, struct rd_vsock_conn *conn)
{
	(void)ctx;
	stream_of(conn)->connected = true;
}

static enum rd_status on_write(void *ctx, struct rd_vsock_conn *conn, const struct iovec *iov,
	size_t count, size_t *ret_taken)
{
	struct stream *s = stream_of(conn);
	size_t total = 0;

	(void)ctx;
	s->writes++;
	for (size_t i = 0; i < count; i++) {
		total += iov[i].iov_len;
	}
	assert_true(total > 0);
	if (s->reset_in_op) {
		rd_vsock_reset(conn);
		return RD_OK;
	}
	RD_ENSURE(s->write_status == RD_OK, s->write_status);
	*ret_taken = total < s->takes ? total : s->takes;
	s->takes -= s->takes == SIZE_MAX ? 0 : *ret_taken;
	s->taken += *ret_taken;
	s->last_len = rd_iov_copy_out(iov, count, 0, s->last, sizeof(s->last));
	return RD_OK;
}

static enum rd_status on_read(void *ctx, struct rd_vsock_conn *conn, const struct iovec *iov,
	size_t count, size_t *ret_got)
{
	struct stream *s = stream_of(conn);
	size_t got = 0;

	(void)ctx;
	s->reads++;
	if (s->reset_in_op) {
		rd_vsock_reset(conn);
		return RD_AGAIN;
	}
	RD_ENSURE(s->read_status == RD_OK, s->read_status);
	for (size_t i = 0; i < count && s->gives > 0; i++) {
		size_t part = iov[i].iov_len < s->gives ? iov[i].iov_len : s->gives;

		memset(iov[i].iov_base, 0x5a, part);
		s->gives -= part;
		got += part;
	}
	s->given += got;
	*ret_got = got;
	RD_ENSURE(got == 0, RD_OK);
	return s->gives_end ? RD_CLOSED : RD_AGAIN;
}

static void on_shutdown(void *ctx, struct rd_vsock_conn *conn, unsigned how)
{
	struct stream *s = stream_of(conn);

	(void)ctx;
	assert_true(how != 0);
	assert_int_equal(s->shut & how, 0); /* each direction is told once */
	s->shut |= how;
}

static void on_closed(void *ctx, struct rd_vsock_conn *conn, enum rd_status why)
{
	struct stream *s = stream_of(conn);

	(void)ctx;
	s->closed = true;
	s->conn = NULL;
	s->why = why;
}

static void on_notify(void *ctx, unsigned queue)
{
	struct world *w = ctx;

	w->notified[queue]++;
}

static void on_schedule(void *ctx)
{
	struct world *w = ctx;

	w->scheduled++;
}

static const struct rd_vsock_ops ops = {
	.connect = on_connect,
	.connected = on_connected,
	.write = on_write,
	.read = on_read,
	.shutdown = on_shutdown,
	.closed = on_closed,
	.notify = on_notify,
	.schedule = on_schedule,
};

static int set_up(void **state, uint32_t cid)
{
	struct world *w = calloc(1, sizeof(*w));
	struct rd_queue_config rx;
	struct rd_queue_config tx;
	struct rd_vsock_config config = {.guest_cid = cid, .now_ms = 1000, .ops = &ops};

	assert_non_null(w);
	w->cid = cid;
	w->bytes = aligned_alloc(4096, MEM_SIZE);
	assert_non_null(w->bytes);
	memset(w->bytes, 0, MEM_SIZE);
	rd_guest_mem_init(&w->mem);
	assert_ok(rd_guest_mem_add(
		&w->mem, &(struct rd_guest_region){{GPA}, MEM_SIZE, w->bytes, false}));
	w->rx_ring = (struct guest_ring){w->bytes, GPA, WORLD_RING, 0, 0};
	w->tx_ring = (struct guest_ring){w->bytes + TX_RING, GPA + TX_RING, WORLD_RING, 0, 0};
	rx = ring_config(&w->rx_ring, RD_VIRTIO_F_VERSION_1);
	tx = ring_config(&w->tx_ring, RD_VIRTIO_F_VERSION_1);
	rd_queue_init(&w->rx);
	rd_queue_init(&w->tx);
	assert_ok(rd_queue_start(&w->rx, &w->mem, &rx));
	assert_ok(rd_queue_start(&w->tx, &w->mem, &tx));
	w->now_ms = 1000;
	w->buf_alloc = 65536;
	config.ctx = w;
	config.rx = &w->rx;
	config.tx = &w->tx;
	assert_ok(rd_vsock_device_new(&config, &w->dev));
	*state = w;
	return 0;
}

int world_setup_dry(void **state)
{
	return set_up(state, WORLD_CID);
}

int world_setup_parent(void **state)
{
	set_up(state, RD_CID_PARENT);
	world_post(*state, WORLD_RING, WORLD_RX_BYTES);
	return 0;
}

int world_setup(void **state)
{
	world_setup_dry(state);
	world_post(*state, WORLD_RING, WORLD_RX_BYTES);
	return 0;
}

int world_teardown(void **state)
{
	struct world *w = *state;

	rd_vsock_device_free(&w->dev);
	for (unsigned i = 0; i < w->stream_count; i++) {
		assert_true(w->streams[i].closed); /* told exactly once, whatever happened */
	}
	free(w->bytes);
	free(w);
	return 0;
}

void world_post(struct world *w, unsigned count, uint32_t size)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned slot = w->posted++ % WORLD_RING;

		ring_desc(&w->rx_ring, slot, GPA + RX_BUFFERS + (uint64_t)WORLD_RX_BYTES * slot,
			size, RING_WRITE, 0);
		ring_offer(&w->rx_ring, (uint16_t)slot);
	}
}

void world_run(struct world *w)
{
	unsigned before;

	do {
		before = w->scheduled;
		rd_vsock_run(w->dev);
	} while (w->scheduled != before);
}

void world_send_raw(struct world *w, const void *head, uint32_t head_len, uint32_t payload_len)
{
	unsigned slot = w->tx_ring.avail_idx % WORLD_RING;
	uint64_t at = TX_HEADS + (uint64_t)64 * slot;

	assert_true(head_len <= 64);
	memcpy(w->bytes + at, head, head_len);
	memset(w->bytes + TX_PAYLOAD, 0xa5, payload_len);
	/* The same slots of the table serve head and payload: one packet is looked at at a time. */
	if (payload_len > 0) {
		unsigned second = (slot + WORLD_RING / 2) % WORLD_RING;

		ring_desc(&w->tx_ring, slot, GPA + at, head_len, RING_NEXT, second);
		ring_desc(&w->tx_ring, second, GPA + TX_PAYLOAD, payload_len, 0, 0);
	} else {
		ring_desc(&w->tx_ring, slot, GPA + at, head_len, 0, 0);
	}
	ring_offer(&w->tx_ring, (uint16_t)slot);
}

struct rd_vsock_header world_header(const struct world *w, enum rd_vsock_op op, uint32_t host_port,
	uint32_t guest_port, uint32_t len)
{
	return (struct rd_vsock_header){
		.src_cid = w->cid,
		.dst_cid = RD_CID_PARENT,
		.src_port = guest_port,
		.dst_port = host_port,
		.len = len,
		.type = RD_VSOCK_TYPE_STREAM,
		.op = (uint16_t)op,
		.buf_alloc = w->buf_alloc,
		.fwd_cnt = w->fwd_cnt,
	};
}

void world_send_header(struct world *w, const struct rd_vsock_header *h)
{
	uint8_t bytes[RD_VSOCK_HEADER_SIZE];

	rd_vsock_header_encode(h, bytes);
	world_send_raw(w, bytes, sizeof(bytes), h->len);
	world_run(w);
}

void world_send(struct world *w, enum rd_vsock_op op, uint32_t host_port, uint32_t guest_port,
	uint32_t len, uint32_t flags)
{
	struct rd_vsock_header h = world_header(w, op, host_port, guest_port, len);

	h.flags = flags;
	world_send_header(w, &h);
}

bool world_receive(struct world *w, struct packet *ret)
{
	const uint8_t *buffer;
	uint32_t head;
	uint32_t written;

	if (!ring_take(&w->rx_ring, &head, &written)) {
		return false;
	}
	buffer = w->bytes + RX_BUFFERS + (size_t)WORLD_RX_BYTES * head;
	assert_true(written >= RD_VSOCK_HEADER_SIZE && written <= WORLD_RX_BYTES);
	assert_ok(rd_vsock_header_decode(rd_view(buffer, RD_VSOCK_HEADER_SIZE), &ret->h));
	assert_int_equal(written, RD_VSOCK_HEADER_SIZE + ret->h.len);
	memcpy(ret->payload, buffer + RD_VSOCK_HEADER_SIZE, ret->h.len);
	ring_offer(&w->rx_ring, (uint16_t)head);
	assert_int_equal(ret->h.dst_cid, w->cid);
	assert_true(ret->h.op == RD_VSOCK_OP_RW || ret->h.len == 0);
	return true;
}

struct rd_vsock_header world_expect(struct world *w, enum rd_vsock_op op, uint32_t guest_port)
{
	struct packet p;

	world_run(w);
	assert_true(world_receive(w, &p));
	assert_int_equal(p.h.op, op);
	assert_int_equal(p.h.dst_port, guest_port);
	return p.h;
}

void world_expect_nothing(struct world *w)
{
	struct packet p;

	world_run(w);
	assert_false(world_receive(w, &p));
}

struct stream *world_open(struct world *w, uint32_t host_port, uint32_t guest_port)
{
	unsigned n = w->stream_count;
	struct rd_vsock_header h;

	world_send(w, RD_VSOCK_OP_REQUEST, host_port, guest_port, 0, 0);
	assert_int_equal(w->stream_count, n + 1);
	h = world_expect(w, RD_VSOCK_OP_RESPONSE, guest_port);
	assert_int_equal(h.src_cid, RD_CID_PARENT);
	assert_int_equal(h.src_port, host_port);
	assert_true(h.buf_alloc > 0);
	return &w->streams[n];
}

void world_tick(struct world *w, uint64_t ms)
{
	w->now_ms += ms;
	rd_vsock_tick(w->dev, w->now_ms);
}
