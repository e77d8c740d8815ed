/* SPDX-License-Identifier: Apache-2.0 */
/* The console ring: what was written last is what is read, and a broken file is refused. */
#include "test.h"

#include "base/byteorder.h"
#include "ctl/ring.h"

static int make_ring(void **state)
{
	*state = calloc(1, RD_RING_SIZE);
	rd_ring_format(*state);
	return *state == NULL ? -1 : 0;
}

static int free_ring(void **state)
{
	free(*state);
	return 0;
}

static void empty_ring_reads_as_nothing(void **state)
{
	struct rd_view parts[2];
	uint64_t written = 1;

	assert_ok(rd_ring_read(rd_view(*state, RD_RING_SIZE), parts, &written));
	assert_int_equal(written, 0);
	assert_int_equal(parts[0].len + parts[1].len, 0);
}

static void short_output_is_kept_whole(void **state)
{
	struct rd_view parts[2];
	uint64_t written;

	rd_ring_write(*state, rd_view_str("hello, "));
	rd_ring_write(*state, rd_view_str("console\n"));
	assert_ok(rd_ring_read(rd_view(*state, RD_RING_SIZE), parts, &written));
	assert_int_equal(written, 15);
	assert_true(rd_view_equal(parts[0], rd_view_str("hello, console\n")));
	assert_int_equal(parts[1].len, 0);
}

/* Byte n of the output is n % 251, so that every position can be checked. */
static void write_pattern(void *mem, uint64_t from, size_t len)
{
	uint8_t *chunk = malloc(len);

	assert_non_null(chunk);
	for (size_t i = 0; i < len; i++) {
		chunk[i] = (uint8_t)((from + i) % 251);
	}
	rd_ring_write(mem, rd_view(chunk, len));
	free(chunk);
}

static void assert_last_bytes(void *mem, uint64_t total)
{
	struct rd_view parts[2];
	uint64_t written;
	uint64_t n = total - RD_RING_CAPACITY;

	assert_ok(rd_ring_read(rd_view(mem, RD_RING_SIZE), parts, &written));
	assert_int_equal(written, total);
	assert_int_equal(parts[0].len + parts[1].len, RD_RING_CAPACITY);
	for (int p = 0; p < 2; p++) {
		for (size_t i = 0; i < parts[p].len; i++, n++) {
			assert_int_equal(parts[p].ptr[i], n % 251);
		}
	}
}

static void old_output_is_pushed_out(void **state)
{
	uint64_t total = 0;

	while (total < 2 * RD_RING_CAPACITY) {
		write_pattern(*state, total, 1021);
		total += 1021;
	}
	assert_last_bytes(*state, total);
}

static void one_write_larger_than_the_ring_keeps_its_end(void **state)
{
	write_pattern(*state, 0, RD_RING_CAPACITY + 777);
	assert_last_bytes(*state, RD_RING_CAPACITY + 777);
}

static void refuses_what_is_not_a_ring(void **state)
{
	uint8_t *mem = *state;
	struct rd_view parts[2];
	uint64_t written;

	assert_status(rd_ring_read(rd_view(mem, RD_RING_SIZE - 1), parts, &written), RD_TRUNCATED);
	rd_put_le64(mem + 8, RD_RING_CAPACITY * 2);
	assert_status(rd_ring_read(rd_view(mem, RD_RING_SIZE), parts, &written), RD_OUT_OF_RANGE);
	mem[0] = 'X';
	assert_status(rd_ring_read(rd_view(mem, RD_RING_SIZE), parts, &written), RD_BAD_MAGIC);
}

static void any_written_count_stays_inside(void **state)
{
	uint8_t *mem = *state;
	struct rd_view parts[2];
	uint64_t written;

	rd_put_le64(mem + 16, UINT64_MAX);
	assert_ok(rd_ring_read(rd_view(mem, RD_RING_SIZE), parts, &written));
	assert_int_equal(parts[0].len + parts[1].len, RD_RING_CAPACITY);
	assert_true(parts[0].ptr + parts[0].len == mem + RD_RING_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(empty_ring_reads_as_nothing, make_ring, free_ring),
		cmocka_unit_test_setup_teardown(short_output_is_kept_whole, make_ring, free_ring),
		cmocka_unit_test_setup_teardown(old_output_is_pushed_out, make_ring, free_ring),
		cmocka_unit_test_setup_teardown(
			one_write_larger_than_the_ring_keeps_its_end, make_ring, free_ring),
		cmocka_unit_test_setup_teardown(refuses_what_is_not_a_ring, make_ring, free_ring),
		cmocka_unit_test_setup_teardown(
			any_written_count_stays_inside, make_ring, free_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
