/* SPDX-License-Identifier: Apache-2.0 */
/* A call's record for the audit log. */
#include "kms/record.h"

#include "audit/format.h"
#include "aws/json_out.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Members of requests and answers that are secrets or blobs; parameters of CloudTrail begin in
 * lower case, so names compare without case. */
static const char *const hidden_names[] = {"Plaintext", "CiphertextBlob", "Message", "Mac",
	"Signature", "PrivateKeyPlaintext", "PrivateKeyCiphertextBlob", "EncryptedKeyMaterial",
	"ImportToken", "SharedSecret", "PublicKey", "GrantTokens", "GrantToken",
	"CiphertextForRecipient", "AttestationDocument", "Recipient", "SecretAccessKey",
	"SessionToken"};

#define HIDDEN "HIDDEN_DUE_TO_SECURITY_REASONS"

/* Registers that AWS's records name one by one; PCR0 has a name of its own. */
static const unsigned named_pcrs[] = {1, 2, 3, 4, 8};

/* A string for certain: what is not UTF-8 (anybody's User-Agent) becomes '?'. "" is left out. */
static void put_text(struct rd_json_out *j, const char *name, const char *s)
{
	enum rd_status st = j->st;
	size_t before = j->out->used;
	bool has_members = j->has_members[j->depth - 1];
	char *copy;

	if (s[0] == '\0') {
		return;
	}
	rd_json_out_str(j, name, s);
	if (st != RD_OK || rd_category(j->st) != RD_CAT_MALFORMED) {
		return;
	}
	j->out->used = before;
	j->has_members[j->depth - 1] = has_members;
	copy = strdup(s);
	j->st = copy != NULL ? RD_OK : RD_NOMEM;
	for (char *c = copy; c != NULL && *c != '\0'; c++) {
		*c = (unsigned char)*c < 0x80 ? *c : '?';
	}
	rd_json_out_str(j, name, copy);
	free(copy);
}

static void put_time(struct rd_json_out *j, const char *name, int64_t unix_ms)
{
	char s[RD_TIME_TEXT_SIZE];

	rd_time_string(unix_ms > 0 ? (uint64_t)unix_ms : 0, s);
	put_text(j, name, s);
}

/* The last part of ".../name", or all of it. */
static const char *last_part(const char *arn)
{
	const char *slash = strrchr(arn, '/');

	return slash != NULL ? slash + 1 : arn;
}

static void put_session(struct rd_json_out *j, const struct kms_identity *who)
{
	rd_json_out_object(j, "sessionContext");
	rd_json_out_object(j, "attributes");
	put_time(j, "creationDate", who->token_issued_ms);
	rd_json_out_end(j);
	rd_json_out_object(j, "sessionIssuer");
	put_text(j, "accountId", who->account);
	put_text(j, "arn", who->role_arn);
	put_text(j, "principalId", who->uid);
	put_text(j, "type", "Role");
	put_text(j, "userName", last_part(who->role_arn));
	rd_json_out_end(j);
	rd_json_out_end(j);
}

/* The scheduler acts under a name that is no principal's. */
static bool is_server(const struct kms_identity *who)
{
	return who->arn[0] != '\0' && strncmp(who->arn, "arn:", 4) != 0;
}

static void put_principal(struct rd_json_out *j, const struct kms_identity *who)
{
	static const char *const types[] = {
		[KMS_ROOT] = "Root", [KMS_USER] = "IAMUser", [KMS_ROLE] = "AssumedRole"};
	char principal[sizeof(who->uid) + 1 + sizeof(who->session)];

	rd_text_copy(principal, sizeof(principal), who->uid);
	if (who->session[0] != '\0') {
		snprintf(principal, sizeof(principal), "%s:%s", who->uid, who->session);
	}
	put_text(j, "accessKeyId", who->akid);
	put_text(j, "accountId", who->account);
	put_text(j, "arn", who->arn);
	put_text(j, "principalId", principal);
	if (who->kind == KMS_ROLE) {
		put_session(j, who);
	}
	put_text(j, "type", types[who->kind]);
	if (who->kind == KMS_USER) {
		put_text(j, "userName", last_part(who->arn));
	}
}

static void put_identity(struct rd_json_out *j, const struct kms_identity *who)
{
	rd_json_out_object(j, "userIdentity");
	if (is_server(who)) {
		put_text(j, "invokedBy", who->arn);
		put_text(j, "type", "AWSService");
	} else if (who->arn[0] == '\0') {
		put_text(j, "accessKeyId", who->akid);
		put_text(j, "type", "Unknown");
	} else {
		put_principal(j, who);
	}
	rd_json_out_end(j);
}

static bool is_hidden(const char *name)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(hidden_names); i++) {
		/* Most differ in their first letter. */
		if (((name[0] ^ hidden_names[i][0]) & 0x5f) == 0 &&
			strcasecmp(name, hidden_names[i]) == 0) {
			return true;
		}
	}
	return false;
}

/* More parameters than any operation has: their record says that they are omitted. */
#define FACTS_MAX 64

struct fact {
	const char *name;
	json_t *value;
};

static int compare_facts(const void *a, const void *b)
{
	return strcmp(((const struct fact *)a)->name, ((const struct fact *)b)->name);
}

static int dump_part(const char *bytes, size_t n, void *out)
{
	return rd_buf_put(out, bytes, n) == RD_OK ? 0 : -1;
}

static void put_fact(struct rd_json_out *j, const struct fact *fact)
{
	if (is_hidden(fact->name)) {
		rd_json_out_str(j, fact->name, HIDDEN);
		return;
	}
	if (json_is_string(fact->value)) {
		rd_json_out_string(j, fact->name,
			rd_view(json_string_value(fact->value), json_string_length(fact->value)));
		return;
	}
	rd_json_out_json(j, fact->name, rd_view("", 0));
	if (j->st == RD_OK && json_dump_callback(fact->value, dump_part, j->out,
				      JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) != 0) {
		j->st = RD_NOSPACE;
	}
}

/* What the call's own code has put together, sorted; facts may be NULL. */
static void put_facts(struct rd_json_out *j, json_t *facts)
{
	struct fact sorted[FACTS_MAX];
	const char *name;
	json_t *value;
	size_t n = 0;

	if (json_object_size(facts) > FACTS_MAX) {
		j->st = j->st == RD_OK ? RD_LIMIT : j->st;
		return;
	}
	json_object_foreach(facts, name, value)
	{
		sorted[n++] = (struct fact){.name = name, .value = value};
	}
	if (n > 1) {
		qsort(sorted, n, sizeof(sorted[0]), compare_facts);
	}
	rd_json_out_object(j, "requestParameters");
	for (size_t i = 0; i < n; i++) {
		put_fact(j, &sorted[i]);
	}
	rd_json_out_end(j);
}

static void put_decision(struct rd_json_out *j, const struct kms_decision *decision)
{
	if (!decision->made) {
		return;
	}
	rd_json_out_object(j, "decision");
	put_text(j, "action", decision->action);
	rd_json_out_bool(j, "allowed", decision->allowed);
	put_text(j, "by", decision->by);
	put_text(j, "resource", decision->resource);
	rd_json_out_end(j);
}

static void put_pcr(
	struct rd_json_out *j, const char *name, const struct kms_attested *a, unsigned n)
{
	if ((a->pcr_mask >> n & 1) != 0) {
		rd_json_out_base64(j, name, rd_view(a->pcr[n], sizeof(a->pcr[n])));
	}
}

/* Sorted as text: 0, 1, 10, 11 … 2, 3 … */
static void put_registers(struct rd_json_out *j, const struct kms_attested *a)
{
	static const uint8_t sorted[] = {0, 1, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 2, 20, 21,
		22, 23, 24, 25, 26, 27, 28, 29, 3, 30, 31, 4, 5, 6, 7, 8, 9};
	char hex[2 * sizeof(a->pcr[0]) + 1];
	char name[sizeof("31")];

	_Static_assert(sizeof(sorted) == RD_ARRAY_LEN(a->pcr), "each register once");
	rd_json_out_object(j, "pcrs");
	for (unsigned i = 0; i < RD_ARRAY_LEN(sorted); i++) {
		unsigned n = sorted[i];

		if ((a->pcr_mask >> n & 1) != 0) {
			snprintf(name, sizeof(name), "%u", n % 100);
			rd_hex_string(rd_view(a->pcr[n], sizeof(a->pcr[n])), hex);
			put_text(j, name, hex);
		}
	}
	rd_json_out_end(j);
}

static void put_attested(struct rd_json_out *j, const struct kms_attested *a)
{
	char name[64];

	put_pcr(j, "attestationDocumentEnclaveImageDigest", a, 0);
	for (size_t i = 0; i < RD_ARRAY_LEN(named_pcrs); i++) {
		snprintf(name, sizeof(name), "attestationDocumentEnclavePCR%u", named_pcrs[i]);
		put_pcr(j, name, a, named_pcrs[i]);
	}
	put_text(j, "attestationDocumentModuleId", a->module_id);
}

static void put_recipient(struct rd_json_out *j, const struct kms_call *call)
{
	static const uint8_t none[sizeof(call->attested.digest)];
	const struct kms_attested *a = &call->attested;
	bool kept = memcmp(a->digest, none, sizeof(none)) != 0;
	char hex[2 * sizeof(a->digest) + 1] = "";

	if (!kept && !a->present && call->attested_why[0] == '\0') {
		return;
	}
	if (kept) {
		rd_hex_string(rd_view(a->digest, sizeof(a->digest)), hex);
	}
	rd_json_out_object(j, "recipient");
	if (a->present) {
		put_attested(j, a);
	}
	put_text(j, "attestationDocumentRefused", call->attested_why);
	put_text(j, RD_AUDIT_DOCUMENT_MEMBER, hex);
	if (a->present) {
		rd_json_out_bool(j, "debug", a->debug);
		put_registers(j, a);
		rd_json_out_bool(j, "requestBound", a->bound);
		put_text(j, "root", a->root_name);
		put_time(j, "timestamp", (int64_t)a->timestamp_ms);
	}
	rd_json_out_end(j);
}

static void put_extra(struct rd_json_out *j, const struct kms_call *call, bool recovered)
{
	rd_json_out_object(j, "additionalEventData");
	put_decision(j, &call->decision);
	put_recipient(j, call);
	if (recovered) {
		rd_json_out_bool(j, "recovered", true);
	}
	rd_json_out_bool(j, "tls", call->tls);
	rd_json_out_end(j);
}

/* "arn:aws:kms:region:ACCOUNT:key/…": the account's 12 digits, or "". */
static void account_of(const char *arn, char ret_account[KMS_ACCOUNT_SIZE])
{
	const char *at = arn;

	ret_account[0] = '\0';
	for (int colons = 0; colons < 4 && at != NULL; colons++) {
		at = strchr(at, ':');
		at = at != NULL ? at + 1 : NULL;
	}
	if (at != NULL && strcspn(at, ":") == KMS_ACCOUNT_SIZE - 1) {
		memcpy(ret_account, at, KMS_ACCOUNT_SIZE - 1);
		ret_account[KMS_ACCOUNT_SIZE - 1] = '\0';
	}
}

static void put_resources(struct rd_json_out *j, const struct kms_call *call, const char *account)
{
	if (call->key_arn[0] == '\0') {
		return;
	}
	rd_json_out_list(j, "resources");
	rd_json_out_object(j, NULL);
	put_text(j, "ARN", call->key_arn);
	put_text(j, "accountId", account);
	put_text(j, "type", "AWS::KMS::Key");
	rd_json_out_end(j);
	rd_json_out_end(j);
}

/* A call that failed before its operation was known has no name that could be trusted. */
static const char *event_name(const struct kms_call *call)
{
	const char *name = call->op != NULL ? call->op->name : call->action;

	return name != NULL ? name : "Unknown";
}

static bool writes(const struct kms_call *call)
{
	const char *name = call->action;

	return call->op != NULL
		       ? (call->op->flags & KMS_OP_WRITES) != 0
		       : name != NULL && strncmp(name, "Get", 3) != 0 &&
				 strncmp(name, "List", 4) != 0 && strncmp(name, "Describe", 8) != 0;
}

/* EC2's own name for it, in its records as in its answers. */
static const char *error_code(const struct kms_call *call)
{
	bool denied = call->fault.type == KMS_FAULT_ACCESS_DENIED;

	return denied && call->who.service == KMS_SERVICE_EC2 ? "Client.UnauthorizedOperation"
							      : kms_fault_name(call->fault.type);
}

/* What the server does of its own accord; a role that a service assumes is an API call. */
static bool is_event(const struct kms_call *call)
{
	return is_server(&call->who) && call->who.service == KMS_SERVICE_KMS;
}

/* Members that say what happened, up to the first that has members of its own. */
static void put_event(struct rd_json_out *j, const struct kms_call *call)
{
	static const char *const sources[] = {[KMS_SERVICE_KMS] = "kms.amazonaws.com",
		[KMS_SERVICE_IAM] = "iam.amazonaws.com",
		[KMS_SERVICE_STS] = "sts.amazonaws.com",
		[KMS_SERVICE_EC2] = "ec2.amazonaws.com"};

	put_text(j, "awsRegion", call->kms->config.region);
	if (call->fault.type != KMS_FAULT_NONE) {
		put_text(j, "errorCode", error_code(call));
		put_text(j, "errorMessage", call->fault.message);
	}
	put_text(j, "eventCategory", "Management");
	put_text(j, "eventID", call->request_id);
	put_text(j, "eventName", event_name(call));
	put_text(j, "eventSource", sources[call->who.service]);
	put_time(j, "eventTime", call->now_ms);
	put_text(j, "eventType", is_event(call) ? "AwsServiceEvent" : "AwsApiCall");
	put_text(j, "eventVersion", "1.11");
	rd_json_out_bool(j, "managementEvent", true);
	rd_json_out_bool(j, "readOnly", !writes(call));
}

/* Members in their order: there is no tree that could be sorted. */
static enum rd_status write_record(
	const struct kms_call *call, bool with_facts, bool recovered, struct rd_buf *out)
{
	struct rd_json_out j = rd_json_out(out);
	size_t before = out->used;
	char account[KMS_ACCOUNT_SIZE];
	enum rd_status st;

	account_of(call->key_arn, account);
	rd_json_out_object(&j, NULL);
	put_extra(&j, call, recovered);
	put_event(&j, call);
	put_text(&j, "recipientAccountId", call->key_arn[0] == '\0' ? call->who.account : account);
	put_text(&j, "requestID", call->request_id);
	if (with_facts) {
		put_facts(&j, call->facts);
	} else {
		rd_json_out_json(&j, "requestParameters", rd_view_str("{\"omitted\":true}"));
	}
	put_resources(&j, call, account);
	rd_json_out_json(&j, "responseElements", rd_view_str("null"));
	put_text(&j, "sourceIPAddress", call->peer);
	put_text(&j, "userAgent", call->user_agent);
	put_identity(&j, &call->who);
	rd_json_out_end(&j);
	st = rd_json_out_finish(&j);
	if (out->used - before > RD_AUDIT_RECORD_MAX || rd_category(st) == RD_CAT_LIMIT) {
		st = RD_LIMIT;
	}
	if (st != RD_OK) {
		out->used = before;
	}
	return st;
}

enum rd_status kms_record(const struct kms_call *call, struct rd_buf *out)
{
	enum rd_status st = write_record(call, true, false, out);

	return st == RD_LIMIT ? write_record(call, false, false, out) : st;
}

enum rd_status kms_record_pending(const struct kms_call *call, struct rd_buf *out)
{
	enum rd_status st = write_record(call, true, true, out);

	return st == RD_LIMIT ? write_record(call, false, true, out) : st;
}
