/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, aliases, states, tags, rotation and policies: the cases of the reference by their numbers
 * (sections B, E and F of its chapter 8), and what they leave out. */
#include "manage.h"

#include "kms/due.h"

/* --- CreateKey, DescribeKey --- */

static void case_29_creates_a_symmetric_key(void **state)
{
	struct server *s = *state;

	assert_works(s, "CreateKey", "{}");
	assert_string_equal(json_string_value(metadata(s, "KeySpec")), "SYMMETRIC_DEFAULT");
	assert_string_equal(
		json_string_value(metadata(s, "CustomerMasterKeySpec")), "SYMMETRIC_DEFAULT");
	assert_string_equal(json_string_value(metadata(s, "KeyUsage")), "ENCRYPT_DECRYPT");
	assert_true(json_is_true(metadata(s, "Enabled")));
	assert_string_equal(json_string_value(metadata(s, "KeyManager")), "CUSTOMER");
	assert_true(json_is_false(metadata(s, "MultiRegion")));
	assert_string_equal(json_string_value(metadata(s, "Origin")), "AWS_KMS");
	assert_string_equal(json_string_value(metadata(s, "Description")), "");
	assert_int_equal(json_array_size(metadata(s, "EncryptionAlgorithms")), 1);
	assert_null(metadata(s, "SigningAlgorithms"));
	assert_null(metadata(s, "DeletionDate"));
	assert_int_equal(strlen(json_string_value(metadata(s, "CurrentKeyMaterialId"))), 64);
	assert_true(json_number_value(metadata(s, "CreationDate")) == 1700000000.0);
}

static void case_30_31_usage_goes_with_the_spec(void **state)
{
	struct server *s = *state;

	assert_fault(s, VALIDATION, "CreateKey", "{'KeySpec': 'RSA_2048'}");
	assert_string_equal(s->message,
		"You must specify a KeyUsage value for all KMS keys except for symmetric "
		"encryption keys.");
	assert_fault(
		s, VALIDATION, "CreateKey", "{'KeySpec': 'RSA_2048', 'KeyUsage': 'KEY_AGREEMENT'}");
	assert_string_equal(
		s->message, "KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048");
	assert_fault(s, VALIDATION, "CreateKey", "{'KeyUsage': 'SIGN_VERIFY'}");
}

static void case_32_takes_the_old_name_of_the_spec(void **state)
{
	struct server *s = *state;

	assert_works(
		s, "CreateKey", "{'CustomerMasterKeySpec': 'RSA_2048', 'KeyUsage': 'SIGN_VERIFY'}");
	assert_string_equal(json_string_value(metadata(s, "KeySpec")), "RSA_2048");
	assert_string_equal(json_string_value(metadata(s, "CustomerMasterKeySpec")), "RSA_2048");
	assert_int_equal(json_array_size(metadata(s, "SigningAlgorithms")), 6);
	assert_null(metadata(s, "CurrentKeyMaterialId"));
	assert_fault(s, VALIDATION, "CreateKey",
		"{'CustomerMasterKeySpec': 'RSA_2048', 'KeySpec': 'RSA_3072',"
		" 'KeyUsage': 'SIGN_VERIFY'}");
}

static void case_33_34_refuses_unknown_and_unsupported_kinds(void **state)
{
	struct server *s = *state;

	assert_fault(s, VALIDATION, "CreateKey", "{'KeySpec': 'X'}");
	assert_says(s, "Value 'X' at 'keySpec' failed to satisfy constraint: Member must satisfy "
		       "enum value set: [");
	assert_fault(s, UNSUPPORTED, "CreateKey", "{'MultiRegion': true}");
	assert_fault(s, UNSUPPORTED, "CreateKey", "{'Origin': 'EXTERNAL_KEY_STORE'}");
	assert_fault(s, UNSUPPORTED, "CreateKey", "{'CustomKeyStoreId': 'cks-1'}");
	assert_fault(
		s, UNSUPPORTED, "CreateKey", "{'KeySpec': 'ML_DSA_44', 'KeyUsage': 'SIGN_VERIFY'}");
	assert_fault(s, SERIALIZATION, "CreateKey", "{'KeySpec': 5}");
	assert_fault(s, SERIALIZATION, "CreateKey", "{'MultiRegion': 'yes'}");
}

static void makes_every_spec_for_every_usage(void **state)
{
	static const char *const kinds[][2] = {{"RSA_2048", "ENCRYPT_DECRYPT"},
		{"ECC_NIST_P256", "SIGN_VERIFY"}, {"ECC_NIST_P384", "KEY_AGREEMENT"},
		{"ECC_NIST_P521", "SIGN_VERIFY"}, {"ECC_SECG_P256K1", "SIGN_VERIFY"},
		{"ECC_NIST_EDWARDS25519", "SIGN_VERIFY"}, {"HMAC_224", "GENERATE_VERIFY_MAC"},
		{"HMAC_256", "GENERATE_VERIFY_MAC"}, {"HMAC_384", "GENERATE_VERIFY_MAC"},
		{"HMAC_512", "GENERATE_VERIFY_MAC"}};
	struct server *s = *state;

	for (size_t i = 0; i < RD_ARRAY_LEN(kinds); i++) {
		assert_works(s, "CreateKey", "{'KeySpec': '%s', 'KeyUsage': '%s'}", kinds[i][0],
			kinds[i][1]);
		assert_string_equal(json_string_value(metadata(s, "KeySpec")), kinds[i][0]);
	}
	assert_fault(s, VALIDATION, "CreateKey",
		"{'KeySpec': 'ECC_SECG_P256K1', 'KeyUsage': 'KEY_AGREEMENT'}");
	assert_fault(
		s, VALIDATION, "CreateKey", "{'KeySpec': 'HMAC_256', 'KeyUsage': 'SIGN_VERIFY'}");
}

static void case_35_36_tags_have_rules(void **state)
{
	struct server *s = *state;
	char tags[8192] = "";
	size_t used = 0;

	for (unsigned i = 0; i < 51; i++) {
		used += (size_t)snprintf(tags + used, sizeof(tags) - used,
			"%s{'TagKey': 'k%u', 'TagValue': ''}", i == 0 ? "" : ", ", i);
	}
	assert_fault(s, TAG, "CreateKey", "{'Tags': [%s]}", tags);
	assert_string_equal(s->message, "Too many tags");
	assert_fault(s, TAG, "CreateKey",
		"{'Tags': [{'TagKey': 'a', 'TagValue': '1'}, {'TagKey': 'a', 'TagValue': '2'}]}");
	assert_string_equal(s->message, "Duplicate tag keys");
	assert_fault(s, TAG, "CreateKey", "{'Tags': [{'TagKey': 'aws:x', 'TagValue': ''}]}");
	assert_string_equal(s->message, "Tags beginning with aws: are reserved");
	assert_fault(
		s, VALIDATION, "CreateKey", "{'Tags': [{'TagKey': '%0129d', 'TagValue': ''}]}", 0);
	assert_says(s, "at 'tags.1.member.tagKey' failed to satisfy constraint: Member must have "
		       "length less than or equal to 128");
	assert_fault(s, VALIDATION, "CreateKey", "{'Tags': [{'TagKey': 'a'}]}");
	assert_says(s, "tags.1.member.tagValue");
}

static void keeps_tags_of_128_characters_that_are_not_bytes(void **state)
{
	struct server *s = *state;
	char key[4 * 128 + 1] = "";
	struct id id;

	for (size_t i = 0; i < 128; i++) {
		memcpy(key + 4 * i, "\xf0\x9f\x94\x91", 4);
	}
	assert_works(s, "CreateKey", "{'Tags': [{'TagKey': '%s', 'TagValue': '%s'}]}", key, key);
	snprintf(id.text, sizeof(id.text), "%s", json_string_value(metadata(s, "KeyId")));
	assert_works(s, "ListResourceTags", "{'KeyId': '%s'}", id.text);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(got(s, "Tags"), 0), "TagKey")),
		key);
}

static void case_37_describes_by_every_name(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "'Description': 'd'");
	json_t *want;

	assert_works(s, "CreateAlias", "{'AliasName': 'alias/a', 'TargetKeyId': '%s'}", id.text);
	assert_works(s, "DescribeKey", "{'KeyId': '%s'}", id.text);
	want = json_incref(s->out);
	assert_works(s, "DescribeKey", "{'KeyId': '" ARN "%s'}", id.text);
	assert_true(json_equal(want, s->out));
	assert_works(s, "DescribeKey", "{'KeyId': 'alias/a'}");
	assert_true(json_equal(want, s->out));
	assert_works(s, "DescribeKey", "{'KeyId': 'arn:aws:kms:" REGION ":" ACCOUNT ":alias/a'}");
	assert_true(json_equal(want, s->out));
	json_decref(want);
}

static void case_38_says_what_is_not_there(void **state)
{
	struct server *s = *state;

	assert_fault(s, NOT_FOUND, "DescribeKey", "{'KeyId': 'fake'}");
	assert_string_equal(s->message, "Invalid keyId 'fake'");
	assert_fault(
		s, NOT_FOUND, "DescribeKey", "{'KeyId': '00000000-0000-4000-8000-000000000000'}");
	assert_string_equal(
		s->message, "Key '" ARN "00000000-0000-4000-8000-000000000000' does not exist");
	assert_fault(s, NOT_FOUND, "DescribeKey",
		"{'KeyId': 'arn:aws:kms:eu-west-1:" ACCOUNT
		":key/00000000-0000-4000-8000-000000000000'}");
	assert_string_equal(s->message, "Invalid arn eu-west-1");
	assert_fault(s, NOT_FOUND, "DescribeKey", "{'KeyId': 'alias/none'}");
	assert_string_equal(
		s->message, "Alias arn:aws:kms:" REGION ":" ACCOUNT ":alias/none is not found.");
	assert_fault(s, INVALID_ARN, "DescribeKey", "{'KeyId': 'arn:aws:kms'}");
	assert_fault(s, VALIDATION, "DescribeKey", "{}");
	assert_says(s, "Value null at 'keyId' failed to satisfy constraint: Member must not be "
		       "null");
}

static void management_takes_no_aliases(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");

	assert_works(s, "CreateAlias", "{'AliasName': 'alias/a', 'TargetKeyId': '%s'}", id.text);
	assert_fault(s, NOT_FOUND, "EnableKey", "{'KeyId': 'alias/a'}");
	assert_string_equal(s->message, "Invalid keyId 'alias/a'");
	assert_fault(s, NOT_FOUND, "GetKeyPolicy",
		"{'KeyId': 'arn:aws:kms:" REGION ":" ACCOUNT ":alias/a'}");
}

static void strangers_do_not_learn_what_exists(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");
	char there[KMS_MESSAGE_SIZE];

	as_root(s, OTHER);
	assert_fault(s, ACCESS_DENIED, "DescribeKey", "{'KeyId': '" ARN "%s'}", id.text);
	snprintf(there, sizeof(there), "%s", s->message);
	memcpy(strstr(there, id.text), "00000000-0000-4000-8000-000000000000", 36);
	assert_fault(s, ACCESS_DENIED, "DescribeKey",
		"{'KeyId': '" ARN "00000000-0000-4000-8000-000000000000'}");
	assert_string_equal(s->message, there);
	assert_fault(s, NOT_FOUND, "DescribeKey", "{'KeyId': '%s'}", id.text);
	assert_says(s, OTHER);
	assert_fault(s, ACCESS_DENIED, "EnableKey", "{'KeyId': '" ARN "%s'}", id.text);
	assert_fault(s, ACCESS_DENIED, "RetireGrant", "{'KeyId': '" ARN "%s', 'GrantId': '%064d'}",
		id.text, 0);
	assert_fault(s, ACCESS_DENIED, "DescribeKey",
		"{'KeyId': '" ARN "%s', 'GrantTokens': ['junk']}", id.text);
}

/* --- aliases --- */

static void case_39_alias_names_have_rules(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");

	assert_fault(
		s, VALIDATION, "CreateAlias", "{'AliasName': 'foo', 'TargetKeyId': '%s'}", id.text);
	assert_says(s, "Alias must start with the prefix \"alias/\"");
	assert_fault(s, NOT_AUTHORIZED, "CreateAlias",
		"{'AliasName': 'alias/aws/x', 'TargetKeyId': '%s'}", id.text);
	assert_string_equal(s->message, "");
	assert_fault(s, VALIDATION, "CreateAlias",
		"{'AliasName': 'alias/a b', 'TargetKeyId': '%s'}", id.text);
	assert_says(s, "at 'aliasName' failed to satisfy constraint: Member must satisfy regular "
		       "expression pattern: ^[a-zA-Z0-9:/_-]+$");
	assert_fault(s, VALIDATION, "CreateAlias",
		"{'AliasName': 'alias/a:b', 'TargetKeyId': '%s'}", id.text);
	assert_fault(s, VALIDATION, "CreateAlias",
		"{'AliasName': 'alias/%0251d', 'TargetKeyId': '%s'}", 0, id.text);
	assert_says(s, "length less than or equal to 256");
	assert_works(
		s, "CreateAlias", "{'AliasName': 'alias/%0250d', 'TargetKeyId': '%s'}", 0, id.text);
}

static void case_40_42_an_alias_is_taken_once_and_names_a_key(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");

	assert_works(s, "CreateAlias", "{'AliasName': 'alias/a', 'TargetKeyId': '%s'}", id.text);
	assert_null(s->out);
	assert_fault(s, ALREADY_EXISTS, "CreateAlias",
		"{'AliasName': 'alias/a', 'TargetKeyId': '%s'}", id.text);
	assert_string_equal(s->message,
		"An alias with the name arn:aws:kms:" REGION ":" ACCOUNT ":alias/a already exists");
	assert_fault(
		s, VALIDATION, "CreateAlias", "{'AliasName': 'alias/b', 'TargetKeyId': 'alias/a'}");
	assert_string_equal(s->message, "Aliases must refer to keys. Not aliases");
}

static void case_41_a_key_has_fifty_aliases(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");

	for (unsigned i = 0; i < KMS_ALIASES_PER_KEY; i++) {
		assert_works(s, "CreateAlias", "{'AliasName': 'alias/%u', 'TargetKeyId': '%s'}", i,
			id.text);
	}
	assert_fault(s, LIMIT_EXCEEDED, "CreateAlias",
		"{'AliasName': 'alias/more', 'TargetKeyId': '%s'}", id.text);
	assert_fault(s, NOT_FOUND, "DescribeKey", "{'KeyId': 'alias/more'}");
}

static void case_43_44_aliases_move_among_alike_keys(void **state)
{
	struct server *s = *state;
	struct id a = make_key(s, ""), b = make_key(s, ""), c = make_key(s, EC_SIGN);

	assert_works(s, "CreateAlias", "{'AliasName': 'alias/a', 'TargetKeyId': '%s'}", a.text);
	assert_works(s, "DescribeKey", "{'KeyId': 'alias/a'}");
	assert_fault(s, VALIDATION, "UpdateAlias", "{'AliasName': 'alias/a', 'TargetKeyId': '%s'}",
		c.text);
	assert_works(s, "DescribeKey", "{'KeyId': 'alias/a'}");
	assert_string_equal(json_string_value(metadata(s, "KeyId")), a.text);
	s->now_ms += 1000;
	assert_works(s, "UpdateAlias", "{'AliasName': 'alias/a', 'TargetKeyId': '%s'}", b.text);
	assert_works(s, "DescribeKey", "{'KeyId': 'alias/a'}");
	assert_string_equal(json_string_value(metadata(s, "KeyId")), b.text);
	assert_works(s, "ListAliases", "{'KeyId': '%s'}", b.text);
	assert_true(json_number_value(json_object_get(json_array_get(got(s, "Aliases"), 0),
			    "LastUpdatedDate")) == 1700000001.0);
	assert_works(s, "ListAliases", "{'KeyId': '%s'}", a.text);
	assert_int_equal(json_array_size(got(s, "Aliases")), 0);
	assert_fault(s, NOT_FOUND, "UpdateAlias",
		"{'AliasName': 'alias/none', 'TargetKeyId': '%s'}", b.text);
	assert_fault(s, NOT_FOUND, "DeleteAlias", "{'AliasName': 'alias/none'}");
	assert_works(s, "DeleteAlias", "{'AliasName': 'alias/a'}");
	assert_fault(s, NOT_FOUND, "DescribeKey", "{'KeyId': 'alias/a'}");
}

/* --- states --- */

static void case_46_47_disabled_keys_do_not_work(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");

	assert_works(s, "Encrypt", "{'KeyId': '%s', 'Plaintext': 'YQ=='}", id.text);
	assert_works(s, "DisableKey", "{'KeyId': '%s'}", id.text);
	assert_works(s, "DisableKey", "{'KeyId': '%s'}", id.text);
	assert_fault(s, DISABLED, "Encrypt", "{'KeyId': '%s', 'Plaintext': 'YQ=='}", id.text);
	assert_says(s, " is disabled.");
	assert_works(s, "EnableKey", "{'KeyId': '%s'}", id.text);
	assert_works(s, "EnableKey", "{'KeyId': '%s'}", id.text);
	assert_works(s, "Encrypt", "{'KeyId': '%s', 'Plaintext': 'YQ=='}", id.text);
}

static void case_48_49_deletion_has_a_window(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");
	char arn[KMS_ARN_SIZE];

	snprintf(arn, sizeof(arn), ARN "%s", id.text);
	assert_fault(s, VALIDATION, "ScheduleKeyDeletion",
		"{'KeyId': '%s', 'PendingWindowInDays': 6}", id.text);
	assert_fault(s, VALIDATION, "ScheduleKeyDeletion",
		"{'KeyId': '%s', 'PendingWindowInDays': 31}", id.text);
	assert_string_equal(state_of(s, id.text), "Enabled");
	assert_works(s, "ScheduleKeyDeletion", "{'KeyId': '%s'}", id.text);
	assert_string_equal(got_text(s, "KeyId"), arn);
	assert_string_equal(got_text(s, "KeyState"), "PendingDeletion");
	assert_int_equal(json_integer_value(got(s, "PendingWindowInDays")), 30);
	assert_true(
		json_number_value(got(s, "DeletionDate")) == (double)(START + 30 * DAY) / 1000.0);
	assert_works(s, "DescribeKey", "{'KeyId': '%s'}", id.text);
	assert_true(json_is_false(metadata(s, "Enabled")));
	assert_true(json_is_number(metadata(s, "DeletionDate")));
}

static void case_50_51_pending_deletion_bears_little(void **state)
{
	static const char *const refused[][2] = {{"EnableKey", ""}, {"DisableKey", ""},
		{"ScheduleKeyDeletion", ""}, {"EnableKeyRotation", ""}, {"RotateKeyOnDemand", ""},
		{"Encrypt", ", 'Plaintext': 'YQ=='"},
		{"TagResource", ", 'Tags': [{'TagKey': 'a', 'TagValue': 'b'}]"},
		{"UntagResource", ", 'TagKeys': ['a']"},
		{"UpdateKeyDescription", ", 'Description': 'x'"}};
	struct server *s = *state;
	struct id id = make_key(s, "");

	assert_works(s, "CreateAlias", "{'AliasName': 'alias/a', 'TargetKeyId': '%s'}", id.text);
	assert_works(s, "ScheduleKeyDeletion", "{'KeyId': '%s'}", id.text);
	for (size_t i = 0; i < RD_ARRAY_LEN(refused); i++) {
		assert_fault(s, INVALID_STATE, refused[i][0], "{'KeyId': '%s'%s}", id.text,
			refused[i][1]);
		assert_says(s, " is pending deletion.");
	}
	assert_fault(s, INVALID_STATE, "CreateAlias",
		"{'AliasName': 'alias/b', 'TargetKeyId': '%s'}", id.text);
	assert_works(s, "DescribeKey", "{'KeyId': '%s'}", id.text);
	assert_works(s, "GetKeyPolicy", "{'KeyId': '%s'}", id.text);
	assert_works(s, "ListAliases", "{'KeyId': '%s'}", id.text);
	assert_works(s, "DeleteAlias", "{'AliasName': 'alias/a'}");
	assert_works(s, "GetKeyRotationStatus", "{'KeyId': '%s'}", id.text);
}

static void case_52_53_cancelling_leaves_it_disabled(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");
	char blob[1024];

	assert_works(s, "Encrypt", "{'KeyId': '%s', 'Plaintext': 'YQ=='}", id.text);
	snprintf(blob, sizeof(blob), "%s", got_text(s, "CiphertextBlob"));
	assert_fault(s, INVALID_STATE, "CancelKeyDeletion", "{'KeyId': '%s'}", id.text);
	assert_says(s, " is not pending deletion.");
	assert_works(s, "ScheduleKeyDeletion", "{'KeyId': '%s'}", id.text);
	assert_works(s, "CancelKeyDeletion", "{'KeyId': '%s'}", id.text);
	assert_string_equal(state_of(s, id.text), "Disabled");
	assert_null(metadata(s, "DeletionDate"));
	assert_works(s, "EnableKey", "{'KeyId': '%s'}", id.text);
	assert_works(s, "Decrypt", "{'CiphertextBlob': '%s'}", blob);
	assert_string_equal(got_text(s, "Plaintext"), "YQ==");
}

/* Case 171 as well: of two servers that run the same deletion, the second finds nothing to do. */
static void case_54_the_date_passes(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");
	char blob[1024];
	bool done;

	assert_works(s, "Encrypt", "{'KeyId': '%s', 'Plaintext': 'YQ=='}", id.text);
	snprintf(blob, sizeof(blob), "%s", got_text(s, "CiphertextBlob"));
	assert_works(s, "CreateAlias", "{'AliasName': 'alias/a', 'TargetKeyId': '%s'}", id.text);
	assert_ok(kms_due_delete(s->kms, s->t->db, id.text, s->now_ms + 400 * DAY, &done));
	assert_false(done); /* it is not pending */
	assert_works(
		s, "ScheduleKeyDeletion", "{'KeyId': '%s', 'PendingWindowInDays': 7}", id.text);
	assert_ok(kms_due_delete(s->kms, s->t->db, id.text, s->now_ms + 7 * DAY - 1, &done));
	assert_false(done);
	assert_ok(kms_due_delete(s->kms, s->t->db, id.text, s->now_ms + 7 * DAY, &done));
	assert_true(done);
	assert_ok(kms_due_delete(s->kms, s->t->db, id.text, s->now_ms + 7 * DAY, &done));
	assert_false(done);
	assert_fault(s, NOT_FOUND, "DescribeKey", "{'KeyId': '%s'}", id.text);
	assert_works(s, "ListAliases", "{}");
	assert_int_equal(json_array_size(got(s, "Aliases")), 0);
	assert_fault(s, ACCESS_DENIED, "Decrypt", "{'CiphertextBlob': '%s'}", blob);
}

static void case_170_only_one_of_two_changes_wins(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");
	struct kms_key key;

	/* What another server did is not in this one's cache. */
	assert_string_equal(state_of(s, id.text), "Enabled");
	assert_ok(kms_store_key_find(s->t->db, id.text, &key));
	key.state = KMS_STATE_PENDING_DELETION;
	key.deletion_ms = START + DAY;
	in_transaction(s->t->db, kms_store_key_update(s->t->db, &key));
	kms_key_finish(&key);
	assert_fault(s, INVALID_STATE, "ScheduleKeyDeletion", "{'KeyId': '%s'}", id.text);
	assert_works(s, "CancelKeyDeletion", "{'KeyId': '%s'}", id.text);
	assert_fault(s, INVALID_STATE, "CancelKeyDeletion", "{'KeyId': '%s'}", id.text);
}

/* --- lists --- */

static void case_55_lists_page_by_page(void **state)
{
	struct server *s = *state;
	struct id ids[5];
	char marker[1100] = "", seen[5][KMS_KEY_ID_SIZE];
	size_t n = 0;

	for (size_t i = 0; i < 5; i++) {
		ids[i] = make_key(s, "");
	}
	do {
		if (marker[0] == '\0') {
			assert_works(s, "ListKeys", "{'Limit': 1}");
		} else {
			assert_works(s, "ListKeys", "{'Limit': 1, 'Marker': '%s'}", marker);
		}
		assert_int_equal(json_array_size(got(s, "Keys")), 1);
		assert_true(n < 5);
		snprintf(seen[n++], KMS_KEY_ID_SIZE, "%s",
			json_string_value(
				json_object_get(json_array_get(got(s, "Keys"), 0), "KeyId")));
		assert_true(json_is_boolean(got(s, "Truncated")));
		assert_int_equal(json_is_true(got(s, "Truncated")), got(s, "NextMarker") != NULL);
		snprintf(marker, sizeof(marker), "%s",
			got(s, "NextMarker") == NULL ? "" : got_text(s, "NextMarker"));
	} while (marker[0] != '\0');
	assert_int_equal(n, 5);
	for (size_t i = 0; i < 5; i++) {
		size_t found = 0;

		for (size_t k = 0; k < 5; k++) {
			found += strcmp(ids[i].text, seen[k]) == 0;
		}
		assert_int_equal(found, 1);
	}
}

static void case_56_markers_are_ours(void **state)
{
	struct server *s = *state;
	char marker[1100];

	make_key(s, "");
	make_key(s, "");
	assert_fault(s, INVALID_MARKER, "ListKeys", "{'Marker': 'garbage'}");
	assert_fault(s, VALIDATION, "ListKeys", "{'Limit': 0}");
	assert_says(s, "at 'limit' failed to satisfy constraint: Member must have value greater "
		       "than or equal to 1");
	assert_fault(s, VALIDATION, "ListKeys", "{'Limit': 1001}");
	assert_works(s, "ListKeys", "{'Limit': 1}");
	snprintf(marker, sizeof(marker), "%s", got_text(s, "NextMarker"));
	assert_fault(s, INVALID_MARKER, "ListAliases", "{'Marker': '%s'}", marker);
	marker[50] = marker[50] == 'A' ? 'B' : 'A';
	assert_fault(s, INVALID_MARKER, "ListKeys", "{'Marker': '%s'}", marker);
}

static void a_marker_is_for_one_account(void **state)
{
	struct server *s = *state;
	char marker[1100];

	make_key(s, "");
	make_key(s, "");
	assert_works(s, "ListKeys", "{'Limit': 1}");
	snprintf(marker, sizeof(marker), "%s", got_text(s, "NextMarker"));
	as_root(s, OTHER);
	assert_fault(s, INVALID_MARKER, "ListKeys", "{'Marker': '%s'}", marker);
}

/* --- tags, description --- */

static void tags_come_and_go(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "'Tags': [{'TagKey': 'a', 'TagValue': '1'}]");

	assert_works(s, "TagResource",
		"{'KeyId': '%s', 'Tags': [{'TagKey': 'a', 'TagValue': '2'},"
		" {'TagKey': 'b', 'TagValue': ''}]}",
		id.text);
	assert_works(s, "ListResourceTags", "{'KeyId': '%s', 'Limit': 1}", id.text);
	assert_true(json_is_true(got(s, "Truncated")));
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(got(s, "Tags"), 0), "TagValue")),
		"2");
	assert_works(s, "UntagResource", "{'KeyId': '%s', 'TagKeys': ['a', 'none']}", id.text);
	assert_works(s, "ListResourceTags", "{'KeyId': '%s'}", id.text);
	assert_int_equal(json_array_size(got(s, "Tags")), 1);
	assert_fault(s, VALIDATION, "UntagResource", "{'KeyId': '%s'}", id.text);
	assert_fault(s, SERIALIZATION, "UntagResource", "{'KeyId': '%s', 'TagKeys': [1]}", id.text);
}

static void a_key_has_fifty_tags(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");

	for (unsigned i = 0; i < KMS_TAGS_PER_KEY; i++) {
		assert_works(s, "TagResource",
			"{'KeyId': '%s', 'Tags': [{'TagKey': 'k%u', 'TagValue': ''}]}", id.text, i);
	}
	assert_fault(s, TAG, "TagResource",
		"{'KeyId': '%s', 'Tags': [{'TagKey': 'k0', 'TagValue': 'new'},"
		" {'TagKey': 'more', 'TagValue': ''}]}",
		id.text);
	assert_works(s, "ListResourceTags", "{'KeyId': '%s', 'Limit': 1}", id.text);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(got(s, "Tags"), 0), "TagValue")),
		"");
}

static void descriptions_change(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "'Description': 'one'");

	assert_works(s, "UpdateKeyDescription", "{'KeyId': '%s', 'Description': ''}", id.text);
	assert_works(s, "DescribeKey", "{'KeyId': '%s'}", id.text);
	assert_string_equal(json_string_value(metadata(s, "Description")), "");
	assert_fault(s, VALIDATION, "UpdateKeyDescription",
		"{'KeyId': '%s', 'Description': '%08193d'}", id.text, 0);
	assert_fault(s, VALIDATION, "UpdateKeyDescription", "{'KeyId': '%s'}", id.text);
}

static void last_usage_is_answered(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "'Description': 'one'");
	struct kms_last_use use = {
		.operation = "ReEncrypt", .used_ms = START + 1500, .request_id = "r-1"};
	json_t *usage;

	assert_works(s, "GetKeyLastUsage", "{'KeyId': '" ARN "%s'}", id.text);
	assert_string_equal(json_string_value(json_object_get(s->out, "KeyId")), id.text);
	assert_int_equal(json_object_size(json_object_get(s->out, "KeyLastUsage")), 0);
	assert_int_equal(json_object_size(s->out), 4);
	memcpy(use.key_id, id.text, sizeof(use.key_id));
	in_transaction(s->t->db, kms_store_last_use_put(s->t->db, &use));
	assert_works(s, "GetKeyLastUsage", "{'KeyId': '%s'}", id.text);
	usage = json_object_get(s->out, "KeyLastUsage");
	assert_int_equal(json_object_size(usage), 4);
	assert_string_equal(json_string_value(json_object_get(usage, "Operation")), "ReEncrypt");
	assert_string_equal(json_string_value(json_object_get(usage, "KmsRequestId")), "r-1");
	assert_string_equal(json_string_value(json_object_get(usage, "CloudTrailEventId")), "r-1");
	assert_fault(s, NOT_FOUND, "GetKeyLastUsage",
		"{'KeyId': '11111111-2222-4333-8444-555555555555'}");
	assert_fault(s, NOT_FOUND, "GetKeyLastUsage", "{'KeyId': 'alias/a'}");
	as_root(s, OTHER);
	assert_fault(s, ACCESS_DENIED, "GetKeyLastUsage", "{'KeyId': '" ARN "%s'}", id.text);
}

/* --- rotation --- */

static void case_93_automatic_rotation_has_a_period(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");

	assert_works(s, "GetKeyRotationStatus", "{'KeyId': '%s'}", id.text);
	assert_true(json_is_false(got(s, "KeyRotationEnabled")));
	assert_null(got(s, "NextRotationDate"));
	assert_works(s, "EnableKeyRotation", "{'KeyId': '%s'}", id.text);
	assert_works(s, "GetKeyRotationStatus", "{'KeyId': '%s'}", id.text);
	assert_true(json_is_true(got(s, "KeyRotationEnabled")));
	assert_int_equal(json_integer_value(got(s, "RotationPeriodInDays")), 365);
	assert_true(json_number_value(got(s, "NextRotationDate")) ==
		    (double)(START + 365 * DAY) / 1000.0);
	assert_fault(s, VALIDATION, "EnableKeyRotation",
		"{'KeyId': '%s', 'RotationPeriodInDays': 89}", id.text);
	assert_fault(s, VALIDATION, "EnableKeyRotation",
		"{'KeyId': '%s', 'RotationPeriodInDays': 2561}", id.text);
	assert_works(s, "DisableKeyRotation", "{'KeyId': '%s'}", id.text);
	assert_works(s, "DisableKeyRotation", "{'KeyId': '%s'}", id.text);
	assert_works(s, "GetKeyRotationStatus", "{'KeyId': '%s'}", id.text);
	assert_true(json_is_false(got(s, "KeyRotationEnabled")));
}

static void case_94_rotation_keeps_old_ciphertexts(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");
	char blobs[2][1024], materials[2][65];
	const json_t *rotation;

	for (size_t i = 0; i < 2; i++) {
		assert_works(s, "Encrypt", "{'KeyId': '%s', 'Plaintext': 'YQ=='}", id.text);
		snprintf(blobs[i], sizeof(blobs[i]), "%s", got_text(s, "CiphertextBlob"));
		if (i == 0) {
			s->now_ms += 5000;
			assert_works(s, "RotateKeyOnDemand", "{'KeyId': '%s'}", id.text);
			assert_string_equal(got_text(s, "KeyId"), id.text);
		}
	}
	for (size_t i = 0; i < 2; i++) {
		assert_works(s, "Decrypt", "{'CiphertextBlob': '%s'}", blobs[i]);
		assert_string_equal(got_text(s, "Plaintext"), "YQ==");
		snprintf(materials[i], sizeof(materials[i]), "%s", got_text(s, "KeyMaterialId"));
	}
	assert_string_not_equal(materials[0], materials[1]);
	assert_works(s, "ListKeyRotations", "{'KeyId': '%s'}", id.text);
	assert_int_equal(json_array_size(got(s, "Rotations")), 1);
	rotation = json_array_get(got(s, "Rotations"), 0);
	assert_string_equal(
		json_string_value(json_object_get(rotation, "RotationType")), "ON_DEMAND");
	assert_string_equal(
		json_string_value(json_object_get(rotation, "KeyMaterialId")), materials[1]);
	assert_true(json_number_value(json_object_get(rotation, "RotationDate")) == 1700000005.0);
	assert_null(json_object_get(rotation, "ImportState"));
	assert_works(s, "ListKeyRotations",
		"{'KeyId': '%s', 'IncludeKeyMaterial': 'ALL_KEY_MATERIAL'}", id.text);
	assert_int_equal(json_array_size(got(s, "Rotations")), 2);
	rotation = json_array_get(got(s, "Rotations"), 0);
	assert_null(json_object_get(rotation, "RotationDate"));
	assert_string_equal(
		json_string_value(json_object_get(rotation, "KeyMaterialState")), "NON_CURRENT");
}

static void case_95_rotations_on_demand_are_limited(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");

	for (unsigned i = 0; i < KMS_ROTATIONS_PER_KEY; i++) {
		assert_works(s, "RotateKeyOnDemand", "{'KeyId': '%s'}", id.text);
	}
	assert_fault(s, LIMIT_EXCEEDED, "RotateKeyOnDemand", "{'KeyId': '%s'}", id.text);
	assert_says(s, id.text);
	assert_works(s, "ListKeyRotations", "{'KeyId': '%s', 'Limit': 20}", id.text);
	assert_int_equal(json_array_size(got(s, "Rotations")), 20);
	assert_works(s, "ListKeyRotations", "{'KeyId': '%s', 'Limit': 20, 'Marker': '%s'}", id.text,
		got_text(s, "NextMarker"));
	assert_int_equal(json_array_size(got(s, "Rotations")), 5);
	assert_true(json_is_false(got(s, "Truncated")));
}

static void case_96_97_what_does_not_rotate(void **state)
{
	struct server *s = *state;
	struct id signing = make_key(s, EC_SIGN), id = make_key(s, "");

	assert_fault(s, UNSUPPORTED, "RotateKeyOnDemand", "{'KeyId': '%s'}", signing.text);
	assert_string_equal(s->message, "");
	assert_fault(s, UNSUPPORTED, "EnableKeyRotation", "{'KeyId': '%s'}", signing.text);
	assert_fault(s, UNSUPPORTED, "GetKeyRotationStatus", "{'KeyId': '%s'}", signing.text);
	assert_works(s, "DisableKey", "{'KeyId': '%s'}", id.text);
	assert_fault(s, DISABLED, "RotateKeyOnDemand", "{'KeyId': '%s'}", id.text);
	assert_fault(s, DISABLED, "EnableKeyRotation", "{'KeyId': '%s'}", id.text);
}

static void rotates_by_itself_when_due(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");
	int64_t due = START + 90 * DAY;
	bool done;

	assert_works(
		s, "EnableKeyRotation", "{'KeyId': '%s', 'RotationPeriodInDays': 90}", id.text);
	assert_ok(kms_due_rotate(s->kms, s->t->db, id.text, due - 1, &done));
	assert_false(done);
	assert_works(s, "DisableKey", "{'KeyId': '%s'}", id.text);
	assert_ok(kms_due_rotate(s->kms, s->t->db, id.text, due, &done));
	assert_false(done); /* not while it is disabled */
	assert_works(s, "EnableKey", "{'KeyId': '%s'}", id.text);
	assert_ok(kms_due_rotate(s->kms, s->t->db, id.text, due, &done));
	assert_true(done);
	assert_ok(kms_due_rotate(s->kms, s->t->db, id.text, due, &done));
	assert_false(done); /* the other server's turn came to nothing */
	assert_works(s, "ListKeyRotations", "{'KeyId': '%s'}", id.text);
	assert_int_equal(json_array_size(got(s, "Rotations")), 1);
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(got(s, "Rotations"), 0), "RotationType")),
		"AUTOMATIC");
}

/* --- policies --- */

#define POLICY(principal, action)                                                                  \
	"{\\'Version\\': \\'2012-10-17\\', \\'Statement\\': [{\\'Effect\\': \\'Allow\\', "         \
	"\\'Principal\\': {\\'AWS\\': \\'" principal "\\'}, \\'Action\\': \\'" action              \
	"\\', \\'Resource\\': \\'*\\'}]}"

static void case_105_a_new_key_has_the_default_policy(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");

	assert_works(s, "GetKeyPolicy", "{'KeyId': '%s'}", id.text);
	assert_non_null(strstr(got_text(s, "Policy"), "key-default-1"));
	assert_non_null(strstr(got_text(s, "Policy"), "arn:aws:iam::" ACCOUNT ":root"));
	assert_string_equal(got_text(s, "PolicyName"), "default");
	assert_works(s, "ListKeyPolicies", "{'KeyId': '%s'}", id.text);
	assert_int_equal(json_array_size(got(s, "PolicyNames")), 1);
	assert_true(json_is_false(got(s, "Truncated")));
}

static void case_106_malformed_policies(void **state)
{
	static const char *const bad[] = {"nonsense",
		"{\\'Statement\\': [{\\'Effect\\': \\'Allow\\', \\'Action\\': \\'kms:*\\', "
		"\\'Resource\\': \\'*\\'}]}",
		"{\\'Statement\\': [{\\'Effect\\': \\'allow\\', \\'Principal\\': \\'*\\', "
		"\\'Action\\': \\'kms:*\\', \\'Resource\\': \\'*\\'}]}",
		"{\\'Statement\\': [{\\'Effect\\': \\'Allow\\', \\'Principal\\': \\'*\\', "
		"\\'Action\\': \\'kms:*\\', \\'Resource\\': \\'*\\', \\'Condition\\': "
		"{\\'StringIs\\': {\\'a\\': \\'b\\'}}}]}"};
	struct server *s = *state;
	struct id id = make_key(s, "");

	for (size_t i = 0; i < RD_ARRAY_LEN(bad); i++) {
		assert_fault(s, MALFORMED_POLICY, "PutKeyPolicy", "{'KeyId': '%s', 'Policy': '%s'}",
			id.text, bad[i]);
		assert_true(s->message[0] != '\0');
		assert_fault(s, MALFORMED_POLICY, "CreateKey", "{'Policy': '%s'}", bad[i]);
	}
	assert_works(s, "GetKeyPolicy", "{'KeyId': '%s'}", id.text);
	assert_non_null(strstr(got_text(s, "Policy"), "key-default-1"));
}

static void case_107_nobody_locks_himself_out(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");

	make_user(s, "other");
	assert_fault(s, MALFORMED_POLICY, "PutKeyPolicy", "{'KeyId': '%s', 'Policy': '%s'}",
		id.text, POLICY("arn:aws:iam::111122223333:user/other", "kms:*"));
	assert_says(s, "in the future");
	assert_works(s, "PutKeyPolicy",
		"{'KeyId': '%s', 'Policy': '%s', 'BypassPolicyLockoutSafetyCheck': true}", id.text,
		POLICY("arn:aws:iam::111122223333:user/other", "kms:*"));
	assert_fault(s, ACCESS_DENIED, "GetKeyPolicy", "{'KeyId': '%s'}", id.text);
	as_user(s, "other");
	assert_works(s, "GetKeyPolicy", "{'KeyId': '%s'}", id.text);
}

static void case_108_policies_have_a_size_and_one_name(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");

	assert_fault(s, LIMIT_EXCEEDED, "PutKeyPolicy", "{'KeyId': '%s', 'Policy': '%032769d'}",
		id.text, 0);
	assert_fault(s, MALFORMED_POLICY, "PutKeyPolicy", "{'KeyId': '%s', 'Policy': '%032768d'}",
		id.text, 0);
	assert_fault(s, VALIDATION, "PutKeyPolicy", "{'KeyId': '%s', 'Policy': '%0131073d'}",
		id.text, 0);
	assert_fault(s, NOT_FOUND, "PutKeyPolicy",
		"{'KeyId': '%s', 'PolicyName': 'x', 'Policy': '%s'}", id.text,
		POLICY("arn:aws:iam::111122223333:root", "kms:*"));
	assert_string_equal(s->message, "No such policy exists");
	assert_fault(s, NOT_FOUND, "GetKeyPolicy", "{'KeyId': '%s', 'PolicyName': 'x'}", id.text);
	assert_fault(
		s, VALIDATION, "GetKeyPolicy", "{'KeyId': '%s', 'PolicyName': 'a b'}", id.text);
}

static void users_need_to_be_allowed(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");

	make_user(s, "nobody");
	as_user(s, "nobody");
	assert_fault(s, ACCESS_DENIED, "CreateKey", "{}");
	assert_fault(s, ACCESS_DENIED, "ListKeys", "{}");
	assert_fault(s, ACCESS_DENIED, "DescribeKey", "{'KeyId': '%s'}", id.text);
	assert_fault(s, ACCESS_DENIED, "ScheduleKeyDeletion", "{'KeyId': '%s'}", id.text);
	assert_fault(s, ACCESS_DENIED, "CreateAlias",
		"{'AliasName': 'alias/a', 'TargetKeyId': '%s'}", id.text);
}

static void the_record_shows_parameters_but_no_token(void **state)
{
	struct server *s = *state;
	struct id id = make_key(s, "");

	run(s, "RetireGrant", "{'GrantToken': 'secret'}");
	assert_null(json_object_get(s->facts, "grantToken"));
	assert_works(
		s, "ScheduleKeyDeletion", "{'KeyId': '%s', 'PendingWindowInDays': 7}", id.text);
	assert_int_equal(json_integer_value(json_object_get(s->facts, "pendingWindowInDays")), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(case_29_creates_a_symmetric_key),
		SERVER_TEST(case_30_31_usage_goes_with_the_spec),
		SERVER_TEST(case_32_takes_the_old_name_of_the_spec),
		SERVER_TEST(case_33_34_refuses_unknown_and_unsupported_kinds),
		SERVER_TEST(makes_every_spec_for_every_usage),
		SERVER_TEST(case_35_36_tags_have_rules),
		SERVER_TEST(keeps_tags_of_128_characters_that_are_not_bytes),
		SERVER_TEST(case_37_describes_by_every_name),
		SERVER_TEST(case_38_says_what_is_not_there),
		SERVER_TEST(management_takes_no_aliases),
		SERVER_TEST(strangers_do_not_learn_what_exists),
		SERVER_TEST(case_39_alias_names_have_rules),
		SERVER_TEST(case_40_42_an_alias_is_taken_once_and_names_a_key),
		SERVER_TEST(case_41_a_key_has_fifty_aliases),
		SERVER_TEST(case_43_44_aliases_move_among_alike_keys),
		SERVER_TEST(case_46_47_disabled_keys_do_not_work),
		SERVER_TEST(case_48_49_deletion_has_a_window),
		SERVER_TEST(case_50_51_pending_deletion_bears_little),
		SERVER_TEST(case_52_53_cancelling_leaves_it_disabled),
		SERVER_TEST(case_54_the_date_passes),
		SERVER_TEST(case_170_only_one_of_two_changes_wins),
		SERVER_TEST(case_55_lists_page_by_page),
		SERVER_TEST(case_56_markers_are_ours),
		SERVER_TEST(a_marker_is_for_one_account),
		SERVER_TEST(tags_come_and_go),
		SERVER_TEST(a_key_has_fifty_tags),
		SERVER_TEST(descriptions_change),
		SERVER_TEST(last_usage_is_answered),
		SERVER_TEST(case_93_automatic_rotation_has_a_period),
		SERVER_TEST(case_94_rotation_keeps_old_ciphertexts),
		SERVER_TEST(case_95_rotations_on_demand_are_limited),
		SERVER_TEST(case_96_97_what_does_not_rotate),
		SERVER_TEST(rotates_by_itself_when_due),
		SERVER_TEST(case_105_a_new_key_has_the_default_policy),
		SERVER_TEST(case_106_malformed_policies),
		SERVER_TEST(case_107_nobody_locks_himself_out),
		SERVER_TEST(case_108_policies_have_a_size_and_one_name),
		SERVER_TEST(users_need_to_be_allowed),
		SERVER_TEST(the_record_shows_parameters_but_no_token),
	};

	if (rd_secret_heap_open(1u << 20, NULL) != RD_OK) {
		return 1;
	}
	return RUN_ON_BOTH(tests);
}
