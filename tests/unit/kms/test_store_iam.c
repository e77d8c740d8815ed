/* SPDX-License-Identifier: Apache-2.0 */
/* Users, roles, policies and access keys: what is stored is what comes back. */
#include "database.h"

#define UID "AIDAAAAAAAAAAAAAAAAA1"

static struct kms_principal principal(const char *uid, const char *name)
{
	struct kms_principal p = {.account = ACCOUNT,
		.kind = KMS_USER,
		.path = "/team/",
		.boundary = (char *)(uintptr_t) "arn:aws:iam::111122223333:policy/b",
		.max_session_s = 3600,
		.created_ms = 12};

	snprintf(p.uid, sizeof(p.uid), "%s", uid);
	snprintf(p.name, sizeof(p.name), "%s", name);
	return p;
}

static void add_principal(struct rd_db *db, const char *uid, const char *name)
{
	struct kms_principal p = principal(uid, name);

	in_transaction(db, kms_store_principal_add(db, &p));
}

struct texts {
	char text[1024];
};

static enum rd_status put(struct texts *texts, const char *text)
{
	size_t used = strlen(texts->text);

	snprintf(texts->text + used, sizeof(texts->text) - used, "%s ", text);
	return RD_OK;
}

static void keeps_every_field_of_a_principal(void **state)
{
	struct test_database *t = *state;
	struct kms_principal p = principal(UID, "Alice"), got;

	in_transaction(t->db, kms_store_principal_add(t->db, &p));
	assert_ok(kms_store_principal_by_uid(t->db, UID, &got));
	assert_string_equal(got.uid, UID);
	assert_string_equal(got.account, ACCOUNT);
	assert_int_equal(got.kind, KMS_USER);
	assert_string_equal(got.path, "/team/");
	assert_string_equal(got.name, "Alice");
	assert_null(got.trust_policy);
	assert_string_equal(got.boundary, p.boundary);
	assert_int_equal(got.max_session_s, 3600);
	assert_int_equal(got.created_ms, 12);
	kms_principal_finish(&got);
	assert_status(kms_store_principal_by_uid(t->db, "AIDA", &got), RD_NOTFOUND);
}

static void names_are_unique_without_case_in_account_and_kind(void **state)
{
	struct test_database *t = *state;
	struct kms_principal p = principal("U2", "ALICE"), got;

	add_principal(t->db, UID, "Alice");
	in_transaction_fails(t->db, kms_store_principal_add(t->db, &p), RD_EXISTS);
	p.kind = KMS_ROLE;
	p.trust_policy = (char *)(uintptr_t) "{}";
	in_transaction(t->db, kms_store_principal_add(t->db, &p));
	p.kind = KMS_USER;
	strcpy(p.account, OTHER);
	strcpy(p.uid, "U3");
	in_transaction(t->db, kms_store_principal_add(t->db, &p));
	strcpy(p.name, "Bob");
	in_transaction_fails(t->db, kms_store_principal_add(t->db, &p), RD_EXISTS);
	assert_ok(kms_store_principal_get(t->db, ACCOUNT, KMS_USER, "aLiCe", &got));
	assert_string_equal(got.name, "Alice");
	kms_principal_finish(&got);
	assert_ok(kms_store_principal_get(t->db, ACCOUNT, KMS_ROLE, "alice", &got));
	assert_string_equal(got.uid, "U2");
	assert_string_equal(got.trust_policy, "{}");
	kms_principal_finish(&got);
	assert_status(kms_store_principal_get(t->db, ACCOUNT, KMS_ROLE, "bob", &got), RD_NOTFOUND);
}

static void renames_unless_the_name_is_taken(void **state)
{
	struct test_database *t = *state;
	struct kms_principal p = principal(UID, "ALICE"), got;

	add_principal(t->db, UID, "alice");
	add_principal(t->db, "U2", "bob");
	p.boundary = NULL;
	strcpy(p.path, "/");
	in_transaction(t->db, kms_store_principal_update(t->db, &p));
	assert_ok(kms_store_principal_by_uid(t->db, UID, &got));
	assert_string_equal(got.name, "ALICE");
	assert_string_equal(got.path, "/");
	assert_null(got.boundary);
	kms_principal_finish(&got);
	strcpy(p.name, "Bob");
	in_transaction_fails(t->db, kms_store_principal_update(t->db, &p), RD_EXISTS);
	p = principal("U3", "carol");
	in_transaction_fails(t->db, kms_store_principal_update(t->db, &p), RD_NOTFOUND);
}

static enum rd_status principal_name(void *arg, struct kms_principal *p)
{
	return put(arg, p->name);
}

static void lists_principals_by_folded_name(void **state)
{
	struct test_database *t = *state;
	struct texts texts = {.text = ""};

	add_principal(t->db, "U1", "b");
	add_principal(t->db, "U2", "C");
	add_principal(t->db, "U3", "A");
	assert_ok(
		kms_store_principals_list(t->db, ACCOUNT, KMS_USER, "", 2, principal_name, &texts));
	assert_ok(kms_store_principals_list(
		t->db, ACCOUNT, KMS_USER, "B", 9, principal_name, &texts));
	assert_string_equal(texts.text, "A b C ");
	assert_ok(
		kms_store_principals_list(t->db, ACCOUNT, KMS_ROLE, "", 9, principal_name, &texts));
	assert_ok(kms_store_principals_list(t->db, OTHER, KMS_USER, "", 9, principal_name, &texts));
	assert_string_equal(texts.text, "A b C ");
}

static enum rd_status policy_text(
	void *arg, const char *name, const char *arn, const char *document)
{
	RD_TRY(put(arg, name));
	RD_TRY(put(arg, arn == NULL ? "-" : arn));
	return put(arg, document);
}

static void gives_inline_policies_before_attached_ones(void **state)
{
	struct test_database *t = *state;
	struct texts texts = {.text = ""};

	add_principal(t->db, UID, "alice");
	in_transaction(t->db, kms_store_managed_add(t->db, ACCOUNT,
				      "arn:aws:iam::" ACCOUNT ":policy/p/Ma", "Ma", "{m}", 1));
	in_transaction(
		t->db, kms_store_attach(t->db, UID, "arn:aws:iam::111122223333:policy/p/Ma"));
	in_transaction(t->db, kms_store_policy_put(t->db, UID, "two", "{2}"));
	in_transaction(t->db, kms_store_policy_put(t->db, UID, "One", "{0}"));
	in_transaction(t->db, kms_store_policy_put(t->db, UID, "ONE", "{1}"));
	assert_ok(kms_store_policies_of(t->db, UID, policy_text, &texts));
	assert_string_equal(
		texts.text, "One - {1} two - {2} Ma arn:aws:iam::111122223333:policy/p/Ma {m} ");
	in_transaction(t->db, kms_store_policy_delete(t->db, UID, "TWO"));
	in_transaction_fails(t->db, kms_store_policy_delete(t->db, UID, "two"), RD_NOTFOUND);
	in_transaction_fails(t->db, kms_store_policy_put(t->db, "none", "a", "{}"), RD_NOTFOUND);
	in_transaction(
		t->db, kms_store_detach(t->db, UID, "arn:aws:iam::111122223333:policy/p/Ma"));
	texts.text[0] = '\0';
	assert_ok(kms_store_policies_of(t->db, UID, policy_text, &texts));
	assert_string_equal(texts.text, "One - {1} ");
}

static void managed_policies_are_kept_while_attached(void **state)
{
	struct test_database *t = *state;
	static const char arn[] = "arn:aws:iam::111122223333:policy/m";
	struct texts texts = {.text = ""};

	add_principal(t->db, UID, "alice");
	in_transaction(t->db, kms_store_managed_add(t->db, ACCOUNT,
				      "arn:aws:iam::" ACCOUNT ":policy/m", "m", "{}", 1));
	in_transaction_fails(t->db,
		kms_store_managed_add(
			t->db, ACCOUNT, "arn:aws:iam::" ACCOUNT ":policy/x/M", "M", "{}", 1),
		RD_EXISTS);
	in_transaction(t->db, kms_store_managed_add(t->db, ACCOUNT,
				      "arn:aws:iam::" ACCOUNT ":policy/B", "B", "{b}", 1));
	assert_ok(kms_store_managed_list(t->db, ACCOUNT, "", 9, policy_text, &texts));
	assert_ok(kms_store_managed_get(t->db, ACCOUNT, arn, policy_text, &texts));
	assert_string_equal(texts.text, "B arn:aws:iam::111122223333:policy/B {b} "
					"m arn:aws:iam::111122223333:policy/m {} "
					"m arn:aws:iam::111122223333:policy/m {} ");
	assert_status(kms_store_managed_get(t->db, OTHER, arn, policy_text, &texts), RD_NOTFOUND);
	in_transaction_fails(t->db, kms_store_attach(t->db, UID, "arn:none"), RD_NOTFOUND);
	in_transaction_fails(t->db, kms_store_attach(t->db, "none", arn), RD_NOTFOUND);
	in_transaction(t->db, kms_store_attach(t->db, UID, arn));
	in_transaction_fails(t->db, kms_store_attach(t->db, UID, arn), RD_EXISTS);
	in_transaction_fails(t->db, kms_store_managed_delete(t->db, ACCOUNT, arn), RD_FORBIDDEN);
	in_transaction(t->db, kms_store_detach(t->db, UID, arn));
	in_transaction_fails(t->db, kms_store_detach(t->db, UID, arn), RD_NOTFOUND);
	in_transaction_fails(t->db, kms_store_managed_delete(t->db, OTHER, arn), RD_NOTFOUND);
	in_transaction(t->db, kms_store_managed_delete(t->db, ACCOUNT, arn));
	in_transaction_fails(t->db, kms_store_managed_delete(t->db, ACCOUNT, arn), RD_NOTFOUND);
}

static struct kms_credential credential(const char *akid, uint8_t generation)
{
	struct kms_credential c = {.uid = UID,
		.account = ACCOUNT,
		.active = true,
		.created_ms = 3,
		.wrapped = {0, 0, 0, generation, 0xee},
		.wrapped_len = 5};

	snprintf(c.akid, sizeof(c.akid), "%s", akid);
	return c;
}

static void keeps_every_field_of_a_credential(void **state)
{
	struct test_database *t = *state;
	struct kms_credential c = credential("AKIA1", 1), got;

	in_transaction_fails(t->db, kms_store_credential_add(t->db, &c), RD_NOTFOUND);
	add_principal(t->db, UID, "alice");
	memset(c.wrapped, 0x5a, sizeof(c.wrapped));
	c.wrapped_len = sizeof(c.wrapped);
	in_transaction(t->db, kms_store_credential_add(t->db, &c));
	in_transaction_fails(t->db, kms_store_credential_add(t->db, &c), RD_EXISTS);
	assert_ok(kms_store_credential_get(t->db, "AKIA1", &got));
	assert_string_equal(got.akid, "AKIA1");
	assert_string_equal(got.uid, UID);
	assert_string_equal(got.account, ACCOUNT);
	assert_true(got.active);
	assert_int_equal(got.created_ms, 3);
	assert_int_equal(got.wrapped_len, sizeof(c.wrapped));
	assert_memory_equal(got.wrapped, c.wrapped, sizeof(c.wrapped));
	in_transaction(t->db, kms_store_credential_set(t->db, "AKIA1", false));
	assert_ok(kms_store_credential_get(t->db, "AKIA1", &got));
	assert_false(got.active);
	in_transaction(t->db, kms_store_credential_delete(t->db, "AKIA1"));
	assert_status(kms_store_credential_get(t->db, "AKIA1", &got), RD_NOTFOUND);
	in_transaction_fails(t->db, kms_store_credential_set(t->db, "AKIA1", true), RD_NOTFOUND);
	in_transaction_fails(t->db, kms_store_credential_delete(t->db, "AKIA1"), RD_NOTFOUND);
	in_transaction_fails(t->db, kms_store_credential_rewrap(t->db, &c), RD_NOTFOUND);
}

static enum rd_status akid_of(void *arg, const struct kms_credential *c)
{
	return put(arg, c->akid);
}

static void lists_credentials_of_a_user_or_an_old_generation(void **state)
{
	struct test_database *t = *state;
	struct texts texts = {.text = ""};
	struct kms_credential c;

	add_principal(t->db, UID, "alice");
	add_principal(t->db, "U2", "bob");
	c = credential("B", 1);
	in_transaction(t->db, kms_store_credential_add(t->db, &c));
	c = credential("A", 2);
	in_transaction(t->db, kms_store_credential_add(t->db, &c));
	c = credential("C", 1);
	strcpy(c.uid, "U2");
	in_transaction(t->db, kms_store_credential_add(t->db, &c));
	assert_ok(kms_store_credentials_list(t->db, UID, 0, 9, akid_of, &texts));
	assert_ok(kms_store_credentials_list(t->db, UID, 2, 9, akid_of, &texts));
	assert_string_equal(texts.text, "A B B ");
	assert_ok(kms_store_credentials_list(t->db, NULL, 2, 9, akid_of, &texts));
	assert_ok(kms_store_credentials_list(t->db, NULL, 0, 9, akid_of, &texts));
	assert_string_equal(texts.text, "A B B B C B C A ");
	c.wrapped[3] = 2;
	in_transaction(t->db, kms_store_credential_rewrap(t->db, &c));
	texts.text[0] = '\0';
	assert_ok(kms_store_credentials_list(t->db, NULL, 2, 9, akid_of, &texts));
	assert_string_equal(texts.text, "B ");
}

static void a_principal_goes_only_when_nothing_hangs_on_it(void **state)
{
	struct test_database *t = *state;
	static const char arn[] = "arn:aws:iam::111122223333:policy/m";
	struct kms_credential c = credential("A", 1);

	add_principal(t->db, UID, "alice");
	in_transaction(t->db, kms_store_credential_add(t->db, &c));
	in_transaction_fails(t->db, kms_store_principal_delete(t->db, UID), RD_FORBIDDEN);
	in_transaction(t->db, kms_store_credential_delete(t->db, "A"));
	in_transaction(t->db, kms_store_policy_put(t->db, UID, "p", "{}"));
	in_transaction_fails(t->db, kms_store_principal_delete(t->db, UID), RD_FORBIDDEN);
	in_transaction(t->db, kms_store_policy_delete(t->db, UID, "p"));
	in_transaction(t->db, kms_store_managed_add(t->db, ACCOUNT,
				      "arn:aws:iam::" ACCOUNT ":policy/m", "m", "{}", 1));
	in_transaction(t->db, kms_store_attach(t->db, UID, arn));
	in_transaction_fails(t->db, kms_store_principal_delete(t->db, UID), RD_FORBIDDEN);
	in_transaction(t->db, kms_store_detach(t->db, UID, arn));
	in_transaction(t->db, kms_store_principal_delete(t->db, UID));
	in_transaction_fails(t->db, kms_store_principal_delete(t->db, UID), RD_NOTFOUND);
}

static enum rd_status see(void *arg, int64_t number, char kind, const char *id)
{
	char text[64];

	(void)number;
	snprintf(text, sizeof(text), "%c=%s", kind, id);
	return put(arg, text);
}

static void changes_name_the_principal_and_the_credential(void **state)
{
	struct test_database *t = *state;
	struct kms_principal p = principal("U", "bob");
	struct texts texts = {.text = ""};
	struct kms_credential c = credential("A", 1);
	int64_t start;

	add_principal(t->db, UID, "alice");
	add_principal(t->db, "U", "bob");
	in_transaction(t->db, kms_store_credential_add(t->db, &c));
	assert_ok(kms_store_changes_last(t->db, &start));
	in_transaction(t->db, kms_store_policy_put(t->db, "U", "p", "{}"));
	in_transaction(t->db, kms_store_policy_delete(t->db, "U", "p"));
	in_transaction(t->db, kms_store_principal_update(t->db, &p));
	in_transaction(t->db, kms_store_principal_delete(t->db, "U"));
	in_transaction(t->db, kms_store_credential_set(t->db, "A", false));
	in_transaction(t->db, kms_store_credential_delete(t->db, "A"));
	assert_ok(kms_store_changes_since(t->db, start, see, &texts));
	assert_string_equal(texts.text, "p=U p=U p=U p=U c=A c=A ");
}

static struct kms_profile profile(const char *uid, const char *name)
{
	struct kms_profile p = {.account = ACCOUNT, .path = "/apps/", .created_ms = 12};

	snprintf(p.uid, sizeof(p.uid), "%s", uid);
	snprintf(p.name, sizeof(p.name), "%s", name);
	return p;
}

static void keeps_instance_profiles_and_their_role(void **state)
{
	struct test_database *t = *state;
	struct kms_profile p = profile("AIPA1", "Front"), same = profile("AIPA2", "FRONT"), got;

	add_principal(t->db, UID, "Web");
	in_transaction(t->db, kms_store_profile_add(t->db, &p));
	in_transaction_fails(t->db, kms_store_profile_add(t->db, &same), RD_EXISTS);
	in_transaction_fails(
		t->db, kms_store_profile_set_role(t->db, "AIPA1", "nobody"), RD_FORBIDDEN);
	in_transaction_fails(t->db, kms_store_profile_set_role(t->db, "AIPA9", UID), RD_NOTFOUND);
	in_transaction(t->db, kms_store_profile_set_role(t->db, "AIPA1", UID));
	assert_ok(kms_store_profile_get(t->db, ACCOUNT, "front", &got));
	assert_string_equal(got.uid, "AIPA1");
	assert_string_equal(got.account, ACCOUNT);
	assert_string_equal(got.path, "/apps/");
	assert_string_equal(got.name, "Front");
	assert_string_equal(got.role_uid, UID);
	assert_int_equal(got.created_ms, 12);
	assert_status(kms_store_profile_get(t->db, OTHER, "front", &got), RD_NOTFOUND);
	/* A role in use stays. */
	in_transaction_fails(t->db, kms_store_principal_delete(t->db, UID), RD_FORBIDDEN);
	in_transaction(t->db, kms_store_profile_set_role(t->db, "AIPA1", ""));
	in_transaction(t->db, kms_store_principal_delete(t->db, UID));
	in_transaction(t->db, kms_store_profile_delete(t->db, "AIPA1"));
	in_transaction_fails(t->db, kms_store_profile_delete(t->db, "AIPA1"), RD_NOTFOUND);
}

static enum rd_status put_profile(void *arg, const struct kms_profile *p)
{
	return put(arg, p->name);
}

static void lists_instance_profiles_by_name_and_role(void **state)
{
	struct test_database *t = *state;
	static const char *const names[] = {"b", "A", "C"};
	struct texts all = {""}, some = {""}, page = {""}, other = {""};

	add_principal(t->db, UID, "Web");
	for (size_t i = 0; i < RD_ARRAY_LEN(names); i++) {
		char uid[8];
		struct kms_profile p;

		snprintf(uid, sizeof(uid), "AIPA%zu", i);
		p = profile(uid, names[i]);
		strcpy(p.role_uid, i == 1 ? "" : UID);
		in_transaction(t->db, kms_store_profile_add(t->db, &p));
	}
	assert_ok(kms_store_profiles_list(t->db, ACCOUNT, NULL, "", 10, put_profile, &all));
	assert_string_equal(all.text, "A b C ");
	assert_ok(kms_store_profiles_list(t->db, ACCOUNT, UID, "", 10, put_profile, &some));
	assert_string_equal(some.text, "b C ");
	assert_ok(kms_store_profiles_list(t->db, ACCOUNT, NULL, "a", 1, put_profile, &page));
	assert_string_equal(page.text, "b ");
	assert_ok(kms_store_profiles_list(t->db, OTHER, NULL, "", 10, put_profile, &other));
	assert_string_equal(other.text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DATABASE_TEST(keeps_every_field_of_a_principal),
		DATABASE_TEST(names_are_unique_without_case_in_account_and_kind),
		DATABASE_TEST(renames_unless_the_name_is_taken),
		DATABASE_TEST(lists_principals_by_folded_name),
		DATABASE_TEST(gives_inline_policies_before_attached_ones),
		DATABASE_TEST(managed_policies_are_kept_while_attached),
		DATABASE_TEST(keeps_every_field_of_a_credential),
		DATABASE_TEST(lists_credentials_of_a_user_or_an_old_generation),
		DATABASE_TEST(a_principal_goes_only_when_nothing_hangs_on_it),
		DATABASE_TEST(changes_name_the_principal_and_the_credential),
		DATABASE_TEST(keeps_instance_profiles_and_their_role),
		DATABASE_TEST(lists_instance_profiles_by_name_and_role),
	};

	return RUN_ON_BOTH(tests);
}
