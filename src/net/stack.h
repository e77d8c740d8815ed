/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network stack: libslirp, configured so that it opens sockets of the host for the guest's
 * connections, gives it its address by DHCP, answers DNS by the host's resolver and serves the
 * metadata service from a Unix socket. Nothing but stack.c knows libslirp.
 *
 * What a guest sends goes through the filter before, what it is sent after.
 */
#ifndef NET_STACK_H
#define NET_STACK_H

#include "net/link.h"
#include "net/settings.h"

#include <poll.h>

/* Sockets of one guest; beyond that its new connections are refused. */
#define RD_NET_SOCKETS_MAX 4096

struct rd_net_stack;

/* Frames to the guest go to the link. Both are borrowed; nothing is opened yet. */
enum rd_status rd_net_stack_new(const struct rd_net_settings *settings, struct rd_net_link *link,
	struct rd_net_stack **ret, struct rd_error *err) RD_MUST_USE;
void rd_net_stack_free(struct rd_net_stack **stack); /* accepts NULL */

/* One frame of the guest's, which may be changed. */
void rd_net_stack_input(struct rd_net_stack *stack, uint8_t *frame, size_t len);

/* For a poll(2): appends what to wait for behind the first n, at most max in all, and lowers the
 * time. */
void rd_net_stack_wait(
	struct rd_net_stack *stack, struct pollfd *polls, size_t max, size_t *n, int *timeout_ms);
/* After it, and before frames are put in, because the stack's clock is set here: what has come. rc:
 * poll's. */
void rd_net_stack_run(struct rd_net_stack *stack, int rc);
/* After frames were put in: what has waited for one of them, such as an answer to ARP. */
void rd_net_stack_send(struct rd_net_stack *stack);

/* Listens on a port of the host; the error names it. */
enum rd_status rd_net_stack_forward(struct rd_net_stack *stack,
	const struct rd_net_forward *forward, struct rd_error *err) RD_MUST_USE;
void rd_net_stack_unforward(struct rd_net_stack *stack, const struct rd_net_forward *forward);
/* After the hop limit has changed. */
void rd_net_stack_update(struct rd_net_stack *stack, const struct rd_net_settings *settings);

#endif
