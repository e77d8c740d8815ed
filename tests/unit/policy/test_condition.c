/* SPDX-License-Identifier: Apache-2.0 */
/* Every condition operator: a value that fits, one that does not, no key, several values. */
#include "policy_support.h"

struct row {
	const char *condition; /* operator and keys */
	const char *context;
	bool holds;
};

static bool condition_holds(const char *condition, const char *context)
{
	char policy[4096];

	assert_true(
		snprintf(policy, sizeof(policy),
			POLICY(KEY_STATEMENT("Allow", "\"*\"", "\"kms:*\"", ",\"Condition\":{%s}")),
			condition) < (int)sizeof(policy));
	return test_verdict(&(struct test_case){
		       .key = policy, .caller = test_user(ALICE), .context = context}) ==
	       RD_VERDICT_ALLOW;
}

static void check(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (condition_holds(rows[i].condition, rows[i].context) != rows[i].holds) {
			fail_msg("{%s} with {%s}: want %s", rows[i].condition, rows[i].context,
				rows[i].holds ? "true" : "false");
		}
	}
}

#define ONE(op, value) "\"" op "\":{\"k\":\"" value "\"}"
#define TWO(op, a, b)  "\"" op "\":{\"k\":[\"" a "\",\"" b "\"]}"

static void case_114_string_operators(void **state)
{
	static const struct row rows[] = {
		{ONE("StringEquals", "x"), "k=x", true},
		{ONE("StringEquals", "x"), "K=x", true},
		{ONE("StringEquals", "x"), "k=X", false},
		{ONE("StringEquals", "x*"), "k=xy", false},
		{ONE("StringEquals", "x*"), "k=x*", true},
		{ONE("StringEquals", "x"), "", false},
		{ONE("StringEquals", "x"), "k", false},
		{TWO("StringEquals", "x", "y"), "k=y", true},
		{TWO("StringEquals", "x", "y"), "k=z", false},
		{ONE("StringEquals", ""), "k=", true},
		{ONE("StringEqualsIfExists", "x"), "", true},
		{ONE("StringEqualsIfExists", "x"), "k", true},
		{ONE("StringEqualsIfExists", "x"), "k=y", false},
		{ONE("StringNotEquals", "x"), "k=y", true},
		{ONE("StringNotEquals", "x"), "k=x", false},
		{ONE("StringNotEquals", "x"), "", true},
		{TWO("StringNotEquals", "x", "y"), "k=y", false},
		{TWO("StringNotEquals", "x", "y"), "k=z", true},
		{ONE("StringNotEqualsIfExists", "x"), "k=x", false},
		{ONE("StringEqualsIgnoreCase", "aBc"), "k=AbC", true},
		{ONE("StringEqualsIgnoreCase", "aBc"), "k=abd", false},
		{ONE("StringEqualsIgnoreCase", "aBc"), "", false},
		{ONE("StringNotEqualsIgnoreCase", "aBc"), "k=AbC", false},
		{ONE("StringNotEqualsIgnoreCase", "aBc"), "k=abd", true},
		{ONE("StringNotEqualsIgnoreCase", "aBc"), "", true},
		{ONE("StringLike", "a*c?"), "k=abbbcd", true},
		{ONE("StringLike", "a*c?"), "k=abbbc", false},
		{ONE("StringLike", "A*"), "k=abc", false},
		{ONE("StringLike", "*"), "", false},
		{ONE("StringNotLike", "a*"), "k=abc", false},
		{ONE("StringNotLike", "a*"), "k=bc", true},
		{ONE("StringNotLike", "a*"), "", true},
		{"\"StringEquals\":{\"k\":5}", "k=5", true},
		{"\"StringEquals\":{\"k\":true}", "k=true", true},
	};

	(void)state;
	check(rows, RD_ARRAY_LEN(rows));
}

static void case_114_numeric_operators(void **state)
{
	static const struct row rows[] = {
		{ONE("NumericEquals", "10"), "k=10.0", true},
		{ONE("NumericEquals", "10"), "k=11", false},
		{ONE("NumericEquals", "10"), "k=ten", false},
		{ONE("NumericEquals", "10"), "", false},
		{ONE("NumericEqualsIfExists", "10"), "", true},
		{"\"NumericEquals\":{\"k\":[1,2.5]}", "k=2.50", true},
		{ONE("NumericNotEquals", "10"), "k=10", false},
		{ONE("NumericNotEquals", "10"), "k=11", true},
		{ONE("NumericNotEquals", "10"), "k=ten", true},
		{ONE("NumericNotEquals", "10"), "", true},
		{ONE("NumericLessThan", "10"), "k=9", true},
		{ONE("NumericLessThan", "10"), "k=10", false},
		{ONE("NumericLessThan", "10"), "", false},
		{ONE("NumericLessThanEquals", "10"), "k=10", true},
		{ONE("NumericLessThanEquals", "10"), "k=10.1", false},
		{ONE("NumericGreaterThan", "10"), "k=10.1", true},
		{ONE("NumericGreaterThan", "10"), "k=10", false},
		{ONE("NumericGreaterThanEquals", "10"), "k=10", true},
		{ONE("NumericGreaterThanEquals", "10"), "k=-10", false},
		{"\"NumericLessThan\":{\"k\":9007199254740993}", "k=9007199254740992", true},
	};

	(void)state;
	check(rows, RD_ARRAY_LEN(rows));
}

static void case_114_date_operators(void **state)
{
	static const struct row rows[] = {
		{ONE("DateEquals", "2031-02-03T04:05:06Z"), "k=1927857906", true},
		{ONE("DateEquals", "1927857906"), "k=2031-02-03T05:05:06+01:00", true},
		{ONE("DateEquals", "1927857906"), "k=2031-02-03", false},
		{ONE("DateEquals", "1927857906"), "", false},
		{ONE("DateNotEquals", "1927857906"), "k=1927857906", false},
		{ONE("DateNotEquals", "1927857906"), "k=1", true},
		{ONE("DateNotEquals", "1927857906"), "", true},
		{ONE("DateLessThan", "2031-02-03"), "k=2031-02-02T23:59:59Z", true},
		{ONE("DateLessThan", "2031-02-03"), "k=2031-02-03T00:00:00Z", false},
		{ONE("DateLessThanEquals", "2031-02-03"), "k=2031-02-03T00:00:00Z", true},
		{ONE("DateLessThanEquals", "2031-02-03"), "k=2031-02-03T00:00:00.001Z", false},
		{ONE("DateGreaterThan", "2031"), "k=2031-01-01T00:00:01Z", true},
		{ONE("DateGreaterThan", "2031"), "k=2031-01-01T00:00:00Z", false},
		{ONE("DateGreaterThan", "2031"), "k=yesterday", false},
		{ONE("DateGreaterThanEquals", "2031"), "k=2031-01-01T00:00:00Z", true},
		{ONE("DateGreaterThanEquals", "2031"), "k=2030-12-31T23:59:59Z", false},
		{ONE("DateGreaterThanIfExists", "2031"), "", true},
		{"\"DateGreaterThan\":{\"k\":1927857906}", "k=1927857907", true},
	};

	(void)state;
	check(rows, RD_ARRAY_LEN(rows));
}

static void case_114_bool_binary_and_null(void **state)
{
	static const struct row rows[] = {
		{ONE("Bool", "true"), "k=true", true},
		{ONE("Bool", "true"), "k=TRUE", true},
		{ONE("Bool", "true"), "k=false", false},
		{ONE("Bool", "true"), "k=1", false},
		{ONE("Bool", "false"), "", false},
		{ONE("BoolIfExists", "true"), "", true},
		{"\"Bool\":{\"k\":false}", "k=false", true},
		{TWO("Bool", "true", "false"), "k=false", true},
		{ONE("BinaryEquals", "QmluYXJ5"), "k=QmluYXJ5", true},
		{ONE("BinaryEquals", "QmluYXJ5"), "k=QmluYXJ6", false},
		{ONE("BinaryEquals", "QmluYXJ5"), "k=qmluYXJ5", false},
		{ONE("BinaryEquals", "QmluYXJ5"), "", false},
		{ONE("BinaryEqualsIfExists", "QmluYXJ5"), "", true},
		{ONE("Null", "true"), "", true},
		{ONE("Null", "true"), "k", true},
		{ONE("Null", "true"), "k=x", false},
		{ONE("Null", "false"), "k=x", true},
		{ONE("Null", "false"), "k=", true},
		{ONE("Null", "false"), "k", false},
		{ONE("Null", "false"), "", false},
		{"\"Null\":{\"k\":false}", "k=x", true},
		{TWO("Null", "true", "false"), "k=x", true},
	};

	(void)state;
	check(rows, RD_ARRAY_LEN(rows));
}

static void case_114_ip_operators(void **state)
{
	static const struct row rows[] = {
		{ONE("IpAddress", "203.0.113.0/24"), "k=203.0.113.9", true},
		{ONE("IpAddress", "203.0.113.0/24"), "k=203.0.114.9", false},
		{ONE("IpAddress", "203.0.113.0/24"), "k=here", false},
		{ONE("IpAddress", "203.0.113.0/24"), "k=203.0.113.0/25", false},
		{ONE("IpAddress", "203.0.113.0/24"), "", false},
		{ONE("IpAddressIfExists", "203.0.113.0/24"), "", true},
		{ONE("IpAddress", "203.0.113.9"), "k=203.0.113.9", true},
		{ONE("IpAddress", "203.0.113.9"), "k=203.0.113.8", false},
		{TWO("IpAddress", "10.0.0.0/8", "2001:db8::/32"), "k=2001:db8:1::5", true},
		{TWO("IpAddress", "10.0.0.0/8", "2001:db8::/32"), "k=2001:db9::5", false},
		{TWO("IpAddress", "10.0.0.0/8", "2001:db8::/32"), "k=::ffff:10.0.0.1", true},
		{ONE("NotIpAddress", "10.0.0.0/8"), "k=10.1.1.1", false},
		{ONE("NotIpAddress", "10.0.0.0/8"), "k=::ffff:10.1.1.1", false},
		{ONE("NotIpAddress", "10.0.0.0/8"), "k=11.1.1.1", true},
		{ONE("NotIpAddress", "10.0.0.0/8"), "", true},
		{TWO("NotIpAddress", "10.0.0.0/8", "11.0.0.0/8"), "k=11.1.1.1", false},
	};

	(void)state;
	check(rows, RD_ARRAY_LEN(rows));
}

static void case_114_arn_operators(void **state)
{
	static const struct row rows[] = {
		{ONE("ArnLike", "arn:aws:iam::" ACCOUNT ":role/*"), "k=" ROLE, true},
		{ONE("ArnEquals", "arn:aws:iam::" ACCOUNT ":role/*"), "k=" ROLE, true},
		{ONE("ArnLike", "arn:aws:iam::*:role/svc/pare?t"), "k=" ROLE, true},
		{ONE("ArnLike", "arn:aws:*:role/*"), "k=" ROLE, false},
		{ONE("ArnLike", "arn:aws:iam::" OTHER ":role/*"), "k=" ROLE, false},
		{ONE("ArnLike", "arn:aws:iam::" ACCOUNT ":role/*"), "k=parent", false},
		{ONE("ArnLike", "arn:aws:iam::" ACCOUNT ":role/*"), "", false},
		{ONE("ArnLikeIfExists", "arn:aws:iam::" ACCOUNT ":role/*"), "", true},
		{ONE("ArnNotLike", "arn:aws:iam::" ACCOUNT ":role/*"), "k=" ROLE, false},
		{ONE("ArnNotEquals", "arn:aws:iam::" ACCOUNT ":role/*"), "k=" ROLE, false},
		{ONE("ArnNotLike", "arn:aws:iam::" ACCOUNT ":role/*"), "k=" ALICE, true},
		{ONE("ArnNotEquals", "arn:aws:iam::" ACCOUNT ":role/*"), "", true},
	};

	(void)state;
	check(rows, RD_ARRAY_LEN(rows));
}

static void case_114_sets_of_values(void **state)
{
	static const struct row rows[] = {
		/* Every value of the request among the policy's; vacuously so without any. */
		{TWO("ForAllValues:StringEquals", "x", "y"), "k=x\nk=y", true},
		{TWO("ForAllValues:StringEquals", "x", "y"), "k=y", true},
		{TWO("ForAllValues:StringEquals", "x", "y"), "k=x\nk=z", false},
		{TWO("ForAllValues:StringEquals", "x", "y"), "", true},
		{TWO("ForAllValues:StringEquals", "x", "y"), "k", true},
		/* No value of the request among the policy's. */
		{TWO("ForAllValues:StringNotEquals", "x", "y"), "k=a\nk=b", true},
		{TWO("ForAllValues:StringNotEquals", "x", "y"), "k=a\nk=x", false},
		{TWO("ForAllValues:StringNotEquals", "x", "y"), "", true},
		/* One value of the request among the policy's. */
		{TWO("ForAnyValue:StringEquals", "x", "y"), "k=a\nk=y", true},
		{TWO("ForAnyValue:StringEquals", "x", "y"), "k=a\nk=b", false},
		{TWO("ForAnyValue:StringEquals", "x", "y"), "", false},
		{TWO("ForAnyValue:StringEquals", "x", "y"), "k", false},
		/* One value of the request that is not among the policy's. */
		{TWO("ForAnyValue:StringNotEquals", "x", "y"), "k=x\nk=a", true},
		{TWO("ForAnyValue:StringNotEquals", "x", "y"), "k=x\nk=y", false},
		{TWO("ForAnyValue:StringNotEquals", "x", "y"), "", false},
		{TWO("ForAnyValue:StringEqualsIfExists", "x", "y"), "", true},
		{TWO("ForAnyValue:StringEqualsIfExists", "x", "y"), "k=z", false},
		{TWO("ForAllValues:NumericLessThan", "5", "5"), "k=1\nk=4", true},
		{TWO("ForAllValues:NumericLessThan", "5", "5"), "k=1\nk=6", false},
		{ONE("ForAnyValue:IpAddress", "10.0.0.0/8"), "k=11.0.0.1\nk=10.0.0.1", true},
		{ONE("ForAllValues:ArnLike", "arn:aws:iam::*:user/*"), "k=" ALICE "\nk=" ROLE,
			false},
		/* Without a prefix: any may match, and of a negated operator none may. */
		{ONE("StringEquals", "x"), "k=a\nk=x", true},
		{ONE("StringNotEquals", "x"), "k=a\nk=x", false},
		{ONE("StringNotEquals", "x"), "k=a\nk=b", true},
	};

	(void)state;
	check(rows, RD_ARRAY_LEN(rows));
}

static void operators_and_keys_all_must_hold(void **state)
{
	static const struct row rows[] = {
		{ONE("StringEquals", "x") ",\"Bool\":{\"b\":\"true\"}", "k=x\nb=true", true},
		{ONE("StringEquals", "x") ",\"Bool\":{\"b\":\"true\"}", "k=x\nb=false", false},
		{"\"StringEquals\":{\"k\":\"x\",\"b\":\"true\"}", "k=x\nb=true", true},
		{"\"StringEquals\":{\"k\":\"x\",\"b\":\"true\"}", "k=x", false},
		{"", "", true},
		{"\"StringEquals\":{}", "", true},
	};

	(void)state;
	check(rows, RD_ARRAY_LEN(rows));
}

static void policy_variables_take_the_request_s_values(void **state)
{
	static const struct row rows[] = {
		{ONE("StringEquals", "home/${aws:username}/x"), "aws:username=al\nk=home/al/x",
			true},
		{ONE("StringEquals", "${AWS:UserName}"), "aws:username=al\nk=al", true},
		{ONE("StringEquals", "home/${aws:username}"), "aws:username=al\nk=home/bo", false},
		{ONE("StringEquals", "${aws:PrincipalTag/team}"), "aws:PrincipalTag/team=t\nk=t",
			true},
		{ONE("StringEquals", "${aws:username, 'no one'}"), "k=no one", true},
		{ONE("StringEquals", "${aws:username,''}"), "k=", true},
		{ONE("StringEquals", "${aws:username, 'a}b'}"), "k=a}b", true},
		{ONE("StringEquals", "${aws:username, 'no one'}"), "aws:username=al\nk=no one",
			false},
		/* Without a value, the statement does not match, not even by another operand or by
		   negation. */
		{ONE("StringEquals", "${aws:username}"), "k=${aws:username}", false},
		{ONE("StringNotEquals", "${aws:username}"), "k=x", false},
		{TWO("StringEquals", "x", "${aws:username}"), "k=x", false},
		{ONE("StringEqualsIfExists", "${aws:username}"), "", false},
		/* Several values are none. */
		{ONE("StringEquals", "${many}"), "many=a\nmany=b\nk=a", false},
		/* What a value brings along is text. */
		{ONE("StringLike", "${aws:username}"), "aws:username=*\nk=anything", false},
		{ONE("StringLike", "${aws:username}"), "aws:username=*\nk=*", true},
		{ONE("StringLike", "${aws:username}*"), "aws:username=a?\nk=a?b", true},
		{ONE("StringLike", "${aws:username}*"), "aws:username=a?\nk=abb", false},
		{ONE("StringLike", "a${*}"), "k=a*", true},
		{ONE("StringLike", "a${*}"), "k=ab", false},
		{ONE("StringEquals", "${$}{x}"), "k=${x}", true},
		{ONE("ArnLike", "arn:aws:iam::${aws:PrincipalAccount}:user/*"),
			"aws:PrincipalAccount=" ACCOUNT "\nk=" ALICE, true},
	};

	(void)state;
	check(rows, RD_ARRAY_LEN(rows));
}

static void variables_are_text_in_the_old_version(void **state)
{
	static const char policy[] = "{\"Version\":\"2008-10-17\",\"Statement\":" KEY_STATEMENT(
		"Allow", "\"*\"", "\"kms:*\"",
		",\"Condition\":{\"StringEquals\":{\"k\":\"${aws:username}\"}}") "}";

	(void)state;
	assert_allowed(.key = policy, .caller = test_user(ALICE), .context = "k=${aws:username}");
	assert_denied(.key = policy, .caller = test_user(ALICE),
		.context = "aws:username=alice\nk=alice");
}

/* Section 8, case 113. */
static void case_113_absent_keys(void **state)
{
	(void)state;
	assert_true(condition_holds(ONE("StringNotEquals", "x"), ""));
	assert_true(condition_holds(ONE("ForAllValues:StringEquals", "x"), ""));
	assert_false(condition_holds(ONE("StringEquals", "x"), ""));
	assert_false(condition_holds(ONE("ForAnyValue:StringEquals", "x"), ""));
}

/* Section 8, case 112. */
static void case_112_encryption_context(void **state)
{
	static const char condition[] = "\"StringEquals\":{\"kms:EncryptionContext:App\":\"x\"}";

	(void)state;
	assert_true(condition_holds(condition, "kms:EncryptionContext:App=x"));
	assert_true(condition_holds(condition, "kms:EncryptionContext:app=x"));
	assert_false(condition_holds(condition, "kms:EncryptionContext:App=X"));
	assert_false(condition_holds(condition, "kms:EncryptionContext:Ap=x"));
	assert_false(condition_holds(condition, ""));
	assert_true(condition_holds("\"ForAllValues:StringEquals\":{\"kms:EncryptionContextKeys\":"
				    "[\"App\",\"Stage\"]}",
		"kms:EncryptionContextKeys=App"));
	assert_false(condition_holds("\"ForAllValues:StringEquals\":{\"kms:EncryptionContextKeys\":"
				     "[\"App\",\"Stage\"]}",
		"kms:EncryptionContextKeys=App\nkms:EncryptionContextKeys=Other"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case_114_string_operators),
		cmocka_unit_test(case_114_numeric_operators),
		cmocka_unit_test(case_114_date_operators),
		cmocka_unit_test(case_114_bool_binary_and_null),
		cmocka_unit_test(case_114_ip_operators),
		cmocka_unit_test(case_114_arn_operators),
		cmocka_unit_test(case_114_sets_of_values),
		cmocka_unit_test(operators_and_keys_all_must_hold),
		cmocka_unit_test(policy_variables_take_the_request_s_values),
		cmocka_unit_test(variables_are_text_in_the_old_version),
		cmocka_unit_test(case_112_encryption_context),
		cmocka_unit_test(case_113_absent_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
