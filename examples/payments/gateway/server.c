/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting, the list of connections, and between connections and desk. */
#include "gateway/server.h"

#include "base/secret.h"
#include "base/text.h"
#include "gateway/connection.h"
#include "os/fd.h"
#include "os/msg.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define BACKLOG 128
/* Connections taken in one turn, so that those that are open get theirs. */
#define ACCEPTS_PER_TURN 16
/* How late a deadline may be noticed; also how long nothing is accepted when descriptors are out.
 */
#define TICK_MS 250
/* One line about bad messages in so long: anybody may send them. */
#define SAY_MS 1000
/* A name in digits, a scope, and brackets. */
#define HOST_MAX 64

struct gw_server {
	struct rd_loop *loop;
	int fd;
	struct rd_watch *watch;
	struct rd_watch *tick;
	struct gw_desk *desk;
	struct gw_connection_owner owner;
	struct gw_connection *connections;
	size_t n_connections;
	uint64_t say_again_ms;
};

/* --- what connections ask of us --- */

/* Masked, and not more often than somebody could read. */
static void complain(struct gw_server *server, struct rd_view message, enum rd_status st)
{
	char text[PAY_ISO_MESSAGE_MAX];
	struct rd_buf dump = rd_buf_fixed(text, sizeof(text) - 1);
	struct pay_iso msg;
	const uint64_t now = rd_loop_now_ms();

	if (now < server->say_again_ms) {
		return;
	}
	server->say_again_ms = now + SAY_MS;
	if (pay_iso_decode(message, &msg) != RD_OK || pay_iso_dump(&msg, &dump) != RD_OK) {
		dump.used = 0;
	}
	text[dump.used] = '\0';
	rd_text_make_printable(text);
	fprintf(stderr,
		"payments-gateway: a message %s; its connection is closed: see card/iso8583.h%s%s\n",
		rd_status_text(st), dump.used > 0 ? ": " : "", text);
}

static enum rd_status on_message(
	void *arg, struct gw_connection *connection, struct rd_view message)
{
	struct gw_server *server = arg;
	struct pay_gateway_request request;
	enum rd_status st = pay_gateway_request_decode(message, &request);

	if (st != RD_OK) {
		complain(server, message, st);
		/* RD_TRUNCATED would be taken for a frame that is not whole. */
		return RD_MALFORMED;
	}
	st = gw_desk_take(server->desk, connection, &request);
	rd_wipe(&request, sizeof(request));
	return st;
}

static void on_ended(void *arg, struct gw_connection *connection)
{
	struct gw_server *server = arg;

	gw_desk_forget(server->desk, connection);
	*connection->link = connection->next;
	if (connection->next != NULL) {
		connection->next->link = connection->link;
	}
	server->n_connections--;
}

/* --- what the desk asks of us --- */

static void on_done(struct gw_connection *connection)
{
	connection->asked--;
}

static void on_room(void *arg)
{
	struct gw_server *server = arg;
	struct gw_connection *c = server->connections;

	while (c != NULL) {
		struct gw_connection *next = c->next;

		gw_connection_resume(c);
		c = next;
	}
}

/* --- accepting --- */

static void on_tick(void *arg)
{
	struct gw_server *server = arg;
	struct gw_connection *c = server->connections;
	const uint64_t now = rd_loop_now_ms();

	while (c != NULL) {
		struct gw_connection *next = c->next;

		if (gw_connection_is_late(c, now)) {
			gw_connection_free(c);
		}
		c = next;
	}
	if (rd_watch_set(server->watch, RD_LOOP_READ) != RD_OK ||
		rd_watch_arm(server->tick, TICK_MS) != RD_OK) {
		fprintf(stderr, "payments-gateway: no timer: ending\n");
		rd_loop_stop(server->loop);
	}
}

/* Who has not said anything yet makes room, the longest there first; then nobody does. */
static bool make_room(struct gw_server *server)
{
	struct gw_connection *oldest = NULL;

	if (server->n_connections < GW_CONNECTIONS_MAX) {
		return true;
	}
	for (struct gw_connection *c = server->connections; c != NULL; c = c->next) {
		if (c->phase == GW_FIRST &&
			(oldest == NULL || c->deadline_ms < oldest->deadline_ms)) {
			oldest = c;
		}
	}
	if (oldest != NULL) {
		gw_connection_free(oldest);
	}
	return oldest != NULL;
}

/* Answers are small and waited for; a client whose host has gone is found some day. */
static void set_options(int fd)
{
	const int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static void add_connection(struct gw_server *server, int take_fd)
{
	struct gw_connection *c = NULL;

	if (!make_room(server)) {
		rd_fd_close(&take_fd);
		return;
	}
	set_options(take_fd);
	if (gw_connection_new(&server->owner, take_fd, &c) != RD_OK) {
		return;
	}
	c->next = server->connections;
	c->link = &server->connections;
	if (c->next != NULL) {
		c->next->link = &c->next;
	}
	server->connections = c;
	server->n_connections++;
}

static void on_connection(void *arg, unsigned events)
{
	struct gw_server *server = arg;

	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = -1;
		enum rd_status st = rd_msg_accept(server->fd, &fd);

		if (st == RD_AGAIN) {
			return;
		}
		if (st != RD_OK) {
			/* No descriptors: not before the next tick. Should that fail, it is
			 * tried in every turn. */
			if (rd_watch_set(server->watch, 0) != RD_OK) {
				fprintf(stderr, "payments-gateway: cannot pause listening\n");
			}
			return;
		}
		add_connection(server, fd);
	}
}

/* --- listening --- */

/* "host:port" or "[host]:port"; false for anything else. */
static bool split_address(const char *listen, char host[HOST_MAX], const char **ret_port)
{
	const char *colon = strrchr(listen, ':');
	size_t len = colon == NULL ? 0 : (size_t)(colon - listen);

	if (len > 2 && listen[0] == '[' && listen[len - 1] == ']') {
		listen++;
		len -= 2;
	}
	if (len == 0 || len >= HOST_MAX) {
		return false;
	}
	memcpy(host, listen, len);
	host[len] = '\0';
	*ret_port = colon + 1;
	return true;
}

static enum rd_status bind_and_listen(
	const struct addrinfo *address, int *ret_fd, struct rd_error *err, const char *listen_at)
{
	int fd RD_CLEANUP(rd_fd_close) = socket(
		address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
		bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
		return rd_fail_errno(err, errno, "cannot listen at %s", listen_at);
	}
	*ret_fd = rd_steal(&fd, -1);
	return RD_OK;
}

static enum rd_status open_listener(const char *listen_at, int *ret_fd, struct rd_error *err)
{
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM};
	struct addrinfo *address = NULL;
	char host[HOST_MAX];
	const char *port;
	uint64_t number;
	enum rd_status st;

	if (!split_address(listen_at, host, &port) ||
		rd_parse_u64(port, 0, UINT16_MAX, &number) != RD_OK ||
		getaddrinfo(host, port, &hints, &address) != 0) {
		return rd_fail(err, RD_USAGE,
			"--listen %s: an address in digits and a port are wanted, 127.0.0.1:8583 "
			"or [::1]:8583",
			listen_at);
	}
	st = bind_and_listen(address, ret_fd, err, listen_at);
	freeaddrinfo(address);
	return st;
}

static uint16_t port_of(int fd)
{
	/* The larger of the two; IPv4 has its port at the same place. */
	struct sockaddr_in6 address = {0};
	socklen_t len = sizeof(address);

	(void)getsockname(fd, (struct sockaddr *)&address, &len);
	return ntohs(address.sin6_port);
}

static enum rd_status start(struct gw_server *server, struct gw_books *books)
{
	const struct gw_desk_out out = {.send = gw_connection_send,
		.end = gw_connection_end,
		.done = on_done,
		.room = on_room,
		.arg = server};

	RD_TRY(gw_desk_new(server->loop, books, &out, &server->desk));
	RD_TRY(rd_loop_watch_fd(
		server->loop, server->fd, RD_LOOP_READ, on_connection, server, &server->watch));
	RD_TRY(rd_loop_timer(server->loop, on_tick, server, &server->tick));
	return rd_watch_arm(server->tick, TICK_MS);
}

enum rd_status gw_server_new(struct rd_loop *loop, const char *listen, struct rd_tls_server *tls,
	struct gw_books *books, struct gw_server **ret, uint16_t *ret_port, struct rd_error *err)
{
	struct gw_server *server = calloc(1, sizeof(*server));
	enum rd_status st;

	if (server == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	server->loop = loop;
	server->owner = (struct gw_connection_owner){
		.loop = loop, .tls = tls, .message = on_message, .ended = on_ended, .arg = server};
	st = open_listener(listen, &server->fd, err);
	if (st != RD_OK) {
		free(server);
		return st;
	}
	st = start(server, books);
	if (st != RD_OK) {
		gw_server_free(&server);
		return rd_fail(err, st, "cannot start: %s", rd_status_text(st));
	}
	*ret_port = port_of(server->fd);
	*ret = server;
	return RD_OK;
}

void gw_server_free(struct gw_server **server)
{
	struct gw_server *s = *server;

	if (s == NULL) {
		return;
	}
	while (s->connections != NULL) {
		gw_connection_free(s->connections);
	}
	rd_watch_free(&s->watch);
	rd_watch_free(&s->tick);
	gw_desk_free(&s->desk);
	rd_fd_close(&s->fd);
	free(rd_steal(server, NULL));
}
