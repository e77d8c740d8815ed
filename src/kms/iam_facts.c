/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the audit record shows of a call's form: the parameters that the actions take, under the
 * names of AWS's records ("userName"), numbers as numbers, tags as a list. No action takes a
 * secret; what is not in the table (an MFA device's code) is not shown.
 */
#include "kms/iam-internal.h"

#include "base/text.h"

#include <ctype.h>
#include <stdio.h>

static const char *const texts[] = {"AccessKeyId", "AssumeRolePolicyDocument", "ExternalId",
	"Marker", "Path", "PathPrefix", "PermissionsBoundary", "Policy", "PolicyArn",
	"PolicyDocument", "PolicyName", "RoleArn", "RoleName", "RoleSessionName", "Scope", "Status",
	"UserName", "VersionId"};
static const char *const numbers[] = {"DurationSeconds", "MaxItems", "MaxSessionDuration"};

static json_t *text_of(struct rd_view value)
{
	return json_stringn((const char *)value.ptr, value.len);
}

/* One that is none is shown as it was written. */
static json_t *number_of(struct rd_view value)
{
	char text[24];
	uint64_t number;

	if (value.len >= sizeof(text)) {
		return text_of(value);
	}
	(void)snprintf(text, sizeof(text), "%.*s", (int)value.len, (const char *)value.ptr);
	return rd_parse_u64(text, 0, INT32_MAX, &number) == RD_OK ? json_integer((json_int_t)number)
								  : text_of(value);
}

static enum rd_status show(json_t *facts, const char *name, json_t *value)
{
	char shown[RD_QUERY_NAME_MAX];

	(void)snprintf(shown, sizeof(shown), "%c%s", tolower((unsigned char)name[0]), name + 1);
	return json_object_set_new(facts, shown, value) == 0 ? RD_OK : RD_NOMEM;
}

static enum rd_status show_those(const struct kms_iam *iam, const char *const *names, size_t n,
	json_t *(*as)(struct rd_view value))
{
	for (size_t i = 0; i < n; i++) {
		struct rd_view value = rd_query_get(iam->query, names[i]);

		if (value.ptr != NULL) {
			RD_TRY(show(iam->call->facts, names[i], as(value)));
		}
	}
	return RD_OK;
}

static enum rd_status show_tag(const struct kms_iam *iam, size_t i, json_t *list)
{
	struct rd_view key = rd_query_member(iam->query, "Tags", i, "Key");
	struct rd_view value = rd_query_member(iam->query, "Tags", i, "Value");
	json_t *tag = json_object();
	enum rd_status st = RD_OK;

	if (key.ptr != NULL) {
		st = show(tag, "Key", text_of(key));
	}
	if (st == RD_OK && value.ptr != NULL) {
		st = show(tag, "Value", text_of(value));
	}
	if (json_array_append_new(list, tag) != 0) {
		return RD_NOMEM;
	}
	return st;
}

/* A list that is none is refused by the action. */
static enum rd_status show_tags(const struct kms_iam *iam)
{
	json_t *list;
	size_t n;

	if (rd_query_list(iam->query, "Tags", RD_QUERY_PARAMS_MAX, &n) != RD_OK || n == 0) {
		return RD_OK;
	}
	list = json_array();
	RD_TRY(show(iam->call->facts, "Tags", list));
	for (size_t i = 1; i <= n; i++) {
		RD_TRY(show_tag(iam, i, list));
	}
	return RD_OK;
}

enum rd_status kms_iam_show(struct kms_iam *iam)
{
	if (iam->call->facts == NULL) {
		iam->call->facts = json_object();
	}
	RD_ENSURE(iam->call->facts != NULL, RD_NOMEM);
	RD_TRY(show_those(iam, texts, RD_ARRAY_LEN(texts), text_of));
	RD_TRY(show_those(iam, numbers, RD_ARRAY_LEN(numbers), number_of));
	return show_tags(iam);
}
