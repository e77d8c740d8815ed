/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an HTTP request, at once and in two pieces: both must say the same. */
#include "http/request.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void within(struct rd_view v, const uint8_t *data, size_t size)
{
	assert(v.len == 0 || (v.ptr >= data && v.ptr + v.len <= data + size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rd_http_request request;
	struct rd_http_framing framing, again;
	enum rd_status st = rd_http_parse_head(rd_view(data, size), &request, &framing);

	if (st != RD_OK) {
		return 0;
	}
	assert(framing.head_len <= size && request.n_headers <= RD_HTTP_HEADERS_MAX);
	within(request.method, data, size);
	within(request.target, data, size);
	for (size_t i = 0; i < request.n_headers; i++) {
		within(request.headers[i].name, data, framing.head_len);
		within(request.headers[i].value, data, framing.head_len);
	}
	/* What follows a head does not change it, and no shorter piece is a whole one. */
	assert(rd_http_parse_head(rd_view(data, framing.head_len), &request, &again) == RD_OK);
	assert(again.head_len == framing.head_len && again.body_len == framing.body_len);
	assert(rd_http_parse_head(rd_view(data, framing.head_len - 1), &request, &again) ==
		RD_AGAIN);
	return 0;
}
