/* SPDX-License-Identifier: Apache-2.0 */
/* The console ring and those who follow it. */
#include "console.h"

#include "ctl/message.h"
#include "ctl/ring.h"
#include "os/fd.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>

struct rd_console_follower {
	struct rd_console *console;
	unsigned slot;
	int fd;
	uint64_t position; /* bytes of the whole output that it has had */
	struct rd_watch *watch;
};

enum rd_status rd_console_init(struct rd_console *console, int ring_fd)
{
	struct rd_view parts[2];
	uint64_t size, written;
	void *ring;

	RD_TRY(rd_fd_size(ring_fd, &size));
	RD_ENSURE(size == RD_RING_SIZE, RD_OUT_OF_RANGE);
	ring = mmap(NULL, RD_RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, ring_fd, 0);
	RD_ENSURE(ring != MAP_FAILED, rd_status_from_errno(errno));
	console->ring = ring;
	if (rd_ring_read(rd_view(ring, RD_RING_SIZE), parts, &written) != RD_OK) {
		rd_ring_format(ring);
	}
	return RD_OK;
}

void rd_console_attach(struct rd_console *console, struct rd_loop *loop)
{
	console->loop = loop;
}

static void drop(struct rd_console_follower *follower)
{
	follower->console->followers[follower->slot] = NULL;
	rd_watch_free(&follower->watch);
	rd_fd_close(&follower->fd);
	free(follower);
}

/*
 * The next piece for this follower; empty when it has everything. RD_LIMIT: the ring has moved on
 * past what it has not seen.
 */
static enum rd_status next_piece(
	const struct rd_console_follower *follower, struct rd_view *ret_piece)
{
	struct rd_view parts[2];
	uint64_t written, kept, skip;

	RD_TRY(rd_ring_read(rd_view(follower->console->ring, RD_RING_SIZE), parts, &written));
	kept = parts[0].len + parts[1].len;
	RD_ENSURE(follower->position >= written - kept && follower->position <= written, RD_LIMIT);
	skip = follower->position - (written - kept);
	if (skip < parts[0].len) {
		*ret_piece = rd_view(parts[0].ptr + skip, parts[0].len - skip);
	} else {
		skip -= parts[0].len;
		*ret_piece = rd_view(parts[1].ptr + skip, parts[1].len - skip);
	}
	return RD_OK;
}

/* Writes as much as goes. False when the follower is lost. */
static bool feed(struct rd_console_follower *follower)
{
	struct rd_view piece = {0};
	enum rd_status st;
	size_t n;

	for (;;) {
		if (next_piece(follower, &piece) != RD_OK) {
			return false;
		}
		if (piece.len == 0) {
			return rd_watch_set(follower->watch, 0) == RD_OK;
		}
		st = rd_fd_write(follower->fd, piece, &n);
		if (st == RD_AGAIN) {
			return rd_watch_set(follower->watch, RD_LOOP_WRITE) == RD_OK;
		}
		if (st != RD_OK) {
			return false;
		}
		follower->position += n;
	}
}

static void on_writable(void *arg, unsigned events)
{
	struct rd_console_follower *follower = arg;

	(void)events;
	if (!feed(follower)) {
		drop(follower);
	}
}

void rd_console_write(struct rd_console *console, struct rd_view bytes)
{
	unsigned i;

	if (console->ring == NULL) {
		return;
	}
	rd_ring_write(console->ring, bytes);
	for (i = 0; i < RD_CONSOLE_FOLLOWERS_MAX; i++) {
		if (console->followers[i] != NULL && !feed(console->followers[i])) {
			drop(console->followers[i]);
		}
	}
}

/* Where what is kept begins. */
static enum rd_status oldest(const struct rd_console *console, uint64_t *ret)
{
	struct rd_view parts[2];
	uint64_t written;

	RD_TRY(rd_ring_read(rd_view(console->ring, RD_RING_SIZE), parts, &written));
	*ret = written - parts[0].len - parts[1].len;
	return RD_OK;
}

/* Otherwise only a write tells, and a quiet guest gives no occasion. */
static bool has_gone(const struct rd_console_follower *follower)
{
	struct pollfd p = {.fd = follower->fd};

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLERR | POLLHUP)) != 0;
}

static bool is_free(struct rd_console *console, unsigned slot, bool look)
{
	struct rd_console_follower *follower = console->followers[slot];

	if (follower != NULL && look && has_gone(follower)) {
		drop(follower);
	}
	return console->followers[slot] == NULL;
}

static enum rd_status free_slot(struct rd_console *console, unsigned *ret)
{
	unsigned i;

	for (i = 0; i < 2 * RD_CONSOLE_FOLLOWERS_MAX; i++) {
		if (is_free(console, i % RD_CONSOLE_FOLLOWERS_MAX, i >= RD_CONSOLE_FOLLOWERS_MAX)) {
			*ret = i % RD_CONSOLE_FOLLOWERS_MAX;
			return RD_OK;
		}
	}
	return RD_LIMIT;
}

enum rd_status rd_console_follow(struct rd_console *console, int take_fd)
{
	int fd RD_CLEANUP(rd_fd_close) = take_fd;
	struct rd_console_follower *follower;
	uint64_t position;
	unsigned slot;
	size_t told;

	RD_ENSURE(console->ring != NULL && console->loop != NULL, RD_NOTFOUND);
	RD_TRY(rd_fd_set_nonblock(fd, true));
	if (free_slot(console, &slot) != RD_OK) {
		/* It fits into an empty pipe; who takes nothing learns as little as before. */
		(void)!rd_fd_write(fd, rd_ctl_console_full(), &told);
		return RD_LIMIT;
	}
	RD_TRY(oldest(console, &position));
	follower = calloc(1, sizeof(*follower));
	RD_ENSURE(follower != NULL, RD_NOMEM);
	follower->console = console;
	follower->slot = slot;
	follower->position = position;
	follower->fd = rd_steal(&fd, -1);
	console->followers[slot] = follower;
	if (rd_loop_watch_fd(console->loop, follower->fd, 0, on_writable, follower,
		    &follower->watch) != RD_OK ||
		!feed(follower)) {
		drop(follower);
		return RD_CLOSED;
	}
	return RD_OK;
}

void rd_console_finish(struct rd_console *console)
{
	unsigned i;

	for (i = 0; i < RD_CONSOLE_FOLLOWERS_MAX; i++) {
		if (console->followers[i] != NULL) {
			drop(console->followers[i]);
		}
	}
	if (console->ring != NULL) {
		(void)munmap(console->ring, RD_RING_SIZE);
		console->ring = NULL;
	}
}
