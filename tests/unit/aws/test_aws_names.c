/* SPDX-License-Identifier: Apache-2.0 */
/* ARNs, principals, key references and aliases. */
#include "test.h"

#include "aws/key_ref.h"

#define KEY_ID "1234abcd-12ab-34cd-56ef-1234567890ab"
#define MRK_ID "mrk-1234abcd12ab34cd56ef1234567890ab"
#define KMS    "arn:aws:kms:us-east-1:111122223333:"

static void arns_come_apart(void **state)
{
	struct rd_arn arn;

	(void)state;
	assert_ok(
		rd_arn_parse(rd_view_str("arn:aws-cn:kms:cn-north-1:111122223333:key/a:b"), &arn));
	assert_true(rd_view_equal(arn.partition, rd_view_str("aws-cn")));
	assert_true(rd_view_equal(arn.service, rd_view_str("kms")));
	assert_true(rd_view_equal(arn.region, rd_view_str("cn-north-1")));
	assert_true(rd_view_equal(arn.account, rd_view_str("111122223333")));
	assert_true(rd_view_equal(arn.resource, rd_view_str("key/a:b")));
	assert_ok(rd_arn_parse(rd_view_str("arn:aws:s3:::bucket"), &arn));
	assert_int_equal(arn.region.len + arn.account.len, 0);
}

static void broken_arns_are_malformed(void **state)
{
	static const char *const bad[] = {"", "arn", "arn:aws:kms:us-east-1:111122223333",
		"arn:aws:kms:us-east-1:111122223333:", "arn:aws:kms:us-east-1:11112222333:key/x",
		"arn:aws:kms:us-east-1:11112222333a:key/x",
		"arn:aws:kms:us east:111122223333:key/x",
		"ARN:aws:kms:us-east-1:111122223333:key/x", "arn::kms:us-east-1:111122223333:key/x",
		"arn:aws::us-east-1:111122223333:key/x", "arn:aws:kms:1:111122223333:key/x",
		KMS "key/x y", KMS "key/\xc3\xa4"};
	char longest[RD_ARN_SIZE_MAX + 2] = KMS;
	struct rd_arn arn;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(bad); i++) {
		assert_status(rd_arn_parse(rd_view_str(bad[i]), &arn), RD_MALFORMED);
	}
	memset(longest + strlen(longest), 'x', RD_ARN_SIZE_MAX + 1 - strlen(longest));
	assert_status(rd_arn_parse(rd_view(longest, RD_ARN_SIZE_MAX + 1), &arn), RD_MALFORMED);
	assert_ok(rd_arn_parse(rd_view(longest, RD_ARN_SIZE_MAX), &arn));
}

static void arns_are_put_together_in_their_partition(void **state)
{
	struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(4096);
	struct rd_view account = rd_view_str("111122223333");

	(void)state;
	assert_string_equal(rd_aws_partition(rd_view_str("us-east-1")), "aws");
	assert_string_equal(rd_aws_partition(rd_view_str("cn-north-1")), "aws-cn");
	assert_string_equal(rd_aws_partition(rd_view_str("us-gov-west-1")), "aws-us-gov");
	assert_ok(rd_arn_put_key(rd_view_str("us-east-1"), account, rd_view_str(KEY_ID), &out));
	assert_true(rd_view_equal(rd_buf_view(&out), rd_view_str(KMS "key/" KEY_ID)));
	out.used = 0;
	assert_ok(rd_arn_put_alias(
		rd_view_str("us-gov-east-1"), account, rd_view_str("alias/x"), &out));
	assert_true(rd_view_equal(rd_buf_view(&out),
		rd_view_str("arn:aws-us-gov:kms:us-gov-east-1:111122223333:alias/x")));
}

static const struct {
	const char *arn;
	enum rd_principal_kind kind;
	const char *path;
	const char *name;
	const char *session;
} principals[] = {
	{"arn:aws:iam::111122223333:root", RD_PRINCIPAL_ROOT, NULL, NULL, NULL},
	{"arn:aws:iam::111122223333:user/bob", RD_PRINCIPAL_USER, "/", "bob", NULL},
	{"arn:aws:iam::111122223333:user/a/b/bob@x.y", RD_PRINCIPAL_USER, "/a/b/", "bob@x.y", NULL},
	{"arn:aws-cn:iam::111122223333:role/svc/R_1", RD_PRINCIPAL_ROLE, "/svc/", "R_1", NULL},
	{"arn:aws:sts::111122223333:assumed-role/R/s-1", RD_PRINCIPAL_ASSUMED_ROLE, NULL, "R",
		"s-1"},
	{"arn:aws:sts::111122223333:federated-user/fed", RD_PRINCIPAL_FEDERATED_USER, NULL, "fed",
		NULL},
};

static void assert_part(struct rd_view got, const char *want)
{
	if (want == NULL) {
		assert_null(got.ptr);
	} else {
		assert_true(rd_view_equal(got, rd_view_str(want)));
	}
}

static void principals_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(principals); i++) {
		struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(4096);
		struct rd_principal p;

		assert_ok(rd_principal_parse(rd_view_str(principals[i].arn), &p));
		assert_int_equal(p.kind, principals[i].kind);
		assert_part(p.account, "111122223333");
		assert_part(p.path, principals[i].path);
		assert_part(p.name, principals[i].name);
		assert_part(p.session, principals[i].session);
		assert_ok(rd_principal_put(&p, &out));
		assert_true(rd_view_equal(rd_buf_view(&out), rd_view_str(principals[i].arn)));
	}
}

static void what_names_no_principal_is_unsupported(void **state)
{
	static const char *const bad[] = {"arn:aws:iam::111122223333:group/g", KMS "key/" KEY_ID,
		"arn:aws:iam::111122223333:user/*", "arn:aws:iam::111122223333:role/a*/b",
		"arn:aws:iam::111122223333:user/", "arn:aws:iam::111122223333:user//bob",
		"arn:aws:iam::111122223333:user", "arn:aws:iam:::root",
		"arn:aws:iam:us-east-1:111122223333:root", "arn:aws:iam::111122223333:rootx",
		"arn:aws:sts::111122223333:assumed-role/R",
		"arn:aws:sts::111122223333:assumed-role/R/",
		"arn:aws:sts::111122223333:assumed-role/R/s",
		"arn:aws:sts::111122223333:assumed-role//ss",
		"arn:aws:sts::111122223333:assumed-role/R/s/t",
		"arn:aws:sts::111122223333:federated-user", "arn:aws:sts::111122223333:other/x"};
	struct rd_principal p;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(bad); i++) {
		assert_status(rd_principal_parse(rd_view_str(bad[i]), &p), RD_UNSUPPORTED);
	}
	assert_status(rd_principal_parse(rd_view_str("*"), &p), RD_MALFORMED);
}

static void no_principal_is_made_of_bad_parts(void **state)
{
	struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(4096);
	struct rd_principal p = {.kind = RD_PRINCIPAL_USER,
		.partition = rd_view_str("aws"),
		.account = rd_view_str("111122223333"),
		.path = rd_view_str("/"),
		.name = rd_view_str("a/b")};

	(void)state;
	/* "user/" and "a/b" would read back as another user. */
	assert_status(rd_principal_put(&p, &out), RD_MALFORMED);
	p.name = rd_view_str("*");
	assert_status(rd_principal_put(&p, &out), RD_MALFORMED);
	p.name = rd_view_str("b");
	p.path = rd_view_str("/a");
	assert_status(rd_principal_put(&p, &out), RD_MALFORMED);
}

static void keys_are_named_in_four_ways(void **state)
{
	static const struct {
		const char *text;
		enum rd_key_ref_kind kind;
		const char *name;
	} refs[] = {
		{KEY_ID, RD_KEY_REF_ID, KEY_ID},
		{MRK_ID, RD_KEY_REF_ID, MRK_ID},
		{KMS "key/" KEY_ID, RD_KEY_REF_ARN, KEY_ID},
		{KMS "key/" MRK_ID, RD_KEY_REF_ARN, MRK_ID},
		{"alias/a/b_C-1", RD_KEY_REF_ALIAS, "alias/a/b_C-1"},
		{"alias/aws/kms", RD_KEY_REF_ALIAS, "alias/aws/kms"},
		{KMS "alias/x", RD_KEY_REF_ALIAS_ARN, "alias/x"},
	};
	struct rd_key_ref ref;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(refs); i++) {
		assert_ok(rd_key_ref_parse(rd_view_str(refs[i].text), &ref));
		assert_int_equal(ref.kind, refs[i].kind);
		assert_part(ref.name, refs[i].name);
	}
}

static void other_texts_name_no_key(void **state)
{
	static const char *const unknown[] = {"", "x", "1234abcd12ab34cd56ef1234567890ab",
		"1234abcd-12ab-34cd-56ef-1234567890a", "1234abcd-12ab-34cd-56ef-1234567890abc",
		"1234abcg-12ab-34cd-56ef-1234567890ab", "1234abcd-12ab-34cd-56ef1-234567890ab",
		"mrk-1234abcd12ab34cd56ef1234567890a", "mrk-1234abcd12ab34cd56ef1234567890ag",
		"alias/", "alias/a:b", "Alias/x", " 1234abcd-12ab-34cd-56ef-1234567890ab"};
	static const char *const broken[] = {"arn:", "arn:aws:kms", KMS "key/", KMS "key/x",
		KMS "Key/" KEY_ID, KMS KEY_ID, KMS "alias/", KMS "alias/a b",
		"arn:aws:iam::111122223333:root", "arn:aws:kms::111122223333:key/" KEY_ID,
		"arn:aws:kms:us-east-1::key/" KEY_ID};
	struct rd_key_ref ref;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(unknown); i++) {
		assert_status(rd_key_ref_parse(rd_view_str(unknown[i]), &ref), RD_NOTFOUND);
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(broken); i++) {
		assert_status(rd_key_ref_parse(rd_view_str(broken[i]), &ref), RD_MALFORMED);
	}
}

static void alias_names_follow_the_rules_of_create_alias(void **state)
{
	char longest[RD_ALIAS_NAME_MAX + 2] = "alias/";

	(void)state;
	memset(longest + 6, 'x', RD_ALIAS_NAME_MAX - 5);
	assert_int_equal(rd_alias_check(rd_view_str("alias/a/B-c_1")), RD_ALIAS_OK);
	assert_int_equal(rd_alias_check(rd_view(longest, RD_ALIAS_NAME_MAX)), RD_ALIAS_OK);
	assert_int_equal(
		rd_alias_check(rd_view(longest, RD_ALIAS_NAME_MAX + 1)), RD_ALIAS_BAD_NAME);
	assert_int_equal(rd_alias_check(rd_view_str("alias/")), RD_ALIAS_BAD_NAME);
	assert_int_equal(rd_alias_check(rd_view_str("alias/a:b")), RD_ALIAS_BAD_NAME);
	assert_int_equal(rd_alias_check(rd_view_str("alias/a b")), RD_ALIAS_BAD_NAME);
	assert_int_equal(rd_alias_check(rd_view_str("alias/aws/x")), RD_ALIAS_RESERVED);
	assert_int_equal(rd_alias_check(rd_view_str("alias/awsx")), RD_ALIAS_OK);
	assert_int_equal(rd_alias_check(rd_view_str("x")), RD_ALIAS_NO_PREFIX);
	assert_int_equal(rd_alias_check(rd_view_str("")), RD_ALIAS_NO_PREFIX);
}

static void made_ids_are_uuids_of_version_4(void **state)
{
	uint8_t random[16];
	char id[RD_KEY_ID_SIZE + 1];

	(void)state;
	memset(random, 0xff, sizeof(random));
	rd_key_id_make(random, false, id);
	assert_string_equal(id, "ffffffff-ffff-4fff-bfff-ffffffffffff");
	assert_true(rd_key_id_is_valid(rd_view_str(id)));
	rd_key_id_make(random, true, id);
	assert_string_equal(id, "mrk-ffffffffffffffffffffffffffffffff");
	assert_true(rd_key_id_is_valid(rd_view_str(id)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arns_come_apart),
		cmocka_unit_test(broken_arns_are_malformed),
		cmocka_unit_test(arns_are_put_together_in_their_partition),
		cmocka_unit_test(principals_round_trip),
		cmocka_unit_test(what_names_no_principal_is_unsupported),
		cmocka_unit_test(no_principal_is_made_of_bad_parts),
		cmocka_unit_test(keys_are_named_in_four_ways),
		cmocka_unit_test(other_texts_name_no_key),
		cmocka_unit_test(alias_names_follow_the_rules_of_create_alias),
		cmocka_unit_test(made_ids_are_uuids_of_version_4),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
