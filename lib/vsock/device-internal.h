/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the vsock device share: device.c, conn.c, from_guest.c, to_guest.c. */
#ifndef RD_VSOCK_DEVICE_INTERNAL_H
#define RD_VSOCK_DEVICE_INTERNAL_H

#include "vsock/device.h"

#include <sys/queue.h>

/* Answers to packets that belong to no connection. When full, the guest's packets wait for room. */
#define RD_VSOCK_REPLIES_MAX 256
/* Hash buckets: as many as connections, so that chains are about one long. */
#define RD_VSOCK_BUCKETS 1024
/* Packets in each direction before the other one has its turn and the guest is interrupted. */
#define RD_VSOCK_ROUND_PACKETS 64
/* Rounds of one rd_vsock_run: a few MB, so that the caller's loop sees its other events. */
#define RD_VSOCK_RUN_ROUNDS 16

enum conn_state {
	CONN_FREE,
	CONN_REQUESTED,  /* the guest asked, the host has not answered */
	CONN_CONNECTING, /* the host asked, the guest has not answered */
	CONN_OPEN,
	CONN_CLOSING,  /* we announced the end of both directions; an RST confirms it */
	CONN_DRAINING, /* over for the guest; the host still takes what the guest had sent */
	CONN_DEAD,     /* over for the host; an RST is still to be delivered */
	CONN_STATE_COUNT
};

/* Packets that a connection owes the guest; sent in this order, lowest bit first. */
enum conn_owes {
	OWES_RST = 1u << 0,
	OWES_REQUEST = 1u << 1,
	OWES_RESPONSE = 1u << 2,
	OWES_CREDIT_UPDATE = 1u << 3,
	OWES_CREDIT_REQUEST = 1u << 4,
	OWES_SHUTDOWN = 1u << 5,
};

struct rd_vsock_conn {
	struct rd_vsock_device *dev;
	void *user;
	TAILQ_ENTRY(rd_vsock_conn) ready; /* valid while is_ready */
	LIST_ENTRY(rd_vsock_conn) bucket; /* valid while hashed */
	enum conn_state state;
	uint32_t serial; /* of this use of the slot; tells a caller that an op ended the connection
			  */
	struct rd_vsock_address address;
	unsigned owes;
	unsigned guest_shut; /* RD_VSOCK_SHUT_… announced by the guest */
	unsigned host_shut;  /* … by the host */
	unsigned told_shut;  /* of guest_shut, what ops.shutdown has been told */
	bool is_ready;       /* in the device's ready list */
	bool hashed;
	bool host_knows;      /* ops.closed is due */
	bool host_readable;   /* ops.read may have something */
	bool writing;         /* inside ops.write */
	bool credit_asked;    /* since the guest's credit ran out */
	uint64_t deadline_ms; /* 0: none */

	/* From the guest. All counters are modulo 2^32 (section 5.10.6.3). */
	uint32_t buf_alloc;
	uint32_t rx_cnt;   /* received */
	uint32_t fwd_cnt;  /* passed on to the host */
	uint32_t told_fwd; /* fwd_cnt as the guest knows it */
	/* To the guest. */
	uint32_t peer_buf_alloc;
	uint32_t peer_fwd_cnt;
	uint32_t tx_cnt;

	/* Received and not yet taken by the host: a ring of buf_alloc bytes, NULL when empty. */
	uint8_t *kept;
	uint32_t kept_start;
	uint32_t kept_used;
};

TAILQ_HEAD(conn_ready_list, rd_vsock_conn);
LIST_HEAD(conn_bucket, rd_vsock_conn);

struct rd_vsock_device {
	uint32_t guest_cid;
	const struct rd_vsock_ops *ops;
	void *ctx;
	struct rd_queue *rx;
	struct rd_queue *tx;
	uint64_t now_ms;
	uint32_t connect_tokens; /* connections that the guest may open before the next tick */
	uint64_t token_time_ms;
	uint32_t next_host_port;
	uint32_t next_serial;
	uint32_t pending;   /* connections in CONN_REQUESTED */
	unsigned free_hint; /* slot to look at first */
	bool running;       /* inside rd_vsock_run: ops that call back only mark work */
	bool run_again;
	struct rd_vsock_stats stats;

	struct conn_ready_list ready; /* connections with a packet to send, served in turn */
	struct conn_bucket buckets[RD_VSOCK_BUCKETS];
	struct rd_vsock_header replies[RD_VSOCK_REPLIES_MAX];
	unsigned reply_start;
	unsigned reply_count;
	struct rd_chain chain; /* the one in hand; too large for every caller's stack */
	struct iovec iov[RD_CHAIN_SEGMENTS_MAX]; /* its payload */
	struct rd_vsock_conn conns[RD_VSOCK_CONNECTIONS_MAX];
};

/* conn.c: the table and the life of one connection. */
struct rd_vsock_conn *rd_vsock_conn_find(
	struct rd_vsock_device *dev, const struct rd_vsock_address *address);
/* A slot in the given state, in the table; NULL when all that it may have are in use. */
struct rd_vsock_conn *rd_vsock_conn_new(
	struct rd_vsock_device *dev, const struct rd_vsock_address *address, enum conn_state state);
/* Tells the host (ops.closed) and frees the slot, at once or when an RST has been delivered. */
void rd_vsock_conn_end(struct rd_vsock_conn *conn, enum rd_status why, bool send_rst);
/* After an RST was delivered, or without one. */
void rd_vsock_conn_free(struct rd_vsock_conn *conn);
void rd_vsock_conn_set_state(struct rd_vsock_conn *conn, enum conn_state state);
/* The guest is done with this connection; the host takes what is kept, then it ends. */
void rd_vsock_conn_drain(struct rd_vsock_conn *conn);
/* Puts the connection into the ready list or takes it out, as its state demands. */
void rd_vsock_conn_update(struct rd_vsock_conn *conn);
/* Acts on what both sides have shut down. The connection may be gone afterwards. */
void rd_vsock_conn_settle(struct rd_vsock_conn *conn);
/* Bytes that the guest has room for. */
uint32_t rd_vsock_conn_credit(const struct rd_vsock_conn *conn);
/* Bytes of the guest, bounded by its credit: to the host, the rest kept. The connection may be
 * gone. */
void rd_vsock_conn_receive(
	struct rd_vsock_conn *conn, const struct iovec *iov, size_t count, size_t len);
/* Gives kept bytes to the host as far as it takes them. The connection may be gone afterwards. */
void rd_vsock_conn_flush(struct rd_vsock_conn *conn);

/* from_guest.c, to_guest.c: one round; true when anything was done. */
bool rd_vsock_from_guest(struct rd_vsock_device *dev);
bool rd_vsock_to_guest(struct rd_vsock_device *dev);

#endif
