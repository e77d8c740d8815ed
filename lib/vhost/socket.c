/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost-user messages from a stream socket: whole again, whatever pieces they come in.
 *
 * No byte beyond the message in hand is read, so that descriptors, which travel with the bytes, can
 * only belong to it.
 */
#include "vhost/session.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static enum rd_status take_fds(struct rd_vhost_session *s, struct msghdr *msg)
{
	enum rd_status st = (msg->msg_flags & MSG_CTRUNC) ? RD_LIMIT : RD_OK;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
			continue;
		}
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (s->in_fd_count < RD_VHOST_FDS_MAX) {
				s->in_fds[s->in_fd_count++] = fd;
			} else {
				rd_vhost_close_fds(&fd, 1);
				st = RD_LIMIT;
			}
		}
	}
	return st;
}

/* Reads until in_used is `want`. */
static enum rd_status fill(struct rd_vhost_session *s, size_t want)
{
	while (s->in_used < want) {
		union {
			struct cmsghdr align;
			uint8_t bytes[CMSG_SPACE(sizeof(int) * RD_VHOST_FDS_MAX)];
		} control;
		struct iovec iov = {s->in + s->in_used, want - s->in_used};
		struct msghdr msg = {
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control.bytes,
			.msg_controllen = sizeof(control.bytes),
		};
		ssize_t n = recvmsg(s->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		RD_ENSURE(n >= 0, rd_status_from_errno(errno));
		RD_TRY(take_fds(s, &msg));
		RD_ENSURE(n > 0, s->in_used == 0 ? RD_CLOSED : RD_TRUNCATED);
		s->in_used += (size_t)n;
	}
	return RD_OK;
}

static enum rd_status send_reply(struct rd_vhost_session *s, struct rd_view reply)
{
	ssize_t n;

	if (reply.len == 0) {
		return RD_OK;
	}
	do {
		n = send(s->fd, reply.ptr, reply.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	/* The front end waits for each reply: there is room, or it does not keep to the protocol.
	 */
	RD_ENSURE(n >= 0, errno == EAGAIN ? RD_LIMIT : rd_status_from_errno(errno));
	return (size_t)n == reply.len ? RD_OK : RD_IO;
}

/* A whole message in s->in; RD_AGAIN when the rest of it is not there yet. */
static enum rd_status receive(struct rd_vhost_session *s)
{
	uint32_t size;

	RD_TRY(fill(s, RD_VHOST_HEADER_SIZE));
	RD_TRY(rd_vhost_payload_size(s->in, &size));
	return fill(s, RD_VHOST_HEADER_SIZE + (size_t)size);
}

static enum rd_status answer(struct rd_vhost_session *s)
{
	uint8_t storage[RD_VHOST_MESSAGE_MAX];
	struct rd_buf reply = rd_buf_fixed(storage, sizeof(storage));
	struct rd_view message = rd_view(s->in, rd_steal(&s->in_used, 0));
	size_t fd_count = rd_steal(&s->in_fd_count, 0);
	enum rd_status st = rd_vhost_handle(s, message, s->in_fds, fd_count, &reply);
	enum rd_status sent = send_reply(s, rd_buf_view(&reply));

	return st != RD_OK ? st : sent;
}

enum rd_status rd_vhost_readable(struct rd_vhost_session *session)
{
	for (unsigned i = 0; i < RD_VHOST_MESSAGES_PER_TURN; i++) {
		enum rd_status st = receive(session);

		if (st != RD_OK) {
			return st == RD_AGAIN ? RD_OK : st;
		}
		RD_TRY(answer(session));
	}
	return RD_OK;
}
