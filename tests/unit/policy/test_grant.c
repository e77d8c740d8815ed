/* SPDX-License-Identifier: Apache-2.0 */
/* What grants allow; tests with a number are the cases of the specification's section 8. */
#include "policy_support.h"

#include "policy/grant.h"

#define PAIR(k, v)                                                                                 \
	{                                                                                          \
		{(const uint8_t *)(k), sizeof(k) - 1},                                             \
		{                                                                                  \
			(const uint8_t *)(v), sizeof(v) - 1                                        \
		}                                                                                  \
	}

static const struct rd_grant_pair APP[] = {PAIR("app", "signer")};
static const struct rd_grant_pair APP_STAGE[] = {PAIR("app", "signer"), PAIR("stage", "prod")};
static const struct rd_grant_pair STAGE_APP[] = {PAIR("stage", "prod"), PAIR("app", "signer")};
static const struct rd_grant_pair APP_CASE[] = {PAIR("App", "signer")};
static const struct rd_grant_pair VALUE_CASE[] = {PAIR("app", "Signer")};

#define PAIRS(list) ((struct rd_grant_pairs){.v = (list), .n = RD_ARRAY_LEN(list)})
#define NO_PAIRS    ((struct rd_grant_pairs){0})

static rd_grant_operations op(const char *name)
{
	rd_grant_operations bit = rd_grant_operation(rd_view_str(name));

	assert_int_not_equal(bit, 0);
	return bit;
}

static struct rd_grant grant_to(const char *arn)
{
	return (struct rd_grant){.grantee = rd_view_str(arn),
		.operations = op("Decrypt") | op("DescribeKey") | op("CreateGrant")};
}

static void case_118_a_grant_is_for_its_grantee_and_operations(void **state)
{
	struct rd_grant g = grant_to(ALICE);
	struct rd_policy_caller alice = test_user(ALICE);
	struct rd_policy_caller bob = test_user(BOB);
	struct rd_policy_caller session = test_session();

	(void)state;
	assert_true(rd_grant_allows(&g, &alice, op("Decrypt"), NO_PAIRS));
	assert_false(rd_grant_allows(&g, &alice, op("Encrypt"), NO_PAIRS));
	assert_false(rd_grant_allows(&g, &alice, 0, NO_PAIRS));
	assert_false(rd_grant_allows(&g, &bob, op("Decrypt"), NO_PAIRS));
	g.grantee = rd_view_str(ROLE);
	assert_true(rd_grant_allows(&g, &session, op("Decrypt"), NO_PAIRS));
	g.grantee = session.id;
	assert_true(rd_grant_allows(&g, &session, op("Decrypt"), NO_PAIRS));
	g.grantee = rd_view_str("");
	assert_false(rd_grant_allows(&g, &alice, op("Decrypt"), NO_PAIRS));
}

static void case_119_a_subset_lets_supersets_through(void **state)
{
	struct rd_grant g = grant_to(ALICE);
	struct rd_policy_caller alice = test_user(ALICE);

	(void)state;
	g.has_subset = true;
	g.subset = PAIRS(APP);
	assert_true(rd_grant_allows(&g, &alice, op("Decrypt"), PAIRS(APP)));
	assert_true(rd_grant_allows(&g, &alice, op("Decrypt"), PAIRS(STAGE_APP)));
	assert_false(rd_grant_allows(&g, &alice, op("Decrypt"), NO_PAIRS));
	assert_false(rd_grant_allows(&g, &alice, op("Decrypt"), PAIRS(APP_CASE)));
	assert_false(rd_grant_allows(&g, &alice, op("Decrypt"), PAIRS(VALUE_CASE)));
	/* An operation without encryption context is not asked for one. */
	assert_true(rd_grant_allows(&g, &alice, op("DescribeKey"), NO_PAIRS));
}

static void an_exact_context_lets_nothing_else_through(void **state)
{
	struct rd_grant g = grant_to(ALICE);
	struct rd_policy_caller alice = test_user(ALICE);

	(void)state;
	g.has_equals = true;
	g.equals = PAIRS(APP_STAGE);
	assert_true(rd_grant_allows(&g, &alice, op("Decrypt"), PAIRS(STAGE_APP)));
	assert_false(rd_grant_allows(&g, &alice, op("Decrypt"), PAIRS(APP)));
	assert_false(rd_grant_allows(&g, &alice, op("Decrypt"), NO_PAIRS));
	g.equals = PAIRS(APP);
	assert_false(rd_grant_allows(&g, &alice, op("Decrypt"), PAIRS(APP_STAGE)));
	g.equals = NO_PAIRS;
	assert_true(rd_grant_allows(&g, &alice, op("Decrypt"), NO_PAIRS));
	assert_false(rd_grant_allows(&g, &alice, op("Decrypt"), PAIRS(APP)));
	/* Both at once: both must hold, and these two cannot. */
	g.has_subset = true;
	g.subset = PAIRS(APP);
	assert_false(rd_grant_allows(&g, &alice, op("Decrypt"), NO_PAIRS));
}

static void case_120_operations_belong_to_kinds_of_keys(void **state)
{
	rd_grant_operations symmetric = rd_grant_operations_of(RD_GRANT_KEY_SYMMETRIC);
	rd_grant_operations rsa = rd_grant_operations_of(RD_GRANT_KEY_ASYMMETRIC_ENCRYPTION);
	rd_grant_operations signing = rd_grant_operations_of(RD_GRANT_KEY_SIGNING);
	rd_grant_operations hmac = rd_grant_operations_of(RD_GRANT_KEY_HMAC);
	rd_grant_operations agreement = rd_grant_operations_of(RD_GRANT_KEY_AGREEMENT);

	(void)state;
	assert_true((symmetric & op("GenerateDataKeyPair")) != 0);
	assert_true((symmetric & (op("Sign") | op("Verify") | op("GetPublicKey"))) == 0);
	assert_true((rsa & op("GetPublicKey")) != 0 && (rsa & op("GenerateDataKey")) == 0);
	assert_true((signing & op("Sign")) != 0 && (signing & op("Decrypt")) == 0);
	assert_true((hmac & op("VerifyMac")) != 0 && (hmac & op("GetPublicKey")) == 0);
	assert_true((agreement & op("DeriveSharedSecret")) != 0 && (agreement & op("Sign")) == 0);
	assert_true((symmetric & rsa & signing & hmac & agreement) ==
		    (op("CreateGrant") | op("RetireGrant") | op("DescribeKey")));
	assert_string_equal(rd_grant_operation_name(op("ReEncryptTo")), "ReEncryptTo");
	assert_null(rd_grant_operation_name(0));
	assert_null(rd_grant_operation_name(op("Sign") | op("Verify")));
	assert_int_equal(rd_grant_operation(rd_view_str("GenerateRandom")), 0);
	assert_int_equal(rd_grant_operation(rd_view_str("PutKeyPolicy")), 0);
	assert_int_equal(rd_grant_operation(rd_view_str("decrypt")), 0);
}

static void case_122_a_child_grant_is_no_wider_than_its_parent(void **state)
{
	struct rd_grant parent = grant_to(ALICE);
	struct rd_grant child = {.operations = op("Decrypt")};

	(void)state;
	assert_ok(rd_grant_check_child(&parent, &child));
	child.operations |= op("Encrypt");
	assert_status(rd_grant_check_child(&parent, &child), RD_DENIED);
	child.operations = op("Decrypt");
	parent.operations = op("Decrypt");
	assert_status(rd_grant_check_child(&parent, &child), RD_DENIED);
	parent = grant_to(ALICE);
	parent.has_subset = true;
	parent.subset = PAIRS(APP);
	assert_status(rd_grant_check_child(&parent, &child), RD_DENIED);
	child.has_subset = true;
	child.subset = PAIRS(APP_CASE);
	assert_status(rd_grant_check_child(&parent, &child), RD_DENIED);
	child.subset = PAIRS(STAGE_APP);
	assert_ok(rd_grant_check_child(&parent, &child));
	child = (struct rd_grant){
		.operations = op("Decrypt"), .has_equals = true, .equals = PAIRS(APP_STAGE)};
	assert_ok(rd_grant_check_child(&parent, &child));
	parent.has_subset = false;
	parent.has_equals = true;
	parent.equals = PAIRS(APP);
	assert_status(rd_grant_check_child(&parent, &child), RD_DENIED);
	child.equals = PAIRS(APP);
	assert_ok(rd_grant_check_child(&parent, &child));
	child.has_equals = false;
	child.has_subset = true;
	child.subset = PAIRS(APP);
	assert_status(rd_grant_check_child(&parent, &child), RD_DENIED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case_118_a_grant_is_for_its_grantee_and_operations),
		cmocka_unit_test(case_119_a_subset_lets_supersets_through),
		cmocka_unit_test(an_exact_context_lets_nothing_else_through),
		cmocka_unit_test(case_120_operations_belong_to_kinds_of_keys),
		cmocka_unit_test(case_122_a_child_grant_is_no_wider_than_its_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
