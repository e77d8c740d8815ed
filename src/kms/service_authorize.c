/* SPDX-License-Identifier: Apache-2.0 */
/* POST /authorize: whether the caller behind a handle may do all of something. */
#include "kms/service-internal.h"

#include "kms/authorize.h"

#include <stdio.h>
#include <string.h>

#define ACTION_MAX 60
#define HANDLE_MAX 64
/* What one check's context may hold: tags of a resource under two names, those that are asked for,
 * their keys, and a few more. */
#define CONTEXT_VALUES_MAX 256
#define VALUE_MAX          1024

/* Values of one check's context, as facts of a question. */
struct check {
	struct kms_question question; /* its facts are the following */
	struct kms_fact facts[KMS_SERVICE_FACTS_MAX];
	const char *values[CONTEXT_VALUES_MAX];
	size_t n_values;
};

/* A service supplies its own condition keys, and tags: who calls, from where and when it cannot
 * say otherwise than we know it. */
static bool is_service_key(const char *name)
{
	static const char *const families[] = {
		"ec2:", "redoubt:", "aws:RequestTag/", "aws:ResourceTag/"};
	static const char *const keys[] = {
		"aws:TagKeys", "iam:PassedToService", "iam:AssociatedResourceArn"};

	for (size_t i = 0; i < RD_ARRAY_LEN(families); i++) {
		if (strncmp(name, families[i], strlen(families[i])) == 0) {
			return true;
		}
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(keys); i++) {
		if (strcmp(name, keys[i]) == 0) {
			return true;
		}
	}
	return false;
}

static bool is_service_action(const char *action)
{
	const char *name = action + strlen("ec2:");

	if (strcmp(action, "iam:PassRole") == 0) {
		return true;
	}
	return strncmp(action, "ec2:", strlen("ec2:")) == 0 && name[0] != '\0' &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") ==
		       strlen(name);
}

static enum rd_status read_value(struct kms_call *call, json_t *value, struct check *c)
{
	if (!json_is_string(value) || json_string_length(value) > VALUE_MAX) {
		return kms_service_invalid(call, "context", "lists of strings");
	}
	if (c->n_values == CONTEXT_VALUES_MAX) {
		return kms_fail(call, KMS_FAULT_VALIDATION, "\"context\" has more than %d values",
			CONTEXT_VALUES_MAX);
	}
	c->values[c->n_values++] = json_string_value(value);
	return RD_OK;
}

static enum rd_status read_fact(
	struct kms_call *call, const char *name, json_t *values, struct check *c)
{
	struct kms_fact *fact = &c->facts[c->question.n_service_facts];

	if (!is_service_key(name) || c->question.n_service_facts == KMS_SERVICE_FACTS_MAX) {
		return kms_fail(
			call, KMS_FAULT_VALIDATION, "\"context\" must not have \"%.128s\"", name);
	}
	*fact = (struct kms_fact){.name = name, .values = &c->values[c->n_values]};
	if (json_is_string(values)) {
		RD_TRY(read_value(call, values, c));
		fact->n_values = 1;
	} else if (!json_is_array(values)) {
		return kms_service_invalid(call, "context", "lists of strings");
	}
	for (size_t i = 0; i < json_array_size(values); i++) {
		RD_TRY(read_value(call, json_array_get(values, i), c));
		fact->n_values++;
	}
	c->question.n_service_facts++;
	return RD_OK;
}

static enum rd_status read_check(struct kms_call *call, json_t *in, struct check *c)
{
	json_t *context = json_object_get(in, "context"), *values;
	const char *name;

	*c = (struct check){.n_values = 0};
	c->question.service_facts = c->facts;
	RD_TRY(kms_service_text(call, in, "action", true, ACTION_MAX, &c->question.action));
	if (!is_service_action(c->question.action)) {
		return kms_service_invalid(call, "action", "one of ec2, or iam:PassRole");
	}
	RD_TRY(kms_service_text(
		call, in, "resource", true, KMS_ARN_SIZE - 1, &c->question.resource));
	if (context != NULL && !json_is_object(context)) {
		return kms_service_invalid(call, "context", "an object");
	}
	json_object_foreach(context, name, values)
	{
		RD_TRY(read_fact(call, name, values, c));
	}
	return RD_OK;
}

/* Under what the record goes: "RunInstances" of "ec2:RunInstances". */
static void name_call(struct kms_call *call, const struct check *c)
{
	if (call->action == NULL && strncmp(c->question.action, "ec2:", 4) == 0) {
		call->action = c->question.action + 4;
	}
}

/* All of them before the first is decided, so that a bad question is never half answered. */
static enum rd_status read_checks(struct kms_call *call, json_t *checks)
{
	struct check c;

	if (!json_is_array(checks) || json_array_size(checks) == 0 ||
		json_array_size(checks) > KMS_SERVICE_CHECKS_MAX) {
		return kms_fail(call, KMS_FAULT_VALIDATION,
			"\"checks\" must be a list of 1 to %d checks", KMS_SERVICE_CHECKS_MAX);
	}
	for (size_t i = 0; i < json_array_size(checks); i++) {
		RD_TRY(read_check(call, json_array_get(checks, i), &c));
		name_call(call, &c);
	}
	if (call->action == NULL) {
		call->action = "PassRole";
	}
	call->facts = json_pack("{sO}", "checks", checks);
	return call->facts != NULL ? RD_OK : RD_NOMEM;
}

static enum rd_status say_denied(struct kms_call *call, size_t i)
{
	call->out = json_pack("{sb sI ss ss}", "allowed", 0, "denied_check", (json_int_t)i, "by",
		call->decision.by, "message", call->fault.message);
	return call->out != NULL ? RD_OK : RD_NOMEM;
}

static enum rd_status decide(struct kms_call *call, json_t *checks)
{
	struct check c;
	enum rd_status st;

	for (size_t i = 0; i < json_array_size(checks); i++) {
		RD_TRY(read_check(call, json_array_get(checks, i), &c));
		st = kms_authorize(call, &c.question);
		if (st == RD_DENIED && call->fault.type == KMS_FAULT_ACCESS_DENIED) {
			return say_denied(call, i);
		}
		RD_TRY(st);
	}
	call->out = json_pack("{sb ss}", "allowed", 1, "by", call->decision.by);
	return call->out != NULL ? RD_OK : RD_NOMEM;
}

enum rd_status kms_service_authorize(struct kms_service_door *door, struct kms_call *call)
{
	json_t *checks = json_object_get(call->in, "checks");
	const struct kms_service_handle *h;
	const char *handle;

	RD_TRY(kms_service_text(call, call->in, "handle", true, HANDLE_MAX, &handle));
	h = kms_service_handle_find(door, handle, call->now_ms);
	if (h == NULL) {
		return kms_fail(call, KMS_FAULT_NOT_FOUND,
			"There is no such handle any more: authenticate the request again.");
	}
	/* Lent: the handle outlives the record, which is written before anything else runs. */
	call->who = h->who;
	call->tls = h->tls;
	memcpy(call->peer, h->peer, sizeof(call->peer));
	memcpy(call->user_agent, h->user_agent, sizeof(call->user_agent));
	RD_TRY(read_checks(call, checks));
	return decide(call, checks);
}
