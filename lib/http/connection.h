/* SPDX-License-Identifier: Apache-2.0 */
/* What server.c and connection.c share; for nobody else. */
#ifndef RD_HTTP_CONNECTION_H
#define RD_HTTP_CONNECTION_H

#include "http/server.h"
#include "http/stream.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

struct sockaddr;

/* Addresses of clients and how many connections each has. */
struct rd_http_peers;

/* A time as a Date header has it (RFC 9110 5.6.7), with its NUL. */
#define RD_HTTP_DATE_SIZE 40

struct rd_http_thread {
	struct rd_http_server *server;
	unsigned number;
	pthread_t thread; /* to be joined */
	pthread_t self;   /* the same, as the thread itself knows it */
	bool started;
	int wake; /* eventfd: answers from other threads, or the end */
	struct event_base *base;
	struct event *accept_event, *wake_event, *again_timer, *tick_timer;
	struct rd_http_call *connections; /* a list; only this thread touches it */
	time_t date_s;                    /* of date, which is this thread's alone, too */
	char date[RD_HTTP_DATE_SIZE];
	pthread_mutex_t lock;          /* of what follows */
	struct rd_http_call *answered; /* or to be resumed; linked through next_answered */
};

struct rd_http_server {
	struct rd_http_config config;
	struct rd_http_thread *threads;
	struct rd_http_peers *peers;
	int listener; /* all threads accept from it */
	uint16_t port;
	atomic_bool stopping;
	atomic_bool closing; /* stopping, and the grace is over */
	atomic_uint connections_max;
	atomic_uint_fast64_t connections, accepted, requests;
	atomic_uint_fast64_t refusals[RD_HTTP_REFUSAL_COUNT];
};

enum rd_http_state {
	RD_HTTP_HEAD,   /* waits for a request's first byte, or reads its head */
	RD_HTTP_BODY,   /* the head is read */
	RD_HTTP_CALL,   /* the owner has it */
	RD_HTTP_WRITE,  /* an answer is on its way */
	RD_HTTP_LINGER, /* the last answer is out; what still comes is thrown away */
	RD_HTTP_CLOSED, /* to be freed */
};

/* A connection, and the one call that it has at a time. */
struct rd_http_call {
	struct rd_http_thread *thread;
	struct rd_http_call *prev, *next;
	struct rd_http_stream stream;
	struct event on_readable, on_writable;
	enum rd_http_state state;
	uint64_t deadline_ms; /* of the monotonic clock; 0: none */
	bool driven;          /* its states are being run through */
	bool readable;        /* it may have more bytes, or the end, at once */
	bool ended;           /* the client has sent its last byte, which may not be read yet */
	bool begun;           /* HEAD: the first byte has come */
	bool last;            /* close after this answer */
	bool write_reads;     /* WRITE: TLS must read before it can go on */
	bool moved;           /* the request's views point to where its bytes were */
	uint8_t *in;          /* bytes of this request, and of what comes behind it */
	size_t in_used, in_cap;
	struct rd_http_framing framing;
	struct rd_http_request request;
	uint8_t *out; /* the answer, made by whoever answers; NULL: there was no memory */
	size_t out_len, out_sent;
	struct rd_http_call *next_answered; /* in its thread's list, or in a batch */
	void (*resume)(void *arg);          /* NULL: it is answered */
	void *resume_arg;
};

/* server.c. The time now; to be asked by the thread itself. */
const char *rd_http_date(struct rd_http_thread *thread);

/* connection.c; all from the connection's own thread. */
void rd_http_connection_open(struct rd_http_thread *thread, int fd, const struct sockaddr *address);
void rd_http_connection_send(struct rd_http_call *call);
void rd_http_connection_close(struct rd_http_call *call);
/* Lets go of those whose time is over. To be called every rd_http_tick_ms. */
void rd_http_connections_check(struct rd_http_thread *thread);
unsigned rd_http_tick_ms(const struct rd_http_limits *limits);

/* peers.c. enter: false when this address has as many as it may; address is its text. */
enum rd_status rd_http_peers_new(unsigned per_peer, struct rd_http_peers **ret) RD_MUST_USE;
void rd_http_peers_limit(struct rd_http_peers *peers, unsigned per_peer);
void rd_http_peers_free(struct rd_http_peers **peers);
bool rd_http_peers_enter(struct rd_http_peers *peers, const char *address);
void rd_http_peers_leave(struct rd_http_peers *peers, const char *address);

#endif
