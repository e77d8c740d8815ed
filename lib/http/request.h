/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of an HTTP/1.1 request: request line and header fields (RFC 9112 sections 2 to 6), as
 * strictly as the clients that we serve allow.
 *
 * There is one way to say how long a body is, Content-Length: a Transfer-Encoding, two lengths, a
 * folded line, a bare CR or LF, or a blank before a colon is refused, because two parsers that read
 * such a request differently are how requests are smuggled.
 */
#ifndef RD_HTTP_REQUEST_H
#define RD_HTTP_REQUEST_H

#include "base/bytes.h"

#include <sys/types.h>

/* Text form of an IPv6 address with a scope, and the NUL. */
#define RD_HTTP_PEER_SIZE 64
/* A client's SDK sends about 12; a proxy adds a few. */
#define RD_HTTP_HEADERS_MAX 64

struct rd_http_header {
	struct rd_view name; /* as received */
	struct rd_view value;
};

/* Everything is borrowed. */
struct rd_http_request {
	struct rd_view method;
	struct rd_view target; /* path and query, as received */
	struct rd_http_header headers[RD_HTTP_HEADERS_MAX];
	size_t n_headers;
	struct rd_view body;
	char peer[RD_HTTP_PEER_SIZE]; /* address of the client, without a port; "": a Unix socket */
	/* Of a client at a Unix socket, as it connected (SO_PEERCRED). */
	bool has_uid;
	uid_t uid;
	bool tls;
};

/* What the connection has to know of a request. */
struct rd_http_framing {
	size_t head_len; /* bytes up to and with the empty line */
	uint64_t body_len;
	bool keep_alive;
	bool expect_continue; /* the client waits for "100 Continue" */
};

/*
 * Looks at what has come so far. RD_AGAIN: the head's end is not there yet. RD_MALFORMED,
 * RD_DUPLICATE, RD_MISSING (no Host), RD_LIMIT (too many fields), RD_BAD_VERSION (not HTTP/1.0 or
 * 1.1), RD_UNSUPPORTED (a Transfer-Encoding or another Expect): not a request for us. On RD_OK the
 * request's views, but for the body, are set, and point into bytes.
 */
enum rd_status rd_http_parse_head(struct rd_view bytes, struct rd_http_request *ret_request,
	struct rd_http_framing *ret_framing) RD_MUST_USE;

/* The first header of that name, compared without case; a NULL view when there is none. */
struct rd_view rd_http_header_find(const struct rd_http_request *request, const char *name);

/* Whether it is a GET of exactly that target; a query makes another target. */
bool rd_http_is_get(const struct rd_http_request *request, const char *target);

#endif
