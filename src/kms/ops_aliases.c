/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CreateAlias, UpdateAlias, DeleteAlias, ListAliases.
 *
 * The permission for an alias is asked twice: IAM's on the alias, and on the key (of UpdateAlias:
 * on both keys).
 */
#include "kms/ops.h"

#include "aws/key_ref.h"
#include "kms/marker.h"
#include "kms/metadata.h"
#include "kms/target.h"

#include <stdio.h>
#include <string.h>

#define PAGE_MAX 100
#define PAGE     50

struct named {
	const char *name;
	const char *key_id; /* TargetKeyId */
	char arn[KMS_ARN_SIZE];
};

static const struct rd_json_string_rule name_rule = {.required = true,
	.min = 1,
	.max = RD_ALIAS_NAME_MAX,
	.pattern = KMS_PATTERN_NAME,
	.matches = kms_matches_name};

static enum rd_status alias_arn(
	const struct kms_call *call, const char *account, const char *name, char ret[KMS_ARN_SIZE])
{
	struct rd_buf arn = rd_buf_fixed(ret, KMS_ARN_SIZE);

	RD_TRY(rd_arn_put_alias(rd_view_str(call->kms->config.region), rd_view_str(account),
		rd_view_str(name), &arn));
	return rd_buf_u8(&arn, 0);
}

static enum rd_status check_name(struct kms_call *call, const char *name)
{
	switch (rd_alias_check(rd_view_str(name))) {
	case RD_ALIAS_OK:
		return RD_OK;
	case RD_ALIAS_NO_PREFIX:
		return kms_fail(call, KMS_FAULT_VALIDATION,
			"Alias must start with the prefix \"alias/\". Please see "
			"https://docs.aws.amazon.com/kms/latest/developerguide/"
			"alias-create.html");
	case RD_ALIAS_RESERVED:
		return kms_fail_silently(call, KMS_FAULT_NOT_AUTHORIZED);
	case RD_ALIAS_BAD_NAME:
		break;
	}
	return kms_fail(
		call, KMS_FAULT_VALIDATION, "%s contains invalid characters for an alias", name);
}

static enum rd_status read_named(struct kms_call *call, bool with_key, struct named *ret)
{
	struct kms_params p;
	struct rd_key_ref ref;

	kms_params_begin(&p, call);
	ret->name = kms_param_string(&p, "AliasName", &name_rule);
	if (with_key) {
		ret->key_id = kms_param_key(&p, "TargetKeyId", true);
	}
	RD_TRY(kms_params_end(&p));
	RD_TRY(check_name(call, ret->name));
	if (with_key && rd_key_ref_parse(rd_view_str(ret->key_id), &ref) == RD_OK &&
		(ref.kind == RD_KEY_REF_ALIAS || ref.kind == RD_KEY_REF_ALIAS_ARN)) {
		return kms_fail(
			call, KMS_FAULT_VALIDATION, "Aliases must refer to keys. Not aliases");
	}
	return kms_settle(call, alias_arn(call, call->who.account, ret->name, ret->arn));
}

static enum rd_status not_found(struct kms_call *call, const char *arn)
{
	return kms_fail(call, KMS_FAULT_NOT_FOUND, "Alias %s is not found.", arn);
}

static enum rd_status too_many(struct kms_call *call, const char *arn)
{
	return kms_fail(call, KMS_FAULT_LIMIT_EXCEEDED,
		"The key %s has as many aliases as it may have: %d.", arn, KMS_ALIASES_PER_KEY);
}

static enum rd_status add_alias(struct rd_db *db, struct kms_edit *edit)
{
	struct kms_call *call = edit->target->call;
	const struct named *named = edit->arg;
	struct kms_alias alias = {.created_ms = call->now_ms, .updated_ms = call->now_ms};
	enum rd_status st;

	(void)snprintf(alias.account, sizeof(alias.account), "%s", edit->key.account);
	(void)snprintf(alias.key_id, sizeof(alias.key_id), "%s", edit->key.id);
	(void)snprintf(alias.name, sizeof(alias.name), "%s", named->name);
	st = kms_store_alias_add(db, &alias);
	if (st == RD_EXISTS) {
		return kms_fail(call, KMS_FAULT_ALREADY_EXISTS,
			"An alias with the name %s already exists", named->arn);
	}
	if (st == RD_LIMIT) {
		return too_many(call, edit->target->key->arn);
	}
	return st;
}

/* The name may have been asked for before it was there, by another thread at the same time. */
static void drop_name(struct kms_call *call, const char *name)
{
	char id[KMS_ACCOUNT_SIZE + KMS_ALIAS_SIZE];

	(void)snprintf(id, sizeof(id), "%s:%s", call->who.account, name);
	kms_cache_drop(call->kms->cache, 'a', id);
}

enum rd_status kms_op_create_alias(struct kms_call *call)
{
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	struct named named = {.name = NULL};
	struct kms_edit edit = {.target = &target,
		.states = KMS_IN_ENABLED | KMS_IN_DISABLED | KMS_IN_PENDING_IMPORT,
		.fn = add_alias,
		.arg = &named};
	enum rd_status st;

	RD_TRY(read_named(call, true, &named));
	RD_TRY(kms_may(call, NULL, named.arn, NULL));
	RD_TRY(kms_target_open(call, named.key_id, NULL, &target));
	st = kms_edit_run(&edit);
	drop_name(call, named.name);
	return st;
}

/* The key that the alias points to, permitted. */
static enum rd_status open_old(struct kms_call *call, const struct named *named,
	struct kms_alias *ret, struct kms_target *old)
{
	enum rd_status st = kms_store_alias_get(call->db, call->who.account, named->name, ret);

	if (st == RD_NOTFOUND) {
		(void)not_found(call, named->arn);
		return RD_NOTFOUND;
	}
	RD_TRY(kms_settle(call, st));
	return kms_target_open(call, ret->key_id, NULL, old);
}

static enum rd_status check_alike(
	struct kms_call *call, const struct kms_key *old, const struct kms_key *new)
{
	bool symmetric_old = kms_spec_info(old->spec)->family == KMS_FAMILY_SYMMETRIC;
	bool symmetric_new = kms_spec_info(new->spec)->family == KMS_FAMILY_SYMMETRIC;

	if (old->usage == new->usage && symmetric_old == symmetric_new) {
		return RD_OK;
	}
	return kms_fail(call, KMS_FAULT_VALIDATION,
		"The current and the new target of alias must be of the same type and have the "
		"same key usage.");
}

static enum rd_status move_alias(struct rd_db *db, struct kms_edit *edit)
{
	struct kms_call *call = edit->target->call;
	struct kms_alias *asked = edit->arg;
	struct kms_alias alias;
	enum rd_status st = kms_store_alias_get(db, asked->account, asked->name, &alias);

	/* Somebody else moved it: the permission was for another key. */
	if (st == RD_NOTFOUND || (st == RD_OK && strcmp(alias.key_id, asked->key_id) != 0)) {
		return kms_fail(call, KMS_FAULT_NOT_FOUND, "Alias %s was changed by another call.",
			asked->name);
	}
	RD_TRY(st);
	(void)snprintf(alias.key_id, sizeof(alias.key_id), "%s", edit->key.id);
	alias.updated_ms = call->now_ms;
	st = kms_store_alias_update(db, &alias);
	return st == RD_LIMIT ? too_many(call, edit->target->key->arn) : st;
}

enum rd_status kms_op_update_alias(struct kms_call *call)
{
	struct kms_target old RD_CLEANUP(kms_target_finish) = {.call = call};
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	struct named named = {.name = NULL};
	struct kms_alias alias;
	struct kms_edit edit = {.target = &target,
		.states = KMS_IN_ENABLED | KMS_IN_DISABLED | KMS_IN_PENDING_IMPORT,
		.fn = move_alias,
		.arg = &alias};
	enum rd_status st;

	RD_TRY(read_named(call, true, &named));
	RD_TRY(kms_may(call, NULL, named.arn, NULL));
	RD_TRY(open_old(call, &named, &alias, &old));
	RD_TRY(kms_target_open(call, named.key_id, NULL, &target));
	RD_TRY(check_alike(call, &old.key->record, &target.key->record));
	st = kms_edit_run(&edit);
	drop_name(call, named.name);
	kms_cache_drop(call->kms->cache, 'k', old.key->record.id);
	return st;
}

static enum rd_status delete_alias(struct rd_db *db, struct kms_edit *edit)
{
	struct kms_call *call = edit->target->call;
	const struct named *named = edit->arg;
	enum rd_status st = kms_store_alias_delete(db, call->who.account, named->name);

	return st == RD_NOTFOUND ? not_found(call, named->arn) : st;
}

enum rd_status kms_op_delete_alias(struct kms_call *call)
{
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	struct named named = {.name = NULL};
	struct kms_alias alias;
	struct kms_edit edit = {.target = &target,
		.states = KMS_IN_ENABLED | KMS_IN_DISABLED | KMS_IN_PENDING_DELETION |
			  KMS_IN_PENDING_IMPORT,
		.fn = delete_alias,
		.arg = &named};
	enum rd_status st;

	RD_TRY(read_named(call, false, &named));
	RD_TRY(kms_may(call, NULL, named.arn, NULL));
	RD_TRY(open_old(call, &named, &alias, &target));
	st = kms_edit_run(&edit);
	drop_name(call, named.name);
	return st;
}

static enum rd_status list_alias(void *arg, const struct kms_alias *alias)
{
	struct kms_listing *listing = arg;
	char arn[KMS_ARN_SIZE];

	if (kms_listing_is_full(listing)) {
		return RD_OK;
	}
	RD_TRY(alias_arn(listing->call, alias->account, alias->name, arn));
	return kms_listing_add(listing,
		json_pack("{s:s, s:s, s:s, s:o, s:o}", "AliasName", alias->name, "AliasArn", arn,
			"TargetKeyId", alias->key_id, "CreationDate",
			kms_json_time(alias->created_ms), "LastUpdatedDate",
			kms_json_time(alias->updated_ms)),
		alias->name);
}

enum rd_status kms_op_list_aliases(struct kms_call *call)
{
	struct kms_listing listing RD_CLEANUP(kms_listing_finish) = {.call = call};
	const struct kms_cached_key *key;
	char after[KMS_MARKER_LAST_SIZE], alias[KMS_ALIAS_SIZE], id[KMS_KEY_ID_SIZE] = "";
	const char *key_id;
	struct kms_page page;
	struct kms_params p;

	kms_params_begin(&p, call);
	key_id = kms_param_key(&p, "KeyId", false);
	page = kms_param_page(&p, PAGE_MAX, PAGE);
	RD_TRY(kms_params_end(&p));
	RD_TRY(kms_may(call, NULL, "*", NULL));
	if (key_id != NULL) {
		RD_TRY(kms_key_resolve(call, key_id, KMS_KEY_BY_ID_OR_ARN, &key, alias));
		memcpy(id, key->record.id, sizeof(id));
		kms_cache_put(call->kms->cache, key);
	}
	RD_TRY(kms_listing_begin(call, id, page, &listing));
	memcpy(after, listing.last, sizeof(after));
	return kms_listing_answer(&listing,
		kms_store_aliases_list(call->db, call->who.account, key_id == NULL ? NULL : id,
			after, listing.limit + 1, list_alias, &listing),
		"Aliases", id);
}
