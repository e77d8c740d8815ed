/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting, TLS, and messages behind their lengths. */
#include "enclave/gateway.h"

#include "base/byteorder.h"
#include "base/secret.h"
#include "os/fd.h"

#include <stdio.h>

/* One TLS record. */
#define WIRE_SIZE 16384
/* A CA's file has a certificate or two. */
#define CA_SIZE_MAX 65536

static void on_ready(void *arg, unsigned events);

static void disconnect(struct gateway *g)
{
	rd_watch_free(&g->watch);
	rd_fd_close(&g->fd);
	rd_tls_session_free(&g->session);
	rd_buf_finish(&g->out);
	g->out = rd_buf_growable(GATEWAY_OUT_MAX);
	g->out_sent = 0;
	g->in_used = 0;
	g->state = GATEWAY_DOWN;
}

/* Without time it would stay down for good: rather no enclave. */
static void arm(struct gateway *g, uint64_t delay_ms)
{
	if (rd_watch_arm(g->timer, delay_ms) != RD_OK) {
		rd_loop_stop(g->loop);
	}
}

void gateway_reset(struct gateway *g, const char *why)
{
	bool was_up = g->state == GATEWAY_UP;

	(void)snprintf(g->why, sizeof(g->why), "%s", why);
	disconnect(g);
	arm(g, GATEWAY_RETRY_MS);
	if (was_up) {
		g->events.down(g->events.arg);
	}
}

static enum rd_status begin(struct gateway *g, struct rd_error *err)
{
	if (rd_tls_session_new(g->tls, g->config->gateway.name, &g->session) != RD_OK) {
		return rd_fail(err, RD_NOMEM, "no TLS session");
	}
	RD_TRY(transport_connect(&g->transport, &g->fd, err));
	if (rd_loop_watch_fd(g->loop, g->fd, RD_LOOP_READ | RD_LOOP_WRITE, on_ready, g,
		    &g->watch) != RD_OK) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	g->state = GATEWAY_CONNECTING;
	arm(g, GATEWAY_CONNECT_MS);
	return RD_OK;
}

/* Either it is time to try again, or the connection took too long. */
static void on_timer(void *arg)
{
	struct gateway *g = arg;
	struct rd_error err = {.text = ""};

	if (g->state == GATEWAY_UP) {
		return;
	}
	if (g->state != GATEWAY_DOWN) {
		gateway_reset(g, "the gateway did not answer in time");
		return;
	}
	if (begin(g, &err) != RD_OK) {
		gateway_reset(g, err.text);
	}
}

/* What TLS has to say goes to out, and what the socket takes from there. */
static enum rd_status flush(struct gateway *g)
{
	RD_TRY(rd_tls_session_output(g->session, &g->out));
	while (g->out_sent < g->out.used) {
		struct rd_view rest = rd_view(g->out.ptr + g->out_sent, g->out.used - g->out_sent);
		size_t n;
		enum rd_status st = rd_fd_write(g->fd, rest, &n);

		if (st == RD_AGAIN) {
			return rd_watch_set(g->watch, RD_LOOP_READ | RD_LOOP_WRITE);
		}
		RD_TRY(st);
		g->out_sent += n;
	}
	g->out.used = 0;
	g->out_sent = 0;
	return rd_watch_set(g->watch, RD_LOOP_READ);
}

/* One message of those that have come; RD_AGAIN when none is whole. */
static enum rd_status take_message(struct gateway *g)
{
	struct pay_gateway_answer answer = {0};
	size_t len;
	enum rd_status st;

	RD_ENSURE(g->in_used >= PAY_ISO_LENGTH_SIZE, RD_AGAIN);
	len = rd_get_be16(g->in);
	RD_ENSURE(len > 0 && len <= PAY_ISO_MESSAGE_MAX, RD_OUT_OF_RANGE);
	RD_ENSURE(g->in_used >= PAY_ISO_LENGTH_SIZE + len, RD_AGAIN);
	st = pay_gateway_answer_decode(rd_view(g->in + PAY_ISO_LENGTH_SIZE, len), &answer);
	RD_TRY(st);
	g->in_used -= PAY_ISO_LENGTH_SIZE + len;
	memmove(g->in, g->in + PAY_ISO_LENGTH_SIZE + len, g->in_used);
	g->events.answer(g->events.arg, &answer);
	return g->state == GATEWAY_UP ? RD_OK : RD_CLOSED;
}

static enum rd_status take_messages(struct gateway *g)
{
	for (;;) {
		enum rd_status st = take_message(g);
		size_t got;

		if (st == RD_AGAIN) {
			st = rd_tls_session_read(
				g->session, g->in + g->in_used, sizeof(g->in) - g->in_used, &got);
			g->in_used += st == RD_OK ? got : 0;
		}
		if (st != RD_OK) {
			return st == RD_AGAIN ? RD_OK : st;
		}
	}
}

static enum rd_status shake_hands(struct gateway *g, struct rd_error *err)
{
	enum rd_status st = rd_tls_session_handshake(g->session, err);

	if (st == RD_OK) {
		g->state = GATEWAY_UP;
		rd_watch_disarm(g->timer);
		RD_TRY(flush(g));
		g->events.up(g->events.arg);
		return g->state == GATEWAY_UP ? RD_OK : RD_CLOSED;
	}
	return st == RD_AGAIN ? flush(g) : st;
}

static enum rd_status pull(struct gateway *g)
{
	uint8_t wire[WIRE_SIZE / 4];
	size_t n;

	RD_TRY(rd_fd_read(g->fd, wire, sizeof(wire), &n));
	RD_ENSURE(n > 0, RD_CLOSED);
	return rd_tls_session_input(g->session, rd_view(wire, n));
}

static enum rd_status go_on(struct gateway *g, unsigned events, struct rd_error *err)
{
	if (g->state == GATEWAY_CONNECTING) {
		int outcome = transport_outcome(g->fd);

		if (outcome != 0) {
			return rd_fail_errno(err, outcome, "cannot connect to the gateway");
		}
		g->state = GATEWAY_HANDSHAKE;
		return shake_hands(g, err);
	}
	if (events & RD_LOOP_WRITE) {
		RD_TRY(flush(g));
	}
	if (events & RD_LOOP_READ) {
		enum rd_status st = pull(g);

		RD_ENSURE(st != RD_AGAIN, RD_OK);
		RD_TRY(st);
		if (g->state == GATEWAY_HANDSHAKE) {
			RD_TRY(shake_hands(g, err));
		}
		if (g->state == GATEWAY_UP) {
			return take_messages(g);
		}
	}
	return RD_OK;
}

static void on_ready(void *arg, unsigned events)
{
	struct gateway *g = arg;
	struct rd_error err = {.text = ""};
	int fd = g->fd;
	enum rd_status st = go_on(g, events, &err);

	/* A callback may have broken it off already. */
	if (st != RD_OK && g->fd == fd) {
		gateway_reset(g, err.text[0] != '\0' ? err.text : rd_status_text(st));
	}
}

enum rd_status gateway_init(struct gateway *g, struct rd_loop *loop, struct rd_error *err)
{
	RD_CLEANUP(rd_buf_finish) struct rd_buf roots = rd_buf_growable(CA_SIZE_MAX);

	g->loop = loop;
	g->fd = -1;
	g->out = rd_buf_growable(GATEWAY_OUT_MAX);
	RD_TRY(config_read_file(g->config->gateway.ca_file, &roots, err));
	RD_TRY(rd_tls_client_new(rd_buf_view(&roots), &g->tls, err));
	if (rd_loop_timer(loop, on_timer, g, &g->timer) != RD_OK) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	(void)snprintf(g->why, sizeof(g->why), "not connected yet");
	return rd_watch_arm(g->timer, 0);
}

void gateway_finish(struct gateway *g)
{
	if (g->loop != NULL) {
		disconnect(g);
		rd_watch_free(&g->timer);
		rd_tls_client_free(&g->tls);
		rd_buf_finish(&g->out);
	}
}

/* The length and the message, as one piece of plain bytes. */
static enum rd_status write_message(
	struct gateway *g, const struct pay_gateway_request *request, struct rd_buf *b)
{
	RD_TRY(rd_buf_be16(b, 0));
	RD_TRY(pay_gateway_request_encode(request, b));
	rd_put_be16(b->ptr, (uint16_t)(b->used - PAY_ISO_LENGTH_SIZE));
	return rd_tls_session_write(g->session, rd_buf_view(b));
}

enum rd_status gateway_send(struct gateway *g, const struct pay_gateway_request *request)
{
	uint8_t plain[PAY_ISO_FRAME_MAX];
	struct rd_buf b = rd_buf_fixed(plain, sizeof(plain));
	enum rd_status st;

	RD_ENSURE(g->state == GATEWAY_UP, RD_UNAVAILABLE);
	st = write_message(g, request, &b);
	rd_wipe(plain, sizeof(plain)); /* number and CVV are in it */
	RD_TRY(st);
	if (flush(g) != RD_OK) {
		gateway_reset(g, "the connection to the gateway broke");
		return RD_UNAVAILABLE;
	}
	return RD_OK;
}
