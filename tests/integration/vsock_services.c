/* SPDX-License-Identifier: Apache-2.0 */
/* The host's side of the vsock test: services that live in this process, so that only the device is
 * measured. */
#include "vsock_services.h"

#include "base/byteorder.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ECHO_BYTES (64u * 1024)

struct stream {
	struct services *s;
	struct rd_vsock_conn *conn;
	uint32_t port;
	bool probe;
	bool ended; /* the guest will send no more */
	bool blocked;
	uint64_t start_ns;
	uint64_t in;     /* bytes from the guest */
	uint64_t out;    /* bytes to the guest */
	uint64_t errors; /* bytes that are not the pattern */
	uint64_t want;   /* bytes to send: source, sink's answer, probe */
	uint8_t text[256];
	size_t text_len;
	uint8_t echo[ECHO_BYTES];
	size_t echo_start;
	size_t echo_used;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void say_rate(const struct stream *t, const char *what, uint64_t bytes)
{
	double s = (double)(now_ns() - t->start_ns) / 1e9;

	if (bytes > 1000000) {
		printf("host: %s %.0f MB in %.2f s: %.0f MB/s\n", what, (double)bytes / 1e6, s,
			(double)bytes / 1e6 / s);
		fflush(stdout);
	}
}

static struct stream *stream_new(struct services *s, struct rd_vsock_conn *conn, uint32_t port)
{
	struct stream *t = calloc(1, sizeof(*t));

	if (t) {
		t->s = s;
		t->conn = conn;
		t->port = port;
		t->start_ns = now_ns();
	}
	return t;
}

static enum rd_status on_connect(
	void *ctx, struct rd_vsock_conn *conn, const struct rd_vsock_address *address)
{
	struct services *s = ctx;
	struct stream *t;

	RD_ENSURE(address->host_cid == RD_CID_PARENT, RD_DENIED);
	RD_ENSURE(address->host_port >= PORT_ECHO && address->host_port <= PORT_REPORT, RD_DENIED);
	RD_ENSURE(address->host_port != PORT_REFUSED, RD_DENIED);
	t = stream_new(s, conn, address->host_port);
	RD_ENSURE(t, RD_NOMEM);
	rd_vsock_conn_set_user(conn, t);
	if (address->host_port == PORT_LATE) {
		s->late[s->late_count++] = conn;
		return RD_AGAIN;
	}
	return RD_OK;
}

static void on_connected(void *ctx, struct rd_vsock_conn *conn)
{
	struct services *s = ctx;
	struct stream *t = stream_new(s, conn, PORT_GUEST);

	if (!t) {
		abort();
	}
	t->probe = true;
	t->want = PROBE_BYTES;
	rd_vsock_conn_set_user(conn, t);
	rd_vsock_host_readable(conn);
}

static size_t check_pattern(struct stream *t, const struct iovec *iov, size_t count)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++) {
		const uint8_t *p = iov[i].iov_base;
		size_t left = iov[i].iov_len;

		while (left > 0) {
			size_t n = left < PATTERN_PERIOD ? left : PATTERN_PERIOD;

			t->errors += memcmp(p, pattern_at(t->s->pattern, t->in), n) != 0;
			t->in += n;
			p += n;
			left -= n;
			total += n;
		}
	}
	return total;
}

static size_t echo_take(struct stream *t, const struct iovec *iov, size_t count)
{
	size_t total = 0;

	for (;;) {
		size_t end = (t->echo_start + t->echo_used) % ECHO_BYTES;
		size_t room = ECHO_BYTES - t->echo_used;
		size_t part = ECHO_BYTES - end < room ? ECHO_BYTES - end : room;
		size_t n = rd_iov_copy_out(iov, count, total, t->echo + end, part);

		if (n == 0) {
			return total;
		}
		t->echo_used += n;
		total += n;
	}
}

static void report_line(struct services *s, const char *line)
{
	printf("guest: %s\n", line);
	fflush(stdout);
	s->connect_wanted |= strcmp(line, "CONNECT") == 0;
	s->passed |= strcmp(line, "PASS") == 0;
	s->failed |= strncmp(line, "FAIL", 4) == 0;
}

static size_t report_take(struct stream *t, const struct iovec *iov, size_t count)
{
	uint8_t c;
	size_t total = 0;

	while (rd_iov_copy_out(iov, count, total, &c, 1) == 1) {
		total++;
		if (c == '\n' || t->text_len == sizeof(t->text) - 1) {
			t->text[t->text_len] = 0;
			t->text_len = 0;
			report_line(t->s, (const char *)t->text);
		} else {
			t->text[t->text_len++] = c;
		}
	}
	return total;
}

static enum rd_status on_write(void *ctx, struct rd_vsock_conn *conn, const struct iovec *iov,
	size_t count, size_t *ret_taken)
{
	struct stream *t = rd_vsock_conn_user(conn);
	uint8_t n[8];

	(void)ctx;
	switch (t->port) {
	case PORT_SINK:
	case PORT_GUEST:
		*ret_taken = check_pattern(t, iov, count);
		if (t->probe && t->in == PROBE_BYTES) {
			t->s->probe_ok = t->errors == 0;
			rd_vsock_shutdown(conn, RD_VSOCK_SHUT_BOTH);
		}
		return RD_OK;
	case PORT_SOURCE:
		*ret_taken = rd_iov_copy_out(iov, count, 0, n, sizeof(n));
		RD_ENSURE(*ret_taken == sizeof(n) && t->want == 0, RD_MALFORMED);
		t->want = rd_get_le64(n);
		rd_vsock_host_readable(conn);
		return RD_OK;
	case PORT_STUCK:
		*ret_taken = 0;
		return RD_OK;
	case PORT_REPORT:
		*ret_taken = report_take(t, iov, count);
		return RD_OK;
	default:
		*ret_taken = echo_take(t, iov, count);
		t->in += *ret_taken;
		t->blocked = t->echo_used == ECHO_BYTES;
		rd_vsock_host_readable(conn);
		return RD_OK;
	}
}

static enum rd_status echo_give(
	struct stream *t, const struct iovec *iov, size_t count, size_t *ret_got)
{
	size_t total = 0;

	while (t->echo_used > 0) {
		size_t part = ECHO_BYTES - t->echo_start;
		size_t n;

		part = part < t->echo_used ? part : t->echo_used;
		n = rd_iov_copy_in(iov, count, total, t->echo + t->echo_start, part);
		if (n == 0) {
			break;
		}
		t->echo_start = (t->echo_start + n) % ECHO_BYTES;
		t->echo_used -= n;
		total += n;
	}
	if (total > 0 && t->blocked) {
		t->blocked = false;
		rd_vsock_host_writable(t->conn);
	}
	*ret_got = total;
	RD_ENSURE(total == 0, RD_OK);
	return t->ended ? RD_CLOSED : RD_AGAIN;
}

static enum rd_status pattern_give(
	struct stream *t, const struct iovec *iov, size_t count, size_t *ret_got)
{
	size_t total = 0;

	while (t->out < t->want) {
		uint64_t left = t->want - t->out;
		size_t part = left < PATTERN_PERIOD ? (size_t)left : PATTERN_PERIOD;
		size_t n = rd_iov_copy_in(
			iov, count, total, pattern_at(t->s->pattern, t->out), part);

		if (n == 0) {
			break;
		}
		t->out += n;
		total += n;
	}
	*ret_got = total;
	RD_ENSURE(total == 0, RD_OK);
	return t->want > 0 && !t->probe ? RD_CLOSED : RD_AGAIN;
}

static enum rd_status sink_give(
	struct stream *t, const struct iovec *iov, size_t count, size_t *ret_got)
{
	uint8_t answer[16];

	RD_ENSURE(t->ended, RD_AGAIN);
	RD_ENSURE(t->out == 0, RD_CLOSED);
	rd_put_le64(answer, t->in);
	rd_put_le64(answer + 8, t->errors);
	*ret_got = rd_iov_copy_in(iov, count, 0, answer, sizeof(answer));
	t->out = *ret_got;
	return RD_OK;
}

static enum rd_status on_read(void *ctx, struct rd_vsock_conn *conn, const struct iovec *iov,
	size_t count, size_t *ret_got)
{
	struct stream *t = rd_vsock_conn_user(conn);

	(void)ctx;
	switch (t->port) {
	case PORT_SOURCE:
	case PORT_GUEST:
		return pattern_give(t, iov, count, ret_got);
	case PORT_SINK:
		return sink_give(t, iov, count, ret_got);
	case PORT_STUCK:
	case PORT_REPORT:
		return t->ended ? RD_CLOSED : RD_AGAIN;
	default:
		return echo_give(t, iov, count, ret_got);
	}
}

static void on_shutdown(void *ctx, struct rd_vsock_conn *conn, unsigned how)
{
	struct stream *t = rd_vsock_conn_user(conn);

	(void)ctx;
	if (how & RD_VSOCK_SHUT_SEND) {
		t->ended = true;
		if (t->port == PORT_SINK) {
			say_rate(t, "guest to host", t->in);
		}
		rd_vsock_host_readable(conn);
	}
}

static void on_closed(void *ctx, struct rd_vsock_conn *conn, enum rd_status why)
{
	struct services *s = ctx;
	struct stream *t = rd_vsock_conn_user(conn);

	if (!t) {
		printf("host: the guest did not take the connection: %s\n", rd_status_text(why));
		return;
	}
	if (t->port == PORT_SOURCE) {
		say_rate(t, "host to guest", t->out);
	}
	if (t->port == PORT_ECHO || t->port == PORT_LATE) {
		say_rate(t, "echo, each way", t->in);
	}
	for (unsigned i = 0; i < s->late_count; i++) {
		if (s->late[i] == conn) {
			s->late[i] = s->late[--s->late_count];
			break;
		}
	}
	free(t);
}

void services_turn(struct services *s)
{
	struct rd_vsock_conn *conn;

	while (s->late_count > 0) {
		rd_vsock_accept(s->late[--s->late_count]);
	}
	if (s->connect_wanted) {
		s->connect_wanted = false;
		if (rd_vsock_connect(machine_device(s->machine), RD_CID_PARENT, PORT_GUEST, NULL,
			    &conn) != RD_OK) {
			s->failed = true;
		}
	}
}

static void on_notify(void *ctx, unsigned queue)
{
	struct services *s = ctx;

	machine_notify(s->machine, queue);
}

static void on_schedule(void *ctx)
{
	struct services *s = ctx;

	machine_schedule(s->machine);
}

const struct rd_vsock_ops services_ops = {
	.connect = on_connect,
	.connected = on_connected,
	.write = on_write,
	.read = on_read,
	.shutdown = on_shutdown,
	.closed = on_closed,
	.notify = on_notify,
	.schedule = on_schedule,
};
