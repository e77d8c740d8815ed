/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client's connection: TLS, frames of two bytes' length and a message, and time limits.
 *
 * Nobody waits for anybody: sockets are non-blocking, each connection has a buffer of fixed size
 * for each way, and reads nothing while its client does not take its answers, while it has as many
 * requests under way as it may, or while the desk has no room. A message that breaks a rule ends
 * its connection: it cannot be answered in a way that its sender would understand.
 */
#ifndef GATEWAY_CONNECTION_H
#define GATEWAY_CONNECTION_H

#include "card/iso8583.h"
#include "crypto/tls.h"
#include "os/loop.h"

/* Requests of one connection that are not answered. */
#define GW_ASKED_MAX 16
/* Twice as many answers of their usual size, some 300 bytes, and room. */
#define GW_OUT_MAX 32768
/* One TLS record's worth of frames. */
#define GW_IN_MAX 16384

/* From accept to the first whole message; from a message's first byte to its last; for answers to
 * be taken; between messages. */
#define GW_FIRST_MS 30000
#define GW_FRAME_MS 10000
#define GW_WRITE_MS 10000
#define GW_IDLE_MS  600000

enum gw_phase { GW_FIRST, GW_FRAME, GW_WRITE, GW_IDLE, GW_PHASE_COUNT };

struct gw_connection;

/* Takes one message; RD_AGAIN: not now, the same again after gw_connection_resume; another failure
 * ends the connection. */
typedef enum rd_status gw_connection_fn(
	void *arg, struct gw_connection *connection, struct rd_view message);
/* The connection is about to be freed. */
typedef void gw_connection_end_fn(void *arg, struct gw_connection *connection);

struct gw_connection_owner {
	struct rd_loop *loop;
	struct rd_tls_server *tls;
	gw_connection_fn *message;
	gw_connection_end_fn *ended;
	void *arg;
};

struct gw_connection {
	struct gw_connection *next, **link; /* the owner's list */
	const struct gw_connection_owner *owner;
	int fd;
	struct rd_tls_server_session *tls;
	struct rd_watch *watch;
	enum gw_phase phase;
	uint64_t deadline_ms;
	unsigned asked;
	bool paused;
	bool ending;                  /* once its answers are sent */
	bool wants_read, wants_write; /* of TLS, for what it is told to send or read */
	bool stopped;                 /* reads nothing until gw_connection_resume */
	size_t in_used, out_sent, out_used;
	uint8_t in[GW_IN_MAX];
	uint8_t out[GW_OUT_MAX];
};

/* Takes the descriptor, also on failure. owner stays the caller's. */
enum rd_status gw_connection_new(const struct gw_connection_owner *owner, int take_fd,
	struct gw_connection **ret) RD_MUST_USE;
/* Ends it now. */
void gw_connection_free(struct gw_connection *connection);

/* Puts a message behind what is to be sent. May free the connection. */
void gw_connection_send(struct gw_connection *connection, struct rd_view message);
/* Ends it once all is sent. May free the connection. */
void gw_connection_end(struct gw_connection *connection);
/* Goes on reading, if it has stopped and may now. May free the connection. */
void gw_connection_resume(struct gw_connection *connection);
/* Whether its time is over. */
bool gw_connection_is_late(const struct gw_connection *connection, uint64_t now_ms);

#endif
