/* SPDX-License-Identifier: Apache-2.0 */
/* Requests from a byte stream, and messages into one. */
#include "ctl/stream.h"

#include "base/byteorder.h"

#include <string.h>

static void expect(struct rd_ctl_request *r, enum rd_ctl_request_phase phase, size_t want)
{
	r->phase = phase;
	r->used = 0;
	r->want = want;
}

void rd_ctl_request_init(struct rd_ctl_request *r)
{
	memset(r, 0, sizeof(*r));
	expect(r, RD_CTL_REQUEST_HEAD, RD_CTL_STREAM_HEAD);
}

static bool may_ask(enum rd_ctl_type type)
{
	return type == RD_CTL_RUN || type == RD_CTL_DESCRIBE || type == RD_CTL_TERMINATE ||
	       type == RD_CTL_CONSOLE || type == RD_CTL_RESERVE;
}

/* RUN alone comes with something in a descriptor's place. */
static enum rd_status decode(struct rd_ctl_request *r)
{
	struct rd_view datagram = rd_view(r->bytes, r->used);
	enum rd_status st = rd_ctl_decode(datagram, 0, RD_CTL_CLIENT_TO_DAEMON, &r->message);

	if (st == RD_FORBIDDEN) {
		RD_TRY(rd_ctl_decode(datagram, 1, RD_CTL_CLIENT_TO_DAEMON, &r->message));
		RD_ENSURE(r->message.type == RD_CTL_RUN, RD_FORBIDDEN);
		expect(r, RD_CTL_REQUEST_IMAGE, RD_CTL_STREAM_IMAGE);
		return RD_OK;
	}
	RD_TRY(st);
	RD_ENSURE(may_ask(r->message.type), RD_FORBIDDEN);
	expect(r, RD_CTL_REQUEST_WHOLE, 0);
	return RD_OK;
}

static enum rd_status next_phase(struct rd_ctl_request *r)
{
	uint32_t len;

	if (r->phase == RD_CTL_REQUEST_HEAD) {
		len = rd_get_le32(r->bytes);
		RD_ENSURE(len > 0, RD_OUT_OF_RANGE);
		RD_ENSURE(len <= RD_CTL_REQUEST_MAX, RD_LIMIT);
		expect(r, RD_CTL_REQUEST_BODY, len);
		return RD_OK;
	}
	if (r->phase == RD_CTL_REQUEST_BODY) {
		return decode(r);
	}
	r->image_size = rd_get_le64(r->bytes);
	RD_ENSURE(r->image_size > 0, RD_OUT_OF_RANGE);
	expect(r, RD_CTL_REQUEST_WHOLE, 0);
	return RD_OK;
}

enum rd_status rd_ctl_request_feed(struct rd_ctl_request *r, struct rd_cur *in)
{
	while (in->left > 0 && r->phase != RD_CTL_REQUEST_WHOLE) {
		size_t n = r->want - r->used < in->left ? r->want - r->used : in->left;

		RD_TRY(rd_cur_copy(in, r->bytes + r->used, n));
		r->used += n;
		if (r->used == r->want) {
			RD_TRY(next_phase(r));
		}
	}
	return RD_OK;
}

enum rd_status rd_ctl_stream_put(const struct rd_ctl_message *m, struct rd_buf *out)
{
	size_t at = out->used;

	RD_TRY(rd_buf_put_zeros(out, RD_CTL_STREAM_HEAD));
	RD_TRY(rd_ctl_encode(m, out));
	rd_put_le32(out->ptr + at, (uint32_t)(out->used - at - RD_CTL_STREAM_HEAD));
	return RD_OK;
}
