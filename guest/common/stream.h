/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vsock streams of the guest's own programs: connect, send and receive, each with a deadline, so
 * that a silent host never holds init up for good. Descriptors are non-blocking and close-on-exec.
 */
#ifndef RD_GUEST_STREAM_H
#define RD_GUEST_STREAM_H

#include "base/bytes.h"
#include "base/error.h"

/* Milliseconds of the monotonic clock. */
int64_t guest_now_ms(void);

/* A descriptor connected, or still connecting, to (cid, port); -1 with errno set when it failed. */
int guest_stream_start(uint32_t cid, uint32_t port);

/* The outcome of a connection that was under way and became writable: 0 or an errno. */
int guest_stream_outcome(int fd);

/* Waits until connected. The caller closes *ret_fd. err says where to and why not. */
enum rd_status guest_stream_connect(uint32_t cid, uint32_t port, int64_t deadline_ms, int *ret_fd,
	struct rd_error *err) RD_MUST_USE;

/* All of bytes, or RD_TIMEOUT, RD_CLOSED, RD_IO. */
enum rd_status guest_stream_send(int fd, struct rd_view bytes, int64_t deadline_ms) RD_MUST_USE;

/* At least one byte, at most n, into dst. RD_CLOSED at the end of the stream. */
enum rd_status guest_stream_receive(
	int fd, void *dst, size_t n, int64_t deadline_ms, size_t *ret_got) RD_MUST_USE;

#endif
