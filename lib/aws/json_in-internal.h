/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of members and of list elements share: a value, its path and its rule. */
#ifndef RD_AWS_JSON_IN_INTERNAL_H
#define RD_AWS_JSON_IN_INTERNAL_H

#include "aws/json_in.h"

/* The member, NULL when absent or null; path is "<in's>name" with its first letter in lower case.
 */
json_t *rd_json_member(
	const struct rd_json_in *in, const char *name, char ret_path[RD_JSON_IN_PATH_SIZE]);

/* Adds "must not be null" when the member is required. */
void rd_json_absent(const struct rd_json_in *in, const char *path, bool required);

enum rd_status rd_json_check_string(const struct rd_json_in *in, json_t *value, const char *path,
	const struct rd_json_string_rule *rule, struct rd_view *ret_text) RD_MUST_USE;
enum rd_status rd_json_check_enum(const struct rd_json_in *in, json_t *value, const char *path,
	const char *const *values, size_t n_values, int *ret_index) RD_MUST_USE;

#endif
