/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection:
 *
 *	HEAD ──► BODY ──► CALL ──► WRITE ──► HEAD …
 *	  └────────┴── refused ──────┴─────► LINGER ──► CLOSED
 *
 * drive() runs through the states as far as the socket lets it. An answer may be given while it
 * does so, or the connection be closed: both only set the state, and drive() goes on from there.
 *
 * Each state but CALL has a deadline, so a client that trickles or does not read costs its own
 * connection and nothing else; a thread looks at them together, now and then. Events tell once of
 * what comes (EV_ET), which `readable` remembers until it is read: while the owner has a request
 * nothing is, for the request's views point into the buffer. It is wiped afterwards,
 * because requests carry plaintexts, and so are answers. After a last answer the connection
 * lingers, reading and dropping, since closing it at once would make the kernel reset it and the
 * client lose the answer.
 */
#include "http/connection.h"

#include "base/secret.h"
#include "os/msg.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* A client that was refused in the middle of its body gets this long to notice. */
#define LINGER_MS 2000
/* What a connection keeps for its next request; most fit. */
#define IN_USUAL 2048
/* Status line and headers of an answer of our own. */
#define REFUSAL_HEAD_MAX 256
/* How late a deadline may be noticed: an eighth of the shortest, within these. */
#define TICK_MS_MIN 10
#define TICK_MS_MAX 1000

static const int refusal_status[RD_HTTP_REFUSAL_COUNT] = {
	[RD_HTTP_BAD_REQUEST] = 400,
	[RD_HTTP_TOO_LARGE] = 413,
	[RD_HTTP_TIMEOUT] = 408,
	[RD_HTTP_HEADERS_LARGE] = 431,
	[RD_HTTP_OVERLOADED] = 503,
};

/* Some ms of error are nothing to a deadline, and this clock is the cheapest. */
static uint64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void set_deadline(struct rd_http_call *call, unsigned ms)
{
	call->deadline_ms = now_ms() + ms;
}

static const struct rd_http_limits *limits_of(const struct rd_http_call *call)
{
	return &call->thread->server->config.limits;
}

/* --- buffers --- */

static void drop_in(struct rd_http_call *call)
{
	if (call->in != NULL) {
		rd_wipe(call->in, call->in_used);
		free(call->in);
		call->in = NULL;
	}
	call->in_used = 0;
	call->in_cap = 0;
}

static void drop_out(struct rd_http_call *call)
{
	if (call->out != NULL) {
		rd_wipe(call->out, call->out_len);
		free(call->out);
		call->out = NULL;
	}
}

/* Room for at least a byte more. Never realloc, which leaves copies behind. */
static bool make_room(struct rd_http_call *call)
{
	const struct rd_http_limits *limits = limits_of(call);
	size_t max = limits->headers_max + limits->body_max;
	size_t cap = call->in_cap == 0 ? IN_USUAL : call->in_cap > max / 2 ? max : 2 * call->in_cap;
	size_t used = call->in_used;
	uint8_t *bytes;

	if (used < call->in_cap) {
		return true;
	}
	bytes = used < cap ? malloc(cap) : NULL;
	if (bytes == NULL) {
		return false;
	}
	if (used > 0) {
		memcpy(bytes, call->in, used);
	}
	drop_in(call);
	call->in = bytes;
	call->in_used = used;
	call->in_cap = cap;
	call->moved = true;
	return true;
}

/* The request is answered: what is behind it comes to the front. */
static void consume(struct rd_http_call *call)
{
	size_t request = call->framing.head_len + (size_t)call->framing.body_len;
	size_t left = request < call->in_used ? call->in_used - request : 0;

	if (left > 0) {
		memmove(call->in, call->in + request, left);
	}
	rd_wipe(call->in + left, call->in_used - left);
	call->in_used = left;
	if (left == 0 && call->in_cap > IN_USUAL) {
		drop_in(call);
	}
}

/* --- states; each step returns whether the next can be tried at once --- */

static void wait_for(struct rd_http_call *call, enum rd_tls_wait wait)
{
	if (wait == RD_TLS_WAIT_WRITE) {
		(void)event_add(&call->on_writable, NULL);
	}
}

static bool to_close(struct rd_http_call *call)
{
	call->state = RD_HTTP_CLOSED;
	return false;
}

/* False: nothing more for now, or nothing more at all. */
static bool read_more(struct rd_http_call *call)
{
	enum rd_tls_wait wait = RD_TLS_WAIT_READ;
	enum rd_status st;
	size_t room, n;

	if (!call->readable) {
		return false;
	}
	if (!make_room(call)) {
		return to_close(call);
	}
	room = call->in_cap - call->in_used;
	st = rd_http_stream_read(&call->stream, call->in + call->in_used, room, &n, &wait);
	if (st == RD_AGAIN) {
		call->readable = false;
		wait_for(call, wait);
		return false;
	}
	if (st != RD_OK) {
		return to_close(call); /* who sends nothing more will not make a request whole */
	}
	call->in_used += n;
	/* What a socket gives short is all that it has but the end; TLS has bytes of its own. */
	call->readable = call->stream.tls != NULL || n == room || call->ended;
	return true;
}

static void begin_write(struct rd_http_call *call)
{
	call->state = RD_HTTP_WRITE;
	call->out_sent = 0;
	call->write_reads = false;
	set_deadline(call, limits_of(call)->write_ms);
}

/* Answers by ourselves and lets go of the connection. */
static bool refuse(struct rd_http_call *call, enum rd_http_refusal what)
{
	const struct rd_http_config *config = &call->thread->server->config;
	const char *type = "text/plain", *body = "";
	size_t size;
	int n;

	atomic_fetch_add(&call->thread->server->refusals[what], 1);
	config->refusal(config->ctx, what, &type, &body);
	call->last = true;
	size = REFUSAL_HEAD_MAX + strlen(type) + strlen(body);
	call->out = malloc(size);
	if (call->out == NULL) {
		return to_close(call);
	}
	/* Clients set their clocks by it, also by that of a refusal. */
	n = snprintf((char *)call->out, size,
		"HTTP/1.1 %d Refused\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
		"Connection: close\r\n\r\n%s",
		refusal_status[what], rd_http_date(call->thread), type, strlen(body), body);
	call->out_len = n > 0 && (size_t)n < size ? (size_t)n : 0;
	begin_write(call);
	return true;
}

/* What waits for it sends the body also without it, later. */
static bool tell_to_go_on(struct rd_http_call *call)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	enum rd_tls_wait wait;
	size_t n = 0;

	if (rd_http_stream_write(&call->stream, rd_view(go_on, sizeof(go_on) - 1), &n, &wait) !=
			RD_OK ||
		n != sizeof(go_on) - 1) {
		return to_close(call); /* a client that has no room for 25 bytes */
	}
	return true;
}

static bool take_head(struct rd_http_call *call, size_t head_len)
{
	enum rd_status st = rd_http_parse_head(
		rd_view(call->in, head_len), &call->request, &call->framing);

	if (st != RD_OK || call->framing.head_len != head_len) {
		return refuse(call, st == RD_LIMIT ? RD_HTTP_HEADERS_LARGE : RD_HTTP_BAD_REQUEST);
	}
	if (call->framing.body_len > limits_of(call)->body_max) {
		return refuse(call, RD_HTTP_TOO_LARGE);
	}
	call->moved = false;
	call->state = RD_HTTP_BODY;
	set_deadline(call, limits_of(call)->body_ms);
	if (call->framing.expect_continue && call->in_used == head_len) {
		return tell_to_go_on(call);
	}
	return true;
}

/* Behind the empty line that ends it; 0: not there yet. By line ends, of which a head has a dozen:
 * memmem looks at each byte. */
static size_t head_length(const struct rd_http_call *call)
{
	const uint8_t *in = call->in, *end = call->in + call->in_used, *lf = call->in;

	while ((lf = memchr(lf, '\n', (size_t)(end - lf))) != NULL) {
		lf++;
		if (lf - in >= 4 && memcmp(lf - 4, "\r\n\r\n", 4) == 0) {
			return (size_t)(lf - in);
		}
	}
	return 0;
}

static bool step_head(struct rd_http_call *call)
{
	const struct rd_http_limits *limits = limits_of(call);
	size_t len;

	if (call->in_used == 0) {
		return read_more(call);
	}
	if (!call->begun) {
		call->begun = true;
		set_deadline(call, limits->header_ms);
	}
	len = head_length(call);
	if (len > 0) {
		return len <= limits->headers_max ? take_head(call, len)
						  : refuse(call, RD_HTTP_HEADERS_LARGE);
	}
	return call->in_used >= limits->headers_max ? refuse(call, RD_HTTP_HEADERS_LARGE)
						    : read_more(call);
}

static bool step_body(struct rd_http_call *call)
{
	struct rd_http_server *server = call->thread->server;
	size_t head_len = call->framing.head_len, body_len = (size_t)call->framing.body_len;
	struct rd_http_framing ignored;

	if (call->in_used - head_len < body_len) {
		return read_more(call);
	}
	/* The same bytes elsewhere give the same answer. */
	if (call->moved && rd_http_parse_head(rd_view(call->in, head_len), &call->request,
				   &ignored) != RD_OK) {
		return to_close(call);
	}
	call->moved = false;
	call->request.body = rd_view(call->in + head_len, body_len);
	call->state = RD_HTTP_CALL;
	call->last |= server->config.one_request;
	call->deadline_ms = 0;
	atomic_fetch_add(&server->requests, 1);
	server->config.handle(server->config.ctx, call->thread->number, &call->request, call);
	return true;
}

static void expect_request(struct rd_http_call *call)
{
	call->state = RD_HTTP_HEAD;
	call->begun = false;
	set_deadline(call, limits_of(call)->idle_ms);
}

static bool step_write(struct rd_http_call *call)
{
	struct rd_view left = rd_view(call->out + call->out_sent, call->out_len - call->out_sent);
	enum rd_tls_wait wait;
	size_t n = 0;
	enum rd_status st = rd_http_stream_write(&call->stream, left, &n, &wait);

	if (st == RD_AGAIN) {
		call->write_reads = wait == RD_TLS_WAIT_READ;
		wait_for(call, wait);
		return false;
	}
	if (st != RD_OK) {
		return to_close(call);
	}
	call->out_sent += n;
	if (call->out_sent < call->out_len) {
		return true;
	}
	drop_out(call);
	consume(call);
	if (call->last || atomic_load(&call->thread->server->stopping)) {
		call->state = RD_HTTP_LINGER;
		set_deadline(call, LINGER_MS);
		(void)shutdown(call->stream.fd, SHUT_WR);
	} else {
		expect_request(call);
	}
	call->readable |= call->stream.tls != NULL; /* what has come may be in its hands */
	return true;
}

static bool step_linger(struct rd_http_call *call)
{
	rd_wipe(call->in, call->in_used);
	call->in_used = 0;
	return read_more(call);
}

static bool step(struct rd_http_call *call)
{
	switch (call->state) {
	case RD_HTTP_HEAD:
		return step_head(call);
	case RD_HTTP_BODY:
		return step_body(call);
	case RD_HTTP_WRITE:
		return step_write(call);
	case RD_HTTP_LINGER:
		return step_linger(call);
	case RD_HTTP_CALL:
	case RD_HTTP_CLOSED:
		break;
	}
	return false;
}

static void release(struct rd_http_call *call)
{
	struct rd_http_thread *thread = call->thread;

	if (call->prev != NULL) {
		call->prev->next = call->next;
	} else {
		thread->connections = call->next;
	}
	if (call->next != NULL) {
		call->next->prev = call->prev;
	}
	(void)event_del(&call->on_readable);
	(void)event_del(&call->on_writable);
	drop_in(call);
	drop_out(call);
	rd_http_stream_close(&call->stream);
	rd_http_peers_leave(thread->server->peers, call->request.peer);
	atomic_fetch_sub(&thread->server->connections, 1);
	free(call);
}

static void drive(struct rd_http_call *call)
{
	if (call->driven) {
		return; /* whoever does goes on */
	}
	call->driven = true;
	while (step(call)) {
	}
	call->driven = false;
	if (call->state == RD_HTTP_CLOSED) {
		release(call);
	}
}

void rd_http_connection_close(struct rd_http_call *call)
{
	(void)to_close(call);
	drive(call);
}

void rd_http_connection_send(struct rd_http_call *call)
{
	if (call->out == NULL || atomic_load(&call->thread->server->closing)) {
		(void)to_close(call);
	} else {
		call->last |= !call->framing.keep_alive;
		begin_write(call);
	}
	drive(call);
}

/* --- events --- */

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct rd_http_call *call = arg;

	(void)fd;
	call->readable = true;
	call->ended |= (what & EV_CLOSED) != 0;
	/* Another request already, or the end: its turn comes after this answer. */
	if (call->state != RD_HTTP_CALL && (call->state != RD_HTTP_WRITE || call->write_reads)) {
		drive(call);
	}
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct rd_http_call *call = arg;

	(void)fd;
	(void)what;
	call->readable = true; /* TLS may have wanted to write before it reads */
	drive(call);
}

static void check(struct rd_http_call *call, uint64_t now)
{
	if (call->deadline_ms == 0 || now < call->deadline_ms) {
		return;
	}
	if ((call->state == RD_HTTP_HEAD && call->begun) || call->state == RD_HTTP_BODY) {
		(void)refuse(call, RD_HTTP_TIMEOUT);
		drive(call);
		return;
	}
	rd_http_connection_close(call);
}

void rd_http_connections_check(struct rd_http_thread *thread)
{
	struct rd_http_call *call = thread->connections;
	uint64_t now = now_ms();

	while (call != NULL) {
		struct rd_http_call *next = call->next;

		check(call, now);
		call = next;
	}
}

unsigned rd_http_tick_ms(const struct rd_http_limits *limits)
{
	const unsigned times[] = {
		limits->header_ms, limits->body_ms, limits->idle_ms, limits->write_ms, LINGER_MS};
	unsigned tick = TICK_MS_MAX;

	for (size_t i = 0; i < RD_ARRAY_LEN(times); i++) {
		tick = times[i] / 8 < tick ? times[i] / 8 : tick;
	}
	return tick < TICK_MS_MIN ? TICK_MS_MIN : tick;
}

/* --- a new connection --- */

static void peer_text(const struct sockaddr *address, char ret[RD_HTTP_PEER_SIZE])
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;

	ret[0] = '\0';
	if (address->sa_family == AF_INET) {
		(void)inet_ntop(AF_INET, &v4->sin_addr, ret, RD_HTTP_PEER_SIZE);
	} else if (address->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		(void)inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], ret, RD_HTTP_PEER_SIZE);
	} else if (address->sa_family == AF_INET6) {
		(void)inet_ntop(AF_INET6, &v6->sin6_addr, ret, RD_HTTP_PEER_SIZE);
	}
}

static void peer_uid(int fd, const struct sockaddr *address, struct rd_http_request *request)
{
	struct rd_msg_peer peer;

	request->has_uid = address->sa_family == AF_UNIX && rd_msg_peer(fd, &peer) == RD_OK;
	request->uid = request->has_uid ? peer.uid : (uid_t)-1;
}

static void join_thread(struct rd_http_thread *thread, struct rd_http_call *call)
{
	call->thread = thread;
	call->next = thread->connections;
	if (call->next != NULL) {
		call->next->prev = call;
	}
	thread->connections = call;
}

/* Within both limits, or it is closed at once: there is no answer to a client that floods. */
static bool admit(struct rd_http_server *server, const char *peer)
{
	if (atomic_fetch_add(&server->connections, 1) < atomic_load(&server->connections_max)) {
		if (rd_http_peers_enter(server->peers, peer)) {
			return true;
		}
	}
	atomic_fetch_sub(&server->connections, 1);
	atomic_fetch_add(&server->refusals[RD_HTTP_OVERLOADED], 1);
	return false;
}

static enum rd_status make_stream(struct rd_http_call *call, int fd)
{
	struct rd_http_thread *thread = call->thread;
	struct rd_tls_server *tls = thread->server->config.tls;
	int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)event_assign(&call->on_readable, thread->base, fd,
		EV_READ | EV_CLOSED | EV_ET | EV_PERSIST, on_readable, call);
	(void)event_assign(
		&call->on_writable, thread->base, fd, EV_WRITE | EV_ET, on_writable, call);
	RD_ENSURE(event_add(&call->on_readable, NULL) == 0, RD_NOMEM);
	call->stream.fd = fd;
	return tls == NULL ? RD_OK : rd_tls_server_session_new(tls, fd, &call->stream.tls);
}

void rd_http_connection_open(struct rd_http_thread *thread, int fd, const struct sockaddr *address)
{
	struct rd_http_call *call = calloc(1, sizeof(*call));
	enum rd_status st;

	if (call != NULL) {
		peer_text(address, call->request.peer);
		peer_uid(fd, address, &call->request);
		call->request.tls = thread->server->config.tls != NULL;
		call->stream.fd = -1;
	}
	if (call == NULL || !admit(thread->server, call->request.peer)) {
		free(call);
		(void)close(fd);
		return;
	}
	join_thread(thread, call);
	st = make_stream(call, fd);
	if (st != RD_OK) {
		call->stream.fd = fd;
		rd_http_connection_close(call);
		return;
	}
	atomic_fetch_add(&thread->server->accepted, 1);
	expect_request(call);
	/* Not as idle as between requests: who connects has one. The TLS handshake is within it. */
	set_deadline(call, limits_of(call)->header_ms);
}
