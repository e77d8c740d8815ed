/* SPDX-License-Identifier: Apache-2.0 */
/* Principals of grants. */
#include "kms/grantee.h"

#include "aws/arn.h"
#include "kms/store.h"

#include <stdio.h>
#include <string.h>

const char *kms_param_principal(struct kms_params *p, const char *name, bool required)
{
	const struct rd_json_string_rule rule = {.required = required,
		.min = 1,
		.max = KMS_PRINCIPAL_SIZE - 1,
		.pattern = KMS_PATTERN_PRINCIPAL,
		.matches = kms_matches_principal};

	return kms_param_string(p, name, &rule);
}

static enum rd_status invalid(struct kms_call *call, const char *arn)
{
	return kms_fail(call, KMS_FAULT_INVALID_ARN, "Invalid principal ARN: %s", arn);
}

static enum rd_status parse(struct kms_call *call, const char *arn, struct rd_principal *ret)
{
	if (rd_principal_parse(rd_view_str(arn), ret) != RD_OK) {
		return invalid(call, arn);
	}
	return RD_OK;
}

/* "arn:aws:iam::…:root" stays; users and roles have to exist. */
static enum rd_status uid_of(
	struct kms_call *call, const struct rd_principal *who, char ret[KMS_PRINCIPAL_SIZE])
{
	struct kms_principal principal;
	char account[KMS_ACCOUNT_SIZE], name[KMS_NAME_SIZE];
	enum rd_status st;

	RD_ENSURE(who->account.len < sizeof(account) && who->name.len < sizeof(name), RD_NOTFOUND);
	(void)snprintf(account, sizeof(account), "%.*s", (int)who->account.len,
		(const char *)who->account.ptr);
	(void)snprintf(name, sizeof(name), "%.*s", (int)who->name.len, (const char *)who->name.ptr);
	RD_TRY(kms_store_principal_get(call->db, account,
		who->kind == RD_PRINCIPAL_USER ? KMS_USER : KMS_ROLE, name, &principal));
	st = rd_view_equal(who->path, rd_view_str(principal.path)) ? RD_OK : RD_NOTFOUND;
	(void)snprintf(ret, KMS_PRINCIPAL_SIZE, "%s", principal.uid);
	kms_principal_finish(&principal);
	return st;
}

enum rd_status kms_grantee_resolve(
	struct kms_call *call, const char *arn, char ret_stored[KMS_PRINCIPAL_SIZE])
{
	struct rd_principal who;
	enum rd_status st;

	RD_TRY(parse(call, arn, &who));
	if (who.kind != RD_PRINCIPAL_USER && who.kind != RD_PRINCIPAL_ROLE) {
		(void)snprintf(ret_stored, KMS_PRINCIPAL_SIZE, "%s", arn);
		return RD_OK;
	}
	st = uid_of(call, &who, ret_stored);
	return st == RD_NOTFOUND ? invalid(call, arn) : kms_settle(call, st);
}

enum rd_status kms_grantee_show(
	struct kms_call *call, const char *stored, char ret_arn[KMS_ARN_SIZE])
{
	struct kms_principal principal;
	struct rd_buf out = rd_buf_fixed(ret_arn, KMS_ARN_SIZE);
	struct rd_principal who;
	enum rd_status st;

	if (stored[0] == '\0' || strncmp(stored, "arn:", 4) == 0) {
		(void)snprintf(ret_arn, KMS_ARN_SIZE, "%s", stored);
		return RD_OK;
	}
	st = kms_store_principal_by_uid(call->db, stored, &principal);
	if (st == RD_NOTFOUND) {
		(void)snprintf(ret_arn, KMS_ARN_SIZE, "%s", stored);
		return RD_OK;
	}
	RD_TRY(st);
	who = (struct rd_principal){
		.kind = principal.kind == KMS_ROLE ? RD_PRINCIPAL_ROLE : RD_PRINCIPAL_USER,
		.partition = rd_view_str(rd_aws_partition(rd_view_str(call->kms->config.region))),
		.account = rd_view_str(principal.account),
		.path = rd_view_str(principal.path),
		.name = rd_view_str(principal.name)};
	st = rd_principal_put(&who, &out);
	if (st == RD_OK) {
		st = rd_buf_u8(&out, 0);
	}
	kms_principal_finish(&principal);
	return st;
}

bool kms_grantee_is_caller(const struct kms_call *call, const char *stored)
{
	const struct kms_identity *who = &call->who;

	if (stored[0] == '\0') {
		return false;
	}
	return strcmp(stored, who->arn) == 0 || strcmp(stored, who->role_arn) == 0 ||
	       (who->kind != KMS_ROOT && strcmp(stored, who->uid) == 0);
}

enum rd_status kms_grantee_in_account(struct kms_call *call, const char *arn)
{
	struct rd_principal who;

	RD_TRY(parse(call, arn, &who));
	if (!rd_view_equal(who.account, rd_view_str(call->who.account))) {
		return kms_fail(call, KMS_FAULT_INVALID_ARN,
			"The principal is not one of the caller's account: %s", arn);
	}
	return RD_OK;
}

enum rd_status kms_key_arn(
	struct kms_call *call, const char *account, const char *key_id, char ret_arn[KMS_ARN_SIZE])
{
	struct rd_buf arn = rd_buf_fixed(ret_arn, KMS_ARN_SIZE);

	RD_TRY(rd_arn_put_key(rd_view_str(call->kms->config.region), rd_view_str(account),
		rd_view_str(key_id), &arn));
	return rd_buf_u8(&arn, 0);
}
