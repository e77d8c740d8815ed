/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Responses, for our own clients: the head, and a body by Content-Length or in chunks (RFC 9112
 * sections 4, 6 and 7). No I/O and no libevent: programs inside an enclave use it as well.
 *
 * As strict as the reader of requests: one way to say how long the body is. A body that ends with
 * the connection is refused, because whoever cuts the connection would choose where.
 */
#ifndef RD_HTTP_RESPONSE_H
#define RD_HTTP_RESPONSE_H

#include "http/request.h"

enum rd_http_body {
	RD_HTTP_BODY_LENGTH, /* body_len bytes, perhaps none */
	RD_HTTP_BODY_CHUNKED,
};

/* Everything is borrowed from the bytes that were parsed. */
struct rd_http_response {
	unsigned status; /* 200 to 599 */
	struct rd_http_header headers[RD_HTTP_HEADERS_MAX];
	size_t n_headers;
	size_t head_len; /* bytes up to and with the empty line */
	enum rd_http_body body;
	uint64_t body_len;
};

/*
 * Looks at what has come so far. RD_AGAIN: the head's end is not there yet. RD_MALFORMED;
 * RD_DUPLICATE: two lengths, or a length and a Transfer-Encoding; RD_MISSING: neither (204 and 304
 * have no body and need none); RD_LIMIT: too many fields; RD_BAD_VERSION: not HTTP/1.0 or 1.1;
 * RD_UNSUPPORTED: an interim response (nothing of ours asks for one), another Transfer-Encoding
 * than chunked, or any Content-Encoding.
 */
enum rd_status rd_http_parse_response(struct rd_view bytes, struct rd_http_response *ret)
	RD_MUST_USE;

/* The first header of that name, compared without case; a NULL view when there is none. */
struct rd_view rd_http_response_header(const struct rd_http_response *response, const char *name);

/* A chunk's size with its extensions, and a trailer field: both are ignored, within this limit. */
#define RD_HTTP_CHUNK_LINE_MAX 256
/* Trailer fields; no service of ours sends any. */
#define RD_HTTP_TRAILERS_MAX 16

enum rd_http_chunk_state {
	RD_HTTP_CHUNK_SIZE,
	RD_HTTP_CHUNK_DATA,
	RD_HTTP_CHUNK_END, /* the CR LF behind the data */
	RD_HTTP_CHUNK_TRAILER,
	RD_HTTP_CHUNK_DONE,
};

/* Where a chunked body has got to. Zero-initialise. */
struct rd_http_chunks {
	enum rd_http_chunk_state state;
	uint64_t left; /* of the chunk's data */
	unsigned n_trailers;
	size_t used;
	uint8_t line[RD_HTTP_CHUNK_LINE_MAX]; /* what has come of a line */
};

/*
 * Takes what it can from in and appends the data to out. RD_OK: the body is whole, and in is at the
 * first byte behind it. RD_AGAIN: all of in was taken, and there is more to come. RD_MALFORMED;
 * RD_LIMIT: a line that is too long, or too many trailers; RD_NOSPACE: the body does not fit.
 */
enum rd_status rd_http_chunks_feed(
	struct rd_http_chunks *chunks, struct rd_cur *in, struct rd_buf *out) RD_MUST_USE;

#endif
