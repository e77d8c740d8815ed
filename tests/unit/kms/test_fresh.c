/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes that are kept: each is given once, and is gone from where it was. */
#include "test.h"

#include "kms/fresh.h"

static void open_heap(void)
{
	struct rd_error err = {0};

	assert_ok(rd_secret_heap_open(RD_SECRET_HEAP_MIN, &err));
}

/* Of 16 bytes from a sound generator no two are alike, whether they are kept ones or not. */
static void no_bytes_are_given_twice(void **state)
{
	struct kms_fresh fresh = {.kept = {.ptr = NULL}};
	uint8_t taken[200][16];

	(void)state;
	assert_ok(kms_fresh_init(&fresh));
	for (size_t i = 0; i < RD_ARRAY_LEN(taken); i++) {
		assert_ok(kms_fresh_take(i % 8 == 7 ? NULL : &fresh, taken[i], sizeof(taken[i])));
		for (size_t k = 0; k < i; k++) {
			assert_memory_not_equal(taken[i], taken[k], sizeof(taken[i]));
		}
	}
	kms_fresh_finish(&fresh);
}

static void what_is_given_is_wiped(void **state)
{
	static const uint8_t zeros[KMS_FRESH_KEPT];
	struct kms_fresh fresh = {.kept = {.ptr = NULL}};
	uint8_t some[48];

	(void)state;
	assert_ok(kms_fresh_init(&fresh));
	assert_ok(kms_fresh_take(&fresh, some, sizeof(some)));
	assert_int_equal(fresh.kept.len, KMS_FRESH_KEPT - sizeof(some));
	assert_memory_equal(fresh.kept.ptr + fresh.kept.len, zeros, sizeof(some));
	assert_memory_not_equal(some, zeros, sizeof(some));
	kms_fresh_finish(&fresh);
	assert_null(fresh.kept.ptr);
}

static void secrets_have_their_length_or_are_refused(void **state)
{
	struct kms_fresh fresh = {.kept = {.ptr = NULL}}, nothing = {.kept = {.ptr = NULL}};
	struct rd_secret s;

	(void)state;
	assert_ok(kms_fresh_init(&fresh));
	assert_ok(rd_secret_init(&s, 2 * KMS_FRESH_KEPT));
	assert_ok(kms_fresh_secret(&fresh, &s, 32));
	assert_int_equal(s.len, 32);
	/* More than is ever kept. */
	assert_ok(kms_fresh_secret(&fresh, &s, s.cap));
	assert_int_equal(s.len, s.cap);
	assert_ok(kms_fresh_secret(&nothing, &s, 32));
	assert_ok(kms_fresh_secret(NULL, &s, 32));
	assert_status(kms_fresh_secret(&fresh, &s, s.cap + 1), RD_NOSPACE);
	assert_int_equal(s.len, 0);
	rd_secret_finish(&s);
	kms_fresh_finish(&fresh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_bytes_are_given_twice),
		cmocka_unit_test(what_is_given_is_wiped),
		cmocka_unit_test(secrets_have_their_length_or_are_refused),
	};

	open_heap();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
