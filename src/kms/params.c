/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of a call. */
#include "kms/params.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>

#define KEY_REF_MAX      2048
#define GRANT_TOKENS_MAX 10
#define GRANT_TOKEN_MAX  8192
#define LIMIT_MAX        1000 /* of the model; pages are smaller */
#define MARKER_MAX       1024

enum rd_status kms_fail_silently(struct kms_call *call, enum kms_fault_type type)
{
	return kms_fail(call, type, "%s", "");
}

enum rd_status kms_settle(struct kms_call *call, enum rd_status st)
{
	if (st == RD_OK || call->fault.type != KMS_FAULT_NONE) {
		return st;
	}
	if (rd_category(st) == RD_CAT_AGAIN) {
		return kms_fail_silently(call, KMS_FAULT_DEPENDENCY_TIMEOUT);
	}
	return kms_fail_silently(
		call, st == RD_UNAVAILABLE ? KMS_FAULT_KEY_UNAVAILABLE : KMS_FAULT_INTERNAL);
}

void kms_params_begin(struct kms_params *p, struct kms_call *call)
{
	*p = (struct kms_params){.call = call};
	p->in = rd_json_in(call->in, &p->validation);
}

static enum rd_status fail_validation(struct kms_params *p)
{
	uint8_t text[KMS_MESSAGE_SIZE];
	struct rd_buf message = rd_buf_fixed(text, sizeof(text));

	RD_TRY(rd_validation_message(&p->validation, &message));
	return kms_fail(
		p->call, KMS_FAULT_VALIDATION, "%.*s", (int)message.used, (const char *)text);
}

enum rd_status kms_params_end(struct kms_params *p)
{
	if (p->st == RD_NOMEM) {
		return kms_settle(p->call, p->st);
	}
	if (p->st != RD_OK) {
		return kms_fail_silently(p->call, KMS_FAULT_SERIALIZATION);
	}
	return p->validation.failed ? fail_validation(p) : RD_OK;
}

static void note(struct kms_params *p, enum rd_status st)
{
	if (p->st == RD_OK) {
		p->st = st;
	}
}

void kms_param_show(struct kms_params *p, const char *name)
{
	struct kms_call *call = p->call;
	json_t *value = json_object_get(call->in, name);
	char shown[64];

	if (value == NULL) {
		return;
	}
	rd_text_copy(shown, sizeof(shown), name);
	shown[0] = (char)tolower((unsigned char)shown[0]);
	if (call->facts == NULL) {
		call->facts = json_object();
	}
	if (call->facts == NULL || json_object_set(call->facts, shown, value) != 0) {
		note(p, RD_NOMEM);
	}
}

/* jansson ends strings with a NUL, and the reader refuses one within. */
static const char *text_of(struct rd_view view)
{
	return (const char *)view.ptr;
}

const char *kms_param_string(
	struct kms_params *p, const char *name, const struct rd_json_string_rule *rule)
{
	struct rd_view text = {.ptr = NULL};

	note(p, rd_json_in_string(&p->in, name, rule, &text));
	if (!rule->sensitive) {
		kms_param_show(p, name);
	}
	return text_of(text);
}

const char *kms_param_key(struct kms_params *p, const char *name, bool required)
{
	const struct rd_json_string_rule rule = {
		.required = required, .min = 1, .max = KEY_REF_MAX};

	return kms_param_string(p, name, &rule);
}

int kms_param_enum(
	struct kms_params *p, const char *name, bool required, const char *const *values, size_t n)
{
	int index = -1;

	note(p, rd_json_in_enum(&p->in, name, required, values, n, &index));
	kms_param_show(p, name);
	return index;
}

bool kms_param_bool(struct kms_params *p, const char *name)
{
	bool value = false;

	note(p, rd_json_in_bool(&p->in, name, false, &value));
	kms_param_show(p, name);
	return value;
}

int64_t kms_param_int(
	struct kms_params *p, const char *name, int64_t min, int64_t max, int64_t fallback)
{
	const struct rd_json_int_rule rule = {.min = min, .max = max};
	bool present = false;
	int64_t value = fallback;

	note(p, rd_json_in_int(&p->in, name, &rule, &present, &value));
	kms_param_show(p, name);
	return present ? value : fallback;
}

bool kms_param_time(struct kms_params *p, const char *name, int64_t *ret_ms)
{
	bool present = false;
	uint64_t ms = 0;

	note(p, rd_json_in_time(&p->in, name, &present, &ms));
	kms_param_show(p, name);
	*ret_ms = (int64_t)ms; /* at most the end of the year 9999 */
	return present;
}

size_t kms_param_blob_room(const struct kms_call *call, const char *name, size_t max)
{
	size_t decoded = json_string_length(json_object_get(call->in, name)) / 4 * 3;

	/* rd_json_in_blob decodes two bytes more than its rule's maximum, before it refuses. */
	return decoded == 0 ? 1 : decoded < max + 2 ? decoded : max + 2;
}

struct rd_view kms_param_blob(
	struct kms_params *p, const char *name, size_t min, size_t max, struct rd_buf *out)
{
	const struct rd_json_blob_rule rule = {.required = true, .min = min, .max = max};
	struct rd_view bytes = {.ptr = NULL};

	note(p, rd_json_in_blob(&p->in, name, &rule, out, &bytes));
	return bytes;
}

struct rd_json_list kms_param_list(
	struct kms_params *p, const char *name, bool required, size_t min, size_t max)
{
	const struct rd_json_list_rule rule = {.required = required, .min = min, .max = max};
	struct rd_json_list list = {.json = NULL};

	note(p, rd_json_in_list(&p->in, name, &rule, &list));
	return list;
}

json_t *kms_param_grant_tokens(struct kms_params *p)
{
	const struct rd_json_string_rule rule = {.min = 1, .max = GRANT_TOKEN_MAX};
	struct rd_json_list list = kms_param_list(p, "GrantTokens", false, 0, GRANT_TOKENS_MAX);
	struct rd_view token;

	for (size_t i = 0; i < list.n; i++) {
		note(p, rd_json_list_string(&p->in, &list, i, &rule, &token));
	}
	return list.json;
}

static bool is_marker(struct rd_view text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) {
			return false;
		}
	}
	return true;
}

struct kms_page kms_param_page(struct kms_params *p, uint32_t most, uint32_t fallback)
{
	static const struct rd_json_string_rule rule = {
		.min = 1, .max = MARKER_MAX, .pattern = "[\\u0020-\\u00FF]*", .matches = is_marker};
	int64_t limit = kms_param_int(p, "Limit", 1, LIMIT_MAX, fallback);

	return (struct kms_page){.limit = limit > most ? most : (uint32_t)limit,
		.marker = kms_param_string(p, "Marker", &rule)};
}

static bool is_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '_';
}

static bool is_made_of(struct rd_view text, const char *others)
{
	for (size_t i = 0; i < text.len; i++) {
		if (!is_word(text.ptr[i]) && strchr(others, text.ptr[i]) == NULL) {
			return false;
		}
	}
	return true;
}

bool kms_matches_principal(struct rd_view text)
{
	return is_made_of(text, "+=,.@:/-");
}

bool kms_matches_name(struct rd_view text)
{
	return is_made_of(text, ":/-");
}

bool kms_matches_policy_name(struct rd_view text)
{
	return is_made_of(text, "");
}

bool kms_matches_material_id(struct rd_view text)
{
	for (size_t i = 0; i < text.len; i++) {
		bool digit = text.ptr[i] >= '0' && text.ptr[i] <= '9';

		if (!digit && (text.ptr[i] < 'a' || text.ptr[i] > 'f')) {
			return false;
		}
	}
	return true;
}
