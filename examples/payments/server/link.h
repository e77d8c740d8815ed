/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to an enclave, and its frames (wire/link.h). Lives on one event loop;
 * everything here is called from its thread.
 *
 *	connecting ──► greeting (Unix sockets only: CONNECT, OK) ──► open ──► closed
 */
#ifndef PS_LINK_H
#define PS_LINK_H

#include "os/loop.h"
#include "server/config.h"
#include "wire/link.h"

/* For a connection, and the greeting, to be made. */
#define PS_LINK_OPEN_MS 5000
/* What may wait to be written: all open questions at their usual size, many times over. An enclave
 * that reads so slowly is as good as gone. */
#define PS_LINK_OUT_MAX (16 * PAY_FRAME_MAX)

struct ps_link;

/* A message that has come, on the heap; the message's views point into bytes. */
struct ps_frame {
	struct pay_message message;
	size_t len;
	uint8_t bytes[];
};
void ps_frame_free(struct ps_frame **frame);

struct ps_link_events {
	void (*opened)(void *ctx);
	/* The frame is the callee's. */
	void (*frame)(void *ctx, struct ps_frame *frame);
	/* Once, at the end, unless the owner closes it himself. why: for the log. The owner frees
	 * the link, perhaps from here. */
	void (*closed)(void *ctx, const char *why);
	void *ctx;
};

/* events is copied. No callback before this returns. */
enum rd_status ps_link_open(struct rd_loop *loop, const struct ps_place *place,
	const struct ps_link_events *events, struct ps_link **ret, struct rd_error *err)
	RD_MUST_USE;
/* Accepts NULL; clears the caller's pointer. No callback any more. */
void ps_link_free(struct ps_link **link);

/* RD_USAGE: not a message that the other end would take; RD_LIMIT: too much waits. */
enum rd_status ps_link_send(struct ps_link *link, const struct pay_message *message) RD_MUST_USE;

#endif
