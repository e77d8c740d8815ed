/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of the server's: greeting, frames, back-pressure. */
#include "enclave/link.h"

#include "enclave/egress.h"
#include "os/fd.h"

#include <stdio.h>

/* "CONNECT 4294967295\n" */
#define GREETING_MAX 20
#define GREETING     "CONNECT "

static void on_ready(void *arg, unsigned events);

static void disconnect(struct link *link)
{
	rd_watch_free(&link->watch);
	rd_fd_close(&link->fd);
	rd_buf_finish(&link->out);
	link->out = rd_buf_growable(LINK_OUT_MAX);
	link->out_sent = 0;
	link->in_used = 0;
	link->ready = false;
}

static void drop(struct link *link)
{
	if (link->fd >= 0) {
		disconnect(link);
		link->events.closed(link->events.arg);
	}
}

/* Writes what the socket takes. */
static enum rd_status flush(struct link *link)
{
	while (link->out_sent < link->out.used) {
		struct rd_view rest = rd_view(
			link->out.ptr + link->out_sent, link->out.used - link->out_sent);
		size_t n;
		enum rd_status st = rd_fd_write(link->fd, rest, &n);

		if (st == RD_AGAIN) {
			return rd_watch_set(link->watch, RD_LOOP_READ | RD_LOOP_WRITE);
		}
		RD_TRY(st);
		link->out_sent += n;
	}
	link->out.used = 0;
	link->out_sent = 0;
	return rd_watch_set(link->watch, RD_LOOP_READ);
}

/* Moves what is unsent to the front, so that the buffer's maximum counts what waits. */
static void compact(struct link *link)
{
	if (link->out_sent > 0) {
		memmove(link->out.ptr, link->out.ptr + link->out_sent,
			link->out.used - link->out_sent);
		link->out.used -= link->out_sent;
		link->out_sent = 0;
	}
}

enum rd_status link_send(struct link *link, const struct pay_message *m)
{
	enum rd_status st;

	if (link->fd < 0) {
		return RD_OK;
	}
	compact(link);
	st = egress_encode(m, &link->out);
	if (st == RD_USAGE || st == RD_FORBIDDEN) {
		return st;
	}
	if (st != RD_OK || flush(link) != RD_OK) {
		drop(link);
	}
	return RD_OK;
}

void link_refuse(struct link *link, const char *text)
{
	struct pay_message m = {.type = PAY_ERROR, .error.code = PAY_ERROR_LINK};

	(void)snprintf(m.error.text, sizeof(m.error.text), "%s", text);
	if (link_send(link, &m) != RD_OK) {
		assert(!"our own words can be sent");
	}
	drop(link);
}

/* The first line; RD_AGAIN while it is not whole. */
static enum rd_status greet(struct link *link)
{
	const char *end = memchr(link->in, '\n', link->in_used);
	char answer[GREETING_MAX + 1];
	size_t line, n;
	int len;

	if (end == NULL) {
		return link->in_used > GREETING_MAX ? RD_MALFORMED : RD_AGAIN;
	}
	line = (size_t)(end - (const char *)link->in) + 1;
	RD_ENSURE(line > strlen(GREETING) && memcmp(link->in, GREETING, strlen(GREETING)) == 0,
		RD_MALFORMED);
	len = snprintf(answer, sizeof(answer), "OK %u\n", PAY_LINK_PORT);
	/* The first bytes of a connection fit its buffer. */
	RD_TRY(rd_fd_write(link->fd, rd_view(answer, (size_t)len), &n));
	memmove(link->in, link->in + line, link->in_used - line);
	link->in_used -= line;
	link->ready = true;
	return RD_OK;
}

static void refuse_frame(struct link *link, enum rd_status st, const char *field)
{
	char text[PAY_TEXT_MAX + 1];

	(void)snprintf(text, sizeof(text), "a frame that is no message: %s%s%s", field,
		*field == '\0' ? "" : " ", rd_status_text(st));
	link_refuse(link, text);
}

/* One frame of those that have come; RD_AGAIN when none is whole. */
static enum rd_status take_frame(struct link *link)
{
	struct pay_message m;
	struct rd_view body;
	const char *field = "";
	size_t size;
	enum rd_status st = pay_link_frame(rd_view(link->in, link->in_used), &body, &size);
	int fd = link->fd;

	if (st == RD_AGAIN) {
		return st;
	}
	if (st == RD_OK) {
		st = pay_link_decode(body, PAY_TO_ENCLAVE, &m, &field);
	}
	if (st != RD_OK) {
		refuse_frame(link, st, field);
		return RD_CLOSED;
	}
	link->events.message(link->events.arg, &m);
	RD_ENSURE(link->fd == fd, RD_CLOSED);
	memmove(link->in, link->in + size, link->in_used - size);
	link->in_used -= size;
	return RD_OK;
}

static enum rd_status take_all(struct link *link)
{
	enum rd_status st = link->ready ? RD_OK : greet(link);

	while (st == RD_OK) {
		st = take_frame(link);
	}
	return st == RD_AGAIN ? RD_OK : st;
}

static void on_ready(void *arg, unsigned events)
{
	struct link *link = arg;
	enum rd_status st = RD_OK;
	size_t n = 0;

	if (events & RD_LOOP_WRITE) {
		st = flush(link);
	}
	if (st == RD_OK && (events & RD_LOOP_READ)) {
		st = rd_fd_read(
			link->fd, link->in + link->in_used, sizeof(link->in) - link->in_used, &n);
		link->in_used += st == RD_OK ? n : 0;
		st = st == RD_OK && n == 0 ? RD_CLOSED : st;
		st = st == RD_AGAIN ? RD_OK : st == RD_OK ? take_all(link) : st;
	}
	if (st != RD_OK) {
		drop(link);
	}
}

static void on_connection(void *arg, unsigned events)
{
	struct link *link = arg;
	int fd;

	(void)events;
	if (transport_accept(link->listener, &fd) != RD_OK) {
		return;
	}
	drop(link);
	link->fd = fd;
	link->ready = !link->greets;
	if (rd_loop_watch_fd(link->loop, fd, RD_LOOP_READ, on_ready, link, &link->watch) != RD_OK) {
		disconnect(link);
	}
}

enum rd_status link_init(struct link *link, struct rd_loop *loop, const struct transport *at,
	const struct link_events *events, struct rd_error *err)
{
	link->loop = loop;
	link->events = *events;
	link->fd = -1;
	link->listener = -1;
	link->out = rd_buf_growable(LINK_OUT_MAX);
	link->greets = at->unix_path != NULL;
	RD_TRY(transport_listen(at, &link->listener, err));
	if (rd_loop_watch_fd(loop, link->listener, RD_LOOP_READ, on_connection, link,
		    &link->listener_watch) != RD_OK) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	return RD_OK;
}

void link_finish(struct link *link)
{
	disconnect(link);
	rd_buf_finish(&link->out);
	rd_watch_free(&link->listener_watch);
	rd_fd_close(&link->listener);
}
