/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and maps of a JSON request. */
#include "aws/json_in-internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum rd_status rd_json_in_list(const struct rd_json_in *in, const char *name,
	const struct rd_json_list_rule *rule, struct rd_json_list *ret_list)
{
	struct rd_json_list list = {0};
	json_t *value = rd_json_member(in, name, list.path);
	size_t n;

	if (value == NULL) {
		rd_json_absent(in, list.path, rule->required);
		*ret_list = list;
		return RD_OK;
	}
	RD_ENSURE(json_is_array(value), RD_BAD_TYPE);
	n = json_array_size(value);
	if (n < rule->min) {
		rd_validation_add(in->validation, RD_VALUE_HIDDEN, rd_view(NULL, 0), list.path,
			"have length greater than or equal to %zu", rule->min);
	} else if (n > rule->max) {
		rd_validation_add(in->validation, RD_VALUE_HIDDEN, rd_view(NULL, 0), list.path,
			"have length less than or equal to %zu", rule->max);
	} else {
		list.json = value;
		list.n = n;
	}
	*ret_list = list;
	return RD_OK;
}

static json_t *element(
	const struct rd_json_list *list, size_t i, char ret_path[RD_JSON_IN_PATH_SIZE])
{
	assert(i < list->n);
	snprintf(ret_path, RD_JSON_IN_PATH_SIZE, "%.*s.%zu.member", RD_JSON_IN_PATH_SIZE - 32,
		list->path, i + 1);
	return json_array_get(list->json, i);
}

enum rd_status rd_json_list_string(const struct rd_json_in *in, const struct rd_json_list *list,
	size_t i, const struct rd_json_string_rule *rule, struct rd_view *ret_text)
{
	char path[RD_JSON_IN_PATH_SIZE];
	json_t *value = element(list, i, path);

	return rd_json_check_string(in, value, path, rule, ret_text);
}

enum rd_status rd_json_list_enum(const struct rd_json_in *in, const struct rd_json_list *list,
	size_t i, const char *const *values, size_t n_values, int *ret_index)
{
	char path[RD_JSON_IN_PATH_SIZE];
	json_t *value = element(list, i, path);

	return rd_json_check_enum(in, value, path, values, n_values, ret_index);
}

enum rd_status rd_json_list_object(const struct rd_json_in *in, const struct rd_json_list *list,
	size_t i, struct rd_json_in *ret_in)
{
	struct rd_json_in child = {.validation = in->validation};
	char path[RD_JSON_IN_PATH_SIZE];
	json_t *value = element(list, i, path);

	RD_ENSURE(json_is_object(value), RD_BAD_TYPE);
	snprintf(child.path, sizeof(child.path), "%.*s.", RD_JSON_IN_PATH_SIZE - 2, path);
	child.object = value;
	*ret_in = child;
	return RD_OK;
}

static int compare_pairs(const void *a, const void *b)
{
	const struct rd_json_pair *x = a;
	const struct rd_json_pair *y = b;
	size_t n = x->key.len < y->key.len ? x->key.len : y->key.len;
	int by_bytes = memcmp(x->key.ptr, y->key.ptr, n);

	if (by_bytes != 0) {
		return by_bytes;
	}
	return x->key.len < y->key.len ? -1 : x->key.len > y->key.len;
}

enum rd_status rd_json_in_map(const struct rd_json_in *in, const char *name,
	struct rd_json_pair *pairs, size_t max_pairs, size_t *ret_n)
{
	char path[RD_JSON_IN_PATH_SIZE];
	json_t *map = rd_json_member(in, name, path);
	const char *key;
	json_t *value;
	size_t n = 0;

	if (map == NULL) {
		*ret_n = 0;
		return RD_OK;
	}
	RD_ENSURE(json_is_object(map), RD_BAD_TYPE);
	RD_ENSURE(json_object_size(map) <= max_pairs, RD_LIMIT);
	json_object_foreach(map, key, value)
	{
		RD_ENSURE(json_is_string(value), RD_BAD_TYPE);
		pairs[n].key = rd_view_str(key);
		pairs[n].value = rd_view(json_string_value(value), json_string_length(value));
		n++;
	}
	if (n > 1) {
		qsort(pairs, n, sizeof(*pairs), compare_pairs);
	}
	*ret_n = n;
	return RD_OK;
}
