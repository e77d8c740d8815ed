/* SPDX-License-Identifier: Apache-2.0 */
/* The vsock device as the host sees it: making it, running it, its clock, and the host's calls. */
#include "vsock/device-internal.h"

#include <stdlib.h>

/* Ports of host-initiated streams: 2^30 and up, as Firecracker numbers them; services live below.
 */
#define HOST_PORT_FIRST 0x40000000u
#define HOST_PORT_LAST  0x7fffffffu

enum rd_status rd_vsock_device_new(
	const struct rd_vsock_config *config, struct rd_vsock_device **ret_dev)
{
	struct rd_vsock_device *dev;

	/* VMADDR_CID_ANY is no address. */
	RD_ENSURE(config->guest_cid >= RD_CID_PARENT && config->guest_cid != UINT32_MAX, RD_USAGE);
	dev = calloc(1, sizeof(*dev));
	RD_ENSURE(dev, RD_NOMEM);
	dev->guest_cid = config->guest_cid;
	dev->ops = config->ops;
	dev->ctx = config->ctx;
	dev->rx = config->rx;
	dev->tx = config->tx;
	dev->now_ms = config->now_ms;
	dev->token_time_ms = config->now_ms;
	dev->connect_tokens = RD_VSOCK_CONNECTS_PER_S;
	dev->next_host_port = HOST_PORT_FIRST;
	TAILQ_INIT(&dev->ready);
	for (unsigned i = 0; i < RD_VSOCK_BUCKETS; i++) {
		LIST_INIT(&dev->buckets[i]);
	}
	for (unsigned i = 0; i < RD_VSOCK_CONNECTIONS_MAX; i++) {
		dev->conns[i].dev = dev;
	}
	*ret_dev = dev;
	return RD_OK;
}

void rd_vsock_device_reset(struct rd_vsock_device *dev)
{
	for (unsigned i = 0; i < RD_VSOCK_CONNECTIONS_MAX; i++) {
		struct rd_vsock_conn *conn = &dev->conns[i];

		rd_vsock_conn_end(conn, RD_CLOSED, false);
		if (conn->state == CONN_DEAD) { /* its RST has nobody to go to */
			rd_vsock_conn_free(conn);
		}
	}
	dev->reply_start = 0;
	dev->reply_count = 0;
}

void rd_vsock_device_free(struct rd_vsock_device **dev)
{
	if (*dev) {
		rd_vsock_device_reset(*dev);
		free(*dev);
		*dev = NULL;
	}
}

const struct rd_vsock_stats *rd_vsock_stats(const struct rd_vsock_device *dev)
{
	return &dev->stats;
}

static void notify(struct rd_vsock_device *dev)
{
	if (rd_queue_should_notify(dev->rx)) {
		dev->ops->notify(dev->ctx, RD_VSOCK_QUEUE_RX);
	}
	if (rd_queue_should_notify(dev->tx)) {
		dev->ops->notify(dev->ctx, RD_VSOCK_QUEUE_TX);
	}
}

void rd_vsock_run(struct rd_vsock_device *dev)
{
	bool more = true;

	if (dev->running) {
		dev->run_again = true;
		return;
	}
	dev->running = true;
	for (unsigned round = 0; more && round < RD_VSOCK_RUN_ROUNDS; round++) {
		dev->run_again = false;
		more = rd_vsock_to_guest(dev);
		more = rd_vsock_from_guest(dev) || more || dev->run_again;
		notify(dev);
	}
	dev->running = false;
	if (more) {
		dev->ops->schedule(dev->ctx);
	}
}

static void refill_tokens(struct rd_vsock_device *dev)
{
	uint64_t elapsed_ms = dev->now_ms - dev->token_time_ms;
	uint64_t tokens;

	elapsed_ms = elapsed_ms < 1000 ? elapsed_ms : 1000;
	tokens = dev->connect_tokens + elapsed_ms * RD_VSOCK_CONNECTS_PER_S / 1000;
	dev->connect_tokens = tokens < RD_VSOCK_CONNECTS_PER_S ? (uint32_t)tokens
							       : RD_VSOCK_CONNECTS_PER_S;
	dev->token_time_ms = dev->now_ms;
}

/* Whoever sleeps over what it has got is woken; whoever is at work is interrupted for nothing. */
static void remind(struct rd_vsock_device *dev)
{
	if (rd_queue_is_behind(dev->rx)) {
		dev->ops->notify(dev->ctx, RD_VSOCK_QUEUE_RX);
	}
	if (rd_queue_is_behind(dev->tx)) {
		dev->ops->notify(dev->ctx, RD_VSOCK_QUEUE_TX);
	}
}

void rd_vsock_tick(struct rd_vsock_device *dev, uint64_t now_ms)
{
	if (now_ms <= dev->now_ms) {
		return;
	}
	dev->now_ms = now_ms;
	refill_tokens(dev);
	for (unsigned i = 0; dev->stats.connections_now > 0 && i < RD_VSOCK_CONNECTIONS_MAX; i++) {
		struct rd_vsock_conn *conn = &dev->conns[i];

		if (conn->state != CONN_FREE && conn->deadline_ms != 0 &&
			conn->deadline_ms <= now_ms) {
			rd_vsock_conn_end(conn, RD_TIMEOUT, true);
		}
	}
	remind(dev);
	rd_vsock_run(dev);
}

static enum rd_status pick_port(struct rd_vsock_device *dev, struct rd_vsock_address *address)
{
	/* More tries than connections: one of them is free. */
	for (unsigned i = 0; i <= RD_VSOCK_CONNECTIONS_MAX; i++) {
		address->host_port = dev->next_host_port;
		dev->next_host_port = dev->next_host_port == HOST_PORT_LAST
					      ? HOST_PORT_FIRST
					      : dev->next_host_port + 1;
		if (!rd_vsock_conn_find(dev, address)) {
			return RD_OK;
		}
	}
	return RD_LIMIT;
}

enum rd_status rd_vsock_connect(struct rd_vsock_device *dev, uint32_t host_cid, uint32_t guest_port,
	void *user, struct rd_vsock_conn **ret_conn)
{
	struct rd_vsock_address address = {.host_cid = host_cid, .guest_port = guest_port};
	struct rd_vsock_conn *conn;

	RD_TRY(pick_port(dev, &address));
	conn = rd_vsock_conn_new(dev, &address, CONN_CONNECTING);
	RD_ENSURE(conn, RD_LIMIT);
	conn->user = user;
	conn->owes = OWES_REQUEST;
	rd_vsock_conn_update(conn);
	/* Not at once: the caller has no connection yet that an op could speak of. */
	dev->ops->schedule(dev->ctx);
	*ret_conn = conn;
	return RD_OK;
}

void rd_vsock_accept(struct rd_vsock_conn *conn)
{
	struct rd_vsock_device *dev = conn->dev;

	if (conn->state != CONN_REQUESTED) {
		return;
	}
	rd_vsock_conn_set_state(conn, CONN_OPEN);
	conn->deadline_ms = 0;
	conn->owes |= OWES_RESPONSE | (conn->host_shut != 0 ? OWES_SHUTDOWN : 0);
	dev->stats.connections++;
	rd_vsock_conn_settle(conn);
	rd_vsock_run(dev);
}

void rd_vsock_reset(struct rd_vsock_conn *conn)
{
	struct rd_vsock_device *dev = conn->dev;

	rd_vsock_conn_end(conn, RD_OK, true);
	rd_vsock_run(dev);
}

void rd_vsock_shutdown(struct rd_vsock_conn *conn, unsigned how)
{
	struct rd_vsock_device *dev = conn->dev;
	unsigned news = how & RD_VSOCK_SHUT_BOTH & ~conn->host_shut;

	if (news == 0 || conn->state == CONN_FREE || conn->state == CONN_DEAD) {
		return;
	}
	conn->host_shut |= news;
	if (conn->state == CONN_OPEN) {
		conn->owes |= OWES_SHUTDOWN;
	}
	rd_vsock_conn_settle(conn);
	rd_vsock_run(dev);
}

void rd_vsock_host_readable(struct rd_vsock_conn *conn)
{
	struct rd_vsock_device *dev = conn->dev;

	conn->host_readable = true;
	rd_vsock_conn_update(conn);
	rd_vsock_run(dev);
}

void rd_vsock_host_writable(struct rd_vsock_conn *conn)
{
	struct rd_vsock_device *dev = conn->dev;

	rd_vsock_conn_flush(conn);
	rd_vsock_run(dev);
}

void *rd_vsock_conn_user(const struct rd_vsock_conn *conn)
{
	return conn->user;
}

void rd_vsock_conn_set_user(struct rd_vsock_conn *conn, void *user)
{
	conn->user = user;
}

struct rd_vsock_address rd_vsock_conn_address(const struct rd_vsock_conn *conn)
{
	return conn->address;
}
