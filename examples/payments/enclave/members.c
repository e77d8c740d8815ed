/* SPDX-License-Identifier: Apache-2.0 */
/* Strict reading of JSON objects. */
#include "enclave/members.h"

#include <string.h>

static const struct member *find(const char *name, const struct member *members, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(members[i].name, name) == 0) {
			return &members[i];
		}
	}
	return NULL;
}

static enum rd_status take_text(json_t *value, const struct member *m)
{
	size_t len = json_string_length(value);
	const char *text = json_string_value(value);

	RD_ENSURE(text != NULL, RD_BAD_TYPE);
	RD_ENSURE(len > 0 && len <= m->max, RD_OUT_OF_RANGE);
	for (size_t i = 0; i < len; i++) {
		RD_ENSURE(text[i] >= ' ' && text[i] <= '~', RD_OUT_OF_RANGE);
	}
	memcpy(m->ret, text, len);
	((char *)m->ret)[len] = '\0';
	return RD_OK;
}

static enum rd_status take_number(json_t *value, const struct member *m)
{
	json_int_t v = json_integer_value(value);

	RD_ENSURE(json_is_integer(value), RD_BAD_TYPE);
	RD_ENSURE(v >= 1 && (uint64_t)v <= m->max, RD_OUT_OF_RANGE);
	if (m->kind == MEMBER_U32) {
		*(uint32_t *)m->ret = (uint32_t)v;
	} else {
		*(uint64_t *)m->ret = (uint64_t)v;
	}
	return RD_OK;
}

static enum rd_status take(json_t *value, const struct member *m)
{
	switch (m->kind) {
	case MEMBER_TEXT:
		return take_text(value, m);
	case MEMBER_U64:
	case MEMBER_U32:
		return take_number(value, m);
	case MEMBER_OBJECT:
		RD_ENSURE(json_is_object(value), RD_BAD_TYPE);
		break;
	case MEMBER_ARRAY:
		RD_ENSURE(json_is_array(value), RD_BAD_TYPE);
		break;
	}
	*(json_t **)m->ret = value;
	return RD_OK;
}

enum rd_status members_take(json_t *object, const char *where, const struct member *members,
	size_t n, struct rd_error *err)
{
	const char *name;
	json_t *value;

	if (!json_is_object(object)) {
		return rd_fail(err, RD_BAD_TYPE, "%s: an object is wanted", where);
	}
	json_object_foreach(object, name, value)
	{
		const struct member *m = find(name, members, n);
		enum rd_status st = m == NULL ? RD_FORBIDDEN : take(value, m);

		if (st != RD_OK) {
			return rd_fail(err, st, "%s: \"%.40s\" %s", where, name,
				m == NULL ? "is not known" : rd_status_text(st));
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (json_object_get(object, members[i].name) == NULL) {
			return rd_fail(
				err, RD_MISSING, "%s: \"%s\" is missing", where, members[i].name);
		}
	}
	return RD_OK;
}

enum rd_status members_parse(
	struct rd_view text, const char *where, json_t **ret, struct rd_error *err)
{
	json_error_t why;
	json_t *root = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &why);

	if (root == NULL) {
		return rd_fail(err, RD_MALFORMED, "%s: line %d: %.200s", where, why.line, why.text);
	}
	*ret = root;
	return RD_OK;
}
