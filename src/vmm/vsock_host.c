/* SPDX-License-Identifier: Apache-2.0 */
/* The host's end of vsock: the device, and who answers what. */
#include "vsock_internal.h"

#include "base/byteorder.h"

#include <stdlib.h>

struct rd_end *rd_end_new(struct rd_vsock_host *host, const struct rd_end_ops *ops)
{
	struct rd_end *end = calloc(1, sizeof(*end));

	if (end == NULL) {
		return NULL;
	}
	end->host = host;
	end->ops = ops;
	end->next = host->ends;
	end->link = &host->ends;
	if (end->next != NULL) {
		end->next->link = &end->next;
	}
	host->ends = end;
	return end;
}

void rd_end_free(struct rd_end *end)
{
	end->ops->finish(end);
	*end->link = end->next;
	if (end->next != NULL) {
		end->next->link = end->link;
	}
	free(end);
}

/* --- what the device asks --- */

static enum rd_status on_connect(
	void *ctx, struct rd_vsock_conn *conn, const struct rd_vsock_address *address)
{
	struct rd_vsock_host *host = ctx;
	struct rd_end *end = NULL;
	enum rd_status st;

	if (address->host_cid == RD_CID_HYPERVISOR) {
		st = rd_service_open(host, address, &end);
	} else if (address->host_cid == RD_CID_PARENT &&
		   address->host_port == RD_GUEST_PORT_HEARTBEAT) {
		st = rd_heartbeat_open(host, &end);
	} else if (host->config.connector == NULL) {
		st = rd_peer_open(host, address->host_cid, address->host_port, &end);
	} else {
		st = rd_stream_ask(host, address->host_port, &end);
	}
	if (end != NULL) {
		end->conn = conn;
		rd_vsock_conn_set_user(conn, end);
	}
	return st;
}

static void on_connected(void *ctx, struct rd_vsock_conn *conn)
{
	(void)ctx;
	rd_stream_connected(rd_vsock_conn_user(conn));
}

static enum rd_status on_write(void *ctx, struct rd_vsock_conn *conn, const struct iovec *iov,
	size_t count, size_t *ret_taken)
{
	struct rd_end *end = rd_vsock_conn_user(conn);

	(void)ctx;
	return end->ops->write(end, iov, count, ret_taken);
}

static enum rd_status on_read(void *ctx, struct rd_vsock_conn *conn, const struct iovec *iov,
	size_t count, size_t *ret_got)
{
	struct rd_end *end = rd_vsock_conn_user(conn);

	(void)ctx;
	return end->ops->read(end, iov, count, ret_got);
}

static void on_shutdown(void *ctx, struct rd_vsock_conn *conn, unsigned how)
{
	struct rd_end *end = rd_vsock_conn_user(conn);

	(void)ctx;
	if ((how & RD_VSOCK_SHUT_SEND) != 0) {
		end->guest_done = true;
	}
	end->ops->shutdown(end, how);
}

static void on_closed(void *ctx, struct rd_vsock_conn *conn, enum rd_status why)
{
	struct rd_vsock_host *host = ctx;

	(void)why;
	rd_end_free(rd_vsock_conn_user(conn));
	rd_stream_update_accepting(host);
}

static void on_notify(void *ctx, unsigned queue)
{
	struct rd_vsock_host *host = ctx;

	host->config.engine_ops->notify(host->config.engine, queue);
}

static void on_schedule(void *ctx)
{
	struct rd_vsock_host *host = ctx;

	if (rd_watch_arm(host->run, 0) != RD_OK) {
		return; /* the next tick goes on with it */
	}
}

static const struct rd_vsock_ops device_ops = {
	.connect = on_connect,
	.connected = on_connected,
	.write = on_write,
	.read = on_read,
	.shutdown = on_shutdown,
	.closed = on_closed,
	.notify = on_notify,
	.schedule = on_schedule,
};

/* --- the loop --- */

static void on_run(void *arg)
{
	struct rd_vsock_host *host = arg;

	rd_vsock_run(host->device);
}

static void on_tick(void *arg)
{
	struct rd_vsock_host *host = arg;

	rd_vsock_tick(host->device, rd_loop_now_ms());
	rd_vsock_run(host->device);
	rd_stream_update_accepting(host);
	if (rd_watch_arm(host->tick, RD_VSOCK_TICK_MS) != RD_OK) {
		return; /* connections that wait too long are no longer ended */
	}
}

void rd_vsock_host_kicked(struct rd_vsock_host *host)
{
	rd_vsock_run(host->device);
}

void rd_vsock_host_stopped(struct rd_vsock_host *host)
{
	rd_vsock_device_reset(host->device);
}

void rd_vsock_host_device_config(uint32_t guest_cid, uint8_t ret_config[RD_VSOCK_CONFIG_SIZE])
{
	rd_put_le64(ret_config, guest_cid);
}

static enum rd_status make_watches(struct rd_vsock_host *host)
{
	struct rd_loop *loop = host->config.loop;

	RD_TRY(rd_loop_timer(loop, on_tick, host, &host->tick));
	RD_TRY(rd_watch_arm(host->tick, RD_VSOCK_TICK_MS));
	RD_TRY(rd_loop_timer(loop, on_run, host, &host->run));
	if (host->config.connector == NULL) {
		return RD_OK;
	}
	RD_TRY(rd_loop_watch_fd(
		loop, host->config.listener, RD_LOOP_READ, rd_stream_accept, host, &host->accept));
	host->accepting = true;
	return rd_connector_attach(host->config.connector, loop, rd_stream_answered, host);
}

enum rd_status rd_vsock_host_new(
	const struct rd_vsock_host_config *config, struct rd_vsock_host **ret, struct rd_error *err)
{
	struct rd_vsock_host *host RD_CLEANUP(rd_vsock_host_free) = calloc(1, sizeof(*host));
	struct rd_vsock_config device = {
		.guest_cid = config->guest_cid,
		.now_ms = rd_loop_now_ms(),
		.ops = &device_ops,
		.ctx = host,
		.rx = config->engine_ops->queue(config->engine, RD_VSOCK_QUEUE_RX),
		.tx = config->engine_ops->queue(config->engine, RD_VSOCK_QUEUE_TX),
	};
	enum rd_status st;

	if (host == NULL) {
		return rd_fail(err, RD_NOMEM, "no memory for vsock");
	}
	host->config = *config;
	st = rd_vsock_device_new(&device, &host->device);
	st = st == RD_OK ? make_watches(host) : st;
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot set up vsock: %s", rd_status_text(st));
	}
	*ret = rd_steal(&host, NULL);
	return RD_OK;
}

void rd_vsock_host_free(struct rd_vsock_host **host)
{
	struct rd_vsock_host *h = *host;

	if (h == NULL) {
		return;
	}
	rd_vsock_device_free(&h->device);
	rd_peers_free(h);
	while (h->ends != NULL) {
		rd_end_free(h->ends); /* handshakes, which have no connection */
	}
	rd_watch_free(&h->tick);
	rd_watch_free(&h->run);
	rd_watch_free(&h->accept);
	free(h);
	*host = NULL;
}
