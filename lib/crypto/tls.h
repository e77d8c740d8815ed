/* SPDX-License-Identifier: Apache-2.0 */
/* TLS for servers: a certificate chain and its key, TLS 1.2 and 1.3 or 1.3 alone, ALPN http/1.1. */
#ifndef RD_CRYPTO_TLS_H
#define RD_CRYPTO_TLS_H

#include "base/bytes.h"
#include "base/error.h"

struct rd_tls_server;

/*
 * chain and key are PEM text: the server's certificate, then intermediates; the key unencrypted.
 * RD_WRONG_KEY: the two do not belong together. The caller wipes the key's text.
 */
enum rd_status rd_tls_server_new(struct rd_view chain, struct rd_view key,
	struct rd_tls_server **ret, struct rd_error *err) RD_MUST_USE;
/* New sessions use these; those that run go on. On failure nothing changes. From any thread. */
enum rd_status rd_tls_server_replace(struct rd_tls_server *server, struct rd_view chain,
	struct rd_view key, struct rd_error *err) RD_MUST_USE;
/* New sessions are TLS 1.3 or none, also with a certificate that comes later. */
enum rd_status rd_tls_server_require_13(struct rd_tls_server *server) RD_MUST_USE;
/* No session may be in use. Accepts NULL; clears the caller's pointer. */
void rd_tls_server_free(struct rd_tls_server **server);

/*
 * One client's session, on a connected non-blocking socket, which stays the caller's. The handshake
 * happens within reading and writing; a broken connection raises SIGPIPE unless that is ignored.
 */
struct rd_tls_server_session;
enum rd_tls_wait { RD_TLS_WAIT_READ, RD_TLS_WAIT_WRITE };

enum rd_status rd_tls_server_session_new(
	struct rd_tls_server *server, int fd, struct rd_tls_server_session **ret) RD_MUST_USE;
/* Accepts NULL; clears the caller's pointer. Sends nothing. */
void rd_tls_server_session_free(struct rd_tls_server_session **session);

/*
 * RD_OK: *ret_n bytes, at least one. RD_AGAIN: the same again, with the same bytes, once the socket
 * is ready for *ret_wait, which need not be the direction asked for. RD_CLOSED: the client will
 * send nothing more; RD_IO: the connection or the protocol broke.
 *
 * There may be more to read without the socket ever becoming readable: read until RD_AGAIN.
 */
enum rd_status rd_tls_server_session_read(struct rd_tls_server_session *session, void *dst,
	size_t cap, size_t *ret_n, enum rd_tls_wait *ret_wait) RD_MUST_USE;
enum rd_status rd_tls_server_session_write(struct rd_tls_server_session *session,
	struct rd_view bytes, size_t *ret_n, enum rd_tls_wait *ret_wait) RD_MUST_USE;

#endif
