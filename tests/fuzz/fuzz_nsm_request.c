/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an NSM request: exactly one well-formed answer, and a decoder that agrees with the
 * encoder. */
#include "../unit/nsm/model.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_answer(struct rd_view request)
{
	static struct model m;
	static uint8_t answer[RD_NSM_RESPONSE_MAX], again[RD_NSM_RESPONSE_MAX];
	static uint8_t flat[RD_NSM_RESPONSE_MAX];
	struct rd_buf out = rd_buf_fixed(answer, sizeof(answer));
	struct rd_buf copy = rd_buf_fixed(again, sizeof(again));
	struct rd_buf scratch = rd_buf_fixed(flat, sizeof(flat));
	struct rd_nsm_response res;

	if (model_init(&m) != RD_OK || rd_nsm_handle(&m.nsm, request, &out) != RD_OK ||
		rd_nsm_response_decode(rd_buf_view(&out), &scratch, &res) != RD_OK ||
		rd_nsm_response_encode(&res, &copy) != RD_OK ||
		!rd_view_equal(rd_buf_view(&out), rd_buf_view(&copy)) ||
		(m.nsm.pcrs.locked & 0xffff) != 0xffff) {
		abort();
	}
}

/* What was understood, written our way, is understood the same. */
static void check_round_trip(const struct rd_nsm_request *req)
{
	static uint8_t first[2 * RD_NSM_REQUEST_MAX], second[2 * RD_NSM_REQUEST_MAX];
	struct rd_buf a = rd_buf_fixed(first, sizeof(first));
	struct rd_buf b = rd_buf_fixed(second, sizeof(second));
	struct rd_buf none = rd_buf_fixed(NULL, 0);
	struct rd_nsm_request back;

	if (rd_nsm_request_encode(req, &a) != RD_OK ||
		rd_nsm_request_decode(rd_buf_view(&a), &none, &back) != RD_OK ||
		rd_nsm_request_encode(&back, &b) != RD_OK ||
		!rd_view_equal(rd_buf_view(&a), rd_buf_view(&b))) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t flat[RD_NSM_REQUEST_MAX];
	struct rd_buf scratch = rd_buf_fixed(flat, sizeof(flat));
	struct rd_nsm_request req;

	check_answer(rd_view(data, size));
	if (size <= RD_NSM_REQUEST_MAX &&
		rd_nsm_request_decode(rd_view(data, size), &scratch, &req) == RD_OK) {
		check_round_trip(&req);
	}
	return 0;
}
