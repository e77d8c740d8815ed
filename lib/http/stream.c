/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing a connection's socket. */
#include "http/stream.h"

#include "os/fd.h"

#include <errno.h>
#include <sys/socket.h>

static enum rd_status outcome(
	ssize_t n, enum rd_tls_wait wait, size_t *ret_n, enum rd_tls_wait *ret_wait)
{
	if (n > 0) {
		*ret_n = (size_t)n;
		return RD_OK;
	}
	if (n == 0) {
		return RD_CLOSED;
	}
	*ret_wait = wait;
	return errno == EAGAIN || errno == EINTR ? RD_AGAIN : RD_IO;
}

enum rd_status rd_http_stream_read(struct rd_http_stream *stream, void *dst, size_t cap,
	size_t *ret_n, enum rd_tls_wait *ret_wait)
{
	if (stream->tls != NULL) {
		return rd_tls_server_session_read(stream->tls, dst, cap, ret_n, ret_wait);
	}
	return outcome(recv(stream->fd, dst, cap, 0), RD_TLS_WAIT_READ, ret_n, ret_wait);
}

enum rd_status rd_http_stream_write(struct rd_http_stream *stream, struct rd_view bytes,
	size_t *ret_n, enum rd_tls_wait *ret_wait)
{
	if (stream->tls != NULL) {
		return rd_tls_server_session_write(stream->tls, bytes, ret_n, ret_wait);
	}
	return outcome(send(stream->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL), RD_TLS_WAIT_WRITE,
		ret_n, ret_wait);
}

void rd_http_stream_close(struct rd_http_stream *stream)
{
	rd_tls_server_session_free(&stream->tls);
	rd_fd_close(&stream->fd);
}
