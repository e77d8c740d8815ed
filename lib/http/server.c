/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads and listening sockets of the server, and the way of an answer back to the thread that
 * has its connection: through a list under a lock, and an eventfd.
 */
#include "http/server.h"

#include "http/connection.h"
#include "os/fd.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Connections taken in one turn of the loop, so that those that are open get theirs. */
#define ACCEPTS_PER_TURN 64
/* Out of descriptors: wait for some to be closed. */
#define ACCEPT_PAUSE_MS 100
#define BACKLOG         1024
/* The lines that every answer has; numbers and words of fixed length, and the empty one. */
#define STATUS_MAX 192

/* Nothing that could end a line within: a value with a line end would add a header. */
static bool is_within_line(struct rd_view v)
{
	uint8_t ends = 0;

	for (size_t i = 0; i < v.len; i++) {
		ends |= (uint8_t)((v.ptr[i] == '\r') | (v.ptr[i] == '\n') | (v.ptr[i] == '\0'));
	}
	return ends == 0;
}

static const char *reason(int status)
{
	switch (status) {
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	default:
		return status < 300 ? "OK" : status < 500 ? "Bad Request" : "Server Error";
	}
}

static void put_date(time_t s, char ret_text[RD_HTTP_DATE_SIZE])
{
	struct tm tm;

	(void)gmtime_r(&s, &tm);
	(void)strftime(ret_text, RD_HTTP_DATE_SIZE, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

const char *rd_http_date(struct rd_http_thread *thread)
{
	time_t now = time(NULL);

	if (now != thread->date_s) {
		put_date(now, thread->date);
		thread->date_s = now;
	}
	return thread->date;
}

static enum rd_status put_number(struct rd_buf *out, size_t number)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	return rd_buf_put(out, digits + at, sizeof(digits) - at);
}

static bool is_own_thread(const struct rd_http_thread *thread)
{
	return pthread_equal(pthread_self(), thread->self) != 0;
}

static enum rd_status put_date_of(struct rd_buf *out, struct rd_http_thread *thread)
{
	char date[RD_HTTP_DATE_SIZE];

	if (is_own_thread(thread)) {
		return rd_buf_put_str(out, rd_http_date(thread));
	}
	put_date(time(NULL), date);
	return rd_buf_put_str(out, date);
}

static enum rd_status put_status(
	struct rd_buf *out, const struct rd_http_call *call, int status, size_t body_len)
{
	RD_TRY(rd_buf_put_str(out, "HTTP/1.1 "));
	RD_TRY(put_number(out, (size_t)status));
	RD_TRY(rd_buf_u8(out, ' '));
	RD_TRY(rd_buf_put_str(out, reason(status)));
	RD_TRY(rd_buf_put_str(out, "\r\nDate: "));
	RD_TRY(put_date_of(out, call->thread));
	RD_TRY(rd_buf_put_str(out, "\r\nContent-Length: "));
	RD_TRY(put_number(out, body_len));
	if (call->last || !call->framing.keep_alive) {
		RD_TRY(rd_buf_put_str(out, "\r\nConnection: close"));
	}
	return rd_buf_put_str(out, "\r\n");
}

static enum rd_status put_answer(struct rd_buf *out, const struct rd_http_call *call, int status,
	const struct rd_http_header *headers, size_t n_headers, struct rd_view body)
{
	RD_TRY(put_status(out, call, status, body.len));
	for (size_t i = 0; i < n_headers; i++) {
		assert(is_within_line(headers[i].name) && is_within_line(headers[i].value));
		RD_TRY(rd_buf_put_view(out, headers[i].name));
		RD_TRY(rd_buf_put(out, ": ", 2));
		RD_TRY(rd_buf_put_view(out, headers[i].value));
		RD_TRY(rd_buf_put(out, "\r\n", 2));
	}
	RD_TRY(rd_buf_put(out, "\r\n", 2));
	return rd_buf_put_view(out, body);
}

/* In one piece of memory. None when it is short: then the connection is closed without an answer.
 */
static void format(struct rd_http_call *call, int status, const struct rd_http_header *headers,
	size_t n_headers, struct rd_view body)
{
	size_t size = STATUS_MAX + body.len;
	struct rd_buf out;

	for (size_t i = 0; i < n_headers; i++) {
		size += headers[i].name.len + headers[i].value.len + 4;
	}
	call->out = malloc(size);
	if (call->out == NULL) {
		return;
	}
	out = rd_buf_fixed(call->out, size);
	if (put_answer(&out, call, status, headers, n_headers, body) != RD_OK) {
		free(rd_steal(&call->out, NULL)); /* the body comes last: it is not in it */
		return;
	}
	call->out_len = out.used;
}

static void wake(struct rd_http_thread *thread)
{
	const uint64_t one = 1;
	ssize_t n = write(thread->wake, &one, sizeof(one));

	/* It fails only when the counter is full: then the thread is awake already. */
	(void)n;
}

void rd_http_answer(struct rd_http_call *call, int status, const struct rd_http_header *headers,
	size_t n_headers, struct rd_view body)
{
	struct rd_http_thread *thread = call->thread;
	bool first;

	format(call, status, headers, n_headers, body);
	if (is_own_thread(thread)) {
		rd_http_connection_send(call);
		return;
	}
	(void)pthread_mutex_lock(&thread->lock);
	first = thread->answered == NULL;
	call->next_answered = thread->answered;
	thread->answered = call;
	(void)pthread_mutex_unlock(&thread->lock);
	/* Whoever has put the first one has woken the thread, and it takes them all. */
	if (first) {
		wake(thread);
	}
}

void rd_http_answer_typed(
	struct rd_http_call *call, int status, const char *type, struct rd_view body)
{
	const struct rd_http_header header = {rd_view_str("Content-Type"), rd_view_str(type)};

	rd_http_answer(call, status, &header, 1, body);
}

void rd_http_batch_add(struct rd_http_batch *batch, struct rd_http_call *call,
	void (*resume)(void *arg), void *arg)
{
	call->resume = resume;
	call->resume_arg = arg;
	call->next_answered = batch->first;
	batch->first = call;
}

/* The calls of the first one's thread, out of the batch. */
static struct rd_http_call *take_of_one_thread(
	struct rd_http_batch *batch, struct rd_http_call **ret_last)
{
	struct rd_http_thread *thread = batch->first->thread;
	struct rd_http_call **at = &batch->first, *taken = NULL;

	while (*at != NULL) {
		struct rd_http_call *call = *at;

		if (call->thread != thread) {
			at = &call->next_answered;
			continue;
		}
		*at = call->next_answered;
		call->next_answered = taken;
		*ret_last = taken == NULL ? call : *ret_last;
		taken = call;
	}
	return taken;
}

void rd_http_batch_send(struct rd_http_batch *batch)
{
	while (batch->first != NULL) {
		struct rd_http_call *last = NULL;
		struct rd_http_call *first = take_of_one_thread(batch, &last);
		struct rd_http_thread *thread = first->thread;
		bool wakes;

		(void)pthread_mutex_lock(&thread->lock);
		wakes = thread->answered == NULL;
		last->next_answered = thread->answered;
		thread->answered = first;
		(void)pthread_mutex_unlock(&thread->lock);
		if (wakes) {
			wake(thread);
		}
	}
}

/* --- a thread --- */

static void send_answers(struct rd_http_thread *thread)
{
	struct rd_http_call *call;

	(void)pthread_mutex_lock(&thread->lock);
	call = rd_steal(&thread->answered, NULL);
	(void)pthread_mutex_unlock(&thread->lock);
	while (call != NULL) {
		struct rd_http_call *next = call->next_answered;
		void (*resume)(void *arg) = rd_steal(&call->resume, NULL);

		if (resume != NULL) {
			resume(call->resume_arg);
		} else {
			rd_http_connection_send(call);
		}
		call = next;
	}
}

/* Stopping: who waits for a request is let go. Closing: everybody but those whose call is with the
 * owner, who must still find it when it answers. */
static void let_go(struct rd_http_thread *thread)
{
	bool all = atomic_load(&thread->server->closing);
	struct rd_http_call *call = thread->connections;

	while (call != NULL) {
		struct rd_http_call *next = call->next;

		if (all ? call->state != RD_HTTP_CALL
			: call->state == RD_HTTP_HEAD && !call->begun) {
			rd_http_connection_close(call);
		}
		call = next;
	}
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct rd_http_thread *thread = arg;
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));

	(void)n;
	(void)what;
	send_answers(thread);
	if (!atomic_load(&thread->server->stopping)) {
		return;
	}
	if (thread->accept_event != NULL) {
		event_free(rd_steal(&thread->accept_event, NULL));
	}
	let_go(thread);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct rd_http_thread *thread = arg;
	struct sockaddr_storage address;
	struct timeval pause = {.tv_usec = ACCEPT_PAUSE_MS * 1000};

	(void)what;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		socklen_t len = sizeof(address);
		int client = accept4(
			fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (client < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
				errno == ENOBUFS) {
				(void)event_del(thread->accept_event);
				(void)evtimer_add(thread->again_timer, &pause);
			}
			return;
		}
		rd_http_connection_open(thread, client, (struct sockaddr *)&address);
	}
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	struct rd_http_thread *thread = arg;

	(void)fd;
	(void)what;
	if (thread->accept_event != NULL) {
		(void)event_add(thread->accept_event, NULL);
	}
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	rd_http_connections_check(arg);
}

static void *serve(void *arg)
{
	struct rd_http_thread *thread = arg;
	struct rd_http_server *server = thread->server;

	thread->self = pthread_self();
	while (!atomic_load(&server->stopping) || thread->accept_event != NULL ||
		thread->connections != NULL) {
		if (event_base_loop(thread->base, EVLOOP_ONCE) < 0) {
			break;
		}
		if (server->config.turn != NULL) {
			server->config.turn(server->config.ctx);
		}
	}
	return NULL;
}

/* -1 with errno set. */
static int open_listener(const char *address, uint16_t port)
{
	struct sockaddr_storage storage = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&storage;
	socklen_t len = sizeof(*v4);
	int on = 1, fd;

	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
	} else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		len = sizeof(*v6);
	} else {
		errno = EINVAL;
		return -1;
	}
	fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -1;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
		bind(fd, (struct sockaddr *)&storage, len) != 0 || listen(fd, BACKLOG) != 0) {
		rd_fd_close(&fd);
	}
	return fd;
}

static uint16_t port_of(int fd)
{
	union {
		struct sockaddr_in6 v6;
		struct sockaddr_in v4;
		struct sockaddr any;
	} name = {.v6 = {0}};
	socklen_t len = sizeof(name);

	if (getsockname(fd, &name.any, &len) != 0) {
		return 0;
	}
	switch (name.any.sa_family) {
	case AF_INET:
		return ntohs(name.v4.sin_port);
	case AF_INET6:
		return ntohs(name.v6.sin6_port);
	default:
		return 0;
	}
}

static enum rd_status start_thread(struct rd_http_thread *thread)
{
	struct event_config *config = event_config_new();
	unsigned tick_ms = rd_http_tick_ms(&thread->server->config.limits);
	const struct timeval tick = {.tv_sec = tick_ms / 1000, .tv_usec = tick_ms % 1000 * 1000};
	sigset_t all, old;

	RD_ENSURE(config != NULL, RD_NOMEM);
	/* One thread, one loop: nothing is shared, so nothing is locked. */
	(void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	(void)event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
	thread->base = event_base_new_with_config(config);
	event_config_free(config);
	thread->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	RD_ENSURE(thread->base != NULL && thread->wake >= 0, RD_NOMEM);
	thread->accept_event = event_new(
		thread->base, thread->server->listener, EV_READ | EV_PERSIST, on_accept, thread);
	thread->wake_event = event_new(
		thread->base, thread->wake, EV_READ | EV_PERSIST, on_wake, thread);
	thread->again_timer = evtimer_new(thread->base, on_again, thread);
	thread->tick_timer = event_new(thread->base, -1, EV_PERSIST, on_tick, thread);
	RD_ENSURE(thread->accept_event != NULL && thread->wake_event != NULL &&
			  thread->again_timer != NULL && thread->tick_timer != NULL &&
			  event_add(thread->accept_event, NULL) == 0 &&
			  event_add(thread->wake_event, NULL) == 0 &&
			  event_add(thread->tick_timer, &tick) == 0,
		RD_NOMEM);
	/* Signals are the main thread's. */
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	thread->started = pthread_create(&thread->thread, NULL, serve, thread) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return thread->started ? RD_OK : RD_NOMEM;
}

static void finish_thread(struct rd_http_thread *thread)
{
	struct event *events[] = {
		thread->accept_event, thread->wake_event, thread->again_timer, thread->tick_timer};

	for (size_t i = 0; i < RD_ARRAY_LEN(events); i++) {
		if (events[i] != NULL) {
			event_free(events[i]);
		}
	}
	if (thread->base != NULL) {
		event_base_free(thread->base);
	}
	rd_fd_close(&thread->wake);
	(void)pthread_mutex_destroy(&thread->lock);
}

static enum rd_status start(struct rd_http_server *server, struct rd_error *err)
{
	const struct rd_http_config *config = &server->config;

	if (config->listener > 0) {
		server->listener = fcntl(config->listener, F_DUPFD_CLOEXEC, 0);
		if (server->listener < 0) {
			return rd_fail_errno(err, errno, "cannot listen on the socket given");
		}
	} else {
		server->listener = open_listener(config->address, config->port);
	}
	if (server->listener < 0) {
		return rd_fail_errno(err, errno, "cannot listen on %s port %u", config->address,
			(unsigned)config->port);
	}
	server->port = port_of(server->listener);
	for (unsigned i = 0; i < config->threads; i++) {
		struct rd_http_thread *thread = &server->threads[i];

		if (start_thread(thread) != RD_OK) {
			return rd_fail(err, RD_NOMEM, "cannot start HTTP thread %u", i);
		}
	}
	return RD_OK;
}

enum rd_status rd_http_server_new(
	const struct rd_http_config *config, struct rd_http_server **ret, struct rd_error *err)
{
	struct rd_http_server *server = calloc(1, sizeof(*server));
	enum rd_status st;

	if (server == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	server->config = *config;
	atomic_init(&server->connections_max, config->limits.connections);
	server->listener = -1;
	server->threads = calloc(config->threads, sizeof(*server->threads));
	if (server->threads == NULL ||
		rd_http_peers_new(config->limits.per_peer, &server->peers) != RD_OK) {
		free(server->threads);
		free(server);
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	for (unsigned i = 0; i < config->threads; i++) {
		server->threads[i].server = server;
		server->threads[i].number = i;
		server->threads[i].wake = -1;
		(void)pthread_mutex_init(&server->threads[i].lock, NULL);
	}
	st = start(server, err);
	if (st != RD_OK) {
		rd_http_server_free(&server, 0);
		return st;
	}
	*ret = server;
	return RD_OK;
}

void rd_http_server_limit(struct rd_http_server *server, unsigned connections, unsigned per_peer)
{
	atomic_store(&server->connections_max, connections);
	rd_http_peers_limit(server->peers, per_peer);
}

uint16_t rd_http_server_port(const struct rd_http_server *server)
{
	return server->port;
}

static void wake_all(struct rd_http_server *server)
{
	for (unsigned i = 0; i < server->config.threads; i++) {
		if (server->threads[i].started) {
			wake(&server->threads[i]);
		}
	}
}

/* Until no connection is left, or the grace is over. */
static void wait_for_connections(struct rd_http_server *server, unsigned grace_ms)
{
	const struct timespec step = {.tv_nsec = 10000000};

	for (unsigned waited = 0; waited < grace_ms; waited += 10) {
		if (atomic_load(&server->connections) == 0) {
			return;
		}
		(void)nanosleep(&step, NULL);
	}
}

void rd_http_server_free(struct rd_http_server **server_p, unsigned grace_ms)
{
	struct rd_http_server *server = rd_steal(server_p, NULL);

	if (server == NULL) {
		return;
	}
	atomic_store(&server->stopping, true);
	wake_all(server);
	wait_for_connections(server, grace_ms);
	atomic_store(&server->closing, true);
	wake_all(server);
	for (unsigned i = 0; i < server->config.threads; i++) {
		if (server->threads[i].started) {
			(void)pthread_join(server->threads[i].thread, NULL);
		}
		finish_thread(&server->threads[i]);
	}
	rd_fd_close(&server->listener);
	rd_http_peers_free(&server->peers);
	free(server->threads);
	free(server);
}

void rd_http_server_stats(const struct rd_http_server *server, struct rd_http_stats *ret)
{
	ret->connections = atomic_load(&server->connections);
	ret->accepted = atomic_load(&server->accepted);
	ret->requests = atomic_load(&server->requests);
	for (int i = 0; i < RD_HTTP_REFUSAL_COUNT; i++) {
		ret->refusals[i] = atomic_load(&server->refusals[i]);
	}
}
