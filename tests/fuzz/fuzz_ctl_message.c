/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control messages from any side: nothing breaks, and what was accepted is written back and read
 * again as the same bytes.
 */
#include "ctl/message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_and_read_again(const struct rd_ctl_message *m, size_t fds, enum rd_ctl_link link)
{
	static uint8_t storage[2][RD_CTL_MESSAGE_MAX];
	struct rd_buf first = rd_buf_fixed(storage[0], sizeof(storage[0]));
	struct rd_buf second = rd_buf_fixed(storage[1], sizeof(storage[1]));
	struct rd_ctl_message again;

	if (rd_ctl_encode(m, &first) != RD_OK ||
		rd_ctl_decode(rd_buf_view(&first), fds, link, &again) != RD_OK ||
		rd_ctl_encode(&again, &second) != RD_OK ||
		!rd_view_equal(rd_buf_view(&first), rd_buf_view(&second))) {
		abort();
	}
}

/* First byte: bits 0-1 the link, bits 2-4 the number of descriptors. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd_ctl_message m;
	const char *field;
	enum rd_ctl_link link;
	size_t fds;

	if (size == 0) {
		return 0;
	}
	link = (enum rd_ctl_link)(1u << (data[0] & 3));
	fds = data[0] >> 2 & 7;
	if (rd_ctl_decode_named(rd_view(data + 1, size - 1), fds, link, &m, &field) == RD_OK) {
		write_and_read_again(&m, fds, link);
	}
	return 0;
}
