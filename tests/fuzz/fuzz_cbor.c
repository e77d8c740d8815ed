/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as CBOR: the reader stays inside them, and what it takes in strict form is what the
 * writer makes of the same items.
 */
#include "cbor/decode.h"
#include "cbor/encode.h"

#include <stdlib.h>

#define INPUT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

/* Writes the next head (and a string's bytes) again; false for what the writer does not write. */
static bool copy_item(struct rd_cbor *d, struct rd_buf *out)
{
	struct rd_cbor_iter it;
	struct rd_view view;
	enum rd_cbor_type type;
	int64_t number;
	uint64_t value;
	bool flag;

	require(rd_cbor_peek(d, &type) == RD_OK);
	d->depth = 0; /* items are taken one after the other, whatever they are in */
	switch (type) {
	case RD_CBOR_UINT:
		return rd_cbor_uint(d, UINT64_MAX, &value) == RD_OK &&
		       rd_cbor_put_uint(out, value) == RD_OK;
	case RD_CBOR_NINT:
		return rd_cbor_int(d, INT64_MIN, INT64_MAX, &number) == RD_OK &&
		       rd_cbor_put_int(out, number) == RD_OK;
	case RD_CBOR_BYTES:
		return rd_cbor_bytes(d, &view) == RD_OK && rd_cbor_put_bytes(out, view) == RD_OK;
	case RD_CBOR_TEXT:
		return rd_cbor_text(d, &view) == RD_OK && rd_cbor_put_text(out, view) == RD_OK;
	case RD_CBOR_ARRAY:
		return rd_cbor_array(d, &it) == RD_OK && rd_cbor_put_array(out, it.left) == RD_OK;
	case RD_CBOR_MAP:
		return rd_cbor_map(d, &it) == RD_OK && rd_cbor_put_map(out, it.left) == RD_OK;
	case RD_CBOR_TAG:
		return rd_cbor_tag(d, &value) == RD_OK && rd_cbor_put_tag(out, value) == RD_OK;
	case RD_CBOR_BOOL:
		return rd_cbor_bool(d, &flag) == RD_OK && rd_cbor_put_bool(out, flag) == RD_OK;
	case RD_CBOR_NULL:
		return rd_cbor_null(d) == RD_OK && rd_cbor_put_null(out) == RD_OK;
	case RD_CBOR_UNDEFINED:
	case RD_CBOR_FLOAT:
	case RD_CBOR_END:
		break;
	}
	return false;
}

static void check_copy(struct rd_view item)
{
	uint8_t storage[INPUT_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct rd_cbor d;

	rd_cbor_init(&d, item, RD_CBOR_STRICT);
	while (d.cur.left > 0) {
		if (!copy_item(&d, &out)) {
			return;
		}
	}
	require(rd_view_equal(rd_buf_view(&out), item));
}

static void read_fields(struct rd_view input, unsigned flags)
{
	static const char *const names[] = {"a", "module_id"};
	struct rd_cbor d;
	struct rd_cbor_fields f;
	int index = 0;

	rd_cbor_init(&d, input, flags);
	if (rd_cbor_fields_begin(&d, names, RD_ARRAY_LEN(names), &f) != RD_OK) {
		return;
	}
	while (index != RD_CBOR_KEY_END) {
		if (rd_cbor_fields_next(&d, &f, &index) != RD_OK ||
			(index != RD_CBOR_KEY_END && rd_cbor_skip(&d, NULL) != RD_OK)) {
			return;
		}
	}
	require(d.depth == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned all = RD_CBOR_ALLOW_INDEFINITE | RD_CBOR_ALLOW_LONG_HEADS;
	struct rd_view input = rd_view(data, size);

	if (size > INPUT_MAX) {
		return 0;
	}
	for (unsigned flags = 0; flags <= all; flags++) {
		struct rd_view item;
		struct rd_cbor d;

		rd_cbor_init(&d, input, flags);
		if (rd_cbor_skip(&d, &item) == RD_OK) {
			require(item.ptr == data && item.len + d.cur.left == size);
			if (flags == RD_CBOR_STRICT) {
				check_copy(item);
			}
		}
		read_fields(input, flags);
	}
	return 0;
}
