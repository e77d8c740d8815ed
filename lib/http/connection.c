/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection:
 *
 *	HEAD ──► BODY ──► CALL ──► WRITE ──► HEAD …
 *	  └────────┴── refused ──────┴─────► LINGER ──► closed
 *
 * Each state but CALL has a deadline, so a client that trickles or does not read costs its own
 * connection and nothing else. A request is copied out of the input before the owner sees it: the
 * copy is what its views point into, and it is wiped, because requests carry plaintexts. After a
 * last answer the connection lingers, reading and dropping, since closing it at once would make
 * the kernel reset it and the client lose the answer.
 */
#include "http/connection.h"

#include "base/secret.h"
#include "crypto/tls.h"
#include "os/msg.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A client that was refused in the middle of its body gets this long to notice. */
#define LINGER_MS 2000

static const char end_of_head[] = "\r\n\r\n";

static const int refusal_status[RD_HTTP_REFUSAL_COUNT] = {
	[RD_HTTP_BAD_REQUEST] = 400,
	[RD_HTTP_TOO_LARGE] = 413,
	[RD_HTTP_TIMEOUT] = 408,
	[RD_HTTP_HEADERS_LARGE] = 431,
	[RD_HTTP_OVERLOADED] = 503,
};

static void set_deadline(struct rd_http_call *call, unsigned ms)
{
	struct timeval when = {.tv_sec = ms / 1000, .tv_usec = (int)(ms % 1000) * 1000};

	(void)evtimer_add(call->deadline, &when);
}

static void drop_bytes(struct rd_http_call *call)
{
	if (call->bytes != NULL) {
		rd_wipe(call->bytes, call->bytes_len);
		free(call->bytes);
		call->bytes = NULL;
	}
}

void rd_http_connection_close(struct rd_http_call *call)
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
	drop_bytes(call);
	if (call->answer != NULL) {
		evbuffer_free(call->answer);
	}
	if (call->deadline != NULL) {
		event_free(call->deadline);
	}
	bufferevent_free(call->bev);
	rd_http_peers_leave(thread->server->peers, call->request.peer);
	atomic_fetch_sub(&thread->server->connections, 1);
	free(call);
}

static void expect_request(struct rd_http_call *call)
{
	call->state = RD_HTTP_HEAD;
	call->begun = false;
	set_deadline(call, call->thread->server->config.limits.idle_ms);
}

static void write_out(struct rd_http_call *call, struct evbuffer *answer)
{
	call->state = RD_HTTP_WRITE;
	set_deadline(call, call->thread->server->config.limits.write_ms);
	(void)bufferevent_write_buffer(call->bev, answer);
}

/* Answers by ourselves and lets go of the connection. */
static void refuse(struct rd_http_call *call, enum rd_http_refusal what)
{
	const struct rd_http_config *config = &call->thread->server->config;
	struct evbuffer *answer = evbuffer_new();
	const char *type = "text/plain", *body = "";
	char date[RD_HTTP_DATE_SIZE];

	atomic_fetch_add(&call->thread->server->refusals[what], 1);
	config->refusal(config->ctx, what, &type, &body);
	call->last = true;
	if (answer == NULL) {
		rd_http_connection_close(call);
		return;
	}
	/* Clients set their clocks by it, also by that of a refusal. */
	rd_http_date(date);
	(void)evbuffer_add_printf(answer,
		"HTTP/1.1 %d Refused\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
		"Connection: close\r\n\r\n%s",
		refusal_status[what], date, type, strlen(body), body);
	write_out(call, answer);
	evbuffer_free(answer);
}

static void hand_over(struct rd_http_call *call)
{
	struct rd_http_server *server = call->thread->server;

	call->request.body = rd_view(call->bytes + call->head_len, (size_t)call->framing.body_len);
	call->state = RD_HTTP_CALL;
	(void)evtimer_del(call->deadline);
	atomic_fetch_add(&server->requests, 1);
	server->config.handle(server->config.ctx, call->thread->number, &call->request, call);
}

/* Copies the head, and reads the copy. False when the connection is on its way out. */
static bool take_head(struct rd_http_call *call, struct evbuffer *input, size_t head_len)
{
	const struct rd_http_limits *limits = &call->thread->server->config.limits;
	uint8_t *bytes = malloc(head_len);
	enum rd_status st;

	call->framing.body_len = 0;
	call->head_len = head_len;
	call->bytes = bytes;
	call->bytes_len = head_len;
	if (bytes == NULL || evbuffer_remove(input, bytes, head_len) != (int)head_len) {
		refuse(call, RD_HTTP_OVERLOADED);
		return false;
	}
	st = rd_http_parse_head(rd_view(bytes, head_len), &call->request, &call->framing);
	if (st != RD_OK || call->framing.head_len != head_len) {
		call->framing.body_len = 0;
		refuse(call, st == RD_LIMIT ? RD_HTTP_HEADERS_LARGE : RD_HTTP_BAD_REQUEST);
		return false;
	}
	if (call->framing.body_len > limits->body_max) {
		call->framing.body_len = 0;
		refuse(call, RD_HTTP_TOO_LARGE);
		return false;
	}
	return true;
}

/* Room for the body behind the head; the views into the head move with it. */
static bool make_room(struct rd_http_call *call)
{
	struct rd_http_framing ignored;
	size_t total = call->head_len + (size_t)call->framing.body_len;
	uint8_t *bytes = malloc(total);

	if (bytes == NULL) {
		return false;
	}
	memcpy(bytes, call->bytes, call->head_len);
	rd_wipe(call->bytes, call->head_len);
	free(call->bytes);
	call->bytes = bytes;
	call->bytes_len = total;
	/* The same bytes give the same answer. */
	return rd_http_parse_head(rd_view(bytes, call->head_len), &call->request, &ignored) ==
	       RD_OK;
}

/* The request is not whole, and who sends nothing more will not make it so. */
static void wait_for_more(struct rd_http_call *call)
{
	if (call->half_closed) {
		rd_http_connection_close(call);
	}
}

/* False: the head is not whole, or the connection is on its way out, perhaps freed. */
static bool read_head(struct rd_http_call *call, struct evbuffer *input)
{
	const struct rd_http_limits *limits = &call->thread->server->config.limits;
	size_t have = evbuffer_get_length(input);
	struct evbuffer_ptr end;

	if (have == 0) {
		wait_for_more(call);
		return false;
	}
	if (!call->begun) {
		call->begun = true;
		set_deadline(call, limits->header_ms);
	}
	end = evbuffer_search(input, end_of_head, sizeof(end_of_head) - 1, NULL);
	if (end.pos < 0 || (size_t)end.pos + sizeof(end_of_head) - 1 > limits->headers_max) {
		if (end.pos >= 0 || have >= limits->headers_max) {
			refuse(call, RD_HTTP_HEADERS_LARGE);
		} else {
			wait_for_more(call);
		}
		return false;
	}
	if (!take_head(call, input, (size_t)end.pos + sizeof(end_of_head) - 1)) {
		return false;
	}
	call->state = RD_HTTP_BODY;
	set_deadline(call, limits->body_ms);
	if (call->framing.expect_continue && evbuffer_get_length(input) == 0) {
		static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

		(void)bufferevent_write(call->bev, go_on, sizeof(go_on) - 1);
	}
	return true;
}

static void read_body(struct rd_http_call *call, struct evbuffer *input)
{
	size_t want = (size_t)call->framing.body_len;

	if (evbuffer_get_length(input) < want) {
		wait_for_more(call);
		return;
	}
	if (want > 0 && (!make_room(call) || evbuffer_remove(input, call->bytes + call->head_len,
						     want) != (int)want)) {
		refuse(call, RD_HTTP_OVERLOADED);
		return;
	}
	hand_over(call);
}

/* As far as the input goes. An answer that is given at once ends in WRITE, so this ends, too. */
static void advance(struct rd_http_call *call)
{
	struct evbuffer *input = bufferevent_get_input(call->bev);

	if (call->state == RD_HTTP_HEAD && !read_head(call, input)) {
		return;
	}
	if (call->state == RD_HTTP_BODY) {
		read_body(call, input);
	} else if (call->state == RD_HTTP_LINGER) {
		(void)evbuffer_drain(input, evbuffer_get_length(input));
	}
}

static void on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	advance(arg);
}

static void linger(struct rd_http_call *call)
{
	call->state = RD_HTTP_LINGER;
	set_deadline(call, LINGER_MS);
	(void)shutdown(bufferevent_getfd(call->bev), SHUT_WR);
	advance(call);
}

/* Everything that was to be written has been taken. */
static void on_written(struct bufferevent *bev, void *arg)
{
	struct rd_http_call *call = arg;

	/* "100 Continue" has been taken, or this callback was due before the answer was put. */
	if (call->state != RD_HTTP_WRITE || evbuffer_get_length(bufferevent_get_output(bev)) > 0) {
		return;
	}
	drop_bytes(call);
	if (call->last || atomic_load(&call->thread->server->stopping)) {
		if (call->half_closed) {
			rd_http_connection_close(call);
		} else {
			linger(call);
		}
		return;
	}
	expect_request(call);
	advance(call);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct rd_http_call *call = arg;

	(void)bev;
	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0) {
		return; /* the TLS handshake is done */
	}
	if (call->state == RD_HTTP_CALL || call->state == RD_HTTP_WRITE) {
		if ((what & BEV_EVENT_ERROR) == 0) {
			call->half_closed = true; /* it may still wait for its answer */
			return;
		}
		if (call->state == RD_HTTP_CALL) {
			call->gone = true; /* its answer will be thrown away */
			(void)bufferevent_disable(call->bev, EV_READ | EV_WRITE);
			return;
		}
	}
	rd_http_connection_close(call);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct rd_http_call *call = arg;

	(void)fd;
	(void)what;
	if ((call->state == RD_HTTP_HEAD && call->begun) || call->state == RD_HTTP_BODY) {
		refuse(call, RD_HTTP_TIMEOUT);
		return;
	}
	rd_http_connection_close(call);
}

void rd_http_connection_send(struct rd_http_call *call)
{
	struct evbuffer *answer = rd_steal(&call->answer, NULL);

	if (call->gone || answer == NULL || atomic_load(&call->thread->server->closing)) {
		if (answer != NULL) {
			evbuffer_free(answer);
		}
		rd_http_connection_close(call);
		return;
	}
	call->last |= !call->framing.keep_alive;
	write_out(call, answer);
	evbuffer_free(answer);
}

static struct bufferevent *make_bufferevent(struct rd_http_thread *thread, int fd)
{
	const int options = BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS;
	struct rd_tls_server *tls = thread->server->config.tls;
	struct ssl_st *session;

	if (tls == NULL) {
		return bufferevent_socket_new(thread->base, fd, options);
	}
	session = rd_tls_server_session(tls);
	/* The bufferevent frees the session with itself. */
	return session == NULL ? NULL
			       : bufferevent_openssl_socket_new(thread->base, fd, session,
					 BUFFEREVENT_SSL_ACCEPTING, options);
}

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
	if (atomic_fetch_add(&server->connections, 1) < server->config.limits.connections) {
		if (rd_http_peers_enter(server->peers, peer)) {
			return true;
		}
	}
	atomic_fetch_sub(&server->connections, 1);
	atomic_fetch_add(&server->refusals[RD_HTTP_OVERLOADED], 1);
	return false;
}

void rd_http_connection_open(struct rd_http_thread *thread, int fd, const struct sockaddr *address)
{
	const struct rd_http_limits *limits = &thread->server->config.limits;
	struct rd_http_call *call = calloc(1, sizeof(*call));
	int on = 1;

	if (call != NULL) {
		peer_text(address, call->request.peer);
		peer_uid(fd, address, &call->request);
		call->request.tls = thread->server->config.tls != NULL;
	}
	if (call == NULL || !admit(thread->server, call->request.peer)) {
		free(call);
		(void)close(fd);
		return;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	call->bev = make_bufferevent(thread, fd);
	call->deadline = evtimer_new(thread->base, on_deadline, call);
	if (call->bev == NULL || call->deadline == NULL) {
		rd_http_peers_leave(thread->server->peers, call->request.peer);
		atomic_fetch_sub(&thread->server->connections, 1);
		if (call->bev != NULL) {
			bufferevent_free(call->bev);
		} else {
			(void)close(fd);
		}
		free(call);
		return;
	}
	join_thread(thread, call);
	atomic_fetch_add(&thread->server->accepted, 1);
	bufferevent_setcb(call->bev, on_read, on_written, on_event, call);
	/* More than one request is not taken from the socket before it is its turn. */
	bufferevent_setwatermark(call->bev, EV_READ, 0, limits->headers_max + limits->body_max);
	expect_request(call);
	/* Not as idle as between requests: who connects has one. The TLS handshake is within it. */
	set_deadline(call, limits->header_ms);
	(void)bufferevent_enable(call->bev, EV_READ | EV_WRITE);
}
