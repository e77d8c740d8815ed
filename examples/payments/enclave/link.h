/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The enclave's end of the link to the server: one connection at a time, frames in and out.
 *
 * A new connection takes the place of the old one: a server that was killed and started again does
 * not wait for the end of a connection that nobody closes. On a Unix socket the first line is
 * "CONNECT <port>\n", answered with "OK <port>\n", as the vmm does for a guest.
 *
 * What is sent waits in memory while the server does not read, LINK_OUT_MAX bytes at most; then the
 * link is closed.
 */
#ifndef ENCLAVE_LINK_H
#define ENCLAVE_LINK_H

#include "enclave/transport.h"
#include "os/loop.h"
#include "wire/link.h"

/* All open questions' answers and a few documents: 256 of 12 KiB. */
#define LINK_OUT_MAX (4u << 20)

struct link_events {
	/* m and what it points to are good until the call returns. */
	void (*message)(void *arg, const struct pay_message *m);
	void (*closed)(void *arg);
	void *arg;
};

struct link {
	struct rd_loop *loop;
	struct link_events events;
	int listener, fd; /* -1: none */
	struct rd_watch *listener_watch, *watch;
	bool greets; /* a CONNECT line comes first */
	bool ready;  /* it has come */
	uint64_t next_id;
	struct rd_buf out;
	size_t out_sent;
	size_t in_used;
	uint8_t in[sizeof(uint32_t) + PAY_FRAME_MAX];
};

/* Listens. The caller's storage, zero-initialised; ended with link_finish, also after a failure. */
enum rd_status link_init(struct link *link, struct rd_loop *loop, const struct transport *at,
	const struct link_events *events, struct rd_error *err) RD_MUST_USE;
void link_finish(struct link *link);

/* Queues a message. A link that is not there, or that is closed by this, is not an error: events
 * say so. RD_USAGE: the message makes no sense. */
enum rd_status link_send(struct link *link, const struct pay_message *m) RD_MUST_USE;

/* The id of the next question of ours. */
static inline uint64_t link_next_id(struct link *link)
{
	return ++link->next_id;
}

/* Says why (ERROR with id 0) and closes. */
void link_refuse(struct link *link, const char *text);

#endif
