/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of an enclave: find the remote's address, connect, relay. */
#ifndef RD_VSOCK_PROXY_SESSION_H
#define RD_VSOCK_PROXY_SESSION_H

#include "os/loop.h"

#include "log/log.h"
#include "vsock-proxy/allowlist.h"
#include "vsock-proxy/relay.h"
#include "vsock-proxy/resolve.h"

#include <stdint.h>

/* For one address, before the next is tried. A SYN that is lost twice is sent again after 3 s. */
#define RD_SESSION_CONNECT_MS 5000

/*
 * After one side has ended, the other has this long for its next byte. An open connection may be
 * idle for ever, as with the original; TCP's keep-alive finds out when its peer is gone.
 */
#define RD_SESSION_HALF_IDLE_MS 600000

struct rd_session;

/* What the sessions of a proxy share. */
struct rd_session_shared {
	struct rd_loop *loop;
	struct rd_resolve *resolve;
	const struct rd_allowlist *allowlist;
	const char *remote;
	uint16_t port;
	uint8_t *scratch; /* RD_RELAY_CHUNK */
	struct rd_session *first;
	unsigned count;
	struct rd_log_brake brake;    /* for "cannot reach" lines */
	void (*all_ended)(void *arg); /* the last session is gone */
	void *arg;
};

/* Takes the client's socket, also when it fails. The session frees itself when it has ended. */
enum rd_status rd_session_start(struct rd_session_shared *shared, int take_client) RD_MUST_USE;

/* Ends every session now. */
void rd_session_end_all(struct rd_session_shared *shared);

#endif
