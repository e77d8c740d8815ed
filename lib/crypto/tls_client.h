/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS for clients: TLS 1.2 and 1.3, the server's chain and name always checked, ALPN http/1.1.
 *
 * A session does no I/O. Its user moves bytes between it and a stream:
 *
 *	rd_tls_session_handshake    RD_AGAIN: send what output gives, then feed input, then again
 *	rd_tls_session_write        afterwards, send what output gives
 *	rd_tls_session_read         RD_AGAIN: feed input, then again
 *
 * Renegotiation, compression and session tickets are off. A stream that ends without the TLS
 * closing alert is an error, not an end: whoever carries the bytes cannot cut a reply short.
 */
#ifndef RD_CRYPTO_TLS_CLIENT_H
#define RD_CRYPTO_TLS_CLIENT_H

#include "base/bytes.h"
#include "base/error.h"

struct rd_tls_client;
struct rd_tls_session;

/* A system's bundle has 150 certificates. */
#define RD_TLS_ROOTS_MAX 1024
/* DNS's limit. */
#define RD_TLS_HOST_MAX 253

/*
 * roots is PEM text with one certificate or more: the authorities that may vouch for a server.
 * RD_MALFORMED: none in it, or one that cannot be read; RD_LIMIT: more than RD_TLS_ROOTS_MAX.
 */
enum rd_status rd_tls_client_new(
	struct rd_view roots, struct rd_tls_client **ret, struct rd_error *err) RD_MUST_USE;
/* Sessions may outlive it. Accepts NULL; clears the caller's pointer. */
void rd_tls_client_free(struct rd_tls_client **client);

/* host is a name, sent as SNI and looked for in the certificate, or an IP address in text form,
 * looked for in the certificate alone. RD_USAGE: empty or too long. */
enum rd_status rd_tls_session_new(
	struct rd_tls_client *client, const char *host, struct rd_tls_session **ret) RD_MUST_USE;
void rd_tls_session_free(struct rd_tls_session **session);

/* RD_UNTRUSTED: the certificate is not good, err says why; RD_MALFORMED: what came is no TLS that
 * we speak, or the server refused. */
enum rd_status rd_tls_session_handshake(struct rd_tls_session *session, struct rd_error *err)
	RD_MUST_USE;

/* Bytes from the stream, and the end of the stream. */
enum rd_status rd_tls_session_input(struct rd_tls_session *session, struct rd_view bytes)
	RD_MUST_USE;
/* Appends the bytes that are to be sent, at most what fits; nothing when there are none. */
enum rd_status rd_tls_session_output(struct rd_tls_session *session, struct rd_buf *out)
	RD_MUST_USE;

/* All of bytes, after the handshake. */
enum rd_status rd_tls_session_write(struct rd_tls_session *session, struct rd_view bytes)
	RD_MUST_USE;
/* At least one byte, at most n. RD_AGAIN; RD_CLOSED: the server has said that it is done;
 * RD_MALFORMED: a broken record. */
enum rd_status rd_tls_session_read(
	struct rd_tls_session *session, void *dst, size_t n, size_t *ret_got) RD_MUST_USE;

#endif
