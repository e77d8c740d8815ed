/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of a parent's guest to the hypervisor: whole or byte by byte, the outcome is the same,
 * and what was accepted may be sent on.
 */
#include "ctl/stream.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum rd_status feed(struct rd_ctl_request *r, struct rd_view bytes, size_t step)
{
	struct rd_cur all = rd_cur(bytes);

	rd_ctl_request_init(r);
	while (all.left > 0 && r->phase != RD_CTL_REQUEST_WHOLE) {
		size_t n = step < all.left ? step : all.left;
		struct rd_cur piece = rd_cur(rd_view(all.ptr, n));

		RD_TRY(rd_ctl_request_feed(r, &piece));
		RD_TRY(rd_cur_skip(&all, n - piece.left));
	}
	return RD_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rd_ctl_request whole, bytewise;
	static uint8_t storage[RD_CTL_STREAM_HEAD + RD_CTL_MESSAGE_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	enum rd_status st = feed(&whole, rd_view(data, size), SIZE_MAX);

	if (feed(&bytewise, rd_view(data, size), 1) != st || whole.phase != bytewise.phase ||
		whole.image_size != bytewise.image_size) {
		abort();
	}
	if (st == RD_OK && whole.phase == RD_CTL_REQUEST_WHOLE &&
		rd_ctl_stream_put(&whole.message, &out) != RD_OK) {
		abort();
	}
	return 0;
}
