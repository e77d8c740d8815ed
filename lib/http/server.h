/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 server on libevent, with TLS, for programs that answer small requests (redoubt-kms,
 * redoubt-ec2). Every limit is the caller's; the server enforces them before a byte reaches it.
 *
 * Threads: each has an event loop of its own, takes connections from the one listening socket, and
 * calls `handle` from that loop. A call may be answered at once, later, or from another thread;
 * until then its connection's next request waits, and no other connection does.
 */
#ifndef RD_HTTP_SERVER_H
#define RD_HTTP_SERVER_H

#include "base/bytes.h"
#include "base/error.h"
#include "http/request.h"

struct rd_tls_server; /* crypto/tls.h: certificate and key; may be exchanged while it serves */
struct rd_http_server;
struct rd_http_call;

/* What the server refuses by itself, so that the owner can give it its own form. */
enum rd_http_refusal {
	RD_HTTP_BAD_REQUEST,   /* 400, not HTTP/1.x, or a body without a length we accept */
	RD_HTTP_TOO_LARGE,     /* 413 */
	RD_HTTP_TIMEOUT,       /* 408 */
	RD_HTTP_HEADERS_LARGE, /* 431 */
	RD_HTTP_OVERLOADED,    /* 503, more connections or calls than allowed */
	RD_HTTP_REFUSAL_COUNT
};

struct rd_http_limits {
	size_t body_max;
	size_t headers_max;   /* bytes of request line and headers together */
	unsigned header_ms;   /* from the first byte, or from accept, to the end of the headers */
	unsigned body_ms;     /* for the whole body */
	unsigned idle_ms;     /* between requests */
	unsigned write_ms;    /* for an answer to be taken */
	unsigned connections; /* in all threads together */
	unsigned per_peer;    /* of one address; 0: no limit of its own */
};

struct rd_http_config {
	/* A listening socket of the owner's (a Unix one, say) instead of address and port; 0 or -1:
	 * none. Duplicated: the owner may close it. */
	int listener;
	const char *address; /* "127.0.0.1", "::", … */
	uint16_t port;       /* 0: the kernel chooses; rd_http_server_port tells */
	unsigned threads;
	struct rd_tls_server *tls; /* NULL: plain */
	bool one_request;          /* a connection ends with its first answer */
	struct rd_http_limits limits;
	/* From thread number `thread`; the call is the owner's until rd_http_answer. */
	void (*handle)(void *ctx, unsigned thread, const struct rd_http_request *request,
		struct rd_http_call *call);
	/* Content-Type and body of an answer that the server gives by itself. Static storage. */
	void (*refusal)(
		void *ctx, enum rd_http_refusal what, const char **ret_type, const char **ret_body);
	/* After each turn of a thread's loop, for what is better done once for several calls. May
	 * be NULL. */
	void (*turn)(void *ctx);
	void *ctx;
};

/* Listens at once; serves from the threads that it starts. */
enum rd_status rd_http_server_new(const struct rd_http_config *config, struct rd_http_server **ret,
	struct rd_error *err) RD_MUST_USE;
/* New limits on connections; those that are there stay. From any thread. */
void rd_http_server_limit(struct rd_http_server *server, unsigned connections, unsigned per_peer);
uint16_t rd_http_server_port(const struct rd_http_server *server);
/*
 * Accepts no more, lets connections end for at most grace_ms, then closes those that are left, but
 * waits for the owner to answer every call that it has, and joins the threads. Accepts NULL; clears
 * the caller's pointer.
 */
void rd_http_server_free(struct rd_http_server **server, unsigned grace_ms);

/* From any thread, once a call. Header names and values are ours: no CR, LF or NUL (asserted). */
void rd_http_answer(struct rd_http_call *call, int status, const struct rd_http_header *headers,
	size_t n_headers, struct rd_view body);
/* The same, with a Content-Type and no other header of the owner's. */
void rd_http_answer_typed(
	struct rd_http_call *call, int status, const char *type, struct rd_view body);

/*
 * For a thread of the owner's that is done with many calls at once: they are collected, and sent
 * back to their connections' threads, each of which is woken once. There resume(arg) is called for
 * each; it answers. A batch is one thread's, and begins as {0}.
 */
struct rd_http_batch {
	struct rd_http_call *first;
};

void rd_http_batch_add(struct rd_http_batch *batch, struct rd_http_call *call,
	void (*resume)(void *arg), void *arg);
void rd_http_batch_send(struct rd_http_batch *batch);

struct rd_http_stats {
	uint64_t connections; /* open now */
	uint64_t accepted, requests, refusals[RD_HTTP_REFUSAL_COUNT];
};
void rd_http_server_stats(const struct rd_http_server *server, struct rd_http_stats *ret);

#endif
