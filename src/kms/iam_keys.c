/* SPDX-License-Identifier: Apache-2.0 */
/* Access keys of users. The secret is shown once, when it is made, and stored wrapped. */
#include "kms/iam-internal.h"

#include "kms/material.h"
#include "kms/session.h"

#include <stdio.h>
#include <string.h>

/* IAM's quota: one in use and one to change to. */
#define KEYS_PER_USER 2

enum rd_status kms_iam_make_key(struct kms_call *call, const struct kms_principal *user,
	struct kms_credential *ret, struct rd_secret *ret_secret)
{
	struct kms_credential key = {.active = true, .created_ms = call->now_ms};

	memcpy(key.uid, user->uid, sizeof(key.uid));
	memcpy(key.account, user->account, sizeof(key.account));
	RD_TRY(kms_make_id("AKIA", 20, key.akid));
	RD_TRY(kms_make_access_secret(ret_secret));
	RD_TRY(kms_credential_wrap(call->kms->keyring, &key, rd_secret_view(ret_secret)));
	RD_TRY(kms_store_credential_add(call->db, &key));
	*ret = key;
	return RD_OK;
}

static void put_key(struct kms_iam *iam, const struct kms_credential *key)
{
	rd_xml_out_str(&iam->xml, "UserName", iam->principal.name);
	rd_xml_out_str(&iam->xml, "AccessKeyId", key->akid);
	rd_xml_out_str(&iam->xml, "Status", key->active ? "Active" : "Inactive");
}

static enum rd_status count_key(void *arg, const struct kms_credential *key)
{
	(void)key;
	(*(unsigned *)arg)++;
	return RD_OK;
}

enum rd_status kms_iam_create_key(struct kms_iam *iam)
{
	struct rd_secret secret RD_CLEANUP(rd_secret_finish) = {.len = 0};
	struct kms_credential key;
	unsigned n = 0;

	RD_TRY(kms_store_credentials_list(
		iam->call->db, iam->principal.uid, 0, KEYS_PER_USER, count_key, &n));
	if (n >= KEYS_PER_USER) {
		return kms_iam_refuse(iam, "LimitExceeded", 409,
			"Cannot exceed quota for AccessKeysPerUser: %d", KEYS_PER_USER);
	}
	RD_TRY(kms_iam_make_key(iam->call, &iam->principal, &key, &secret));
	rd_xml_out_begin(&iam->xml, "AccessKey");
	put_key(iam, &key);
	rd_xml_out_text(&iam->xml, "SecretAccessKey", rd_secret_view(&secret));
	rd_xml_out_time(&iam->xml, "CreateDate", key.created_ms / 1000);
	rd_xml_out_end(&iam->xml);
	return RD_OK;
}

static enum rd_status on_key(void *arg, const struct kms_credential *key)
{
	struct kms_iam *iam = arg;

	rd_xml_out_begin(&iam->xml, "member");
	put_key(iam, key);
	rd_xml_out_time(&iam->xml, "CreateDate", key->created_ms / 1000);
	rd_xml_out_end(&iam->xml);
	return RD_OK;
}

enum rd_status kms_iam_list_keys(struct kms_iam *iam)
{
	rd_xml_out_begin(&iam->xml, "AccessKeyMetadata");
	RD_TRY(kms_store_credentials_list(
		iam->call->db, iam->principal.uid, 0, KEYS_PER_USER, on_key, iam));
	rd_xml_out_end(&iam->xml);
	rd_xml_out_bool(&iam->xml, "IsTruncated", false);
	return RD_OK;
}

/* The user's own, whatever else has that id. */
static enum rd_status find_key(struct kms_iam *iam)
{
	struct kms_credential key;
	enum rd_status st;

	RD_TRY(kms_iam_name(
		iam, "AccessKeyId", true, iam->changed_akid, sizeof(iam->changed_akid)));
	st = kms_store_credential_get(iam->call->db, iam->changed_akid, &key);
	if (st == RD_NOTFOUND || (st == RD_OK && strcmp(key.uid, iam->principal.uid) != 0)) {
		return kms_iam_refuse(iam, "NoSuchEntity", 404,
			"The Access Key with id %s cannot be found.", iam->changed_akid);
	}
	return st;
}

enum rd_status kms_iam_update_key(struct kms_iam *iam)
{
	char status[16];
	bool active;

	RD_TRY(kms_iam_text(iam, "Status", true, status, sizeof(status)));
	active = strcmp(status, "Active") == 0;
	if (!active && strcmp(status, "Inactive") != 0) {
		return kms_iam_refuse(iam, "ValidationError", 400,
			"1 validation error detected: Value '%s' at 'status' failed to satisfy "
			"constraint: Member must satisfy enum value set: [Active, Inactive]",
			status);
	}
	RD_TRY(find_key(iam));
	return kms_store_credential_set(iam->call->db, iam->changed_akid, active);
}

enum rd_status kms_iam_delete_key(struct kms_iam *iam)
{
	RD_TRY(find_key(iam));
	return kms_store_credential_delete(iam->call->db, iam->changed_akid);
}
