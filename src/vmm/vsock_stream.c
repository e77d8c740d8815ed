/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams between the guest and the host's Unix sockets.
 *
 * Back-pressure goes through one-shot watches: a socket is watched for reading only when the device
 * has said that it wants bytes (our `read` returned RD_AGAIN), and for writing only when it did not
 * take all that the guest sent. A socket that nobody watches costs nothing, and the guest's credit
 * or the kernel's buffer holds up whoever is too fast.
 */
#include "vsock_internal.h"

#include "base/text.h"
#include "os/fd.h"
#include "os/msg.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Host clients accepted in one turn of the loop. */
#define ACCEPTS_PER_TURN 16

/* Anything but RD_OK: the loop lost it, and nothing would ever come again. */
static enum rd_status want(struct rd_end *end, unsigned events)
{
	end->stream.wanted = events;
	return rd_watch_set(end->stream.watch, events);
}

static enum rd_status stream_write(
	struct rd_end *end, const struct iovec *iov, size_t count, size_t *ret_taken)
{
	struct msghdr msg = {
		.msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = count < IOV_MAX ? count : IOV_MAX,
	};
	size_t i, offered = 0;
	ssize_t n;

	for (i = 0; i < count; i++) {
		offered += iov[i].iov_len;
	}
	do {
		n = sendmsg(end->stream.fd, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		RD_ENSURE(errno == EAGAIN, rd_status_from_errno(errno));
		n = 0;
	}
	*ret_taken = (size_t)n;
	return (size_t)n < offered ? want(end, end->stream.wanted | RD_LOOP_WRITE) : RD_OK;
}

static enum rd_status stream_read(
	struct rd_end *end, const struct iovec *iov, size_t count, size_t *ret_got)
{
	ssize_t n;

	do {
		n = readv(end->stream.fd, iov, count < IOV_MAX ? (int)count : IOV_MAX);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN) {
		RD_TRY(want(end, end->stream.wanted | RD_LOOP_READ));
		return RD_AGAIN;
	}
	RD_ENSURE(n >= 0, rd_status_from_errno(errno));
	RD_ENSURE(n > 0, RD_CLOSED);
	*ret_got = (size_t)n;
	return RD_OK;
}

static void stream_shutdown(struct rd_end *end, unsigned how)
{
	if ((how & RD_VSOCK_SHUT_SEND) != 0) {
		(void)shutdown(end->stream.fd, SHUT_WR);
	}
	if ((how & RD_VSOCK_SHUT_RECEIVE) != 0) {
		(void)shutdown(end->stream.fd, SHUT_RD);
	}
}

static void stream_finish(struct rd_end *end)
{
	if (end->stream.state == RD_STREAM_HANDSHAKE) {
		end->host->handshakes--;
	}
	if (end->stream.state == RD_STREAM_CONNECTING && end->stream.peer != NULL) {
		rd_peer_answer(end->stream.peer, end->stream.peer_id, false);
	}
	rd_watch_free(&end->stream.watch);
	rd_watch_free(&end->stream.timer);
	rd_fd_close(&end->stream.fd);
}

static const struct rd_end_ops stream_ops = {
	.write = stream_write,
	.read = stream_read,
	.shutdown = stream_shutdown,
	.finish = stream_finish,
};

static struct rd_end *stream_new(struct rd_vsock_host *host, enum rd_stream_state state)
{
	struct rd_end *end = rd_end_new(host, &stream_ops);

	if (end != NULL) {
		end->stream.state = state;
		end->stream.fd = -1;
	}
	return end;
}

/* Whether the host still has this end, and on the same connection. */
static bool is_there(const struct rd_vsock_host *host, const struct rd_end *end,
	const struct rd_vsock_conn *conn)
{
	const struct rd_end *e;

	for (e = host->ends; e != NULL && e != end; e = e->next) {
	}
	return e != NULL && e->conn == conn;
}

static void on_ready(void *arg, unsigned events)
{
	struct rd_end *end = arg;
	struct rd_vsock_conn *conn = end->conn;
	struct rd_vsock_host *host = end->host;

	if (want(end, end->stream.wanted & ~events) != RD_OK) {
		rd_vsock_reset(conn);
		return;
	}
	if ((events & RD_LOOP_WRITE) != 0) {
		rd_vsock_host_writable(conn);
		/* Writing may have ended the connection, and this end with it. */
		if (!is_there(host, end, conn)) {
			return;
		}
	}
	if ((events & RD_LOOP_READ) != 0) {
		rd_vsock_host_readable(conn);
	}
}

/* --- guest → host --- */

enum rd_status rd_stream_ask(struct rd_vsock_host *host, uint32_t port, struct rd_end **ret_end)
{
	struct rd_end *end = stream_new(host, RD_STREAM_ASKING);
	enum rd_status st;

	RD_ENSURE(end != NULL, RD_NOMEM);
	end->stream.ask_id = host->next_ask++;
	st = rd_connector_ask(host->config.connector, end->stream.ask_id, port);
	if (st != RD_OK) {
		rd_end_free(end);
		/* RD_AGAIN would tell the device that an answer follows. */
		return st == RD_AGAIN ? RD_LIMIT : st;
	}
	*ret_end = end;
	return RD_AGAIN;
}

static struct rd_end *find_asking(struct rd_vsock_host *host, uint32_t id)
{
	struct rd_end *end;

	for (end = host->ends; end != NULL; end = end->next) {
		if (end->ops == &stream_ops && end->stream.state == RD_STREAM_ASKING &&
			end->stream.ask_id == id) {
			return end;
		}
	}
	return NULL;
}

void rd_stream_answered(void *ctx, uint32_t id, enum rd_status st, int take_fd)
{
	struct rd_vsock_host *host = ctx;
	int fd RD_CLEANUP(rd_fd_close) = take_fd;
	struct rd_end *end = find_asking(host, id);
	struct rd_vsock_conn *conn;

	if (end == NULL) {
		return; /* the guest has given up meanwhile */
	}
	conn = end->conn;
	if (st == RD_OK) {
		st = rd_loop_watch_fd(host->config.loop, fd, 0, on_ready, end, &end->stream.watch);
	}
	if (st != RD_OK) {
		rd_vsock_reset(conn);
		return;
	}
	end->stream.fd = rd_steal(&fd, -1);
	end->stream.state = RD_STREAM_OPEN;
	rd_vsock_accept(conn);
	/* The guest may have ended it in the same turn of the device. */
	if (is_there(host, end, conn)) {
		/* The first read finds nothing or the host's first bytes; either way it arms the
		 * watch. */
		rd_vsock_host_readable(conn);
	}
}

/* --- over a link to another vmm --- */

enum rd_status rd_stream_to_peer(
	struct rd_vsock_host *host, struct rd_peer *peer, int take_fd, struct rd_end **ret_end)
{
	int fd RD_CLEANUP(rd_fd_close) = take_fd;
	struct rd_end *end = stream_new(host, RD_STREAM_ASKING);

	RD_ENSURE(end != NULL, RD_NOMEM);
	end->stream.fd = rd_steal(&fd, -1);
	end->stream.ask_id = host->next_ask++;
	end->stream.peer = peer;
	*ret_end = end;
	return RD_OK;
}

void rd_stream_peer_answered(
	struct rd_vsock_host *host, const struct rd_peer *peer, uint32_t id, enum rd_status st)
{
	struct rd_end *end = find_asking(host, id);

	if (end != NULL && end->stream.peer == peer) {
		rd_stream_answered(host, id, st, rd_steal(&end->stream.fd, -1));
	}
}

enum rd_status rd_stream_from_peer(struct rd_vsock_host *host, struct rd_peer *peer, uint32_t port,
	uint32_t peer_id, int take_fd)
{
	int fd RD_CLEANUP(rd_fd_close) = take_fd;
	struct rd_end *end = stream_new(host, RD_STREAM_OPEN);
	enum rd_status st;

	RD_ENSURE(end != NULL, RD_NOMEM);
	end->stream.fd = rd_steal(&fd, -1);
	st = rd_fd_set_nonblock(end->stream.fd, true);
	st = st == RD_OK ? rd_loop_watch_fd(host->config.loop, end->stream.fd, 0, on_ready, end,
				   &end->stream.watch)
			 : st;
	st = st == RD_OK ? rd_vsock_connect(host->device, rd_peer_cid(peer), port, end, &end->conn)
			 : st;
	if (st != RD_OK) {
		rd_end_free(end);
		return st;
	}
	end->stream.peer = peer;
	end->stream.peer_id = peer_id;
	end->stream.state = RD_STREAM_CONNECTING;
	return RD_OK;
}

/* The first of the ends that waits for this link's answer. */
static struct rd_end *find_waiting(struct rd_vsock_host *host, const struct rd_peer *peer)
{
	struct rd_end *end;

	for (end = host->ends; end != NULL; end = end->next) {
		if (end->ops == &stream_ops && end->stream.peer == peer &&
			(end->stream.state == RD_STREAM_ASKING ||
				end->stream.state == RD_STREAM_CONNECTING)) {
			return end;
		}
	}
	return NULL;
}

void rd_stream_forget_peer(struct rd_vsock_host *host, const struct rd_peer *peer)
{
	struct rd_end *end;

	/* A reset may run the device and with it change the list: from the beginning each time. */
	while ((end = find_waiting(host, peer)) != NULL) {
		end->stream.peer = NULL;
		rd_vsock_reset(end->conn);
	}
	for (end = host->ends; end != NULL; end = end->next) {
		if (end->ops == &stream_ops && end->stream.peer == peer) {
			end->stream.peer = NULL;
		}
	}
}

/* --- host → guest --- */

void rd_stream_connected(struct rd_end *end)
{
	char line[32];
	size_t put = 0;
	int n;

	if (end->stream.peer != NULL) {
		end->stream.state = RD_STREAM_OPEN;
		rd_peer_answer(end->stream.peer, end->stream.peer_id, true);
		rd_vsock_host_readable(end->conn);
		return;
	}
	n = snprintf(line, sizeof(line), "OK %u\n",
		(unsigned)rd_vsock_conn_address(end->conn).host_port);

	end->stream.state = RD_STREAM_OPEN;
	/* A fresh socket has room for a line, unless its client is gone. */
	if (rd_fd_write(end->stream.fd, rd_view(line, (size_t)n), &put) != RD_OK ||
		put != (size_t)n) {
		rd_vsock_reset(end->conn);
		return;
	}
	rd_vsock_host_readable(end->conn);
}

/* The line is whole: begin the connection. */
static enum rd_status begin(struct rd_end *end)
{
	static const char word[] = "CONNECT ";
	uint64_t port;

	RD_ENSURE(strncmp(end->stream.line, word, sizeof(word) - 1) == 0, RD_MALFORMED);
	RD_TRY(rd_parse_u64(end->stream.line + sizeof(word) - 1, 0, UINT32_MAX, &port));
	rd_watch_free(&end->stream.timer);
	rd_watch_free(&end->stream.watch);
	RD_TRY(rd_loop_watch_fd(
		end->host->config.loop, end->stream.fd, 0, on_ready, end, &end->stream.watch));
	return rd_vsock_connect(end->host->device, RD_CID_PARENT, (uint32_t)port, end, &end->conn);
}

/*
 * Takes what there is of the line, and nothing of what comes after it. RD_AGAIN: not whole yet.
 */
static enum rd_status take_line(struct rd_end *end)
{
	size_t room = sizeof(end->stream.line) - 1 - end->stream.line_len;
	char *at = end->stream.line + end->stream.line_len;
	const char *newline;
	size_t len;
	ssize_t n;

	RD_ENSURE(room > 0, RD_LIMIT);
	n = recv(end->stream.fd, at, room, MSG_PEEK);
	RD_ENSURE(n >= 0, rd_status_from_errno(errno));
	RD_ENSURE(n > 0, RD_CLOSED);
	newline = memchr(at, '\n', (size_t)n);
	len = newline == NULL ? (size_t)n : (size_t)(newline - at) + 1;
	RD_ENSURE(recv(end->stream.fd, at, len, 0) == (ssize_t)len, RD_IO);
	end->stream.line_len += len;
	RD_ENSURE(newline != NULL, RD_AGAIN);
	end->stream.line[end->stream.line_len - 1] = '\0';
	return RD_OK;
}

/* Ends a handshake, for better or worse. */
static void drop_handshake(struct rd_end *end)
{
	struct rd_vsock_host *host = end->host;

	rd_end_free(end);
	rd_stream_update_accepting(host);
}

static void on_line(void *arg, unsigned events)
{
	struct rd_end *end = arg;
	struct rd_vsock_host *host = end->host;
	enum rd_status st = take_line(end);

	(void)events;
	if (st == RD_AGAIN) {
		return;
	}
	if (st == RD_OK) {
		st = begin(end);
	}
	if (st != RD_OK) {
		drop_handshake(end);
		return;
	}
	end->stream.state = RD_STREAM_CONNECTING;
	host->handshakes--;
	rd_stream_update_accepting(host);
}

static void on_handshake_timeout(void *arg)
{
	drop_handshake(arg);
}

static enum rd_status start_handshake(struct rd_vsock_host *host, int take_fd)
{
	int fd RD_CLEANUP(rd_fd_close) = take_fd;
	struct rd_end *end = stream_new(host, RD_STREAM_HANDSHAKE);
	enum rd_status st;

	RD_ENSURE(end != NULL, RD_NOMEM);
	host->handshakes++;
	end->stream.fd = rd_steal(&fd, -1);
	st = rd_loop_watch_fd(
		host->config.loop, end->stream.fd, RD_LOOP_READ, on_line, end, &end->stream.watch);
	st = st == RD_OK ? rd_loop_timer(
				   host->config.loop, on_handshake_timeout, end, &end->stream.timer)
			 : st;
	st = st == RD_OK ? rd_watch_arm(end->stream.timer, RD_HANDSHAKE_MS) : st;
	if (st != RD_OK) {
		rd_end_free(end);
	}
	return st;
}

static void set_accepting(struct rd_vsock_host *host, bool accepting)
{
	if (host->accept != NULL && accepting != host->accepting &&
		rd_watch_set(host->accept, accepting ? RD_LOOP_READ : 0) == RD_OK) {
		host->accepting = accepting;
	}
}

void rd_stream_update_accepting(struct rd_vsock_host *host)
{
	set_accepting(host, host->handshakes < RD_HANDSHAKES_MAX);
}

void rd_stream_accept(void *arg, unsigned events)
{
	struct rd_vsock_host *host = arg;
	enum rd_status st = RD_OK;
	unsigned i;
	int fd;

	(void)events;
	for (i = 0; i < ACCEPTS_PER_TURN && st == RD_OK; i++) {
		if (host->handshakes >= RD_HANDSHAKES_MAX) {
			break;
		}
		st = rd_msg_accept(host->config.listener, &fd);
		st = st == RD_OK ? start_handshake(host, fd) : st;
	}
	if (st != RD_OK && st != RD_AGAIN) {
		/* No descriptor, no memory: the next tick tries again, the loop would try at once.
		 */
		set_accepting(host, false);
		return;
	}
	rd_stream_update_accepting(host);
}
