/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunked bodies (RFC 9112 section 7.1):
 *
 *	size in hex [; extensions] CR LF   data CR LF   …   0 CR LF   [trailer CR LF]… CR LF
 *
 * A line is gathered in chunks->line, because it may come in pieces; data goes straight out.
 */
#include "http/response.h"

#include "http/line-internal.h"

/* 2^28: more than any body of ours, and far from overflowing. */
#define SIZE_DIGITS_MAX 7

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static enum rd_status parse_size(struct rd_view line, uint64_t *ret)
{
	struct rd_view digits, extensions;
	uint64_t size = 0;

	if (!rd_http_split(line, ';', &digits, &extensions)) {
		digits = line;
	}
	digits = rd_http_trim(digits);
	RD_ENSURE(digits.len > 0 && digits.len <= SIZE_DIGITS_MAX, RD_MALFORMED);
	for (size_t i = 0; i < digits.len; i++) {
		int value = hex_value(digits.ptr[i]);

		RD_ENSURE(value >= 0, RD_MALFORMED);
		size = size * 16 + (unsigned)value;
	}
	*ret = size;
	return RD_OK;
}

/* The next line, once it is whole; it stays in chunks->line until the next call. */
static enum rd_status gather_line(
	struct rd_http_chunks *chunks, struct rd_cur *in, struct rd_view *ret)
{
	while (in->left > 0) {
		struct rd_cur c;
		uint8_t byte;

		RD_TRY(rd_cur_u8(in, &byte));
		RD_ENSURE(chunks->used < sizeof(chunks->line), RD_LIMIT);
		chunks->line[chunks->used++] = byte;
		if (byte == '\n') {
			c = rd_cur(rd_view(chunks->line, chunks->used));
			chunks->used = 0;
			return rd_http_take_line(&c, ret);
		}
	}
	return RD_AGAIN;
}

static enum rd_status take_data(
	struct rd_http_chunks *chunks, struct rd_cur *in, struct rd_buf *out)
{
	size_t n = in->left < chunks->left ? in->left : (size_t)chunks->left;
	struct rd_view data;

	RD_TRY(rd_cur_take(in, n, &data));
	RD_TRY(rd_buf_put_view(out, data));
	chunks->left -= n;
	return chunks->left == 0 ? RD_OK : RD_AGAIN;
}

static enum rd_status take_trailer(struct rd_http_chunks *chunks, struct rd_view line)
{
	struct rd_http_header field;

	if (line.len == 0) {
		chunks->state = RD_HTTP_CHUNK_DONE;
		return RD_OK;
	}
	RD_ENSURE(chunks->n_trailers < RD_HTTP_TRAILERS_MAX, RD_LIMIT);
	chunks->n_trailers++;
	return rd_http_parse_field(line, &field);
}

static enum rd_status take_line(struct rd_http_chunks *chunks, struct rd_view line)
{
	switch (chunks->state) {
	case RD_HTTP_CHUNK_SIZE:
		RD_TRY(parse_size(line, &chunks->left));
		chunks->state = chunks->left == 0 ? RD_HTTP_CHUNK_TRAILER : RD_HTTP_CHUNK_DATA;
		return RD_OK;
	case RD_HTTP_CHUNK_END:
		RD_ENSURE(line.len == 0, RD_MALFORMED);
		chunks->state = RD_HTTP_CHUNK_SIZE;
		return RD_OK;
	case RD_HTTP_CHUNK_TRAILER:
		return take_trailer(chunks, line);
	case RD_HTTP_CHUNK_DATA:
	case RD_HTTP_CHUNK_DONE:
		break;
	}
	return RD_INTERNAL;
}

enum rd_status rd_http_chunks_feed(
	struct rd_http_chunks *chunks, struct rd_cur *in, struct rd_buf *out)
{
	while (chunks->state != RD_HTTP_CHUNK_DONE) {
		struct rd_view line;

		if (chunks->state == RD_HTTP_CHUNK_DATA) {
			RD_TRY(take_data(chunks, in, out));
			chunks->state = RD_HTTP_CHUNK_END;
			continue;
		}
		RD_TRY(gather_line(chunks, in, &line));
		RD_TRY(take_line(chunks, line));
	}
	return RD_OK;
}
