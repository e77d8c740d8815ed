/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what, and which statement decided; tests with a number are the cases of the
 * specification's section 8. */
#include "policy_support.h"

#include "policy/attested.h"
#include "policy/match.h"

#include <time.h>

#define ROOT_ONLY POLICY(KEY_STATEMENT("Allow", AWS(ROOT), "\"kms:*\"", ""))
#define IAM_ALL   POLICY(IAM_STATEMENT("Allow", "\"kms:*\"", ""))

static void case_109_root_delegation_needs_an_identity_policy(void **state)
{
	struct test_case t = {.key = ROOT_ONLY, .caller = test_user(ALICE)};
	char message[512];
	struct rd_policy_decision d = test_decide(&t, message, sizeof(message));

	(void)state;
	assert_int_equal(d.verdict, RD_VERDICT_IMPLICIT_DENY);
	assert_int_equal(d.by.layer, RD_LAYER_IDENTITY);
	assert_string_equal(message,
		"User: " ALICE " is not authorized to perform: kms:Decrypt on resource: " KEY_ARN
		" because no identity-based policy allows the kms:Decrypt action");
	t.identity = POLICY(IAM_STATEMENT("Allow", "\"kms:Encrypt\"", ""));
	assert_int_equal(test_verdict(&t), RD_VERDICT_IMPLICIT_DENY);
	t.identity = IAM_ALL;
	d = test_decide(&t, NULL, 0);
	assert_int_equal(d.verdict, RD_VERDICT_ALLOW);
	assert_int_equal(d.by.layer, RD_LAYER_IDENTITY);
	assert_true(d.delegated);
	assert_int_equal(d.delegated_by.layer, RD_LAYER_RESOURCE);
}

static void without_delegation_identity_policies_give_nothing(void **state)
{
	struct test_case t = {
		.key = POLICY(KEY_STATEMENT("Allow", AWS(BOB), "\"kms:*\"", "")),
		.identity = IAM_ALL,
		.caller = test_user(ALICE),
	};
	char message[512];

	(void)state;
	assert_int_equal(
		test_decide(&t, message, sizeof(message)).verdict, RD_VERDICT_IMPLICIT_DENY);
	assert_non_null(
		strstr(message, "because no resource-based policy allows the kms:Decrypt action"));
}

static void the_root_user_is_matched_directly(void **state)
{
	(void)state;
	assert_allowed(.key = ROOT_ONLY, .caller = test_user(ROOT));
	assert_allowed(.key = POLICY(KEY_STATEMENT("Allow", AWS(ACCOUNT), "\"kms:*\"", "")),
		.caller = test_user(ROOT));
	assert_denied(.key = POLICY(KEY_STATEMENT("Allow", AWS(ALICE), "\"kms:*\"", "")),
		.caller = test_user(ROOT));
}

static void case_110_a_direct_principal_needs_no_identity_policy(void **state)
{
	static const char key[] = POLICY(KEY_STATEMENT("Allow", AWS(BOB), "\"kms:Decrypt\"", ""));

	(void)state;
	assert_allowed(.key = key, .caller = test_user(BOB));
	assert_denied(.key = key, .caller = test_user(ALICE));
	assert_denied(.key = key, .caller = test_user(BOB), .action = "kms:Encrypt");
}

static void case_111_an_explicit_deny_wins(void **state)
{
	struct test_case t = {
		.key = POLICY(KEY_STATEMENT("Allow", AWS(ALICE), "\"kms:*\"", "") "," KEY_STATEMENT(
			"Deny", AWS(ALICE), "\"kms:Decrypt\"", "")),
		.caller = test_user(ALICE),
	};
	char message[512];
	struct rd_policy_decision d = test_decide(&t, message, sizeof(message));

	(void)state;
	assert_int_equal(d.verdict, RD_VERDICT_EXPLICIT_DENY);
	assert_int_equal(d.by.statement, 1);
	assert_non_null(strstr(message, " with an explicit deny in a resource-based policy"));
	t.action = "kms:Encrypt";
	assert_int_equal(test_verdict(&t), RD_VERDICT_ALLOW);
	t.identity = POLICY(IAM_STATEMENT("Deny", "\"kms:Enc*\"", ""));
	assert_int_equal(
		test_decide(&t, message, sizeof(message)).verdict, RD_VERDICT_EXPLICIT_DENY);
	assert_non_null(strstr(message, " with an explicit deny in an identity-based policy"));
}

static void a_deny_of_the_account_is_for_everyone_in_it(void **state)
{
	static const char key[] = POLICY(KEY_STATEMENT("Allow", "\"*\"", "\"kms:*\"",
		"") "," KEY_STATEMENT("Deny", AWS(ROOT), "\"kms:Decrypt\"", ""));

	(void)state;
	assert_explicitly_denied(.key = key, .caller = test_user(ALICE));
	assert_explicitly_denied(.key = key, .caller = test_session());
	assert_allowed(.key = key, .identity = IAM_ALL, .caller = test_user(MALLORY));
}

static void case_115_actions_ignore_case(void **state)
{
	static const char *const matching[] = {"\"KMS:decrypt\"", "\"kms:De*\"", "\"kms:decryp?\"",
		"\"*\"", "[\"kms:Sign\",\"kms:DECRYPT\"]"};
	static const char *const others[] = {
		"\"kms:Decryp\"", "\"kms:De?\"", "\"iam:*\"", "[\"kms:Sign\",\"kms:Describe*\"]"};
	char key[1024];

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(matching); i++) {
		snprintf(key, sizeof(key), POLICY(KEY_STATEMENT("Allow", AWS(ALICE), "%s", "")),
			matching[i]);
		assert_allowed(.key = key, .caller = test_user(ALICE));
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(others); i++) {
		snprintf(key, sizeof(key), POLICY(KEY_STATEMENT("Allow", AWS(ALICE), "%s", "")),
			others[i]);
		assert_denied(.key = key, .caller = test_user(ALICE));
	}
}

static void case_116_roles_match_any_session_and_sessions_only_themselves(void **state)
{
	static const char role[] = POLICY(KEY_STATEMENT("Allow", AWS(ROLE), "\"kms:*\"", ""));
	static const char session[] = POLICY(KEY_STATEMENT("Allow", AWS(SESSION), "\"kms:*\"", ""));
	static const char id[] = POLICY(
		KEY_STATEMENT("Allow", AWS("AROA1234567890ABCDEF"), "\"kms:*\"", ""));
	struct rd_policy_caller other = test_session();

	(void)state;
	other.arn = rd_view_str("arn:aws:sts::" ACCOUNT ":assumed-role/parent/i-0def");
	assert_allowed(.key = role, .caller = test_session());
	assert_allowed(.key = role, .caller = other);
	assert_allowed(.key = session, .caller = test_session());
	assert_denied(.key = session, .caller = other);
	assert_allowed(.key = id, .caller = test_session());
	other.id = rd_view_str("AROA000000000000NEW0");
	assert_denied(.key = id, .caller = other);
	assert_denied(.key = role, .caller = test_user(ALICE));
}

static void foreign_principals_match_nobody(void **state)
{
	(void)state;
	assert_denied(.key = POLICY(KEY_STATEMENT("Allow",
			      "{\"Service\":\"ec2.amazonaws.com\",\"Federated\":\"x\"}",
			      "\"kms:*\"", "")),
		.identity = IAM_ALL, .caller = test_user(ALICE));
}

#define EC2 "{\"Service\":\"ec2.amazonaws.com\"}"

/* A service acts for an account, and no statement for the account is for it. */
static void a_service_is_matched_by_its_name_alone(void **state)
{
	static const char named[] = POLICY(KEY_STATEMENT("Allow", EC2, "\"kms:*\"", ""));
	static const char denied[] = POLICY(KEY_STATEMENT("Allow", EC2, "\"kms:*\"",
		"") "," KEY_STATEMENT("Deny", "\"*\"", "\"kms:Decrypt\"", ""));
	static const char spared[] = POLICY(KEY_STATEMENT(
		"Allow", EC2, "\"kms:*\"", "") ",{\"Effect\":\"Deny\",\"NotPrincipal\":" EC2
					       ",\"Action\":\"kms:*\",\"Resource\":\"*\"}");
	static const char *const others[] = {ROOT_ONLY,
		POLICY(KEY_STATEMENT("Allow", AWS(ALICE), "\"kms:*\"", "")),
		POLICY(KEY_STATEMENT(
			"Allow", "{\"Service\":\"lambda.amazonaws.com\"}", "\"kms:*\"", "")),
		POLICY(KEY_STATEMENT("Allow", "{\"Service\":\"*\"}", "\"kms:*\"", "")),
		POLICY(KEY_STATEMENT(
			"Allow", "{\"Federated\":\"ec2.amazonaws.com\"}", "\"kms:*\"", ""))};
	const struct rd_policy_caller service = {.account = rd_view_str(ACCOUNT),
		.arn = rd_view_str(RD_SERVICE_EC2),
		.service = rd_view_str(RD_SERVICE_EC2)};

	(void)state;
	assert_allowed(.key = named, .caller = service);
	assert_allowed(.key = spared, .caller = service);
	assert_explicitly_denied(.key = denied, .caller = service);
	assert_explicitly_denied(.key = spared, .caller = test_user(ALICE));
	for (size_t i = 0; i < RD_ARRAY_LEN(others); i++) {
		assert_denied(.key = others[i], .caller = service);
	}
	/* What calls itself that is none. */
	assert_denied(.key = named, .caller = test_user(ALICE));
	assert_denied(.key = named,
		.caller = (struct rd_policy_caller){
			.account = rd_view_str(ACCOUNT), .arn = rd_view_str(RD_SERVICE_EC2)});
}

static void not_principal_is_read_against_the_author(void **state)
{
	static const char deny[] = POLICY(KEY_STATEMENT("Allow", "\"*\"", "\"kms:*\"",
		"") ",{\"Effect\":\"Deny\",\"NotPrincipal\":{\"AWS\":[\"" ALICE "\",\"" ROOT
		    "\",\"" ROLE "\"]},\"Action\":\"kms:*\",\"Resource\":\"*\"}");
	static const char alone[] = POLICY(KEY_STATEMENT("Allow", "\"*\"", "\"kms:*\"",
		"") ",{\"Effect\":\"Deny\",\"NotPrincipal\":{\"AWS\":\"" ALICE
		    "\"},\"Action\":\"kms:*\",\"Resource\":\"*\"}");
	static const char allow[] = POLICY(
		"{\"Effect\":\"Allow\",\"NotPrincipal\":{\"AWS\":\"" ALICE
		"\"},\"Action\":\"kms:*\",\"Resource\":\"*\"}");

	(void)state;
	assert_allowed(.key = deny, .caller = test_user(ALICE));
	assert_allowed(.key = deny, .caller = test_user(ROOT));
	assert_explicitly_denied(.key = deny, .caller = test_user(BOB));
	/* The role is listed and its session is not; the user is listed and the account is not. */
	assert_explicitly_denied(.key = deny, .caller = test_session());
	assert_explicitly_denied(.key = alone, .caller = test_user(ALICE));
	assert_allowed(.key = allow, .caller = test_user(BOB));
	assert_denied(.key = allow, .caller = test_user(ALICE));
}

static void not_action_and_not_resource_are_the_others(void **state)
{
	static const char key[] = POLICY(
		"{\"Effect\":\"Allow\",\"Principal\":\"*\",\"NotAction\":"
		"[\"kms:Decrypt\",\"kms:Put*\"],\"NotResource\":\"" KEY_ARN "x\"}");

	(void)state;
	assert_allowed(.key = key, .caller = test_user(ALICE), .action = "kms:Encrypt");
	assert_denied(.key = key, .caller = test_user(ALICE), .action = "kms:PutKeyPolicy");
	assert_denied(.key = key, .caller = test_user(ALICE), .action = "kms:Encrypt",
		.resource = KEY_ARN "x");
}

static void resources_are_compared_with_case_and_wildcards(void **state)
{
	static const char by_name[] = POLICY(
		"{\"Effect\":\"Allow\",\"Action\":\"kms:*\",\"Resource\":"
		"\"arn:aws:kms:*:" ACCOUNT ":alias/${aws:username}-*\"}");
	static const char here[] = "arn:aws:kms:local-1:" ACCOUNT ":alias/alice-1";

	(void)state;
	assert_allowed(.identity = by_name, .caller = test_user(ALICE), .resource = here,
		.context = "aws:username=alice");
	assert_denied(.identity = by_name, .caller = test_user(ALICE), .resource = here,
		.context = "aws:username=Alice");
	assert_denied(.identity = by_name, .caller = test_user(ALICE), .resource = here,
		.context = "aws:username=*");
	assert_denied(.identity = by_name, .caller = test_user(ALICE), .resource = here);
	assert_denied(.identity = by_name, .caller = test_user(ALICE), .resource = "*",
		.context = "aws:username=alice");
}

/* Whichever of the list has the variable, before or behind one that matches. */
static void a_resource_without_its_variable_is_no_match(void **state)
{
	static const char *const lists[] = {
		"[\"*\",\"arn:x:${aws:username}\"]", "[\"arn:x:${aws:username}\",\"*\"]"};
	char text[512];

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(lists); i++) {
		snprintf(text, sizeof(text),
			POLICY("{\"Effect\":\"Allow\",\"Action\":\"kms:*\",\"Resource\":%s}"),
			lists[i]);
		assert_allowed(.identity = text, .caller = test_user(ALICE), .resource = "*",
			.context = "aws:username=alice");
		assert_denied(.identity = text, .caller = test_user(ALICE), .resource = "*");
	}
}

static void case_117_re_encryption_needs_both_sides(void **state)
{
	struct test_case t = {
		.key = POLICY(KEY_STATEMENT("Allow", AWS(ALICE), "\"kms:ReEncryptFrom\"", "")),
		.caller = test_user(ALICE),
		.action = "kms:ReEncryptFrom",
	};
	char message[512];

	(void)state;
	assert_int_equal(test_verdict(&t), RD_VERDICT_ALLOW);
	t.action = "kms:ReEncryptTo";
	assert_int_equal(
		test_decide(&t, message, sizeof(message)).verdict, RD_VERDICT_IMPLICIT_DENY);
	assert_non_null(strstr(message, "is not authorized to perform: kms:ReEncryptTo on"));
}

static void cases_118_and_125_grants_allow_and_a_deny_is_stronger(void **state)
{
	static const char none[] = POLICY(KEY_STATEMENT("Allow", AWS(BOB), "\"kms:*\"", ""));
	static const char deny[] = POLICY(KEY_STATEMENT("Deny", AWS(ALICE), "\"kms:Decrypt\"", ""));
	struct test_case t = {.key = none, .caller = test_user(ALICE), .granted = true};

	(void)state;
	assert_int_equal(test_decide(&t, NULL, 0).by.layer, RD_LAYER_GRANT);
	assert_int_equal(test_verdict(&t), RD_VERDICT_ALLOW);
	t.granted = false;
	assert_int_equal(test_verdict(&t), RD_VERDICT_IMPLICIT_DENY);
	assert_explicitly_denied(.key = deny, .caller = test_user(ALICE), .granted = true);
	assert_allowed(.key = none, .caller = test_user(MALLORY), .granted = true);
	assert_denied(.key = none, .caller = test_user(MALLORY), .granted = true,
		.same_account_only = true);
}

static void case_126_other_accounts_need_both_policies(void **state)
{
	static const char user[] = POLICY(KEY_STATEMENT("Allow", AWS(MALLORY), "\"kms:*\"", ""));
	static const char account[] = POLICY(KEY_STATEMENT("Allow", AWS(OTHER), "\"kms:*\"", ""));
	struct test_case t = {.key = user, .caller = test_user(MALLORY)};
	char message[512];

	(void)state;
	assert_int_equal(
		test_decide(&t, message, sizeof(message)).verdict, RD_VERDICT_IMPLICIT_DENY);
	assert_non_null(strstr(message, "because no identity-based policy allows"));
	assert_allowed(.key = user, .identity = IAM_ALL, .caller = test_user(MALLORY));
	assert_allowed(.key = account, .identity = IAM_ALL, .caller = test_user(MALLORY));
	assert_allowed(.key = account, .caller = test_user("arn:aws:iam::" OTHER ":root"));
	assert_denied(.key = account, .identity = IAM_ALL, .caller = test_user(MALLORY),
		.same_account_only = true);
	assert_denied(.key = ROOT_ONLY, .identity = IAM_ALL, .caller = test_user(MALLORY));
	assert_denied(.key = POLICY(KEY_STATEMENT("Allow", "\"*\"", "\"kms:*\"", "")),
		.caller = test_user(MALLORY));
}

static void operations_without_a_key_are_the_identity_policies(void **state)
{
	(void)state;
	assert_allowed(.identity = IAM_ALL, .caller = test_user(ALICE), .action = "kms:CreateKey",
		.resource = "*");
	assert_denied(.caller = test_user(ALICE), .action = "kms:CreateKey", .resource = "*");
	assert_denied(.identity = IAM_ALL, .caller = test_user(MALLORY), .action = "kms:CreateKey",
		.resource = "*");
	assert_allowed(.caller = test_user(ROOT), .action = "kms:CreateKey", .resource = "*");
	assert_explicitly_denied(.identity = POLICY(IAM_STATEMENT("Deny", "\"*\"", "")),
		.caller = test_user(ROOT), .action = "kms:CreateKey", .resource = "*");
}

static void boundaries_and_session_policies_are_ceilings(void **state)
{
	static const char decrypt[] = POLICY(IAM_STATEMENT("Allow", "\"kms:Decrypt\"", ""));
	static const char encrypt[] = POLICY(IAM_STATEMENT("Allow", "\"kms:Encrypt\"", ""));
	static const char key[] = POLICY(KEY_STATEMENT("Allow", "\"*\"", "\"kms:*\"", ""));
	struct test_case t = {.key = key, .boundary = encrypt, .caller = test_session()};
	char message[512];

	(void)state;
	assert_int_equal(
		test_decide(&t, message, sizeof(message)).verdict, RD_VERDICT_IMPLICIT_DENY);
	assert_non_null(strstr(message, "because no permissions boundary allows the kms:Decrypt"));
	t.boundary = decrypt;
	assert_int_equal(test_verdict(&t), RD_VERDICT_ALLOW);
	t.session = encrypt;
	assert_int_equal(
		test_decide(&t, message, sizeof(message)).verdict, RD_VERDICT_IMPLICIT_DENY);
	assert_non_null(strstr(message, "because no session policy allows the kms:Decrypt"));
	t.session = decrypt;
	assert_int_equal(test_verdict(&t), RD_VERDICT_ALLOW);
	/* A ceiling gives nothing by itself. */
	assert_denied(.key = ROOT_ONLY, .boundary = decrypt, .session = decrypt,
		.caller = test_session());
	assert_explicitly_denied(.key = key, .boundary = POLICY(IAM_STATEMENT("Deny", "\"*\"", "")),
		.caller = test_session());
	assert_denied(.key = key, .boundary = encrypt, .caller = test_session(), .granted = true);
}

static void conditions_count_for_their_own_statement(void **state)
{
	static const char key[] = POLICY(KEY_STATEMENT("Allow", AWS(ALICE), "\"kms:Decrypt\"",
		",\"Condition\":{\"Bool\":{\"aws:MultiFactorAuthPresent\":\"true\"}}") "," KEY_STATEMENT("Allow",
		AWS(ALICE), "\"kms:De*\"",
		",\"Condition\":{\"IpAddress\":{\"aws:SourceIp\":\"10.0.0.0/8\"}}"));

	(void)state;
	assert_allowed(.key = key, .caller = test_user(ALICE),
		.context = "aws:MultiFactorAuthPresent=true\naws:SourceIp=192.0.2.1");
	assert_allowed(.key = key, .caller = test_user(ALICE),
		.context = "aws:MultiFactorAuthPresent=false\naws:SourceIp=10.0.0.1");
	assert_denied(.key = key, .caller = test_user(ALICE),
		.context = "aws:MultiFactorAuthPresent=false\naws:SourceIp=192.0.2.1");
}

static void aliases_of_the_resource_are_for_identity_policies(void **state)
{
	static const char aliases[] = ",\"Condition\":{\"ForAnyValue:StringEquals\":{"
				      "\"kms:ResourceAliases\":\"alias/a\"}}";
	char text[512];

	(void)state;
	snprintf(text, sizeof(text),
		POLICY(KEY_STATEMENT("Allow", AWS(ALICE), "\"kms:Decrypt\"", "%s")), aliases);
	assert_denied(.key = text, .caller = test_user(ALICE),
		.context = "kms:ResourceAliases=alias/a");
	snprintf(text, sizeof(text), POLICY(IAM_STATEMENT("Allow", "\"kms:Decrypt\"", "%s")),
		aliases);
	assert_allowed(.key = ROOT_ONLY, .identity = text, .caller = test_user(ALICE),
		.context = "kms:ResourceAliases=alias/b\nkms:ResourceAliases=alias/a");
	assert_denied(.key = ROOT_ONLY, .identity = text, .caller = test_user(ALICE),
		.context = "kms:ResourceAliases=alias/b");
}

/* Section 8, case 105: what a new key has. */
static void case_105_the_default_policy_delegates_to_the_account(void **state)
{
	char text[512];
	struct rd_buf out = rd_buf_fixed(text, sizeof(text) - 1);

	(void)state;
	assert_ok(rd_policy_put_default(rd_view_str(ACCOUNT), &out));
	text[out.used] = '\0';
	assert_non_null(strstr(text, "\"Id\" : \"key-default-1\""));
	assert_denied(.key = text, .caller = test_user(ALICE));
	assert_allowed(.key = text, .identity = IAM_ALL, .caller = test_user(ALICE));
	assert_allowed(.key = text, .caller = test_user(ROOT), .action = "kms:PutKeyPolicy");
	assert_denied(.key = text, .identity = IAM_ALL, .caller = test_user(MALLORY));
	out = rd_buf_fixed(text, 100);
	assert_status(rd_policy_put_default(rd_view_str(ACCOUNT), &out), RD_NOSPACE);
}

static enum rd_status lockout(const char *new_policy, const char *identity, struct rd_error *err)
{
	struct rd_policy *key = test_policy(new_policy, RD_POLICY_KEY);
	struct rd_policy *own = test_policy(identity, RD_POLICY_IDENTITY);
	const struct rd_policy *identities[] = {own};
	struct test_context context;
	struct rd_policy_authority a = {.has_resource_policy = true,
		.resource_policy = key,
		.identity = {.v = identities, .n = 1}};
	struct rd_policy_request r = {.caller = test_user(ALICE),
		.action = rd_view_str("kms:CreateKey"),
		.resource = rd_view_str(KEY_ARN),
		.resource_account = rd_view_str(ACCOUNT),
		.context = test_context(&context, "", NULL)};
	enum rd_status st = rd_policy_check_lockout(&a, &r, err);

	rd_policy_free(&key);
	rd_policy_free(&own);
	return st;
}

static void case_107_a_policy_that_locks_its_author_out_is_told(void **state)
{
	static const char other[] = POLICY(IAM_STATEMENT("Allow", "\"kms:Decrypt\"", ""));
	struct rd_error err = {0};

	(void)state;
	assert_status(lockout(POLICY(KEY_STATEMENT("Allow", AWS(ALICE), "\"kms:Decrypt\"", "")),
			      IAM_ALL, &err),
		RD_DENIED);
	assert_string_equal(err.text,
		"The new key policy will not allow you to update the key policy in the future.");
	assert_ok(lockout(
		POLICY(KEY_STATEMENT("Allow", AWS(ALICE), "\"kms:Put*\"", "")), other, NULL));
	assert_ok(lockout(ROOT_ONLY, IAM_ALL, NULL));
	assert_status(lockout(ROOT_ONLY, other, NULL), RD_DENIED);
	assert_status(
		lockout(POLICY(KEY_STATEMENT("Allow", AWS(ALICE), "\"kms:*\"",
				"") "," KEY_STATEMENT("Deny", "\"*\"", "\"kms:PutKeyPolicy\"", "")),
			IAM_ALL, NULL),
		RD_DENIED);
}

/* Trust policies: who may assume a role is decided as who may use a key is. */
static void trust_policies_decide_on_assuming_a_role(void **state)
{
	struct rd_policy *trust = test_policy(
		"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":"
		"[\"" ALICE "\",\"" OTHER "\"]},\"Action\":\"sts:AssumeRole\"}}",
		RD_POLICY_TRUST);
	struct rd_policy *own = test_policy(
		POLICY(IAM_STATEMENT("Allow", "\"sts:*\"", "")), RD_POLICY_IDENTITY);
	const struct rd_policy *identities[] = {own};
	struct test_context context;
	struct rd_policy_authority a = {
		.has_resource_policy = true, .resource_policy = trust, .cross_account = true};
	struct rd_policy_request r = {.caller = test_user(ALICE),
		.action = rd_view_str("sts:AssumeRole"),
		.resource = rd_view_str(ROLE),
		.resource_account = rd_view_str(ACCOUNT),
		.context = test_context(&context, "", NULL)};
	struct rd_policy_decision d = {0};

	(void)state;
	assert_ok(rd_policy_evaluate(&a, &r, NULL, &d));
	assert_int_equal(d.verdict, RD_VERDICT_ALLOW);
	r.caller = test_user(BOB);
	assert_ok(rd_policy_evaluate(&a, &r, NULL, &d));
	assert_int_equal(d.verdict, RD_VERDICT_IMPLICIT_DENY);
	r.caller = test_user(MALLORY);
	assert_ok(rd_policy_evaluate(&a, &r, NULL, &d));
	assert_int_equal(d.verdict, RD_VERDICT_IMPLICIT_DENY);
	a.identity = (struct rd_policy_list){.v = identities, .n = 1};
	assert_ok(rd_policy_evaluate(&a, &r, NULL, &d));
	assert_int_equal(d.verdict, RD_VERDICT_ALLOW);
	rd_policy_free(&trust);
	rd_policy_free(&own);
}

static void a_missing_or_misplaced_policy_is_no_decision(void **state)
{
	struct rd_policy *key = test_policy(ROOT_ONLY, RD_POLICY_KEY);
	struct rd_policy *own = test_policy(IAM_ALL, RD_POLICY_IDENTITY);
	const struct rd_policy *keys[] = {key};
	struct test_context context;
	struct rd_policy_request r = {.caller = test_user(ROOT),
		.action = rd_view_str("kms:Decrypt"),
		.resource = rd_view_str(KEY_ARN),
		.resource_account = rd_view_str(ACCOUNT),
		.context = test_context(&context, "", NULL)};
	struct rd_policy_decision d = {.verdict = RD_VERDICT_EXPLICIT_DENY};

	(void)state;
	assert_status(rd_policy_evaluate(&(struct rd_policy_authority){.has_resource_policy = true},
			      &r, NULL, &d),
		RD_USAGE);
	assert_status(rd_policy_evaluate(
			      &(struct rd_policy_authority){.resource_policy = key}, &r, NULL, &d),
		RD_USAGE);
	assert_status(rd_policy_evaluate(&(struct rd_policy_authority){.has_resource_policy = true,
						 .resource_policy = own},
			      &r, NULL, &d),
		RD_USAGE);
	assert_status(
		rd_policy_evaluate(&(struct rd_policy_authority){.identity = {.v = keys, .n = 1}},
			&r, NULL, &d),
		RD_USAGE);
	assert_int_equal(d.verdict, RD_VERDICT_EXPLICIT_DENY);
	rd_policy_free(&key);
	rd_policy_free(&own);
}

struct lines {
	char text[2048];
	struct rd_buf out;
};

static void write_step(void *ctx, const struct rd_policy_step *step)
{
	struct lines *l = ctx;

	assert_ok(rd_policy_step_text(step, &l->out));
	assert_ok(rd_buf_put_str(&l->out, "\n"));
}

static void a_trace_says_why_each_statement_did_not_match(void **state)
{
	struct rd_policy *key = test_policy(
		POLICY(KEY_STATEMENT("Allow", AWS(ALICE), "\"kms:Encrypt\"", "") "," KEY_STATEMENT(
			"Allow", AWS(BOB), "\"kms:*\"",
			"") ","
			    "{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"kms:*\",\"Resource\":"
			    "\"arn:aws:kms:local-1:" ACCOUNT ":key/other\"},"
			    "{\"Sid\":\"Image\",\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"kms:*\","
			    "\"Resource\":\"*\",\"Condition\":{\"StringEquals\":{\"aws:username\":\"alice\"},"
			    "\"StringEqualsIgnoreCase\":{\"" IMAGE_KEY "\":\"" IMAGE
			    "\"}}}," KEY_STATEMENT("Deny", "\"*\"", "\"kms:*\"",
				    ",\"Condition\":{\"StringEquals\":{\"aws:userid\":\"${a:b}\"}}") "," KEY_STATEMENT("Allow",
				    AWS(ROOT), "\"kms:*\"", "")),
		RD_POLICY_KEY);
	struct test_context context;
	struct lines lines = {0};
	struct rd_policy_tracer tracer = {.step = write_step, .ctx = &lines};
	struct rd_policy_authority a = {.has_resource_policy = true, .resource_policy = key};
	struct rd_policy_request r = {.caller = test_user(ALICE),
		.action = rd_view_str("kms:Decrypt"),
		.resource = rd_view_str(KEY_ARN),
		.resource_account = rd_view_str(ACCOUNT),
		.context = test_context(&context, "aws:username=alice", NULL)};
	struct rd_policy_decision d = {0};

	(void)state;
	lines.out = rd_buf_fixed(lines.text, sizeof(lines.text) - 1);
	assert_ok(rd_policy_evaluate(&a, &r, &tracer, &d));
	assert_string_equal(lines.text,
		"resource-based policy 1 statement 1, Allow: is not for this action\n"
		"resource-based policy 1 statement 2, Allow: is not for this caller\n"
		"resource-based policy 1 statement 3, Allow: is not for this resource\n"
		"resource-based policy 1 statement 4 (Image), Allow: has a condition that does not "
		"hold: StringEqualsIgnoreCase " IMAGE_KEY "\n"
		"resource-based policy 1 statement 5, Deny: has a policy variable without a value in "
		"this request: StringEquals aws:userid\n"
		"resource-based policy 1 statement 6, Allow: matches the caller's account\n");
	assert_int_equal(d.verdict, RD_VERDICT_IMPLICIT_DENY);
	rd_policy_free(&key);
}

#define ATTESTED(op, key, value)                                                                   \
	POLICY(KEY_STATEMENT("Allow", AWS(ROLE), "[\"kms:Decrypt\",\"kms:GenerateDataKey\"]",      \
		",\"Condition\":{\"" op "\":{\"" key "\":\"" value "\"}}"))
#define GUARD                                                                                      \
	POLICY(KEY_STATEMENT("Allow", "\"*\"", "\"kms:*\"", "") "," KEY_STATEMENT("Deny", "\"*\"", \
		"\"kms:Decrypt\"",                                                                 \
		",\"Condition\":{\"StringNotEqualsIgnoreCase\":{\"" IMAGE_KEY "\":[\"" IMAGE       \
		"\",\"" ZEROS "\"]}}"))

/* An enclave's or an instance's registers: PCR0 is the image, PCR3 is zeros, PCR7 something, others
 * absent. */
struct attestation {
	struct rd_attested attested;
	struct rd_policy_context context;
};

static const struct rd_policy_context *attest(
	struct attestation *a, enum rd_attested_source source, const char *image)
{
	struct rd_view registers[RD_ATTESTED_REGISTERS] = {0};
	uint8_t bytes[3][48] = {0};
	struct rd_buf digest = rd_buf_fixed(bytes[0], sizeof(bytes[0]));

	assert_ok(rd_hex_decode(rd_view_str(image), &digest));
	memset(bytes[2], 7, sizeof(bytes[2]));
	registers[0] = rd_view(bytes[0], 48);
	registers[3] = rd_view(bytes[1], 48);
	registers[7] = rd_view(bytes[2], 48);
	assert_ok(rd_attested_init(&a->attested, source, registers));
	a->context = (struct rd_policy_context){.lookup = rd_attested_lookup, .ctx = &a->attested};
	return &a->context;
}

static enum rd_policy_verdict attested_verdict(
	const char *key, enum rd_attested_source source, const char *image)
{
	struct attestation a;

	return test_verdict(&(struct test_case){
		.key = key, .caller = test_session(), .more = attest(&a, source, image)});
}

static void cases_127_134_and_135_the_image_s_measurement_is_compared(void **state)
{
	static const char flipped[] =
		"b1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718"
		"293a4b5c6d7e8f90";
	static const char *const allowed[] = {ATTESTED("StringEquals", IMAGE_KEY, IMAGE),
		ATTESTED("StringEqualsIgnoreCase", IMAGE_KEY, IMAGE_UPPER),
		ATTESTED("StringEqualsIgnoreCase", "KMS:recipientattestation:PCR0", IMAGE),
		ATTESTED("StringLike", IMAGE_KEY, "a1b2*90"),
		ATTESTED("StringEquals", "kms:RecipientAttestation:PCR3", ZEROS),
		ATTESTED("Null", IMAGE_KEY, "false")};
	static const char *const denied[] = {ATTESTED("StringEquals", IMAGE_KEY, IMAGE_UPPER),
		ATTESTED("StringLike", IMAGE_KEY, "A1B2*90"),
		ATTESTED("StringEqualsIgnoreCase", IMAGE_KEY, "0x" IMAGE),
		ATTESTED("StringEqualsIgnoreCase", "kms:RecipientAttestation:PCR1", IMAGE),
		ATTESTED("StringEqualsIgnoreCase", "kms:RecipientAttestation:PCR00", IMAGE),
		ATTESTED("StringLike", "kms:RecipientAttestation:PCR32", "*"),
		ATTESTED("StringLike", "kms:RecipientAttestation", "*"),
		ATTESTED("Null", "kms:RecipientAttestation", "false"),
		ATTESTED("StringLike", "kms:RecipientAttestation:NitroTPMPCR0", "*")};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(allowed); i++) {
		assert_int_equal(
			attested_verdict(allowed[i], RD_ATTESTED_ENCLAVE, IMAGE), RD_VERDICT_ALLOW);
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(denied); i++) {
		assert_int_equal(attested_verdict(denied[i], RD_ATTESTED_ENCLAVE, IMAGE),
			RD_VERDICT_IMPLICIT_DENY);
	}
	assert_int_equal(attested_verdict(allowed[0], RD_ATTESTED_ENCLAVE, flipped),
		RD_VERDICT_IMPLICIT_DENY);
}

static void case_136_without_a_recipient_there_are_no_keys(void **state)
{
	(void)state;
	assert_denied(.key = ATTESTED("StringEqualsIgnoreCase", IMAGE_KEY, IMAGE),
		.caller = test_session());
	assert_denied(.key = ATTESTED("Null", IMAGE_KEY, "false"), .caller = test_session());
	/* The known trap: IfExists holds without attestation. */
	assert_allowed(.key = ATTESTED("StringEqualsIfExists", IMAGE_KEY, IMAGE),
		.caller = test_session());
}

/* That a debug document comes this far is the server's switch; the policy then sees zeros. */
static void case_147_zeros_are_a_value(void **state)
{
	(void)state;
	assert_int_equal(attested_verdict(ATTESTED("StringEquals", IMAGE_KEY, ZEROS),
				 RD_ATTESTED_ENCLAVE, ZEROS),
		RD_VERDICT_ALLOW);
	assert_int_equal(attested_verdict(ATTESTED("StringEquals", IMAGE_KEY, IMAGE),
				 RD_ATTESTED_ENCLAVE, ZEROS),
		RD_VERDICT_IMPLICIT_DENY);
}

/* With the caller's server offering no such keys for Sign, as it must not (case 149). */
static void case_149_an_action_without_recipient_never_satisfies(void **state)
{
	static const char key[] = POLICY(KEY_STATEMENT("Allow", AWS(ROLE), "\"kms:Sign\"",
		",\"Condition\":{\"StringLike\":{\"" IMAGE_KEY "\":\"*\"}}"));

	(void)state;
	assert_denied(.key = key, .caller = test_session(), .action = "kms:Sign");
}

static void case_150_a_deny_without_attestation_binds_grantees_too(void **state)
{
	struct attestation a;

	(void)state;
	assert_explicitly_denied(.key = GUARD, .caller = test_session(), .granted = true);
	assert_explicitly_denied(.key = GUARD, .caller = test_user(ALICE), .identity = IAM_ALL);
	assert_allowed(.key = GUARD, .caller = test_session(),
		.more = attest(&a, RD_ATTESTED_ENCLAVE, IMAGE));
	assert_allowed(.key = GUARD, .caller = test_session(), .action = "kms:Encrypt");
}

static void case_151_enclave_and_nitrotpm_keys_exclude_each_other(void **state)
{
	static const char tpm[] = ATTESTED(
		"StringEqualsIgnoreCase", "kms:RecipientAttestation:NitroTPMPCR0", IMAGE);

	(void)state;
	assert_int_equal(
		attested_verdict(ATTESTED("StringLike", "kms:RecipientAttestation:PCR0", "*"),
			RD_ATTESTED_NITROTPM, IMAGE),
		RD_VERDICT_IMPLICIT_DENY);
	assert_int_equal(attested_verdict(ATTESTED("StringLike", IMAGE_KEY, "*"),
				 RD_ATTESTED_NITROTPM, IMAGE),
		RD_VERDICT_IMPLICIT_DENY);
	assert_int_equal(attested_verdict(tpm, RD_ATTESTED_NITROTPM, IMAGE), RD_VERDICT_ALLOW);
	assert_int_equal(
		attested_verdict(tpm, RD_ATTESTED_ENCLAVE, IMAGE), RD_VERDICT_IMPLICIT_DENY);
}

static void case_152_generate_random_is_bound_by_identity_policies(void **state)
{
	static const char identity[] = POLICY(IAM_STATEMENT("Allow", "\"kms:GenerateRandom\"",
		",\"Condition\":{\"StringEqualsIgnoreCase\":{\"" IMAGE_KEY "\":\"" IMAGE "\"}}"));
	struct attestation a;

	(void)state;
	assert_allowed(.identity = identity, .caller = test_session(), .resource = "*",
		.action = "kms:GenerateRandom", .more = attest(&a, RD_ATTESTED_ENCLAVE, IMAGE));
	assert_denied(.identity = identity, .caller = test_session(), .resource = "*",
		.action = "kms:GenerateRandom");
}

static void registers_of_no_digest_s_length_are_refused(void **state)
{
	static const uint8_t bytes[65] = {0};
	struct rd_view registers[RD_ATTESTED_REGISTERS] = {0};
	struct rd_attested a;

	(void)state;
	registers[31] = rd_view(bytes, 65);
	assert_status(rd_attested_init(&a, RD_ATTESTED_ENCLAVE, registers), RD_OUT_OF_RANGE);
	registers[31] = rd_view(bytes, 0);
	assert_status(rd_attested_init(&a, RD_ATTESTED_ENCLAVE, registers), RD_OUT_OF_RANGE);
	registers[31] = rd_view(bytes, 64);
	assert_ok(rd_attested_init(&a, RD_ATTESTED_ENCLAVE, registers));
}

/* 15 strings of 2 KB, each a quadratic match against 8 KB: refused when the steps are over, and in
 * time. */
static void a_policy_full_of_wildcards_ends_in_a_refusal(void **state)
{
	char *text = calloc(1, RD_POLICY_SIZE_MAX + 1);
	char *value = calloc(1, 8193);
	struct rd_buf b = rd_buf_fixed(text, RD_POLICY_SIZE_MAX);
	struct rd_policy *key = NULL;
	struct rd_policy_entry entry;
	struct rd_view values[1];
	struct rd_policy_table table = {.entries = &entry, .n = 1};
	struct rd_policy_authority a = {.has_resource_policy = true};
	struct rd_policy_request r = {.caller = test_user(ALICE),
		.action = rd_view_str("kms:Decrypt"),
		.resource = rd_view_str(KEY_ARN),
		.resource_account = rd_view_str(ACCOUNT),
		.context = {.lookup = rd_policy_table_lookup, .ctx = &table}};
	struct rd_policy_decision d = {.verdict = RD_VERDICT_EXPLICIT_DENY};
	struct timespec before;
	struct timespec after;

	(void)state;
	assert_true(text != NULL && value != NULL);
	memset(value, 'a', 8192);
	values[0] = rd_view(value, 8192);
	entry = (struct rd_policy_entry){.key = rd_view_str("k"), .values = {.v = values, .n = 1}};
	assert_ok(rd_buf_put_str(&b,
		"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":"
		"\"*\",\"Resource\":\"*\",\"Condition\":{\"StringLike\":{\"k\":["));
	for (size_t i = 0; i < 15; i++) {
		assert_ok(rd_buf_put_str(&b, i == 0 ? "\"*" : ",\"*"));
		for (size_t k = 0; k < 1000; k++) {
			assert_ok(rd_buf_put_str(&b, "a?"));
		}
		assert_ok(rd_buf_put_str(&b, "b\""));
	}
	assert_ok(rd_buf_put_str(&b, "]}}}}"));
	key = test_policy(text, RD_POLICY_KEY);
	a.resource_policy = key;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	assert_status(rd_policy_evaluate(&a, &r, NULL, &d), RD_LIMIT);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	assert_true(after.tv_sec - before.tv_sec < 2);
	assert_int_equal(d.verdict, RD_VERDICT_EXPLICIT_DENY);
	rd_policy_free(&key);
	free(text);
	free(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case_105_the_default_policy_delegates_to_the_account),
		cmocka_unit_test(aliases_of_the_resource_are_for_identity_policies),
		cmocka_unit_test(case_107_a_policy_that_locks_its_author_out_is_told),
		cmocka_unit_test(case_109_root_delegation_needs_an_identity_policy),
		cmocka_unit_test(without_delegation_identity_policies_give_nothing),
		cmocka_unit_test(the_root_user_is_matched_directly),
		cmocka_unit_test(case_110_a_direct_principal_needs_no_identity_policy),
		cmocka_unit_test(case_111_an_explicit_deny_wins),
		cmocka_unit_test(a_deny_of_the_account_is_for_everyone_in_it),
		cmocka_unit_test(case_115_actions_ignore_case),
		cmocka_unit_test(case_116_roles_match_any_session_and_sessions_only_themselves),
		cmocka_unit_test(foreign_principals_match_nobody),
		cmocka_unit_test(a_service_is_matched_by_its_name_alone),
		cmocka_unit_test(not_principal_is_read_against_the_author),
		cmocka_unit_test(not_action_and_not_resource_are_the_others),
		cmocka_unit_test(resources_are_compared_with_case_and_wildcards),
		cmocka_unit_test(a_resource_without_its_variable_is_no_match),
		cmocka_unit_test(case_117_re_encryption_needs_both_sides),
		cmocka_unit_test(cases_118_and_125_grants_allow_and_a_deny_is_stronger),
		cmocka_unit_test(case_126_other_accounts_need_both_policies),
		cmocka_unit_test(operations_without_a_key_are_the_identity_policies),
		cmocka_unit_test(boundaries_and_session_policies_are_ceilings),
		cmocka_unit_test(conditions_count_for_their_own_statement),
		cmocka_unit_test(trust_policies_decide_on_assuming_a_role),
		cmocka_unit_test(a_missing_or_misplaced_policy_is_no_decision),
		cmocka_unit_test(a_trace_says_why_each_statement_did_not_match),
		cmocka_unit_test(cases_127_134_and_135_the_image_s_measurement_is_compared),
		cmocka_unit_test(case_136_without_a_recipient_there_are_no_keys),
		cmocka_unit_test(case_147_zeros_are_a_value),
		cmocka_unit_test(case_149_an_action_without_recipient_never_satisfies),
		cmocka_unit_test(case_150_a_deny_without_attestation_binds_grantees_too),
		cmocka_unit_test(case_151_enclave_and_nitrotpm_keys_exclude_each_other),
		cmocka_unit_test(case_152_generate_random_is_bound_by_identity_policies),
		cmocka_unit_test(registers_of_no_digest_s_length_are_refused),
		cmocka_unit_test(a_policy_full_of_wildcards_ends_in_a_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
