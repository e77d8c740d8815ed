/* SPDX-License-Identifier: Apache-2.0 */
/* The key of a management operation, found, authorised and changed. */
#include "kms/target.h"

#include "kms/params.h"
#include "kms/recipient_param.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "kms:" and the longest operation's name. */
#define ACTION_SIZE 64

void kms_target_finish(struct kms_target *target)
{
	if (target->key != NULL) {
		kms_cache_put(target->call->kms->cache, target->key);
		target->key = NULL;
	}
}

void kms_fact_add(
	struct kms_question *question, const char *name, const char *const *values, size_t n)
{
	assert(question->n_facts < KMS_FACTS_MAX);
	question->facts[question->n_facts++] = (struct kms_fact){
		.name = name, .values = values, .n_values = n};
}

enum rd_status kms_may_action(struct kms_call *call, const char *action,
	const struct kms_cached_key *key, const char *resource, struct kms_question *question)
{
	struct kms_question plain = {.action = NULL};
	struct kms_question *q = question == NULL ? &plain : question;

	q->action = action;
	q->key = key;
	q->resource = resource;
	return kms_settle(call, kms_authorize(call, q));
}

enum rd_status kms_may(struct kms_call *call, const struct kms_cached_key *key,
	const char *resource, struct kms_question *question)
{
	char action[ACTION_SIZE];
	enum rd_status st;

	(void)snprintf(action, sizeof(action), "kms:%s", call->op->name);
	if (key != NULL) {
		RD_TRY(kms_recipient_param_take(call, action, key));
	}
	st = kms_may_action(call, action, key, resource, question);
	if (question != NULL) {
		question->action = NULL; /* it was ours */
	}
	return st;
}

enum rd_status kms_answer(struct kms_call *call, json_t *json)
{
	call->out = json;
	return kms_settle(call, json == NULL ? RD_NOMEM : RD_OK);
}

enum rd_status kms_deny_foreign(struct kms_call *call, const char *resource)
{
	return kms_fail(call, KMS_FAULT_ACCESS_DENIED,
		"User: %s is not authorized to perform: kms:%s on resource: %s because no "
		"resource-based policy allows the kms:%s action",
		call->who.arn, call->op->name, resource, call->op->name);
}

enum rd_status kms_target_open_any(struct kms_call *call, const char *key_id,
	enum kms_key_forms forms, struct kms_question *question, struct kms_target *ret)
{
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};

	RD_TRY(kms_key_resolve(call, key_id, forms, &target.key, target.alias));
	if (question != NULL) {
		question->alias = target.alias[0] == '\0' ? NULL : target.alias;
	}
	RD_TRY(kms_may(call, target.key, NULL, question));
	*ret = target;
	target.key = NULL;
	return RD_OK;
}

enum rd_status kms_target_open(struct kms_call *call, const char *key_id,
	struct kms_question *question, struct kms_target *ret)
{
	struct kms_target target RD_CLEANUP(kms_target_finish) = {.call = call};

	RD_TRY(kms_key_resolve(call, key_id, KMS_KEY_BY_ID_OR_ARN, &target.key, target.alias));
	if (strcmp(target.key->record.account, call->who.account) != 0) {
		return kms_deny_foreign(call, target.key->arn);
	}
	RD_TRY(kms_may(call, target.key, NULL, question));
	*ret = target;
	target.key = NULL;
	return RD_OK;
}

enum rd_status kms_target_open_alone(struct kms_call *call, struct kms_target *ret)
{
	const char *key_id;
	struct kms_params p;

	kms_params_begin(&p, call);
	key_id = kms_param_key(&p, "KeyId", true);
	RD_TRY(kms_params_end(&p));
	return kms_target_open(call, key_id, NULL, ret);
}

enum rd_status kms_target_open_days(struct kms_call *call, const struct kms_days_param *param,
	struct kms_target *ret, uint32_t *ret_days)
{
	struct kms_question question = {.action = NULL};
	char text[16];
	const char *key_id, *fact = text;
	struct kms_params p;
	uint32_t days;

	kms_params_begin(&p, call);
	key_id = kms_param_key(&p, "KeyId", true);
	days = (uint32_t)kms_param_int(&p, param->name, param->min, param->max, param->fallback);
	RD_TRY(kms_params_end(&p));
	(void)snprintf(text, sizeof(text), "%" PRIu32, days);
	kms_fact_add(&question, param->condition, &fact, 1);
	RD_TRY(kms_target_open(call, key_id, &question, ret));
	*ret_days = days;
	return RD_OK;
}

static enum rd_status edit_once(struct rd_db *db, void *arg)
{
	struct kms_edit *edit = arg;
	const struct kms_cached_key *key = edit->target->key;
	struct kms_call *call = edit->target->call;
	enum rd_status st;

	kms_key_finish(&edit->key);
	st = kms_store_key_get(db, key->record.account, key->record.id, &edit->key);
	if (st == RD_NOTFOUND) {
		return kms_fail(call, KMS_FAULT_NOT_FOUND, "Key '%s' does not exist", key->arn);
	}
	RD_TRY(st);
	RD_TRY(kms_state_check(call, key->arn, edit->key.state, edit->states));
	return edit->fn(db, edit);
}

/* Also after a failure: when a connection breaks during COMMIT nobody knows how it ended. */
enum rd_status kms_edit_run(struct kms_edit *edit)
{
	struct kms_call *call = edit->target->call;
	enum rd_status st = rd_db_transact(call->db, edit_once, edit);

	kms_key_finish(&edit->key);
	kms_cache_drop(call->kms->cache, 'k', edit->target->key->record.id);
	return kms_settle(call, st);
}
