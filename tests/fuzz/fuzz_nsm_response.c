/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an NSM response and as a stream of framed messages. */
#include "nsm/codec.h"
#include "nsm/frame.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_response(struct rd_view in)
{
	static uint8_t flat[RD_NSM_RESPONSE_MAX];
	static uint8_t first[2 * RD_NSM_RESPONSE_MAX], second[2 * RD_NSM_RESPONSE_MAX];
	struct rd_buf scratch = rd_buf_fixed(flat, sizeof(flat));
	struct rd_buf a = rd_buf_fixed(first, sizeof(first));
	struct rd_buf b = rd_buf_fixed(second, sizeof(second));
	struct rd_buf none = rd_buf_fixed(NULL, 0);
	struct rd_nsm_response res, back;

	if (in.len > RD_NSM_RESPONSE_MAX || rd_nsm_response_decode(in, &scratch, &res) != RD_OK) {
		return;
	}
	if (rd_nsm_response_encode(&res, &a) != RD_OK ||
		rd_nsm_response_decode(rd_buf_view(&a), &none, &back) != RD_OK ||
		rd_nsm_response_encode(&back, &b) != RD_OK ||
		!rd_view_equal(rd_buf_view(&a), rd_buf_view(&b))) {
		abort();
	}
}

/* Cut after its first byte, a stream gives the same messages as whole: here, the same number of
 * them. */
static unsigned count_messages(const uint8_t *data, size_t size, size_t cut)
{
	uint8_t storage[64];
	struct rd_nsm_frame_reader r;
	struct rd_view message;
	unsigned n = 0;

	rd_nsm_frame_init(&r, storage, sizeof(storage));
	for (int part = 0; part < 2; part++) {
		struct rd_cur in = rd_cur(
			part == 0 ? rd_view(data, cut) : rd_view(data + cut, size - cut));

		while (in.left > 0) {
			enum rd_status st = rd_nsm_frame_feed(&r, &in, &message);

			if (st == RD_LIMIT) {
				return n;
			}
			n += st == RD_OK ? 1 : 0;
		}
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_response(rd_view(data, size));
	if (size > 1 && count_messages(data, size, 0) != count_messages(data, size, size / 2)) {
		abort();
	}
	return 0;
}
