/* SPDX-License-Identifier: Apache-2.0 */
/* A key server without its sockets. */
#include "bench.h"

#include "crypto/secret.h"
#include "kms/audit.h"
#include "kms/cache.h"
#include "kms/journal.h"
#include "kms/keyring.h"
#include "kms/schema.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAP_SIZE (4UL * 1024 * 1024)

static const struct kms_op operations[] = {
	{"CreateKey", kms_op_create_key, 0},
	{"Decrypt", kms_op_decrypt, 0},
	{"DeriveSharedSecret", kms_op_derive_shared_secret, 0},
	{"DisableKey", kms_op_disable_key, 0},
	{"Encrypt", kms_op_encrypt, 0},
	{"GenerateDataKey", kms_op_generate_data_key, 0},
	{"GenerateDataKeyPair", kms_op_generate_data_key_pair, 0},
	{"GenerateDataKeyPairWithoutPlaintext", kms_op_generate_data_key_pair_without_plaintext, 0},
	{"GenerateDataKeyWithoutPlaintext", kms_op_generate_data_key_without_plaintext, 0},
	{"GenerateMac", kms_op_generate_mac, 0},
	{"GenerateRandom", kms_op_generate_random, 0},
	{"GetPublicKey", kms_op_get_public_key, 0},
	{"PutKeyPolicy", kms_op_put_key_policy, 0},
	{"ReEncrypt", kms_op_re_encrypt, 0},
	{"Sign", kms_op_sign, 0},
	{"Verify", kms_op_verify, 0},
	{"VerifyMac", kms_op_verify_mac, 0},
};

static void write_master(const char *path)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	for (int i = 0; i < 32; i++) {
		fprintf(f, "%02x", i * 7);
	}
	fputc('\n', f);
	assert_int_equal(fclose(f), 0);
}

static void check(enum rd_status st, const struct rd_error *err)
{
	if (st != RD_OK) {
		fail_msg("%s: %s", rd_status_name(st), err->text);
	}
}

void bench_open(struct bench *b, int64_t now_ms)
{
	struct rd_error err = {.status = RD_OK};
	char text[128];

	*b = (struct bench){.now_ms = now_ms, .account = BENCH_ACCOUNT};
	check(rd_secret_heap_open(HEAP_SIZE, &err), &err);
	snprintf(b->dir, sizeof(b->dir), "/tmp/kms-bench.XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	snprintf(text, sizeof(text), "%s/master.key", b->dir);
	write_master(text);
	snprintf(text, sizeof(text), "sqlite:%s/kms.db", b->dir);
	check(rd_db_open(text, &kms_schema, &b->db, &err), &err);
	snprintf(text, sizeof(text), "file:%s/master.key", b->dir);
	check(kms_keyring_open(b->db, text, &b->kms.keyring, &err), &err);
	kms_keyring_installation(b->kms.keyring, b->kms.installation);
	assert_ok(kms_cache_new(b->kms.keyring, BENCH_REGION, KMS_CACHE_ENTRIES, &b->kms.cache));
	assert_ok(rd_ec_key_generate(RD_P256, &b->audit_key));
	snprintf(text, sizeof(text), "%s/audit", b->dir);
	check(kms_audit_open(text, b->audit_key, &b->kms.audit, &err), &err);
	assert_ok(kms_journal_new(&b->kms.journal));
	snprintf(b->kms.config.region, sizeof(b->kms.config.region), "%s", BENCH_REGION);
	snprintf(b->kms.config.account, sizeof(b->kms.config.account), "%s", BENCH_ACCOUNT);
}

static void end_call(struct bench *b)
{
	json_decref(b->call.in);
	json_decref(b->call.facts);
	json_decref(b->call.out);
	rd_buf_finish(&b->call.answer);
	memset(&b->call, 0, sizeof(b->call));
}

void bench_recipients(struct bench *b, struct kms_recipients *recipients)
{
	kms_recipients_free(&b->kms.recipients);
	b->kms.recipients = recipients;
}

void bench_close(struct bench *b)
{
	char command[128];

	end_call(b);
	kms_recipients_free(&b->kms.recipients);
	kms_audit_close(&b->kms.audit);
	kms_journal_free(&b->kms.journal);
	rd_ec_key_free(&b->audit_key);
	kms_cache_free(&b->kms.cache);
	kms_keyring_free(&b->kms.keyring);
	rd_db_close(&b->db);
	snprintf(command, sizeof(command), "rm -rf '%s'", b->dir);
	assert_int_equal(system(command), 0);
}

static const struct kms_op *find(const char *name)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(operations); i++) {
		if (strcmp(operations[i].name, name) == 0) {
			return &operations[i];
		}
	}
	fail_msg("no operation %s", name);
	return NULL;
}

enum rd_status bench_run(struct bench *b, const char *operation, json_t *in)
{
	struct kms_call *call = &b->call;
	enum rd_status st;

	end_call(b);
	call->kms = &b->kms;
	call->db = b->db;
	call->op = find(operation);
	call->now_ms = b->now_ms;
	call->in = in;
	call->who.kind = KMS_ROOT;
	snprintf(call->who.account, sizeof(call->who.account), "%s", b->account);
	snprintf(call->who.uid, sizeof(call->who.uid), "%s", b->account);
	snprintf(call->who.arn, sizeof(call->who.arn), "arn:aws:iam::%s:root", b->account);
	snprintf(call->who.akid, sizeof(call->who.akid), "AKIDBENCH");
	st = call->op->handler(call);
	if (call->answer.used > 0) {
		assert_null(call->out);
		call->out = json_loadb((const char *)call->answer.ptr, call->answer.used, 0, NULL);
		assert_non_null(call->out);
	}
	return st;
}

json_t *bench_ok(struct bench *b, const char *operation, json_t *in)
{
	enum rd_status st = bench_run(b, operation, in);

	if (st != RD_OK) {
		fail_msg("%s: %s, fault %d: %s", operation, rd_status_name(st),
			(int)b->call.fault.type, b->call.fault.message);
	}
	assert_int_equal(b->call.fault.type, KMS_FAULT_NONE);
	return b->call.out;
}

void bench_fails(struct bench *b, const char *operation, json_t *in, enum kms_fault_type type,
	const char *message)
{
	enum rd_status st = bench_run(b, operation, in);

	if (st == RD_OK || b->call.fault.type != type) {
		fail_msg("%s: %s, fault %d: %s; wanted fault %d", operation, rd_status_name(st),
			(int)b->call.fault.type, b->call.fault.message, (int)type);
	}
	assert_null(b->call.out);
	if (message != NULL) {
		assert_string_equal(b->call.fault.message, message);
	}
}

void bench_key(struct bench *b, const char *spec, const char *usage, const char *policy,
	char ret_id[KMS_KEY_ID_SIZE])
{
	json_t *in = json_pack("{s:s, s:s}", "KeySpec", spec, "KeyUsage", usage);
	json_t *answer;

	if (policy != NULL) {
		json_object_set_new(in, "Policy", json_string(policy));
		json_object_set_new(in, "BypassPolicyLockoutSafetyCheck", json_true());
	}
	answer = bench_ok(b, "CreateKey", in);
	snprintf(ret_id, KMS_KEY_ID_SIZE, "%s",
		json_string_value(
			json_object_get(json_object_get(answer, "KeyMetadata"), "KeyId")));
	assert_int_equal(strlen(ret_id), KMS_KEY_ID_SIZE - 1);
}

void bench_arn(const char *key_id, char ret_arn[KMS_ARN_SIZE])
{
	snprintf(ret_arn, KMS_ARN_SIZE, "arn:aws:kms:%s:%s:key/%s", BENCH_REGION, BENCH_ACCOUNT,
		key_id);
}

json_t *bench_blob(struct rd_view bytes)
{
	struct rd_buf text = rd_buf_growable(4 + bytes.len * 2);
	json_t *json;

	assert_ok(rd_base64_encode(bytes, &text));
	json = text.used == 0 ? json_string("") : json_stringn((const char *)text.ptr, text.used);
	rd_buf_finish(&text);
	return json;
}

struct rd_buf bench_bytes(json_t *answer, const char *member)
{
	struct rd_buf bytes = rd_buf_growable(65536);
	const char *text = json_string_value(json_object_get(answer, member));

	if (text == NULL) {
		fail_msg("the answer has no %s", member);
	}
	assert_ok(rd_base64_decode(rd_view_str(text), &bytes));
	return bytes;
}
