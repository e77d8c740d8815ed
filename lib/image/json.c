/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded JSON through jansson. */
#include "image/json.h"

#include <stdlib.h>
#include <string.h>

void rd_json_free(json_t **json)
{
	json_decref(*json);
	*json = NULL;
}

enum rd_status rd_json_parse(
	struct rd_view text, const char *what, json_t **ret_json, struct rd_error *err)
{
	json_error_t why;
	json_t *json;

	if (text.len > RD_JSON_SIZE_MAX) {
		return rd_fail(
			err, RD_LIMIT, "the %s is larger than %u bytes", what, RD_JSON_SIZE_MAX);
	}
	json = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &why);
	if (json == NULL) {
		bool twice = json_error_code(&why) == json_error_duplicate_key;

		return rd_fail(err, twice ? RD_DUPLICATE : RD_MALFORMED,
			"the %s is not valid JSON (line %d: %s)", what, why.line, why.text);
	}
	*ret_json = json;
	return RD_OK;
}

static enum rd_status member(json_t *o, const char *key, json_type type, const char *type_name,
	json_t **ret_value, struct rd_error *err)
{
	json_t *v = json_object_get(o, key);

	if (v == NULL || json_is_null(v)) {
		*ret_value = NULL;
		return RD_OK;
	}
	if (json_typeof(v) != type) {
		return rd_fail(err, RD_BAD_TYPE, "\"%s\" is not %s", key, type_name);
	}
	*ret_value = v;
	return RD_OK;
}

enum rd_status rd_json_object(json_t *o, const char *key, json_t **ret_object, struct rd_error *err)
{
	return member(o, key, JSON_OBJECT, "an object", ret_object, err);
}

enum rd_status rd_json_array(json_t *o, const char *key, json_t **ret_array, struct rd_error *err)
{
	return member(o, key, JSON_ARRAY, "a list", ret_array, err);
}

enum rd_status rd_json_string(
	json_t *o, const char *key, const char **ret_text, struct rd_error *err)
{
	json_t *v = NULL;

	RD_TRY(member(o, key, JSON_STRING, "a string", &v, err));
	*ret_text = json_string_value(v);
	return RD_OK;
}

void rd_strings_finish(struct rd_strings *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i]);
	}
	free(s->v);
	*s = (struct rd_strings){0};
}

static enum rd_status copy_strings(
	json_t *list, const char *key, struct rd_strings *out, struct rd_error *err)
{
	size_t n = json_array_size(list);

	if (n > RD_JSON_STRINGS_MAX) {
		return rd_fail(err, RD_LIMIT, "\"%s\" has more than %d elements", key,
			RD_JSON_STRINGS_MAX);
	}
	out->v = calloc(n + 1, sizeof(*out->v));
	RD_ENSURE(out->v != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (text == NULL) {
			return rd_fail(err, RD_BAD_TYPE, "\"%s\" is not a list of strings", key);
		}
		out->v[i] = strdup(text);
		RD_ENSURE(out->v[i] != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
		out->n++;
	}
	return RD_OK;
}

enum rd_status rd_json_strings(
	json_t *o, const char *key, struct rd_strings *ret_list, struct rd_error *err)
{
	struct rd_strings list RD_CLEANUP(rd_strings_finish) = {0};
	json_t *v = json_object_get(o, key);

	if (json_is_string(v)) {
		json_t *one RD_CLEANUP(rd_json_free) = json_pack("[O]", v);

		RD_ENSURE(one != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
		RD_TRY(copy_strings(one, key, &list, err));
	} else {
		RD_TRY(rd_json_array(o, key, &v, err));
		RD_TRY(copy_strings(v, key, &list, err));
	}
	*ret_list = rd_steal(&list, (struct rd_strings){0});
	return RD_OK;
}
