/* SPDX-License-Identifier: Apache-2.0 */
/* Authorisation: every condition key (kms.md 3.7, 4.7), grants, accounts, and what is said of a
 * decision. Cases 109 to 119, 124, 125, 134 to 136, 149, 150, 152 of the reference. */
#include "world.h"

#include "kms/grant_token.h"
#include "kms/target.h"
#include "policy/grant.h"

#define KEY_ID  "1234abcd-12ab-34cd-56ef-1234567890ab"
#define KEY_ARN "arn:aws:kms:" REGION ":" ACCOUNT ":key/" KEY_ID
#define IMAGE                                                                                      \
	"a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c" \
	"6d7e8f90"
#define IMAGE_UPPER                                                                                \
	"A1B2C3D4E5F60718293A4B5C6D7E8F90A1B2C3D4E5F60718293A4B5C6D7E8F90A1B2C3D4E5F60718293A4B5C" \
	"6D7E8F90"
#define STATEMENTS(list) "{\"Version\":\"2012-10-17\",\"Statement\":[" list "]}"
#define KEY(effect, principal, action, more)                                                       \
	"{\"Effect\":\"" effect "\",\"Principal\":" principal ",\"Action\":\"" action              \
	"\",\"Resource\":\"*\"" more "}"
#define OWN(effect, action, more)                                                                  \
	"{\"Effect\":\"" effect "\",\"Action\":\"" action "\",\"Resource\":\"*\"" more "}"
#define DELEGATED          STATEMENTS(KEY("Allow", "{\"AWS\":\"" ACCOUNT "\"}", "kms:*", ""))
#define NOBODY             STATEMENTS(KEY("Allow", "{\"AWS\":\"" OTHER "\"}", "kms:ListGrants", ""))
#define IF(op, key, value) ",\"Condition\":{\"" op "\":{\"" key "\":" value "}}"

struct case_world {
	struct world *w;
	struct kms_principal alice;
	struct kms_cached_key key;
	struct kms_call call;
	struct kms_question question;
};

static int setup(void **state)
{
	struct case_world *c = calloc(1, sizeof(*c));
	void *w;

	assert_non_null(c);
	assert_int_equal(world_setup(&w), 0);
	c->w = w;
	c->key.record = test_key(1);
	strcpy(c->key.record.id, KEY_ID);
	c->key.record.spec = KMS_SPEC_SYMMETRIC_DEFAULT;
	c->key.record.usage = KMS_ENCRYPT_DECRYPT;
	c->key.record.origin = KMS_ORIGIN_AWS_KMS;
	in_transaction(c->w->db, kms_store_key_add(c->w->db, &c->key.record));
	strcpy(c->key.arn, KEY_ARN);
	c->question = (struct kms_question){
		.action = "kms:Decrypt", .key = &c->key, .grants_apply = true};
	*state = c;
	return 0;
}

static void drop_policy(struct case_world *c)
{
	rd_policy_free(&c->key.policy);
}

static int teardown(void **state)
{
	struct case_world *c = *state;
	void *w = c->w;

	drop_policy(c);
	json_decref(c->question.context);
	json_decref(c->question.grant_tokens);
	call_end(&c->call);
	free(c);
	return world_teardown(&w);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void set_key_policy(struct case_world *c, const char *text)
{
	struct rd_error err = {.text = ""};

	drop_policy(c);
	if (rd_policy_new(rd_view_str(text), RD_POLICY_KEY, &c->key.policy, &err) != RD_OK) {
		fail_msg("%s: %s", text, err.text);
	}
}

static void be_alice(struct case_world *c, const char *policy)
{
	if (c->alice.uid[0] == '\0') {
		c->alice = add_principal(c->w, KMS_USER, "alice", policy);
	}
	call_as(c->w, &c->call, &c->alice, NULL);
}

static void set_context(struct case_world *c, const char *json)
{
	json_decref(c->question.context);
	c->question.context = json_loads(json, 0, NULL);
	assert_non_null(c->question.context);
}

static enum rd_status ask(struct case_world *c)
{
	enum rd_status st;

	memset(&c->call.decision, 0, sizeof(c->call.decision));
	memset(&c->call.fault, 0, sizeof(c->call.fault));
	st = kms_authorize(&c->call, &c->question);
	assert_true(c->call.decision.made);
	assert_int_equal(c->call.decision.allowed, st == RD_OK);
	assert_int_equal(c->call.fault.type == KMS_FAULT_NONE, st == RD_OK);
	return st;
}

static void denied(struct case_world *c, const char *message)
{
	assert_status(ask(c), RD_DENIED);
	assert_int_equal(c->call.fault.type, KMS_FAULT_ACCESS_DENIED);
	assert_string_equal(c->call.fault.message, message);
}

#define ALICE_MAY_NOT                                                                              \
	"User: arn:aws:iam::" ACCOUNT ":user/alice is not authorized to perform: kms:Decrypt on "  \
	"resource: " KEY_ARN " "

/* Cases 109, 110 and 111. */
static void decides_by_key_and_identity_policies(void **state)
{
	struct case_world *c = *state;

	be_alice(c, NULL);
	set_key_policy(c, DELEGATED);
	denied(c, ALICE_MAY_NOT "because no identity-based policy allows the kms:Decrypt action");
	assert_string_equal(c->call.decision.by, "no identity-based policy allows it");
	assert_string_equal(c->call.decision.action, "kms:Decrypt");
	assert_string_equal(c->call.decision.resource, KEY_ARN);
	set_key_policy(
		c, STATEMENTS(KEY("Allow", "{\"AWS\":\"arn:aws:iam::" ACCOUNT ":user/alice\"}",
			   "kms:Decrypt", "")));
	assert_ok(ask(c));
	assert_string_equal(c->call.decision.by, "resource-based policy 1 statement 1");
	set_key_policy(c, STATEMENTS(KEY("Allow", "\"*\"", "kms:*", "") "," KEY(
				  "Deny", "\"*\"", "kms:Decrypt", "")));
	denied(c, ALICE_MAY_NOT "with an explicit deny in a resource-based policy");
	assert_string_equal(c->call.decision.by, "resource-based policy 1 statement 2");
	set_key_policy(c, NOBODY);
	denied(c, ALICE_MAY_NOT "because no resource-based policy allows the kms:Decrypt action");
}

static void says_which_identity_policy_decided(void **state)
{
	struct case_world *c = *state;

	be_alice(c, STATEMENTS(OWN("Allow", "kms:decrypt", "")));
	set_key_policy(c, DELEGATED);
	assert_ok(ask(c));
	assert_string_equal(c->call.decision.by,
		"identity-based policy 1 statement 1 of inline, by resource-based policy 1 "
		"statement 1");
}

static void decides_without_a_key_by_identity_policies(void **state)
{
	struct case_world *c = *state;

	be_alice(c, STATEMENTS(OWN("Allow", "kms:CreateKey", "")));
	c->question = (struct kms_question){.action = "kms:CreateKey", .resource = "*"};
	assert_ok(ask(c));
	c->question.action = "kms:ListKeys";
	assert_status(ask(c), RD_DENIED);
}

/* A policy that allows on one condition, alone. */
static bool allows_if(struct case_world *c, const char *op, const char *key, const char *value)
{
	char text[2048];

	snprintf(text, sizeof(text),
		"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":"
		"\"*\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\"%s\":{\"%s\":%s}}}]}",
		op, key, value);
	set_key_policy(c, text);
	return ask(c) == RD_OK;
}

static void is_value(struct case_world *c, const char *key, const char *value)
{
	char text[1024];

	snprintf(text, sizeof(text), "\"%s\"", value);
	if (!allows_if(c, "StringEquals", key, text)) {
		fail_msg("%s is not %s", key, value);
	}
	if (allows_if(c, "StringEquals", key, "\"something else\"") ||
		allows_if(c, "Null", key, "\"true\"")) {
		fail_msg("%s is anything", key);
	}
}

static void is_absent(struct case_world *c, const char *key)
{
	if (!allows_if(c, "Null", key, "\"true\"")) {
		fail_msg("%s is there", key);
	}
}

static void gives_the_keys_of_caller_and_request(void **state)
{
	struct case_world *c = *state;

	be_alice(c, NULL);
	is_value(c, "kms:CallerAccount", ACCOUNT);
	is_value(c, "aws:PrincipalAccount", ACCOUNT);
	is_value(c, "aws:PrincipalArn", "arn:aws:iam::" ACCOUNT ":user/alice");
	is_value(c, "AWS:principalarn", "arn:aws:iam::" ACCOUNT ":user/alice");
	is_value(c, "aws:PrincipalType", "User");
	is_value(c, "aws:userid", c->alice.uid);
	is_value(c, "aws:username", "alice");
	is_value(c, "aws:UserAgent", "test/1");
	is_value(c, "aws:RequestedRegion", REGION);
	is_value(c, "aws:ResourceAccount", ACCOUNT);
	is_value(c, "aws:SecureTransport", "false");
	is_value(c, "aws:SourceIp", "127.0.0.1");
	assert_true(allows_if(c, "IpAddress", "aws:SourceIp", "\"127.0.0.0/8\""));
	strcpy(c->call.peer, "::ffff:192.0.2.7");
	assert_true(allows_if(c, "IpAddress", "aws:SourceIp", "\"192.0.2.0/24\""));
	strcpy(c->call.peer, "fe80::1%eth0");
	assert_true(allows_if(c, "IpAddress", "aws:SourceIp", "\"fe80::/10\""));
	assert_true(allows_if(c, "DateEquals", "aws:CurrentTime", "\"2026-01-01T00:00:00Z\""));
	assert_false(
		allows_if(c, "DateGreaterThan", "aws:CurrentTime", "\"2026-01-01T00:00:00Z\""));
	assert_true(allows_if(c, "NumericEquals", "aws:EpochTime", "\"1767225600\""));
	is_absent(c, "aws:TokenIssueTime");
	is_absent(c, "aws:MultiFactorAuthPresent");
	is_absent(c, "aws:PrincipalTag/team");
	is_absent(c, "kms:ViaService");
	is_absent(c, "kms:RequestAlias");
	is_absent(c, "kms:GrantIsForAWSResource");
	c->call.tls = true;
	is_value(c, "aws:SecureTransport", "true");
}

static void gives_the_keys_of_a_session(void **state)
{
	struct case_world *c = *state;
	struct kms_principal role = add_principal(c->w, KMS_ROLE, "parent", NULL);
	struct kms_tag tag = {.key = "Team", .value = "blue"};
	char userid[128];

	call_as(c->w, &c->call, &role, "i-0abc");
	c->call.who.tags = &tag;
	c->call.who.n_tags = 1;
	snprintf(userid, sizeof(userid), "%s:i-0abc", role.uid);
	is_value(c, "aws:userid", userid);
	is_value(c, "aws:PrincipalType", "AssumedRole");
	is_value(c, "aws:PrincipalArn", "arn:aws:iam::" ACCOUNT ":role/parent");
	is_value(c, "aws:PrincipalTag/team", "blue");
	is_value(c, "aws:MultiFactorAuthPresent", "false");
	is_absent(c, "aws:username");
	assert_true(allows_if(c, "DateEquals", "aws:TokenIssueTime", "\"2025-12-31T23:59:00Z\""));
	c->call.who.tags = NULL;
}

static void gives_the_keys_of_a_key(void **state)
{
	struct case_world *c = *state;
	struct kms_tag tags[] = {{.key = "env", .value = "prod"}, {.key = "Env", .value = "dev"}};
	char aliases[2][KMS_ALIAS_SIZE] = {"alias/one", "alias/two"};

	be_alice(c, NULL);
	is_value(c, "kms:KeySpec", "SYMMETRIC_DEFAULT");
	is_value(c, "kms:CustomerMasterKeySpec", "SYMMETRIC_DEFAULT");
	is_value(c, "kms:KeyUsage", "ENCRYPT_DECRYPT");
	is_value(c, "kms:CustomerMasterKeyUsage", "ENCRYPT_DECRYPT");
	is_value(c, "kms:KeyOrigin", "AWS_KMS");
	is_value(c, "kms:MultiRegion", "false");
	is_absent(c, "aws:ResourceTag/env");
	is_absent(c, "kms:ResourceAliases");
	c->key.tags = tags;
	c->key.n_tags = 2;
	c->key.aliases = aliases;
	c->key.n_aliases = 2;
	is_value(c, "aws:ResourceTag/env", "prod");
	is_value(c, "aws:ResourceTag/Env", "dev");
	/* Identity policies alone see these. */
	is_absent(c, "kms:ResourceAliases");
	c->question.alias = "alias/one";
	is_value(c, "kms:RequestAlias", "alias/one");
	c->question.action = "kms:CreateGrant";
	is_value(c, "kms:GrantIsForAWSResource", "false");
}

static void gives_the_aliases_to_identity_policies(void **state)
{
	struct case_world *c = *state;
	char aliases[2][KMS_ALIAS_SIZE] = {"alias/one", "alias/two"};

	be_alice(c,
		STATEMENTS(OWN("Allow", "kms:*",
			IF("ForAnyValue:StringEquals", "kms:ResourceAliases", "\"alias/two\""))));
	set_key_policy(c, DELEGATED);
	c->key.aliases = aliases;
	c->key.n_aliases = 1;
	assert_status(ask(c), RD_DENIED);
	c->key.n_aliases = 2;
	assert_ok(ask(c));
}

/* Every key that an operation supplies arrives as it supplied it. */
static void gives_the_keys_of_the_operation(void **state)
{
	struct case_world *c = *state;
	static const char *const single[] = {"kms:BypassPolicyLockoutSafetyCheck",
		"kms:DataKeyPairSpec", "kms:EncryptionAlgorithm", "kms:ExpirationModel",
		"kms:GrantConstraintType", "kms:GranteePrincipal", "kms:RetiringPrincipal",
		"kms:KeyAgreementAlgorithm", "kms:MacAlgorithm", "kms:MessageType",
		"kms:ReEncryptOnSameKey", "kms:RotationPeriodInDays",
		"kms:ScheduleKeyDeletionPendingWindowInDays", "kms:SigningAlgorithm", "kms:ValidTo",
		"kms:WrappingAlgorithm", "kms:WrappingKeySpec", "aws:RequestTag/env"};
	static const char *const value[] = {"v1"};
	static const char *const many[] = {"Decrypt", "Encrypt"};

	be_alice(c, NULL);
	for (size_t i = 0; i < RD_ARRAY_LEN(single); i++) {
		is_absent(c, single[i]);
		c->question.facts[0] = (struct kms_fact){
			.name = single[i], .values = value, .n_values = 1};
		c->question.n_facts = 1;
		is_value(c, single[i], "v1");
		c->question.n_facts = 0;
	}
	c->question.facts[0] = (struct kms_fact){
		.name = "kms:GrantOperations", .values = many, .n_values = 2};
	c->question.n_facts = 1;
	assert_true(allows_if(c, "ForAllValues:StringEquals", "kms:GrantOperations",
		"[\"Encrypt\",\"Decrypt\"]"));
	assert_false(allows_if(
		c, "ForAllValues:StringEquals", "kms:GrantOperations", "[\"Encrypt\",\"Sign\"]"));
}

/* Case 112, and names that differ in case only. */
static void gives_the_encryption_context(void **state)
{
	struct case_world *c = *state;

	be_alice(c, NULL);
	is_absent(c, "kms:EncryptionContext:App");
	is_absent(c, "kms:EncryptionContextKeys");
	set_context(c, "{\"app\":\"x\",\"b\":\"y\"}");
	is_value(c, "kms:EncryptionContext:App", "x");
	is_absent(c, "kms:EncryptionContext:Ap");
	assert_true(allows_if(c, "ForAnyValue:StringEquals", "kms:EncryptionContextKeys", "\"b\""));
	assert_false(
		allows_if(c, "ForAllValues:StringEquals", "kms:EncryptionContextKeys", "\"b\""));
	set_context(c, "{\"APP\":\"evil\",\"a\":\"\",\"App\":\"x\"}");
	is_value(c, "kms:EncryptionContext:App", "x");
	is_value(c, "kms:EncryptionContext:APP", "evil");
	set_context(c, "{\"App\":\"secret\",\"APP\":\"harmless\"}");
	set_key_policy(c, STATEMENTS(KEY("Allow", "\"*\"", "*", "") "," KEY("Deny", "\"*\"", "*",
				  IF("StringEquals", "kms:EncryptionContext:app", "\"secret\""))));
	assert_status(ask(c), RD_DENIED);
}

static void attest(struct case_world *c)
{
	struct rd_buf out = rd_buf_fixed(c->call.attested.pcr[0], 48);

	c->call.attested.present = true;
	c->call.attested.pcr_mask = 1 | 1u << 3;
	assert_ok(rd_hex_decode(rd_view_str(IMAGE), &out));
	memset(c->call.attested.pcr[3], 0x11, 48);
}

/* Cases 134 to 136. */
static void gives_the_keys_of_an_attested_call(void **state)
{
	struct case_world *c = *state;
	static const char key[] = "kms:RecipientAttestation:ImageSha384";

	be_alice(c, NULL);
	is_absent(c, key);
	is_absent(c, "kms:RecipientAttestation:PCR0");
	attest(c);
	is_value(c, key, IMAGE);
	is_value(c, "kms:RecipientAttestation:PCR0", IMAGE);
	is_absent(c, "kms:RecipientAttestation:PCR1");
	is_absent(c, "kms:RecipientAttestation:NitroTPMPCR0");
	is_absent(c, "kms:RecipientAttestation");
	assert_true(allows_if(c, "StringEqualsIgnoreCase", key, "\"" IMAGE_UPPER "\""));
	assert_false(allows_if(c, "StringEquals", key, "\"" IMAGE_UPPER "\""));
	assert_false(allows_if(c, "StringEquals", key, "\"0x" IMAGE "\""));
	c->call.attested.pcr[0][47] ^= 1;
	assert_false(allows_if(c, "StringEquals", key, "\"" IMAGE "\""));
}

/* Case 149: Sign has no Recipient; a policy may ask that it has. */
static void attests_other_operations_only_when_asked(void **state)
{
	struct case_world *c = *state;
	static const char key[] = "kms:RecipientAttestation:ImageSha384";
	static const char *const others[] = {
		"kms:Sign", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:PutKeyPolicy"};

	be_alice(c, NULL);
	attest(c);
	for (size_t i = 0; i < RD_ARRAY_LEN(others); i++) {
		char text[1024];

		c->question.action = others[i];
		assert_false(allows_if(c, "StringEquals", key, "\"" IMAGE "\""));
		assert_false(kms_attestation_applies(others[i], &c->key));
		snprintf(text, sizeof(text),
			"{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"%s\","
			"\"Resource\":\"*\",\"Condition\":{\"Bool\":{\"redoubt:"
			"RecipientAttested\":\"true\"},\"StringEquals\":{\"%s\":\"" IMAGE "\"}}}]}",
			others[i], key);
		set_key_policy(c, text);
		assert_true(kms_attestation_applies(others[i], &c->key));
		assert_ok(ask(c));
		c->call.attested.present = false;
		assert_status(ask(c), RD_DENIED);
		c->call.attested.present = true;
	}
	c->question.action = "kms:Encrypt";
	assert_false(kms_attestation_applies("kms:Encrypt", &c->key));
	assert_false(allows_if(c, "Bool", KMS_ASK_ATTESTATION, "\"true\""));
}

/* Case 152. */
static void attests_random_numbers_by_identity_policies(void **state)
{
	struct case_world *c = *state;

	be_alice(c, STATEMENTS(OWN("Allow", "kms:GenerateRandom",
			    IF("StringEquals", "kms:RecipientAttestation:PCR0", "\"" IMAGE "\""))));
	c->question = (struct kms_question){.action = "kms:GenerateRandom", .resource = "*"};
	assert_status(ask(c), RD_DENIED);
	attest(c);
	assert_ok(ask(c));
}

static void add_grant(struct case_world *c, unsigned number, const char *grantee,
	const char *operation, const char *equals, const char *subset)
{
	struct kms_grant g = test_grant(KEY_ID, number);

	strcpy(g.grantee, grantee);
	g.operations = rd_grant_operation(rd_view_str(operation));
	g.context_equals = (char *)(uintptr_t)equals;
	g.context_subset = (char *)(uintptr_t)subset;
	in_transaction(c->w->db, kms_store_grant_add(c->w->db, &g));
}

/* Cases 118, 119 and 125. */
static void lets_a_grant_allow(void **state)
{
	struct case_world *c = *state;
	char by[128];

	be_alice(c, NULL);
	set_key_policy(c, NOBODY);
	add_grant(c, 1, "arn:aws:iam::" ACCOUNT ":user/bob", "Decrypt", NULL, NULL);
	add_grant(c, 2, "arn:aws:iam::" ACCOUNT ":user/alice", "Encrypt", NULL, NULL);
	assert_status(ask(c), RD_DENIED);
	add_grant(c, 3, "arn:aws:iam::" ACCOUNT ":user/alice", "Decrypt", NULL,
		"{\"team\":\"blue\"}");
	assert_status(ask(c), RD_DENIED);
	set_context(c, "{\"team\":\"blue\",\"more\":\"x\"}");
	assert_ok(ask(c));
	snprintf(by, sizeof(by), "grant %064u", 3);
	assert_string_equal(c->call.decision.by, by);
	set_context(c, "{\"Team\":\"blue\"}");
	assert_status(ask(c), RD_DENIED);
	set_context(c, "{\"team\":\"blue\"}");
	c->question.grants_apply = false;
	assert_status(ask(c), RD_DENIED);
	c->question.grants_apply = true;
	set_key_policy(c, STATEMENTS(KEY("Deny", "\"*\"", "kms:Decrypt", "")));
	denied(c, ALICE_MAY_NOT "with an explicit deny in a resource-based policy");
}

static void finds_a_grant_by_unique_id_and_exact_context(void **state)
{
	struct case_world *c = *state;

	be_alice(c, NULL);
	set_key_policy(c, NOBODY);
	add_grant(c, 1, c->alice.uid, "Decrypt", "{\"a\":\"b\"}", NULL);
	set_context(c, "{\"a\":\"b\"}");
	assert_ok(ask(c));
	set_context(c, "{\"a\":\"b\",\"c\":\"d\"}");
	assert_status(ask(c), RD_DENIED);
}

/* One after a whole page of others that do not fit. */
static void finds_a_grant_among_many(void **state)
{
	struct case_world *c = *state;
	static const char alice[] = "arn:aws:iam::" ACCOUNT ":user/alice";

	be_alice(c, NULL);
	set_key_policy(c, NOBODY);
	for (unsigned i = 1; i <= 70; i++) {
		add_grant(c, i, alice, "Encrypt", NULL, NULL);
	}
	assert_status(ask(c), RD_DENIED);
	add_grant(c, 71, alice, "Decrypt", NULL, NULL);
	assert_ok(ask(c));
}

/* Case 150: a grant does not get past an attestation-only key. */
static void a_denial_of_the_unattested_stands_against_grants(void **state)
{
	struct case_world *c = *state;

	be_alice(c, NULL);
	add_grant(c, 1, "arn:aws:iam::" ACCOUNT ":user/alice", "Decrypt", NULL, NULL);
	set_key_policy(
		c, STATEMENTS(KEY("Deny", "\"*\"", "kms:Decrypt",
			   IF("StringNotEqualsIgnoreCase", "kms:RecipientAttestation:ImageSha384",
				   "\"" IMAGE_UPPER "\""))));
	assert_status(ask(c), RD_DENIED);
	attest(c);
	assert_ok(ask(c));
}

/* Case 124. */
static void refuses_grant_tokens_that_are_none(void **state)
{
	struct case_world *c = *state;
	char token[KMS_GRANT_TOKEN_SIZE], again[KMS_GRANT_TOKEN_SIZE], id[65];

	be_alice(c, NULL);
	set_key_policy(c, STATEMENTS(KEY("Allow", "\"*\"", "kms:*", "")));
	snprintf(id, sizeof(id), "%064u", 1);
	assert_ok(kms_grant_token_make(c->w->kms.keyring, KEY_ID, id, token));
	assert_ok(kms_grant_token_make(c->w->kms.keyring, KEY_ID, id, again));
	assert_string_not_equal(token, again);
	c->question.grant_tokens = json_pack("[s,s]", token, again);
	assert_ok(ask(c));
	json_array_append_new(c->question.grant_tokens, json_string("junk"));
	assert_status(ask(c), RD_DENIED);
	assert_int_equal(c->call.fault.type, KMS_FAULT_INVALID_GRANT_TOKEN);
	token[20] = token[20] == 'A' ? 'B' : 'A';
	json_decref(c->question.grant_tokens);
	c->question.grant_tokens = json_pack("[s]", token);
	assert_status(ask(c), RD_DENIED);
	assert_int_equal(c->call.fault.type, KMS_FAULT_INVALID_GRANT_TOKEN);
}

static void crosses_accounts_where_the_operation_may(void **state)
{
	struct case_world *c = *state;

	static const struct kms_op op = {.name = "Decrypt"};

	be_alice(c, STATEMENTS(OWN("Allow", "kms:*", "")));
	c->call.op = &op;
	strcpy(c->key.record.account, OTHER);
	set_key_policy(c, DELEGATED);
	assert_ok(ask(c));
	c->question.action = "kms:GetKeyPolicy";
	assert_status(ask(c), RD_DENIED);
	c->question.action = "kms:Decrypt";
	set_key_policy(c, STATEMENTS(KEY("Allow", "{\"AWS\":\"" OTHER "\"}", "kms:*", "")));
	assert_status(ask(c), RD_DENIED);
}

/* As a key that is not there is answered, whoever's policy says no; the record says whose. */
static void a_strangers_key_is_as_if_it_were_not_there(void **state)
{
	static const struct kms_op decrypt = {.name = "Decrypt"}, encrypt = {.name = "Encrypt"};
	static const char refuses[] = STATEMENTS(KEY("Deny", "\"*\"", "kms:*", ""));
	const struct {
		const struct kms_op *op;
		const char *action, *key, *by;
	} cases[] = {{&decrypt, "kms:Decrypt", NOBODY, "no resource-based policy allows it"},
		{&decrypt, "kms:Decrypt", refuses, "resource-based policy 1"},
		{&encrypt, "kms:Encrypt", NOBODY, "identity-based policy 1"},
		{&encrypt, "kms:Encrypt", DELEGATED, "identity-based policy 1"}};
	struct case_world *c = *state;
	char text[512];

	be_alice(c, STATEMENTS(OWN("Allow", "kms:*", "") "," OWN("Deny", "kms:Encrypt", "")));
	strcpy(c->key.record.account, OTHER);
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		c->call.op = cases[i].op;
		c->question.action = cases[i].action;
		set_key_policy(c, cases[i].key);
		assert_int_equal(kms_deny_foreign(&c->call, KEY_ARN), RD_DENIED);
		strcpy(text, c->call.fault.message);
		denied(c, text);
		if (strstr(c->call.decision.by, cases[i].by) == NULL) {
			fail_msg("%zu: by %s", i, c->call.decision.by);
		}
		c->question.alias = "alias/a";
		snprintf(text, sizeof(text), "arn:aws:kms:%s:" OTHER ":alias/a",
			c->w->kms.config.region);
		assert_int_equal(kms_deny_foreign(&c->call, text), RD_DENIED);
		strcpy(text, c->call.fault.message);
		denied(c, text);
		c->question.alias = NULL;
	}
}

static void a_session_policy_and_a_boundary_only_narrow(void **state)
{
	struct case_world *c = *state;

	be_alice(c, STATEMENTS(OWN("Allow", "*", "")));
	set_key_policy(c, DELEGATED);
	c->call.who.session_policy = strdup(STATEMENTS(OWN("Allow", "kms:Encrypt", "")));
	denied(c, ALICE_MAY_NOT "because no session policy allows the kms:Decrypt action");
	c->question.action = "kms:Encrypt";
	assert_ok(ask(c));
	in_transaction(c->w->db,
		kms_store_managed_add(c->w->db, ACCOUNT, "arn:aws:iam::" ACCOUNT ":policy/limit",
			"limit", STATEMENTS(OWN("Allow", "kms:Decrypt", "")), 1));
	c->alice.boundary = strdup("arn:aws:iam::" ACCOUNT ":policy/limit");
	in_transaction(c->w->db, kms_store_principal_update(c->w->db, &c->alice));
	kms_cache_drop(c->w->kms.cache, 'p', c->alice.uid);
	assert_status(ask(c), RD_DENIED);
	assert_string_equal(c->call.decision.by, "the permissions boundary does not allow it");
	free(c->alice.boundary);
}

static void a_caller_who_is_gone_is_refused(void **state)
{
	struct case_world *c = *state;

	be_alice(c, NULL);
	set_key_policy(c, STATEMENTS(KEY("Allow", "\"*\"", "kms:*", "")));
	assert_ok(ask(c));
	in_transaction(c->w->db, kms_store_principal_delete(c->w->db, c->alice.uid));
	kms_cache_drop(c->w->kms.cache, 'p', c->alice.uid);
	assert_status(ask(c), RD_DENIED);
	assert_int_equal(c->call.fault.type, KMS_FAULT_ACCESS_DENIED);
}

/* Case 107. */
static void finds_a_policy_that_locks_out(void **state)
{
	struct case_world *c = *state;
	bool safe;

	be_alice(c, STATEMENTS(OWN("Allow", "kms:*", "")));
	assert_ok(kms_authorize_lockout(&c->call, &c->key, DELEGATED, &safe));
	assert_true(safe);
	assert_ok(kms_authorize_lockout(&c->call, NULL, DELEGATED, &safe));
	assert_true(safe);
	assert_ok(kms_authorize_lockout(
		&c->call, &c->key, STATEMENTS(KEY("Allow", "\"*\"", "kms:Decrypt", "")), &safe));
	assert_false(safe);
	assert_ok(kms_authorize_lockout(&c->call, &c->key,
		STATEMENTS(KEY("Allow", "\"*\"", "kms:*", "") "," KEY(
			"Deny", "\"*\"", "kms:PutKeyPolicy", "")),
		&safe));
	assert_false(safe);
	assert_status(kms_authorize_lockout(&c->call, &c->key, "{", &safe), RD_MALFORMED);
}

/* What cannot be evaluated is no permission. */
static void refuses_what_is_too_much_to_evaluate(void **state)
{
	struct case_world *c = *state;
	struct rd_buf text = rd_buf_growable(RD_POLICY_SIZE_MAX);
	static char value[8193];

	be_alice(c, NULL);
	memset(value, 'a', sizeof(value) - 1);
	c->question.context = json_pack("{s:s}", "k", value);
	assert_ok(rd_buf_put_str(&text, "{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\","
					"\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{"
					"\"StringLike\":{\"kms:EncryptionContext:k\":[\"z\""));
	for (int i = 0; i < 14; i++) {
		assert_ok(rd_buf_put_str(&text, ",\"*"));
		for (int k = 0; k < 1000; k++) {
			assert_ok(rd_buf_put_str(&text, "a?"));
		}
		assert_ok(rd_buf_put_str(&text, "b\""));
	}
	assert_ok(rd_buf_put_str(&text,
		"]}}},{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\","
		"\"Resource\":\"*\"}]}"));
	assert_ok(rd_buf_u8(&text, 0));
	set_key_policy(c, (const char *)text.ptr);
	assert_status(ask(c), RD_DENIED);
	assert_int_equal(c->call.fault.type, KMS_FAULT_ACCESS_DENIED);
	assert_string_equal(c->call.decision.by, "refused: exceeds a limit");
	rd_buf_finish(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(decides_by_key_and_identity_policies),
		CASE(says_which_identity_policy_decided),
		CASE(decides_without_a_key_by_identity_policies),
		CASE(gives_the_keys_of_caller_and_request),
		CASE(gives_the_keys_of_a_session),
		CASE(gives_the_keys_of_a_key),
		CASE(gives_the_aliases_to_identity_policies),
		CASE(gives_the_keys_of_the_operation),
		CASE(gives_the_encryption_context),
		CASE(gives_the_keys_of_an_attested_call),
		CASE(attests_other_operations_only_when_asked),
		CASE(attests_random_numbers_by_identity_policies),
		CASE(lets_a_grant_allow),
		CASE(finds_a_grant_by_unique_id_and_exact_context),
		CASE(finds_a_grant_among_many),
		CASE(a_denial_of_the_unattested_stands_against_grants),
		CASE(refuses_grant_tokens_that_are_none),
		CASE(crosses_accounts_where_the_operation_may),
		CASE(a_strangers_key_is_as_if_it_were_not_there),
		CASE(a_session_policy_and_a_boundary_only_narrow),
		CASE(a_caller_who_is_gone_is_refused),
		CASE(finds_a_policy_that_locks_out),
		CASE(refuses_what_is_too_much_to_evaluate),
	};

	return RUN_WORLD(tests);
}
