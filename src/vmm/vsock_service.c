/* SPDX-License-Identifier: Apache-2.0 */
/* The services that the hypervisor itself offers the guest: heartbeat, NSM, end report. */
#include "vsock_internal.h"

#include "base/byteorder.h"

#include <string.h>

/*
 * Services end their side when the guest has ended its own and everything has been answered; a
 * `read` that would find nothing then says RD_CLOSED.
 */
static enum rd_status nothing_to_read(const struct rd_end *end)
{
	return end->guest_done ? RD_CLOSED : RD_AGAIN;
}

static void tell_reader(struct rd_end *end, unsigned how)
{
	(void)how;
	rd_vsock_host_readable(end->conn);
}

static void nothing_to_free(struct rd_end *end)
{
	(void)end;
}

/* --- heartbeat (reference: nitro-cli's boot handshake): one byte, echoed --- */

static enum rd_status heartbeat_write(
	struct rd_end *end, const struct iovec *iov, size_t count, size_t *ret_taken)
{
	const struct rd_vsock_host_config *config = &end->host->config;
	uint8_t byte;

	*ret_taken = 0;
	if (end->heartbeat.echo || rd_iov_copy_out(iov, count, 0, &byte, 1) == 0) {
		return RD_OK;
	}
	if (byte != RD_GUEST_HEARTBEAT) {
		config->events->wrong_heartbeat(config->ctx, byte);
		return RD_FORBIDDEN;
	}
	*ret_taken = 1;
	end->heartbeat.echo = true;
	config->events->heartbeat(config->ctx);
	rd_vsock_host_readable(end->conn);
	return RD_OK;
}

static enum rd_status heartbeat_read(
	struct rd_end *end, const struct iovec *iov, size_t count, size_t *ret_got)
{
	const uint8_t byte = RD_GUEST_HEARTBEAT;

	if (!end->heartbeat.echo) {
		return nothing_to_read(end);
	}
	*ret_got = rd_iov_copy_in(iov, count, 0, &byte, 1);
	end->heartbeat.echo = false;
	rd_vsock_host_writable(end->conn);
	return RD_OK;
}

static const struct rd_end_ops heartbeat_ops = {
	.write = heartbeat_write,
	.read = heartbeat_read,
	.shutdown = tell_reader,
	.finish = nothing_to_free,
};

enum rd_status rd_heartbeat_open(struct rd_vsock_host *host, struct rd_end **ret_end)
{
	*ret_end = rd_end_new(host, &heartbeat_ops);
	return *ret_end == NULL ? RD_NOMEM : RD_OK;
}

/*
 * --- NSM: requests and responses alternate, so a guest that floods waits for itself. A signature
 * takes a millisecond: a request that came together with others has a turn of the loop for itself,
 * so that timers, the console and a termination are not behind a thousand of them ---
 */

/* A piece of a request, copied out of guest memory before anyone looks at it. */
#define NSM_STEP 1024

static enum rd_status nsm_write(
	struct rd_end *end, const struct iovec *iov, size_t count, size_t *ret_taken)
{
	size_t total = rd_iov_bytes(iov, count), taken = 0, n;
	uint8_t step[NSM_STEP];
	struct rd_cur in;

	while (taken < total && rd_nsm_stream_pending(end->nsm.stream).len == 0) {
		n = rd_iov_copy_out(iov, count, taken, step, sizeof(step));
		in = rd_cur(rd_view(step, n));
		RD_TRY(rd_nsm_stream_put(end->nsm.stream, &in));
		taken += n - in.left;
	}
	*ret_taken = taken;
	end->nsm.more = taken < total;
	if (rd_nsm_stream_pending(end->nsm.stream).len > 0) {
		rd_vsock_host_readable(end->conn);
	}
	return RD_OK;
}

static void nsm_turn(void *arg)
{
	struct rd_end *end = arg;

	rd_vsock_host_writable(end->conn);
}

static enum rd_status nsm_read(
	struct rd_end *end, const struct iovec *iov, size_t count, size_t *ret_got)
{
	struct rd_view pending = rd_nsm_stream_pending(end->nsm.stream);

	if (pending.len == 0) {
		return nothing_to_read(end);
	}
	*ret_got = rd_iov_copy_in(iov, count, 0, pending.ptr, pending.len);
	rd_nsm_stream_consume(end->nsm.stream, *ret_got);
	if (end->nsm.more && rd_nsm_stream_pending(end->nsm.stream).len == 0) {
		return rd_watch_arm(end->nsm.turn, 0);
	}
	return RD_OK;
}

static void nsm_finish(struct rd_end *end)
{
	rd_watch_free(&end->nsm.turn);
	rd_nsm_stream_free(&end->nsm.stream);
}

static const struct rd_end_ops nsm_ops = {
	.write = nsm_write,
	.read = nsm_read,
	.shutdown = tell_reader,
	.finish = nsm_finish,
};

static enum rd_status nsm_open(struct rd_vsock_host *host, struct rd_end **ret_end)
{
	struct rd_nsm_stream *stream;
	struct rd_end *end;
	enum rd_status st;

	RD_TRY(rd_nsm_stream_new(host->config.nsm, &stream));
	end = rd_end_new(host, &nsm_ops);
	if (end == NULL) {
		rd_nsm_stream_free(&stream);
		return RD_NOMEM;
	}
	end->nsm.stream = stream;
	st = rd_loop_timer(host->config.loop, nsm_turn, end, &end->nsm.turn);
	if (st != RD_OK) {
		rd_end_free(end);
		return st;
	}
	*ret_end = end;
	return RD_OK;
}

/* --- end report: one message, taken as soon as it is whole, since a reset follows it --- */

static bool report_whole(const struct rd_end *end)
{
	return end->exit.len >= RD_GUEST_END_HEAD &&
	       end->exit.len - RD_GUEST_END_HEAD >=
		       rd_get_le16(end->exit.bytes + RD_GUEST_END_HEAD - sizeof(uint16_t));
}

static enum rd_status exit_write(
	struct rd_end *end, const struct iovec *iov, size_t count, size_t *ret_taken)
{
	const struct rd_vsock_host_config *config = &end->host->config;
	size_t room = sizeof(end->exit.bytes) - end->exit.len;
	struct rd_guest_end report;

	RD_ENSURE(!end->exit.done && rd_iov_bytes(iov, count) <= room, RD_LIMIT);
	*ret_taken = rd_iov_copy_out(iov, count, 0, end->exit.bytes + end->exit.len, room);
	end->exit.len += *ret_taken;
	if (!report_whole(end)) {
		return RD_OK;
	}
	end->exit.done = true;
	RD_TRY(rd_guest_end_decode(rd_view(end->exit.bytes, end->exit.len), &report));
	config->events->end_report(config->ctx, &report);
	/* Our end of file tells init that the report has arrived. */
	rd_vsock_host_readable(end->conn);
	return RD_OK;
}

static enum rd_status exit_read(
	struct rd_end *end, const struct iovec *iov, size_t count, size_t *ret_got)
{
	(void)iov;
	(void)count;
	(void)ret_got;
	return end->exit.done ? RD_CLOSED : nothing_to_read(end);
}

static const struct rd_end_ops exit_ops = {
	.write = exit_write,
	.read = exit_read,
	.shutdown = tell_reader,
	.finish = nothing_to_free,
};

static enum rd_status enclave_service(
	struct rd_vsock_host *host, uint32_t port, struct rd_end **ret_end)
{
	switch (port) {
	case RD_GUEST_PORT_NSM:
		return nsm_open(host, ret_end);
	case RD_GUEST_PORT_EXIT:
		*ret_end = rd_end_new(host, &exit_ops);
		return *ret_end == NULL ? RD_NOMEM : RD_OK;
	default:
		return RD_NOTFOUND;
	}
}

enum rd_status rd_service_open(
	struct rd_vsock_host *host, const struct rd_vsock_address *address, struct rd_end **ret_end)
{
	if (host->config.guest_cid != RD_CID_PARENT) {
		return enclave_service(host, address->host_port, ret_end);
	}
	RD_ENSURE(address->host_port == RD_GUEST_PORT_CONTROL && host->config.control_memory > 0,
		RD_NOTFOUND);
	return rd_control_port_open(host, address->guest_port, ret_end);
}
