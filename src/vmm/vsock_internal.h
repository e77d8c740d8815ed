/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the vsock_*.c files alone: the host, and one end of one vsock connection. */
#ifndef RD_VMM_VSOCK_INTERNAL_H
#define RD_VMM_VSOCK_INTERNAL_H

#include "vsock_host.h"

#include "peer.h"

struct rd_control_stream;
struct rd_end;

/* What an end does; the arguments are those of struct rd_vsock_ops. */
struct rd_end_ops {
	enum rd_status (*write)(
		struct rd_end *end, const struct iovec *iov, size_t count, size_t *ret_taken);
	enum rd_status (*read)(
		struct rd_end *end, const struct iovec *iov, size_t count, size_t *ret_got);
	void (*shutdown)(struct rd_end *end, unsigned how);
	void (*finish)(struct rd_end *end); /* frees what the union holds */
};

enum rd_stream_state {
	RD_STREAM_ASKING,     /* the connector is at it */
	RD_STREAM_HANDSHAKE,  /* a host client has not said its port yet; no connection */
	RD_STREAM_CONNECTING, /* it has, and the guest has not answered yet */
	RD_STREAM_OPEN,
};

/* One end. It belongs to its connection, or, before that, to a handshake. */
struct rd_end {
	struct rd_vsock_host *host;
	struct rd_vsock_conn *conn; /* NULL during a handshake */
	const struct rd_end_ops *ops;
	struct rd_end *next, **link; /* all ends of the host */
	bool guest_done;             /* the guest will not send any more */
	union {
		struct {
			bool echo; /* one byte waits to go back */
		} heartbeat;
		struct {
			struct rd_nsm_stream *stream;
			struct rd_watch *turn; /* when the next request has its turn */
			bool more;             /* the guest has sent more than was taken */
		} nsm;
		struct {
			uint8_t bytes[RD_GUEST_END_MAX];
			size_t len;
			bool done;
		} exit;
		struct {
			enum rd_stream_state state;
			int fd;
			struct rd_watch *watch;
			struct rd_watch *timer; /* of a handshake */
			unsigned wanted;        /* RD_LOOP_… */
			uint32_t ask_id;
			char line[RD_HANDSHAKE_LINE_MAX];
			size_t line_len;
			struct rd_peer *peer; /* the link that it goes over, if it does */
			uint32_t peer_id;     /* the other end's id of a connection to us */
		} stream;
		struct rd_control_stream *control;
	};
};

struct rd_vsock_host {
	struct rd_vsock_host_config config;
	struct rd_vsock_device *device;
	struct rd_watch *tick, *run, *accept;
	struct rd_end *ends;
	struct rd_peer *peers;
	unsigned handshakes;
	bool accepting;
	uint32_t next_ask;
	unsigned control_streams;
	uint64_t control_uploads; /* bytes announced by uploads that are under way */
	uint32_t control_tokens;
	uint64_t control_token_ms;
	uint64_t control_logged_ms;
};

/* A new end in the list, zeroed but for these; NULL when there is no memory. */
struct rd_end *rd_end_new(struct rd_vsock_host *host, const struct rd_end_ops *ops);
void rd_end_free(struct rd_end *end);

/* vsock_service.c: RD_NOTFOUND when the port has no service for this guest. */
enum rd_status rd_service_open(struct rd_vsock_host *host, const struct rd_vsock_address *address,
	struct rd_end **ret_end) RD_MUST_USE;
enum rd_status rd_heartbeat_open(struct rd_vsock_host *host, struct rd_end **ret_end) RD_MUST_USE;

/* vsock_stream.c */
enum rd_status rd_stream_ask(struct rd_vsock_host *host, uint32_t port, struct rd_end **ret_end)
	RD_MUST_USE;
void rd_stream_answered(void *ctx, uint32_t id, enum rd_status st, int take_fd);
void rd_stream_connected(struct rd_end *end);
void rd_stream_accept(void *arg, unsigned events);
/* Host clients may come (again). */
void rd_stream_update_accepting(struct rd_vsock_host *host);
/* A stream over a link: to there, with our end of it, and from there. Both take over fd. */
enum rd_status rd_stream_to_peer(struct rd_vsock_host *host, struct rd_peer *peer, int take_fd,
	struct rd_end **ret_end) RD_MUST_USE;
enum rd_status rd_stream_from_peer(struct rd_vsock_host *host, struct rd_peer *peer, uint32_t port,
	uint32_t peer_id, int take_fd) RD_MUST_USE;
void rd_stream_peer_answered(
	struct rd_vsock_host *host, const struct rd_peer *peer, uint32_t id, enum rd_status st);
/* The link has gone: what still waits for an answer gets none, the others no longer know it. */
void rd_stream_forget_peer(struct rd_vsock_host *host, const struct rd_peer *peer);

/* peer.c: RD_NOTFOUND when there is no link to that CID. */
enum rd_status rd_peer_open(struct rd_vsock_host *host, uint32_t cid, uint32_t port,
	struct rd_end **ret_end) RD_MUST_USE;
void rd_peer_answer(struct rd_peer *peer, uint32_t id, bool accepted);
uint32_t rd_peer_cid(const struct rd_peer *peer);
void rd_peers_free(struct rd_vsock_host *host);

/* control_port.c */
enum rd_status rd_control_port_open(
	struct rd_vsock_host *host, uint32_t guest_port, struct rd_end **ret_end) RD_MUST_USE;

#endif
