/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames to and from QEMU (-netdev stream): each is a big-endian 32-bit length and that many bytes.
 * What comes is the guest's, in QEMU's name: copied once, bounded, and a length that QEMU never
 * sends ends the connection. What does not fit on the way out is dropped, as on any wire.
 */
#ifndef NET_LINK_H
#define NET_LINK_H

#include "base/bytes.h"

/* QEMU's own buffer for one frame (NET_BUFSIZE). */
#define RD_NET_LINK_FRAME_MAX (4096u + 65536u)
#define RD_NET_LINK_IN        (2 * RD_NET_LINK_FRAME_MAX)
/* Some 170 frames of full size: a guest that does not read loses those that follow. */
#define RD_NET_LINK_OUT 262144u

struct rd_net_link {
	int fd; /* a non-blocking stream socket; borrowed */
	size_t in_used;
	size_t out_start, out_used;
	uint64_t out_dropped;
	uint8_t in[RD_NET_LINK_IN];
	uint8_t out[RD_NET_LINK_OUT];
};

/* frame is the link's copy, and fn may change it. */
typedef void rd_net_link_fn(void *arg, uint8_t *frame, size_t len);

/* Reads what there is, once, and hands on the frames that are whole. RD_CLOSED at the end;
 * RD_MALFORMED for a length that is none; RD_OK also when there is nothing. */
enum rd_status rd_net_link_read(struct rd_net_link *link, rd_net_link_fn *fn, void *arg)
	RD_MUST_USE;
/* The same for bytes that are there already, the link's first in_used ones. */
enum rd_status rd_net_link_take(struct rd_net_link *link, rd_net_link_fn *fn, void *arg)
	RD_MUST_USE;

void rd_net_link_put(struct rd_net_link *link, struct rd_view frame);
/* Writes what it can. RD_CLOSED when the other end has gone. */
enum rd_status rd_net_link_flush(struct rd_net_link *link) RD_MUST_USE;
static inline bool rd_net_link_wants_write(const struct rd_net_link *link)
{
	return link->out_used > 0;
}

#endif
