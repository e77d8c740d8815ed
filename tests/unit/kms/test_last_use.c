/* SPDX-License-Identifier: Apache-2.0 */
/* Last uses of keys: noted, written, and which of two stays. */
#include "database.h"

#include "kms/call.h"
#include "kms/last_use.h"
#include "kms/store.h"

static struct kms_key key[2];
static struct kms_last_uses *usage;

static int setup(void **state)
{
	struct test_database *t;

	database_setup(state);
	t = *state;
	for (int i = 0; i < 2; i++) {
		key[i] = test_key(i);
		in_transaction(t->db, kms_store_key_add(t->db, &key[i]));
	}
	assert_ok(kms_last_use_new(&usage));
	return 0;
}

static int teardown(void **state)
{
	kms_last_use_free(&usage);
	return database_teardown(state);
}

static void call(const char *operation, int64_t now_ms, const char *request_id, size_t n_used,
	enum kms_fault_type fault)
{
	static struct kms_call c;
	const struct kms_op op = {.name = operation};

	c = (struct kms_call){.op = &op, .now_ms = now_ms, .n_used = n_used};
	c.fault.type = fault;
	snprintf(c.request_id, sizeof(c.request_id), "%s", request_id);
	for (size_t i = 0; i < n_used; i++) {
		memcpy(c.used[i], key[i].id, sizeof(c.used[i]));
	}
	kms_last_use_note(usage, &c);
}

static void is_last(struct rd_db *db, int i, const char *operation, const char *request_id)
{
	struct kms_last_use use;

	assert_ok(kms_last_use_find(usage, db, key[i].id, &use));
	assert_string_equal(use.operation, operation);
	assert_string_equal(use.request_id, request_id);
	assert_string_equal(use.key_id, key[i].id);
}

static void uses_are_noted_and_written(void **state)
{
	struct test_database *t = *state;
	struct kms_last_use use;

	assert_status(kms_last_use_find(usage, t->db, key[0].id, &use), RD_NOTFOUND);
	assert_status(kms_last_use_find(NULL, t->db, key[0].id, &use), RD_NOTFOUND);
	call("GenerateRandom", 1000, "none", 0, KMS_FAULT_NONE);
	call("Decrypt", 1000, "failed", 1, KMS_FAULT_INVALID_CIPHERTEXT);
	call("Encrypt", 1000, "dry", 1, KMS_FAULT_DRY_RUN);
	assert_status(kms_last_use_find(usage, t->db, key[0].id, &use), RD_NOTFOUND);
	call("ReEncrypt", 2000, "both", 2, KMS_FAULT_NONE);
	call("Decrypt", 3000, "one", 1, KMS_FAULT_NONE);
	is_last(t->db, 0, "Decrypt", "one");
	is_last(t->db, 1, "ReEncrypt", "both");
	assert_ok(kms_last_use_flush(usage, t->db));
	is_last(t->db, 0, "Decrypt", "one");
	is_last(t->db, 1, "ReEncrypt", "both");
	assert_ok(kms_last_use_find(NULL, t->db, key[0].id, &use));
	assert_int_equal(use.used_ms, 3000);
	/* What is noted is later than what is written, or it is not. */
	call("Sign", 4000, "later", 1, KMS_FAULT_NONE);
	is_last(t->db, 0, "Sign", "later");
	assert_ok(kms_last_use_flush(usage, t->db));
	call("Verify", 3500, "earlier", 1, KMS_FAULT_NONE);
	is_last(t->db, 0, "Sign", "later");
	assert_ok(kms_last_use_flush(usage, t->db));
	is_last(t->db, 0, "Sign", "later");
}

static void a_key_that_has_gone_takes_its_use_with_it(void **state)
{
	struct test_database *t = *state;
	struct kms_last_use use;

	call("ReEncrypt", 2000, "both", 2, KMS_FAULT_NONE);
	assert_ok(kms_last_use_flush(usage, t->db));
	call("ReEncrypt", 3000, "again", 2, KMS_FAULT_NONE);
	in_transaction(t->db, kms_store_key_destroy(t->db, key[0].id));
	assert_status(kms_store_last_use_get(t->db, key[0].id, &use), RD_NOTFOUND);
	assert_ok(kms_last_use_flush(usage, t->db));
	assert_status(kms_last_use_find(usage, t->db, key[0].id, &use), RD_NOTFOUND);
	is_last(t->db, 1, "ReEncrypt", "again");
}

/* More than one transaction takes, and more than there is room for. */
static void many_are_written_in_parts(void **state)
{
	static struct kms_call c;
	static const struct kms_op op = {.name = "Decrypt"};
	struct test_database *t = *state;
	struct kms_last_use use;

	c = (struct kms_call){.op = &op, .now_ms = 1, .n_used = 1};
	for (int i = 0; i < KMS_LAST_USES_MAX; i++) {
		snprintf(c.used[0], sizeof(c.used[0]), "no-key-%d", i);
		kms_last_use_note(usage, &c);
	}
	call("Decrypt", 2, "too many", 1, KMS_FAULT_NONE);
	assert_status(kms_last_use_find(usage, t->db, key[0].id, &use), RD_NOTFOUND);
	assert_ok(kms_last_use_flush(usage, t->db));
	call("Decrypt", 2, "room", 1, KMS_FAULT_NONE);
	is_last(t->db, 0, "Decrypt", "room");
	assert_status(kms_last_use_find(usage, t->db, "no-key-7", &use), RD_NOTFOUND);
}

static void the_beginning_is_kept(void **state)
{
	struct test_database *t = *state;
	int64_t since_ms = 0;

	assert_ok(kms_store_last_use_since(t->db, &since_ms));
	assert_in_range(since_ms, INT64_C(1700000000000), INT64_C(9999999999999));
}

/* As the release before had it. */
static void an_older_database_is_brought_up(void **state)
{
	static const char *const steps_back[] = {
		"DROP VIEW database_clock",
		"DROP TABLE pending_record",
		"DROP TABLE last_use_tracking",
		"DROP TABLE last_use",
		"DROP TABLE instance_profile",
		"UPDATE schema_version SET version = 2",
	};
	struct test_database *t = *state;
	struct rd_db *again = NULL;
	struct kms_last_use use;
	int64_t since_ms;

	for (size_t i = 0; i < RD_ARRAY_LEN(steps_back); i++) {
		assert_ok(rd_db_run(t->db, steps_back[i], NULL, 0, NULL, NULL, NULL));
	}
	test_open(t, &again);
	assert_ok(kms_store_last_use_since(again, &since_ms));
	assert_status(kms_store_last_use_get(again, key[0].id, &use), RD_NOTFOUND);
	rd_db_close(&again);
}

#define LAST_USE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAST_USE_TEST(uses_are_noted_and_written),
		LAST_USE_TEST(a_key_that_has_gone_takes_its_use_with_it),
		LAST_USE_TEST(many_are_written_in_parts),
		LAST_USE_TEST(the_beginning_is_kept),
		LAST_USE_TEST(an_older_database_is_brought_up),
	};

	return RUN_ON_BOTH(tests);
}
