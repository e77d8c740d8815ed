/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of qcow2 images: what may be a disk's base, and every reason why not. */
#include "test.h"

#include "base/byteorder.h"
#include "disk/qcow2.h"

/* Offsets of docs/interop/qcow2.txt. */
enum {
	AT_VERSION = 4,
	AT_BACKING = 8,
	AT_CLUSTER_BITS = 20,
	AT_SIZE = 24,
	AT_ENCRYPTION = 32,
	AT_L1_ENTRIES = 36,
	AT_L1_OFFSET = 40,
	AT_INCOMPATIBLE = 72,
};

#define FILE_SIZE (256u << 10)
#define DISK      ((uint64_t)1 << 30)

static uint8_t header[RD_QCOW2_HEADER_SIZE];
static struct rd_error err;

static int good_header(void **state)
{
	(void)state;
	memset(header, 0, sizeof(header));
	rd_put_be32(header, 0x514649fb);
	rd_put_be32(header + AT_VERSION, 3);
	rd_put_be32(header + AT_CLUSTER_BITS, 16);
	rd_put_be64(header + AT_SIZE, DISK);
	rd_put_be32(header + AT_L1_ENTRIES, 2);
	rd_put_be64(header + AT_L1_OFFSET, 196608);
	return 0;
}

static enum rd_status check(void)
{
	uint64_t bytes = 0;
	enum rd_status st = rd_qcow2_check(
		rd_view(header, sizeof(header)), FILE_SIZE, &bytes, &err);

	if (st == RD_OK) {
		assert_true(bytes == DISK);
	}
	return st;
}

static void takes_what_qemu_img_makes(void **state)
{
	(void)state;
	assert_ok(check());
	rd_put_be32(header + AT_VERSION, 2);
	assert_ok(check());
	rd_put_be32(header + AT_VERSION, 3);
	rd_put_be64(header + AT_INCOMPATIBLE, 8 | 16);
	assert_ok(check());
}

static void refuses_what_is_no_qcow2(void **state)
{
	uint64_t bytes;

	(void)state;
	assert_status(rd_qcow2_check(rd_view(header, 71), FILE_SIZE, &bytes, &err), RD_TRUNCATED);
	rd_put_be32(header + AT_VERSION, 4);
	assert_status(check(), RD_BAD_VERSION);
	header[0] ^= 1;
	assert_status(check(), RD_BAD_MAGIC);
}

static void refuses_images_that_name_other_files(void **state)
{
	(void)state;
	rd_put_be64(header + AT_BACKING, 512);
	assert_status(check(), RD_FORBIDDEN);
	assert_non_null(strstr(err.text, "backing file"));
	good_header(NULL);
	rd_put_be64(header + AT_INCOMPATIBLE, 4);
	assert_status(check(), RD_FORBIDDEN);
	assert_non_null(strstr(err.text, "another file"));
	good_header(NULL);
	rd_put_be32(header + AT_ENCRYPTION, 2);
	assert_status(check(), RD_FORBIDDEN);
}

static void refuses_damage_and_unknown_features(void **state)
{
	(void)state;
	rd_put_be64(header + AT_INCOMPATIBLE, 1);
	assert_status(check(), RD_MALFORMED);
	rd_put_be64(header + AT_INCOMPATIBLE, 2);
	assert_status(check(), RD_MALFORMED);
	rd_put_be64(header + AT_INCOMPATIBLE, (uint64_t)1 << 40);
	assert_status(check(), RD_UNSUPPORTED);
}

static void refuses_sizes_that_cannot_be(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
	} small[] = {
		{AT_CLUSTER_BITS, 8},
		{AT_CLUSTER_BITS, 22},
		{AT_CLUSTER_BITS, 0x80000010},
		{AT_L1_ENTRIES, 1},
		{AT_L1_ENTRIES, 0xffffffff},
	};
	static const struct {
		size_t at;
		uint64_t value;
	} large[] = {
		{AT_SIZE, 0},
		{AT_SIZE, UINT64_MAX},
		{AT_SIZE, (uint64_t)65537 << 30},
		{AT_L1_OFFSET, 1},
		{AT_L1_OFFSET, FILE_SIZE},
		{AT_L1_OFFSET, UINT64_MAX - 65535},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(small); i++) {
		good_header(NULL);
		rd_put_be32(header + small[i].at, small[i].value);
		assert_status(check(), RD_OUT_OF_RANGE);
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(large); i++) {
		good_header(NULL);
		rd_put_be64(header + large[i].at, large[i].value);
		assert_status(check(), RD_OUT_OF_RANGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(takes_what_qemu_img_makes, good_header),
		cmocka_unit_test_setup(refuses_what_is_no_qcow2, good_header),
		cmocka_unit_test_setup(refuses_images_that_name_other_files, good_header),
		cmocka_unit_test_setup(refuses_damage_and_unknown_features, good_header),
		cmocka_unit_test_setup(refuses_sizes_that_cannot_be, good_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
