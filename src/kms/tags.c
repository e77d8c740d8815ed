/* SPDX-License-Identifier: Apache-2.0 */
/* Tags of a request. */
#include "kms/tags.h"

#include "kms/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESERVED      "aws:"
#define TAG_KEY_MAX   128 /* characters */
#define TAG_VALUE_MAX 256

static const struct rd_json_string_rule key_rule = {.required = true, .min = 1, .max = TAG_KEY_MAX};
static const struct rd_json_string_rule value_rule = {.required = true, .max = TAG_VALUE_MAX};

void kms_tags_finish(struct kms_tags *tags)
{
	free(tags->list);
	free(tags->values);
	free(tags->names);
	*tags = (struct kms_tags){.list = NULL};
}

static enum rd_status read_tag(
	struct kms_params *p, const struct rd_json_list *list, size_t i, struct kms_tags *tags)
{
	struct rd_view key = {.ptr = NULL};
	struct rd_view value = {.ptr = NULL};
	struct rd_json_in element;
	struct kms_tag *tag;

	RD_TRY(rd_json_list_object(&p->in, list, i, &element));
	RD_TRY(rd_json_in_string(&element, "TagKey", &key_rule, &key));
	RD_TRY(rd_json_in_string(&element, "TagValue", &value_rule, &value));
	if (i >= KMS_TAGS_PER_KEY || key.ptr == NULL || value.ptr == NULL) {
		return RD_OK; /* told of by the constraints, or by the count */
	}
	tag = &tags->list[tags->n++];
	memcpy(tag->key, key.ptr, key.len);
	memcpy(tag->value, value.ptr, value.len);
	return RD_OK;
}

void kms_param_tags(struct kms_params *p, bool required, struct kms_tags *ret)
{
	struct rd_json_list list = kms_param_list(p, "Tags", required, 0, RD_JSON_IN_VALUES_MAX);

	ret->asked = list.n;
	if (list.n == 0) {
		return;
	}
	ret->list = calloc(
		list.n < KMS_TAGS_PER_KEY ? list.n : KMS_TAGS_PER_KEY, sizeof(*ret->list));
	if (ret->list == NULL) {
		p->st = RD_NOMEM;
	}
	for (size_t i = 0; p->st == RD_OK && i < list.n; i++) {
		p->st = read_tag(p, &list, i, ret);
	}
}

enum rd_status kms_tags_check(struct kms_call *call, const struct kms_tags *tags)
{
	if (tags->asked > KMS_TAGS_PER_KEY) {
		return kms_fail(call, KMS_FAULT_TAG, "Too many tags");
	}
	for (size_t i = 0; i < tags->n; i++) {
		if (strncmp(tags->list[i].key, RESERVED, strlen(RESERVED)) == 0) {
			return kms_fail(
				call, KMS_FAULT_TAG, "Tags beginning with aws: are reserved");
		}
		for (size_t k = 0; k < i; k++) {
			if (strcmp(tags->list[i].key, tags->list[k].key) == 0) {
				return kms_fail(call, KMS_FAULT_TAG, "Duplicate tag keys");
			}
		}
	}
	return RD_OK;
}

enum rd_status kms_tags_facts(struct kms_tags *tags, struct kms_question *question)
{
	if (tags->n == 0) {
		return RD_OK;
	}
	tags->values = calloc(2 * tags->n, sizeof(*tags->values));
	tags->names = calloc(tags->n, sizeof(*tags->names));
	RD_ENSURE(tags->values != NULL && tags->names != NULL, RD_NOMEM);
	for (size_t i = 0; i < tags->n; i++) {
		(void)snprintf(tags->names[i], sizeof(tags->names[i]), "aws:RequestTag/%s",
			tags->list[i].key);
		tags->values[i] = tags->list[i].value;
		tags->values[tags->n + i] = tags->list[i].key;
		kms_fact_add(question, tags->names[i], &tags->values[i], 1);
	}
	kms_fact_add(question, "aws:TagKeys", tags->values + tags->n, tags->n);
	return RD_OK;
}
