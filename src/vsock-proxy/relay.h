/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes both ways between two connected stream sockets, end of file included.
 *
 * Each way holds at most RD_RELAY_CHUNK bytes that the receiver has not taken; until it has,
 * nothing more is read from the sender. An end of file is passed on as one (shutdown), after the
 * bytes before it, and the other way goes on.
 */
#ifndef RD_VSOCK_PROXY_RELAY_H
#define RD_VSOCK_PROXY_RELAY_H

#include "os/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Read at once. As fast as splice(2) through a pipe between Unix and TCP sockets (measured: 2.6
 * and 2.5 GB/s; 8 KiB gives 1.7), and works on AF_VSOCK under every kernel, without four more
 * descriptors for each connection.
 */
#define RD_RELAY_CHUNK 65536

/* A busy stream's turn in the loop: under 0.2 ms, and four times fewer questions to the kernel. */
#define RD_RELAY_TURN_CHUNKS 4

struct rd_relay;

/*
 * Called once, last: RD_OK when both ways have ended, RD_CLOSED or RD_IO when a peer reset the
 * connection. The callback may free the relay's memory (after rd_relay_stop).
 */
typedef void rd_relay_fn(void *arg, enum rd_status st);

struct rd_relay_end {
	struct rd_relay *relay;
	int fd; /* borrowed, non-blocking */
	struct rd_watch *watch;
	/* What was read here and the other end has not taken. */
	uint8_t *held;
	size_t held_at;
	size_t held_len;
	bool ended; /* end of file was read here */
	bool shut;  /* and has been passed on */
};

struct rd_relay {
	struct rd_relay_end ends[2];
	uint8_t *scratch; /* RD_RELAY_CHUNK bytes, shared by all relays of a loop */
	uint64_t moved;   /* bytes, both ways: who looks twice sees whether it is idle */
	rd_relay_fn *fn;
	void *arg;
};

/* Zero-initialise the relay. The sockets stay the caller's, who closes them after the stop. */
enum rd_status rd_relay_start(struct rd_relay *relay, struct rd_loop *loop, int a, int b,
	uint8_t *scratch, rd_relay_fn *fn, void *arg) RD_MUST_USE;

/* One way has ended, the other not. */
bool rd_relay_is_half_closed(const struct rd_relay *relay);

/* Frees what the relay has; accepts one that was never started. */
void rd_relay_stop(struct rd_relay *relay);

#endif
