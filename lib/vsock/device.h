/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtio-vsock device (virtio 1.2, section 5.10) of one guest, without any I/O of its own.
 *
 * It speaks packets to the guest through two virtqueues, whoever set them up (vhost-user,
 * virtio-mmio), and streams to the host through struct rd_vsock_ops. It keeps the connections and
 * their credit, and it knows no file descriptor, clock or event loop.
 *
 *   guest ── tx queue ──► rd_vsock_run ── ops.write ──► host
 *   guest ◄── rx queue ── rd_vsock_run ◄── ops.read ─── host
 *
 * How the host side drives it. Everything is one-shot, so that a level-triggered loop does not
 * spin:
 * - the guest kicked a queue, or ops.schedule asked for it: rd_vsock_run;
 * - a host stream has bytes or ended: stop watching it and call rd_vsock_host_readable. The device
 * calls ops.read until that says RD_AGAIN, which is the moment to watch it again. Without credit or
 * rx buffers it calls ops.read later, by itself;
 * - ops.write took less than it was given: watch for room, once, then rd_vsock_host_writable;
 * - time: rd_vsock_tick, every RD_VSOCK_TICK_MS or more often.
 *
 * All from one thread. Every function may be called from inside an op, except rd_vsock_device_free,
 * and rd_vsock_host_writable from inside ops.write: what that returns says it. A connection may
 * have ended (ops.closed) when a function that was given it returns.
 *
 * What a guest can do wrong. A packet that is no packet is counted and dropped; one that breaks a
 * connection's rules resets that connection; one for nobody is answered with RST. None of it
 * reaches the host's streams or other connections. A slow host stream holds up only its own
 * connection: what it does not take is kept, up to the credit that the guest was given for that
 * connection.
 */
#ifndef RD_VSOCK_DEVICE_H
#define RD_VSOCK_DEVICE_H

#include "base/status.h"
#include "virtio/queue.h"
#include "vsock/guest.h"
#include "vsock/packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/*
 * An enclave can speak to RD_CID_HYPERVISOR and RD_CID_PARENT (vsock/guest.h), a parent, whose own
 * CID is RD_CID_PARENT, to RD_CID_HYPERVISOR and to CIDs of enclaves; ops.connect says which of
 * those there are. Every other CID is answered with RST. This is the smallest CID of an enclave.
 */
#define RD_VSOCK_CID_GUEST_MIN 4u

/* Queue numbers, for ops.notify and the transport (section 5.10.2). The event queue is not ours. */
#define RD_VSOCK_QUEUE_RX 0u
#define RD_VSOCK_QUEUE_TX 1u

/* Bytes of the device's configuration space: the guest's CID, u64 little-endian (section 5.10.4).
 */
#define RD_VSOCK_CONFIG_SIZE 8

/* Connections of one guest at a time. A slot is small; a server of 1,000 clients fits. */
#define RD_VSOCK_CONNECTIONS_MAX 1024
/*
 * Of these, so many are for RD_CID_HYPERVISOR alone, which the rate of connections does not bind
 * either: whatever an application holds or floods, its NSM and its end report get through.
 */
#define RD_VSOCK_CONNECTIONS_RESERVED 16
#define RD_VSOCK_CONNECTIONS_PARENT   (RD_VSOCK_CONNECTIONS_MAX - RD_VSOCK_CONNECTIONS_RESERVED)
/* Connections that the host has not yet answered: each is work in hand for the connector. */
#define RD_VSOCK_PENDING_MAX 256
/* New connections from the guest per second; a burst of one second's worth is let through. */
#define RD_VSOCK_CONNECTS_PER_S 2000
/* What the guest may send ahead of a slow host stream, per connection: Linux's own default. */
#define RD_VSOCK_BUFFER_BYTES (256u * 1024)
/* The same once there are RD_VSOCK_BUFFER_RICH connections, so that all together stay below 64 MiB.
 */
#define RD_VSOCK_BUFFER_BYTES_CROWDED (32u * 1024)
#define RD_VSOCK_BUFFER_RICH          128
/* Linux guests give up a connect after 2 s and a close after 8 s; so do we. */
#define RD_VSOCK_CONNECT_TIMEOUT_MS 2000
#define RD_VSOCK_LINGER_MS          8000
/* How often rd_vsock_tick is due at least. */
#define RD_VSOCK_TICK_MS 250

struct rd_vsock_device;
struct rd_vsock_conn;

struct rd_vsock_address {
	uint32_t host_cid;
	uint32_t host_port;
	uint32_t guest_port;
};

struct rd_vsock_ops {
	/*
	 * The guest wants a stream to (host_cid, host_port); host_cid is RD_CID_HYPERVISOR, or
	 * RD_CID_PARENT, or, if the guest is a parent, an enclave's. RD_OK: it has one now.
	 * RD_AGAIN: rd_vsock_accept or rd_vsock_reset will follow, within
	 * RD_VSOCK_CONNECT_TIMEOUT_MS. Anything else refuses it; `closed` is then not called.
	 */
	enum rd_status (*connect)(
		void *ctx, struct rd_vsock_conn *conn, const struct rd_vsock_address *address);

	/* The guest accepted a stream that rd_vsock_connect began. */
	void (*connected)(void *ctx, struct rd_vsock_conn *conn);

	/*
	 * Bytes from the guest, lying in its memory where it may still change them: pass them on or
	 * copy them, do not parse them in place. At most RD_VSOCK_IOV_MAX segments. RD_OK with what
	 * was taken, possibly 0; any other status resets the connection.
	 */
	enum rd_status (*write)(void *ctx, struct rd_vsock_conn *conn, const struct iovec *iov,
		size_t count, size_t *ret_taken);

	/*
	 * Bytes for the guest, straight into its memory. RD_OK with at least one byte; RD_AGAIN:
	 * none now (rd_vsock_host_readable follows when there are); RD_CLOSED: there will be none
	 * any more, the other direction goes on. Any other status resets the connection.
	 */
	enum rd_status (*read)(void *ctx, struct rd_vsock_conn *conn, const struct iovec *iov,
		size_t count, size_t *ret_got);

	/*
	 * The guest will not send (RD_VSOCK_SHUT_SEND), not receive (RD_VSOCK_SHUT_RECEIVE), or
	 * neither, any more. Everything that it sent has been written by then.
	 */
	void (*shutdown)(void *ctx, struct rd_vsock_conn *conn, unsigned how);

	/*
	 * The connection has ended; conn is dead when this returns. Called once for every
	 * connection that `connect` did not refuse or rd_vsock_connect began, whoever ended it,
	 * also from within rd_vsock_reset. why: RD_OK orderly; RD_CLOSED reset by the guest;
	 * RD_TIMEOUT; RD_LIMIT the guest overran its credit; RD_MALFORMED it broke the protocol;
	 * else what an op returned.
	 */
	void (*closed)(void *ctx, struct rd_vsock_conn *conn, enum rd_status why);

	/* Interrupt the guest for this queue. */
	void (*notify)(void *ctx, unsigned queue);

	/* There is more to do than one turn allows: call rd_vsock_run from the loop, soon. */
	void (*schedule)(void *ctx);
};

/* Segments that an op is given at most: a packet's chain. Above IOV_MAX (1,024) no system call
 * goes. */
#define RD_VSOCK_IOV_MAX RD_CHAIN_SEGMENTS_MAX

struct rd_vsock_config {
	uint32_t guest_cid; /* RD_CID_PARENT: the guest is a parent */
	uint64_t now_ms;    /* any monotonic clock; the same one for rd_vsock_tick */
	const struct rd_vsock_ops *ops;
	void *ctx;
	struct rd_queue *rx; /* borrowed; need not be started yet */
	struct rd_queue *tx;
};

/* Counters since the start; for an operator's eye and for tests. */
struct rd_vsock_stats {
	uint64_t rx_packets; /* to the guest */
	uint64_t rx_bytes;   /* payload */
	uint64_t tx_packets; /* from the guest */
	uint64_t tx_bytes;
	uint64_t connections; /* opened, from both sides */
	uint64_t
		dropped_garbage; /* no packet: too short, length beyond its buffer, reserved bits */
	uint64_t dropped_source; /* the source CID is not the guest's */
	uint64_t dropped_rx_small; /* rx buffers without room for a header */
	uint64_t resets_sent;
	uint64_t refused_limit;   /* connections refused for number, rate or pending */
	uint64_t credit_overruns; /* connections reset because the guest ignored its credit */
	uint64_t buffered_bytes;  /* held now for slow host streams */
	uint32_t connections_now;
};

/* Allocates everything except the buffers for slow streams. RD_NOMEM; RD_USAGE for a bad CID. */
enum rd_status rd_vsock_device_new(
	const struct rd_vsock_config *config, struct rd_vsock_device **ret_dev) RD_MUST_USE;
/* Ends every connection (ops.closed) without telling the guest, then frees. NULL is accepted. */
void rd_vsock_device_free(struct rd_vsock_device **dev);

/* The guest's driver went away or starts anew: ends every connection without telling the guest. */
void rd_vsock_device_reset(struct rd_vsock_device *dev);

/* Works off both queues, up to a bounded amount; ops.schedule asks for the rest. */
void rd_vsock_run(struct rd_vsock_device *dev);
/* Moves the device's clock and ends what has waited too long. */
void rd_vsock_tick(struct rd_vsock_device *dev, uint64_t now_ms);
const struct rd_vsock_stats *rd_vsock_stats(const struct rd_vsock_device *dev);

/*
 * Begins a stream to the guest's port, seen by the guest as coming from (host_cid, a free port).
 * ops.connected or ops.closed follows. RD_LIMIT: too many connections.
 */
enum rd_status rd_vsock_connect(struct rd_vsock_device *dev, uint32_t host_cid, uint32_t guest_port,
	void *user, struct rd_vsock_conn **ret_conn) RD_MUST_USE;

/* Answers an ops.connect that returned RD_AGAIN. */
void rd_vsock_accept(struct rd_vsock_conn *conn);
/* Ends a connection in any state at once, RST to the guest. Calls ops.closed with RD_OK. */
void rd_vsock_reset(struct rd_vsock_conn *conn);
/*
 * The host will receive no more (RD_VSOCK_SHUT_RECEIVE), send no more (RD_VSOCK_SHUT_SEND), or
 * neither. Returning RD_CLOSED from ops.read is the same as RD_VSOCK_SHUT_SEND. With both, the
 * connection ends when the guest confirms it or RD_VSOCK_LINGER_MS has passed.
 */
void rd_vsock_shutdown(struct rd_vsock_conn *conn, unsigned how);
void rd_vsock_host_readable(struct rd_vsock_conn *conn);
void rd_vsock_host_writable(struct rd_vsock_conn *conn);

/* The host side's own pointer; NULL at first. */
void *rd_vsock_conn_user(const struct rd_vsock_conn *conn);
void rd_vsock_conn_set_user(struct rd_vsock_conn *conn, void *user);
struct rd_vsock_address rd_vsock_conn_address(const struct rd_vsock_conn *conn);

#endif
