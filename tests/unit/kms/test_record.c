/* SPDX-License-Identifier: Apache-2.0 */
/* What the audit log holds of a call (case 153), and what it must never hold. */
#include "test.h"

#include "audit/format.h"
#include "kms/record.h"

#define KEY_ARN "arn:aws:kms:local-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

static const struct kms_op decrypt = {.name = "Decrypt"};
static const struct kms_op create_key = {.name = "CreateKey", .flags = KMS_OP_WRITES};

static struct kms_call *new_call(struct kms *kms)
{
	struct kms_call *call = calloc(1, sizeof(*call));

	assert_non_null(call);
	strcpy(kms->config.region, "local-1");
	call->kms = kms;
	call->op = &decrypt;
	call->now_ms = 1767225600123;
	strcpy(call->request_id, "6f1c7a9e-0000-4000-8000-000000000001");
	strcpy(call->peer, "192.0.2.7");
	strcpy(call->user_agent, "aws-cli/2");
	call->who.kind = KMS_ROLE;
	strcpy(call->who.account, "111122223333");
	strcpy(call->who.uid, "AROAEXAMPLE");
	strcpy(call->who.arn, "arn:aws:sts::111122223333:assumed-role/enclave-parent/i-1");
	strcpy(call->who.role_arn, "arn:aws:iam::111122223333:role/enclave-parent");
	strcpy(call->who.session, "i-1");
	strcpy(call->who.akid, "ASIAEXAMPLE");
	strcpy(call->key_arn, KEY_ARN);
	return call;
}

static json_t *record_of(const struct kms_call *call)
{
	RD_CLEANUP(rd_buf_finish) struct rd_buf out = rd_buf_growable(RD_AUDIT_RECORD_MAX);
	json_t *record;

	assert_ok(kms_record(call, &out));
	record = json_loadb((const char *)out.ptr, out.used, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(record);
	return record;
}

static void end(struct kms_call *call, json_t *record)
{
	json_decref(record);
	json_decref(call->facts);
	free(call);
}

/* "a/b/c" as text; fails the test when it is no string. */
static const char *at(json_t *record, const char *path)
{
	char copy[128];
	char *rest = copy;
	char *name;

	snprintf(copy, sizeof(copy), "%s", path);
	while ((name = strsep(&rest, "/")) != NULL) {
		/* No record has more than one resource. */
		record = json_is_array(record) ? json_array_get(record, 0)
					       : json_object_get(record, name);
	}
	if (!json_is_string(record)) {
		fail_msg("%s is not there", path);
	}
	return json_string_value(record);
}

static void says_who_called_what_on_which_key(void **state)
{
	static struct kms kms;
	struct kms_call *call = new_call(&kms);
	json_t *r;

	(void)state;
	call->facts = json_pack("{s:s, s:{s:s}}", "keyId", KEY_ARN, "encryptionContext", "a", "b");
	call->decision = (struct kms_decision){.made = true,
		.allowed = true,
		.action = "kms:Decrypt",
		.resource = KEY_ARN,
		.by = "key policy, statement 1 (EnclaveUse)"};
	r = record_of(call);
	assert_string_equal(at(r, "eventName"), "Decrypt");
	assert_string_equal(at(r, "eventSource"), "kms.amazonaws.com");
	assert_string_equal(at(r, "eventTime"), "2026-01-01T00:00:00.123Z");
	assert_string_equal(at(r, "awsRegion"), "local-1");
	assert_string_equal(at(r, "sourceIPAddress"), "192.0.2.7");
	assert_string_equal(at(r, "requestID"), call->request_id);
	assert_string_equal(at(r, "userIdentity/type"), "AssumedRole");
	assert_string_equal(at(r, "userIdentity/principalId"), "AROAEXAMPLE:i-1");
	assert_string_equal(at(r, "userIdentity/accessKeyId"), "ASIAEXAMPLE");
	assert_string_equal(
		at(r, "userIdentity/sessionContext/sessionIssuer/userName"), "enclave-parent");
	assert_string_equal(at(r, "requestParameters/encryptionContext/a"), "b");
	assert_string_equal(at(r, "resources/0/ARN"), KEY_ARN);
	assert_string_equal(at(r, "resources/0/accountId"), "111122223333");
	assert_string_equal(at(r, "recipientAccountId"), "111122223333");
	assert_string_equal(at(r, "additionalEventData/decision/by"), call->decision.by);
	assert_true(json_is_true(json_object_get(r, "readOnly")));
	assert_null(json_object_get(r, "errorCode"));
	assert_null(json_object_get(json_object_get(r, "additionalEventData"), "recipient"));
	end(call, r);
}

static void says_why_it_was_refused(void **state)
{
	static struct kms kms;
	struct kms_call *call = new_call(&kms);
	json_t *r;

	(void)state;
	call->op = &create_key;
	call->fault.type = KMS_FAULT_ACCESS_DENIED;
	strcpy(call->fault.message, "User: x is not authorized to perform: kms:CreateKey");
	r = record_of(call);
	assert_string_equal(at(r, "errorCode"), "AccessDeniedException");
	assert_string_equal(at(r, "errorMessage"), call->fault.message);
	assert_true(json_is_false(json_object_get(r, "readOnly")));
	end(call, r);
}

static void names_calls_of_iam_and_sts(void **state)
{
	static struct kms kms;
	struct kms_call *call = new_call(&kms);
	json_t *r;

	(void)state;
	call->op = NULL;
	call->key_arn[0] = '\0';
	call->action = "CreateUser";
	call->who.service = KMS_SERVICE_IAM;
	r = record_of(call);
	assert_string_equal(at(r, "eventSource"), "iam.amazonaws.com");
	assert_string_equal(at(r, "eventName"), "CreateUser");
	assert_true(json_is_false(json_object_get(r, "readOnly")));
	assert_null(json_object_get(r, "resources"));
	json_decref(r);
	/* Before anybody was recognised: only what was claimed. */
	call->action = NULL;
	call->who = (struct kms_identity){.service = KMS_SERVICE_STS, .akid = "AKIACLAIMED"};
	r = record_of(call);
	assert_string_equal(at(r, "eventName"), "Unknown");
	assert_string_equal(at(r, "eventSource"), "sts.amazonaws.com");
	assert_string_equal(at(r, "userIdentity/type"), "Unknown");
	assert_string_equal(at(r, "userIdentity/accessKeyId"), "AKIACLAIMED");
	end(call, r);
}

static void holds_the_attestation_in_both_notations(void **state)
{
	static const unsigned registers[] = {0, 1, 2, 3, 4, 8, 16};
	static struct kms kms;
	struct kms_call *call = new_call(&kms);
	char path[96];
	char hex[97];
	json_t *r;

	(void)state;
	call->attested.present = true;
	call->attested.timestamp_ms = 1767225600000;
	strcpy(call->attested.module_id, "i-1234567890abcdef0-enc0123456789abcdef");
	strcpy(call->attested.root_name, "redoubt");
	memset(call->attested.digest, 0xab, sizeof(call->attested.digest));
	for (size_t i = 0; i < RD_ARRAY_LEN(registers); i++) {
		call->attested.pcr_mask |= 1u << registers[i];
		memset(call->attested.pcr[registers[i]], (int)registers[i], 48);
	}
	r = record_of(call);
#define RECIPIENT "additionalEventData/recipient/"
	assert_string_equal(
		at(r, RECIPIENT "attestationDocumentModuleId"), call->attested.module_id);
	/* 64 characters for 48 bytes, as in the service's own events. */
	assert_string_equal(at(r, RECIPIENT "attestationDocumentEnclaveImageDigest"),
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	assert_string_equal(at(r, RECIPIENT "attestationDocumentEnclavePCR8"),
		"CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI");
	for (size_t i = 0; i < RD_ARRAY_LEN(registers); i++) {
		snprintf(path, sizeof(path), RECIPIENT "pcrs/%u", registers[i]);
		rd_hex_string(rd_view(call->attested.pcr[registers[i]], 48), hex);
		assert_string_equal(at(r, path), hex);
		if (registers[i] != 0 && registers[i] != 16) {
			snprintf(path, sizeof(path), RECIPIENT "attestationDocumentEnclavePCR%u",
				registers[i]);
			assert_int_equal(strlen(at(r, path)), 64);
		}
	}
	rd_hex_string(rd_view(call->attested.digest, 32), hex);
	assert_string_equal(at(r, RECIPIENT RD_AUDIT_DOCUMENT_MEMBER), hex);
	end(call, r);
}

static void believes_nothing_of_a_refused_document(void **state)
{
	static struct kms kms;
	struct kms_call *call = new_call(&kms);
	json_t *recipient;
	json_t *r;

	(void)state;
	strcpy(call->attested_why, "DEBUG");
	strcpy(call->attested.module_id, "i-1-enc1");
	memset(call->attested.digest, 0xab, sizeof(call->attested.digest));
	r = record_of(call);
	recipient = json_object_get(json_object_get(r, "additionalEventData"), "recipient");
	assert_string_equal(at(recipient, "attestationDocumentRefused"), "DEBUG");
	assert_int_equal(strlen(at(recipient, RD_AUDIT_DOCUMENT_MEMBER)), 64);
	assert_int_equal(json_object_size(recipient), 2);
	end(call, r);
}

static void hides_secrets_even_among_the_facts(void **state)
{
	static struct kms kms;
	struct kms_call *call = new_call(&kms);
	json_t *r;

	(void)state;
	call->body = rd_view_str("SECRET-body");
	call->in = json_pack("{s:s}", "Plaintext", "SECRET-in");
	call->out = json_pack("{s:s}", "Plaintext", "SECRET-out");
	call->facts = json_pack("{s:s, s:s, s:s, s:s}", "plaintext", "SECRET-1", "CiphertextBlob",
		"SECRET-2", "message", "SECRET-3", "keySpec", "AES_256");
	r = record_of(call);
	assert_string_equal(at(r, "requestParameters/keySpec"), "AES_256");
	assert_string_equal(at(r, "requestParameters/plaintext"), "HIDDEN_DUE_TO_SECURITY_REASONS");
	{
		char *text = json_dumps(r, 0);

		assert_null(strstr(text, "SECRET-"));
		free(text);
	}
	json_decref(call->in);
	json_decref(call->out);
	end(call, r);
}

static void is_always_one_valid_record(void **state)
{
	static struct kms kms;
	struct kms_call *call = new_call(&kms);
	char *large = malloc(RD_AUDIT_RECORD_MAX + 1);
	json_t *r;

	(void)state;
	assert_non_null(large);
	memset(large, 'x', RD_AUDIT_RECORD_MAX);
	large[RD_AUDIT_RECORD_MAX] = '\0';
	strcpy(call->user_agent, "\xff\xfe\nagent");
	call->facts = json_pack("{s:s}", "description", large);
	r = record_of(call);
	assert_string_equal(at(r, "userAgent"), "?\?\nagent");
	assert_true(
		json_is_true(json_object_get(json_object_get(r, "requestParameters"), "omitted")));
	free(large);
	end(call, r);
}

static void gives_the_same_bytes_for_the_same_call(void **state)
{
	struct rd_buf out[2] = {rd_buf_growable(4096), rd_buf_growable(4096)};
	static struct kms kms;
	struct kms_call *call = new_call(&kms);
	struct rd_buf small = rd_buf_growable(16);

	(void)state;
	call->facts = json_pack("{s:s, s:s}", "b", "1", "a", "2");
	assert_ok(kms_record(call, &out[0]));
	json_decref(call->facts);
	call->facts = json_pack("{s:s, s:s}", "a", "2", "b", "1");
	assert_ok(kms_record(call, &out[1]));
	assert_true(rd_view_equal(rd_buf_view(&out[0]), rd_buf_view(&out[1])));
	assert_status(kms_record(call, &small), RD_LIMIT);
	assert_int_equal(small.used, 0);
	rd_buf_finish(&out[0]);
	rd_buf_finish(&out[1]);
	rd_buf_finish(&small);
	end(call, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_who_called_what_on_which_key),
		cmocka_unit_test(says_why_it_was_refused),
		cmocka_unit_test(names_calls_of_iam_and_sts),
		cmocka_unit_test(holds_the_attestation_in_both_notations),
		cmocka_unit_test(believes_nothing_of_a_refused_document),
		cmocka_unit_test(hides_secrets_even_among_the_facts),
		cmocka_unit_test(is_always_one_valid_record),
		cmocka_unit_test(gives_the_same_bytes_for_the_same_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
