/* SPDX-License-Identifier: Apache-2.0 */
/* Names, CIDs and slots are unique among the living. */
#include "test.h"

#include "redoubtd/registry.h"

static struct rd_registry registry;
static struct rd_refusal ref;

static int empty_registry(void **state)
{
	(void)state;
	rd_registry_init(&registry);
	ref = (struct rd_refusal){0};
	return 0;
}

static int clear_registry(void **state)
{
	(void)state;
	while (registry.first != NULL) {
		struct rd_enclave *e = registry.first;

		rd_registry_remove(&registry, &e);
	}
	return 0;
}

static struct rd_enclave *add(const char *name, uint64_t cid, uint64_t slot)
{
	struct rd_enclave *e = NULL;

	assert_ok(rd_registry_add(&registry, &e));
	strcpy(e->launch.name, name);
	snprintf(e->launch.enclave_id, sizeof(e->launch.enclave_id), "i-0-enc%llx",
		(unsigned long long)slot);
	e->launch.cid = cid;
	e->launch.slot_uid = slot;
	return e;
}

static uint32_t take_cid(uint64_t wanted)
{
	uint32_t cid = 0;

	assert_ok(rd_registry_take_cid(&registry, wanted, &cid, &ref));
	return cid;
}

static void automatic_cids_begin_at_16_and_go_on(void **state)
{
	struct rd_enclave *e;

	(void)state;
	assert_int_equal(take_cid(0), 16);
	e = add("a", 16, 1);
	assert_int_equal(take_cid(0), 17);
	/* Not given out again at once, although it is free. */
	rd_registry_remove(&registry, &e);
	assert_int_equal(take_cid(0), 18);
}

static void automatic_cids_skip_what_is_in_use_and_go_round(void **state)
{
	(void)state;
	add("a", 17, 1);
	add("b", 18, 2);
	assert_int_equal(take_cid(0), 16);
	assert_int_equal(take_cid(0), 19);
	rd_registry_note_cid(&registry, RD_CID_AUTO_MAX - 1);
	assert_int_equal(take_cid(0), RD_CID_AUTO_MAX);
	assert_int_equal(take_cid(0), RD_CID_AUTO_MIN);
	rd_registry_note_cid(&registry, 4000000000u);
	assert_int_equal(take_cid(0), 19);
}

static void explicit_cids_from_4_up(void **state)
{
	static const uint64_t reserved[] = {1, 2, 3, 0xffffffffu, 0x100000000ull, UINT64_MAX};
	uint32_t cid;

	(void)state;
	assert_int_equal(take_cid(4), 4);
	assert_int_equal(take_cid(0xfffffffeu), 0xfffffffeu);
	for (size_t i = 0; i < RD_ARRAY_LEN(reserved); i++) {
		assert_status(
			rd_registry_take_cid(&registry, reserved[i], &cid, &ref), RD_OUT_OF_RANGE);
		assert_int_equal(ref.code, RD_E_INVALID_ARGUMENT);
	}
}

static void cid_in_use_names_its_holder(void **state)
{
	uint32_t cid;

	(void)state;
	add("payments", 20, 0xabc);
	assert_status(rd_registry_take_cid(&registry, 20, &cid, &ref), RD_EXISTS);
	assert_int_equal(ref.code, RD_E_INVALID_ARGUMENT);
	assert_non_null(strstr(ref.err.text, "payments (i-0-encabc)"));
}

static void names_get_a_suffix(void **state)
{
	char name[RD_CTL_NAME_MAX + 1];
	char longest[RD_CTL_NAME_MAX + 1];

	(void)state;
	assert_ok(rd_registry_make_name(&registry, "app", name, &ref));
	assert_string_equal(name, "app");
	add("app", 16, 1);
	assert_ok(rd_registry_make_name(&registry, "app", name, &ref));
	assert_string_equal(name, "app_1");
	add("app_1", 17, 2);
	assert_ok(rd_registry_make_name(&registry, "app", name, &ref));
	assert_string_equal(name, "app_2");
	memset(longest, 'x', RD_CTL_NAME_MAX);
	longest[RD_CTL_NAME_MAX] = '\0';
	assert_ok(rd_registry_make_name(&registry, longest, name, &ref));
	add(longest, 18, 3);
	assert_status(rd_registry_make_name(&registry, longest, name, &ref), RD_LIMIT);
}

static void slots_are_time_and_chance(void **state)
{
	uint64_t slot = rd_registry_make_slot(&registry, 0x17aab64b3f7ull, 0x703d);

	(void)state;
	assert_true(slot == 0x17aab64b3f7703dull);
	add("a", 16, slot);
	assert_true(rd_registry_make_slot(&registry, 0x17aab64b3f7ull, 0x703d) == slot + 1);
}

static void ids_are_read_from_their_last_enc(void **state)
{
	static const char *const bad[] = {"", "i-0", "i-0-enc", "i-0-enc0", "i-0-encxyz",
		"i-0-enc1 ", "i-0-encABC", "i-0-enc12345678901234567", "-enc-1"};
	uint64_t slot = 0;

	(void)state;
	assert_ok(rd_slot_of_id("i-0a1b-enc19b0c1d2e3f4a5b", &slot));
	assert_true(slot == 0x19b0c1d2e3f4a5bull);
	assert_ok(rd_slot_of_id("x-enc1-enc2", &slot));
	assert_int_equal(slot, 2);
	for (size_t i = 0; i < RD_ARRAY_LEN(bad); i++) {
		assert_status(rd_slot_of_id(bad[i], &slot), RD_MALFORMED);
	}
}

static void is_bounded(void **state)
{
	struct rd_enclave *e = NULL;

	(void)state;
	for (unsigned i = 0; i < RD_ENCLAVES_MAX; i++) {
		add("a", 100 + i, 100 + i);
	}
	assert_status(rd_registry_add(&registry, &e), RD_LIMIT);
	e = rd_registry_by_cid(&registry, 150);
	rd_registry_remove(&registry, &e);
	assert_null(e);
	assert_null(rd_registry_by_slot(&registry, 150));
	assert_ok(rd_registry_add(&registry, &e));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, empty_registry, clear_registry)
	const struct CMUnitTest tests[] = {
		TEST(automatic_cids_begin_at_16_and_go_on),
		TEST(automatic_cids_skip_what_is_in_use_and_go_round),
		TEST(explicit_cids_from_4_up),
		TEST(cid_in_use_names_its_holder),
		TEST(names_get_a_suffix),
		TEST(slots_are_time_and_chance),
		TEST(ids_are_read_from_their_last_enc),
		TEST(is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
