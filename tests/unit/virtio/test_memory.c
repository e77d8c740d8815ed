/* SPDX-License-Identifier: Apache-2.0 */
/* The guest memory map and segment lists. */
#include "test.h"

#include "virtio/memory.h"
#include "virtio/queue.h"

static uint8_t low[0x2000] __attribute__((aligned(16)));
static uint8_t high[0x1000] __attribute__((aligned(16)));

/* low at 0x1000, high adjoining it at 0x3000, read-only ROM at 0x10000, and a gap between. */
static struct rd_guest_mem map(void)
{
	static uint8_t rom[0x1000];
	struct rd_guest_mem mem;

	rd_guest_mem_init(&mem);
	assert_ok(rd_guest_mem_add(
		&mem, &(struct rd_guest_region){{0x1000}, sizeof(low), low, false}));
	assert_ok(rd_guest_mem_add(
		&mem, &(struct rd_guest_region){{0x3000}, sizeof(high), high, false}));
	assert_ok(rd_guest_mem_add(
		&mem, &(struct rd_guest_region){{0x10000}, sizeof(rom), rom, true}));
	return mem;
}

static void add_refuses_bad_regions(void **state)
{
	struct rd_guest_mem mem = map();
	uint8_t byte;

	(void)state;
	assert_status(rd_guest_mem_add(&mem, &(struct rd_guest_region){{0x9000}, 0, &byte, false}),
		RD_OUT_OF_RANGE);
	assert_status(rd_guest_mem_add(&mem, &(struct rd_guest_region){{0x9000}, 1, NULL, false}),
		RD_OUT_OF_RANGE);
	assert_status(
		rd_guest_mem_add(&mem, &(struct rd_guest_region){{UINT64_MAX}, 2, &byte, false}),
		RD_OUT_OF_RANGE);
	assert_status(
		rd_guest_mem_add(&mem, &(struct rd_guest_region){{0x3fff}, 0x1000, &byte, false}),
		RD_OVERLAP);
	assert_status(rd_guest_mem_add(&mem, &(struct rd_guest_region){{0}, 0x1001, &byte, false}),
		RD_OVERLAP);
	assert_status(
		rd_guest_mem_add(&mem, &(struct rd_guest_region){{0}, UINT64_MAX, &byte, false}),
		RD_OVERLAP);
	assert_int_equal(mem.count, 3);
	for (unsigned i = 3; i < RD_GUEST_MEM_REGIONS_MAX; i++) {
		assert_ok(rd_guest_mem_add(
			&mem, &(struct rd_guest_region){{0x100000 * i}, 1, &byte, false}));
	}
	assert_status(rd_guest_mem_add(&mem, &(struct rd_guest_region){{0x9000}, 1, &byte, false}),
		RD_LIMIT);
}

static void last_byte_of_address_space_is_usable(void **state)
{
	struct rd_guest_mem mem;
	uint8_t byte = 7;
	uint8_t got = 0;

	(void)state;
	rd_guest_mem_init(&mem);
	assert_ok(rd_guest_mem_add(&mem, &(struct rd_guest_region){{UINT64_MAX}, 1, &byte, false}));
	assert_ok(rd_guest_mem_read(&mem, (struct rd_gpa){UINT64_MAX}, &got, 1));
	assert_int_equal(got, 7);
	assert_status(
		rd_guest_mem_read(&mem, (struct rd_gpa){UINT64_MAX}, &got, 2), RD_OUT_OF_RANGE);
}

static void range_wraps_to_no_other_region(void **state)
{
	struct rd_guest_mem mem;
	uint8_t first = 1;
	uint8_t last = 2;
	uint8_t got[2];

	(void)state;
	rd_guest_mem_init(&mem);
	assert_ok(rd_guest_mem_add(&mem, &(struct rd_guest_region){{0}, 1, &first, false}));
	assert_ok(rd_guest_mem_add(&mem, &(struct rd_guest_region){{UINT64_MAX}, 1, &last, false}));
	assert_status(
		rd_guest_mem_read(&mem, (struct rd_gpa){UINT64_MAX}, got, 2), RD_OUT_OF_RANGE);
}

static void segments_cross_adjoining_regions_and_stop_at_gaps(void **state)
{
	struct rd_guest_mem mem = map();
	struct iovec iov[2];
	size_t n = 0;

	(void)state;
	assert_ok(rd_guest_mem_segments(
		&mem, (struct rd_gpa){0x2ff0}, 0x20, RD_MEM_WRITE, iov, 2, &n));
	assert_int_equal(n, 2);
	assert_ptr_equal(iov[0].iov_base, low + 0x1ff0);
	assert_int_equal(iov[0].iov_len, 0x10);
	assert_ptr_equal(iov[1].iov_base, high);
	assert_int_equal(iov[1].iov_len, 0x10);

	n = 1;
	assert_status(rd_guest_mem_segments(
			      &mem, (struct rd_gpa){0x2ff0}, 0x20, RD_MEM_WRITE, iov, 2, &n),
		RD_LIMIT);
	assert_int_equal(n, 1);
	n = 0;
	assert_status(
		rd_guest_mem_segments(&mem, (struct rd_gpa){0x3ff0}, 0x11, RD_MEM_READ, iov, 2, &n),
		RD_OUT_OF_RANGE);
	assert_status(
		rd_guest_mem_segments(&mem, (struct rd_gpa){0xfff}, 2, RD_MEM_READ, iov, 2, &n),
		RD_OUT_OF_RANGE);
	assert_int_equal(n, 0);
	assert_ok(rd_guest_mem_segments(&mem, (struct rd_gpa){0}, 0, RD_MEM_READ, iov, 2, &n));
	assert_int_equal(n, 0);
}

static void read_only_memory_is_not_written(void **state)
{
	struct rd_guest_mem mem = map();
	uint8_t bytes[4] = {0};

	(void)state;
	assert_ok(rd_guest_mem_read(&mem, (struct rd_gpa){0x10000}, bytes, 4));
	assert_status(
		rd_guest_mem_write(&mem, (struct rd_gpa){0x10000}, bytes, 4), RD_OUT_OF_RANGE);
}

static void copies_are_whole_or_nothing(void **state)
{
	struct rd_guest_mem mem = map();
	uint8_t out[32];
	uint8_t in[32] = {0};

	(void)state;
	for (unsigned i = 0; i < sizeof(out); i++) {
		out[i] = (uint8_t)i;
	}
	assert_ok(rd_guest_mem_write(&mem, (struct rd_gpa){0x2ff8}, out, sizeof(out)));
	assert_ok(rd_guest_mem_read(&mem, (struct rd_gpa){0x2ff8}, in, sizeof(in)));
	assert_memory_equal(in, out, sizeof(in));
	high[0xfff] = 0xaa;
	assert_status(rd_guest_mem_write(&mem, (struct rd_gpa){0x3fff}, out, 2), RD_OUT_OF_RANGE);
	assert_int_equal(high[0xfff], 0xaa);
}

static void in_place_wants_one_aligned_stretch(void **state)
{
	struct rd_guest_mem mem = map();
	uint8_t *p;

	(void)state;
	assert_ok(rd_guest_mem_in_place(&mem, (struct rd_gpa){0x1010}, 16, 16, RD_MEM_WRITE, &p));
	assert_ptr_equal(p, low + 0x10);
	assert_status(rd_guest_mem_in_place(&mem, (struct rd_gpa){0x1008}, 16, 16, RD_MEM_READ, &p),
		RD_NONCANONICAL);
	assert_status(rd_guest_mem_in_place(&mem, (struct rd_gpa){0x2ff0}, 32, 16, RD_MEM_READ, &p),
		RD_OUT_OF_RANGE);
	assert_status(
		rd_guest_mem_in_place(&mem, (struct rd_gpa){0x10000}, 16, 16, RD_MEM_WRITE, &p),
		RD_OUT_OF_RANGE);
}

static void slices_and_copies_respect_every_end(void **state)
{
	uint8_t a[3] = {1, 2, 3};
	uint8_t b[2] = {4, 5};
	uint8_t c[4] = {6, 7, 8, 9};
	struct iovec in[] = {{a, 3}, {b, 0}, {b, 2}, {c, 4}};
	struct iovec out[4];
	uint8_t got[16] = {0};
	size_t len;

	(void)state;
	assert_int_equal(rd_iov_slice(in, 4, 2, 4, out, &len), 3);
	assert_int_equal(len, 4);
	assert_ptr_equal(out[0].iov_base, a + 2);
	assert_int_equal(out[2].iov_len, 1);
	assert_int_equal(rd_iov_slice(in, 4, 8, 100, out, &len), 1);
	assert_int_equal(len, 1);
	assert_int_equal(rd_iov_slice(in, 4, 9, 1, out, &len), 0);
	assert_int_equal(len, 0);
	assert_int_equal(rd_iov_slice(in, 4, 0, 0, out, &len), 0);

	assert_int_equal(rd_iov_copy_out(in, 4, 1, got, sizeof(got)), 8);
	assert_view_hex(rd_view(got, 8), "0203040506070809");
	assert_int_equal(rd_iov_copy_out(in, 4, 100, got, 1), 0);
	assert_int_equal(rd_iov_copy_in(in, 4, 2, "\xaa\xbb\xcc\xdd", 4), 4);
	assert_int_equal(a[2], 0xaa);
	assert_int_equal(b[1], 0xcc);
	assert_int_equal(c[0], 0xdd);
	assert_int_equal(c[1], 7);
	assert_int_equal(rd_iov_copy_in(in, 4, 8, "\x11\x22", 2), 1);
	assert_int_equal(c[3], 0x11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add_refuses_bad_regions),
		cmocka_unit_test(last_byte_of_address_space_is_usable),
		cmocka_unit_test(range_wraps_to_no_other_region),
		cmocka_unit_test(segments_cross_adjoining_regions_and_stop_at_gaps),
		cmocka_unit_test(read_only_memory_is_not_written),
		cmocka_unit_test(copies_are_whole_or_nothing),
		cmocka_unit_test(in_place_wants_one_aligned_stretch),
		cmocka_unit_test(slices_and_copies_respect_every_end),
	};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
