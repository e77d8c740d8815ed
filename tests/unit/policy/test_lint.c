/* SPDX-License-Identifier: Apache-2.0 */
/* What the linter says, and of which policies it says nothing. */
#include "policy_support.h"

#include "policy/lint.h"

struct said {
	char text[2048];
	struct rd_buf out;
};

static void write_finding(void *ctx, const struct rd_lint_finding *f)
{
	struct said *s = ctx;

	assert_true(strlen(f->sentence) > 0 && strlen(f->remedy) > 0);
	assert_null(strchr(f->sentence, '\n'));
	if (f->statement == RD_LINT_WHOLE) {
		assert_ok(rd_buf_printf(&s->out, "%s ", f->id));
	} else {
		assert_ok(rd_buf_printf(&s->out, "%s@%zu ", f->id, f->statement + 1));
	}
}

/* "id@statement " of each finding, in order. */
static void assert_findings(const char *policy, enum rd_policy_kind kind, const char *want)
{
	struct rd_policy *p = test_policy(policy, kind);
	struct said said = {0};

	said.out = rd_buf_fixed(said.text, sizeof(said.text) - 1);
	assert_ok(rd_policy_lint(
		p, &(struct rd_lint_report){.finding = write_finding, .ctx = &said}));
	if (strcmp(said.text, want) != 0) {
		fail_msg("%s: got \"%s\", want \"%s\"", policy, said.text, want);
	}
	rd_policy_free(&p);
}

static void assert_key_findings(const char *policy, const char *want)
{
	assert_findings(policy, RD_POLICY_KEY, want);
}

#define USE_WITH(condition)                                                                        \
	KEY_STATEMENT("Allow", AWS(ROLE), "[\"kms:Decrypt\",\"kms:GenerateDataKey\"]",             \
		",\"Condition\":{" condition "}")
#define IS_IMAGE "\"StringEqualsIgnoreCase\":{\"" IMAGE_KEY "\":\"" IMAGE "\"}"
#define USE      USE_WITH(IS_IMAGE)
#define DENY_UNATTESTED                                                                            \
	KEY_STATEMENT("Deny", "\"*\"",                                                             \
		"[\"kms:Decrypt\",\"kms:GenerateDataKey\",\"kms:GenerateDataKeyPair\","            \
		"\"kms:DeriveSharedSecret\"]",                                                     \
		",\"Condition\":{\"StringNotEqualsIgnoreCase\":{\"" IMAGE_KEY "\":\"" IMAGE        \
		"\"}}")
#define NO_SIDE_DOORS                                                                              \
	KEY_STATEMENT("Deny", "\"*\"", "[\"kms:ReEncryptFrom\",\"kms:CreateGrant\"]", "")
#define ALLOW(principal, action) KEY_STATEMENT("Allow", principal, "\"" action "\"", "")
#define REGISTERS(op, n, value)  "\"" op "\":{\"kms:RecipientAttestation:" n "\":\"" value "\"}"

/* The policy that the specification recommends: only the trust anchor remains to be told of. */
static void the_recommended_policy_has_one_finding(void **state)
{
	(void)state;
	assert_key_findings(POLICY(USE "," ALLOW(AWS(ALICE),
				    "kms:Encrypt") "," DENY_UNATTESTED "," NO_SIDE_DOORS
						   "," ALLOW(AWS(BOB), "kms:PutKeyPolicy")),
		"put-key-policy@5 ");
	assert_key_findings(POLICY(USE "," DENY_UNATTESTED "," NO_SIDE_DOORS), "");
	assert_key_findings(POLICY(USE), "");
	assert_key_findings(POLICY(KEY_STATEMENT("Allow", AWS(ROOT), "\"kms:*\"", "")), "");
}

static void side_doors_are_found_unless_a_deny_closes_them(void **state)
{
	(void)state;
	assert_key_findings(
		POLICY(USE "," ALLOW(AWS(ALICE), "kms:ReEncrypt*")), "reencrypt-from@2 ");
	assert_key_findings(POLICY(USE "," ALLOW(AWS(ALICE), "kms:ReEncryptTo")), "");
	assert_key_findings(
		POLICY(USE "," ALLOW(AWS(ALICE), "kms:ReEncrypt*") "," NO_SIDE_DOORS), "");
	assert_key_findings(
		POLICY(USE "," ALLOW(AWS(ALICE), "kms:CreateGrant")), "create-grant@2 ");
	assert_key_findings(
		POLICY(USE "," ALLOW(AWS(ALICE), "kms:CreateGrant") "," DENY_UNATTESTED), "");
	assert_key_findings(POLICY(USE "," ALLOW(AWS(ALICE), "kms:Put*")), "put-key-policy@2 ");
	assert_key_findings(
		POLICY(USE "," ALLOW(AWS(ALICE), "kms:Decrypt")), "unattested-plaintext@2 ");
	assert_key_findings(POLICY(USE "," ALLOW(AWS(ALICE), "kms:DeriveSharedSecret")),
		"unattested-plaintext@2 ");
	assert_key_findings(
		POLICY(USE "," ALLOW(AWS(ALICE), "kms:Decrypt") "," DENY_UNATTESTED), "");
}

static void root_delegation_is_found_unless_a_deny_closes_it(void **state)
{
	(void)state;
	assert_key_findings(POLICY(ALLOW(AWS(ROOT), "kms:*") "," USE),
		"root-delegation@1 reencrypt-from@1 create-grant@1 put-key-policy@1 ");
	assert_key_findings(
		POLICY(ALLOW(AWS(ROOT), "kms:*") "," USE "," DENY_UNATTESTED "," NO_SIDE_DOORS),
		"put-key-policy@1 ");
	/* A Deny for one principal, or under a further condition, closes nothing. */
	assert_key_findings(POLICY(USE "," ALLOW(AWS(ALICE), "kms:CreateGrant") "," KEY_STATEMENT(
				    "Deny", AWS(BOB), "\"kms:CreateGrant\"", "")),
		"create-grant@2 ");
	assert_key_findings(
		POLICY(USE "," ALLOW(AWS(ALICE), "kms:CreateGrant") "," KEY_STATEMENT("Deny",
			"\"*\"", "\"kms:CreateGrant\"",
			",\"Condition\":{\"Bool\":{\"aws:SecureTransport\":\"false\"}}")),
		"create-grant@2 ");
	assert_key_findings(
		POLICY(USE "," ALLOW(AWS(ALICE), "kms:Decrypt") "," KEY_STATEMENT("Deny", "\"*\"",
			"\"kms:*\"", ",\"Condition\":{\"Null\":{\"" IMAGE_KEY "\":\"true\"}}")),
		"");
}

/* The second condition may fail when the first would have caught the request. */
static void a_deny_with_two_conditions_closes_nothing(void **state)
{
	(void)state;
	assert_key_findings(POLICY(USE "," ALLOW(AWS(ALICE), "kms:Decrypt") "," KEY_STATEMENT(
				    "Deny", "\"*\"", "\"kms:*\"",
				    ",\"Condition\":{\"Null\":{\"" IMAGE_KEY
				    "\":\"true\"},\"Bool\":{\"aws:SecureTransport\":\"false\"}}")),
		"unattested-plaintext@2 ");
}

static void measurements_must_be_spelt_as_they_are_compared(void **state)
{
	(void)state;
	assert_key_findings(
		POLICY(USE_WITH(REGISTERS("StringEquals", "PCR0", "0x" IMAGE))), "hex-prefix@1 ");
	assert_key_findings(
		POLICY(USE_WITH(REGISTERS("StringEquals", "PCR0", IMAGE_UPPER))), "hex-case@1 ");
	assert_key_findings(
		POLICY(USE_WITH(REGISTERS("StringEqualsIgnoreCase", "PCR0", IMAGE_UPPER))), "");
	assert_key_findings(
		POLICY(USE_WITH(REGISTERS("StringEquals", "PCR0", "a1b2"))), "hex-length@1 ");
	assert_key_findings(
		POLICY(USE_WITH(REGISTERS("StringEquals", "PCR0", "image"))), "hex-digits@1 ");
	assert_key_findings(
		POLICY(USE_WITH(REGISTERS("StringLike", "PCR0", "a1*"))), "hex-wildcard@1 ");
	assert_key_findings(
		POLICY(USE_WITH(REGISTERS("StringEquals", "PCR0", ZEROS))), "zero-pcr@1 ");
	assert_key_findings(
		POLICY(USE_WITH(REGISTERS("StringEquals", "ImageSha384", ZEROS))), "zero-pcr@1 ");
	assert_key_findings(
		POLICY(USE_WITH(IS_IMAGE "," REGISTERS("StringEquals", "PCR3", ZEROS))), "");
	assert_key_findings(POLICY(USE_WITH(IS_IMAGE "," REGISTERS("ArnEquals", "PCR0", IMAGE))),
		"attested-operator@1 ");
}

static void registers_that_do_not_measure_the_image_are_not_enough(void **state)
{
	(void)state;
	assert_key_findings(
		POLICY(USE_WITH(REGISTERS("StringEquals", "PCR4", IMAGE))), "lone-pcr4@1 ");
	assert_key_findings(
		POLICY(USE_WITH(REGISTERS("StringEquals", "PCR8", IMAGE))), "lone-pcr8@1 ");
	assert_key_findings(
		POLICY(USE_WITH(REGISTERS("StringEquals", "PCR3", IMAGE))), "lone-pcr@1 ");
	assert_key_findings(
		POLICY(USE_WITH(REGISTERS("StringEquals", "PCR1", IMAGE))), "lone-pcr@1 ");
	assert_key_findings(POLICY(USE_WITH(REGISTERS("StringEquals", "PCR1", IMAGE) "," REGISTERS(
				    "StringLike", "PCR2", IMAGE))),
		"");
	assert_key_findings(
		POLICY(USE_WITH(IS_IMAGE "," REGISTERS("StringEquals", "PCR4", IMAGE))), "");
	assert_key_findings(POLICY(USE_WITH(REGISTERS("StringEquals", "NitroTPMPCR4", IMAGE))),
		"nitrotpm-registers@1 ");
	assert_key_findings(POLICY(USE_WITH(REGISTERS("StringEquals", "NitroTPMPCR7",
				    IMAGE) "," REGISTERS("StringLike", "NitroTPMPCR12", ZEROS))),
		"");
}

static void operators_that_hold_without_attestation_are_found(void **state)
{
	(void)state;
	assert_key_findings(POLICY(USE_WITH(REGISTERS("StringEqualsIfExists", "PCR0", IMAGE))),
		"attested-optional@1 ");
	assert_key_findings(POLICY(USE_WITH(REGISTERS("ForAllValues:StringEquals", "PCR0", IMAGE))),
		"attested-optional@1 ");
	assert_key_findings(POLICY(USE_WITH(REGISTERS("StringNotEquals", "PCR0", IMAGE))),
		"attested-optional@1 ");
	assert_key_findings(
		POLICY(USE_WITH(IS_IMAGE) "," KEY_STATEMENT("Deny", "\"*\"", "\"kms:Decrypt\"",
			",\"Condition\":{" REGISTERS(
				"ForAnyValue:StringNotEquals", "PCR0", IMAGE) "}")),
		"deny-misses-unattested@2 ");
	assert_key_findings(
		POLICY(KEY_STATEMENT("Allow", AWS(ROLE), "[\"kms:Sign\",\"kms:Decrypt\"]",
			",\"Condition\":{" IS_IMAGE "}")),
		"attested-action@1 ");
	assert_findings(POLICY(IAM_STATEMENT("Allow", "\"kms:GenerateRandom\"",
				",\"Condition\":{" IS_IMAGE "}")),
		RD_POLICY_IDENTITY, "");
}

#define ANY_CONDITION(text)                                                                        \
	POLICY(KEY_STATEMENT("Allow", AWS(ALICE), "\"kms:Decrypt\"", ",\"Condition\":{" text "}"))

static void names_that_do_not_exist_are_found(void **state)
{
	(void)state;
	assert_key_findings(POLICY(ALLOW(AWS(ALICE), "kms:ReEncrypt")), "unknown-action@1 ");
	assert_key_findings(POLICY(ALLOW(AWS(ALICE), "kms:X*")), "unknown-action@1 ");
	assert_key_findings(POLICY(ALLOW(AWS(ALICE), "s3:GetObject")), "foreign-action@1 ");
	assert_findings(POLICY(IAM_STATEMENT("Allow", "[\"s3:GetObject\",\"kms:Decryp\"]", "")),
		RD_POLICY_IDENTITY, "unknown-action@1 ");
	assert_key_findings(POLICY(ALLOW(AWS(ALICE), "kms:GenerateRandom")), "no-effect-action@1 ");
	assert_key_findings(ANY_CONDITION("\"StringEquals\":{\"kms:EncryptionContex:a\":\"x\"}"),
		"unknown-condition-key@1 ");
	assert_key_findings(ANY_CONDITION("\"Null\":{\"kms:RecipientAttestation\":\"false\"}"),
		"unknown-condition-key@1 ");
	assert_key_findings(
		ANY_CONDITION("\"StringEquals\":{\"kms:RecipientAttestation:PCR32\":\"x\"}"),
		"unknown-condition-key@1 ");
	assert_key_findings(
		ANY_CONDITION("\"StringEquals\":{\"KMS:encryptioncontext:a\":\"x\"}"), "");
	assert_key_findings(ANY_CONDITION("\"Bool\":{\"redoubt:RequestBound\":\"true\"}"), "");
	assert_key_findings(ANY_CONDITION("\"Bool\":{\"redoubt:RequestBond\":\"true\"}"),
		"unknown-condition-key@1 ");
	assert_key_findings(ANY_CONDITION("\"StringEquals\":{\"kms:ViaService\":\"x\"}"),
		"never-present-key@1 ");
	assert_findings(POLICY(IAM_STATEMENT("Allow", "\"*\"",
				",\"Condition\":{\"StringEquals\":{\"s3:prefix\":\"x\"}}")),
		RD_POLICY_IDENTITY, "");
	assert_key_findings(POLICY(ALLOW("{\"Service\":\"ec2.amazonaws.com\"}", "kms:Decrypt")),
		"foreign-principal@1 ");
}

#define TRUST(principal)                                                                           \
	POLICY("{\"Effect\":\"Allow\",\"Principal\":" principal ",\"Action\":\"sts:AssumeRole\"}")

static void actions_and_keys_of_ec2_are_known(void **state)
{
	(void)state;
	assert_findings(POLICY(IAM_STATEMENT("Allow", "[\"ec2:RunInstances\",\"ec2:Describe*\"]",
				",\"Condition\":{\"Bool\":{\"redoubt:EnclaveOptionsEnabled\":true},"
				"\"StringEquals\":{\"ec2:InstanceType\":\"m5.large\","
				"\"ec2:ResourceTag/team\":\"a\"}}")),
		RD_POLICY_IDENTITY, "");
	assert_findings(POLICY(IAM_STATEMENT("Allow", "\"ec2:RunInstance\"", "")),
		RD_POLICY_IDENTITY, "unknown-action@1 ");
	assert_findings(POLICY(IAM_STATEMENT("Allow", "\"ec2:RunInstances\"",
				",\"Condition\":{\"StringEquals\":{\"ec2:InstanceTyp\":\"x\"}}")),
		RD_POLICY_IDENTITY, "unknown-condition-key@1 ");
	assert_findings(POLICY(IAM_STATEMENT("Allow", "\"ec2:RunInstances\"",
				",\"Condition\":{\"Bool\":{\"redoubt:EnclaveOptions\":true}}")),
		RD_POLICY_IDENTITY, "unknown-condition-key@1 ");
	assert_key_findings(POLICY(ALLOW(AWS(ALICE), "ec2:RunInstances")), "foreign-action@1 ");
	assert_findings(TRUST("{\"Service\":\"ec2.amazonaws.com\"}"), RD_POLICY_TRUST, "");
	assert_findings(TRUST("{\"Service\":\"lambda.amazonaws.com\"}"), RD_POLICY_TRUST,
		"foreign-principal@1 ");
}

static void conditions_that_say_less_than_they_seem_to_are_found(void **state)
{
	(void)state;
	assert_key_findings(ANY_CONDITION("\"StringEquals\":{\"kms:EncryptionContextKeys\":\"x\"}"),
		"multi-valued-key@1 ");
	assert_key_findings(ANY_CONDITION("\"ForAllValues:StringEquals\":{\"aws:TagKeys\":\"x\"}"),
		"for-all-values@1 ");
	assert_key_findings(ANY_CONDITION("\"ForAllValues:StringEquals\":{\"aws:TagKeys\":\"x\"},"
					  "\"Null\":{\"AWS:tagkeys\":\"false\"}"),
		"");
	assert_key_findings(
		ANY_CONDITION("\"ArnLike\":{\"aws:PrincipalArn\":\"arn:aws:*\"}"), "arn-parts@1 ");
	assert_key_findings(ANY_CONDITION("\"ArnLike\":{\"aws:PrincipalArn\":\"" ROLE "\"}"), "");
	assert_key_findings(
		"{\"Statement\":" KEY_STATEMENT("Allow", AWS(ALICE), "\"kms:Decrypt\"",
			",\"Condition\":{\"StringEquals\":{\"aws:userid\":\"${aws:username}\"}}") "}",
		"plain-variable@1 ");
	assert_key_findings(
		POLICY(KEY_STATEMENT("Deny", "\"*\"", "\"kms:Decrypt\"",
			",\"Condition\":{\"StringEquals\":{\"aws:userid\":\"${aws:username}\"}}")),
		"deny-variable@1 ");
	assert_key_findings(
		POLICY(KEY_STATEMENT("Deny", "\"*\"", "\"kms:Decrypt\"",
			",\"Condition\":{\"StringEquals\":{\"aws:userid\":\"${aws:username, 'x'}\"}}")),
		"");
}

static void keys_of_identity_policies_are_found_in_key_policies(void **state)
{
	static const char aliases[] = ",\"Condition\":{\"ForAnyValue:StringEquals\":{"
				      "\"kms:ResourceAliases\":\"alias/a\"}}";
	char text[512];

	(void)state;
	snprintf(text, sizeof(text),
		POLICY(KEY_STATEMENT("Allow", AWS(ALICE), "\"kms:Decrypt\"", "%s")), aliases);
	assert_key_findings(text, "identity-only-key@1 ");
	snprintf(text, sizeof(text), POLICY(IAM_STATEMENT("Allow", "\"kms:Decrypt\"", "%s")),
		aliases);
	assert_findings(text, RD_POLICY_IDENTITY, "");
}

static void inverted_elements_are_found(void **state)
{
	(void)state;
	assert_key_findings(POLICY("{\"Effect\":\"Allow\",\"NotPrincipal\":{\"AWS\":\"" ALICE
				   "\"},\"NotAction\":\"kms:Decrypt\",\"NotResource\":\"*\"}"),
		"allow-not-principal@1 allow-not-action@1 allow-not-resource@1 ");
	assert_key_findings(POLICY("{\"Effect\":\"Deny\",\"NotPrincipal\":{\"AWS\":\"" ALICE
				   "\"},\"NotAction\":\"kms:Decrypt\",\"NotResource\":\"*\"}"),
		"deny-not-principal@1 ");
	assert_key_findings(POLICY(ALLOW("\"*\"", "kms:Decrypt")), "allow-anyone@1 ");
	assert_key_findings(
		POLICY(KEY_STATEMENT("Allow", "{\"AWS\":[\"" ALICE "\",\"*\"]}", "\"kms:Decrypt\"",
			",\"Condition\":{\"StringEquals\":{\"aws:username\":\"x\"}}")),
		"");
	assert_key_findings(POLICY("{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"" ALICE
				   "\"},\"Action\":\"kms:Decrypt\",\"Resource\":\"" KEY_ARN "\"}"),
		"other-resource@1 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_recommended_policy_has_one_finding),
		cmocka_unit_test(side_doors_are_found_unless_a_deny_closes_them),
		cmocka_unit_test(root_delegation_is_found_unless_a_deny_closes_it),
		cmocka_unit_test(a_deny_with_two_conditions_closes_nothing),
		cmocka_unit_test(measurements_must_be_spelt_as_they_are_compared),
		cmocka_unit_test(registers_that_do_not_measure_the_image_are_not_enough),
		cmocka_unit_test(operators_that_hold_without_attestation_are_found),
		cmocka_unit_test(names_that_do_not_exist_are_found),
		cmocka_unit_test(actions_and_keys_of_ec2_are_known),
		cmocka_unit_test(conditions_that_say_less_than_they_seem_to_are_found),
		cmocka_unit_test(keys_of_identity_policies_are_found_in_key_policies),
		cmocka_unit_test(inverted_elements_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
