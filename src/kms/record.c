/* SPDX-License-Identifier: Apache-2.0 */
/* A call's record for the audit log. */
#include "kms/record.h"

#include "audit/format.h"
#include "base/text.h"

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

/* A string for certain: what is not UTF-8 (anybody's User-Agent) becomes '?'. */
static json_t *text(const char *s)
{
	json_t *value = json_string(s);
	char *copy;

	if (value != NULL) {
		return value;
	}
	copy = strdup(s);
	for (char *c = copy; c != NULL && *c != '\0'; c++) {
		*c = (unsigned char)*c < 0x80 ? *c : '?';
	}
	value = copy != NULL ? json_string(copy) : NULL;
	free(copy);
	return value;
}

/* value is consumed, as by all of jansson's _new functions; NULL is "out of memory". */
static enum rd_status put(json_t *object, const char *name, json_t *value)
{
	return json_object_set_new(object, name, value) == 0 ? RD_OK : RD_NOMEM;
}

static enum rd_status put_text(json_t *object, const char *name, const char *s)
{
	return s[0] != '\0' ? put(object, name, text(s)) : RD_OK;
}

static enum rd_status put_time(json_t *object, const char *name, int64_t unix_ms)
{
	char s[RD_TIME_TEXT_SIZE];

	rd_time_string(unix_ms > 0 ? (uint64_t)unix_ms : 0, s);
	return put_text(object, name, s);
}

/* A new object under a name; borrowed. NULL: out of memory. */
static json_t *put_object(json_t *object, const char *name)
{
	json_t *inner = json_object();

	return json_object_set_new(object, name, inner) == 0 ? inner : NULL;
}

/* The last part of ".../name", or all of it. */
static const char *last_part(const char *arn)
{
	const char *slash = strrchr(arn, '/');

	return slash != NULL ? slash + 1 : arn;
}

static enum rd_status put_session(json_t *identity, const struct kms_identity *who)
{
	json_t *context = put_object(identity, "sessionContext");
	json_t *issuer = put_object(context, "sessionIssuer");
	json_t *attributes = put_object(context, "attributes");

	RD_ENSURE(issuer != NULL && attributes != NULL, RD_NOMEM);
	RD_TRY(put_text(issuer, "type", "Role"));
	RD_TRY(put_text(issuer, "principalId", who->uid));
	RD_TRY(put_text(issuer, "arn", who->role_arn));
	RD_TRY(put_text(issuer, "accountId", who->account));
	RD_TRY(put_text(issuer, "userName", last_part(who->role_arn)));
	return put_time(attributes, "creationDate", who->token_issued_ms);
}

/* The scheduler acts under a name that is no principal's. */
static bool is_server(const struct kms_identity *who)
{
	return who->arn[0] != '\0' && strncmp(who->arn, "arn:", 4) != 0;
}

static enum rd_status put_identity(json_t *record, const struct kms_identity *who)
{
	static const char *const types[] = {
		[KMS_ROOT] = "Root", [KMS_USER] = "IAMUser", [KMS_ROLE] = "AssumedRole"};
	json_t *identity = put_object(record, "userIdentity");
	char principal[sizeof(who->uid) + 1 + sizeof(who->session)];

	RD_ENSURE(identity != NULL, RD_NOMEM);
	if (is_server(who)) {
		RD_TRY(put_text(identity, "type", "AWSService"));
		return put_text(identity, "invokedBy", who->arn);
	}
	if (who->arn[0] == '\0') {
		RD_TRY(put_text(identity, "type", "Unknown"));
		return put_text(identity, "accessKeyId", who->akid);
	}
	snprintf(principal, sizeof(principal), "%s%s%s", who->uid,
		who->session[0] != '\0' ? ":" : "", who->session);
	RD_TRY(put_text(identity, "type", types[who->kind]));
	RD_TRY(put_text(identity, "principalId", principal));
	RD_TRY(put_text(identity, "arn", who->arn));
	RD_TRY(put_text(identity, "accountId", who->account));
	RD_TRY(put_text(identity, "accessKeyId", who->akid));
	if (who->kind == KMS_USER) {
		RD_TRY(put_text(identity, "userName", last_part(who->arn)));
	}
	return who->kind == KMS_ROLE ? put_session(identity, who) : RD_OK;
}

static bool is_hidden(const char *name)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(hidden_names); i++) {
		if (strcasecmp(name, hidden_names[i]) == 0) {
			return true;
		}
	}
	return false;
}

static enum rd_status put_facts(json_t *record, json_t *facts)
{
	json_t *shown = put_object(record, "requestParameters");
	const char *name;
	json_t *value;

	RD_ENSURE(shown != NULL, RD_NOMEM);
	json_object_foreach(facts, name, value)
	{
		RD_TRY(put(
			shown, name, is_hidden(name) ? json_string(HIDDEN) : json_incref(value)));
	}
	return RD_OK;
}

static enum rd_status put_decision(json_t *extra, const struct kms_decision *decision)
{
	json_t *d;

	if (!decision->made) {
		return RD_OK;
	}
	d = put_object(extra, "decision");
	RD_ENSURE(d != NULL, RD_NOMEM);
	RD_TRY(put(d, "allowed", json_boolean(decision->allowed)));
	RD_TRY(put_text(d, "action", decision->action));
	RD_TRY(put_text(d, "resource", decision->resource));
	return put_text(d, "by", decision->by);
}

static enum rd_status put_base64(json_t *object, const char *name, struct rd_view bytes)
{
	char storage[4 * ((sizeof(((struct kms_attested *)0)->pcr[0]) + 2) / 3) + 1];
	struct rd_buf b = rd_buf_fixed(storage, sizeof(storage));

	RD_TRY(rd_base64_encode(bytes, &b));
	RD_TRY(rd_buf_u8(&b, '\0'));
	return put_text(object, name, storage);
}

static enum rd_status put_registers(json_t *recipient, const struct kms_attested *a)
{
	char hex[2 * sizeof(a->pcr[0]) + 1];
	char name[64];
	json_t *all = put_object(recipient, "pcrs");

	RD_ENSURE(all != NULL, RD_NOMEM);
	for (unsigned i = 0; i < RD_ARRAY_LEN(a->pcr); i++) {
		if ((a->pcr_mask >> i & 1) != 0) {
			snprintf(name, sizeof(name), "%u", i);
			rd_hex_string(rd_view(a->pcr[i], sizeof(a->pcr[i])), hex);
			RD_TRY(put_text(all, name, hex));
		}
	}
	if ((a->pcr_mask & 1) != 0) {
		RD_TRY(put_base64(recipient, "attestationDocumentEnclaveImageDigest",
			rd_view(a->pcr[0], sizeof(a->pcr[0]))));
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(named_pcrs); i++) {
		unsigned n = named_pcrs[i];

		if ((a->pcr_mask >> n & 1) != 0) {
			snprintf(name, sizeof(name), "attestationDocumentEnclavePCR%u", n);
			RD_TRY(put_base64(recipient, name, rd_view(a->pcr[n], sizeof(a->pcr[n]))));
		}
	}
	return RD_OK;
}

static enum rd_status put_recipient(json_t *extra, const struct kms_call *call)
{
	static const uint8_t none[sizeof(call->attested.digest)];
	const struct kms_attested *a = &call->attested;
	bool kept = memcmp(a->digest, none, sizeof(none)) != 0;
	char hex[2 * sizeof(a->digest) + 1];
	json_t *recipient;

	if (!kept && !a->present && call->attested_why[0] == '\0') {
		return RD_OK;
	}
	recipient = put_object(extra, "recipient");
	RD_ENSURE(recipient != NULL, RD_NOMEM);
	if (kept) {
		rd_hex_string(rd_view(a->digest, sizeof(a->digest)), hex);
		RD_TRY(put_text(recipient, RD_AUDIT_DOCUMENT_MEMBER, hex));
	}
	RD_TRY(put_text(recipient, "attestationDocumentRefused", call->attested_why));
	if (!a->present) {
		return RD_OK;
	}
	RD_TRY(put_text(recipient, "attestationDocumentModuleId", a->module_id));
	RD_TRY(put_time(recipient, "timestamp", (int64_t)a->timestamp_ms));
	RD_TRY(put_text(recipient, "root", a->root_name));
	RD_TRY(put(recipient, "debug", json_boolean(a->debug)));
	return put_registers(recipient, a);
}

static enum rd_status put_extra(json_t *record, const struct kms_call *call)
{
	json_t *extra = put_object(record, "additionalEventData");

	RD_ENSURE(extra != NULL, RD_NOMEM);
	RD_TRY(put(extra, "tls", json_boolean(call->tls)));
	RD_TRY(put_decision(extra, &call->decision));
	return put_recipient(extra, call);
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

static enum rd_status put_resources(json_t *record, const struct kms_call *call)
{
	char account[KMS_ACCOUNT_SIZE];
	json_t *list;
	json_t *resource = json_object();

	account_of(call->key_arn, account);
	if (call->key_arn[0] == '\0') {
		json_decref(resource);
		return put_text(record, "recipientAccountId", call->who.account);
	}
	list = json_array();
	if (json_array_append_new(list, resource) < 0) {
		json_decref(list);
		return RD_NOMEM;
	}
	RD_TRY(put(record, "resources", list));
	RD_TRY(put_text(resource, "accountId", account));
	RD_TRY(put_text(resource, "type", "AWS::KMS::Key"));
	RD_TRY(put_text(resource, "ARN", call->key_arn));
	return put_text(record, "recipientAccountId", account);
}

/* What was called, of which service. A call that failed before its operation was known has no name
 * that could be trusted. */
static enum rd_status put_event_name(json_t *record, const struct kms_call *call)
{
	static const char *const sources[] = {[KMS_SERVICE_KMS] = "kms.amazonaws.com",
		[KMS_SERVICE_IAM] = "iam.amazonaws.com",
		[KMS_SERVICE_STS] = "sts.amazonaws.com"};
	const char *name = call->op != NULL ? call->op->name : call->action;
	bool writes = call->op != NULL ? (call->op->flags & KMS_OP_WRITES) != 0
				       : name != NULL && strncmp(name, "Get", 3) != 0 &&
						 strncmp(name, "List", 4) != 0;

	RD_TRY(put(record, "readOnly", json_boolean(!writes)));
	RD_TRY(put_text(record, "eventSource", sources[call->who.service]));
	return put_text(record, "eventName", name != NULL ? name : "Unknown");
}

static enum rd_status put_event(json_t *record, const struct kms_call *call)
{
	RD_TRY(put_event_name(record, call));
	RD_TRY(put_text(record, "eventVersion", "1.11"));
	RD_TRY(put_time(record, "eventTime", call->now_ms));
	RD_TRY(put_text(
		record, "eventType", is_server(&call->who) ? "AwsServiceEvent" : "AwsApiCall"));
	RD_TRY(put_text(record, "eventCategory", "Management"));
	RD_TRY(put(record, "managementEvent", json_true()));
	RD_TRY(put_text(record, "awsRegion", call->kms->config.region));
	RD_TRY(put_text(record, "sourceIPAddress", call->peer));
	RD_TRY(put_text(record, "userAgent", call->user_agent));
	RD_TRY(put_text(record, "requestID", call->request_id));
	RD_TRY(put_text(record, "eventID", call->request_id));
	RD_TRY(put(record, "responseElements", json_null()));
	if (call->fault.type == KMS_FAULT_NONE) {
		return RD_OK;
	}
	RD_TRY(put_text(record, "errorCode", kms_fault_name(call->fault.type)));
	return put_text(record, "errorMessage", call->fault.message);
}

static int dump_part(const char *bytes, size_t n, void *out)
{
	return rd_buf_put(out, bytes, n) == RD_OK ? 0 : -1;
}

static enum rd_status dump(const json_t *record, struct rd_buf *out)
{
	size_t before = out->used;

	if (json_dump_callback(record, dump_part, out, JSON_COMPACT | JSON_SORT_KEYS) == 0 &&
		out->used - before <= RD_AUDIT_RECORD_MAX) {
		return RD_OK;
	}
	out->used = before;
	return RD_LIMIT;
}

static enum rd_status fill(json_t *record, const struct kms_call *call)
{
	RD_ENSURE(record != NULL, RD_NOMEM);
	RD_TRY(put_event(record, call));
	RD_TRY(put_identity(record, &call->who));
	RD_TRY(put_facts(record, call->facts));
	RD_TRY(put_extra(record, call));
	return put_resources(record, call);
}

enum rd_status kms_record(const struct kms_call *call, struct rd_buf *out)
{
	json_t *record = json_object();
	enum rd_status st = fill(record, call);

	if (st == RD_OK) {
		st = dump(record, out);
	}
	if (st == RD_LIMIT) {
		st = put(record, "requestParameters", json_pack("{s:b}", "omitted", 1));
		st = st == RD_OK ? dump(record, out) : st;
	}
	json_decref(record);
	return st;
}
