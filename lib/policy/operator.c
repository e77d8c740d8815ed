/* SPDX-License-Identifier: Apache-2.0 */
/* The names of condition operators. */
#include "policy/operator.h"

#include <string.h>

static const struct {
	const char *name;
	enum rd_policy_family family;
	enum rd_policy_relation relation;
	bool negated;
} OPERATORS[] = {
	{"StringEquals", RD_FAMILY_STRING, RD_RELATION_EQUAL, false},
	{"StringNotEquals", RD_FAMILY_STRING, RD_RELATION_EQUAL, true},
	{"StringEqualsIgnoreCase", RD_FAMILY_STRING, RD_RELATION_EQUAL_FOLDED, false},
	{"StringNotEqualsIgnoreCase", RD_FAMILY_STRING, RD_RELATION_EQUAL_FOLDED, true},
	{"StringLike", RD_FAMILY_STRING, RD_RELATION_LIKE, false},
	{"StringNotLike", RD_FAMILY_STRING, RD_RELATION_LIKE, true},
	{"NumericEquals", RD_FAMILY_NUMERIC, RD_RELATION_EQUAL, false},
	{"NumericNotEquals", RD_FAMILY_NUMERIC, RD_RELATION_EQUAL, true},
	{"NumericLessThan", RD_FAMILY_NUMERIC, RD_RELATION_LESS, false},
	{"NumericLessThanEquals", RD_FAMILY_NUMERIC, RD_RELATION_LESS_EQUAL, false},
	{"NumericGreaterThan", RD_FAMILY_NUMERIC, RD_RELATION_GREATER, false},
	{"NumericGreaterThanEquals", RD_FAMILY_NUMERIC, RD_RELATION_GREATER_EQUAL, false},
	{"DateEquals", RD_FAMILY_DATE, RD_RELATION_EQUAL, false},
	{"DateNotEquals", RD_FAMILY_DATE, RD_RELATION_EQUAL, true},
	{"DateLessThan", RD_FAMILY_DATE, RD_RELATION_LESS, false},
	{"DateLessThanEquals", RD_FAMILY_DATE, RD_RELATION_LESS_EQUAL, false},
	{"DateGreaterThan", RD_FAMILY_DATE, RD_RELATION_GREATER, false},
	{"DateGreaterThanEquals", RD_FAMILY_DATE, RD_RELATION_GREATER_EQUAL, false},
	{"Bool", RD_FAMILY_BOOL, RD_RELATION_EQUAL, false},
	{"BinaryEquals", RD_FAMILY_BINARY, RD_RELATION_EQUAL, false},
	{"IpAddress", RD_FAMILY_IP, RD_RELATION_EQUAL, false},
	{"NotIpAddress", RD_FAMILY_IP, RD_RELATION_EQUAL, true},
	{"ArnEquals", RD_FAMILY_ARN, RD_RELATION_LIKE, false},
	{"ArnLike", RD_FAMILY_ARN, RD_RELATION_LIKE, false},
	{"ArnNotEquals", RD_FAMILY_ARN, RD_RELATION_LIKE, true},
	{"ArnNotLike", RD_FAMILY_ARN, RD_RELATION_LIKE, true},
	{"Null", RD_FAMILY_NULL, RD_RELATION_EQUAL, false},
};

static bool take_prefix(struct rd_view *name, const char *prefix)
{
	size_t n = strlen(prefix);

	if (name->len < n || memcmp(name->ptr, prefix, n) != 0) {
		return false;
	}
	*name = rd_view(name->ptr + n, name->len - n);
	return true;
}

static bool take_suffix(struct rd_view *name, const char *suffix)
{
	size_t n = strlen(suffix);

	if (name->len < n || memcmp(name->ptr + name->len - n, suffix, n) != 0) {
		return false;
	}
	name->len -= n;
	return true;
}

enum rd_status rd_operator_parse(struct rd_view name, struct rd_policy_operator *ret)
{
	struct rd_policy_operator op = {0};

	if (take_prefix(&name, "ForAllValues:")) {
		op.set = RD_SET_ALL;
	} else if (take_prefix(&name, "ForAnyValue:")) {
		op.set = RD_SET_ANY;
	}
	op.if_exists = take_suffix(&name, "IfExists");
	for (size_t i = 0; i < RD_ARRAY_LEN(OPERATORS); i++) {
		if (!rd_view_equal(name, rd_view_str(OPERATORS[i].name))) {
			continue;
		}
		op.family = OPERATORS[i].family;
		op.relation = OPERATORS[i].relation;
		op.negated = OPERATORS[i].negated;
		/* Whether a key is there is asked of the key, not of its values, and always has an
		 * answer. */
		RD_ENSURE(op.family != RD_FAMILY_NULL || (!op.if_exists && op.set == RD_SET_NONE),
			RD_UNSUPPORTED);
		*ret = op;
		return RD_OK;
	}
	return RD_UNSUPPORTED;
}
