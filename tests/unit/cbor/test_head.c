/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's head codec and libcbor give the same answers to everything. */
#include "test.h"

#include "cbor/head.h"

enum rd_status plain_head_read(struct rd_view input, struct rd_cbor_head *ret);
size_t plain_head_write(
	enum rd_cbor_major major, uint64_t value, uint8_t dst[RD_CBOR_HEAD_SIZE_MAX]);

static void assert_same_answer(struct rd_view input)
{
	struct rd_cbor_head a = {0};
	struct rd_cbor_head b = {0};
	enum rd_status st_a = rd_cbor_head_read(input, &a);
	enum rd_status st_b = plain_head_read(input, &b);

	if (st_a != st_b) {
		fail_msg("first byte %02x of %zu: libcbor %s, plain %s", input.ptr[0], input.len,
			rd_status_name(st_a), rd_status_name(st_b));
	}
	assert_int_equal(a.type, b.type);
	assert_true(a.value == b.value);
	assert_int_equal(a.size, b.size);
	assert_int_equal(a.indefinite, b.indefinite);
	assert_int_equal(a.body.len, b.body.len);
	assert_ptr_equal(a.body.ptr, b.body.ptr);
}

static void both_read_alike(void **state)
{
	static const uint8_t fills[] = {0x00, 0x01, 0x17, 0x18, 0x20, 0x7f, 0x80, 0xff};
	uint8_t input[64];

	(void)state;
	for (unsigned first = 0; first < 256; first++) {
		for (size_t fill = 0; fill < RD_ARRAY_LEN(fills); fill++) {
			memset(input, fills[fill], sizeof(input));
			input[0] = (uint8_t)first;
			for (size_t len = 1; len <= sizeof(input); len++) {
				assert_same_answer(rd_view(input, len));
			}
		}
	}
}

static void both_read_small_lengths_alike(void **state)
{
	uint8_t input[48] = {0};

	(void)state;
	for (unsigned major = 0; major < 8; major++) {
		for (unsigned info = 24; info < 28; info++) {
			for (unsigned value = 0; value < 40; value++) {
				size_t argument = (size_t)1 << (info - 24);

				memset(input, 0, sizeof(input));
				input[0] = (uint8_t)(major << 5 | info);
				input[argument] = (uint8_t)value;
				assert_same_answer(rd_view(input, sizeof(input)));
				assert_same_answer(rd_view(input, 1 + argument + value / 2));
			}
		}
	}
}

static void both_write_alike(void **state)
{
	(void)state;
	for (unsigned major = RD_CBOR_MAJOR_UINT; major <= RD_CBOR_MAJOR_TAG; major++) {
		for (unsigned shift = 0; shift < 64; shift++) {
			for (int off = -1; off <= 1; off++) {
				uint64_t value = (UINT64_C(1) << shift) + (uint64_t)off;
				uint8_t a[RD_CBOR_HEAD_SIZE_MAX] = {0};
				uint8_t b[RD_CBOR_HEAD_SIZE_MAX] = {0};
				enum rd_cbor_major m = (enum rd_cbor_major)major;

				assert_int_equal(rd_cbor_head_write(m, value, a),
					plain_head_write(m, value, b));
				assert_memory_equal(a, b, sizeof(a));
			}
		}
		for (uint64_t value = 0; value < 300; value++) {
			uint8_t a[RD_CBOR_HEAD_SIZE_MAX] = {0};
			uint8_t b[RD_CBOR_HEAD_SIZE_MAX] = {0};
			enum rd_cbor_major m = (enum rd_cbor_major)major;

			assert_int_equal(
				rd_cbor_head_write(m, value, a), plain_head_write(m, value, b));
			assert_memory_equal(a, b, sizeof(a));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_read_alike),
		cmocka_unit_test(both_read_small_lengths_alike),
		cmocka_unit_test(both_write_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
