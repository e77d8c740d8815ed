/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection.
 *
 *	resolving ──► connecting ──► relaying ──► gone
 *	                │    ▲
 *	                └────┘ next address
 *
 * The client's bytes wait in its socket until the relay reads them. Each address is held against
 * the allowlist right before it is connected to: DNS may have moved, or the list been reloaded.
 */
#include "vsock-proxy/session.h"

#include "os/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* A peer that vanished is found after about two minutes: 60 + 4 x 15 s. */
#define KEEPALIVE_IDLE_S  60
#define KEEPALIVE_EVERY_S 15
#define KEEPALIVE_PROBES  4

/* Cut to what net.core.wmem_max allows. TCP finds its own. */
#define CLIENT_BUFFER (1 << 20)

struct rd_session {
	struct rd_session_shared *shared;
	struct rd_session *next;
	struct rd_session **link;
	int client;
	int remote;
	struct rd_waiter waiter;
	size_t address_count;
	size_t address_next;
	struct rd_dns_address addresses[RD_CACHE_ADDRESSES_MAX];
	struct rd_watch *connecting;
	struct rd_watch *timer; /* of the connect, then of a half-closed relay */
	struct rd_relay relay;
	uint64_t moved_before;
	enum rd_status failure; /* of the last address */
};

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static void session_free(struct rd_session *s)
{
	struct rd_session_shared *shared = s->shared;

	rd_resolve_forget(&s->waiter);
	rd_watch_free(&s->connecting);
	rd_watch_free(&s->timer);
	rd_relay_stop(&s->relay);
	rd_fd_close(&s->client);
	rd_fd_close(&s->remote);
	*s->link = s->next;
	if (s->next != NULL) {
		s->next->link = s->link;
	}
	free(s);
	shared->count--;
	if (shared->count == 0 && shared->all_ended != NULL) {
		shared->all_ended(shared->arg);
	}
}

/* A stream that was cut must not look like one that ended: TCP can say so. */
static void session_reset(struct rd_session *s)
{
	struct linger abort_close = {.l_onoff = 1, .l_linger = 0};

	if (s->remote >= 0) {
		(void)setsockopt(
			s->remote, SOL_SOCKET, SO_LINGER, &abort_close, sizeof(abort_close));
	}
	session_free(s);
}

static void give_up(struct rd_session *s, enum rd_status st, const char *why)
{
	unsigned skipped = 0;

	if (rd_log_may(&s->shared->brake, rd_loop_now_ms(), &skipped)) {
		rd_log(RD_LOG_WARNING,
			"cannot reach %s port %u: %s: %s; the connection is closed (%u more since "
			"the last such line)",
			s->shared->remote, (unsigned)s->shared->port, why, rd_status_text(st),
			skipped);
	}
	session_free(s);
}

static void on_relay_end(void *arg, enum rd_status st)
{
	struct rd_session *s = arg;

	if (st == RD_OK) {
		session_free(s);
	} else {
		session_reset(s);
	}
}

static void on_idle_check(void *arg)
{
	struct rd_session *s = arg;
	bool idle = s->relay.moved == s->moved_before;

	if (idle && rd_relay_is_half_closed(&s->relay)) {
		session_reset(s);
		return;
	}
	s->moved_before = s->relay.moved;
	if (rd_watch_arm(s->timer, RD_SESSION_HALF_IDLE_MS) != RD_OK) {
		session_reset(s);
	}
}

static void set_option(int fd, int level, int option, int value)
{
	/* Each is a refinement: without it the connection works all the same. */
	(void)setsockopt(fd, level, option, &value, sizeof(value));
}

/* fd: the remote's. */
static void tune(int client, int fd)
{
	/* The system's maximum: a Unix socket takes more only when it is down to a quarter. */
	set_option(client, SOL_SOCKET, SO_SNDBUF, CLIENT_BUFFER);
	/* Requests and answers are passed on as they come: no waiting for more. */
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_EVERY_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
}

static enum rd_status start_relay(struct rd_session *s)
{
	struct rd_session_shared *shared = s->shared;

	tune(s->client, s->remote);
	rd_watch_free(&s->timer);
	RD_TRY(rd_loop_timer(shared->loop, on_idle_check, s, &s->timer));
	RD_TRY(rd_watch_arm(s->timer, RD_SESSION_HALF_IDLE_MS));
	return rd_relay_start(
		&s->relay, shared->loop, s->client, s->remote, shared->scratch, on_relay_end, s);
}

static void connect_next(struct rd_session *s);

static void on_connected(void *arg, unsigned events)
{
	struct rd_session *s = arg;
	int error = 0;
	socklen_t len = sizeof(error);
	enum rd_status st;

	(void)events;
	rd_watch_free(&s->connecting);
	rd_watch_disarm(s->timer);
	if (getsockopt(s->remote, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0) {
		s->failure = error == ECONNREFUSED ? RD_CLOSED : rd_status_from_errno(error);
		connect_next(s);
		return;
	}
	st = start_relay(s);
	if (st != RD_OK) {
		give_up(s, st, "no relay");
	}
}

static void on_connect_timeout(void *arg)
{
	struct rd_session *s = arg;

	rd_watch_free(&s->connecting);
	s->failure = RD_TIMEOUT;
	connect_next(s);
}

static socklen_t fill(union address *ret, const struct rd_dns_address *address, uint16_t port)
{
	memset(ret, 0, sizeof(*ret));
	if (address->v6) {
		ret->v6.sin6_family = AF_INET6;
		ret->v6.sin6_port = htons(port);
		memcpy(&ret->v6.sin6_addr, address->bytes, 16);
		return sizeof(ret->v6);
	}
	ret->v4.sin_family = AF_INET;
	ret->v4.sin_port = htons(port);
	memcpy(&ret->v4.sin_addr, address->bytes, 4);
	return sizeof(ret->v4);
}

static enum rd_status begin_connect(struct rd_session *s, const struct rd_dns_address *address)
{
	union address to;
	socklen_t len = fill(&to, address, s->shared->port);

	rd_fd_close(&s->remote);
	RD_ENSURE(rd_allowlist_allows(
			  s->shared->allowlist, s->shared->remote, address, s->shared->port),
		RD_DENIED);
	s->remote = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	RD_ENSURE(s->remote >= 0, rd_status_from_errno(errno));
	if (connect(s->remote, &to.any, len) != 0 && errno != EINPROGRESS) {
		return errno == ECONNREFUSED ? RD_CLOSED : rd_status_from_errno(errno);
	}
	RD_TRY(rd_watch_arm(s->timer, RD_SESSION_CONNECT_MS));
	return rd_loop_watch_fd(
		s->shared->loop, s->remote, RD_LOOP_WRITE, on_connected, s, &s->connecting);
}

static void connect_next(struct rd_session *s)
{
	while (s->address_next < s->address_count) {
		s->failure = begin_connect(s, &s->addresses[s->address_next++]);
		if (s->failure == RD_OK) {
			return;
		}
	}
	give_up(s, s->failure,
		s->failure == RD_DENIED ? "its address is not in the allowlist" : "no connection");
}

static void on_resolved(void *arg, const struct rd_cache *answer)
{
	struct rd_session *s = arg;

	if (answer->status != RD_OK) {
		give_up(s, answer->status, "name lookup");
		return;
	}
	s->address_count = answer->count;
	memcpy(s->addresses, answer->addresses, answer->count * sizeof(s->addresses[0]));
	connect_next(s);
}

enum rd_status rd_session_start(struct rd_session_shared *shared, int take_client)
{
	int client RD_CLEANUP(rd_fd_close) = take_client;
	struct rd_session *s = calloc(1, sizeof(*s));

	RD_ENSURE(s != NULL, RD_NOMEM);
	if (rd_loop_timer(shared->loop, on_connect_timeout, s, &s->timer) != RD_OK) {
		free(s);
		return RD_NOMEM;
	}
	s->shared = shared;
	s->client = rd_steal(&client, -1);
	s->remote = -1;
	s->next = shared->first;
	s->link = &shared->first;
	if (s->next != NULL) {
		s->next->link = &s->next;
	}
	shared->first = s;
	shared->count++;
	s->waiter = (struct rd_waiter){.fn = on_resolved, .arg = s};
	rd_resolve_ask(shared->resolve, &s->waiter);
	return RD_OK;
}

void rd_session_end_all(struct rd_session_shared *shared)
{
	while (shared->first != NULL) {
		session_reset(shared->first);
	}
}
