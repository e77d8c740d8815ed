/* SPDX-License-Identifier: Apache-2.0 */
/* CPU slots and memory: what is taken is taken once, and refusals say what is free. */
#include "test.h"

#include "redoubtd/pool.h"

static struct rd_pool pool;
static struct rd_refusal ref;
static const struct rd_ctl_u64s none;

static int four_slots(void **state)
{
	static struct rd_config config;

	(void)state;
	config = (struct rd_config){
		.memory_mib = 1024, .cpu_slot_count = 4, .cpu_slots = {1, 2, 3, 7}};
	rd_pool_init(&pool, &config);
	ref = (struct rd_refusal){0};
	return 0;
}

static void assert_refused(enum rd_status st, enum rd_ctl_code code, const char *words)
{
	assert_int_not_equal(st, RD_OK);
	assert_int_equal(ref.code, code);
	if (strstr(ref.err.text, words) == NULL) {
		fail_msg("\"%s\" does not say \"%s\"", ref.err.text, words);
	}
}

static void count_takes_the_first_free_slots(void **state)
{
	struct rd_ctl_u64s cpus;

	(void)state;
	assert_ok(rd_pool_take(&pool, 512, 3, &none, &cpus, &ref));
	assert_int_equal(cpus.count, 3);
	assert_int_equal(cpus.items[0], 1);
	assert_int_equal(cpus.items[2], 3);
	assert_int_equal(rd_pool_free_cpus(&pool), 1);
	assert_int_equal(pool.memory_free_mib, 512);
}

static void named_slots_come_in_their_order(void **state)
{
	struct rd_ctl_u64s ids = {.count = 2, .items = {7, 2}};
	struct rd_ctl_u64s cpus;

	(void)state;
	assert_ok(rd_pool_take(&pool, 64, 0, &ids, &cpus, &ref));
	assert_int_equal(cpus.items[0], 7);
	assert_int_equal(cpus.items[1], 2);
	assert_ok(rd_pool_take(&pool, 64, 2, &none, &cpus, &ref));
	assert_int_equal(cpus.items[0], 1);
	assert_int_equal(cpus.items[1], 3);
}

static void no_slot_is_given_twice(void **state)
{
	struct rd_ctl_u64s ids = {.count = 1, .items = {2}};
	struct rd_ctl_u64s cpus;

	(void)state;
	assert_ok(rd_pool_take(&pool, 64, 0, &ids, &cpus, &ref));
	assert_refused(rd_pool_take(&pool, 64, 0, &ids, &cpus, &ref), RD_E_CPU_NOT_IN_POOL,
		"CPU 2 is in use by another enclave: free are 1, 3, 7");
	assert_refused(rd_pool_take(&pool, 64, 4, &none, &cpus, &ref), RD_E_CPUS_INSUFFICIENT,
		"3 free of 4");
}

static void refuses_wrong_slots(void **state)
{
	struct rd_ctl_u64s twice = {.count = 3, .items = {1, 2, 1}};
	struct rd_ctl_u64s foreign = {.count = 1, .items = {4}};
	struct rd_ctl_u64s cpus;

	(void)state;
	assert_refused(rd_pool_take(&pool, 64, 0, &twice, &cpus, &ref), RD_E_CPU_TWICE, "CPU 1");
	assert_refused(rd_pool_take(&pool, 64, 0, &foreign, &cpus, &ref), RD_E_CPU_NOT_IN_POOL,
		"CPU 4 is not in the pool (1, 2, 3, 7)");
	assert_refused(rd_pool_take(&pool, 64, 0, &none, &cpus, &ref), RD_E_INVALID_ARGUMENT,
		"at least 1");
	assert_refused(rd_pool_take(&pool, 64, RD_CTL_CPUS_MAX + 1, &none, &cpus, &ref),
		RD_E_CPUS_INSUFFICIENT, "at most 64");
	assert_int_equal(rd_pool_free_cpus(&pool), 4);
}

static void refusal_for_memory_takes_no_cpus(void **state)
{
	struct rd_ctl_u64s cpus;

	(void)state;
	assert_refused(rd_pool_take(&pool, 1025, 1, &none, &cpus, &ref), RD_E_MEMORY_NOT_AVAILABLE,
		"1024 MiB free of 1024 MiB");
	assert_int_equal(rd_pool_free_cpus(&pool), 4);
	assert_ok(rd_pool_take(&pool, 1024, 1, &none, &cpus, &ref));
}

static void what_is_given_back_can_be_taken_again(void **state)
{
	struct rd_ctl_u64s cpus;

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_ok(rd_pool_take(&pool, 1024, 4, &none, &cpus, &ref));
		rd_pool_give_back(&pool, 1024, &cpus);
	}
	assert_int_equal(rd_pool_free_cpus(&pool), 4);
	assert_int_equal(pool.memory_free_mib, 1024);
}

static void lends_all_or_nothing(void **state)
{
	struct rd_ctl_u64s cpus;

	(void)state;
	assert_int_equal(rd_pool_lend(&pool, 1025), 0);
	assert_int_equal(rd_pool_lend(&pool, 600), 600);
	assert_refused(rd_pool_take(&pool, 425, 1, &none, &cpus, &ref), RD_E_MEMORY_NOT_AVAILABLE,
		"424 MiB free");
	assert_int_equal(rd_pool_lend(&pool, 425), 0);
	rd_pool_return_loan(&pool, 600);
	rd_pool_return_loan(&pool, 0);
	assert_int_equal(pool.memory_free_mib, 1024);
	assert_int_equal(rd_pool_free_cpus(&pool), 4);
}

static void adopted_enclaves_may_exceed_a_pool_made_smaller(void **state)
{
	struct rd_ctl_u64s cpus = {.count = 2, .items = {1, 50}};
	struct rd_ctl_u64s more;

	(void)state;
	rd_pool_retake(&pool, 2000, &cpus);
	assert_int_equal(rd_pool_free_cpus(&pool), 3);
	assert_refused(rd_pool_take(&pool, 64, 1, &none, &more, &ref), RD_E_MEMORY_NOT_AVAILABLE,
		"0 MiB free");
	rd_pool_give_back(&pool, 2000, &cpus);
	assert_int_equal(pool.memory_free_mib, 1024);
	assert_int_equal(rd_pool_free_cpus(&pool), 4);
}

static void instance_gives_as_many_threads_again_as_it_has(void **state)
{
	struct rd_ctl_u64s cpus;

	(void)state;
	rd_pool_init_instance(&pool, 2, 8192, false);
	assert_int_equal(pool.memory_free_mib, 8192 - RD_POOL_INSTANCE_KEEPS_MIB);
	assert_ok(rd_pool_take(&pool, 512, 2, &none, &cpus, &ref));
	assert_int_equal(cpus.items[0], 0);
	assert_ok(rd_pool_take(&pool, 512, 1, &none, &cpus, &ref));
	assert_int_equal(rd_pool_taken_mib(&pool), 1024);
	assert_refused(rd_pool_take(&pool, 64, 2, &none, &cpus, &ref), RD_E_CPUS_INSUFFICIENT,
		"instance type");
	assert_refused(rd_pool_take(&pool, 8192, 1, &none, &cpus, &ref), RD_E_MEMORY_NOT_AVAILABLE,
		"instance type");
}

static void strict_instance_gives_whole_cores_and_keeps_one(void **state)
{
	const struct rd_ctl_u64s half = {.count = 1, .items = {3}};
	const struct rd_ctl_u64s both = {.count = 2, .items = {3, 7}};
	const struct rd_ctl_u64s first = {.count = 2, .items = {0, 4}};
	struct rd_ctl_u64s cpus;

	(void)state;
	rd_pool_init_instance(&pool, 8, 16384, true);
	assert_int_equal(rd_pool_free_cpus(&pool), 6);
	assert_ok(rd_pool_take(&pool, 512, 2, &none, &cpus, &ref));
	assert_int_equal(cpus.items[0], 1);
	assert_int_equal(cpus.items[1], 5);
	assert_refused(
		rd_pool_take(&pool, 64, 1, &none, &cpus, &ref), RD_E_CPUS_INSUFFICIENT, "even");
	assert_refused(
		rd_pool_take(&pool, 64, 0, &half, &cpus, &ref), RD_E_CPU_NOT_IN_POOL, "CPU 7");
	assert_refused(
		rd_pool_take(&pool, 64, 0, &first, &cpus, &ref), RD_E_CPU_NOT_IN_POOL, "CPU 0");
	assert_ok(rd_pool_take(&pool, 64, 0, &both, &cpus, &ref));
	assert_int_equal(rd_pool_free_cpus(&pool), 2);
}

static void strict_instance_of_one_core_gives_none(void **state)
{
	struct rd_ctl_u64s cpus;

	(void)state;
	rd_pool_init_instance(&pool, 2, 8192, true);
	assert_refused(rd_pool_take(&pool, 64, 2, &none, &cpus, &ref), RD_E_CPUS_INSUFFICIENT,
		"keeps one core");
	rd_pool_init_instance(&pool, 2, 100, false);
	assert_refused(rd_pool_take(&pool, 1, 1, &none, &cpus, &ref), RD_E_MEMORY_NOT_AVAILABLE,
		"0 MiB free");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instance_gives_as_many_threads_again_as_it_has),
		cmocka_unit_test(strict_instance_gives_whole_cores_and_keeps_one),
		cmocka_unit_test(strict_instance_of_one_core_gives_none),
		cmocka_unit_test_setup(count_takes_the_first_free_slots, four_slots),
		cmocka_unit_test_setup(named_slots_come_in_their_order, four_slots),
		cmocka_unit_test_setup(no_slot_is_given_twice, four_slots),
		cmocka_unit_test_setup(refuses_wrong_slots, four_slots),
		cmocka_unit_test_setup(refusal_for_memory_takes_no_cpus, four_slots),
		cmocka_unit_test_setup(what_is_given_back_can_be_taken_again, four_slots),
		cmocka_unit_test_setup(lends_all_or_nothing, four_slots),
		cmocka_unit_test_setup(adopted_enclaves_may_exceed_a_pool_made_smaller, four_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
