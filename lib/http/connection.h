/* SPDX-License-Identifier: Apache-2.0 */
/* What server.c and connection.c share; for nobody else. */
#ifndef RD_HTTP_CONNECTION_H
#define RD_HTTP_CONNECTION_H

#include "http/server.h"

#include <pthread.h>
#include <stdatomic.h>

struct bufferevent;
struct event;
struct event_base;
struct evbuffer;
struct sockaddr;

/* Addresses of clients and how many connections each has. */
struct rd_http_peers;

struct rd_http_thread {
	struct rd_http_server *server;
	unsigned number;
	pthread_t thread; /* to be joined */
	pthread_t self;   /* the same, as the thread itself knows it */
	bool started;
	int wake; /* eventfd: answers from other threads, or the end */
	struct event_base *base;
	struct event *accept_event, *wake_event, *again_timer;
	struct rd_http_call *connections; /* a list; only this thread touches it */
	pthread_mutex_t lock;             /* of what follows */
	struct rd_http_call *answered;    /* singly linked through next_answered */
};

struct rd_http_server {
	struct rd_http_config config;
	struct rd_http_thread *threads;
	struct rd_http_peers *peers;
	int listener; /* all threads accept from it */
	uint16_t port;
	atomic_bool stopping;
	atomic_bool closing; /* stopping, and the grace is over */
	atomic_uint_fast64_t connections, accepted, requests;
	atomic_uint_fast64_t refusals[RD_HTTP_REFUSAL_COUNT];
};

/* server.c. The time now as a Date header has it (RFC 9110 5.6.7). */
#define RD_HTTP_DATE_SIZE 40
void rd_http_date(char ret_text[RD_HTTP_DATE_SIZE]);

enum rd_http_state {
	RD_HTTP_HEAD,   /* waits for a request's first byte, or reads its head */
	RD_HTTP_BODY,   /* the head is read */
	RD_HTTP_CALL,   /* the owner has it */
	RD_HTTP_WRITE,  /* an answer is on its way */
	RD_HTTP_LINGER, /* the last answer is out; what still comes is thrown away */
};

/* A connection, and the one call that it has at a time. */
struct rd_http_call {
	struct rd_http_thread *thread;
	struct rd_http_call *prev, *next;
	struct bufferevent *bev;
	struct event *deadline;
	enum rd_http_state state;
	bool begun;       /* HEAD: the first byte has come */
	bool gone;        /* CALL: the client's connection broke */
	bool half_closed; /* it will send nothing more */
	bool last;        /* close after this answer */
	uint8_t *bytes;   /* the request's copy: head, then body once that is whole */
	size_t bytes_len; /* of bytes: what is there, not what is announced */
	size_t head_len;  /* of bytes */
	struct rd_http_framing framing;
	struct rd_http_request request;
	struct evbuffer *answer; /* made by whoever answers */
	struct rd_http_call *next_answered;
};

/* connection.c; all from the connection's own thread. */
void rd_http_connection_open(struct rd_http_thread *thread, int fd, const struct sockaddr *address);
void rd_http_connection_send(struct rd_http_call *call);
void rd_http_connection_close(struct rd_http_call *call);

/* peers.c. enter: false when this address has as many as it may; address is its text. */
enum rd_status rd_http_peers_new(unsigned per_peer, struct rd_http_peers **ret) RD_MUST_USE;
void rd_http_peers_free(struct rd_http_peers **peers);
bool rd_http_peers_enter(struct rd_http_peers *peers, const char *address);
void rd_http_peers_leave(struct rd_http_peers *peers, const char *address);

#endif
