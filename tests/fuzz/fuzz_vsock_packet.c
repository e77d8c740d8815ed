/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vsock device under a guest and a host that do what the input says.
 *
 * Input: a list of steps, each one byte of kind and then, for kind
 *	0..3  a packet from the guest: 44 bytes of header, 1 byte of payload length (times 16);
 *	      kinds 1 to 3 put right the source CID, and also destination and type, and also
 *	      the ports
 *	4     1 byte: the guest posts (byte % 8) rx buffers of (byte / 8 * 16) bytes
 *	5     2 bytes: the host stream (first % 8) acts: accept, reset, shut down, writable,
 *	      readable
 *	6     1 byte: time goes by, in units of 100 ms
 *	7     1 byte: what the host takes and gives from now on, and how it answers connections
 */
#include "base/byteorder.h"
#include "base/bytes.h"
#include "vsock/device.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define GPA      0x100000u
#define MEM_SIZE 0x20000u
#define RING     64u
#define AVAIL    0x1000u
#define USED     0x2000u
#define TX       0x4000u  /* the tx queue's rings */
#define HEADS    0x8000u  /* tx packets: header and payload of one */
#define BUFFERS  0x10000u /* rx buffers of 1 KiB */
#define STREAMS  8u
#define CID      16u

struct harness {
	uint8_t *bytes;
	struct rd_guest_mem mem;
	struct rd_queue rx;
	struct rd_queue tx;
	struct rd_vsock_device *dev;
	struct rd_vsock_conn *streams[STREAMS];
	unsigned open; /* connections that `closed` is due for */
	uint8_t mode;
	bool scheduled;
	uint64_t now_ms;
	uint16_t rx_avail;
	uint16_t tx_avail;
};

static enum rd_status on_connect(
	void *ctx, struct rd_vsock_conn *conn, const struct rd_vsock_address *address)
{
	struct harness *h = ctx;

	if (h->mode & 1) {
		return RD_DENIED;
	}
	h->streams[address->guest_port % STREAMS] = conn;
	h->open++;
	return h->mode & 2 ? RD_AGAIN : RD_OK;
}

static void on_connected(void *ctx, struct rd_vsock_conn *conn)
{
	(void)ctx;
	rd_vsock_host_readable(conn);
}

static enum rd_status on_write(void *ctx, struct rd_vsock_conn *conn, const struct iovec *iov,
	size_t count, size_t *ret_taken)
{
	static uint8_t sink[0x20000];
	struct harness *h = ctx;
	size_t n = rd_iov_copy_out(iov, count, 0, sink, sizeof(sink));

	if (n == 0) {
		abort();
	}
	if ((h->mode & 0xc) == 0xc) {
		rd_vsock_reset(conn);
		return RD_OK;
	}
	*ret_taken = h->mode & 4 ? n / 2 : h->mode & 8 ? 0 : n;
	return RD_OK;
}

static enum rd_status on_read(void *ctx, struct rd_vsock_conn *conn, const struct iovec *iov,
	size_t count, size_t *ret_got)
{
	static const uint8_t source[300] = {1};
	struct harness *h = ctx;

	(void)conn;
	switch (h->mode >> 4 & 3) {
	case 0:
		return RD_AGAIN;
	case 1:
		return RD_CLOSED;
	case 2:
		return RD_IO;
	default:
		*ret_got = rd_iov_copy_in(iov, count, 0, source, sizeof(source));
		return RD_OK;
	}
}

static void on_shutdown(void *ctx, struct rd_vsock_conn *conn, unsigned how)
{
	struct harness *h = ctx;

	(void)how;
	if (h->mode & 0x40) {
		rd_vsock_shutdown(conn, RD_VSOCK_SHUT_BOTH);
	}
}

static void on_closed(void *ctx, struct rd_vsock_conn *conn, enum rd_status why)
{
	struct harness *h = ctx;

	(void)why;
	if (h->open-- == 0) {
		abort(); /* told twice */
	}
	for (unsigned i = 0; i < STREAMS; i++) {
		if (h->streams[i] == conn) {
			h->streams[i] = NULL;
		}
	}
}

static void on_notify(void *ctx, unsigned queue)
{
	(void)ctx;
	(void)queue;
}

static void on_schedule(void *ctx)
{
	struct harness *h = ctx;

	h->scheduled = true;
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

static void desc(
	struct harness *h, size_t ring, uint16_t slot, uint64_t at, uint32_t len, uint16_t flags)
{
	uint8_t *d = h->bytes + ring + (size_t)16 * slot;

	rd_put_le64(d, GPA + at);
	rd_put_le32(d + 8, len);
	rd_put_le16(d + 12, flags);
	rd_put_le16(d + 14, 0);
}

static void offer(struct harness *h, size_t ring, uint16_t *avail, uint16_t slot)
{
	rd_put_le16(h->bytes + ring + AVAIL + 4 + (size_t)2 * (*avail % RING), slot);
	(*avail)++;
	rd_put_le16(h->bytes + ring + AVAIL + 2, *avail);
}

static enum rd_status packet(struct harness *h, struct rd_cur *in, uint8_t kind)
{
	uint16_t slot = h->tx_avail % RING;
	uint8_t *head = h->bytes + HEADS;
	uint8_t units;

	RD_TRY(rd_cur_copy(in, head, RD_VSOCK_HEADER_SIZE));
	RD_TRY(rd_cur_u8(in, &units));
	if (kind >= 1) {
		rd_put_le64(head, CID);
	}
	if (kind >= 2) {
		rd_put_le64(head + 8, head[8] & 1 ? RD_CID_PARENT : RD_CID_HYPERVISOR);
		rd_put_le16(head + 28, RD_VSOCK_TYPE_STREAM);
		rd_put_le32(head + 24, head[24]);
	}
	if (kind >= 3) {
		rd_put_le32(head + 16, head[16] % STREAMS);
		rd_put_le32(head + 20, 0x40000000u * (head[20] & 1) + head[20] / 128);
		rd_put_le16(head + 30, head[30] % 9);
		rd_put_le32(head + 24, 16u * units);
	}
	desc(h, TX, slot, HEADS, RD_VSOCK_HEADER_SIZE + 16u * units, 0);
	/* Packets that the device has not taken yet share this buffer: it changes under its eyes.
	 */
	if ((uint16_t)(h->tx_avail - rd_get_le16(h->bytes + TX + USED + 2)) < RING) {
		offer(h, TX, &h->tx_avail, slot);
	}
	rd_vsock_run(h->dev);
	return RD_OK;
}

static void post(struct harness *h, uint8_t b)
{
	for (unsigned i = 0; i < b % 8u; i++) {
		uint16_t slot = h->rx_avail % RING;

		if ((uint16_t)(h->rx_avail - rd_get_le16(h->bytes + USED + 2)) >= RING) {
			break;
		}
		desc(h, 0, slot, BUFFERS + 1024u * slot, 16u * (b / 8u) + (b & 1 ? 44 : 0), 2);
		offer(h, 0, &h->rx_avail, slot);
	}
	rd_vsock_run(h->dev);
}

static void host_acts(struct harness *h, uint8_t stream, uint8_t what)
{
	struct rd_vsock_conn *conn = h->streams[stream % STREAMS];

	if (what % 8 == 7) {
		if (rd_vsock_connect(h->dev, RD_CID_PARENT, stream % STREAMS, NULL, &conn) ==
			RD_OK) {
			h->streams[stream % STREAMS] = conn;
			h->open++;
		}
		rd_vsock_run(h->dev);
		return;
	}
	if (!conn) {
		return;
	}
	switch (what % 8) {
	case 0:
		rd_vsock_accept(conn);
		break;
	case 1:
		rd_vsock_reset(conn);
		break;
	case 2:
	case 3:
		rd_vsock_shutdown(conn, what / 8);
		break;
	case 4:
		rd_vsock_host_writable(conn);
		break;
	default:
		rd_vsock_host_readable(conn);
		break;
	}
}

static enum rd_status step(struct harness *h, struct rd_cur *in)
{
	uint8_t kind;
	uint8_t a;
	uint8_t b;

	RD_TRY(rd_cur_u8(in, &kind));
	kind %= 8;
	if (kind <= 3) {
		return packet(h, in, kind);
	}
	RD_TRY(rd_cur_u8(in, &a));
	switch (kind) {
	case 4:
		post(h, a);
		break;
	case 5:
		RD_TRY(rd_cur_u8(in, &b));
		host_acts(h, a, b);
		break;
	case 6:
		h->now_ms += 100u * a;
		rd_vsock_tick(h->dev, h->now_ms);
		break;
	default:
		h->mode = a;
		break;
	}
	if (h->scheduled) {
		h->scheduled = false;
		rd_vsock_run(h->dev);
	}
	return RD_OK;
}

static void run(struct harness *h, struct rd_cur in)
{
	struct rd_queue_config config = {.size = RING};
	struct rd_vsock_config device = {
		.guest_cid = CID, .ops = &ops, .ctx = h, .rx = &h->rx, .tx = &h->tx};

	rd_guest_mem_init(&h->mem);
	rd_queue_init(&h->rx);
	rd_queue_init(&h->tx);
	if (rd_guest_mem_add(&h->mem,
		    &(struct rd_guest_region){{GPA}, MEM_SIZE, h->bytes, false}) != RD_OK) {
		abort();
	}
	config.desc.v = GPA;
	config.avail.v = GPA + AVAIL;
	config.used.v = GPA + USED;
	if (rd_queue_start(&h->rx, &h->mem, &config) != RD_OK) {
		abort();
	}
	config.desc.v += TX;
	config.avail.v += TX;
	config.used.v += TX;
	if (rd_queue_start(&h->tx, &h->mem, &config) != RD_OK) {
		abort();
	}
	if (rd_vsock_device_new(&device, &h->dev) != RD_OK) {
		abort();
	}
	while (step(h, &in) == RD_OK) {
	}
	rd_vsock_device_free(&h->dev);
	if (h->open != 0) {
		abort(); /* a stream that never heard of its end */
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct harness h = {0};

	h.bytes = aligned_alloc(4096, MEM_SIZE);
	if (h.bytes) {
		memset(h.bytes, 0, MEM_SIZE);
		run(&h, rd_cur(rd_view(data, size)));
	}
	free(h.bytes);
	return 0;
}
