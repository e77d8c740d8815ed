/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a message: values lie inside the input, what decodes encodes to the same bytes, a
 * dump never shows a PAN, and the dialogue's structs come back as they were.
 */
#include "card/gateway_message.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Larger than any dump of a message: every value, and "[nn=" before each subfield. */
#define DUMP_MAX (4 * PAY_ISO_MESSAGE_MAX)

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static bool inside(struct rd_view part, struct rd_view whole)
{
	return part.ptr >= whole.ptr && part.len <= whole.len &&
	       part.ptr <= whole.ptr + (whole.len - part.len);
}

static void check_message(struct rd_view input, const struct pay_iso *msg)
{
	static uint8_t storage[PAY_ISO_MESSAGE_MAX], text[DUMP_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct rd_buf dump = rd_buf_fixed(text, sizeof(text));

	for (unsigned number = 0; number <= PAY_ISO_FIELD_MAX; number++) {
		require(!pay_iso_has(msg, number) || inside(msg->fields[number], input));
	}
	require(pay_iso_encode(msg, &out) == RD_OK);
	require(rd_view_equal(rd_buf_view(&out), input));
	require(pay_iso_dump(msg, &dump) == RD_OK);
	for (size_t i = 0; i < dump.used; i++) {
		require(text[i] >= ' ' && text[i] <= '~');
	}
}

static void check_private(struct rd_view value)
{
	static uint8_t storage[999];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct pay_iso_private private;

	if (value.ptr != NULL && pay_iso_private_decode(value, &private) == RD_OK) {
		require(pay_iso_private_encode(&private, &out) == RD_OK);
		require(rd_view_equal(rd_buf_view(&out), value));
	}
}

/* No two encodings of one struct either. */
static void check_dialogue(struct rd_view input)
{
	static uint8_t storage[PAY_ISO_MESSAGE_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct pay_gateway_request request;
	struct pay_gateway_answer answer;

	if (pay_gateway_request_decode(input, &request) == RD_OK) {
		require(pay_gateway_request_encode(&request, &out) == RD_OK);
		require(rd_view_equal(rd_buf_view(&out), input));
	} else if (pay_gateway_answer_decode(input, &answer) == RD_OK) {
		require(pay_gateway_answer_encode(&answer, &out) == RD_OK);
		require(rd_view_equal(rd_buf_view(&out), input));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pay_iso msg;
	struct rd_view input = rd_view(data, size);

	if (pay_iso_decode(input, &msg) != RD_OK) {
		return 0;
	}
	check_message(input, &msg);
	check_private(msg.fields[PAY_ISO_F_PRIVATE]);
	check_dialogue(input);
	return 0;
}
