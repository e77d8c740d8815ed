/* SPDX-License-Identifier: Apache-2.0 */
/* By id, by name, by filter, page by page. */
#include "ec2/select.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- tokens --- */

static void make_next(const struct ec2_head *last, char ret[EC2_NEXT_SIZE])
{
	char plain[2 * EC2_ID_SIZE + 2];
	struct rd_buf out = rd_buf_fixed(ret, EC2_NEXT_SIZE - 1);

	snprintf(plain, sizeof(plain), "%s %s", last->parent, last->id);
	ret[0] = '\0';
	if (rd_base64_encode(rd_view_str(plain), &out) == RD_OK) {
		ret[out.used] = '\0';
	}
}

struct after {
	bool any;
	char parent[EC2_ID_SIZE], id[EC2_ID_SIZE];
};

static enum rd_status read_next(struct ec2_in in, struct after *ret)
{
	char text[EC2_NEXT_SIZE], plain[EC2_NEXT_SIZE];
	struct rd_buf out = rd_buf_fixed(plain, sizeof(plain) - 1);
	const char *blank;

	*ret = (struct after){.any = false};
	if (!ec2_in_has(in, "NextToken")) {
		return RD_OK;
	}
	if (rd_query_get(in.q, "NextToken").len < sizeof(text)) {
		RD_TRY(ec2_in_text(in, "NextToken", text, sizeof(text)));
		if (rd_base64_decode(rd_view_str(text), &out) == RD_OK) {
			plain[out.used] = '\0';
			blank = strchr(plain, ' ');
			if (blank != NULL && (size_t)(blank - plain) < sizeof(ret->parent) &&
				strlen(blank + 1) < sizeof(ret->id) && strlen(plain) == out.used &&
				blank[1] != '\0') {
				memcpy(ret->parent, plain, (size_t)(blank - plain));
				snprintf(ret->id, sizeof(ret->id), "%s", blank + 1);
				ret->any = true;
				return RD_OK;
			}
		}
	}
	return ec2_fail(in.call, EC2_FAULT_NEXT_TOKEN, "%s",
		"The specified NextToken is not one that this server gave.");
}

static bool is_behind(const struct ec2_head *head, const struct after *after)
{
	int order;

	if (!after->any) {
		return true;
	}
	order = strcmp(head->parent, after->parent);
	return order > 0 || (order == 0 && strcmp(head->id, after->id) > 0);
}

/* --- ids and names --- */

static enum rd_status fault_of(
	struct ec2_call *call, const struct ec2_select *how, bool by_id, const char *value)
{
	return ec2_fail(call, by_id ? how->id_fault : how->name_fault, "The %s '%s' does not exist",
		how->what, value);
}

/* by_id: value is an id, else a name. Twice the same is once. */
static enum rd_status add_one(struct ec2_call *call, const struct ec2_select *how, bool by_id,
	const char *value, struct ec2_list *list)
{
	union ec2_record record;
	enum rd_status st;

	memset(&record, 0, sizeof(record));
	for (size_t i = 0; i < list->n; i++) {
		const struct ec2_head *head = ec2_list_at(list, i);

		if (strcmp(by_id ? head->id : head->name, value) == 0) {
			return RD_OK;
		}
	}
	st = by_id ? ec2_store_get(call->db, how->kind, call->who.account, value, &record)
		   : ec2_store_by_name(call->db, how->kind, call->who.account, value, &record);
	if (st == RD_OK && how->hidden != NULL && how->hidden(call, &record)) {
		st = RD_NOTFOUND;
	}
	if (st == RD_OK) {
		return ec2_list_push(list, &record);
	}
	ec2_record_finish(how->kind, &record);
	return st == RD_NOTFOUND ? fault_of(call, how, by_id, value) : st;
}

static enum rd_status add_listed(struct ec2_call *call, const struct ec2_select *how, bool by_id,
	const char *param, struct ec2_list *list, size_t *ret_n)
{
	struct ec2_in in = ec2_in(call);
	char value[EC2_NAME_SIZE];

	RD_TRY(ec2_in_count(in, param, RD_QUERY_PARAMS_MAX, ret_n));
	for (size_t i = 1; i <= *ret_n; i++) {
		RD_TRY(ec2_in_item(in, param, i, value, sizeof(value)));
		if (by_id && !ec2_id_is_valid(how->kind, value)) {
			return ec2_not_found(call, how->kind, value);
		}
		RD_TRY(add_one(call, how, by_id, value, list));
	}
	return RD_OK;
}

static int by_place(const void *a, const void *b)
{
	const struct ec2_head *ha = a, *hb = b;
	int order = strcmp(ha->parent, hb->parent);

	return order != 0 ? order : strcmp(ha->id, hb->id);
}

static enum rd_status gather(
	struct ec2_call *call, const struct ec2_select *how, struct ec2_list *list, bool *ret_named)
{
	size_t ids = 0, names = 0;

	RD_TRY(add_listed(call, how, true, how->ids, list, &ids));
	if (how->names != NULL) {
		RD_TRY(add_listed(call, how, false, how->names, list, &names));
	}
	*ret_named = ids + names > 0;
	if (!*ret_named) {
		return ec2_store_load(call->db, call->who.account, NULL, list);
	}
	if (list->n > 0) {
		qsort(list->items, list->n, ec2_record_size(list->kind), by_place);
	}
	return RD_OK;
}

/* --- together --- */

static bool passes(struct ec2_call *call, const struct ec2_select *how, struct ec2_filters *f,
	const void *record)
{
	const struct ec2_head *head = record;

	if (how->hidden != NULL && how->hidden(call, record)) {
		return false;
	}
	if (f->n == 0) {
		return true;
	}
	ec2_filters_begin(f);
	ec2_fact_tags(f, head->tags);
	how->facts(call, f, record);
	return ec2_filters_pass(f);
}

/* Moves what is wanted to the front and lets the rest go. */
static void keep(struct ec2_call *call, const struct ec2_select *how, struct ec2_filters *f,
	const struct after *after, size_t max, struct ec2_list *list, char ret_next[EC2_NEXT_SIZE])
{
	const size_t size = ec2_record_size(list->kind);
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		uint8_t *item = ec2_list_at(list, i);
		bool wanted = is_behind((const struct ec2_head *)(void *)item, after) &&
			      passes(call, how, f, item);

		if (wanted && kept == max) {
			make_next(ec2_list_at(list, kept - 1), ret_next);
			wanted = false;
		}
		if (!wanted) {
			ec2_record_finish(list->kind, item);
			continue;
		}
		if (i != kept) {
			memcpy(ec2_list_at(list, kept), item, size);
			memset(item, 0, size);
		}
		kept++;
	}
	list->n = kept;
}

enum rd_status ec2_select(struct ec2_call *call, const struct ec2_select *how, struct ec2_list *ret,
	char ret_next[EC2_NEXT_SIZE])
{
	struct ec2_in in = ec2_in(call);
	struct ec2_filters *f;
	struct after after;
	int64_t max = EC2_PAGE_MAX;
	bool named = false;
	enum rd_status st;

	ret->kind = how->kind;
	ret_next[0] = '\0';
	RD_TRY(ec2_in_number(in, "MaxResults", EC2_PAGE_MIN, EC2_PAGE_MAX, &max));
	RD_TRY(read_next(in, &after));
	f = calloc(1, sizeof(*f));
	RD_ENSURE(f != NULL, RD_NOMEM);
	st = ec2_filters_parse(in, how->filters, f);
	if (st == RD_OK) {
		st = gather(call, how, ret, &named);
	}
	if (st == RD_OK && named && ec2_in_has(in, "MaxResults")) {
		st = ec2_fail(call, EC2_FAULT_PARAMETER_COMBINATION,
			"The parameter %s cannot be used with the parameter MaxResults", how->ids);
	}
	if (st == RD_OK) {
		keep(call, how, f, &after, (size_t)max, ret, ret_next);
	}
	free(f);
	return st;
}

/* --- one by id --- */

static const struct {
	enum ec2_fault_type missing, malformed;
	const char *what;
} faults[EC2_KIND_COUNT] = {
	[EC2_KIND_NONE] = {EC2_FAULT_RESOURCE_ID, EC2_FAULT_RESOURCE_ID, "ID"},
	[EC2_KIND_INSTANCE] = {EC2_FAULT_INSTANCE_NOT_FOUND, EC2_FAULT_INSTANCE_MALFORMED,
		"instance ID"},
	[EC2_KIND_IMAGE] = {EC2_FAULT_IMAGE_NOT_FOUND, EC2_FAULT_IMAGE_MALFORMED, "image id"},
	[EC2_KIND_KEY_PAIR] = {EC2_FAULT_KEY_NOT_FOUND, EC2_FAULT_KEY_NOT_FOUND, "key pair"},
	[EC2_KIND_GROUP] = {EC2_FAULT_GROUP_NOT_FOUND, EC2_FAULT_GROUP_ID_MALFORMED,
		"security group"},
	[EC2_KIND_RULE] = {EC2_FAULT_RULE_ID_NOT_FOUND, EC2_FAULT_RULE_ID_NOT_FOUND,
		"security group rule ID"},
	[EC2_KIND_VOLUME] = {EC2_FAULT_VOLUME_NOT_FOUND, EC2_FAULT_VOLUME_NOT_FOUND, "volume"},
	[EC2_KIND_INTERFACE] = {EC2_FAULT_INTERFACE_NOT_FOUND, EC2_FAULT_INTERFACE_NOT_FOUND,
		"network interface ID"},
	[EC2_KIND_TEMPLATE] = {EC2_FAULT_TEMPLATE_ID_NOT_FOUND, EC2_FAULT_TEMPLATE_ID_NOT_FOUND,
		"launch template ID"},
	[EC2_KIND_VERSION] = {EC2_FAULT_TEMPLATE_VERSION, EC2_FAULT_TEMPLATE_VERSION,
		"launch template version"},
};

enum rd_status ec2_not_found(struct ec2_call *call, enum ec2_kind kind, const char *id)
{
	if (kind != EC2_KIND_NONE && !ec2_id_is_valid(kind, id)) {
		return ec2_fail(call, faults[kind].malformed,
			"Invalid id: \"%s\" (expecting \"%s…\")", id, ec2_kind_prefix(kind));
	}
	return ec2_fail(
		call, faults[kind].missing, "The %s '%s' does not exist", faults[kind].what, id);
}

enum rd_status ec2_find(struct ec2_call *call, enum ec2_kind kind, const char *id, void *ret_record)
{
	enum rd_status st = ec2_store_get(call->db, kind, call->who.account, id, ret_record);

	return st == RD_NOTFOUND ? ec2_not_found(call, kind, id) : st;
}

enum rd_status ec2_not_found_name(
	struct ec2_call *call, enum ec2_fault_type type, const char *what, const char *name)
{
	return ec2_fail(call, type, "The %s '%s' does not exist", what, name);
}

/* --- elements --- */

void ec2_put_tags(struct rd_xml_out *x, const json_t *tags)
{
	json_t *object = (json_t *)(uintptr_t)tags;
	const char *key;
	json_t *value;

	if (json_object_size(tags) == 0) {
		return;
	}
	rd_xml_out_begin(x, "tagSet");
	json_object_foreach(object, key, value)
	{
		rd_xml_out_begin(x, "item");
		rd_xml_out_str(x, "key", key);
		rd_xml_out_str(x, "value", json_string_value(value));
		rd_xml_out_end(x);
	}
	rd_xml_out_end(x);
}

void ec2_put_next(struct rd_xml_out *x, const char *next)
{
	if (next[0] != '\0') {
		rd_xml_out_str(x, "nextToken", next);
	}
}

void ec2_put_value(struct rd_xml_out *x, const char *name, const char *value)
{
	rd_xml_out_begin(x, name);
	rd_xml_out_str(x, "value", value);
	rd_xml_out_end(x);
}

void ec2_put_bool_value(struct rd_xml_out *x, const char *name, bool value)
{
	ec2_put_value(x, name, value ? "true" : "false");
}

void ec2_put_time(struct rd_xml_out *x, const char *name, int64_t ms)
{
	char text[RD_TIME_TEXT_SIZE];

	rd_time_string((uint64_t)ms, text);
	rd_xml_out_str(x, name, text);
}
