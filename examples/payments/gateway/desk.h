/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where requests become answers: all that have come in one turn of the loop are worked on in one
 * transaction, and nothing is said before it is on the disk.
 *
 * When the transaction fails, none of it has happened, and each of its requests gets 96, which says
 * that nothing is known: it is repeated or reversed.
 */
#ifndef GATEWAY_DESK_H
#define GATEWAY_DESK_H

#include "gateway/ledger.h"
#include "gateway/script.h"
#include "gateway/witness.h"
#include "os/loop.h"

/* Requests of one transaction: enough that a disk's sync costs each of them little. */
#define GW_BATCH_MAX 64
/* Answers that are kept back to be late; what is above is never sent. */
#define GW_LATE_MAX 256

struct gw_connection;
struct gw_desk;

/* What the desk does with a connection that is still there. Only room may lead to gw_desk_take. */
struct gw_desk_out {
	/* One answer, without its length. */
	void (*send)(struct gw_connection *connection, struct rd_view message);
	void (*end)(struct gw_connection *connection);
	/* One request of it is done with, before anything is said. */
	void (*done)(struct gw_connection *connection);
	/* A batch is over: there is room for requests again. */
	void (*room)(void *arg);
	void *arg;
};

struct gw_books {
	struct gw_ledger ledger;
	struct gw_witness witness;
	struct gw_script script;
};

/* books stays the caller's. */
enum rd_status gw_desk_new(struct rd_loop *loop, struct gw_books *books,
	const struct gw_desk_out *out, struct gw_desk **ret) RD_MUST_USE;
/* Accepts NULL; clears the caller's pointer. */
void gw_desk_free(struct gw_desk **desk);

/* Takes a request, which is worked on soon. RD_AGAIN: no room until out->room. */
enum rd_status gw_desk_take(struct gw_desk *desk, struct gw_connection *connection,
	const struct pay_gateway_request *request) RD_MUST_USE;

/* The connection has gone: its requests are worked on all the same. */
void gw_desk_forget(struct gw_desk *desk, const struct gw_connection *connection);

#endif
