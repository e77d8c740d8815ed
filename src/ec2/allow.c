/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of the authority. */
#include "ec2/authority.h"

#include "ec2/params.h"
#include "ec2/record.h"

#include <stdio.h>
#include <string.h>

json_t *ec2_checks_new(void)
{
	return json_array();
}

void ec2_arn(
	const struct ec2_call *call, const char *resource, const char *id, char ret[EC2_ARN_SIZE])
{
	snprintf(ret, EC2_ARN_SIZE, "arn:aws:ec2:%s:%s:%s/%s", call->ec2->config.region,
		strcmp(resource, "image") == 0 ? "" : call->who.account, resource, id);
}

void ec2_context_put(json_t *context, const char *key, const char *value)
{
	json_t *values = json_array();

	(void)json_array_append_new(values, json_string(value));
	(void)json_object_set_new(context, key, values);
}

static void put_tags(json_t *context, const char *prefix, const json_t *tags)
{
	json_t *object = (json_t *)(uintptr_t)tags;
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		char name[64 + EC2_NAME_SIZE];

		snprintf(name, sizeof(name), "%s%s", prefix, key);
		ec2_context_put(context, name, json_string_value(value));
	}
}

void ec2_context_resource(json_t *context, const json_t *tags)
{
	put_tags(context, "ec2:ResourceTag/", tags);
	put_tags(context, "aws:ResourceTag/", tags);
}

void ec2_context_request(json_t *context, const json_t *tags)
{
	json_t *object = (json_t *)(uintptr_t)tags;
	json_t *keys = json_array();
	const char *key;
	json_t *value;

	put_tags(context, "aws:RequestTag/", tags);
	json_object_foreach(object, key, value)
	{
		(void)json_array_append_new(keys, json_string(key));
	}
	(void)json_object_set_new(context, "aws:TagKeys", keys);
}

void ec2_check_add(struct ec2_call *call, json_t *checks, const char *action, const char *resource,
	json_t *context)
{
	json_t *check = json_object();

	context = context == NULL ? json_object() : context;
	ec2_context_put(context, "ec2:Region", call->ec2->config.region);
	(void)json_object_set_new(check, "action", json_string(action));
	(void)json_object_set_new(check, "resource", json_string(resource));
	(void)json_object_set_new(check, "context", context);
	(void)json_array_append_new(checks, check);
}

static void own_action(const struct ec2_call *call, char ret[96])
{
	snprintf(ret, 96, "ec2:%s", call->op->name);
}

void ec2_check_record(struct ec2_call *call, json_t *checks, enum ec2_kind kind, const char *id,
	const void *record)
{
	const struct ec2_head *head = record;
	json_t *context = json_object();
	char arn[EC2_ARN_SIZE], action[96];

	if (head != NULL && head->tags != NULL) {
		ec2_context_resource(context, head->tags);
	}
	if (record != NULL && kind == EC2_KIND_INSTANCE) {
		const struct ec2_instance *i = record;

		ec2_context_put(context, "ec2:InstanceType", i->type);
		ec2_context_put(context, "ec2:MetadataHttpTokens",
			i->tokens_required ? "required" : "optional");
		ec2_context_put(
			context, "redoubt:EnclaveOptionsEnabled", i->enclaves ? "true" : "false");
		if (i->profile_arn[0] != '\0') {
			ec2_context_put(context, "ec2:InstanceProfile", i->profile_arn);
		}
	}
	ec2_arn(call, ec2_kind_resource(kind), id, arn);
	own_action(call, action);
	ec2_check_add(call, checks, action, arn, context);
}

void ec2_check_tags(struct ec2_call *call, json_t *checks, enum ec2_kind kind, const json_t *tags)
{
	json_t *context;
	char arn[EC2_ARN_SIZE];

	if (json_object_size(tags) == 0) {
		return;
	}
	context = json_object();
	ec2_context_request(context, tags);
	ec2_context_put(context, "ec2:CreateAction", call->op->name);
	ec2_arn(call, ec2_kind_resource(kind), "*", arn);
	ec2_check_add(call, checks, "ec2:CreateTags", arn, context);
}

/* Without memory a check would be missing, and what is not checked is not allowed. */
static bool is_whole(const json_t *checks)
{
	size_t i;
	json_t *check;

	json_array_foreach((json_t *)(uintptr_t)checks, i, check)
	{
		if (json_object_size(check) != 3) {
			return false;
		}
	}
	return json_array_size(checks) > 0;
}

static enum rd_status ask(struct ec2_call *call, json_t *checks)
{
	char why[EC2_MESSAGE_SIZE] = "";
	enum rd_status st;

	RD_ENSURE(is_whole(checks), RD_NOMEM);
	st = call->ec2->authority->authorize(call->ec2->authority->ctx, call, checks, why);
	if (st == RD_DENIED) {
		return ec2_fail(call, EC2_FAULT_UNAUTHORIZED,
			"You are not authorized to perform this operation. %s", why);
	}
	return st;
}

enum rd_status ec2_allow(struct ec2_call *call, json_t *checks)
{
	enum rd_status st = ask(call, checks);
	bool dry = false;

	json_decref(checks);
	RD_TRY(st);
	RD_TRY(ec2_in_bool(ec2_in(call), "DryRun", &dry));
	if (dry) {
		return ec2_fail(call, EC2_FAULT_DRY_RUN, "%s",
			"Request would have succeeded, but DryRun flag is set.");
	}
	return RD_OK;
}

enum rd_status ec2_allow_any(struct ec2_call *call)
{
	json_t *checks = ec2_checks_new();
	char action[96];

	own_action(call, action);
	ec2_check_add(call, checks, action, "*", NULL);
	return ec2_allow(call, checks);
}
