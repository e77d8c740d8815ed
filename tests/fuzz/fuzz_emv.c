/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as chip data: objects lie inside the input and follow one another within the bounds. */
#include "card/emv.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	struct rd_view input;
	const uint8_t *at;
	unsigned objects;
	unsigned depth;
	bool constructed;
};

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static enum rd_status check(void *arg, const struct pay_emv_object *object)
{
	struct seen *seen = arg;
	const uint8_t *end = seen->input.ptr + seen->input.len;

	require(++seen->objects <= PAY_EMV_OBJECTS_MAX && object->depth <= PAY_EMV_DEPTH_MAX);
	require(object->depth <= seen->depth + (seen->constructed ? 1 : 0));
	/* Tag and length have two bytes at least and six at most. */
	require(object->value.ptr >= seen->at + 2 && object->value.ptr <= seen->at + 6);
	require(object->value.ptr <= end && object->value.len <= (size_t)(end - object->value.ptr));
	require(object->tag != 0);
	seen->at = object->value.ptr + (object->constructed ? 0 : object->value.len);
	seen->depth = object->depth;
	seen->constructed = object->constructed;
	return RD_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen seen = {.input = rd_view(data, size), .at = data};
	enum rd_status st = pay_emv_walk(seen.input, check, &seen);

	/* Nothing is left out; and without a callback it is the same. */
	require(st != RD_OK || seen.at == data + size);
	require(pay_emv_walk(seen.input, NULL, NULL) == st);
	return 0;
}
