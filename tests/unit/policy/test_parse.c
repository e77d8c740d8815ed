/* SPDX-License-Identifier: Apache-2.0 */
/* Which policies are accepted, and what each refused one is refused for. */
#include "policy_support.h"

#define USE                                                                                        \
	"{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"kms:Decrypt\",\"Resource\":\"*\"}"
#define WITH(more)                                                                                 \
	"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"kms:Decrypt\","     \
	"\"Resource\":\"*\"," more "}}"
#define CONDITION(text) WITH("\"Condition\":{" text "}")
#define PRINCIPAL(text)                                                                            \
	"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":" text                                 \
	",\"Action\":\"kms:Decrypt\",\"Resource\":\"*\"}}"
#define ACTION(text)                                                                               \
	"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":" text                \
	",\"Resource\":\"*\"}}"

static enum rd_status parse_as(const char *text, enum rd_policy_kind kind, struct rd_error *err)
{
	struct rd_policy *p = NULL;
	enum rd_status st = rd_policy_new(rd_view_str(text), kind, &p, err);

	assert_true((st == RD_OK) == (p != NULL));
	rd_policy_free(&p);
	return st;
}

static enum rd_status parse(const char *text)
{
	return parse_as(text, RD_POLICY_KEY, NULL);
}

static void assert_refused(const char *text, enum rd_status want, const char *message)
{
	struct rd_error err = {0};
	enum rd_status st = parse_as(text, RD_POLICY_KEY, &err);

	if (st != want || err.status != want) {
		fail_msg("%.120s: got %s (%s), want %s", text, rd_status_name(st), err.text,
			rd_status_name(want));
	}
	if (strstr(err.text, message) == NULL) {
		fail_msg("\"%s\" does not say \"%s\"", err.text, message);
	}
	assert_null(strchr(err.text, '\n'));
}

static void the_grammar_of_key_policies_is_read(void **state)
{
	struct rd_policy *p = test_policy(
		"{\"Version\":\"2012-10-17\",\"Id\":\"key-default-1\",\"Statement\":["
		"{\"Sid\":\"Enable IAM User Permissions\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":"
		"\"" ROOT "\"},\"Action\":\"kms:*\",\"Resource\":\"*\"},"
		"{\"Effect\":\"Deny\",\"NotPrincipal\":{\"AWS\":[\"" ROLE "\",\"" ACCOUNT "\"],"
		"\"Service\":\"ec2.amazonaws.com\"},\"NotAction\":[\"kms:De*\",\"kms:L?st*\"],"
		"\"NotResource\":\"" KEY_ARN "\",\"Condition\":{\"NumericLessThan\":{"
		"\"kms:RotationPeriodInDays\":[90,\"91.5\"]},\"Bool\":{\"aws:SecureTransport\":false,"
		"\"kms:MultiRegion\":\"TRUE\"}}}]}",
		RD_POLICY_KEY);

	(void)state;
	assert_true(p->has_variables);
	assert_int_equal(p->statement_count, 2);
	assert_true(
		rd_view_equal(p->statements[0].sid, rd_view_str("Enable IAM User Permissions")));
	assert_int_equal(p->statements[0].principals.v[0].kind, RD_PRINCIPAL_ACCOUNT);
	assert_true(p->statements[1].deny);
	assert_null(p->statements[1].sid.ptr);
	assert_true(p->statements[1].principals.negated && p->statements[1].actions.negated &&
		    p->statements[1].resources.negated);
	assert_int_equal(p->statements[1].principals.n, 3);
	assert_int_equal(p->statements[1].principals.v[2].kind, RD_PRINCIPAL_SERVICE);
	assert_int_equal(p->statements[1].condition_count, 3);
	assert_int_equal(p->statements[1].conditions[0].operand_count, 2);
	rd_policy_free(&p);
	assert_null(p);
}

static void identity_and_trust_policies_have_their_own_rules(void **state)
{
	static const char iam[] = "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"iam:GetUser\","
				  "\"Resource\":\"arn:aws:iam::" ACCOUNT
				  ":user/${aws:username}\"}}";
	static const char trust[] =
		"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"" ALICE
		"\"},\"Action\":\"sts:AssumeRole\"}}";

	(void)state;
	assert_ok(parse_as(iam, RD_POLICY_IDENTITY, NULL));
	assert_ok(parse_as(trust, RD_POLICY_TRUST, NULL));
	assert_status(parse_as(iam, RD_POLICY_KEY, NULL), RD_MISSING);
	assert_status(parse_as(iam, RD_POLICY_TRUST, NULL), RD_MISSING);
	assert_status(parse_as(trust, RD_POLICY_KEY, NULL), RD_MISSING);
	assert_status(parse_as(trust, RD_POLICY_IDENTITY, NULL), RD_FORBIDDEN);
	assert_status(parse_as("{\"Statement\":" USE "}", RD_POLICY_IDENTITY, NULL), RD_FORBIDDEN);
	assert_status(parse_as("{\"Statement\":" USE "}", RD_POLICY_TRUST, NULL), RD_FORBIDDEN);
	assert_status(
		parse_as("{\"Statement\":{\"Sid\":\"a b\",\"Effect\":\"Allow\",\"Action\":\"*\","
			 "\"Resource\":\"*\"}}",
			RD_POLICY_IDENTITY, NULL),
		RD_OUT_OF_RANGE);
}

/* Section 8, case 106, and what surrounds it. */
static void what_is_no_policy_is_refused(void **state)
{
	(void)state;
	assert_refused("", RD_MALFORMED, "not valid JSON");
	assert_refused("hello", RD_MALFORMED, "not valid JSON (line 1");
	assert_refused("{\"Statement\":" USE "} x", RD_MALFORMED, "not valid JSON");
	assert_refused("[]", RD_BAD_TYPE, "must be a JSON object");
	assert_refused("{}", RD_MISSING, "Statement is missing");
	assert_refused("{\"Statement\":[]}", RD_MISSING, "Statement is an empty list");
	assert_refused("{\"Statement\":[1]}", RD_BAD_TYPE, "statement 1: a statement must be");
	assert_refused("{\"Statement\":" USE ",\"Statement\":" USE "}", RD_DUPLICATE, "twice");
	assert_refused(
		"{\"Statement\":" USE ",\"Extra\":1}", RD_UNSUPPORTED, "unknown element \"Extra\"");
	assert_refused("{\"Version\":\"2012-10-18\",\"Statement\":" USE "}", RD_BAD_VERSION,
		"\"2012-10-18\"");
	assert_refused("{\"Version\":2012,\"Statement\":" USE "}", RD_BAD_TYPE, "Version");
	assert_refused("{\"Id\":{},\"Statement\":" USE "}", RD_BAD_TYPE, "Id must be a string");
	assert_refused("{\"a\":[[[[[[[[[]]]]]]]]]}", RD_TOO_DEEP, "8 levels");
	assert_refused("{\"Id\":\"\x01\",\"Statement\":" USE "}", RD_NONCANONICAL, "character");
	assert_refused(
		"{\"Id\":\"\xe2\x82\xac\",\"Statement\":" USE "}", RD_NONCANONICAL, "U+00FF");
	assert_refused("{\"Id\":\"\xff\",\"Statement\":" USE "}", RD_NONCANONICAL, "U+00FF");
	assert_ok(parse("{\"Id\":\"\xc3\xbf [[[[[[[[[ \\\" {\",\"Statement\":" USE "}"));
}

static void statements_are_refused_with_their_number(void **state)
{
	(void)state;
	assert_refused("{\"Statement\":[" USE
		       ",{\"Effect\":\"allow\",\"Principal\":\"*\",\"Action\":"
		       "\"kms:*\",\"Resource\":\"*\"}]}",
		RD_OUT_OF_RANGE, "statement 2: Effect \"allow\"");
	assert_refused(
		"{\"Statement\":{\"Principal\":\"*\",\"Action\":\"kms:*\",\"Resource\":\"*\"}}",
		RD_MISSING, "statement 1: Effect is missing");
	assert_refused(
		"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"kms:*\",\"Resource\":\"*\"}}",
		RD_MISSING, "neither Principal nor NotPrincipal");
	assert_refused(
		"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Resource\":\"*\"}}",
		RD_MISSING, "neither Action nor NotAction");
	assert_refused(
		"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"kms:*\"}}",
		RD_MISSING, "neither Resource nor NotResource");
	assert_refused(WITH("\"NotPrincipal\":\"*\""), RD_FORBIDDEN, "exclude each other");
	assert_refused(WITH("\"NotAction\":\"kms:*\""), RD_FORBIDDEN, "exclude each other");
	assert_refused(WITH("\"NotResource\":\"*\""), RD_FORBIDDEN, "exclude each other");
	assert_refused(WITH("\"condition\":{}"), RD_UNSUPPORTED, "unknown element \"condition\"");
	assert_refused(WITH("\"Sid\":\"a/b\""), RD_OUT_OF_RANGE, "Sid \"a/b\"");
	assert_refused("{\"Statement\":[{\"Sid\":\"A\",\"Effect\":\"Deny\",\"Principal\":\"*\","
		       "\"Action\":\"*\",\"Resource\":\"*\"},{\"Sid\":\"A\",\"Effect\":\"Deny\","
		       "\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\"}]}",
		RD_DUPLICATE, "statement 2: Sid \"A\" is that of statement 1");
}

static void principals_of_every_form_are_read(void **state)
{
	static const char *const taken[] = {"\"*\"", "{\"AWS\":\"*\"}", "{\"AWS\":\"" ACCOUNT "\"}",
		AWS(ROOT), AWS(ALICE), AWS(BOB), AWS(ROLE), AWS(SESSION),
		AWS("arn:aws:sts::" ACCOUNT ":federated-user/carol"),
		AWS("arn:aws-cn:iam::" ACCOUNT ":role/x"), AWS("AROA1234567890ABCDEF"),
		"{\"Service\":[\"ec2.amazonaws.com\"],\"Federated\":\"x\",\"CanonicalUser\":\"y\"}"};
	char text[512];

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(taken); i++) {
		snprintf(text, sizeof(text), PRINCIPAL("%s"), taken[i]);
		assert_ok(parse(text));
	}
}

static void what_is_no_principal_is_refused(void **state)
{
	static const char *const refused[] = {"1111222233334", "11112222333", "alice",
		"arn:aws:iam::" ACCOUNT ":group/g", "arn:aws:iam::" ACCOUNT ":role/*",
		"arn:aws:iam::" ACCOUNT ":role/", "arn:aws:iam::" ACCOUNT ":user/a?",
		"arn:aws:iam::*:root", "arn:aws:iam::" ACCOUNT ":*", "arn:aws:iam::1:root",
		"arn:aws:iam:local-1:" ACCOUNT ":root", "arn:aws:s3:::bucket",
		"arn:gcp:iam::" ACCOUNT ":root", "arn:aws:sts::" ACCOUNT ":assumed-role/R",
		"arn:aws:sts::" ACCOUNT ":assumed-role/R/S/T", "arn:aws:sts::" ACCOUNT ":root",
		"arn:aws:iam::" ACCOUNT ":assumed-role/R/S",
		"arn:aws:iam::" ACCOUNT ":user/${aws:username}", "AIDAshort", ":::::"};
	char text[512];

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(refused); i++) {
		snprintf(text, sizeof(text), PRINCIPAL("{\"AWS\":[\"*\",\"%s\"]}"), refused[i]);
		assert_refused(text, RD_FORBIDDEN, "statement 1: invalid principal");
	}
	assert_refused(PRINCIPAL("\"" ALICE "\""), RD_FORBIDDEN, "only \"*\"");
	assert_refused(PRINCIPAL("{}"), RD_MISSING, "names nobody");
	assert_refused(PRINCIPAL("{\"AWS\":[]}"), RD_MISSING, "empty list");
	assert_refused(PRINCIPAL("{\"AWS\":\"\"}"), RD_MISSING, "empty string");
	assert_refused(PRINCIPAL("{\"AWS\":1}"), RD_BAD_TYPE, "must be a string");
	assert_refused(PRINCIPAL("[\"*\"]"), RD_BAD_TYPE, "must be \"*\" or an object");
	assert_refused(PRINCIPAL("{\"aws\":\"*\"}"), RD_UNSUPPORTED, "type of principal \"aws\"");
}

static void actions_and_resources_have_their_forms(void **state)
{
	static const char *const taken[] = {"\"*\"", "\"kms:*\"", "\"KMS:decrypt\"", "\"kms:De*t\"",
		"[\"kms:?ecrypt\",\"execute-api:Invoke\"]"};
	static const char *const refused[] = {"\"Decrypt\"", "\"kms:\"", "\":Decrypt\"",
		"\"k*:Decrypt\"", "\"kms:De crypt\"", "\"kms:a:b\"", "\"kms:${x}\"", "\"**\""};
	char text[512];

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(taken); i++) {
		snprintf(text, sizeof(text), ACTION("%s"), taken[i]);
		assert_ok(parse(text));
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(refused); i++) {
		snprintf(text, sizeof(text), ACTION("%s"), refused[i]);
		assert_refused(text, RD_OUT_OF_RANGE, "is not an action");
	}
	assert_refused(ACTION("[]"), RD_MISSING, "Action is an empty list");
	assert_refused(ACTION("{}"), RD_BAD_TYPE, "Action must be a string");
	assert_refused(
		"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"kms:*\","
		"\"Resource\":\"key/1\"}}",
		RD_OUT_OF_RANGE, "resource \"key/1\" is neither an ARN");
}

static void conditions_are_refused_for_what_is_wrong_with_them(void **state)
{
	(void)state;
	assert_refused(WITH("\"Condition\":[]"), RD_BAD_TYPE, "Condition must be an object");
	assert_refused(CONDITION("\"StringEquals\":\"x\""), RD_BAD_TYPE, "object of keys");
	assert_refused(CONDITION("\"StringEquals\":{\"\":\"x\"}"), RD_MISSING, "key is an empty");
	assert_refused(CONDITION("\"StringEquals\":{\"a\":[]}"), RD_MISSING, "empty list");
	assert_refused(CONDITION("\"StringEquals\":{\"a\":null}"), RD_BAD_TYPE, "string, number");
	assert_refused(
		CONDITION("\"StringEquals\":{\"a\":{\"b\":1}}"), RD_BAD_TYPE, "string, number");
	assert_refused(
		CONDITION("\"NumericEquals\":{\"a\":\"ten\"}"), RD_MALFORMED, "NumericEquals");
	assert_refused(CONDITION("\"DateLessThan\":{\"a\":\"soon\"}"), RD_MALFORMED, "\"soon\"");
	assert_refused(
		CONDITION("\"DateLessThan\":{\"a\":\"2023-02-29\"}"), RD_MALFORMED, "DateLess");
	assert_refused(CONDITION("\"Bool\":{\"a\":\"yes\"}"), RD_MALFORMED, "Bool");
	assert_refused(CONDITION("\"Null\":{\"a\":\"1\"}"), RD_MALFORMED, "Null");
	assert_refused(
		CONDITION("\"IpAddress\":{\"a\":\"10.0.0.0/40\"}"), RD_MALFORMED, "IpAddress");
	assert_refused(CONDITION("\"BinaryEquals\":{\"a\":\"Q\"}"), RD_MALFORMED, "BinaryEquals");
	assert_refused(CONDITION("\"StringEquals\":{\"a\":\"x\"},\"StringEquals\":{\"b\":\"y\"}"),
		RD_DUPLICATE, "twice");
}

static void operators_that_do_not_exist_are_refused(void **state)
{
	static const char *const refused[] = {"StringEqual", "stringEquals", "StringEqualsIfexists",
		"IfExists", "NullIfExists", "ForAnyValue:Null", "ForAllValues:Null",
		"ForAnyValue:", "ForEveryValue:StringEquals", "BinaryNotEquals",
		"StringEqualsIfExistsIfExists", "ForAllValues:ForAnyValue:StringEquals", ""};
	char text[512];

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(refused); i++) {
		snprintf(text, sizeof(text), CONDITION("\"%s\":{\"a\":\"true\"}"), refused[i]);
		assert_refused(text, RD_UNSUPPORTED, "unknown condition operator");
	}
}

static void over_permissive_sets_are_refused_in_key_policies(void **state)
{
	(void)state;
	assert_refused(
		CONDITION("\"ForAllValues:StringEquals\":{\"kms:EncryptionContext:App\":\"x\"}"),
		RD_FORBIDDEN, "over-permissive");
	assert_refused(CONDITION("\"ForAllValues:StringLike\":{\"aws:requesttag/team\":\"x\"}"),
		RD_FORBIDDEN, "over-permissive");
	assert_ok(parse(
		CONDITION("\"ForAllValues:StringEquals\":{\"kms:EncryptionContextKeys\":\"x\"}")));
	assert_ok(parse(
		CONDITION("\"ForAnyValue:StringEquals\":{\"kms:EncryptionContext:App\":\"x\"}")));
}

static void broken_variables_are_refused_in_the_version_that_has_them(void **state)
{
	static const char *const refused[] = {"${aws:username", "${}", "a${ }", "${a,}", "${a,'b}",
		"${a, b}", "${a,'b'c}", "${a${b}}"};
	char text[512];

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(refused); i++) {
		snprintf(text, sizeof(text),
			"{\"Version\":\"%s\",\"Statement\":" KEY_STATEMENT("Allow", "\"*\"",
				"\"*\"", ",\"Condition\":{\"StringLike\":{\"a\":\"%s\"}}") "}",
			"2012-10-17", refused[i]);
		assert_refused(text, RD_MALFORMED, "statement 1");
		snprintf(text, sizeof(text),
			"{\"Version\":\"%s\",\"Statement\":" KEY_STATEMENT("Allow", "\"*\"",
				"\"*\"", ",\"Condition\":{\"StringLike\":{\"a\":\"%s\"}}") "}",
			"2008-10-17", refused[i]);
		assert_ok(parse(text));
	}
}

/* Section 8, case 108: one byte more than a policy may have. */
static void a_policy_of_32769_bytes_is_too_large(void **state)
{
	static const char policy[] = "{\"Statement\":" USE "}";
	char *text = malloc(RD_POLICY_SIZE_MAX + 2);

	(void)state;
	assert_non_null(text);
	memset(text, ' ', RD_POLICY_SIZE_MAX + 1);
	memcpy(text, policy, sizeof(policy) - 1);
	text[RD_POLICY_SIZE_MAX] = '\0';
	assert_ok(parse(text));
	text[RD_POLICY_SIZE_MAX] = ' ';
	text[RD_POLICY_SIZE_MAX + 1] = '\0';
	assert_true(rd_policy_is_too_large(rd_view_str(text)));
	assert_refused(text, RD_LIMIT, "larger than 32768 bytes");
	free(text);
}

static char *repeated(const char *head, const char *item, size_t n, const char *tail)
{
	char *text = calloc(1, RD_POLICY_SIZE_MAX + 1);
	struct rd_buf b;

	assert_non_null(text);
	b = rd_buf_fixed(text, RD_POLICY_SIZE_MAX);
	assert_ok(rd_buf_put_str(&b, head));
	for (size_t i = 0; i < n; i++) {
		assert_ok(rd_buf_put_str(&b, item));
	}
	assert_ok(rd_buf_put_str(&b, tail));
	return text;
}

static void lists_and_strings_have_their_limits(void **state)
{
	static const char tail[] = "\"],\"Resource\":\"*\"}}";
	static const char head[] =
		"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":[\"";
	char *list = repeated(head, "kms:*\",\"", 2000, "kms:*\"],\"Resource\":\"*\"}}");
	char *string = repeated(head, "*", 3000, tail);
	char *variables = repeated(
		"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\","
		"\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"arn:",
		"${a}", 33, "\"}}");

	(void)state;
	assert_refused(list, RD_LIMIT, "more than 2000 values");
	assert_refused(string, RD_LIMIT, "more than 2048 bytes");
	assert_refused(variables, RD_LIMIT, "policy variable");
	free(list);
	free(string);
	free(variables);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_grammar_of_key_policies_is_read),
		cmocka_unit_test(identity_and_trust_policies_have_their_own_rules),
		cmocka_unit_test(what_is_no_policy_is_refused),
		cmocka_unit_test(statements_are_refused_with_their_number),
		cmocka_unit_test(principals_of_every_form_are_read),
		cmocka_unit_test(what_is_no_principal_is_refused),
		cmocka_unit_test(actions_and_resources_have_their_forms),
		cmocka_unit_test(conditions_are_refused_for_what_is_wrong_with_them),
		cmocka_unit_test(operators_that_do_not_exist_are_refused),
		cmocka_unit_test(over_permissive_sets_are_refused_in_key_policies),
		cmocka_unit_test(broken_variables_are_refused_in_the_version_that_has_them),
		cmocka_unit_test(a_policy_of_32769_bytes_is_too_large),
		cmocka_unit_test(lists_and_strings_have_their_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
