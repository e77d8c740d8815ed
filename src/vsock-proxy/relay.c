/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes both ways. */
#include "vsock-proxy/relay.h"

#include "os/fd.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct rd_relay_end *other(struct rd_relay_end *end)
{
	return &end->relay->ends[end == &end->relay->ends[0] ? 1 : 0];
}

/* As much as the receiver takes now. */
static enum rd_status put(struct rd_relay_end *to, struct rd_view bytes, size_t *ret_len)
{
	enum rd_status st = rd_fd_write(to->fd, bytes, ret_len);

	if (st == RD_AGAIN) {
		*ret_len = 0;
		return RD_OK;
	}
	RD_TRY(st);
	to->relay->moved += *ret_len;
	return RD_OK;
}

static enum rd_status pass_end(struct rd_relay_end *end)
{
	if (end->ended && !end->shut && end->held_len == 0) {
		end->shut = true;
		/* ENOTCONN: the receiver is gone, which its own reading tells. */
		(void)shutdown(other(end)->fd, SHUT_WR);
	}
	return RD_OK;
}

static enum rd_status hold(struct rd_relay_end *end, const uint8_t *bytes, size_t len)
{
	end->held = malloc(len);
	RD_ENSURE(end->held != NULL, RD_NOMEM);
	memcpy(end->held, bytes, len);
	end->held_at = 0;
	end->held_len = len;
	return RD_OK;
}

/* A chunk in, and out as far as it goes. *ret_more: it was full and all of it went out. */
static enum rd_status pump_chunk(struct rd_relay_end *end, bool *ret_more)
{
	uint8_t *scratch = end->relay->scratch;
	size_t got = 0;
	size_t done = 0;
	enum rd_status st = rd_fd_read(end->fd, scratch, RD_RELAY_CHUNK, &got);

	*ret_more = false;
	if (st == RD_AGAIN) {
		return RD_OK;
	}
	RD_TRY(st);
	if (got == 0) {
		end->ended = true;
		return pass_end(end);
	}
	RD_TRY(put(other(end), rd_view(scratch, got), &done));
	*ret_more = done == got && got == RD_RELAY_CHUNK;
	return done == got ? RD_OK : hold(end, scratch + done, got - done);
}

/* One connection's turn. */
static enum rd_status pump(struct rd_relay_end *end)
{
	bool more = true;

	for (int i = 0; more && i < RD_RELAY_TURN_CHUNKS; i++) {
		RD_TRY(pump_chunk(end, &more));
	}
	return RD_OK;
}

static enum rd_status flush(struct rd_relay_end *end)
{
	size_t done = 0;

	RD_TRY(put(other(end), rd_view(end->held + end->held_at, end->held_len), &done));
	end->held_at += done;
	end->held_len -= done;
	if (end->held_len == 0) {
		free(end->held);
		end->held = NULL;
	}
	return pass_end(end);
}

static enum rd_status watch_again(struct rd_relay_end *end)
{
	unsigned events = 0;

	events |= !end->ended && end->held_len == 0 ? RD_LOOP_READ : 0;
	events |= other(end)->held_len > 0 ? RD_LOOP_WRITE : 0;
	return rd_watch_set(end->watch, events);
}

static enum rd_status serve(struct rd_relay_end *end, unsigned events)
{
	if ((events & RD_LOOP_WRITE) != 0 && other(end)->held_len > 0) {
		RD_TRY(flush(other(end)));
	}
	if ((events & RD_LOOP_READ) != 0 && !end->ended && end->held_len == 0) {
		RD_TRY(pump(end));
	}
	RD_TRY(watch_again(end));
	return watch_again(other(end));
}

static void on_ready(void *arg, unsigned events)
{
	struct rd_relay_end *end = arg;
	struct rd_relay *relay = end->relay;
	enum rd_status st = serve(end, events);

	if (st != RD_OK || (relay->ends[0].shut && relay->ends[1].shut)) {
		relay->fn(relay->arg, st);
	}
}

enum rd_status rd_relay_start(struct rd_relay *relay, struct rd_loop *loop, int a, int b,
	uint8_t *scratch, rd_relay_fn *fn, void *arg)
{
	relay->scratch = scratch;
	relay->fn = fn;
	relay->arg = arg;
	for (size_t i = 0; i < RD_ARRAY_LEN(relay->ends); i++) {
		struct rd_relay_end *end = &relay->ends[i];

		end->relay = relay;
		end->fd = i == 0 ? a : b;
		RD_TRY(rd_loop_watch_fd(loop, end->fd, RD_LOOP_READ, on_ready, end, &end->watch));
	}
	return RD_OK;
}

bool rd_relay_is_half_closed(const struct rd_relay *relay)
{
	return relay->ends[0].ended != relay->ends[1].ended;
}

void rd_relay_stop(struct rd_relay *relay)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(relay->ends); i++) {
		rd_watch_free(&relay->ends[i].watch);
		free(relay->ends[i].held);
		relay->ends[i].held = NULL;
	}
}
