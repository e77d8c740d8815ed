/* SPDX-License-Identifier: Apache-2.0 */
/* Reading form bodies. */
#include "aws/query.h"

#include "aws/uri.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

static bool is_name(struct rd_view name)
{
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.ptr[i];

		if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
			c != '.' && c != '-' && c != '_') {
			return false;
		}
	}
	return name.len > 0;
}

static enum rd_status decode(struct rd_view text, struct rd_buf *storage, struct rd_view *ret)
{
	size_t start = storage->used;
	size_t chars;

	RD_TRY(rd_uri_decode(text, true, storage));
	/* Present and empty is not absent. */
	*ret = storage->ptr == NULL ? rd_view("", 0)
				    : rd_view(storage->ptr + start, storage->used - start);
	RD_ENSURE(ret->len == 0 || memchr(ret->ptr, '\0', ret->len) == NULL, RD_MALFORMED);
	return rd_utf8_count(*ret, &chars);
}

static struct rd_view find(const struct rd_query *q, struct rd_view name)
{
	for (size_t i = 0; i < q->n; i++) {
		if (rd_view_equal(q->params[i].name, name)) {
			return q->params[i].value;
		}
	}
	return rd_view(NULL, 0);
}

static enum rd_status add(struct rd_query *q, struct rd_view pair, struct rd_buf *storage)
{
	struct rd_query_param p;
	struct rd_view value;
	struct rd_view name = rd_text_cut(pair, '=', &value);

	RD_ENSURE(value.ptr != NULL, RD_MALFORMED);
	RD_ENSURE(q->n < RD_QUERY_PARAMS_MAX, RD_LIMIT);
	RD_TRY(decode(name, storage, &p.name));
	RD_TRY(decode(value, storage, &p.value));
	RD_ENSURE(is_name(p.name), RD_MALFORMED);
	RD_ENSURE(p.name.len <= RD_QUERY_NAME_MAX, RD_LIMIT);
	RD_ENSURE(find(q, p.name).ptr == NULL, RD_DUPLICATE);
	q->params[q->n++] = p;
	return RD_OK;
}

enum rd_status rd_query_parse(struct rd_view body, struct rd_buf *storage, struct rd_query *ret)
{
	struct rd_view rest = body;
	uint8_t *room;

	RD_ENSURE(body.len <= RD_QUERY_SIZE_MAX, RD_LIMIT);
	/* Decoding never lengthens: with this much reserved, the storage does not move any more. */
	RD_TRY(rd_buf_reserve(storage, body.len, &room));
	storage->used -= body.len;
	ret->n = 0;
	while (rest.ptr != NULL && rest.len > 0) {
		RD_TRY(add(ret, rd_text_cut(rest, '&', &rest), storage));
	}
	return RD_OK;
}

struct rd_view rd_query_get(const struct rd_query *q, const char *name)
{
	return find(q, rd_view_str(name));
}

/* The number of an element whose name is behind the list's prefix; 0 when it is not written
 * plainly. */
static size_t index_of(struct rd_view after_prefix)
{
	struct rd_view rest;
	struct rd_view digits = rd_text_cut(after_prefix, '.', &rest);
	size_t value = 0;

	if (digits.len == 0 || digits.len > 4 || digits.ptr[0] == '0') {
		return 0;
	}
	for (size_t i = 0; i < digits.len; i++) {
		if (digits.ptr[i] < '0' || digits.ptr[i] > '9') {
			return 0;
		}
		value = 10 * value + (size_t)(digits.ptr[i] - '0');
	}
	return value;
}

static enum rd_status count(
	const struct rd_query *q, const char *list, const char *infix, size_t max, size_t *ret_n)
{
	/* A gap leaves one of the numbers below the highest unseen. */
	bool seen[RD_QUERY_PARAMS_MAX + 1] = {false};
	char prefix[RD_QUERY_NAME_MAX];
	size_t highest = 0;

	snprintf(prefix, sizeof(prefix), "%s.%s", list, infix);
	for (size_t i = 0; i < q->n; i++) {
		struct rd_view name = q->params[i].name;
		size_t index;

		if (!rd_text_has_prefix(name, prefix)) {
			continue;
		}
		index = index_of(rd_text_from(name, strlen(prefix)));
		RD_ENSURE(index > 0, RD_MALFORMED);
		RD_ENSURE(index <= max && index <= RD_QUERY_PARAMS_MAX, RD_LIMIT);
		seen[index] = true;
		highest = index > highest ? index : highest;
	}
	for (size_t i = 1; i <= highest; i++) {
		RD_ENSURE(seen[i], RD_MALFORMED);
	}
	*ret_n = highest;
	return RD_OK;
}

enum rd_status rd_query_list(const struct rd_query *q, const char *list, size_t max, size_t *ret_n)
{
	return count(q, list, "member.", max, ret_n);
}

enum rd_status rd_query_items(const struct rd_query *q, const char *list, size_t max, size_t *ret_n)
{
	return count(q, list, "", max, ret_n);
}

static struct rd_view element(
	const struct rd_query *q, const char *list, const char *infix, size_t i, const char *field)
{
	char name[RD_QUERY_NAME_MAX + 1];

	snprintf(name, sizeof(name), "%s.%s%zu%s%s", list, infix, i, field == NULL ? "" : ".",
		field == NULL ? "" : field);
	return rd_query_get(q, name);
}

struct rd_view rd_query_member(
	const struct rd_query *q, const char *list, size_t i, const char *field)
{
	return element(q, list, "member.", i, field);
}

struct rd_view rd_query_item(
	const struct rd_query *q, const char *list, size_t i, const char *field)
{
	return element(q, list, "", i, field);
}
