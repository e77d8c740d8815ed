/* SPDX-License-Identifier: Apache-2.0 */
/* Grants: cases 118 to 124 of the reference, and what they leave out. */
#include "manage.h"

#define USER(name) "arn:aws:iam::" ACCOUNT ":user/" name

struct grant {
	char id[65];
	char token[512];
};

static struct grant make_grant(struct server *s, const char *key_id, const char *user,
	const char *operations, const char *extra)
{
	struct grant g;

	assert_works(s, "CreateGrant",
		"{'KeyId': '%s', 'GranteePrincipal': '" USER("%s") "', 'Operations': [%s]%s}",
		key_id, user, operations, extra);
	snprintf(g.id, sizeof(g.id), "%s", got_text(s, "GrantId"));
	snprintf(g.token, sizeof(g.token), "%s", got_text(s, "GrantToken"));
	assert_int_equal(strlen(g.id), 64);
	return g;
}

static void encrypt(struct server *s, const char *key_id, const char *context, char ret[1024])
{
	assert_works(s, "Encrypt",
		"{'KeyId': '%s', 'Plaintext': 'YQ==', 'EncryptionContext': {%s}}", key_id, context);
	snprintf(ret, 1024, "%s", got_text(s, "CiphertextBlob"));
}

static void case_118_a_grant_lets_its_grantee(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");
	struct grant g;
	char blob[1024];

	make_user(s, "u");
	make_user(s, "o");
	encrypt(s, id.text, "", blob);
	as_user(s, "u");
	assert_fault(s, ACCESS_DENIED, "Decrypt", "{'CiphertextBlob': '%s'}", blob);
	as_root(s, ACCOUNT);
	g = make_grant(s, id.text, "u", "'Decrypt'", "");
	as_user(s, "u");
	assert_works(s, "Decrypt", "{'CiphertextBlob': '%s'}", blob);
	assert_fault(s, ACCESS_DENIED, "Encrypt", "{'KeyId': '%s', 'Plaintext': 'YQ=='}", id.text);
	assert_fault(
		s, ACCESS_DENIED, "RevokeGrant", "{'KeyId': '%s', 'GrantId': '%s'}", id.text, g.id);
	as_user(s, "o");
	assert_fault(s, ACCESS_DENIED, "Decrypt", "{'CiphertextBlob': '%s'}", blob);
	as_root(s, ACCOUNT);
	assert_works(s, "RevokeGrant", "{'KeyId': '%s', 'GrantId': '%s'}", id.text, g.id);
	assert_fault(
		s, NOT_FOUND, "RevokeGrant", "{'KeyId': '%s', 'GrantId': '%s'}", id.text, g.id);
	assert_fault(
		s, INVALID_GRANT_ID, "RevokeGrant", "{'KeyId': '%s', 'GrantId': 'x'}", id.text);
	as_user(s, "u");
	assert_fault(s, ACCESS_DENIED, "Decrypt", "{'CiphertextBlob': '%s'}", blob);
}

static void case_119_constraints_are_kept(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");
	char both[1024], less[1024];

	make_user(s, "u");
	encrypt(s, id.text, "'a': '1', 'b': '2'", both);
	encrypt(s, id.text, "'b': '2'", less);
	make_grant(s, id.text, "u", "'Decrypt'",
		", 'Constraints': {'EncryptionContextSubset': {'a': '1'}}");
	as_user(s, "u");
	assert_works(s, "Decrypt",
		"{'CiphertextBlob': '%s', 'EncryptionContext': {'b': '2', 'a': '1'}}", both);
	assert_fault(s, ACCESS_DENIED, "Decrypt",
		"{'CiphertextBlob': '%s', 'EncryptionContext': {'b': '2'}}", less);
}

static void case_120_operations_go_with_the_key(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, ""), signing = make_key(s, EC_SIGN);

	make_user(s, "u");
	assert_fault(s, VALIDATION, "CreateGrant",
		"{'KeyId': '%s', 'GranteePrincipal': '" USER("u") "', 'Operations': ['Sign']}",
		id.text);
	assert_fault(s, VALIDATION, "CreateGrant",
		"{'KeyId': '%s', 'GranteePrincipal': '" USER("u") "', 'Operations': ['Decrypt']}",
		signing.text);
	assert_fault(s, VALIDATION, "CreateGrant",
		"{'KeyId': '%s', 'GranteePrincipal': '" USER("u") "', 'Operations': []}", id.text);
	assert_fault(s, VALIDATION, "CreateGrant",
		"{'KeyId': '%s', 'GranteePrincipal': '" USER(
			"u") "', 'Operations': ['PutKeyPolicy']}",
		id.text);
	assert_fault(s, VALIDATION, "CreateGrant",
		"{'KeyId': '%s', 'GranteePrincipal': '" USER(
			"u") "', 'Operations': ['Sign'],"
			     " 'Constraints': {'EncryptionContextEquals': {'a': 'b'}}}",
		signing.text);
	make_grant(s, signing.text, "u", "'Sign'", "");
}

static void case_121_a_name_makes_it_idempotent(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");
	struct grant a, b, c, d;

	make_user(s, "u");
	a = make_grant(s, id.text, "u", "'Decrypt', 'Encrypt'", ", 'Name': 'n'");
	b = make_grant(s, id.text, "u", "'Encrypt', 'Decrypt', 'Encrypt'", ", 'Name': 'n'");
	assert_string_equal(a.id, b.id);
	assert_string_not_equal(a.token, b.token);
	c = make_grant(s, id.text, "u", "'Decrypt'", ", 'Name': 'n'");
	assert_string_not_equal(a.id, c.id);
	c = make_grant(s, id.text, "u", "'Decrypt'", "");
	d = make_grant(s, id.text, "u", "'Decrypt'", "");
	assert_string_not_equal(c.id, d.id);
	assert_works(s, "ListGrants", "{'KeyId': '%s'}", id.text);
	assert_int_equal(json_array_size(got(s, "Grants")), 4);
}

static void case_122_a_grantee_passes_on_no_more_than_he_has(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");

	make_user(s, "u");
	make_user(s, "v");
	make_grant(s, id.text, "u", "'Decrypt', 'CreateGrant'",
		", 'Constraints': {'EncryptionContextSubset': {'a': '1'}}");
	as_user(s, "u");
#define CHILD(fault, operations, constraint)                                                       \
	assert_fault(s, fault, "CreateGrant",                                                      \
		"{'KeyId': '%s', 'GranteePrincipal': '" USER("v") "', 'Operations': [" operations  \
								  "], 'Constraints': {" constraint \
								  "}}",                            \
		id.text)
	CHILD(ACCESS_DENIED, "'Decrypt', 'Encrypt'", "'EncryptionContextSubset': {'a': '1'}");
	CHILD(ACCESS_DENIED, "'Decrypt'", "");
	CHILD(ACCESS_DENIED, "'Decrypt'", "'EncryptionContextSubset': {'b': '1'}");
	CHILD(NONE, "'Decrypt'", "'EncryptionContextSubset': {'a': '1', 'b': '2'}");
	CHILD(NONE, "'Decrypt'", "'EncryptionContextEquals': {'a': '1'}");
#undef CHILD
}

static void case_123_who_may_retire(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");
	struct grant g;

	make_user(s, "r");
	make_user(s, "u");
	make_user(s, "x");
	g = make_grant(s, id.text, "u", "'Decrypt'", ", 'RetiringPrincipal': '" USER("r") "'");
	as_user(s, "x");
	assert_fault(s, ACCESS_DENIED, "RetireGrant", "{'GrantToken': '%s'}", g.token);
	as_user(s, "u");
	assert_fault(s, ACCESS_DENIED, "RetireGrant", "{'GrantToken': '%s'}", g.token);
	as_user(s, "r");
	assert_fault(s, DRY_RUN, "RetireGrant", "{'GrantToken': '%s', 'DryRun': true}", g.token);
	assert_works(s, "RetireGrant", "{'GrantToken': '%s'}", g.token);
	assert_fault(s, NOT_FOUND, "RetireGrant", "{'GrantToken': '%s'}", g.token);
	as_root(s, ACCOUNT);
	g = make_grant(s, id.text, "u", "'Decrypt', 'RetireGrant'", "");
	as_user(s, "u");
	assert_works(s, "RetireGrant", "{'KeyId': '" ARN "%s', 'GrantId': '%s'}", id.text, g.id);
	as_root(s, ACCOUNT);
	g = make_grant(s, id.text, "u", "'Decrypt'", "");
	as_root(s, OTHER);
	assert_fault(s, ACCESS_DENIED, "RetireGrant", "{'GrantToken': '%s'}", g.token);
	as_root(s, ACCOUNT);
	assert_works(s, "RetireGrant", "{'GrantToken': '%s'}", g.token);
}

static void retiring_names_a_grant_in_one_way(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");

	assert_fault(s, VALIDATION, "RetireGrant", "{}");
	assert_fault(s, VALIDATION, "RetireGrant", "{'KeyId': '%s'}", id.text);
	assert_fault(s, VALIDATION, "RetireGrant",
		"{'KeyId': '%s', 'GrantId': '%064d', 'GrantToken': 'x'}", id.text, 0);
	assert_fault(s, INVALID_GRANT_TOKEN, "RetireGrant", "{'GrantToken': 'junk'}");
	assert_fault(
		s, NOT_FOUND, "RetireGrant", "{'KeyId': '%s', 'GrantId': '%064d'}", id.text, 0);
}

static void case_124_tokens_are_ours(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");
	struct grant g;

	make_user(s, "u");
	assert_fault(s, INVALID_GRANT_TOKEN, "DescribeKey",
		"{'KeyId': '%s', 'GrantTokens': ['junk']}", id.text);
	g = make_grant(s, id.text, "u", "'Decrypt'", "");
	assert_works(s, "DescribeKey", "{'KeyId': '%s', 'GrantTokens': ['%s']}", id.text, g.token);
	assert_fault(s, VALIDATION, "DescribeKey",
		"{'KeyId': '%s', 'GrantTokens': ['1','2','3','4','5','6','7','8','9','10','11']}",
		id.text);
}

static void lists_what_was_granted(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, ""), other = make_key(s, "");
	const json_t *entry;
	struct grant g;

	make_user(s, "u");
	make_user(s, "v");
	make_grant(s, id.text, "v", "'Encrypt'", "");
	g = make_grant(s, id.text, "u", "'Decrypt', 'DescribeKey'",
		", 'RetiringPrincipal': '" USER("v") "', 'Name': 'n', 'Constraints': "
						     "{'EncryptionContextEquals': {'a': 'b'}}");
	make_grant(s, other.text, "u", "'Decrypt'", ", 'RetiringPrincipal': '" USER("v") "'");
	assert_works(
		s, "ListGrants", "{'KeyId': '%s', 'GranteePrincipal': '" USER("u") "'}", id.text);
	assert_int_equal(json_array_size(got(s, "Grants")), 1);
	entry = json_array_get(got(s, "Grants"), 0);
	assert_string_equal(json_string_value(json_object_get(entry, "GrantId")), g.id);
	assert_string_equal(
		json_string_value(json_object_get(entry, "GranteePrincipal")), USER("u"));
	assert_string_equal(
		json_string_value(json_object_get(entry, "RetiringPrincipal")), USER("v"));
	assert_string_equal(json_string_value(json_object_get(entry, "IssuingAccount")),
		"arn:aws:iam::" ACCOUNT ":root");
	assert_string_equal(json_string_value(json_object_get(entry, "Name")), "n");
	assert_int_equal(
		strncmp(json_string_value(json_object_get(entry, "KeyId")), ARN, strlen(ARN)), 0);
	assert_int_equal(json_array_size(json_object_get(entry, "Operations")), 2);
	assert_non_null(
		json_object_get(json_object_get(entry, "Constraints"), "EncryptionContextEquals"));
	assert_works(s, "ListGrants", "{'KeyId': '%s', 'GrantId': '%s'}", id.text, g.id);
	assert_int_equal(json_array_size(got(s, "Grants")), 1);
	assert_works(s, "ListRetirableGrants", "{'RetiringPrincipal': '" USER("v") "'}");
	assert_int_equal(json_array_size(got(s, "Grants")), 2);
	assert_works(
		s, "ListRetirableGrants", "{'RetiringPrincipal': '" USER("v") "', 'Limit': 1}");
	assert_true(json_is_true(got(s, "Truncated")));
	assert_works(s, "ListRetirableGrants",
		"{'RetiringPrincipal': '" USER("v") "', 'Limit': 1, 'Marker': '%s'}",
		got_text(s, "NextMarker"));
	assert_true(json_is_false(got(s, "Truncated")));
	assert_fault(s, INVALID_ARN, "ListRetirableGrants",
		"{'RetiringPrincipal': 'arn:aws:iam::" OTHER ":root'}");
}

static void grants_are_for_who_exists(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");

	assert_fault(s, INVALID_ARN, "CreateGrant",
		"{'KeyId': '%s', 'GranteePrincipal': '" USER(
			"none") "', 'Operations': ['Decrypt']}",
		id.text);
	assert_fault(s, INVALID_ARN, "CreateGrant",
		"{'KeyId': '%s', 'GranteePrincipal': 'nonsense', 'Operations': ['Decrypt']}",
		id.text);
	assert_fault(s, VALIDATION, "CreateGrant",
		"{'KeyId': '%s', 'GranteePrincipal': 'a b', 'Operations': ['Decrypt']}", id.text);
}

static void a_namesake_inherits_nothing(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");
	char blob[1024], first[KMS_UID_SIZE];

	make_user(s, "u");
	encrypt(s, id.text, "", blob);
	make_grant(s, id.text, "u", "'Decrypt'", "");
	as_user(s, "u");
	memcpy(first, s->who.uid, sizeof(first));
	in_transaction(s->t->db, kms_store_principal_delete(s->t->db, first));
	make_user(s, "u");
	as_user(s, "u");
	assert_fault(s, ACCESS_DENIED, "Decrypt", "{'CiphertextBlob': '%s'}", blob);
	as_root(s, ACCOUNT);
	assert_works(s, "ListGrants", "{'KeyId': '%s'}", id.text);
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(got(s, "Grants"), 0), "GranteePrincipal")),
		first);
}

static void grants_need_an_enabled_key(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");
	struct grant g;

	make_user(s, "u");
	g = make_grant(s, id.text, "u", "'Decrypt'", "");
	assert_fault(s, DRY_RUN, "CreateGrant",
		"{'KeyId': '%s', 'GranteePrincipal': '" USER("u") "', 'Operations': ['Decrypt'],"
								  " 'DryRun': true}",
		id.text);
	assert_works(s, "ListGrants", "{'KeyId': '%s'}", id.text);
	assert_int_equal(json_array_size(got(s, "Grants")), 1);
	assert_works(s, "DisableKey", "{'KeyId': '%s'}", id.text);
	assert_fault(s, DISABLED, "CreateGrant",
		"{'KeyId': '%s', 'GranteePrincipal': '" USER("u") "', 'Operations': ['Decrypt']}",
		id.text);
	assert_works(s, "ScheduleKeyDeletion", "{'KeyId': '%s'}", id.text);
	assert_fault(s, INVALID_STATE, "CreateGrant",
		"{'KeyId': '%s', 'GranteePrincipal': '" USER("u") "', 'Operations': ['Decrypt']}",
		id.text);
	assert_works(s, "RevokeGrant", "{'KeyId': '%s', 'GrantId': '%s'}", id.text, g.id);
}

static void constraints_have_eight_pairs(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");

	make_user(s, "u");
#define CONSTRAINED(fault, pairs)                                                                  \
	assert_fault(s, fault, "CreateGrant",                                                      \
		"{'KeyId': '%s', 'GranteePrincipal': '" USER(                                      \
			"u") "', 'Operations': ['Decrypt'],"                                       \
			     " 'Constraints': {'EncryptionContextEquals': {" pairs "}}}",          \
		id.text)
#define EIGHT "'1':'','2':'','3':'','4':'','5':'','6':'','7':'','8':''"
	CONSTRAINED(NONE, EIGHT);
	CONSTRAINED(VALIDATION, EIGHT ",'9':''");
	CONSTRAINED(SERIALIZATION, "'1':1");
	CONSTRAINED(VALIDATION, "'':'x'");
#undef CONSTRAINED
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(case_118_a_grant_lets_its_grantee),
		SERVER_TEST(case_119_constraints_are_kept),
		SERVER_TEST(case_120_operations_go_with_the_key),
		SERVER_TEST(case_121_a_name_makes_it_idempotent),
		SERVER_TEST(case_122_a_grantee_passes_on_no_more_than_he_has),
		SERVER_TEST(case_123_who_may_retire),
		SERVER_TEST(retiring_names_a_grant_in_one_way),
		SERVER_TEST(case_124_tokens_are_ours),
		SERVER_TEST(lists_what_was_granted),
		SERVER_TEST(grants_are_for_who_exists),
		SERVER_TEST(a_namesake_inherits_nothing),
		SERVER_TEST(grants_need_an_enabled_key),
		SERVER_TEST(constraints_have_eight_pairs),
	};

	if (rd_secret_heap_open(1u << 20, NULL) != RD_OK) {
		return 1;
	}
	return RUN_ON_BOTH(tests);
}
