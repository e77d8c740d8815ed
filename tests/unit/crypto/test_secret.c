/* SPDX-License-Identifier: Apache-2.0 */
/* The heap for secrets: locked, not dumped, wiped; asked of the kernel, not of the library. */
#include "data.h"

#include "crypto/secret.h"

#define LINE_SIZE 1024

/* Flags of the mapping that holds p, from /proc/self/smaps. */
static void vm_flags_of(const void *p, char ret_flags[LINE_SIZE])
{
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[LINE_SIZE];
	bool here = false;

	assert_non_null(f);
	ret_flags[0] = '\0';
	while (fgets(line, sizeof(line), f) != NULL) {
		unsigned long from;
		unsigned long to;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
			here = from <= (uintptr_t)p && (uintptr_t)p < to;
		} else if (here && strncmp(line, "VmFlags:", 8) == 0) {
			memcpy(ret_flags, line, sizeof(line));
		}
	}
	fclose(f);
}

static void no_secret_without_a_heap(void **state)
{
	struct rd_secret s;
	struct rd_error err = {0};

	(void)state;
	assert_status(rd_secret_init(&s, 32), RD_USAGE);
	assert_null(s.ptr);
	rd_secret_finish(&s);
	assert_status(rd_secret_heap_open(RD_SECRET_HEAP_MIN - 1, &err), RD_USAGE);
	assert_status(rd_secret_heap_open(100000, &err), RD_USAGE);
	assert_status(rd_secret_heap_open(2 * RD_SECRET_HEAP_MAX, NULL), RD_USAGE);
	assert_non_null(strstr(err.text, "100000"));
}

static void opens_once(void **state)
{
	(void)state;
	assert_ok(rd_secret_heap_open(RD_SECRET_HEAP_MIN, NULL));
	assert_status(rd_secret_heap_open(RD_SECRET_HEAP_MIN, NULL), RD_EXISTS);
}

static void memory_is_locked_and_not_dumped(void **state)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret s = {0};
	char flags[LINE_SIZE];
	char elsewhere[LINE_SIZE];

	(void)state;
	assert_ok(rd_secret_init(&s, 32));
	vm_flags_of(s.ptr, flags);
	assert_non_null(strstr(flags, " lo"));
	assert_non_null(strstr(flags, " dd"));
	vm_flags_of(flags, elsewhere);
	assert_null(strstr(elsewhere, " dd"));
}

static void finish_wipes(void **state)
{
	struct rd_secret s = {0};
	struct rd_secret next = {0};
	const uint8_t *was;

	(void)state;
	assert_ok(rd_secret_init(&s, 64));
	assert_ok(rd_secret_set(&s, rd_view_str("a secret of thirty-nine bytes, or so it is")));
	was = s.ptr;
	rd_secret_finish(&s);
	assert_null(s.ptr);
	assert_int_equal(s.cap, 0);
	/* The heap's pages stay mapped. Its free list lies over the first bytes. */
	for (size_t i = 2 * sizeof(void *); i < 64; i++) {
		assert_int_equal(was[i], 0);
	}
	rd_secret_finish(&s);
	assert_ok(rd_secret_init(&next, 64));
	assert_int_equal(next.len, 0);
	for (size_t i = 0; i < next.cap; i++) {
		assert_int_equal(next.ptr[i], 0);
	}
	rd_secret_finish(&next);
}

static void set_and_random_stay_within_the_capacity(void **state)
{
	static const uint8_t zeros[32];
	RD_CLEANUP(rd_secret_finish) struct rd_secret s = {0};

	(void)state;
	assert_ok(rd_secret_init(&s, 32));
	assert_ok(rd_secret_set(&s, rd_view_str("abc")));
	assert_true(rd_view_equal(rd_secret_view(&s), rd_view_str("abc")));
	assert_status(
		rd_secret_set(&s, rd_view_str("this text has thirty-three bytes.")), RD_NOSPACE);
	assert_int_equal(s.len, 0);
	assert_memory_equal(s.ptr, zeros, 32);
	assert_ok(rd_secret_random(&s, 32));
	assert_int_equal(s.len, 32);
	assert_memory_not_equal(s.ptr, zeros, 32);
	assert_status(rd_secret_random(&s, 33), RD_NOSPACE);
	assert_int_equal(s.len, 0);
	rd_secret_clear(&s);
	assert_memory_equal(s.ptr, zeros, 32);
}

static void limits_and_a_full_heap(void **state)
{
	struct rd_secret many[RD_SECRET_HEAP_MIN / RD_SECRET_SIZE_MAX + 1];
	struct rd_secret s;
	size_t n = 0;

	(void)state;
	assert_status(rd_secret_init(&s, 0), RD_USAGE);
	assert_status(rd_secret_init(&s, RD_SECRET_SIZE_MAX + 1), RD_LIMIT);
	while (n < RD_ARRAY_LEN(many) && rd_secret_init(&many[n], RD_SECRET_SIZE_MAX) == RD_OK) {
		n++;
	}
	assert_true(n > 0 && n < RD_ARRAY_LEN(many));
	assert_status(rd_secret_init(&s, RD_SECRET_SIZE_MAX), RD_NOMEM);
	assert_null(s.ptr);
	while (n > 0) {
		rd_secret_finish(&many[--n]);
	}
	assert_ok(rd_secret_init(&s, RD_SECRET_SIZE_MAX));
	rd_secret_finish(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_secret_without_a_heap),
		cmocka_unit_test(opens_once),
		cmocka_unit_test(memory_is_locked_and_not_dumped),
		cmocka_unit_test(finish_wipes),
		cmocka_unit_test(set_and_random_stay_within_the_capacity),
		cmocka_unit_test(limits_and_a_full_heap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
