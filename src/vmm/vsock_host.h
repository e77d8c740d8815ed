/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's end of the guest's vsock: what lib/vsock asks for, done with sockets and services.
 *
 *	guest → (3, 9000)  heartbeat        vsock_service.c
 *	guest → (0, NSM)   NSM requests     vsock_service.c
 *	guest → (0, EXIT)  end report       vsock_service.c
 *	guest → (3, port)  vsock.sock_<port>, through the connector     vsock_stream.c
 *	vsock.sock → guest "CONNECT <port>\n", "OK <n>\n"               vsock_stream.c
 *
 * An enclave whose parent is an instance has a link to the parent's vmm in place of the last two
 * (peer.h), and a parent has links to its enclaves and one service:
 *
 *	guest → (0, NCLI)  nitro-cli's requests   control_port.c
 */
#ifndef RD_VMM_VSOCK_HOST_H
#define RD_VMM_VSOCK_HOST_H

#include "base/error.h"
#include "os/loop.h"
#include "vsock/device.h"
#include "vsock/guest.h"

#include "connector.h"
#include "engine.h"
#include "nsm_service.h"

/* Host clients that have connected and not said to which port yet. */
#define RD_HANDSHAKES_MAX 64
/* "CONNECT 4294967295\n" and a little. */
#define RD_HANDSHAKE_LINE_MAX 32
#define RD_HANDSHAKE_MS       5000

struct rd_vsock_host_events {
	void (*heartbeat)(void *ctx);
	void (*wrong_heartbeat)(void *ctx, uint8_t byte);
	void (*end_report)(void *ctx, const struct rd_guest_end *end);
	/* The other end of a link has gone; an enclave's cid, or RD_CID_PARENT in an enclave. */
	void (*peer_gone)(void *ctx, uint32_t cid);
	/*
	 * A parent's guest has a request: a connected socket on which redoubtd answers as it does
	 * nitro-cli (SOCK_SEQPACKET). Anything but RD_OK: not now.
	 */
	enum rd_status (*client)(void *ctx, int *ret_sock);
};

struct rd_vsock_host_config {
	uint32_t guest_cid; /* RD_CID_PARENT: the guest is a parent */
	int listener;       /* vsock.sock, listening; borrowed; -1: this guest has none */
	struct rd_connector *connector; /* NULL: the same */
	struct rd_nsm_service *nsm;     /* NULL for a parent */
	uint64_t control_memory;        /* a parent's: bytes that its guest may have in uploads; 0:
					   no control port */
	const struct rd_engine_ops *engine_ops;
	struct rd_engine *engine;
	struct rd_loop *loop;
	const struct rd_vsock_host_events *events;
	void *ctx;
};

struct rd_vsock_host;

enum rd_status rd_vsock_host_new(const struct rd_vsock_host_config *config,
	struct rd_vsock_host **ret, struct rd_error *err) RD_MUST_USE;
/* Ends all streams. NULL is accepted. */
void rd_vsock_host_free(struct rd_vsock_host **host);

/* The engine's events: the guest kicked a queue, or let go of one. */
void rd_vsock_host_kicked(struct rd_vsock_host *host);
void rd_vsock_host_stopped(struct rd_vsock_host *host);

/* The device's configuration space and features, for the engine. */
void rd_vsock_host_device_config(uint32_t guest_cid, uint8_t ret_config[RD_VSOCK_CONFIG_SIZE]);
#define RD_VSOCK_HOST_FEATURES RD_VIRTIO_F_RINGS

#endif
