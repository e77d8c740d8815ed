/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to lib/policy: the parts of the parser. Every function fills err with what is wrong, not
 * where. */
#ifndef RD_POLICY_PARSE_INTERNAL_H
#define RD_POLICY_PARSE_INTERNAL_H

#include "base/error.h"
#include "policy/arena.h"
#include "policy/policy.h"

#include <jansson.h>

struct rd_parser {
	enum rd_policy_kind kind;
	bool has_variables;
	struct rd_arena *arena;
	struct rd_error *err;
};

/* A list of values, where IAM takes one value for a list of one. */
size_t rd_parse_list_size(json_t *v);
json_t *rd_parse_list_at(json_t *v, size_t i);

/* RD_MISSING for an empty list, RD_LIMIT for one that is too long. */
enum rd_status rd_parse_list_check(struct rd_parser *p, json_t *v, const char *element) RD_MUST_USE;

/* A copy of a string of 1 (0 if may_be_empty) to RD_POLICY_STRING_MAX bytes. */
enum rd_status rd_parse_string(struct rd_parser *p, json_t *v, const char *element,
	bool may_be_empty, struct rd_view *ret) RD_MUST_USE;

/* element is "Principal" or "NotPrincipal", "Action", …: its negation is told by its name. */
enum rd_status rd_parse_principals(struct rd_parser *p, json_t *v, const char *element,
	struct rd_policy_principals *ret) RD_MUST_USE;
enum rd_status rd_parse_actions(struct rd_parser *p, json_t *v, const char *element,
	struct rd_policy_patterns *ret) RD_MUST_USE;
enum rd_status rd_parse_resources(struct rd_parser *p, json_t *v, const char *element,
	struct rd_policy_patterns *ret) RD_MUST_USE;

/* The Condition element, into statement->conditions. */
enum rd_status rd_parse_conditions(
	struct rd_parser *p, json_t *v, struct rd_policy_statement *statement) RD_MUST_USE;

#endif
