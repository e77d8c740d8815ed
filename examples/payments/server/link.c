/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting, greeting, and frames in and out. */
#include "server/link.h"

#include "base/secret.h"
#include "os/fd.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* "OK 1073741824\n" */
#define GREETING_MAX 32
/* One read: some frames. */
#define READ_SIZE 32768

enum state { CONNECTING, GREETING, OPEN, CLOSED };

struct ps_link {
	struct ps_link_events events;
	enum state state;
	int fd;
	struct rd_watch *watch, *timer;
	enum ps_transport transport;
	struct rd_buf in, out; /* out: what was not written yet begins at out_at */
	size_t out_at;
	/* Its owner may free it from a callback: then it is gone once that has returned. */
	bool busy, doomed;
};

void ps_frame_free(struct ps_frame **frame)
{
	if (*frame != NULL) {
		rd_wipe((*frame)->bytes, (*frame)->len);
		free(*frame);
		*frame = NULL;
	}
}

static void end(struct ps_link *link, const char *why)
{
	if (link->state != CLOSED) {
		link->state = CLOSED;
		rd_watch_free(&link->watch);
		rd_watch_disarm(link->timer);
		link->events.closed(link->events.ctx, why);
	}
}

static void destroy(struct ps_link *link)
{
	rd_watch_free(&link->watch);
	rd_watch_free(&link->timer);
	rd_fd_close(&link->fd);
	rd_buf_finish(&link->in);
	rd_buf_finish(&link->out);
	free(link);
}

static void on_timer(void *arg)
{
	struct ps_link *link = arg;

	link->busy = true;
	end(link, "the connection was not made in time");
	link->busy = false;
	if (link->doomed) {
		destroy(link);
	}
}

/* --- writing --- */

static enum rd_status flush(struct ps_link *link)
{
	while (link->out_at < link->out.used) {
		struct rd_view left = rd_view(
			link->out.ptr + link->out_at, link->out.used - link->out_at);
		size_t n = 0;
		enum rd_status st = rd_fd_write(link->fd, left, &n);

		if (st == RD_AGAIN) {
			return rd_watch_set(link->watch, RD_LOOP_READ | RD_LOOP_WRITE);
		}
		RD_TRY(st);
		link->out_at += n;
	}
	/* Sealed cards were in it. */
	rd_wipe(link->out.ptr, link->out.used);
	link->out.used = 0;
	link->out_at = 0;
	return rd_watch_set(link->watch, RD_LOOP_READ);
}

enum rd_status ps_link_send(struct ps_link *link, const struct pay_message *message)
{
	enum rd_status st;

	RD_ENSURE(link->state == OPEN, RD_CLOSED);
	st = pay_link_encode(message, &link->out);
	RD_ENSURE(st != RD_NOSPACE && st != RD_NOMEM, RD_LIMIT);
	RD_TRY(st);
	st = flush(link);
	/* A connection that has gone is noticed by its watch. */
	return st == RD_CLOSED || st == RD_IO ? RD_OK : st;
}

/* --- reading --- */

static struct ps_frame *make_frame(struct rd_view body, const char **ret_field)
{
	struct ps_frame *frame = calloc(1, sizeof(*frame) + body.len);

	*ret_field = "";
	if (frame == NULL) {
		return NULL;
	}
	frame->len = body.len;
	memcpy(frame->bytes, body.ptr, body.len);
	if (pay_link_decode(rd_view(frame->bytes, frame->len), PAY_TO_SERVER, &frame->message,
		    ret_field) != RD_OK) {
		ps_frame_free(&frame);
	}
	return frame;
}

/* The first frame, if it is whole: *ret_again then. */
static void take_frame(struct ps_link *link, bool *ret_again)
{
	struct rd_view body;
	struct ps_frame *frame;
	const char *field;
	char why[96];
	size_t size;
	enum rd_status st = pay_link_frame(rd_buf_view(&link->in), &body, &size);

	*ret_again = false;
	if (st == RD_AGAIN) {
		return;
	}
	if (st != RD_OK) {
		end(link, "a frame has an impossible length");
		return;
	}
	frame = make_frame(body, &field);
	if (frame == NULL) {
		snprintf(why, sizeof(why), "a frame is no message for us (%.40s)",
			field[0] == '\0' ? "its form" : field);
		end(link, why);
		return;
	}
	link->in.used -= size;
	memmove(link->in.ptr, link->in.ptr + size, link->in.used);
	*ret_again = true;
	link->events.frame(link->events.ctx, frame);
}

static void take_frames(struct ps_link *link)
{
	bool again = true;

	while (again && link->state == OPEN) {
		take_frame(link, &again);
	}
}

/* The line is looked at byte by byte: what follows it is the first frame's. */
static void take_greeting(struct ps_link *link)
{
	struct rd_view in = rd_buf_view(&link->in);
	const uint8_t *newline = in.len == 0 ? NULL : memchr(in.ptr, '\n', in.len);
	size_t len;

	if (newline == NULL) {
		if (in.len >= GREETING_MAX) {
			end(link, "no \"OK\" came for CONNECT");
		}
		return;
	}
	len = (size_t)(newline - in.ptr) + 1;
	if (len < 5 || len > GREETING_MAX || memcmp(in.ptr, "OK ", 3) != 0) {
		end(link, "no \"OK\" came for CONNECT");
		return;
	}
	link->in.used -= len;
	memmove(link->in.ptr, link->in.ptr + len, link->in.used);
	link->state = OPEN;
	rd_watch_disarm(link->timer);
	link->events.opened(link->events.ctx);
}

static enum rd_status read_more(struct ps_link *link)
{
	size_t room = link->in.max - link->in.used, n = 0;
	uint8_t *dst;

	room = room > READ_SIZE ? READ_SIZE : room;
	RD_TRY(rd_buf_reserve(&link->in, room, &dst));
	link->in.used -= room;
	RD_TRY(rd_fd_read(link->fd, dst, room, &n));
	RD_ENSURE(n > 0, RD_CLOSED);
	link->in.used += n;
	return RD_OK;
}

static void on_readable(struct ps_link *link)
{
	enum rd_status st = read_more(link);

	if (st == RD_AGAIN) {
		return;
	}
	if (st != RD_OK) {
		end(link, st == RD_CLOSED ? "it ended the connection" : rd_status_text(st));
		return;
	}
	if (link->state == GREETING) {
		take_greeting(link);
	}
	take_frames(link);
}

/* --- connecting --- */

static void greet(struct ps_link *link)
{
	if (link->transport == PS_VSOCK) {
		link->state = OPEN;
		rd_watch_disarm(link->timer);
		if (rd_watch_set(link->watch, RD_LOOP_READ) != RD_OK) {
			end(link, "internal error");
			return;
		}
		link->events.opened(link->events.ctx);
		return;
	}
	link->state = GREETING;
	if (rd_buf_printf(&link->out, "CONNECT %u\n", PAY_LINK_PORT) != RD_OK ||
		flush(link) != RD_OK) {
		end(link, "it ended the connection");
	}
}

static void on_connected(struct ps_link *link)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0) {
		end(link, rd_status_text(rd_status_from_errno(error == 0 ? EIO : error)));
		return;
	}
	greet(link);
}

static void act(struct ps_link *link, unsigned events)
{
	if (link->state == CONNECTING) {
		on_connected(link);
		return;
	}
	if ((events & RD_LOOP_WRITE) != 0 && link->out_at < link->out.used &&
		flush(link) != RD_OK) {
		end(link, "it ended the connection");
		return;
	}
	if ((events & RD_LOOP_READ) != 0) {
		on_readable(link);
	}
}

static void on_ready(void *arg, unsigned events)
{
	struct ps_link *link = arg;

	link->busy = true;
	act(link, events);
	link->busy = false;
	if (link->doomed) {
		destroy(link);
	}
}

static int open_socket(const struct ps_place *place)
{
	const int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
	struct sockaddr_un unix_address = {.sun_family = AF_UNIX};
	struct sockaddr_vm vm_address = {
		.svm_family = AF_VSOCK, .svm_cid = place->cid, .svm_port = PAY_LINK_PORT};
	const bool is_unix = place->transport == PS_UNIX;
	int fd = socket(is_unix ? AF_UNIX : AF_VSOCK, type, 0);
	int error = 0;

	if (fd < 0) {
		return -1;
	}
	memcpy(unix_address.sun_path, place->path,
		strnlen(place->path, sizeof(unix_address.sun_path) - 1));
	if (is_unix) {
		error = connect(fd, (struct sockaddr *)&unix_address, sizeof(unix_address));
	} else {
		error = connect(fd, (struct sockaddr *)&vm_address, sizeof(vm_address));
	}
	if (error != 0 && errno != EINPROGRESS) {
		error = errno;
		rd_fd_close(&fd);
		errno = error;
	}
	return fd;
}

enum rd_status ps_link_open(struct rd_loop *loop, const struct ps_place *place,
	const struct ps_link_events *events, struct ps_link **ret, struct rd_error *err)
{
	struct ps_link *link = calloc(1, sizeof(*link));
	enum rd_status st;

	if (link == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	link->events = *events;
	link->transport = place->transport;
	link->in = rd_buf_wiping(2 * PAY_FRAME_MAX);
	link->out = rd_buf_wiping(PS_LINK_OUT_MAX);
	link->fd = open_socket(place);
	if (link->fd < 0) {
		free(link);
		return rd_fail_errno(err, errno, "cannot connect");
	}
	st = rd_loop_watch_fd(loop, link->fd, RD_LOOP_WRITE, on_ready, link, &link->watch);
	if (st == RD_OK) {
		st = rd_loop_timer(loop, on_timer, link, &link->timer);
	}
	if (st == RD_OK) {
		st = rd_watch_arm(link->timer, PS_LINK_OPEN_MS);
	}
	if (st != RD_OK) {
		ps_link_free(&link);
		return rd_fail(err, st, "cannot watch the connection");
	}
	*ret = link;
	return RD_OK;
}

void ps_link_free(struct ps_link **link)
{
	struct ps_link *l = *link;

	if (l == NULL) {
		return;
	}
	*link = NULL;
	l->state = CLOSED;
	if (l->busy) {
		l->doomed = true;
		return;
	}
	destroy(l);
}
