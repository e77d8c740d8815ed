/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's server: its listening socket and its connections, in one thread. */
#ifndef GATEWAY_SERVER_H
#define GATEWAY_SERVER_H

#include "crypto/tls.h"
#include "gateway/desk.h"

/* Some tens of clients are many for an acquirer's link; who is behind these is turned away. */
#define GW_CONNECTIONS_MAX 256

struct gw_server;

/*
 * Listens at "HOST:PORT", an address in digits ("[::1]:0"; port 0: the kernel chooses); *ret_port
 * tells. tls and books stay the caller's.
 */
enum rd_status gw_server_new(struct rd_loop *loop, const char *listen, struct rd_tls_server *tls,
	struct gw_books *books, struct gw_server **ret, uint16_t *ret_port, struct rd_error *err)
	RD_MUST_USE;
/* Accepts NULL; clears the caller's pointer. */
void gw_server_free(struct gw_server **server);

#endif
