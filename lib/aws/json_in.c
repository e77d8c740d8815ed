/* SPDX-License-Identifier: Apache-2.0 */
/* Members of JSON requests, by the rules of the model. */
#include "aws/json_in-internal.h"

#include "base/text.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/* 9999-12-31T23:59:59Z. */
#define TIME_MAX_S 253402300799

void rd_json_in_free(json_t **json)
{
	json_decref(*json);
	*json = NULL;
}

struct rd_json_in rd_json_in(json_t *json, struct rd_validation *validation)
{
	return (struct rd_json_in){.object = json, .validation = validation};
}

json_t *rd_json_member(
	const struct rd_json_in *in, const char *name, char ret_path[RD_JSON_IN_PATH_SIZE])
{
	json_t *value = json_object_get(in->object, name);
	size_t prefix = strlen(in->path);

	rd_text_copy(ret_path, RD_JSON_IN_PATH_SIZE, in->path);
	rd_text_copy(ret_path + prefix, RD_JSON_IN_PATH_SIZE - prefix, name);
	if (ret_path[prefix] >= 'A' && ret_path[prefix] <= 'Z') {
		ret_path[prefix] = (char)(ret_path[prefix] - 'A' + 'a');
	}
	return json_is_null(value) ? NULL : value;
}

void rd_json_absent(const struct rd_json_in *in, const char *path, bool required)
{
	if (required) {
		rd_validation_add(
			in->validation, RD_VALUE_NULL, rd_view(NULL, 0), path, "not be null");
	}
}

/* True when n is within; otherwise a clause says so. */
static bool check_length(const struct rd_json_in *in, const char *path,
	enum rd_validation_value how, struct rd_view shown, size_t n, size_t min, size_t max)
{
	if (n < min) {
		rd_validation_add(in->validation, how, shown, path,
			"have length greater than or equal to %zu", min);
	} else if (n > max) {
		rd_validation_add(in->validation, how, shown, path,
			"have length less than or equal to %zu", max);
	}
	return n >= min && n <= max;
}

enum rd_status rd_json_check_string(const struct rd_json_in *in, json_t *value, const char *path,
	const struct rd_json_string_rule *rule, struct rd_view *ret_text)
{
	enum rd_validation_value how = rule->sensitive ? RD_VALUE_HIDDEN : RD_VALUE_SHOWN;
	struct rd_view text;
	size_t chars;
	bool good;

	*ret_text = rd_view(NULL, 0);
	RD_ENSURE(json_is_string(value), RD_BAD_TYPE);
	text = rd_view(json_string_value(value), json_string_length(value));
	RD_TRY(rd_utf8_count(text, &chars));
	good = check_length(in, path, how, text, chars, rule->min, rule->max);
	if (rule->matches != NULL && !rule->matches(text)) {
		rd_validation_add(in->validation, how, text, path,
			"satisfy regular expression pattern: %s", rule->pattern);
		good = false;
	}
	if (good) {
		*ret_text = text;
	}
	return RD_OK;
}

enum rd_status rd_json_in_string(const struct rd_json_in *in, const char *name,
	const struct rd_json_string_rule *rule, struct rd_view *ret_text)
{
	char path[RD_JSON_IN_PATH_SIZE];
	json_t *value = rd_json_member(in, name, path);

	if (value == NULL) {
		rd_json_absent(in, path, rule->required);
		*ret_text = rd_view(NULL, 0);
		return RD_OK;
	}
	return rd_json_check_string(in, value, path, rule, ret_text);
}

static void add_enum(const struct rd_json_in *in, struct rd_view text, const char *path,
	const char *const *values, size_t n_values)
{
	uint8_t storage[1024];
	struct rd_buf set = rd_buf_fixed(storage, sizeof(storage));

	for (size_t i = 0; i < n_values; i++) {
		if (rd_buf_printf(&set, "%s%s", i > 0 ? ", " : "", values[i]) != RD_OK) {
			break;
		}
	}
	rd_validation_add(in->validation, RD_VALUE_SHOWN, text, path,
		"satisfy enum value set: [%.*s]", (int)set.used, (const char *)set.ptr);
}

enum rd_status rd_json_check_enum(const struct rd_json_in *in, json_t *value, const char *path,
	const char *const *values, size_t n_values, int *ret_index)
{
	struct rd_view text;

	RD_ENSURE(json_is_string(value), RD_BAD_TYPE);
	*ret_index = -1;
	text = rd_view(json_string_value(value), json_string_length(value));
	for (size_t i = 0; i < n_values; i++) {
		if (rd_view_equal(text, rd_view_str(values[i]))) {
			*ret_index = (int)i;
			return RD_OK;
		}
	}
	add_enum(in, text, path, values, n_values);
	return RD_OK;
}

enum rd_status rd_json_in_enum(const struct rd_json_in *in, const char *name, bool required,
	const char *const *values, size_t n_values, int *ret_index)
{
	char path[RD_JSON_IN_PATH_SIZE];
	json_t *value = rd_json_member(in, name, path);

	if (value == NULL) {
		rd_json_absent(in, path, required);
		*ret_index = -1;
		return RD_OK;
	}
	return rd_json_check_enum(in, value, path, values, n_values, ret_index);
}

enum rd_status rd_json_in_blob(const struct rd_json_in *in, const char *name,
	const struct rd_json_blob_rule *rule, struct rd_buf *out, struct rd_view *ret_bytes)
{
	char path[RD_JSON_IN_PATH_SIZE];
	json_t *value = rd_json_member(in, name, path);
	struct rd_view none = rd_view(NULL, 0);
	size_t start = out->used;
	struct rd_view text;
	size_t most;

	*ret_bytes = none;
	if (value == NULL) {
		rd_json_absent(in, path, rule->required);
		return RD_OK;
	}
	RD_ENSURE(json_is_string(value), RD_BAD_TYPE);
	text = rd_view(json_string_value(value), json_string_length(value));
	most = text.len / 4 * 3;
	/* Padding takes up to two bytes; far above the maximum need not be decoded to be refused.
	 */
	if (most > rule->max && most - rule->max > 2) {
		check_length(in, path, RD_VALUE_HIDDEN, none, most, rule->min, rule->max);
		return RD_OK;
	}
	RD_TRY(rd_base64_decode(text, out));
	if (!check_length(
		    in, path, RD_VALUE_HIDDEN, none, out->used - start, rule->min, rule->max)) {
		out->used = start;
		return RD_OK;
	}
	*ret_bytes = rd_view(
		out->ptr == NULL ? (const uint8_t *)"" : out->ptr + start, out->used - start);
	return RD_OK;
}

enum rd_status rd_json_in_int(const struct rd_json_in *in, const char *name,
	const struct rd_json_int_rule *rule, bool *ret_present, int64_t *ret_value)
{
	char path[RD_JSON_IN_PATH_SIZE];
	json_t *value = rd_json_member(in, name, path);
	char shown[24];
	int64_t number;

	*ret_present = false;
	if (value == NULL) {
		rd_json_absent(in, path, rule->required);
		return RD_OK;
	}
	RD_ENSURE(json_is_integer(value), RD_BAD_TYPE);
	number = (int64_t)json_integer_value(value);
	snprintf(shown, sizeof(shown), "%lld", (long long)number);
	if (number < rule->min) {
		rd_validation_add(in->validation, RD_VALUE_SHOWN, rd_view_str(shown), path,
			"have value greater than or equal to %lld", (long long)rule->min);
	} else if (number > rule->max) {
		rd_validation_add(in->validation, RD_VALUE_SHOWN, rd_view_str(shown), path,
			"have value less than or equal to %lld", (long long)rule->max);
	} else {
		*ret_present = true;
		*ret_value = number;
	}
	return RD_OK;
}

enum rd_status rd_json_in_bool(
	const struct rd_json_in *in, const char *name, bool fallback, bool *ret_value)
{
	char path[RD_JSON_IN_PATH_SIZE];
	json_t *value = rd_json_member(in, name, path);

	RD_ENSURE(value == NULL || json_is_boolean(value), RD_BAD_TYPE);
	*ret_value = value == NULL ? fallback : json_is_true(value);
	return RD_OK;
}

enum rd_status rd_json_in_time(
	const struct rd_json_in *in, const char *name, bool *ret_present, uint64_t *ret_unix_ms)
{
	char path[RD_JSON_IN_PATH_SIZE];
	json_t *value = rd_json_member(in, name, path);
	double seconds;

	if (value == NULL) {
		*ret_present = false;
		return RD_OK;
	}
	RD_ENSURE(json_is_number(value), RD_BAD_TYPE);
	seconds = json_number_value(value);
	RD_ENSURE(seconds >= 0 && seconds <= (double)TIME_MAX_S, RD_OUT_OF_RANGE);
	*ret_present = true;
	*ret_unix_ms = json_is_integer(value) ? (uint64_t)json_integer_value(value) * 1000
					      : (uint64_t)(seconds * 1000.0 + 0.5);
	return RD_OK;
}

enum rd_status rd_json_in_object(
	const struct rd_json_in *in, const char *name, bool required, struct rd_json_in *ret_in)
{
	struct rd_json_in child = {.validation = in->validation};
	char path[RD_JSON_IN_PATH_SIZE];
	json_t *value = rd_json_member(in, name, path);

	if (value == NULL) {
		rd_json_absent(in, path, required);
		*ret_in = child;
		return RD_OK;
	}
	RD_ENSURE(json_is_object(value), RD_BAD_TYPE);
	/* Names are the model's, two levels at most: the cut is for a compiler that cannot know. */
	snprintf(child.path, sizeof(child.path), "%.*s.", RD_JSON_IN_PATH_SIZE - 2, path);
	child.object = value;
	*ret_in = child;
	return RD_OK;
}
