/* SPDX-License-Identifier: Apache-2.0 */
/* The stream to the hypervisor's NSM, as a state machine. */
#include "nsm-cuse/port.h"

#include "common/stream.h"
#include "os/fd.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

void port_init(struct port *p, int (*start)(void))
{
	*p = (struct port){.start = start, .fd = -1};
}

void port_drop(struct port *p)
{
	rd_fd_close(&p->fd);
	p->state = PORT_IDLE;
}

enum rd_status port_connect(struct port *p, int timeout_ms)
{
	struct pollfd ready = {.fd = p->start(), .events = POLLOUT};

	RD_ENSURE(ready.fd >= 0, RD_IO);
	p->fd = ready.fd;
	if (poll(&ready, 1, timeout_ms) <= 0 || guest_stream_outcome(p->fd) != 0) {
		port_drop(p);
		return RD_IO;
	}
	return RD_OK;
}

enum rd_status port_submit(struct port *p, struct rd_view request, int64_t now_ms)
{
	struct rd_buf frame = rd_buf_fixed(p->frame, sizeof(p->frame));

	RD_ENSURE(p->state == PORT_IDLE, RD_USAGE);
	RD_TRY(rd_nsm_frame_put(request, &frame));
	p->unsent = rd_buf_view(&frame);
	p->deadline_ms = now_ms + PORT_TIMEOUT_MS;
	rd_nsm_frame_init(&p->reader, p->answer, sizeof(p->answer));
	p->state = p->fd < 0 ? PORT_CONNECTING : PORT_SENDING;
	return RD_OK;
}

short port_events(const struct port *p)
{
	if (p->fd < 0) {
		return 0;
	}
	return p->state == PORT_CONNECTING || p->state == PORT_SENDING ? POLLOUT : POLLIN;
}

/* Each of the three returns RD_AGAIN to wait, RD_OK to go on, anything else to give up. */

static enum rd_status finish_connecting(struct port *p)
{
	struct pollfd ready;

	if (p->fd < 0) {
		p->fd = p->start();
		RD_ENSURE(p->fd >= 0, RD_IO);
	}
	ready = (struct pollfd){.fd = p->fd, .events = POLLOUT};
	RD_ENSURE(poll(&ready, 1, 0) > 0, RD_AGAIN);
	RD_ENSURE(guest_stream_outcome(p->fd) == 0, RD_IO);
	p->state = PORT_SENDING;
	return RD_OK;
}

static enum rd_status send_more(struct port *p)
{
	struct rd_cur c = rd_cur(p->unsent);

	while (c.left > 0) {
		ssize_t n = send(p->fd, c.ptr, c.left, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0) {
			p->unsent = rd_view(c.ptr, c.left);
			return errno == EAGAIN || errno == EINTR ? RD_AGAIN : RD_IO;
		}
		RD_TRY(rd_cur_skip(&c, (size_t)n));
	}
	p->state = PORT_RECEIVING;
	return RD_OK;
}

/* A byte beyond the answer that was asked for breaks the stream too: nobody knows whose it is. */
static enum rd_status receive_more(struct port *p, struct rd_view *ret_response)
{
	for (;;) {
		uint8_t piece[4096];
		ssize_t n = recv(p->fd, piece, sizeof(piece), MSG_DONTWAIT);
		struct rd_cur in;
		enum rd_status st;

		if (n < 0) {
			return errno == EAGAIN || errno == EINTR ? RD_AGAIN : RD_IO;
		}
		RD_ENSURE(n > 0, RD_CLOSED);
		in = rd_cur(rd_view(piece, (size_t)n));
		st = rd_nsm_frame_feed(&p->reader, &in, ret_response);
		if (st != RD_AGAIN) {
			return st == RD_OK ? rd_cur_finish(&in) : st;
		}
	}
}

static enum rd_status advance(struct port *p, struct rd_view *ret_response)
{
	if (p->state == PORT_CONNECTING) {
		RD_TRY(finish_connecting(p));
	}
	if (p->state == PORT_SENDING) {
		RD_TRY(send_more(p));
	}
	return receive_more(p, ret_response);
}

enum port_result port_step(
	struct port *p, int64_t now_ms, struct rd_view *ret_response, int *ret_errno)
{
	enum rd_status st;

	if (p->state == PORT_IDLE) {
		return PORT_PENDING;
	}
	st = advance(p, ret_response);
	if (st == RD_OK) {
		p->state = PORT_IDLE;
		return PORT_DONE;
	}
	if (st == RD_AGAIN && now_ms < p->deadline_ms) {
		return PORT_PENDING;
	}
	*ret_errno = st == RD_AGAIN ? ETIMEDOUT : EIO;
	port_drop(p);
	return PORT_FAILED;
}
