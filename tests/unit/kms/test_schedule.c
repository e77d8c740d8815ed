/* SPDX-License-Identifier: Apache-2.0 */
/* What falls due by itself: in spite of keys that always fail. */
#include "bench.h"

#include "kms/audit.h"
#include "kms/schedule.h"
#include "kms/store.h"

#define NOW_MS  INT64_C(1700000000000)
#define FAILING 70 /* more than are read at a time */

enum { DELETION, ROTATION };

static struct bench b;
static struct kms_schedule schedule;
static char failing[FAILING][KMS_KEY_ID_SIZE], well[KMS_KEY_ID_SIZE];

static void sql(const char *text, const char *id)
{
	const struct rd_db_value params[] = {rd_db_text(id)};

	assert_ok(rd_db_run(b.db, text, params, 1, NULL, NULL, NULL));
}

static void due(const char *id)
{
	sql("UPDATE kms_key SET rotation_days = 365, next_rotation_ms = 1000 WHERE id = $1", id);
}

static int setup(void **state)
{
	(void)state;
	bench_open(&b, NOW_MS);
	for (size_t i = 0; i < FAILING; i++) {
		bench_key(&b, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", NULL, failing[i]);
	}
	bench_key(&b, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", NULL, well);
	return 0;
}

/* All are due, the one that is well after the others. */
static int reset(void **state)
{
	(void)state;
	schedule = (struct kms_schedule){0};
	for (size_t i = 0; i < FAILING; i++) {
		due(failing[i]);
		sql("UPDATE kms_key SET spec = 9999 WHERE id = $1", failing[i]);
	}
	due(well);
	sql("UPDATE kms_key SET next_rotation_ms = 1001 WHERE id = $1", well);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bench_close(&b);
	return 0;
}

static int64_t next_rotation(const char *id)
{
	struct kms_key key RD_CLEANUP(kms_key_finish) = {.version = 0};

	assert_ok(kms_store_key_find(b.db, id, &key));
	return key.next_rotation_ms;
}

static void run_at(int64_t now_ms)
{
	assert_ok(kms_schedule_run(&schedule, &b.kms, b.db, now_ms));
}

static void keys_that_fail_hold_up_no_other(void **state)
{
	(void)state;
	run_at(NOW_MS);
	assert_int_equal(next_rotation(well), NOW_MS + 365 * KMS_DAY_MS);
	assert_int_equal(schedule.backoff[ROTATION].n, FAILING);
	assert_int_equal(schedule.backoff[DELETION].n, 0);
}

static void keys_that_fail_wait_longer_each_time(void **state)
{
	const struct kms_backoff_key *first = &schedule.backoff[ROTATION].keys[0];

	(void)state;
	run_at(NOW_MS);
	assert_int_equal(first->until_ms, NOW_MS + KMS_BACKOFF_MIN_MS);
	run_at(first->until_ms - 1);
	assert_int_equal(first->until_ms, NOW_MS + KMS_BACKOFF_MIN_MS);
	run_at(first->until_ms);
	assert_int_equal(first->until_ms, NOW_MS + 3 * KMS_BACKOFF_MIN_MS);
	for (int i = 0; i < 10; i++) {
		run_at(first->until_ms);
	}
	assert_int_equal(first->pause_ms, KMS_BACKOFF_MAX_MS);
}

static void a_key_that_works_again_is_forgotten(void **state)
{
	(void)state;
	run_at(NOW_MS);
	sql("UPDATE kms_key SET spec = 0 WHERE id = $1", failing[3]);
	run_at(NOW_MS + KMS_BACKOFF_MIN_MS - 1);
	assert_int_equal(next_rotation(failing[3]), 1000);
	run_at(NOW_MS + KMS_BACKOFF_MIN_MS);
	assert_int_equal(next_rotation(failing[3]), NOW_MS + KMS_BACKOFF_MIN_MS + 365 * KMS_DAY_MS);
	assert_int_equal(schedule.backoff[ROTATION].n, FAILING - 1);
}

static void more_than_can_be_noted_are_tried_each_time(void **state)
{
	static struct kms_backoff full;
	char id[16];

	(void)state;
	for (int i = 0; i < KMS_BACKOFF_KEYS_MAX; i++) {
		snprintf(id, sizeof(id), "%d", i);
		assert_true(kms_backoff_fail(&full, id, 0));
		assert_true(kms_backoff_holds(&full, id, 0));
	}
	assert_true(kms_backoff_fail(&full, "more", 0));
	assert_false(kms_backoff_holds(&full, "more", 0));
	assert_false(kms_backoff_fail(&full, "7", 0));
	kms_backoff_forget(&full, "7");
	kms_backoff_forget(&full, "unknown");
	assert_int_equal(full.n, KMS_BACKOFF_KEYS_MAX - 1);
	assert_false(kms_backoff_holds(&full, "7", 0));
	assert_true(kms_backoff_holds(&full, "255", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(keys_that_fail_hold_up_no_other, reset),
		cmocka_unit_test_setup(keys_that_fail_wait_longer_each_time, reset),
		cmocka_unit_test_setup(a_key_that_works_again_is_forgotten, reset),
		cmocka_unit_test(more_than_can_be_noted_are_tried_each_time),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
