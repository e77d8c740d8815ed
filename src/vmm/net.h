/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A parent's network: redoubt-net, one process for each VM, started before this one isolates
 * itself, since it needs the host's network and we do not.
 *
 * fd 3 of redoubt-net carries QEMU's frames, fd 4 (SOCK_SEQPACKET) lines of text from us, one a
 * message, each answered by "ok" or "error <why>": mac, ip, hostname, imds, hops, forward, then
 * start; later forward, unforward and hops.
 */
#ifndef RD_VMM_NET_H
#define RD_VMM_NET_H

#include "base/error.h"
#include "ctl/message.h"
#include "os/loop.h"
#include "os/spawn.h"

struct rd_net {
	struct rd_child child;
	int control;
	struct rd_ctl_texts forwards; /* as redoubt-net has them */
	struct rd_watch *control_watch;
	struct rd_watch *child_watch;
	void (*ended)(void *ctx);
	void *ctx;
};

#define RD_NET_INIT                                                                                \
	{                                                                                          \
		.child = RD_CHILD_INIT, .control = -1                                              \
	}

/* Starts it and tells it everything; *ret_qemu_fd is QEMU's end, the caller's. */
enum rd_status rd_net_start(struct rd_net *net, const struct rd_ctl_parent *config,
	int *ret_qemu_fd, struct rd_error *err) RD_MUST_USE;

/* `ended` is called when redoubt-net has gone by itself. */
enum rd_status rd_net_attach(
	struct rd_net *net, struct rd_loop *loop, void (*ended)(void *ctx), void *ctx) RD_MUST_USE;

/* What is no longer in the list is closed, what is new in it opened; and the hop limit. */
enum rd_status rd_net_change(struct rd_net *net, const struct rd_ctl_vmm_forwards *change)
	RD_MUST_USE;

/* Ends redoubt-net. */
void rd_net_finish(struct rd_net *net);

/*
 * One line of the list as redoubt-net wants it: "tcp:127.0.0.1:2222:22" → "forward tcp
 * 127.0.0.1:2222 22\n", or to close it "unforward tcp 127.0.0.1:2222\n". RD_MALFORMED when it is
 * not of that form.
 */
enum rd_status rd_net_forward_line(const char *forward, bool opens, char *ret_line, size_t cap)
	RD_MUST_USE;

/* "172.31.16.5/20" → "ip 172.31.16.5/20 gateway 172.31.16.1\n"; /20 when no prefix is given. */
enum rd_status rd_net_ip_line(const char *address, char *ret_line, size_t cap) RD_MUST_USE;

#endif
