/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load for a key server: signed requests over keep-alive connections, from one thread with epoll.
 *
 * kms-load PORT OPERATION BODIES CONNECTIONS SECONDS [RATE]
 *
 * BODIES has a request's JSON on each line; they are sent in turn, each signed anew when its
 * signature is SIGN_S old. Without RATE every connection sends its next request as soon as it has
 * its answer; with it RATE requests a second fall due, and one that finds no free connection waits:
 * its latency counts from when it was due, so a server that stalls cannot hide it. To 127.0.0.1
 * only, for at most SECONDS_MAX. AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are in the
 * environment.
 *
 * Prints: answers per second, p50 and p99 in µs, answers other than 200, bytes of the last answer.
 */
#include "aws/sigv4.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 512
#define SECONDS_MAX     60
#define BODIES_MAX      65536
/* An attestation document in base64, and what is around it. */
#define BODY_MAX   32768
#define HEAD_MAX   2048
#define ANSWER_MAX 65536
/* Servers take signatures for five minutes. */
#define SIGN_S 20
/* Latencies: 32 steps to each doubling, from a µs on. */
#define STEPS   32
#define BUCKETS (STEPS * 32)
/* Requests that are due and have no connection: a server that is this far behind is overloaded. */
#define WAITING_MAX 65536

struct request {
	struct rd_view body;
	time_t signed_at;
	size_t len;
	char *bytes; /* head and body */
};

struct connection {
	int fd;
	bool busy;
	uint64_t due_ns; /* of the request under way */
	const struct request *request;
	size_t sent;
	size_t got;
	char answer[ANSWER_MAX];
};

struct load {
	uint16_t port;
	const char *operation;
	struct request *requests;
	size_t n_requests, next;
	struct connection *connections;
	size_t n_connections;
	int epoll;
	double rate; /* 0: closed loop */
	uint64_t begin_ns, end_ns;
	uint64_t waiting[WAITING_MAX]; /* due times, a ring */
	size_t first, n_waiting;
	uint64_t scheduled;
	uint64_t answers, failures, counts[BUCKETS];
	size_t answer_size;
};

static void die(const char *what)
{
	fprintf(stderr, "kms-load: %s%s%s\n", what, errno != 0 ? ": " : "",
		errno != 0 ? strerror(errno) : "");
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* --- requests --- */

static void read_bodies(struct load *load, const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	load->requests = calloc(BODIES_MAX, sizeof(*load->requests));
	if (file == NULL || load->requests == NULL) {
		die(path);
	}
	while ((len = getline(&line, &cap, file)) > 1 && load->n_requests < BODIES_MAX) {
		struct request *r = &load->requests[load->n_requests++];

		len -= line[len - 1] == '\n';
		r->bytes = len > BODY_MAX ? NULL : malloc(HEAD_MAX + 2 * (size_t)len);
		if (r->bytes == NULL) {
			die("a body is too long");
		}
		r->body = rd_view(
			memcpy(r->bytes + HEAD_MAX + len, line, (size_t)len), (size_t)len);
	}
	free(line);
	(void)fclose(file);
	if (load->n_requests == 0) {
		errno = 0;
		die("no bodies");
	}
}

static void sign(const struct load *load, struct request *r, time_t now)
{
	char host[32], date[RD_SIGV4_TIME_SIZE], target[64], authorization[1024];
	struct rd_buf out = rd_buf_fixed(authorization, sizeof(authorization));
	struct rd_sigv4_header headers[4];
	struct rd_sigv4_request request = {.method = rd_view_str("POST"),
		.path = rd_view_str("/"),
		.query = rd_view("", 0),
		.headers = headers,
		.n_headers = RD_ARRAY_LEN(headers),
		.body = r->body};
	const struct rd_sigv4_signer signer = {.akid = rd_view_str(getenv("AWS_ACCESS_KEY_ID")),
		.secret = rd_view_str(getenv("AWS_SECRET_ACCESS_KEY")),
		.region = rd_view_str("us-east-1"),
		.service = "kms"};
	int head;

	snprintf(host, sizeof(host), "127.0.0.1:%u", (unsigned)load->port);
	snprintf(target, sizeof(target), "TrentService.%s", load->operation);
	if (rd_sigv4_time(now, date) != RD_OK) {
		die("the clock");
	}
	headers[0] = (struct rd_sigv4_header){rd_view_str("Host"), rd_view_str(host)};
	headers[1] = (struct rd_sigv4_header){
		rd_view_str("Content-Type"), rd_view_str("application/x-amz-json-1.1")};
	headers[2] = (struct rd_sigv4_header){rd_view_str("X-Amz-Date"), rd_view_str(date)};
	headers[3] = (struct rd_sigv4_header){rd_view_str("X-Amz-Target"), rd_view_str(target)};
	if (rd_sigv4_sign(&request, &signer, &out) != RD_OK) {
		die("a request cannot be signed");
	}
	head = snprintf(r->bytes, HEAD_MAX,
		"POST / HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-amz-json-1.1\r\n"
		"X-Amz-Date: %s\r\nX-Amz-Target: %s\r\nAuthorization: %.*s\r\n"
		"User-Agent: kms-load\r\nContent-Length: %zu\r\n\r\n",
		host, date, target, (int)out.used, authorization, r->body.len);
	if (head < 0 || head >= HEAD_MAX) {
		die("a request's head is too long");
	}
	memcpy(r->bytes + head, r->body.ptr, r->body.len);
	r->len = (size_t)head + r->body.len;
	r->signed_at = now;
}

static const struct request *next_request(struct load *load)
{
	struct request *r = &load->requests[load->next++ % load->n_requests];
	time_t now = time(NULL);

	if (now - r->signed_at >= SIGN_S) {
		sign(load, r, now);
	}
	return r;
}

/* --- connections --- */

static void count(struct load *load, uint64_t ns)
{
	uint64_t us = ns / 1000 + 1;
	unsigned log = 63 - (unsigned)__builtin_clzll(us);
	unsigned low = log >= 5 ? (unsigned)(us >> (log - 5)) & (STEPS - 1)
				: (unsigned)(us << (5 - log)) & (STEPS - 1);
	unsigned at = log * STEPS + low;

	load->counts[at < BUCKETS ? at : BUCKETS - 1]++;
}

static double percentile(const struct load *load, double share)
{
	double left = share * (double)load->answers;

	for (unsigned i = 0; i < BUCKETS; i++) {
		left -= (double)load->counts[i];
		if (left <= 0) {
			return (double)(1ULL << (i / STEPS)) * (1 + (double)(i % STEPS) / STEPS);
		}
	}
	return 0;
}

static void push(struct load *load, struct connection *c)
{
	while (c->sent < c->request->len) {
		ssize_t n = send(c->fd, c->request->bytes + c->sent, c->request->len - c->sent,
			MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};

			(void)epoll_ctl(load->epoll, EPOLL_CTL_MOD, c->fd, &event);
			return;
		}
		if (n < 0) {
			die("send");
		}
		c->sent += (size_t)n;
	}
}

static void begin(struct load *load, struct connection *c, uint64_t due_ns)
{
	c->busy = true;
	c->due_ns = due_ns;
	c->request = next_request(load);
	c->sent = 0;
	c->got = 0;
	push(load, c);
}

/* The answer's size, or 0 while it is not whole. */
static size_t whole(const struct connection *c)
{
	const char *end = memmem(c->answer, c->got, "\r\n\r\n", 4);
	const char *length;
	size_t size;

	if (end == NULL) {
		return 0;
	}
	length = memmem(c->answer, (size_t)(end - c->answer), "Content-Length: ", 16);
	if (length == NULL) {
		errno = 0;
		die("an answer has no Content-Length");
	}
	size = (size_t)(end + 4 - c->answer) + strtoul(length + 16, NULL, 10);
	return c->got >= size ? size : 0;
}

static void finish(struct load *load, struct connection *c, size_t size, uint64_t now)
{
	load->answer_size = size;
	load->answers++;
	if (memcmp(c->answer, "HTTP/1.1 200 ", 13) != 0) {
		if (load->failures++ == 0) {
			fprintf(stderr, "kms-load: %.*s\n", (int)size, c->answer);
		}
	}
	count(load, now - c->due_ns);
	c->busy = false;
	if (load->rate == 0) {
		if (now < load->end_ns) {
			begin(load, c, now);
		}
	} else if (load->n_waiting > 0) {
		uint64_t due = load->waiting[load->first];

		load->first = (load->first + 1) % WAITING_MAX;
		load->n_waiting--;
		begin(load, c, due);
	}
}

static void pull(struct load *load, struct connection *c)
{
	ssize_t n = recv(c->fd, c->answer + c->got, sizeof(c->answer) - c->got, 0);
	size_t size;

	if (n < 0 && errno == EAGAIN) {
		return;
	}
	if (n <= 0) {
		die("the server has closed a connection");
	}
	c->got += (size_t)n;
	size = whole(c);
	if (size > 0 && c->busy) {
		finish(load, c, size, now_ns());
	}
}

static void connect_all(struct load *load)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(load->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int on = 1;

	load->epoll = epoll_create1(EPOLL_CLOEXEC);
	load->connections = calloc(load->n_connections, sizeof(*load->connections));
	if (load->epoll < 0 || load->connections == NULL) {
		die("epoll");
	}
	for (size_t i = 0; i < load->n_connections; i++) {
		struct connection *c = &load->connections[i];
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

		c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
			setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
			epoll_ctl(load->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0) {
			die("connect");
		}
	}
}

/* --- the loops --- */

static struct connection *idle(struct load *load)
{
	for (size_t i = 0; i < load->n_connections; i++) {
		if (!load->connections[i].busy) {
			return &load->connections[i];
		}
	}
	return NULL;
}

/* Whatever has fallen due is sent, or waits. Returns ms until the next one. */
static int schedule(struct load *load)
{
	for (;;) {
		uint64_t due = load->begin_ns +
			       (uint64_t)((double)load->scheduled * 1e9 / load->rate);
		uint64_t now = now_ns();
		struct connection *c;

		if (due > now || due > load->end_ns) {
			return due > now + 1000000 ? (int)((due - now) / 1000000) : 0;
		}
		load->scheduled++;
		c = load->n_waiting > 0 ? NULL : idle(load);
		if (c != NULL) {
			begin(load, c, due);
			continue;
		}
		if (load->n_waiting == WAITING_MAX) {
			errno = 0;
			die("the server is overloaded");
		}
		load->waiting[(load->first + load->n_waiting++) % WAITING_MAX] = due;
	}
}

static bool under_way(const struct load *load)
{
	for (size_t i = 0; i < load->n_connections; i++) {
		if (load->connections[i].busy) {
			return true;
		}
	}
	return false;
}

static void turn(struct load *load, int timeout_ms)
{
	struct epoll_event events[64];
	int n = epoll_wait(load->epoll, events, RD_ARRAY_LEN(events), timeout_ms);

	for (int i = 0; i < n; i++) {
		struct connection *c = events[i].data.ptr;

		if ((events[i].events & EPOLLOUT) != 0) {
			struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

			(void)epoll_ctl(load->epoll, EPOLL_CTL_MOD, c->fd, &event);
			push(load, c);
		}
		pull(load, c);
	}
}

static void run(struct load *load, double seconds)
{
	load->begin_ns = now_ns();
	load->end_ns = load->begin_ns + (uint64_t)(seconds * 1e9);
	for (size_t i = 0; i < load->n_connections && load->rate == 0; i++) {
		begin(load, &load->connections[i], now_ns());
	}
	while (now_ns() < load->end_ns || under_way(load)) {
		if (now_ns() > load->end_ns + SECONDS_MAX * UINT64_C(1000000000)) {
			errno = 0;
			die("the server does not answer");
		}
		turn(load, load->rate == 0 ? 100 : schedule(load));
	}
}

int main(int argc, char **argv)
{
	static struct load load;
	double seconds = argc > 5 ? strtod(argv[5], NULL) : 0;

	if ((argc != 6 && argc != 7) || getenv("AWS_ACCESS_KEY_ID") == NULL ||
		getenv("AWS_SECRET_ACCESS_KEY") == NULL) {
		fprintf(stderr,
			"usage: kms-load PORT OPERATION BODIES CONNECTIONS SECONDS [RATE]\n");
		return 2;
	}
	load.port = (uint16_t)strtoul(argv[1], NULL, 10);
	load.operation = argv[2];
	load.n_connections = strtoul(argv[4], NULL, 10);
	load.rate = argc == 7 ? strtod(argv[6], NULL) : 0;
	if (load.n_connections == 0 || load.n_connections > CONNECTIONS_MAX || seconds <= 0 ||
		seconds > SECONDS_MAX) {
		fprintf(stderr, "kms-load: at most %d connections and %d seconds\n",
			CONNECTIONS_MAX, SECONDS_MAX);
		return 2;
	}
	read_bodies(&load, argv[3]);
	connect_all(&load);
	run(&load, seconds);
	printf("%.1f %.0f %.0f %llu %zu\n",
		(double)load.answers * 1e9 / (double)(now_ns() - load.begin_ns),
		percentile(&load, 0.5), percentile(&load, 0.99), (unsigned long long)load.failures,
		load.answer_size);
	return 0;
}
