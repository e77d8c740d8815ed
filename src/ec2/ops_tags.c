/* SPDX-License-Identifier: Apache-2.0 */
/* CreateTags, DeleteTags, DescribeTags. */
#include "ec2/ops.h"

#include "ec2/authority.h"
#include "ec2/select.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* EC2's limit of one call. */
#define RESOURCES_MAX 200

struct tagging {
	struct ec2_call *call;
	size_t n;
	char ids[RESOURCES_MAX][EC2_ID_SIZE];
	json_t *tags; /* to be set, or to be taken away */
};

/* Those of users: the system's own do not count, and no call changes them. */
static size_t user_tags(json_t *tags)
{
	const char *key;
	json_t *value;
	size_t n = 0;

	json_object_foreach(tags, key, value)
	{
		n += strncmp(key, "aws:", 4) != 0;
	}
	return n;
}

static enum rd_status set_tags(struct tagging *t, struct ec2_head *head)
{
	RD_ENSURE(json_object_update(head->tags, t->tags) == 0, RD_NOMEM);
	if (user_tags(head->tags) > EC2_TAGS_MAX) {
		return ec2_fail(t->call, EC2_FAULT_TAG_LIMIT, "%s would have more than %d tags.",
			head->id, EC2_TAGS_MAX);
	}
	return RD_OK;
}

static enum rd_status unset_tags(struct tagging *t, struct ec2_head *head)
{
	const char *key;
	json_t *value;
	void *next;

	if (json_object_size(t->tags) == 0) {
		json_object_foreach_safe(head->tags, next, key, value)
		{
			if (strncmp(key, "aws:", 4) != 0) {
				(void)json_object_del(head->tags, key);
			}
		}
		return RD_OK;
	}
	json_object_foreach(t->tags, key, value)
	{
		json_t *has = json_object_get(head->tags, key);

		if (has != NULL && (json_is_null(value) || json_equal(has, value))) {
			(void)json_object_del(head->tags, key);
		}
	}
	return RD_OK;
}

static enum rd_status tag_one(struct rd_db *db, struct tagging *t, const char *id,
	enum rd_status (*change)(struct tagging *t, struct ec2_head *head))
{
	enum ec2_kind kind = ec2_kind_of_id(id);
	union ec2_record record;
	enum rd_status st;

	if (kind == EC2_KIND_NONE) {
		return ec2_not_found(t->call, EC2_KIND_NONE, id);
	}
	memset(&record, 0, sizeof(record));
	st = ec2_store_get(db, kind, t->call->who.account, id, &record);
	if (st == RD_NOTFOUND) {
		st = ec2_not_found(t->call, kind, id);
	}
	if (st == RD_OK) {
		st = change(t, &record.head);
	}
	if (st == RD_OK) {
		st = ec2_store_put(db, kind, &record);
	}
	ec2_record_finish(kind, &record);
	return st;
}

static enum rd_status create_work(struct rd_db *db, void *arg)
{
	struct tagging *t = arg;

	for (size_t i = 0; i < t->n; i++) {
		RD_TRY(tag_one(db, t, t->ids[i], set_tags));
	}
	return RD_OK;
}

static enum rd_status delete_work(struct rd_db *db, void *arg)
{
	struct tagging *t = arg;

	for (size_t i = 0; i < t->n; i++) {
		RD_TRY(tag_one(db, t, t->ids[i], unset_tags));
	}
	return RD_OK;
}

static enum rd_status read_ids(struct tagging *t)
{
	struct ec2_in in = ec2_in(t->call);

	RD_TRY(ec2_in_count(in, "ResourceId", RESOURCES_MAX, &t->n));
	if (t->n == 0) {
		return ec2_fail(t->call, EC2_FAULT_MISSING_PARAMETER, "%s",
			"The request must contain the parameter resourceIdSet");
	}
	for (size_t i = 0; i < t->n; i++) {
		RD_TRY(ec2_in_item(in, "ResourceId", i + 1, t->ids[i], EC2_ID_SIZE));
	}
	return RD_OK;
}

static void check_one(struct tagging *t, json_t *checks, const char *id)
{
	enum ec2_kind kind = ec2_kind_of_id(id);
	json_t *context = json_object();
	char arn[EC2_ARN_SIZE], action[64];
	union ec2_record record;

	memset(&record, 0, sizeof(record));
	if (kind != EC2_KIND_NONE &&
		ec2_store_get(t->call->db, kind, t->call->who.account, id, &record) == RD_OK) {
		ec2_context_resource(context, record.head.tags);
	}
	if (kind != EC2_KIND_NONE) {
		ec2_record_finish(kind, &record);
	}
	ec2_context_request(context, t->tags);
	ec2_arn(t->call, kind == EC2_KIND_NONE ? "*" : ec2_kind_resource(kind), id, arn);
	snprintf(action, sizeof(action), "ec2:%s", t->call->op->name);
	ec2_check_add(t->call, checks, action, arn, context);
}

static enum rd_status allow(struct tagging *t)
{
	json_t *checks = ec2_checks_new();

	for (size_t i = 0; i < t->n; i++) {
		check_one(t, checks, t->ids[i]);
	}
	return ec2_allow(t->call, checks);
}

static enum rd_status create(struct tagging *t)
{
	RD_TRY(read_ids(t));
	RD_TRY(ec2_in_tag_list(ec2_in(t->call), "Tag", t->tags));
	if (json_object_size(t->tags) == 0) {
		return ec2_fail(t->call, EC2_FAULT_MISSING_PARAMETER, "%s",
			"The request must contain the parameter tagSet");
	}
	RD_TRY(allow(t));
	RD_TRY(rd_db_transact(t->call->db, create_work, t));
	rd_xml_out_bool(t->call->x, "return", true);
	return RD_OK;
}

/* A key without a value is of any value; so "Key" alone must be told from an empty "Value". */
static enum rd_status read_deleted(struct tagging *t)
{
	struct ec2_in in = ec2_in(t->call);
	char name[EC2_PARAM_NAME_SIZE], key[EC2_NAME_SIZE], value[1025];
	size_t n = 0;

	RD_TRY(ec2_in_count(in, "Tag", EC2_TAGS_MAX, &n));
	for (size_t i = 1; i <= n; i++) {
		json_t *wanted = json_null();

		RD_TRY(ec2_in_need(in, ec2_in_name(name, "Tag", i, "Key"), key, sizeof(key)));
		ec2_in_name(name, "Tag", i, "Value");
		if (ec2_in_has(in, name)) {
			RD_TRY(ec2_in_text(in, name, value, sizeof(value)));
			wanted = json_string(value);
		}
		if (strncmp(key, "aws:", 4) == 0) {
			return ec2_fail(t->call, EC2_FAULT_PARAMETER_VALUE, "%s",
				"Tag keys starting with 'aws:' are reserved for internal use");
		}
		RD_ENSURE(json_object_set_new(t->tags, key, wanted) == 0, RD_NOMEM);
	}
	return RD_OK;
}

static enum rd_status delete (struct tagging *t) {
	RD_TRY(read_ids(t)); RD_TRY(read_deleted(t)); RD_TRY(allow(t));
	RD_TRY(rd_db_transact(t->call->db, delete_work, t));
	rd_xml_out_bool(t->call->x, "return", true);
	return RD_OK;
}

static enum rd_status with_tagging(struct ec2_call *call, enum rd_status (*run)(struct tagging *t))
{
	struct tagging *t = calloc(1, sizeof(*t));
	enum rd_status st;

	RD_ENSURE(t != NULL, RD_NOMEM);
	t->call = call;
	t->tags = json_object();
	st = t->tags == NULL ? RD_NOMEM : run(t);
	json_decref(t->tags);
	free(t);
	return st;
}

enum rd_status ec2_create_tags(struct ec2_call *call)
{
	return with_tagging(call, create);
}

enum rd_status ec2_delete_tags(struct ec2_call *call)
{
	return with_tagging(call, delete);
}

/* --- describe --- */

static const char *const tag_filters[] = {
	"key", "value", "resource-id", "resource-type", "tag:", NULL};

struct listing {
	struct ec2_call *call;
	struct ec2_filters *f;
	int64_t max, shown;
	char after_id[EC2_ID_SIZE], after_key[EC2_NAME_SIZE]; /* "": from the start */
	char last_id[EC2_ID_SIZE], last_key[EC2_NAME_SIZE];
	bool more;
};

static void put_one(struct listing *l, enum ec2_kind kind, const struct ec2_head *head,
	const char *key, const char *value)
{
	struct rd_xml_out *x = l->call->x;
	char name[sizeof("tag:") + EC2_NAME_SIZE];

	if (l->after_id[0] != '\0') {
		/* Up to the last one that was shown; what is not there any more ends the skipping.
		 */
		if (strcmp(head->id, l->after_id) == 0 && strcmp(key, l->after_key) == 0) {
			l->after_id[0] = '\0';
		}
		return;
	}
	ec2_filters_begin(l->f);
	snprintf(name, sizeof(name), "tag:%s", key);
	ec2_fact(l->f, "key", key);
	ec2_fact(l->f, "value", value);
	ec2_fact(l->f, name, value);
	ec2_fact(l->f, "resource-id", head->id);
	ec2_fact(l->f, "resource-type", ec2_kind_resource(kind));
	if (l->more || !ec2_filters_pass(l->f)) {
		return;
	}
	if (l->shown == l->max) {
		l->more = true;
		return;
	}
	l->shown++;
	snprintf(l->last_id, sizeof(l->last_id), "%s", head->id);
	snprintf(l->last_key, sizeof(l->last_key), "%s", key);
	rd_xml_out_begin(x, "item");
	rd_xml_out_str(x, "resourceId", head->id);
	rd_xml_out_str(x, "resourceType", ec2_kind_resource(kind));
	rd_xml_out_str(x, "key", key);
	rd_xml_out_str(x, "value", value);
	rd_xml_out_end(x);
}

static enum rd_status put_kind(struct listing *l, enum ec2_kind kind)
{
	struct ec2_list list RD_CLEANUP(ec2_list_finish) = {.kind = kind};

	RD_TRY(ec2_store_load(l->call->db, l->call->who.account, NULL, &list));
	for (size_t n = 0; n < list.n && !l->more; n++) {
		const struct ec2_head *head = ec2_list_at(&list, n);
		const char *key;
		json_t *value;

		json_object_foreach(head->tags, key, value)
		{
			put_one(l, kind, head, key, json_string_value(value));
		}
	}
	return RD_OK;
}

static enum rd_status list_tags(struct listing *l)
{
	char token[EC2_ID_SIZE + EC2_NAME_SIZE + 1];
	char *blank;

	RD_TRY(ec2_in_number(ec2_in(l->call), "MaxResults", EC2_PAGE_MIN, EC2_PAGE_MAX, &l->max));
	RD_TRY(ec2_in_text(ec2_in(l->call), "NextToken", token, sizeof(token)));
	blank = strchr(token, ' ');
	if (token[0] != '\0' && (blank == NULL || blank - token >= EC2_ID_SIZE)) {
		return ec2_fail(l->call, EC2_FAULT_NEXT_TOKEN, "%s",
			"The specified NextToken is not one that this server gave.");
	}
	if (blank != NULL) {
		*blank = '\0';
		memcpy(l->after_id, token, strlen(token) + 1);
		snprintf(l->after_key, sizeof(l->after_key), "%s", blank + 1);
	}
	rd_xml_out_begin(l->call->x, "tagSet");
	for (unsigned kind = 1; kind < EC2_KIND_VERSION; kind++) {
		RD_TRY(put_kind(l, (enum ec2_kind)kind));
	}
	rd_xml_out_end(l->call->x);
	if (l->more) {
		snprintf(token, sizeof(token), "%s %s", l->last_id, l->last_key);
		ec2_put_next(l->call->x, token);
	}
	return RD_OK;
}

enum rd_status ec2_describe_tags(struct ec2_call *call)
{
	struct listing l = {.call = call, .max = EC2_PAGE_MAX};
	enum rd_status st;

	RD_TRY(ec2_allow_any(call));
	l.f = calloc(1, sizeof(*l.f));
	RD_ENSURE(l.f != NULL, RD_NOMEM);
	st = ec2_filters_parse(ec2_in(call), tag_filters, l.f);
	if (st == RD_OK) {
		st = list_tags(&l);
	}
	free(l.f);
	return st;
}
