/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's stream of frames. */
#include "net/link.h"

#include "base/byteorder.h"
#include "os/fd.h"

#include <string.h>

#define LENGTH_SIZE 4

enum rd_status rd_net_link_take(struct rd_net_link *link, rd_net_link_fn *fn, void *arg)
{
	size_t at = 0;

	while (link->in_used - at >= LENGTH_SIZE) {
		const size_t len = rd_get_be32(link->in + at);

		RD_ENSURE(len > 0 && len <= RD_NET_LINK_FRAME_MAX, RD_MALFORMED);
		if (link->in_used - at - LENGTH_SIZE < len) {
			break;
		}
		fn(arg, link->in + at + LENGTH_SIZE, len);
		at += LENGTH_SIZE + len;
	}
	memmove(link->in, link->in + at, link->in_used - at);
	link->in_used -= at;
	return RD_OK;
}

enum rd_status rd_net_link_read(struct rd_net_link *link, rd_net_link_fn *fn, void *arg)
{
	size_t n = 0;
	enum rd_status st;

	/* A frame and its length fit twice: there is room, or one of them would have been whole. */
	st = rd_fd_read(link->fd, link->in + link->in_used, sizeof(link->in) - link->in_used, &n);
	RD_ENSURE(st != RD_AGAIN, RD_OK);
	RD_TRY(st);
	RD_ENSURE(n > 0, RD_CLOSED);
	link->in_used += n;
	return rd_net_link_take(link, fn, arg);
}

/* To the front, when it is needed there. */
static void compact(struct rd_net_link *link)
{
	memmove(link->out, link->out + link->out_start, link->out_used);
	link->out_start = 0;
}

void rd_net_link_put(struct rd_net_link *link, struct rd_view frame)
{
	const size_t need = LENGTH_SIZE + frame.len;

	if (frame.len > RD_NET_LINK_FRAME_MAX || need > sizeof(link->out) - link->out_used) {
		link->out_dropped++;
		return;
	}
	if (need > sizeof(link->out) - link->out_start - link->out_used) {
		compact(link);
	}
	rd_put_be32(link->out + link->out_start + link->out_used, (uint32_t)frame.len);
	memcpy(link->out + link->out_start + link->out_used + LENGTH_SIZE, frame.ptr, frame.len);
	link->out_used += need;
}

enum rd_status rd_net_link_flush(struct rd_net_link *link)
{
	size_t n = 0;
	enum rd_status st;

	while (link->out_used > 0) {
		st = rd_fd_write(
			link->fd, rd_view(link->out + link->out_start, link->out_used), &n);
		RD_ENSURE(st != RD_AGAIN, RD_OK);
		RD_TRY(st);
		link->out_start += n;
		link->out_used -= n;
	}
	link->out_start = 0;
	return RD_OK;
}
