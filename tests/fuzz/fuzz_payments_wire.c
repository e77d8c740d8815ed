/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The payments example's link from either end: nothing breaks, and what was accepted is written
 * back and read again as the same bytes.
 */
#include "wire/link.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_and_read_again(const struct pay_message *m, enum pay_direction direction)
{
	static uint8_t storage[2][4 + PAY_FRAME_MAX];
	static struct pay_message again;
	struct rd_buf first = rd_buf_fixed(storage[0], sizeof(storage[0]));
	struct rd_buf second = rd_buf_fixed(storage[1], sizeof(storage[1]));
	struct rd_view body;
	const char *field;
	size_t frame;

	if (pay_link_encode(m, &first) != RD_OK ||
		pay_link_frame(rd_buf_view(&first), &body, &frame) != RD_OK ||
		pay_link_decode(body, direction, &again, &field) != RD_OK ||
		pay_link_encode(&again, &second) != RD_OK ||
		!rd_view_equal(rd_buf_view(&first), rd_buf_view(&second))) {
		abort();
	}
}

/* A frame with its length. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pay_message m;
	struct rd_view body;
	const char *field;
	size_t frame;

	if (pay_link_frame(rd_view(data, size), &body, &frame) != RD_OK) {
		return 0;
	}
	if (pay_link_decode(body, PAY_TO_ENCLAVE, &m, &field) == RD_OK) {
		write_and_read_again(&m, PAY_TO_ENCLAVE);
	}
	if (pay_link_decode(body, PAY_TO_SERVER, &m, &field) == RD_OK) {
		write_and_read_again(&m, PAY_TO_SERVER);
	}
	return 0;
}
