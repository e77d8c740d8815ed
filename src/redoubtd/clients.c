/* SPDX-License-Identifier: Apache-2.0 */
/* Connections. */
#include "redoubtd/clients.h"

#include "log/log.h"
#include "os/fd.h"
#include "redoubtd/enclave.h"
#include "redoubtd/ingest.h"
#include "redoubtd/instance.h"
#include "redoubtd/requests.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const char socket_name[] = "redoubtd.sock";

static void free_answer(struct rd_client *c)
{
	struct rd_answer *a = c->first;

	c->first = a->next;
	if (c->first == NULL) {
		c->last = &c->first;
	}
	c->queued--;
	rd_fd_close(&a->fd);
	free(a);
}

static void unlink_client(struct rd_client *c)
{
	struct rd_client **at = &c->daemon->clients;

	while (*at != c) {
		at = &(*at)->next;
	}
	*at = c->next;
	c->daemon->client_count--;
}

/* An image that is being read is forgotten; an enclave that has been started goes on. */
static void close_client(struct rd_client *c)
{
	if (c->ingest != NULL) {
		rd_ingest_cancel(&c->ingest);
	}
	if (c->running != NULL) {
		c->running->runner = NULL;
	}
	if (c->starting != NULL) {
		c->starting->runner = NULL;
	}
	if (c->reserving != NULL) {
		c->reserving->reserver = NULL;
	}
	while (c->first != NULL) {
		free_answer(c);
	}
	unlink_client(c);
	rd_watch_free(&c->watch);
	rd_watch_free(&c->timer);
	rd_fd_close(&c->sock);
	free(c);
}

bool rd_client_may(const struct rd_client *c, uint64_t owner_uid)
{
	return c->peer.uid == 0 || c->peer.uid == owner_uid || c->peer.uid == geteuid();
}

static enum rd_status send_first(struct rd_client *c)
{
	struct rd_answer *a = c->first;
	struct rd_msg_fds fds = {.fd = {a->fd, -1, -1, -1}, .count = a->fd < 0 ? 0 : 1};

	return rd_msg_send(c->sock, rd_view(a->bytes, a->len), &fds);
}

/* Sends what the socket takes. False when the client is to be closed. */
static bool flush(struct rd_client *c)
{
	enum rd_status st = RD_OK;

	while (c->first != NULL && !c->broken) {
		st = send_first(c);
		if (st != RD_OK) {
			break;
		}
		free_answer(c);
	}
	if (c->broken || (st != RD_OK && st != RD_AGAIN) || (c->first == NULL && c->closing)) {
		return false;
	}
	if (c->first != NULL && rd_watch_arm(c->timer, RD_CLIENT_SEND_MS) != RD_OK) {
		return false;
	}
	if (c->first == NULL && c->asked) {
		rd_watch_disarm(c->timer);
	}
	return rd_watch_set(c->watch, RD_LOOP_READ | (c->first != NULL ? RD_LOOP_WRITE : 0)) ==
	       RD_OK;
}

static enum rd_status queue(struct rd_client *c, const struct rd_ctl_message *m, int *fd)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CTL_MESSAGE_MAX);
	struct rd_answer *a;

	RD_ENSURE(c->queued < RD_CLIENT_QUEUE_MAX, RD_LIMIT);
	RD_TRY(rd_ctl_encode(m, &buf));
	a = malloc(sizeof(*a) + buf.used);
	RD_ENSURE(a != NULL, RD_NOMEM);
	a->next = NULL;
	a->fd = rd_steal(fd, -1);
	a->len = buf.used;
	memcpy(a->bytes, buf.ptr, buf.used);
	*c->last = a;
	c->last = &a->next;
	c->queued++;
	return RD_OK;
}

/*
 * Callers hold c, so it is not closed here: the watch finds the socket writable on the loop's next
 * turn and does the rest.
 */
void rd_client_send(struct rd_client *c, const struct rd_ctl_message *m, int fd)
{
	int owned RD_CLEANUP(rd_fd_close) = fd;
	enum rd_status st = queue(c, m, &owned);

	if (st != RD_OK) {
		rd_log(RD_LOG_WARNING, "cannot queue %s for a client: %s",
			rd_ctl_type_name(m->type), rd_status_text(st));
		c->broken = true;
	}
	if (rd_watch_set(c->watch, RD_LOOP_READ | RD_LOOP_WRITE) != RD_OK) {
		c->broken = true;
	}
}

void rd_client_done(struct rd_client *c)
{
	struct rd_ctl_message m = {.type = RD_CTL_DONE};

	rd_client_send(c, &m, -1);
	c->closing = true;
}

void rd_client_error(struct rd_client *c, enum rd_ctl_code code, const char *text)
{
	struct rd_ctl_message m = {.type = RD_CTL_ERROR, .error = {.code = (uint64_t)code}};

	rd_ctl_text_clean(rd_view_str(text), m.error.text, sizeof(m.error.text));
	rd_log(RD_LOG_INFO, "refused uid %u: E%02u %s", (unsigned)c->peer.uid, (unsigned)code,
		m.error.text);
	rd_client_send(c, &m, -1);
	c->closing = true;
}

static void refuse_message(struct rd_client *c, enum rd_status st, const char *field)
{
	char text[128];

	snprintf(text, sizeof(text), "redoubtd does not understand the request (%s%s%s)", field,
		*field == '\0' ? "" : ": ", rd_status_text(st));
	rd_client_error(c, RD_E_CONNECTION, text);
}

/* False when the client has gone. */
static bool receive(struct rd_client *c)
{
	static uint8_t storage[RD_MSG_BYTES_MAX];
	struct rd_msg_fds fds RD_CLEANUP(rd_msg_fds_finish) = RD_MSG_FDS_INIT;
	struct rd_ctl_message m;
	const char *field = "";
	size_t len = 0;
	enum rd_status st = rd_msg_recv(c->sock, storage, sizeof(storage), &len, &fds);

	if (st == RD_AGAIN) {
		return true;
	}
	if (st == RD_CLOSED || st == RD_IO) {
		return false;
	}
	if (c->closing) {
		return true;
	}
	if (st == RD_OK) {
		st = rd_ctl_decode_named(
			rd_view(storage, len), fds.count, RD_CTL_CLIENT_TO_DAEMON, &m, &field);
	}
	if (st == RD_OK && c->asked) {
		st = RD_DUPLICATE;
	}
	if (st != RD_OK) {
		refuse_message(c, st, field);
		return true;
	}
	c->asked = true;
	rd_watch_disarm(c->timer);
	rd_request(c, &m, &fds);
	return true;
}

static void ready(void *arg, unsigned events)
{
	struct rd_client *c = arg;

	if (((events & RD_LOOP_READ) && !receive(c)) || !flush(c)) {
		close_client(c);
	}
}

static void timed_out(void *arg)
{
	struct rd_client *c = arg;

	rd_log(RD_LOG_INFO, "uid %u: %s, disconnected", (unsigned)c->peer.uid,
		c->asked ? "takes no answers" : "sent no request in time");
	close_client(c);
}

static size_t count_of(const struct rd_daemon *d, const struct rd_domain *domain, uid_t uid)
{
	size_t n = 0;

	for (const struct rd_client *c = d->clients; c != NULL; c = c->next) {
		n += c->domain == domain && c->peer.uid == uid;
	}
	return n;
}

static enum rd_status add_client(struct rd_daemon *d, struct rd_domain *domain,
	const struct rd_msg_peer *peer, size_t max, int *sock)
{
	struct rd_client *c;

	RD_ENSURE(d->client_count < RD_CLIENTS_MAX, RD_LIMIT);
	RD_ENSURE(count_of(d, domain, peer->uid) < max, RD_LIMIT);
	c = calloc(1, sizeof(*c));
	RD_ENSURE(c != NULL, RD_NOMEM);
	c->daemon = d;
	c->domain = domain;
	c->peer = *peer;
	c->sock = rd_steal(sock, -1);
	c->last = &c->first;
	c->next = d->clients;
	d->clients = c;
	d->client_count++;
	if (rd_loop_watch_fd(d->loop, c->sock, RD_LOOP_READ, ready, c, &c->watch) != RD_OK ||
		rd_loop_timer(d->loop, timed_out, c, &c->timer) != RD_OK ||
		rd_watch_arm(c->timer, RD_CLIENT_IDLE_MS) != RD_OK) {
		close_client(c);
		return RD_NOMEM;
	}
	return RD_OK;
}

/* Best effort: the socket is new, so there is room for one answer. */
static void refuse_connection(int sock, enum rd_status st)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CTL_MESSAGE_MAX);
	struct rd_ctl_message m = {.type = RD_CTL_ERROR,
		.error = {.code = RD_E_SOCKET,
			.text = "redoubtd has too many connections: try again when other "
				"commands are done"}};

	rd_log(RD_LOG_WARNING, "a connection was refused: %s", rd_status_text(st));
	if (sock >= 0 && rd_ctl_encode(&m, &buf) == RD_OK) {
		(void)!rd_msg_send(sock, rd_buf_view(&buf), NULL);
	}
}

static void accept_one(void *arg, unsigned events)
{
	struct rd_daemon *d = arg;
	int sock RD_CLEANUP(rd_fd_close) = -1;
	struct rd_msg_peer peer;
	enum rd_status st = rd_msg_accept(d->listener, &sock);

	(void)events;
	if (st == RD_OK) {
		st = rd_msg_peer(sock, &peer);
	}
	if (st == RD_OK) {
		st = add_client(d, &d->host, &peer, RD_CLIENTS_PER_UID, &sock);
	}
	if (st != RD_OK && st != RD_AGAIN) {
		refuse_connection(sock, st);
	}
}

enum rd_status rd_clients_add_parent(struct rd_domain *domain, struct rd_daemon *d, int take_sock)
{
	int sock RD_CLEANUP(rd_fd_close) = take_sock;
	/* Everything in a domain of its own is its own. */
	const struct rd_msg_peer peer = {.uid = geteuid(), .gid = getegid()};

	RD_TRY(rd_fd_set_nonblock(sock, true));
	return add_client(d, domain, &peer, RD_CLIENTS_PER_PARENT, &sock);
}

void rd_clients_drop_domain(struct rd_daemon *d, const struct rd_domain *domain)
{
	struct rd_client *next;

	for (struct rd_client *c = d->clients; c != NULL; c = next) {
		next = c->next;
		if (c->domain == domain) {
			close_client(c);
		}
	}
}

/* Whoever may connect may run enclaves, so the socket is for our user and one group. */
static enum rd_status open_to_group(struct rd_daemon *d, struct rd_error *err)
{
	if (!d->config.has_group || geteuid() != 0) {
		return RD_OK;
	}
	if (fchownat(d->dirs.run, socket_name, 0, d->config.group, AT_SYMLINK_NOFOLLOW) < 0 ||
		fchmodat(d->dirs.run, socket_name, 0660, 0) < 0) {
		return rd_fail_errno(err, errno, "cannot give %s to its group", socket_name);
	}
	return RD_OK;
}

enum rd_status rd_clients_open(struct rd_daemon *d, struct rd_error *err)
{
	enum rd_status st = rd_msg_listen_at(
		d->dirs.run, socket_name, SOCK_SEQPACKET, 0600, &d->listener);

	if (st != RD_OK) {
		return rd_fail(err, st, "cannot listen on %s/%s: %s", d->paths.run, socket_name,
			rd_status_text(st));
	}
	RD_TRY(open_to_group(d, err));
	st = rd_loop_watch_fd(
		d->loop, d->listener, RD_LOOP_READ, accept_one, d, &d->listener_watch);
	return st == RD_OK ? RD_OK : rd_fail(err, st, "cannot watch %s", socket_name);
}

void rd_clients_close(struct rd_daemon *d)
{
	while (d->clients != NULL) {
		close_client(d->clients);
	}
	rd_watch_free(&d->listener_watch);
	if (d->listener >= 0) {
		unlinkat(d->dirs.run, socket_name, 0);
	}
	rd_fd_close(&d->listener);
}

static void send_enclave(struct rd_client *c, const struct rd_enclave *e, enum rd_ctl_type type)
{
	struct rd_ctl_message m = {.type = type};

	rd_enclave_describe(e, true, &m.enclave);
	rd_client_send(c, &m, -1);
}

void rd_clients_started(struct rd_enclave *e)
{
	if (e->runner != NULL && !e->runner_told) {
		e->runner_told = true;
		send_enclave(e->runner, e, RD_CTL_STARTED);
	}
}

void rd_clients_running(struct rd_enclave *e)
{
	struct rd_client *c = e->runner;

	if (c == NULL || e->waits_for_memory || e->state != RD_CTL_STATE_RUNNING) {
		return;
	}
	rd_clients_started(e);
	send_enclave(c, e, RD_CTL_RUNNING);
	c->closing = true;
	c->running = NULL;
	e->runner = NULL;
}

static void tell_waiter(struct rd_client *c, const struct rd_enclave *e)
{
	struct rd_ctl_message m = {.type = RD_CTL_TERMINATED};

	for (size_t i = 0; i < c->wait_count; i++) {
		if (c->waits[i] != e->launch.slot_uid) {
			continue;
		}
		memcpy(m.terminated.name, e->launch.name, sizeof(m.terminated.name));
		memcpy(m.terminated.enclave_id, e->launch.enclave_id,
			sizeof(m.terminated.enclave_id));
		rd_client_send(c, &m, -1);
		c->waits[i] = c->waits[--c->wait_count];
		if (c->wait_count == 0) {
			rd_client_done(c);
		}
		return;
	}
}

void rd_clients_gone(struct rd_enclave *e)
{
	struct rd_client *runner = e->runner;
	char text[RD_CTL_TEXT_MAX + 1];

	if (runner != NULL) {
		snprintf(text, sizeof(text), "%s%.*s",
			e->memory_refused ? "" : "the enclave did not boot: ", RD_CTL_TEXT_MAX - 32,
			e->end.text);
		rd_client_error(
			runner, e->end.code == 0 ? RD_E_BOOT : (enum rd_ctl_code)e->end.code, text);
		runner->running = NULL;
		e->runner = NULL;
	}
	for (struct rd_client *c = e->daemon->clients; c != NULL; c = c->next) {
		tell_waiter(c, e);
	}
}
