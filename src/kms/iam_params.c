/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of IAM and STS calls, and the refusals of bad ones, in the service's words. */
#include "kms/iam-internal.h"

#include "aws/arn.h"
#include "base/text.h"
#include "policy/parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INVALID  "ValidationError"
#define DETECTED "1 validation error detected: "

/* "UserName" → "userName", as the messages have it. */
struct field {
	char text[RD_QUERY_NAME_MAX];
};

static struct field field_of(const char *param)
{
	struct field f;

	(void)snprintf(f.text, sizeof(f.text), "%s", param);
	if (f.text[0] >= 'A' && f.text[0] <= 'Z') {
		f.text[0] = (char)(f.text[0] + 'a' - 'A');
	}
	return f;
}

enum rd_status kms_iam_refuse(
	struct kms_iam *iam, const char *code, int http, const char *message, ...)
{
	va_list args;

	va_start(args, message);
	(void)vsnprintf(iam->message, sizeof(iam->message), message, args);
	va_end(args);
	iam->code = code;
	iam->http = http;
	return RD_DENIED;
}

enum rd_status kms_iam_text(
	struct kms_iam *iam, const char *param, bool required, char *ret, size_t size)
{
	struct rd_view text = rd_query_get(iam->query, param);

	ret[0] = '\0';
	if (text.ptr == NULL && !required) {
		return RD_OK;
	}
	if (text.ptr == NULL) {
		return kms_iam_refuse(iam, INVALID, 400,
			DETECTED "Value null at '%s' failed to satisfy constraint: Member must not "
				 "be null",
			field_of(param).text);
	}
	if (text.len == 0) {
		return kms_iam_refuse(iam, INVALID, 400,
			DETECTED "Value '' at '%s' failed to satisfy constraint: Member must have "
				 "length greater than or equal to 1",
			field_of(param).text);
	}
	if (text.len >= size) {
		return kms_iam_refuse(iam, INVALID, 400,
			DETECTED "Value at '%s' failed to satisfy constraint: Member must have "
				 "length less than or equal to %zu",
			field_of(param).text, size - 1);
	}
	memcpy(ret, text.ptr, text.len);
	ret[text.len] = '\0';
	return RD_OK;
}

enum rd_status kms_iam_name(
	struct kms_iam *iam, const char *param, bool required, char *ret, size_t size)
{
	RD_TRY(kms_iam_text(iam, param, required, ret, size));
	if (ret[0] != '\0' && !rd_iam_name_is_valid(rd_view_str(ret))) {
		return kms_iam_refuse(iam, INVALID, 400,
			"The specified value for %s is invalid. It must contain only alphanumeric "
			"characters and/or the following: +=,.@_-",
			field_of(param).text);
	}
	return RD_OK;
}

enum rd_status kms_iam_path(struct kms_iam *iam, const char *param, char ret[KMS_PATH_SIZE])
{
	RD_TRY(kms_iam_text(iam, param, false, ret, KMS_PATH_SIZE));
	if (ret[0] == '\0') {
		memcpy(ret, "/", sizeof("/"));
	}
	if (!rd_iam_path_is_valid(rd_view_str(ret))) {
		return kms_iam_refuse(iam, INVALID, 400,
			"The specified value for %s is invalid. It must begin and end with / and "
			"contain only alphanumeric characters and/or / characters.",
			field_of(param).text);
	}
	return RD_OK;
}

enum rd_status kms_iam_number(struct kms_iam *iam, const char *param, uint64_t min, uint64_t max,
	uint64_t otherwise, uint64_t *ret)
{
	char text[24];

	RD_TRY(kms_iam_text(iam, param, false, text, sizeof(text)));
	if (text[0] == '\0') {
		*ret = otherwise;
		return RD_OK;
	}
	if (rd_parse_u64(text, min, max, ret) != RD_OK) {
		return kms_iam_refuse(iam, INVALID, 400,
			DETECTED "Value '%s' at '%s' failed to satisfy constraint: Member must "
				 "have value between %llu and %llu",
			text, field_of(param).text, (unsigned long long)min,
			(unsigned long long)max);
	}
	return RD_OK;
}

size_t kms_iam_document_size(const char *document)
{
	size_t n = 0;

	for (; *document != '\0'; document++) {
		n += strchr(" \t\r\n", *document) == NULL;
	}
	return n;
}

enum rd_status kms_iam_document(
	struct kms_iam *iam, const char *param, enum rd_policy_kind kind, size_t max)
{
	struct rd_view text = rd_query_get(iam->query, param);
	struct rd_policy *policy = NULL;
	struct rd_error err = {.text = ""};

	if (text.len == 0) {
		return kms_iam_refuse(iam, INVALID, 400,
			DETECTED "Value null at '%s' failed to satisfy constraint: Member must not "
				 "be null",
			field_of(param).text);
	}
	if (rd_policy_new(text, kind, &policy, &err) != RD_OK) {
		return kms_iam_refuse(iam, "MalformedPolicyDocument", 400, "%s", err.text);
	}
	rd_policy_free(&policy);
	free(iam->document);
	iam->document = strndup((const char *)text.ptr, text.len);
	RD_ENSURE(iam->document != NULL, RD_NOMEM);
	if (kms_iam_document_size(iam->document) > max) {
		return kms_iam_refuse(
			iam, "LimitExceeded", 409, "Cannot exceed quota for PolicySize: %zu", max);
	}
	return RD_OK;
}

enum rd_status kms_iam_page_init(struct kms_iam_page *page, struct kms_iam *iam)
{
	*page = (struct kms_iam_page){.iam = iam};
	RD_TRY(kms_iam_number(iam, "MaxItems", 1, KMS_IAM_PAGE_MAX, KMS_IAM_PAGE, &page->max));
	RD_TRY(kms_iam_name(iam, "Marker", false, page->after, sizeof(page->after)));
	return kms_iam_path(iam, "PathPrefix", page->prefix);
}

bool kms_iam_page_takes(struct kms_iam_page *page, const char *name)
{
	if (page->seen == page->max) {
		page->more = true;
		return false;
	}
	page->seen++;
	(void)snprintf(page->last, sizeof(page->last), "%s", name);
	return true;
}

void kms_iam_page_end(struct kms_iam_page *page)
{
	rd_xml_out_bool(&page->iam->xml, "IsTruncated", page->more);
	if (page->more) {
		rd_xml_out_str(&page->iam->xml, "Marker", page->last);
	}
}
