/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One vsock connection: its place in the table, its credit, what is kept for a slow host, its end.
 *
 *	REQUESTED ──accept──► OPEN ──both directions shut by us──► CLOSING ──RST──► free
 *	CONNECTING ─response─► │ │
 *	                       │ └──guest shut both, then RST, bytes kept──► DRAINING ──► free
 *	                       └──guest shut both, nothing kept; reset; violation──► DEAD
 *	DEAD ──RST sent──► free
 *
 * Whatever calls an op must expect that the op ended the connection, and that its slot has even
 * been used again: `serial` tells.
 */
#include "vsock/device-internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The guest hears of room when a quarter of its buffer was passed on since it last did. */
#define CREDIT_UPDATE_PARTS 4

static struct conn_bucket *bucket_of(
	struct rd_vsock_device *dev, const struct rd_vsock_address *address)
{
	/* Multiplicative hashing; a guest that constructs collisions slows itself. */
	uint32_t h = address->guest_port * 0x9e3779b1u;

	h = (h ^ address->host_port) * 0x85ebca6bu;
	h = (h ^ address->host_cid) * 0xc2b2ae35u;
	return &dev->buckets[(h >> 16) % RD_VSOCK_BUCKETS];
}

static bool same_address(const struct rd_vsock_address *a, const struct rd_vsock_address *b)
{
	return a->host_cid == b->host_cid && a->host_port == b->host_port &&
	       a->guest_port == b->guest_port;
}

struct rd_vsock_conn *rd_vsock_conn_find(
	struct rd_vsock_device *dev, const struct rd_vsock_address *address)
{
	struct rd_vsock_conn *conn;

	LIST_FOREACH(conn, bucket_of(dev, address), bucket)
	{
		if (same_address(&conn->address, address)) {
			return conn;
		}
	}
	return NULL;
}

static struct rd_vsock_conn *free_slot(struct rd_vsock_device *dev)
{
	for (unsigned i = 0; i < RD_VSOCK_CONNECTIONS_MAX; i++) {
		unsigned slot = (dev->free_hint + i) % RD_VSOCK_CONNECTIONS_MAX;

		if (dev->conns[slot].state == CONN_FREE) {
			dev->free_hint = (slot + 1) % RD_VSOCK_CONNECTIONS_MAX;
			return &dev->conns[slot];
		}
	}
	return NULL;
}

static bool has_room(const struct rd_vsock_device *dev, const struct rd_vsock_address *address)
{
	return address->host_cid == RD_CID_HYPERVISOR ||
	       dev->stats.connections_now < RD_VSOCK_CONNECTIONS_PARENT;
}

static uint32_t buffer_share(const struct rd_vsock_device *dev)
{
	return dev->stats.connections_now < RD_VSOCK_BUFFER_RICH ? RD_VSOCK_BUFFER_BYTES
								 : RD_VSOCK_BUFFER_BYTES_CROWDED;
}

struct rd_vsock_conn *rd_vsock_conn_new(
	struct rd_vsock_device *dev, const struct rd_vsock_address *address, enum conn_state state)
{
	struct rd_vsock_conn *conn = has_room(dev, address) ? free_slot(dev) : NULL;

	if (!conn) {
		return NULL;
	}
	*conn = (struct rd_vsock_conn){
		.dev = dev,
		.serial = dev->next_serial++,
		.address = *address,
		.buf_alloc = buffer_share(dev),
		.hashed = true,
		.host_knows = true,
		.deadline_ms = dev->now_ms + RD_VSOCK_CONNECT_TIMEOUT_MS,
	};
	LIST_INSERT_HEAD(bucket_of(dev, address), conn, bucket);
	dev->stats.connections_now++;
	rd_vsock_conn_set_state(conn, state);
	return conn;
}

void rd_vsock_conn_set_state(struct rd_vsock_conn *conn, enum conn_state state)
{
	conn->dev->pending -= conn->state == CONN_REQUESTED;
	conn->dev->pending += state == CONN_REQUESTED;
	conn->state = state;
}

static void unhash(struct rd_vsock_conn *conn)
{
	if (conn->hashed) {
		LIST_REMOVE(conn, bucket);
		conn->hashed = false;
	}
}

static void drop_kept(struct rd_vsock_conn *conn)
{
	conn->dev->stats.buffered_bytes -= conn->kept_used;
	conn->kept_used = 0;
	conn->kept_start = 0;
	free(conn->kept);
	conn->kept = NULL;
}

void rd_vsock_conn_free(struct rd_vsock_conn *conn)
{
	drop_kept(conn);
	unhash(conn);
	conn->owes = 0;
	conn->host_readable = false;
	rd_vsock_conn_set_state(conn, CONN_FREE);
	rd_vsock_conn_update(conn);
	conn->serial = conn->dev->next_serial++;
	conn->dev->stats.connections_now--;
}

void rd_vsock_conn_end(struct rd_vsock_conn *conn, enum rd_status why, bool send_rst)
{
	struct rd_vsock_device *dev = conn->dev;
	uint32_t serial = conn->serial;

	if (conn->state == CONN_FREE || conn->state == CONN_DEAD) {
		return;
	}
	/* Dead before the host hears of it, so that nothing it does in ops.closed can revive it. */
	send_rst = send_rst && conn->hashed;
	drop_kept(conn);
	rd_vsock_conn_set_state(conn, CONN_DEAD);
	conn->owes = send_rst ? OWES_RST : 0;
	conn->deadline_ms = 0;
	if (conn->host_knows) {
		conn->host_knows = false;
		dev->ops->closed(dev->ctx, conn, why);
	}
	if (conn->serial != serial) {
		return;
	}
	if (send_rst) {
		rd_vsock_conn_update(conn);
	} else {
		rd_vsock_conn_free(conn);
	}
}

void rd_vsock_conn_drain(struct rd_vsock_conn *conn)
{
	if (conn->kept_used == 0) {
		rd_vsock_conn_end(conn, RD_OK, false);
		return;
	}
	/* The guest may use the port again; this connection no longer hears of it. */
	unhash(conn);
	conn->owes = 0;
	conn->deadline_ms = conn->dev->now_ms + RD_VSOCK_LINGER_MS;
	rd_vsock_conn_set_state(conn, CONN_DRAINING);
	rd_vsock_conn_update(conn);
}

uint32_t rd_vsock_conn_credit(const struct rd_vsock_conn *conn)
{
	uint32_t under_way = conn->tx_cnt - conn->peer_fwd_cnt;

	/* A guest that claims to have taken more than we sent gets nothing. */
	return under_way < conn->peer_buf_alloc ? conn->peer_buf_alloc - under_way : 0;
}

static bool may_read(const struct rd_vsock_conn *conn)
{
	return conn->state == CONN_OPEN && conn->host_readable &&
	       !(conn->guest_shut & RD_VSOCK_SHUT_RECEIVE) &&
	       !(conn->host_shut & RD_VSOCK_SHUT_SEND);
}

void rd_vsock_conn_update(struct rd_vsock_conn *conn)
{
	struct rd_vsock_device *dev = conn->dev;
	bool want;

	if (may_read(conn) && rd_vsock_conn_credit(conn) == 0 && !conn->credit_asked) {
		conn->credit_asked = true;
		conn->owes |= OWES_CREDIT_REQUEST;
	}
	want = conn->owes != 0 || (may_read(conn) && rd_vsock_conn_credit(conn) > 0);
	if (want && !conn->is_ready) {
		TAILQ_INSERT_TAIL(&dev->ready, conn, ready);
	} else if (!want && conn->is_ready) {
		TAILQ_REMOVE(&dev->ready, conn, ready);
	}
	conn->is_ready = want;
}

static void forwarded(struct rd_vsock_conn *conn, size_t n)
{
	conn->fwd_cnt += (uint32_t)n;
	if (conn->fwd_cnt - conn->told_fwd >= conn->buf_alloc / CREDIT_UPDATE_PARTS &&
		(conn->state == CONN_OPEN || conn->state == CONN_CLOSING)) {
		conn->owes |= OWES_CREDIT_UPDATE;
	}
}

void rd_vsock_conn_settle(struct rd_vsock_conn *conn)
{
	struct rd_vsock_device *dev = conn->dev;
	uint32_t serial = conn->serial;
	unsigned shut = conn->guest_shut;
	unsigned news;

	if (!conn->writing && (conn->kept_used == 0 || (conn->host_shut & RD_VSOCK_SHUT_RECEIVE))) {
		forwarded(conn, conn->kept_used);
		drop_kept(conn);
	}
	if (conn->state == CONN_DRAINING) {
		if (conn->kept_used == 0) {
			rd_vsock_conn_end(conn, RD_OK, false);
		}
		return;
	}
	if (conn->kept_used > 0) {
		shut &= ~RD_VSOCK_SHUT_SEND; /* not before the host has it all */
	}
	if (shut == RD_VSOCK_SHUT_BOTH) {
		rd_vsock_conn_end(conn, RD_OK, true);
		return;
	}
	news = shut & ~conn->told_shut;
	if (news != 0) {
		conn->told_shut |= news;
		dev->ops->shutdown(dev->ctx, conn, news);
		if (conn->serial != serial || conn->state == CONN_DEAD) {
			return;
		}
	}
	if ((shut & RD_VSOCK_SHUT_SEND) && conn->host_shut == RD_VSOCK_SHUT_SEND) {
		conn->host_shut = RD_VSOCK_SHUT_BOTH;
		conn->owes |= OWES_SHUTDOWN;
	}
	if (conn->state == CONN_OPEN && conn->host_shut == RD_VSOCK_SHUT_BOTH) {
		rd_vsock_conn_set_state(conn, CONN_CLOSING);
		conn->deadline_ms = dev->now_ms + RD_VSOCK_LINGER_MS;
	}
	rd_vsock_conn_update(conn);
}

/* Appends to the ring. The caller has checked that the guest had the credit, so there is room. */
static enum rd_status keep(struct rd_vsock_conn *conn, const struct iovec *iov, size_t count,
	size_t offset, size_t len)
{
	assert(len <= conn->buf_alloc - conn->kept_used);
	if (!conn->kept) {
		conn->kept = malloc(conn->buf_alloc);
		RD_ENSURE(conn->kept, RD_NOMEM);
	}
	while (len > 0) {
		uint32_t end = (conn->kept_start + conn->kept_used) % conn->buf_alloc;
		size_t part = conn->buf_alloc - end;
		size_t got;

		part = part < len ? part : len;
		got = rd_iov_copy_out(iov, count, offset, conn->kept + end, part);
		assert(got == part);
		conn->kept_used += (uint32_t)got;
		conn->dev->stats.buffered_bytes += got;
		offset += got;
		len -= got;
	}
	return RD_OK;
}

static enum rd_status host_write(
	struct rd_vsock_conn *conn, const struct iovec *iov, size_t count, size_t *ret_taken)
{
	uint32_t serial = conn->serial;
	enum rd_status st;

	conn->writing = true;
	st = conn->dev->ops->write(conn->dev->ctx, conn, iov, count, ret_taken);
	if (conn->serial == serial) {
		conn->writing = false;
	}
	return st;
}

void rd_vsock_conn_receive(
	struct rd_vsock_conn *conn, const struct iovec *iov, size_t count, size_t len)
{
	uint32_t serial = conn->serial;
	enum rd_status st = RD_OK;
	size_t taken = 0;

	conn->rx_cnt += (uint32_t)len;
	if (conn->host_shut & RD_VSOCK_SHUT_RECEIVE) {
		taken = len; /* sent before the guest heard that nobody listens */
	} else if (conn->kept_used == 0 && !conn->writing && len > 0) {
		st = host_write(conn, iov, count, &taken);
		if (conn->serial != serial || conn->state == CONN_DEAD) {
			return;
		}
		assert(st != RD_OK || taken <= len);
	}
	if (st == RD_OK) {
		forwarded(conn, taken);
		st = taken < len ? keep(conn, iov, count, taken, len - taken) : RD_OK;
	}
	if (st != RD_OK) {
		rd_vsock_conn_end(conn, st, true);
		return;
	}
	rd_vsock_conn_update(conn);
}

static size_t kept_segments(struct rd_vsock_conn *conn, struct iovec iov[2])
{
	uint32_t first = conn->buf_alloc - conn->kept_start;

	first = first < conn->kept_used ? first : conn->kept_used;
	iov[0] = (struct iovec){conn->kept + conn->kept_start, first};
	iov[1] = (struct iovec){conn->kept, conn->kept_used - first};
	return iov[1].iov_len > 0 ? 2 : 1;
}

void rd_vsock_conn_flush(struct rd_vsock_conn *conn)
{
	struct rd_vsock_device *dev = conn->dev;
	uint32_t serial = conn->serial;

	/* A call from inside ops.write: what that takes is not settled yet. */
	if (conn->writing) {
		return;
	}
	while (conn->kept_used > 0 && !(conn->host_shut & RD_VSOCK_SHUT_RECEIVE)) {
		struct iovec iov[2];
		size_t count = kept_segments(conn, iov);
		size_t taken = 0;
		enum rd_status st = host_write(conn, iov, count, &taken);

		if (conn->serial != serial || conn->state == CONN_DEAD) {
			return;
		}
		if (st != RD_OK) {
			rd_vsock_conn_end(conn, st, true);
			return;
		}
		if (taken == 0) {
			break;
		}
		assert(taken <= conn->kept_used);
		conn->kept_start = (uint32_t)((conn->kept_start + taken) % conn->buf_alloc);
		conn->kept_used -= (uint32_t)taken;
		dev->stats.buffered_bytes -= taken;
		forwarded(conn, taken);
		if (conn->state == CONN_DRAINING) {
			conn->deadline_ms = dev->now_ms + RD_VSOCK_LINGER_MS;
		}
	}
	rd_vsock_conn_settle(conn);
}
