/* SPDX-License-Identifier: Apache-2.0 */
/* vsock streams with deadlines. */
#include "common/stream.h"

#include "os/fd.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

int64_t guest_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int guest_stream_start(uint32_t cid, uint32_t port)
{
	struct sockaddr_vm addr = {.svm_family = AF_VSOCK, .svm_port = port, .svm_cid = cid};
	int fd RD_CLEANUP(rd_fd_close) = socket(
		AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) {
		return -1;
	}
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 && errno != EINPROGRESS) {
		return -1;
	}
	return rd_steal(&fd, -1);
}

int guest_stream_outcome(int fd)
{
	socklen_t size = sizeof(int);
	int outcome = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &outcome, &size) < 0) {
		return errno;
	}
	return outcome;
}

/* Signals are blocked in init and not used in nsm-cuse, but a stopped tracer can still give EINTR.
 */
static enum rd_status wait_for(int fd, short events, int64_t deadline_ms)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = events};
		int64_t left = deadline_ms - guest_now_ms();
		int n;

		RD_ENSURE(left > 0, RD_TIMEOUT);
		n = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
		if (n > 0) {
			return RD_OK;
		}
		RD_ENSURE(n == 0 || errno == EINTR, RD_IO);
	}
}

enum rd_status guest_stream_connect(
	uint32_t cid, uint32_t port, int64_t deadline_ms, int *ret_fd, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = guest_stream_start(cid, port);
	int outcome;

	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot connect to vsock %u:%u", cid, port);
	}
	if (wait_for(fd, POLLOUT, deadline_ms) != RD_OK) {
		return rd_fail_errno(err, ETIMEDOUT, "cannot connect to vsock %u:%u", cid, port);
	}
	outcome = guest_stream_outcome(fd);
	if (outcome != 0) {
		return rd_fail_errno(err, outcome, "cannot connect to vsock %u:%u", cid, port);
	}
	*ret_fd = rd_steal(&fd, -1);
	return RD_OK;
}

enum rd_status guest_stream_send(int fd, struct rd_view bytes, int64_t deadline_ms)
{
	struct rd_cur c = rd_cur(bytes);

	while (c.left > 0) {
		ssize_t n = send(fd, c.ptr, c.left, MSG_NOSIGNAL);

		if (n >= 0) {
			RD_TRY(rd_cur_skip(&c, (size_t)n));
		} else if (errno == EAGAIN) {
			RD_TRY(wait_for(fd, POLLOUT, deadline_ms));
		} else if (errno != EINTR) {
			return rd_status_from_errno(errno);
		}
	}
	return RD_OK;
}

enum rd_status guest_stream_receive(
	int fd, void *dst, size_t n, int64_t deadline_ms, size_t *ret_got)
{
	for (;;) {
		ssize_t got = recv(fd, dst, n, 0);

		if (got > 0) {
			*ret_got = (size_t)got;
			return RD_OK;
		}
		RD_ENSURE(got != 0, RD_CLOSED);
		if (errno == EAGAIN) {
			RD_TRY(wait_for(fd, POLLIN, deadline_ms));
		} else if (errno != EINTR) {
			return rd_status_from_errno(errno);
		}
	}
}
