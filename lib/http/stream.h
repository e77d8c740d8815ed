/* SPDX-License-Identifier: Apache-2.0 */
/* A connected socket that is read and written without waiting, plainly or through TLS; for lib/http
 * alone. */
#ifndef RD_HTTP_STREAM_H
#define RD_HTTP_STREAM_H

#include "crypto/tls.h"

struct rd_http_stream {
	int fd;
	struct rd_tls_server_session *tls; /* NULL: plain */
};

/* As rd_tls_server_session_read and rd_tls_server_session_write say, for either kind. */
enum rd_status rd_http_stream_read(struct rd_http_stream *stream, void *dst, size_t cap,
	size_t *ret_n, enum rd_tls_wait *ret_wait) RD_MUST_USE;
enum rd_status rd_http_stream_write(struct rd_http_stream *stream, struct rd_view bytes,
	size_t *ret_n, enum rd_tls_wait *ret_wait) RD_MUST_USE;
void rd_http_stream_close(struct rd_http_stream *stream);

#endif
