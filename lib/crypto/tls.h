/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS for servers: a certificate chain and its key, TLS 1.2 and 1.3 only, ALPN http/1.1.
 *
 * Sessions are made for an event loop that drives them (struct ssl_st is OpenSSL's SSL); nothing
 * else of OpenSSL is needed outside lib/crypto.
 */
#ifndef RD_CRYPTO_TLS_H
#define RD_CRYPTO_TLS_H

#include "base/bytes.h"
#include "base/error.h"

struct rd_tls_server;
struct ssl_st;

/*
 * chain and key are PEM text: the server's certificate, then intermediates; the key unencrypted.
 * RD_WRONG_KEY: the two do not belong together. The caller wipes the key's text.
 */
enum rd_status rd_tls_server_new(struct rd_view chain, struct rd_view key,
	struct rd_tls_server **ret, struct rd_error *err) RD_MUST_USE;
/* New sessions use these; those that run go on. On failure nothing changes. From any thread. */
enum rd_status rd_tls_server_replace(struct rd_tls_server *server, struct rd_view chain,
	struct rd_view key, struct rd_error *err) RD_MUST_USE;
/* No session may be in use. Accepts NULL; clears the caller's pointer. */
void rd_tls_server_free(struct rd_tls_server **server);

/* A session that waits for a client's hello; NULL without memory. Its user frees it (SSL_free). */
struct ssl_st *rd_tls_server_session(struct rd_tls_server *server);

#endif
