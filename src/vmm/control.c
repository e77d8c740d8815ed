/* SPDX-License-Identifier: Apache-2.0 */
/* The control connection. */
#include "control.h"

#include "base/error.h"
#include "os/fd.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/*
 * A datagram. Static, because it is too large for a stack and the process has one thread and one
 * connection; views of a decoded message point into it until the next one.
 */
static uint8_t datagram[RD_CTL_MESSAGE_MAX];

static void drop_connection(struct rd_control *control)
{
	rd_watch_free(&control->sock_watch);
	rd_fd_close(&control->sock);
}

static void on_message(void *arg, unsigned events)
{
	struct rd_control *control = arg;
	struct rd_msg_fds fds RD_CLEANUP(rd_msg_fds_finish) = RD_MSG_FDS_INIT;
	struct rd_ctl_message message;
	const char *field = "";
	enum rd_status st;
	size_t len;

	(void)events;
	st = rd_msg_recv(control->sock, datagram, sizeof(datagram), &len, &fds);
	if (st == RD_AGAIN) {
		return;
	}
	if (st != RD_OK) {
		drop_connection(control);
		return;
	}
	st = rd_ctl_decode_named(
		rd_view(datagram, len), fds.count, RD_CTL_DAEMON_TO_VMM, &message, &field);
	if (st != RD_OK) {
		fprintf(stderr, "redoubt-vmm: message from redoubtd refused: %s%s%s\n", field,
			field[0] == '\0' ? "" : " ", rd_status_text(st));
		drop_connection(control);
		return;
	}
	control->received(control->ctx, &message, &fds);
}

static enum rd_status watch_connection(struct rd_control *control)
{
	return rd_loop_watch_fd(control->loop, control->sock, RD_LOOP_READ, on_message, control,
		&control->sock_watch);
}

static void on_connection(void *arg, unsigned events)
{
	struct rd_control *control = arg;
	int fd RD_CLEANUP(rd_fd_close) = -1;
	struct rd_msg_peer peer;

	(void)events;
	if (rd_msg_accept(control->listener, &fd) != RD_OK || rd_msg_peer(fd, &peer) != RD_OK ||
		peer.uid != control->daemon_uid) {
		return;
	}
	drop_connection(control);
	control->sock = rd_steal(&fd, -1);
	if (watch_connection(control) != RD_OK) {
		drop_connection(control);
	}
}

enum rd_status rd_control_attach(struct rd_control *control, struct rd_loop *loop,
	void (*received)(void *ctx, const struct rd_ctl_message *message, struct rd_msg_fds *fds),
	void *ctx)
{
	control->loop = loop;
	control->received = received;
	control->ctx = ctx;
	RD_TRY(watch_connection(control));
	return rd_loop_watch_fd(loop, control->listener, RD_LOOP_READ, on_connection, control,
		&control->listener_watch);
}

enum rd_status rd_control_send(struct rd_control *control, const struct rd_ctl_message *message)
{
	return rd_control_send_fd(control, message, -1);
}

enum rd_status rd_control_send_fd(
	struct rd_control *control, const struct rd_ctl_message *message, int fd)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CTL_MESSAGE_MAX);
	struct rd_msg_fds fds = {.fd = {fd, -1, -1, -1}, .count = fd < 0 ? 0 : 1};
	enum rd_status st;

	RD_ENSURE(control->sock >= 0, RD_CLOSED);
	RD_TRY(rd_ctl_encode(message, &buf));
	st = rd_msg_send(control->sock, rd_buf_view(&buf), &fds);
	if (st != RD_OK) {
		drop_connection(control);
		return RD_CLOSED;
	}
	return RD_OK;
}

void rd_control_finish(struct rd_control *control)
{
	drop_connection(control);
	rd_watch_free(&control->listener_watch);
	rd_fd_close(&control->listener);
}

enum rd_status rd_control_receive(int sock, int timeout_ms, struct rd_ctl_message *ret,
	struct rd_msg_fds *ret_fds, struct rd_error *err)
{
	struct pollfd ready = {.fd = sock, .events = POLLIN};
	struct rd_msg_fds fds RD_CLEANUP(rd_msg_fds_finish) = RD_MSG_FDS_INIT;
	const char *field = "";
	enum rd_status st;
	size_t len;
	int rc;

	do {
		rc = poll(&ready, 1, timeout_ms);
	} while (rc < 0 && errno == EINTR);
	if (rc <= 0) {
		return rd_fail(err, RD_TIMEOUT, "nothing came on descriptor %d within %d ms", sock,
			timeout_ms);
	}
	st = rd_msg_recv(sock, datagram, sizeof(datagram), &len, &fds);
	if (st != RD_OK) {
		return rd_fail(err, st,
			"descriptor %d: %s (redoubt-vmm is started by redoubtd, not by hand)", sock,
			rd_status_text(st));
	}
	st = rd_ctl_decode_named(
		rd_view(datagram, len), fds.count, RD_CTL_DAEMON_TO_VMM, ret, &field);
	if (st != RD_OK) {
		return rd_fail(err, st, "first message: %s %s", field, rd_status_text(st));
	}
	*ret_fds = fds;
	fds = (struct rd_msg_fds)RD_MSG_FDS_INIT;
	return RD_OK;
}
