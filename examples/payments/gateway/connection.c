/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection goes through turns: what can be sent is sent, what can be read is read and cut into
 * messages, and then it says what it waits for. A turn comes when the socket is ready, when answers
 * are there, and when reading may go on. Only at the end of a turn is the connection freed.
 */
#include "gateway/connection.h"

#include "base/byteorder.h"
#include "base/secret.h"
#include "os/fd.h"

#include <stdlib.h>
#include <unistd.h>

static const unsigned limits_ms[GW_PHASE_COUNT] = {
	[GW_FIRST] = GW_FIRST_MS,
	[GW_FRAME] = GW_FRAME_MS,
	[GW_WRITE] = GW_WRITE_MS,
	[GW_IDLE] = GW_IDLE_MS,
};

static void enter(struct gw_connection *c, enum gw_phase phase)
{
	c->phase = phase;
	c->deadline_ms = rd_loop_now_ms() + limits_ms[phase];
}

/* A phase that goes on keeps its deadline: a byte now and then buys no time. */
static void set_phase(struct gw_connection *c)
{
	enum gw_phase phase = c->out_used > 0 ? GW_WRITE : c->in_used > 0 ? GW_FRAME : GW_IDLE;

	/* Until the first message it is one deadline for everything. */
	if (c->phase != phase && c->phase != GW_FIRST) {
		enter(c, phase);
	}
}

static bool has_answers(const struct gw_connection *c)
{
	return c->out_used > c->out_sent;
}

/* --- sending --- */

/* RD_OK also when the rest has to wait. */
static enum rd_status flush(struct gw_connection *c)
{
	while (has_answers(c)) {
		enum rd_tls_wait wait = RD_TLS_WAIT_WRITE;
		size_t n = 0;
		enum rd_status st = rd_tls_server_session_write(c->tls,
			rd_view(c->out + c->out_sent, c->out_used - c->out_sent), &n, &wait);

		if (st == RD_AGAIN) {
			c->wants_write = wait == RD_TLS_WAIT_WRITE;
			c->wants_read = wait == RD_TLS_WAIT_READ;
			return RD_OK;
		}
		RD_TRY(st);
		c->out_sent += n;
	}
	/* TLS wants the same bytes at the same place until they are gone: only now. */
	c->out_sent = 0;
	c->out_used = 0;
	return RD_OK;
}

/* --- reading --- */

static bool may_read(const struct gw_connection *c)
{
	return !c->paused && !c->ending && !has_answers(c) && c->asked < GW_ASKED_MAX;
}

/* Gives away the first message that is there whole. RD_TRUNCATED: there is none. */
static enum rd_status take_message(struct gw_connection *c)
{
	struct rd_cur in = rd_cur(rd_view(c->in, c->in_used));
	struct rd_view message;
	uint16_t len;

	RD_TRY(rd_cur_be16(&in, &len));
	RD_ENSURE(len <= PAY_ISO_MESSAGE_MAX, RD_LIMIT);
	RD_TRY(rd_cur_take(&in, len, &message));
	RD_TRY(c->owner->message(c->owner->arg, c, message));
	c->asked++;
	memmove(c->in, in.ptr, in.left);
	rd_wipe(c->in + in.left, c->in_used - in.left);
	c->in_used = in.left;
	/* What comes next has time of its own. */
	enter(c, c->in_used > 0 ? GW_FRAME : GW_IDLE);
	return RD_OK;
}

static enum rd_status take_messages(struct gw_connection *c)
{
	enum rd_status st = RD_OK;

	while (st == RD_OK && may_read(c)) {
		st = take_message(c);
	}
	if (st == RD_AGAIN) {
		c->paused = true;
	}
	return st == RD_AGAIN || st == RD_TRUNCATED ? RD_OK : st;
}

/* RD_OK: has to wait, for the client or until it may read again. */
static enum rd_status read_all(struct gw_connection *c)
{
	RD_TRY(take_messages(c));
	while (may_read(c)) {
		enum rd_tls_wait wait = RD_TLS_WAIT_READ;
		size_t n = 0;
		enum rd_status st = rd_tls_server_session_read(
			c->tls, c->in + c->in_used, sizeof(c->in) - c->in_used, &n, &wait);

		if (st == RD_AGAIN) {
			c->wants_write = c->wants_write || wait == RD_TLS_WAIT_WRITE;
			return RD_OK;
		}
		RD_TRY(st);
		c->in_used += n;
		RD_TRY(take_messages(c));
	}
	return RD_OK;
}

/* --- turns --- */

static enum rd_status turn(struct gw_connection *c)
{
	c->wants_read = false;
	c->wants_write = false;
	RD_TRY(flush(c));
	RD_TRY(read_all(c));
	RD_ENSURE(!c->ending || has_answers(c), RD_CLOSED);
	set_phase(c);
	c->stopped = !may_read(c);
	return rd_watch_set(c->watch, (!c->stopped || c->wants_read ? RD_LOOP_READ : 0) |
					      (c->wants_write ? RD_LOOP_WRITE : 0));
}

static void take_turn(struct gw_connection *c)
{
	if (turn(c) != RD_OK) {
		gw_connection_free(c);
	}
}

static void on_ready(void *arg, unsigned events)
{
	(void)events;
	take_turn(arg);
}

enum rd_status gw_connection_new(
	const struct gw_connection_owner *owner, int take_fd, struct gw_connection **ret)
{
	int fd RD_CLEANUP(rd_fd_close) = take_fd;
	struct gw_connection *c = calloc(1, sizeof(*c));
	enum rd_status st;

	RD_ENSURE(c != NULL, RD_NOMEM);
	c->fd = -1;
	st = rd_tls_server_session_new(owner->tls, fd, &c->tls);
	st = st == RD_OK ? rd_loop_watch_fd(owner->loop, fd, RD_LOOP_READ, on_ready, c, &c->watch)
			 : st;
	if (st != RD_OK) {
		rd_tls_server_session_free(&c->tls);
		free(c);
		return st;
	}
	c->owner = owner;
	c->fd = rd_steal(&fd, -1);
	enter(c, GW_FIRST);
	*ret = c;
	return RD_OK;
}

void gw_connection_free(struct gw_connection *c)
{
	c->owner->ended(c->owner->arg, c);
	rd_watch_free(&c->watch);
	rd_tls_server_session_free(&c->tls);
	rd_fd_close(&c->fd);
	rd_wipe(c->in, sizeof(c->in));
	free(c);
}

void gw_connection_send(struct gw_connection *c, struct rd_view message)
{
	const size_t size = PAY_ISO_LENGTH_SIZE + message.len;

	if (size > sizeof(c->out) - c->out_used) {
		gw_connection_free(c); /* it does not take its answers */
		return;
	}
	rd_put_be16(c->out + c->out_used, (uint16_t)message.len);
	memcpy(c->out + c->out_used + PAY_ISO_LENGTH_SIZE, message.ptr, message.len);
	c->out_used += size;
	if (flush(c) != RD_OK) {
		gw_connection_free(c);
		return;
	}
	set_phase(c);
	if (has_answers(c) && rd_watch_set(c->watch, RD_LOOP_READ | RD_LOOP_WRITE) != RD_OK) {
		gw_connection_free(c);
	}
}

void gw_connection_end(struct gw_connection *c)
{
	c->ending = true;
	if (!has_answers(c)) {
		gw_connection_free(c);
	}
}

void gw_connection_resume(struct gw_connection *c)
{
	if (c->stopped) {
		c->paused = false;
		take_turn(c);
	}
}

bool gw_connection_is_late(const struct gw_connection *c, uint64_t now_ms)
{
	/* Who waits for us is not late. */
	return now_ms >= c->deadline_ms && (c->asked == 0 || has_answers(c));
}
