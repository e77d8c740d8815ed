/* SPDX-License-Identifier: Apache-2.0 */
/* A response's head, then its body in chunks: at once and byte by byte must come out alike. */
#include "http/response.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BODY_MAX 4096

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static enum rd_status feed(struct rd_view bytes, size_t piece, struct rd_buf *out, size_t *ret_left)
{
	struct rd_http_chunks chunks = {0};
	struct rd_cur all = rd_cur(bytes);
	enum rd_status st = RD_AGAIN;

	*ret_left = all.left;
	while (st == RD_AGAIN && all.left > 0) {
		struct rd_view part;
		struct rd_cur in;

		require(rd_cur_take(&all, all.left < piece ? all.left : piece, &part) == RD_OK);
		in = rd_cur(part);
		st = rd_http_chunks_feed(&chunks, &in, out);
		require(st != RD_AGAIN || in.left == 0);
		*ret_left = all.left + in.left;
	}
	return st;
}

static void check_chunks(struct rd_view bytes)
{
	static uint8_t first[BODY_MAX], second[BODY_MAX];
	struct rd_buf a = rd_buf_fixed(first, sizeof(first));
	struct rd_buf b = rd_buf_fixed(second, sizeof(second));
	size_t left_a, left_b;
	enum rd_status st = feed(bytes, bytes.len + 1, &a, &left_a);

	require(feed(bytes, 1, &b, &left_b) == st);
	if (st == RD_OK) {
		require(left_a == left_b && rd_view_equal(rd_buf_view(&a), rd_buf_view(&b)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rd_http_response response, again;
	struct rd_view bytes = rd_view(data, size);

	if (rd_http_parse_response(bytes, &response) != RD_OK) {
		check_chunks(bytes);
		return 0;
	}
	require(response.head_len <= size && response.n_headers <= RD_HTTP_HEADERS_MAX);
	require(response.status >= 200 && response.status < 600);
	for (size_t i = 0; i < response.n_headers; i++) {
		require(response.headers[i].name.ptr > data &&
			response.headers[i].value.ptr + response.headers[i].value.len <
				data + response.head_len);
	}
	/* What follows a head does not change it, and no shorter piece is a whole one. */
	require(rd_http_parse_response(rd_view(data, response.head_len), &again) == RD_OK);
	require(again.head_len == response.head_len && again.body_len == response.body_len);
	require(rd_http_parse_response(rd_view(data, response.head_len - 1), &again) == RD_AGAIN);
	check_chunks(rd_view(data + response.head_len, size - response.head_len));
	return 0;
}
