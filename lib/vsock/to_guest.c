/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets to the guest: the rx queue.
 *
 * Answers without a connection go first, they are few and bounded. Then the connections that have
 * something to say take turns, one packet each, as long as the guest has buffers: so each gets its
 * share, and the queue is drained until its buffers are used up, not one packet an event. Bytes are
 * read by the host side straight into the guest's buffer, as many as it and the credit have room
 * for.
 */
#include "vsock/device-internal.h"

#include <assert.h>

/* Writes a header, completes the chain. The payload, if any, is there already. */
static void send_packet(struct rd_vsock_device *dev, const struct rd_vsock_header *h)
{
	struct rd_chain *chain = &dev->chain;
	uint8_t bytes[RD_VSOCK_HEADER_SIZE];
	size_t put;

	rd_vsock_header_encode(h, bytes);
	put = rd_iov_copy_in(
		chain->iov + chain->readable, chain->writable, 0, bytes, sizeof(bytes));
	assert(put == sizeof(bytes));
	rd_queue_push(dev->rx, chain, put + h->len);
	dev->stats.rx_packets++;
	dev->stats.rx_bytes += h->len;
	dev->stats.resets_sent += h->op == RD_VSOCK_OP_RST;
}

static void send_reply(struct rd_vsock_device *dev)
{
	send_packet(dev, &dev->replies[dev->reply_start]);
	dev->reply_start = (dev->reply_start + 1) % RD_VSOCK_REPLIES_MAX;
	dev->reply_count--;
}

/* A header of this connection; it also tells the guest how much was passed on. */
static struct rd_vsock_header conn_header(struct rd_vsock_conn *conn, enum rd_vsock_op op)
{
	conn->told_fwd = conn->fwd_cnt;
	conn->owes &= ~(unsigned)OWES_CREDIT_UPDATE;
	return (struct rd_vsock_header){
		.src_cid = conn->address.host_cid,
		.dst_cid = conn->dev->guest_cid,
		.src_port = conn->address.host_port,
		.dst_port = conn->address.guest_port,
		.type = RD_VSOCK_TYPE_STREAM,
		.op = (uint16_t)op,
		.buf_alloc = conn->buf_alloc,
		.fwd_cnt = conn->fwd_cnt,
	};
}

static void send_owed(struct rd_vsock_conn *conn)
{
	static const enum rd_vsock_op op_of[] = {
		RD_VSOCK_OP_RST,
		RD_VSOCK_OP_REQUEST,
		RD_VSOCK_OP_RESPONSE,
		RD_VSOCK_OP_CREDIT_UPDATE,
		RD_VSOCK_OP_CREDIT_REQUEST,
		RD_VSOCK_OP_SHUTDOWN,
	};
	unsigned which = (unsigned)__builtin_ctz(conn->owes);
	struct rd_vsock_header h;

	conn->owes &= ~(1u << which);
	h = conn_header(conn, op_of[which]);
	if (h.op == RD_VSOCK_OP_SHUTDOWN) {
		h.flags = conn->host_shut;
	}
	send_packet(conn->dev, &h);
	if (h.op == RD_VSOCK_OP_RST) {
		rd_vsock_conn_free(conn);
	} else {
		rd_vsock_conn_update(conn);
	}
}

static void send_data(struct rd_vsock_conn *conn, size_t len)
{
	struct rd_vsock_header h = conn_header(conn, RD_VSOCK_OP_RW);

	h.len = (uint32_t)len;
	conn->tx_cnt += h.len;
	send_packet(conn->dev, &h);
	rd_vsock_conn_update(conn);
}

/* Reads from the host into the chain in hand; false when the chain was not used. */
static bool read_host(struct rd_vsock_conn *conn)
{
	struct rd_vsock_device *dev = conn->dev;
	const struct rd_chain *chain = &dev->chain;
	uint32_t serial = conn->serial;
	size_t got = 0;
	size_t room;
	size_t count;
	enum rd_status st;

	count = rd_iov_slice(chain->iov + chain->readable, chain->writable, RD_VSOCK_HEADER_SIZE,
		rd_vsock_conn_credit(conn), dev->iov, &room);
	if (room == 0) { /* a header's worth of buffer: completed empty, the next may be larger */
		dev->stats.dropped_rx_small++;
		rd_queue_push(dev->rx, chain, 0);
		return true;
	}
	conn->host_readable = false;
	st = dev->ops->read(dev->ctx, conn, dev->iov, count, &got);
	if (conn->serial != serial || conn->state == CONN_DEAD) {
		return false;
	}
	if (st == RD_OK) {
		assert(got > 0 && got <= room);
		conn->host_readable = true;
		send_data(conn, got);
		return true;
	}
	if (st == RD_AGAIN) {
		rd_vsock_conn_update(conn); /* ready again if the op has just said so */
	} else if (st == RD_CLOSED) {
		rd_vsock_shutdown(conn, RD_VSOCK_SHUT_SEND);
	} else {
		rd_vsock_conn_end(conn, st, true);
	}
	return false;
}

/* Gives the chain in hand to whose turn it is; false when nobody used it. */
static bool serve(struct rd_vsock_device *dev)
{
	struct rd_vsock_conn *conn = TAILQ_FIRST(&dev->ready);

	if (dev->reply_count > 0) {
		send_reply(dev);
		return true;
	}
	TAILQ_REMOVE(&dev->ready, conn, ready);
	TAILQ_INSERT_TAIL(&dev->ready, conn, ready);
	if (conn->owes != 0) {
		send_owed(conn);
		return true;
	}
	return read_host(conn);
}

static bool has_work(const struct rd_vsock_device *dev)
{
	return dev->reply_count > 0 || !TAILQ_EMPTY(&dev->ready);
}

bool rd_vsock_to_guest(struct rd_vsock_device *dev)
{
	unsigned n;

	for (n = 0; n < RD_VSOCK_ROUND_PACKETS && has_work(dev); n++) {
		if (rd_queue_pop(dev->rx, &dev->chain) != RD_OK) {
			break;
		}
		if (dev->chain.writable_bytes < RD_VSOCK_HEADER_SIZE) {
			dev->stats.dropped_rx_small++;
			rd_queue_push(dev->rx, &dev->chain, 0);
		} else if (!serve(dev)) {
			rd_queue_unpop(dev->rx);
		}
	}
	return n > 0;
}
