/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The enclave's TLS session with the payment gateway, over vsock or a Unix socket.
 *
 *	DOWN → CONNECTING → HANDSHAKE → UP, and back to DOWN when anything breaks
 *
 * TLS ends here: the parent, which carries the bytes, can cut the connection and nothing else.
 * While it is wanted it is made again, GATEWAY_RETRY_MS after it broke. Answers come in any order;
 * whose they are is the owner's to find out. Messages are card/gateway_message.h's, each behind its
 * length.
 */
#ifndef ENCLAVE_GATEWAY_H
#define ENCLAVE_GATEWAY_H

#include "card/gateway_message.h"
#include "crypto/tls_client.h"
#include "enclave/config.h"
#include "enclave/transport.h"
#include "os/loop.h"

/* A gateway that starts again is there soon; a connection attempt costs the parent's proxy little.
 */
#define GATEWAY_RETRY_MS 500
/* From the connection's beginning to the end of the handshake. */
#define GATEWAY_CONNECT_MS 10000
/* TLS records that wait for the socket: every open payment's message, and as many repeated. */
#define GATEWAY_OUT_MAX (512u << 10)

enum gateway_state { GATEWAY_DOWN, GATEWAY_CONNECTING, GATEWAY_HANDSHAKE, GATEWAY_UP };

struct gateway_events {
	void (*up)(void *arg);
	void (*down)(void *arg);
	void (*answer)(void *arg, const struct pay_gateway_answer *answer);
	void *arg;
};

struct gateway {
	struct rd_loop *loop;
	const struct config *config;
	struct transport transport;
	struct gateway_events events;
	enum gateway_state state;
	struct rd_tls_client *tls;
	struct rd_tls_session *session;
	int fd; /* -1: none */
	struct rd_watch *watch, *timer;
	struct rd_buf out; /* TLS records; wiping is not needed, but plain bytes never are here */
	size_t out_sent;
	size_t in_used;
	uint8_t in[PAY_ISO_FRAME_MAX]; /* plain */
	char why[RD_ERROR_TEXT_MAX];   /* of the last failure */
};

/* Reads the CA file and begins to connect. The caller's storage, zero-initialised but for config,
 * transport and events; ended with gateway_finish, also after a failure. */
enum rd_status gateway_init(struct gateway *g, struct rd_loop *loop, struct rd_error *err)
	RD_MUST_USE;
void gateway_finish(struct gateway *g);

/* RD_UNAVAILABLE: not UP; nothing was sent. RD_USAGE and others: the request makes no sense. */
enum rd_status gateway_send(struct gateway *g, const struct pay_gateway_request *request)
	RD_MUST_USE;

/* Breaks the session off; it is made again. */
void gateway_reset(struct gateway *g, const char *why);

#endif
