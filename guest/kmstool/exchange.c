/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connect → TLS handshake → request → response head → response body, all before one deadline.
 *
 * Bytes of the stream go through wire, which never holds anything but TLS records.
 */
#include "kmstool/exchange.h"

#include "base/secret.h"
#include "common/stream.h"
#include "http/response.h"
#include "os/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* One TLS record. */
#define WIRE_SIZE 16384

struct exchange {
	struct rd_tls_session *tls;
	int fd;
	int64_t deadline_ms;
	uint8_t wire[WIRE_SIZE];
	/* Plain bytes of the response: its head, then whatever of the body came with it. */
	uint8_t plain[RDKMS_RESPONSE_HEAD_MAX];
	size_t used;
	struct rd_http_response response;
};

static void exchange_free(struct exchange **x)
{
	if (*x != NULL) {
		rd_tls_session_free(&(*x)->tls);
		/* A server that ignores Recipient may have sent plaintext. */
		rd_wipe((*x)->plain, sizeof((*x)->plain));
		rd_fd_close(&(*x)->fd);
		free(*x);
		*x = NULL;
	}
}

static enum rd_status connect_unix(const char *path, int *ret_fd, struct rd_error *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd RD_CLEANUP(rd_fd_close) = socket(
		AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	size_t len = strlen(path);

	if (len >= sizeof(addr.sun_path)) {
		return rd_fail(err, RD_USAGE, "%.100s…: too long for a socket's path", path);
	}
	memcpy(addr.sun_path, path, len);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		return rd_fail_errno(err, errno, "cannot connect to %s", path);
	}
	*ret_fd = rd_steal(&fd, -1);
	return RD_OK;
}

static enum rd_status open_stream(
	struct exchange *x, const struct rdkms_peer *peer, struct rd_error *err)
{
	enum rd_status st;

	if (peer->unix_path != NULL) {
		return connect_unix(peer->unix_path, &x->fd, err);
	}
	st = guest_stream_connect(peer->vsock_cid, peer->vsock_port, x->deadline_ms, &x->fd, err);
	return st == RD_OK ? RD_OK
			   : rd_error_wrap(err, st, "is vsock-proxy running on the parent?");
}

/* Sends whatever TLS has to say. */
static enum rd_status flush(struct exchange *x)
{
	for (;;) {
		struct rd_buf out = rd_buf_fixed(x->wire, sizeof(x->wire));

		RD_TRY(rd_tls_session_output(x->tls, &out));
		if (out.used == 0) {
			return RD_OK;
		}
		RD_TRY(guest_stream_send(x->fd, rd_buf_view(&out), x->deadline_ms));
	}
}

static enum rd_status pull(struct exchange *x)
{
	size_t got;

	/* Records without content are not an answer, however fast they come. */
	RD_ENSURE(guest_now_ms() < x->deadline_ms, RD_TIMEOUT);
	RD_TRY(guest_stream_receive(x->fd, x->wire, sizeof(x->wire), x->deadline_ms, &got));
	return rd_tls_session_input(x->tls, rd_view(x->wire, got));
}

static enum rd_status stream_failed(enum rd_status st, struct rd_error *err)
{
	if (st == RD_TIMEOUT) {
		return rd_fail(err, st, "the server did not answer in time");
	}
	return rd_fail(err, st, "the connection broke: %s", rd_status_text(st));
}

static enum rd_status handshake(struct exchange *x, struct rd_error *err)
{
	for (;;) {
		enum rd_status st = rd_tls_session_handshake(x->tls, err);
		enum rd_status sent = flush(x);

		if (st != RD_AGAIN && st != RD_OK) {
			return st;
		}
		if (sent == RD_OK && st == RD_AGAIN) {
			sent = pull(x);
		}
		if (sent != RD_OK) {
			return stream_failed(sent, err);
		}
		if (st == RD_OK) {
			return RD_OK;
		}
	}
}

/* At least one plain byte. RD_CLOSED when the server is done, or the stream has ended. */
static enum rd_status receive(struct exchange *x, uint8_t *dst, size_t n, size_t *ret_got)
{
	for (;;) {
		enum rd_status st = rd_tls_session_read(x->tls, dst, n, ret_got);

		if (st != RD_AGAIN) {
			return st;
		}
		RD_TRY(flush(x));
		RD_TRY(pull(x));
	}
}

static enum rd_status send_request(struct exchange *x, struct rd_view head, struct rd_view body)
{
	RD_TRY(rd_tls_session_write(x->tls, head));
	RD_TRY(rd_tls_session_write(x->tls, body));
	return flush(x);
}

static enum rd_status bad_response(enum rd_status st, struct rd_error *err)
{
	return rd_fail(
		err, st, "Could not read response from KMS: its HTTP head %s", rd_status_text(st));
}

static enum rd_status read_head(struct exchange *x, struct rd_error *err)
{
	for (;;) {
		size_t got;
		enum rd_status st;

		if (x->used == sizeof(x->plain)) {
			return bad_response(RD_LIMIT, err);
		}
		st = receive(x, x->plain + x->used, sizeof(x->plain) - x->used, &got);
		if (st != RD_OK) {
			return stream_failed(st, err);
		}
		x->used += got;
		st = rd_http_parse_response(rd_view(x->plain, x->used), &x->response);
		if (st != RD_AGAIN) {
			return st == RD_OK ? RD_OK : bad_response(st, err);
		}
	}
}

/* What is behind the head belongs to the body, and nothing may be behind that. */
static enum rd_status take_body(
	struct exchange *x, struct rd_http_chunks *chunks, struct rd_cur *in, struct rd_buf *out)
{
	struct rd_view part;

	if (x->response.body == RD_HTTP_BODY_CHUNKED) {
		RD_TRY(rd_http_chunks_feed(chunks, in, out));
		return rd_cur_finish(in);
	}
	RD_ENSURE(x->response.body_len <= out->max, RD_NOSPACE);
	RD_ENSURE(in->left <= x->response.body_len - out->used, RD_TRAILING);
	RD_TRY(rd_cur_take(in, in->left, &part));
	RD_TRY(rd_buf_put_view(out, part));
	return out->used == x->response.body_len ? RD_OK : RD_AGAIN;
}

static enum rd_status read_body(struct exchange *x, struct rd_buf *out, struct rd_error *err)
{
	struct rd_cur in = rd_cur(rd_view(x->plain, x->used));
	struct rd_http_chunks chunks = {0};
	enum rd_status st = rd_cur_skip(&in, x->response.head_len);

	while (st == RD_OK) {
		size_t got;

		st = take_body(x, &chunks, &in, out);
		if (st != RD_AGAIN) {
			break;
		}
		st = receive(x, x->plain, sizeof(x->plain), &got);
		if (st != RD_OK) {
			return stream_failed(st, err);
		}
		in = rd_cur(rd_view(x->plain, got));
	}
	if (st != RD_OK) {
		return rd_fail(err, st, "Could not read response from KMS: its body %s",
			rd_status_text(st));
	}
	return RD_OK;
}

static enum rd_status run(struct exchange *x, const struct rdkms_peer *peer, struct rd_view head,
	struct rd_view body, struct rd_buf *out, enum rdkms_stage *ret_stage, struct rd_error *err)
{
	enum rd_status st;

	*ret_stage = RDKMS_STAGE_CONNECT;
	RD_TRY(open_stream(x, peer, err));
	*ret_stage = RDKMS_STAGE_TLS;
	st = handshake(x, err);
	if (st != RD_OK) {
		return rd_error_wrap(err, st, "%s", peer->tls_name);
	}
	*ret_stage = RDKMS_STAGE_STREAM;
	st = send_request(x, head, body);
	if (st != RD_OK) {
		return stream_failed(st, err);
	}
	*ret_stage = RDKMS_STAGE_HTTP;
	RD_TRY(read_head(x, err));
	return read_body(x, out, err);
}

enum rd_status rdkms_exchange(struct rd_tls_client *tls, const struct rdkms_peer *peer,
	int64_t deadline_ms, struct rd_view head, struct rd_view body, struct rd_buf *out,
	unsigned *ret_http_status, enum rdkms_stage *ret_stage, struct rd_error *err)
{
	struct exchange *x RD_CLEANUP(exchange_free) = calloc(1, sizeof(*x));
	enum rd_status st;

	*ret_stage = RDKMS_STAGE_CONNECT;
	if (x == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	x->fd = -1;
	x->deadline_ms = deadline_ms;
	st = rd_tls_session_new(tls, peer->tls_name, &x->tls);
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot make a TLS session: %s", rd_status_text(st));
	}
	RD_TRY(run(x, peer, head, body, out, ret_stage, err));
	*ret_http_status = x->response.status;
	return RD_OK;
}
