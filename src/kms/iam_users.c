/* SPDX-License-Identifier: Apache-2.0 */
/* Users: making one, and the first of all. */
#include "kms/iam-internal.h"

#include "kms/own_call.h"
#include "kms/session.h"

#include <stdio.h>
#include <string.h>

#define ADMIN_NAME        "admin"
#define ADMIN_POLICY_NAME "AdministratorAccess"
#define ADMIN_POLICY                                                                               \
	"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"Everything\",\"Effect\":\"Allow\"," \
	"\"Action\":\"*\",\"Resource\":\"*\"}]}"

enum rd_status kms_iam_create_user(struct kms_iam *iam)
{
	struct kms_principal user RD_CLEANUP(kms_principal_finish) = {.kind = KMS_USER};

	RD_TRY(kms_iam_read_principal(iam, &user));
	return kms_iam_add_principal(iam, &user);
}

static const struct kms_op make_admin = {.name = "CreateAdministrator", .flags = KMS_OP_WRITES};

struct first {
	struct kms_own_call *own;
	bool any;
	struct kms_credential credential;
	struct rd_secret secret;
};

static enum rd_status see_any(void *arg, struct kms_principal *p)
{
	(void)p;
	((struct first *)arg)->any = true;
	return RD_OK;
}

/* What the record says beside that it was made. */
static enum rd_status tell(struct first *first)
{
	struct kms_call *call = &first->own->call;

	json_decref(call->facts);
	call->facts = json_pack(
		"{ss ss}", "accessKeyId", first->credential.akid, "userName", ADMIN_NAME);
	return call->facts != NULL ? RD_OK : RD_NOMEM;
}

static enum rd_status make_first(struct rd_db *db, void *arg)
{
	struct first *first = arg;
	struct kms_call *call = &first->own->call;
	struct kms_principal admin = {
		.kind = KMS_USER, .path = "/", .name = ADMIN_NAME, .created_ms = call->now_ms};

	call->db = db;
	first->any = false;
	rd_secret_finish(&first->secret);
	memcpy(admin.account, call->kms->config.account, sizeof(admin.account));
	RD_TRY(kms_store_principals_list(db, admin.account, KMS_USER, "", 1, see_any, first));
	RD_ENSURE(!first->any, RD_EXISTS);
	RD_TRY(kms_make_id("AIDA", KMS_UID_SIZE - 1, admin.uid));
	RD_TRY(kms_store_principal_add(db, &admin));
	RD_TRY(kms_store_policy_put(db, admin.uid, ADMIN_POLICY_NAME, ADMIN_POLICY));
	RD_TRY(kms_iam_make_key(call, &admin, &first->credential, &first->secret));
	return tell(first);
}

static bool print_first(FILE *to, const struct kms_config *config, const struct first *first)
{
	const char *scheme = config->tls_certificate[0] != '\0' ? "https" : "http";

	return fprintf(to,
		       "Account %s has its administrator: user %s. Its secret access key is shown "
		       "this once.\n\n"
		       "\texport AWS_ACCESS_KEY_ID=%s\n"
		       "\texport AWS_SECRET_ACCESS_KEY=%.*s\n"
		       "\texport AWS_DEFAULT_REGION=%s\n"
		       "\texport AWS_ENDPOINT_URL=%s://%s:%u\n\n"
		       "\taws --endpoint-url \"$AWS_ENDPOINT_URL\" sts get-caller-identity\n",
		       config->account, ADMIN_NAME, first->credential.akid, (int)first->secret.len,
		       (const char *)first->secret.ptr, config->region, scheme,
		       config->listen_address, config->listen_port) > 0 &&
	       fflush(to) == 0;
}

/* Made and recorded, before anybody is told the secret. */
static enum rd_status make_and_record(
	struct first *first, struct kms *kms, struct rd_db *db, struct rd_error *err)
{
	enum rd_status st;

	memcpy(first->own->call.who.account, kms->config.account,
		sizeof(first->own->call.who.account));
	rd_db_before_commit(db, kms_own_call_keep, first->own);
	st = rd_db_transact(db, make_first, first);
	rd_db_before_commit(db, NULL, NULL);
	if (st == RD_EXISTS) {
		return rd_fail(err, st, "account %s has users already", kms->config.account);
	}
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot make the first administrator: %s: %s",
			rd_status_text(st), rd_db_error(db));
	}
	st = kms_own_call_record(first->own);
	return st == RD_OK
		       ? RD_OK
		       : rd_fail(err, st,
				 "the first administrator cannot be recorded in the audit log: start "
				 "with a new database");
}

static enum rd_status first_admin(
	struct first *first, struct kms *kms, struct rd_db *db, FILE *to, struct rd_error *err)
{
	RD_TRY(make_and_record(first, kms, db, err));
	if (!print_first(to, &kms->config, first)) {
		return rd_fail(err, RD_IO,
			"cannot show the first administrator's access key: start with a new "
			"database");
	}
	return RD_OK;
}

enum rd_status kms_first_admin(struct kms *kms, struct rd_db *db, FILE *to, struct rd_error *err)
{
	struct first first = {.own = kms_own_call_new(kms, &make_admin, kms->now_ms())};
	enum rd_status st;

	if (first.own == NULL) {
		return rd_fail(err, RD_NOMEM, "cannot make the first administrator: no memory");
	}
	st = first_admin(&first, kms, db, to, err);
	rd_secret_finish(&first.secret);
	kms_own_call_free(&first.own);
	return st;
}
