/* SPDX-License-Identifier: Apache-2.0 */
/* CreateKeyPair, ImportKeyPair, DescribeKeyPairs, DeleteKeyPair. */
#include "ec2/ops.h"

#include "base/text.h"
#include "ec2/authority.h"
#include "ec2/ids.h"
#include "ec2/select.h"
#include "ec2/ssh_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* EC2's quota. */
#define KEYS_MAX 5000
/* The public key in base64 of a line in base64. */
#define MATERIAL_MAX (2 * EC2_SSH_LINE_MAX)

static enum rd_status begin_key(struct ec2_call *call, struct ec2_key_pair *k)
{
	json_t *checks;
	char arn[EC2_ARN_SIZE];

	RD_TRY(ec2_in_need(ec2_in(call), "KeyName", k->head.name, sizeof(k->head.name)));
	RD_TRY(ec2_in_tags(ec2_in(call), "key-pair", &k->head.tags));
	RD_TRY(ec2_make_id("key-", k->head.id));
	memcpy(k->head.account, call->who.account, sizeof(k->head.account));
	k->head.created_ms = call->now_ms;
	checks = ec2_checks_new();
	ec2_arn(call, "key-pair", k->head.name, arn);
	ec2_check_add(call, checks,
		call->op->handler == ec2_create_key_pair ? "ec2:CreateKeyPair"
							 : "ec2:ImportKeyPair",
		arn, NULL);
	ec2_check_tags(call, checks, EC2_KIND_KEY_PAIR, k->head.tags);
	return ec2_allow(call, checks);
}

static enum rd_status add_work(struct rd_db *db, void *arg)
{
	const struct ec2_key_pair *k = arg;
	int64_t n = 0;

	RD_TRY(ec2_store_count(db, EC2_KIND_KEY_PAIR, k->head.account, &n));
	RD_ENSURE(n < KEYS_MAX, RD_LIMIT);
	return ec2_store_add(db, EC2_KIND_KEY_PAIR, k);
}

static enum rd_status add_key(struct ec2_call *call, struct ec2_key_pair *k, const char *line)
{
	enum rd_status st;

	RD_TRY(ec2_ssh_fingerprint(line, k->fingerprint));
	k->public_key = strdup(line);
	RD_ENSURE(k->public_key != NULL, RD_NOMEM);
	st = rd_db_transact(call->db, add_work, k);
	if (st == RD_EXISTS) {
		return ec2_fail(call, EC2_FAULT_KEY_DUPLICATE, "The key pair '%s' already exists.",
			k->head.name);
	}
	if (st == RD_LIMIT) {
		return ec2_fail(call, EC2_FAULT_RESOURCE_LIMIT,
			"An account has at most %d key pairs.", KEYS_MAX);
	}
	return st;
}

static void put_made(struct rd_xml_out *x, const struct ec2_key_pair *k)
{
	rd_xml_out_str(x, "keyName", k->head.name);
	rd_xml_out_str(x, "keyFingerprint", k->fingerprint);
	rd_xml_out_str(x, "keyPairId", k->head.id);
	ec2_put_tags(x, k->head.tags);
}

static enum rd_status create(
	struct ec2_call *call, struct ec2_key_pair *k, struct rd_secret *private)
{
	static const char *const types[] = {"rsa", "ed25519", NULL};
	static const char *const formats[] = {"pem", NULL};
	char line[EC2_SSH_LINE_MAX];
	unsigned type = 0, format = 0;

	RD_TRY(ec2_in_word(ec2_in(call), "KeyType", types, &type));
	RD_TRY(ec2_in_word(ec2_in(call), "KeyFormat", formats, &format));
	RD_TRY(begin_key(call, k));
	RD_TRY(type == 0 ? ec2_ssh_make_rsa(private, line) : ec2_ssh_make_ed25519(private, line));
	snprintf(k->type, sizeof(k->type), "%s", types[type]);
	RD_TRY(add_key(call, k, line));
	put_made(call->x, k);
	rd_xml_out_text(call->x, "keyMaterial", rd_secret_view(private));
	return RD_OK;
}

enum rd_status ec2_create_key_pair(struct ec2_call *call)
{
	struct ec2_key_pair k RD_CLEANUP(ec2_key_pair_finish) = {.type = ""};
	struct rd_secret private RD_CLEANUP(rd_secret_finish) = {.len = 0};

	return create(call, &k, &private);
}

/* --- import --- */

static enum rd_status read_material(
	struct ec2_call *call, const char **ret_type, char ret_line[EC2_SSH_LINE_MAX])
{
	uint8_t bytes[MATERIAL_MAX];
	struct rd_buf plain = rd_buf_fixed(bytes, sizeof(bytes));
	struct rd_view text = rd_query_get(call->q, "PublicKeyMaterial");
	enum rd_status st;

	if (text.ptr == NULL) {
		return ec2_fail(call, EC2_FAULT_MISSING_PARAMETER, "%s",
			"The request must contain the parameter PublicKeyMaterial");
	}
	st = rd_base64_decode(text, &plain);
	if (st == RD_OK) {
		st = ec2_ssh_read_line(rd_buf_view(&plain), ret_type, ret_line);
	}
	if (st != RD_OK) {
		return ec2_fail(call, EC2_FAULT_KEY_FORMAT,
			"Key is not in valid OpenSSH public key format: ssh-rsa of 2048 to 4096 "
			"bits, or ssh-ed25519 (%s).",
			rd_status_text(st));
	}
	return RD_OK;
}

enum rd_status ec2_import_key_pair(struct ec2_call *call)
{
	struct ec2_key_pair k RD_CLEANUP(ec2_key_pair_finish) = {.type = ""};
	char line[EC2_SSH_LINE_MAX];
	const char *type = "";

	RD_TRY(read_material(call, &type, line));
	RD_TRY(begin_key(call, &k));
	snprintf(k.type, sizeof(k.type), "%s", type);
	RD_TRY(add_key(call, &k, line));
	put_made(call->x, &k);
	return RD_OK;
}

/* --- describe, delete --- */

static void key_facts(struct ec2_call *call, struct ec2_filters *f, const void *record)
{
	const struct ec2_key_pair *k = record;

	(void)call;
	ec2_fact(f, "key-pair-id", k->head.id);
	ec2_fact(f, "key-name", k->head.name);
	ec2_fact(f, "fingerprint", k->fingerprint);
}

static const char *const key_filters[] = {
	"key-pair-id", "key-name", "fingerprint", "tag:", "tag-key", NULL};

static const struct ec2_select select_keys = {.kind = EC2_KIND_KEY_PAIR,
	.ids = "KeyPairId",
	.id_fault = EC2_FAULT_KEY_NOT_FOUND,
	.names = "KeyName",
	.name_fault = EC2_FAULT_KEY_NOT_FOUND,
	.what = "key pair",
	.filters = key_filters,
	.facts = key_facts};

enum rd_status ec2_describe_key_pairs(struct ec2_call *call)
{
	struct ec2_list list RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_KEY_PAIR};
	struct rd_xml_out *x = call->x;
	char next[EC2_NEXT_SIZE];
	bool public = false;

	RD_TRY(ec2_in_bool(ec2_in(call), "IncludePublicKey", &public));
	RD_TRY(ec2_allow_any(call));
	RD_TRY(ec2_select(call, &select_keys, &list, next));
	rd_xml_out_begin(x, "keySet");
	for (size_t n = 0; n < list.n; n++) {
		const struct ec2_key_pair *k = ec2_list_at(&list, n);

		rd_xml_out_begin(x, "item");
		put_made(x, k);
		rd_xml_out_str(x, "keyType", k->type);
		ec2_put_time(x, "createTime", k->head.created_ms);
		if (public) {
			rd_xml_out_str(x, "publicKey", k->public_key);
		}
		rd_xml_out_end(x);
	}
	rd_xml_out_end(x);
	return RD_OK;
}

/* Deleting a key pair that is not there is no fault, as on EC2. */
enum rd_status ec2_delete_key_pair(struct ec2_call *call)
{
	struct ec2_key_pair k RD_CLEANUP(ec2_key_pair_finish) = {.type = ""};
	struct ec2_in in = ec2_in(call);
	char id[EC2_ID_SIZE], name[EC2_NAME_SIZE], arn[EC2_ARN_SIZE];
	json_t *checks, *context;
	enum rd_status st;

	RD_TRY(ec2_in_text(in, "KeyPairId", id, sizeof(id)));
	RD_TRY(id[0] == '\0' ? ec2_in_need(in, "KeyName", name, sizeof(name)) : RD_OK);
	st = id[0] != '\0'
		     ? ec2_store_get(call->db, EC2_KIND_KEY_PAIR, call->who.account, id, &k)
		     : ec2_store_by_name(call->db, EC2_KIND_KEY_PAIR, call->who.account, name, &k);
	RD_ENSURE(st == RD_OK || st == RD_NOTFOUND, st);
	checks = ec2_checks_new();
	context = json_object();
	if (st == RD_OK) {
		ec2_context_resource(context, k.head.tags);
	}
	ec2_arn(call, "key-pair", st == RD_OK ? k.head.name : id[0] != '\0' ? id : name, arn);
	ec2_check_add(call, checks, "ec2:DeleteKeyPair", arn, context);
	RD_TRY(ec2_allow(call, checks));
	if (st == RD_OK) {
		st = ec2_store_delete(call->db, EC2_KIND_KEY_PAIR, k.head.id);
		RD_ENSURE(st == RD_OK || st == RD_NOTFOUND, st);
	}
	rd_xml_out_bool(call->x, "return", true);
	if (k.head.id[0] != '\0') {
		rd_xml_out_str(call->x, "keyPairId", k.head.id);
	}
	return RD_OK;
}
