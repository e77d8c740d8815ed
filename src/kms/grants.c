/* SPDX-License-Identifier: Apache-2.0 */
/* Grants in a decision (kms.md 2.9): the tokens of a request, and whether one of the key's grants
 * is for this caller, operation and encryption context. */
#include "kms/authorize-internal.h"
#include "kms/grant_token.h"
#include "kms/store.h"

#include <stdlib.h>
#include <string.h>

/* Grants of one grantee on a key that are read at a time. */
#define PAGE 64

static enum rd_status check_tokens(struct kms_call *call, json_t *tokens)
{
	char key_id[KMS_KEY_ID_SIZE], grant_id[KMS_GRANT_ID_SIZE];
	size_t i;
	json_t *token;

	json_array_foreach(tokens, i, token)
	{
		struct rd_view text = rd_view(json_string_value(token), json_string_length(token));
		enum rd_status st = text.ptr == NULL ? RD_UNTRUSTED
						     : kms_grant_token_open(call->kms->keyring,
							       call->db, text, key_id, grant_id);

		if (rd_category(st) == RD_CAT_UNTRUSTED) {
			(void)kms_fail(call, KMS_FAULT_INVALID_GRANT_TOKEN,
				"The grant token is not one that this service has issued.");
			return RD_DENIED;
		}
		RD_TRY(st);
	}
	return RD_OK;
}

struct search {
	const struct rd_policy_caller *caller;
	rd_grant_operations operation;
	struct rd_grant_pairs pairs;
	char *found;                  /* KMS_GRANT_ID_SIZE */
	char last[KMS_GRANT_ID_SIZE]; /* of the page */
	unsigned seen;
};

/* The pairs of a stored constraint; storage and json live as long as they are used. */
static enum rd_status read_constraint(const char *text, json_t **ret_json,
	struct rd_grant_pair storage[RD_GRANT_PAIRS_MAX], struct rd_grant_pairs *ret)
{
	const char *key;
	json_t *value;
	size_t n = 0;

	if (text == NULL) {
		return RD_OK;
	}
	*ret_json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	RD_ENSURE(json_is_object(*ret_json), RD_BAD_TYPE);
	json_object_foreach(*ret_json, key, value)
	{
		RD_ENSURE(n < RD_GRANT_PAIRS_MAX && json_is_string(value), RD_BAD_TYPE);
		storage[n++] = (struct rd_grant_pair){.key = rd_view_str(key),
			.value = rd_view(json_string_value(value), json_string_length(value))};
	}
	*ret = (struct rd_grant_pairs){.v = storage, .n = n};
	return RD_OK;
}

static enum rd_status look_at(struct search *search, const struct kms_grant *record)
{
	struct rd_grant_pair equals[RD_GRANT_PAIRS_MAX], subset[RD_GRANT_PAIRS_MAX];
	json_t *equals_json = NULL, *subset_json = NULL;
	struct rd_grant grant = {.grantee = rd_view_str(record->grantee),
		.operations = record->operations,
		.has_equals = record->context_equals != NULL,
		.has_subset = record->context_subset != NULL};
	enum rd_status st;

	st = read_constraint(record->context_equals, &equals_json, equals, &grant.equals);
	if (st == RD_OK) {
		st = read_constraint(record->context_subset, &subset_json, subset, &grant.subset);
	}
	if (st == RD_OK &&
		rd_grant_allows(&grant, search->caller, search->operation, search->pairs)) {
		memcpy(search->found, record->id, KMS_GRANT_ID_SIZE);
	}
	json_decref(equals_json);
	json_decref(subset_json);
	return st;
}

static enum rd_status on_grant(void *arg, struct kms_grant *record)
{
	struct search *search = arg;

	search->seen++;
	memcpy(search->last, record->id, sizeof(search->last));
	return search->found[0] != '\0' ? RD_OK : look_at(search, record);
}

static enum rd_status search_grantee(
	struct search *search, struct rd_db *db, const char *key_id, const char *grantee)
{
	const struct kms_grant_filter filter = {.key_id = key_id, .grantee = grantee};

	search->last[0] = '\0';
	do {
		char after[KMS_GRANT_ID_SIZE];

		memcpy(after, search->last, sizeof(after));
		search->seen = 0;
		RD_TRY(kms_store_grants_list(db, &filter, after, PAGE, on_grant, search));
	} while (search->found[0] == '\0' && search->seen == PAGE);
	return RD_OK;
}

static enum rd_status search_all(
	struct search *search, const struct kms_call *call, const struct kms_cached_key *key)
{
	const struct kms_identity *who = &call->who;
	const char *const names[] = {who->arn, who->role_arn, who->uid};

	for (size_t i = 0; i < RD_ARRAY_LEN(names) && search->found[0] == '\0'; i++) {
		if (names[i][0] != '\0') {
			RD_TRY(search_grantee(search, call->db, key->record.id, names[i]));
		}
	}
	return RD_OK;
}

enum rd_status kms_find_grant(struct kms_call *call, const struct kms_question *question,
	const struct rd_policy_caller *caller, const struct kms_pairs *context,
	char ret_id[KMS_GRANT_ID_SIZE])
{
	struct search search = {.caller = caller, .found = ret_id};
	struct rd_grant_pair *pairs = NULL;
	enum rd_status st;

	ret_id[0] = '\0';
	RD_TRY(check_tokens(call, question->grant_tokens));
	search.operation = rd_grant_operation(rd_view_str(question->action + strlen("kms:")));
	if (!question->grants_apply || question->key == NULL || search.operation == 0) {
		return RD_OK;
	}
	pairs = calloc(context->n + 1, sizeof(*pairs));
	RD_ENSURE(pairs != NULL, RD_NOMEM);
	for (size_t i = 0; i < context->n; i++) {
		pairs[i] = (struct rd_grant_pair){
			.key = context->keys[i], .value = context->values[i]};
	}
	search.pairs = (struct rd_grant_pairs){.v = pairs, .n = context->n};
	st = search_all(&search, call, question->key);
	free(pairs);
	return st;
}
