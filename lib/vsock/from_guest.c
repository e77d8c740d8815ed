/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets from the guest: the tx queue.
 *
 * A packet's header is copied out of guest memory once and judged; its payload is never looked at
 * and goes from guest memory to the host. What cannot be a packet is dropped and counted. What is
 * one, but for no connection, is answered with RST; such answers need room of their own
 * (section 5.10.6.4), and when that is used up the guest's packets wait until it takes answers.
 */
#include "vsock/device-internal.h"

static void reply_rst(struct rd_vsock_device *dev, const struct rd_vsock_header *to)
{
	unsigned slot = (dev->reply_start + dev->reply_count) % RD_VSOCK_REPLIES_MAX;

	if (to->op == RD_VSOCK_OP_RST) {
		return; /* an RST is never answered */
	}
	dev->replies[slot] = (struct rd_vsock_header){
		.src_cid = to->dst_cid,
		.dst_cid = to->src_cid,
		.src_port = to->dst_port,
		.dst_port = to->src_port,
		.type = to->type,
		.op = RD_VSOCK_OP_RST,
	};
	dev->reply_count++;
}

/* The hypervisor's services answer at once, so that admitting costs no more than refusing. */
static bool admit(struct rd_vsock_device *dev, const struct rd_vsock_address *address)
{
	if (address->host_cid == RD_CID_HYPERVISOR) {
		return true;
	}
	if (dev->connect_tokens == 0 || dev->pending >= RD_VSOCK_PENDING_MAX) {
		return false;
	}
	dev->connect_tokens--;
	return true;
}

static void on_request(struct rd_vsock_device *dev, const struct rd_vsock_header *h,
	const struct rd_vsock_address *address)
{
	struct rd_vsock_conn *conn = NULL;
	enum rd_status st;
	uint32_t serial;

	if (admit(dev, address)) {
		conn = rd_vsock_conn_new(dev, address, CONN_REQUESTED);
	}
	if (!conn) {
		dev->stats.refused_limit++;
		reply_rst(dev, h);
		return;
	}
	conn->peer_buf_alloc = h->buf_alloc;
	conn->peer_fwd_cnt = h->fwd_cnt;
	serial = conn->serial;
	st = dev->ops->connect(dev->ctx, conn, address);
	if (conn->serial != serial || conn->state == CONN_DEAD) {
		return; /* reset from within */
	}
	if (st == RD_OK) {
		rd_vsock_accept(conn);
	} else if (st != RD_AGAIN) {
		conn->host_knows = false;
		rd_vsock_conn_end(conn, st, true);
	}
}

static void on_rw(struct rd_vsock_conn *conn, const struct rd_vsock_header *h)
{
	struct rd_vsock_device *dev = conn->dev;
	size_t len;
	size_t count;

	if (conn->guest_shut & RD_VSOCK_SHUT_SEND) {
		rd_vsock_conn_end(conn, RD_MALFORMED, true);
		return;
	}
	if (h->len > conn->buf_alloc - (conn->rx_cnt - conn->told_fwd)) {
		dev->stats.credit_overruns++;
		rd_vsock_conn_end(conn, RD_LIMIT, true);
		return;
	}
	count = rd_iov_slice(
		dev->chain.iov, dev->chain.readable, RD_VSOCK_HEADER_SIZE, h->len, dev->iov, &len);
	dev->stats.tx_bytes += len;
	rd_vsock_conn_receive(conn, dev->iov, count, len);
}

static void on_rst(struct rd_vsock_conn *conn)
{
	if (conn->state == CONN_DEAD) {
		rd_vsock_conn_free(conn); /* both ended it; ours need not be sent any more */
	} else if (conn->state == CONN_OPEN && conn->guest_shut == RD_VSOCK_SHUT_BOTH) {
		rd_vsock_conn_drain(conn);
	} else if (conn->state == CONN_CLOSING) {
		rd_vsock_conn_end(conn, RD_OK, false);
	} else {
		rd_vsock_conn_end(conn, RD_CLOSED, false);
	}
}

static void on_response(struct rd_vsock_conn *conn)
{
	struct rd_vsock_device *dev = conn->dev;
	uint32_t serial = conn->serial;

	rd_vsock_conn_set_state(conn, CONN_OPEN);
	conn->deadline_ms = 0;
	conn->owes |= conn->host_shut != 0 ? OWES_SHUTDOWN : 0;
	dev->stats.connections++;
	dev->ops->connected(dev->ctx, conn);
	if (conn->serial == serial && conn->state == CONN_OPEN) {
		rd_vsock_conn_settle(conn);
	}
}

static void on_open(struct rd_vsock_conn *conn, const struct rd_vsock_header *h)
{
	conn->peer_buf_alloc = h->buf_alloc;
	conn->peer_fwd_cnt = h->fwd_cnt;
	if (rd_vsock_conn_credit(conn) > 0) {
		conn->credit_asked = false;
	}
	switch (h->op) {
	case RD_VSOCK_OP_RW:
		on_rw(conn, h);
		return;
	case RD_VSOCK_OP_SHUTDOWN:
		conn->guest_shut |= h->flags & RD_VSOCK_SHUT_BOTH;
		rd_vsock_conn_settle(conn);
		return;
	case RD_VSOCK_OP_CREDIT_REQUEST:
		conn->owes |= OWES_CREDIT_UPDATE;
		rd_vsock_conn_update(conn);
		return;
	case RD_VSOCK_OP_CREDIT_UPDATE:
		rd_vsock_conn_update(conn);
		return;
	default:
		rd_vsock_conn_end(conn, RD_MALFORMED, true);
		return;
	}
}

static void on_connection(struct rd_vsock_conn *conn, const struct rd_vsock_header *h)
{
	if (h->op == RD_VSOCK_OP_RST) {
		on_rst(conn);
		return;
	}
	switch (conn->state) {
	case CONN_OPEN:
	case CONN_CLOSING:
		on_open(conn, h);
		return;
	case CONN_CONNECTING:
		if (h->op == RD_VSOCK_OP_RESPONSE && !(conn->owes & OWES_REQUEST)) {
			conn->peer_buf_alloc = h->buf_alloc;
			conn->peer_fwd_cnt = h->fwd_cnt;
			on_response(conn);
			return;
		}
		break;
	case CONN_REQUESTED:
		if (h->op == RD_VSOCK_OP_SHUTDOWN) { /* its program did not want to wait */
			rd_vsock_conn_end(conn, RD_CLOSED, true);
			return;
		}
		break;
	case CONN_FREE:
	case CONN_DRAINING:
	case CONN_DEAD: /* its RST is on the way */
	case CONN_STATE_COUNT:
		return;
	}
	rd_vsock_conn_end(conn, RD_MALFORMED, true);
}

/* Whom this guest may speak to, as far as numbers tell. */
static bool is_reachable(const struct rd_vsock_device *dev, uint32_t cid)
{
	if (dev->guest_cid != RD_CID_PARENT) {
		return cid == RD_CID_HYPERVISOR || cid == RD_CID_PARENT;
	}
	return cid == RD_CID_HYPERVISOR || (cid >= RD_VSOCK_CID_GUEST_MIN && cid != UINT32_MAX);
}

static void on_packet(struct rd_vsock_device *dev, const struct rd_vsock_header *h)
{
	struct rd_vsock_address address = {
		.host_cid = h->dst_cid, .host_port = h->dst_port, .guest_port = h->src_port};
	struct rd_vsock_conn *conn;

	if (h->src_cid != dev->guest_cid) {
		dev->stats.dropped_source++;
		return;
	}
	dev->stats.tx_packets++;
	if (!is_reachable(dev, h->dst_cid) || h->type != RD_VSOCK_TYPE_STREAM) {
		reply_rst(dev, h);
		return;
	}
	conn = rd_vsock_conn_find(dev, &address);
	if (conn) {
		on_connection(conn, h);
	} else if (h->op == RD_VSOCK_OP_REQUEST) {
		on_request(dev, h, &address);
	} else {
		reply_rst(dev, h);
	}
}

static void on_chain(struct rd_vsock_device *dev)
{
	const struct rd_chain *chain = &dev->chain;
	uint8_t bytes[RD_VSOCK_HEADER_SIZE];
	struct rd_vsock_header h;
	size_t got;

	got = rd_iov_copy_out(chain->iov, chain->readable, 0, bytes, sizeof(bytes));
	if (rd_vsock_header_decode(rd_view(bytes, got), &h) != RD_OK ||
		h.len > chain->readable_bytes - RD_VSOCK_HEADER_SIZE) {
		dev->stats.dropped_garbage++;
		return;
	}
	on_packet(dev, &h);
}

bool rd_vsock_from_guest(struct rd_vsock_device *dev)
{
	unsigned n = 0;

	while (n < RD_VSOCK_ROUND_PACKETS && dev->reply_count < RD_VSOCK_REPLIES_MAX &&
		rd_queue_pop(dev->tx, &dev->chain) == RD_OK) {
		on_chain(dev);
		rd_queue_push(dev->tx, &dev->chain, 0);
		n++;
	}
	return n > 0;
}
