/* SPDX-License-Identifier: Apache-2.0 */
/* A server's certificate and key, as files that may be exchanged while it serves. */
#ifndef RD_HTTP_TLS_FILES_H
#define RD_HTTP_TLS_FILES_H

#include "base/error.h"
#include "crypto/tls.h"

/*
 * Makes *tls of the chain and the key, both PEM, or gives the one that is there new ones; what
 * fails leaves it as it was. The key's text is wiped.
 */
enum rd_status rd_http_tls_load(const char *chain_path, const char *key_path,
	struct rd_tls_server **tls, struct rd_error *err) RD_MUST_USE;

#endif
