/* SPDX-License-Identifier: Apache-2.0 */
/* TagResource, UntagResource, ListResourceTags. */
#include "kms/ops.h"

#include "kms/marker.h"
#include "kms/tags.h"
#include "kms/target.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 50 /* also the most: a key has no more */

#define IN_ANY_BUT_DELETION (KMS_IN_ENABLED | KMS_IN_DISABLED | KMS_IN_PENDING_IMPORT)

static enum rd_status put_tags(struct rd_db *db, struct kms_edit *edit)
{
	const struct kms_tags *tags = edit->arg;

	for (size_t i = 0; i < tags->n; i++) {
		enum rd_status st = kms_store_tag_put(db, edit->key.id, &tags->list[i]);

		if (st == RD_LIMIT) {
			return kms_fail(edit->target->call, KMS_FAULT_TAG, "Too many tags");
		}
		RD_TRY(st);
	}
	return RD_OK;
}

enum rd_status kms_op_tag_resource(struct kms_call *call)
{
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	struct kms_tags tags RD_CLEANUP(kms_tags_finish) = {.list = NULL};
	struct kms_question question = {.action = NULL};
	const char *key_id;
	struct kms_params p;
	struct kms_edit edit = {
		.target = &target, .states = IN_ANY_BUT_DELETION, .fn = put_tags, .arg = &tags};

	kms_params_begin(&p, call);
	key_id = kms_param_key(&p, "KeyId", true);
	kms_param_tags(&p, true, &tags);
	RD_TRY(kms_params_end(&p));
	RD_TRY(kms_tags_check(call, &tags));
	RD_TRY(kms_settle(call, kms_tags_facts(&tags, &question)));
	RD_TRY(kms_target_open(call, key_id, &question, &target));
	return kms_edit_run(&edit);
}

struct tag_keys {
	const char **list;
	size_t n;
};

static void tag_keys_finish(struct tag_keys *keys)
{
	free(keys->list);
	keys->list = NULL;
}

static void read_tag_keys(struct kms_params *p, struct tag_keys *ret)
{
	static const struct rd_json_string_rule rule = {.required = true, .min = 1, .max = 128};
	struct rd_json_list list = kms_param_list(p, "TagKeys", true, 0, RD_JSON_IN_VALUES_MAX);
	struct rd_view key;

	if (list.n == 0 || p->st != RD_OK) {
		return;
	}
	ret->list = calloc(list.n, sizeof(*ret->list));
	if (ret->list == NULL) {
		p->st = RD_NOMEM;
	}
	for (size_t i = 0; p->st == RD_OK && i < list.n; i++) {
		key = (struct rd_view){.ptr = NULL};
		p->st = rd_json_list_string(&p->in, &list, i, &rule, &key);
		ret->list[ret->n++] = (const char *)key.ptr;
	}
}

static enum rd_status drop_tags(struct rd_db *db, struct kms_edit *edit)
{
	const struct tag_keys *keys = edit->arg;

	for (size_t i = 0; i < keys->n; i++) {
		enum rd_status st = kms_store_tag_delete(db, edit->key.id, keys->list[i]);

		if (st != RD_NOTFOUND) {
			RD_TRY(st);
		}
	}
	return RD_OK;
}

enum rd_status kms_op_untag_resource(struct kms_call *call)
{
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	struct tag_keys keys RD_CLEANUP(tag_keys_finish) = {.list = NULL};
	struct kms_question question = {.action = NULL};
	const char *key_id;
	struct kms_params p;
	struct kms_edit edit = {
		.target = &target, .states = IN_ANY_BUT_DELETION, .fn = drop_tags, .arg = &keys};

	kms_params_begin(&p, call);
	key_id = kms_param_key(&p, "KeyId", true);
	read_tag_keys(&p, &keys);
	RD_TRY(kms_params_end(&p));
	if (keys.n > KMS_TAGS_PER_KEY) {
		return kms_fail(call, KMS_FAULT_TAG, "Too many tags");
	}
	if (keys.n > 0) {
		kms_fact_add(&question, "aws:TagKeys", keys.list, keys.n);
	}
	RD_TRY(kms_target_open(call, key_id, &question, &target));
	return kms_edit_run(&edit);
}

static enum rd_status list_tag(void *arg, const struct kms_tag *tag)
{
	struct kms_listing *listing = arg;

	if (kms_listing_is_full(listing)) {
		return RD_OK;
	}
	return kms_listing_add(listing,
		json_pack("{s:s, s:s}", "TagKey", tag->key, "TagValue", tag->value), tag->key);
}

enum rd_status kms_op_list_resource_tags(struct kms_call *call)
{
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};
	struct kms_listing listing RD_CLEANUP(kms_listing_finish) = {.call = call};
	char after[KMS_MARKER_LAST_SIZE];
	const char *key_id;
	struct kms_page page;
	struct kms_params p;

	kms_params_begin(&p, call);
	key_id = kms_param_key(&p, "KeyId", true);
	page = kms_param_page(&p, PAGE, PAGE);
	RD_TRY(kms_params_end(&p));
	RD_TRY(kms_target_open(call, key_id, NULL, &target));
	RD_TRY(kms_listing_begin(call, target.key->record.id, page, &listing));
	memcpy(after, listing.last, sizeof(after));
	return kms_listing_answer(&listing,
		kms_store_tags_list(call->db, target.key->record.id, after, listing.limit + 1,
			list_tag, &listing),
		"Tags", target.key->record.id);
}
