/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the text of a request to jansson's values, with the limits counted where values are made.
 *
 * What is read here is the simplest there is: brackets, commas, colons, blanks, and strings of
 * plain ASCII. Any other value (a string with an escape or beyond ASCII, a number, true, false,
 * null) is given to jansson, so what it refuses is refused: lone surrogates, \u0000, invalid
 * UTF-8, 01. Why not all of the text: decision 0013.
 *
 *	value ──► { ──► name : value , … ──► }
 *	      ──► [ ──► value , …        ──► ]
 *	      ──► "plain"
 *	      ──► jansson
 */
#include "aws/json_in.h"

#include "aws/json_plain-internal.h"

struct reader {
	struct rd_cur c;
	size_t depth, values;
};

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* The next byte that is no blank; 0 at the end, where JSON has none. */
static uint8_t peek(struct reader *r)
{
	struct rd_cur next = r->c;
	uint8_t byte;

	while (rd_cur_u8(&next, &byte) == RD_OK) {
		if (!is_blank(byte)) {
			return byte;
		}
		r->c = next;
	}
	return 0;
}

/* Whether it was the next. */
static bool take(struct reader *r, uint8_t byte)
{
	uint8_t taken;

	return peek(r) == byte && rd_cur_u8(&r->c, &taken) == RD_OK;
}

static enum rd_status count(struct reader *r)
{
	return ++r->values <= RD_JSON_IN_VALUES_MAX ? RD_OK : RD_LIMIT;
}

static enum rd_status read_by_jansson(struct rd_view text, json_t **ret)
{
	json_error_t why;

	*ret = json_loadb((const char *)text.ptr, text.len, JSON_DECODE_ANY, &why);
	if (*ret != NULL) {
		return RD_OK;
	}
	return json_error_code(&why) == json_error_out_of_memory ? RD_NOMEM : RD_MALFORMED;
}

/* From behind a plain beginning to behind the quote that ends the string. */
static enum rd_status skip_string(struct rd_cur *c)
{
	uint8_t byte = 0;

	while (byte != '"') {
		RD_ENSURE(rd_cur_u8(c, &byte) == RD_OK, RD_MALFORMED);
		if (byte == '\\') {
			RD_ENSURE(rd_cur_skip(c, 1) == RD_OK, RD_MALFORMED);
		}
	}
	return RD_OK;
}

/* From its opening quote. Either a view of the text, when it is plain, or jansson's. */
static enum rd_status read_string(struct reader *r, struct rd_view *ret_plain, json_t **ret_other)
{
	struct rd_cur rest = {.ptr = r->c.ptr + 1, .left = r->c.left - 1};
	struct rd_view whole,
		plain = rd_view(rest.ptr, rd_json_plain_length(rd_view(rest.ptr, rest.left)));

	*ret_other = NULL;
	RD_TRY(rd_cur_skip(&rest, plain.len));
	if (rest.left > 0 && *rest.ptr == '"') {
		*ret_plain = plain;
		return rd_cur_skip(&r->c, plain.len + 2);
	}
	RD_TRY(skip_string(&rest));
	RD_TRY(rd_cur_take(&r->c, r->c.left - rest.left, &whole));
	return read_by_jansson(whole, ret_other);
}

static enum rd_status read_string_value(struct reader *r, json_t **ret)
{
	struct rd_view plain;

	RD_TRY(read_string(r, &plain, ret));
	if (*ret == NULL) {
		*ret = json_stringn_nocheck((const char *)plain.ptr, plain.len);
	}
	return *ret != NULL ? RD_OK : RD_NOMEM;
}

static bool ends_literal(uint8_t c)
{
	return c == ',' || c == ']' || c == '}' || is_blank(c);
}

static enum rd_status read_literal(struct reader *r, json_t **ret)
{
	struct rd_view text;
	size_t n = 0;

	while (n < r->c.left && !ends_literal(r->c.ptr[n])) {
		n++;
	}
	RD_ENSURE(n > 0, RD_MALFORMED);
	RD_TRY(rd_cur_take(&r->c, n, &text));
	return read_by_jansson(text, ret);
}

static enum rd_status read_value(struct reader *r, json_t **ret);

static enum rd_status read_member(struct reader *r, json_t *object)
{
	json_t *other RD_CLEANUP(rd_json_in_free) = NULL;
	struct rd_view name = {.ptr = NULL};
	json_t *value = NULL;

	RD_ENSURE(peek(r) == '"', RD_MALFORMED);
	RD_TRY(count(r));
	RD_TRY(read_string(r, &name, &other));
	if (other != NULL) {
		name = rd_view(json_string_value(other), json_string_length(other));
	}
	RD_ENSURE(json_object_getn(object, (const char *)name.ptr, name.len) == NULL, RD_DUPLICATE);
	RD_ENSURE(take(r, ':'), RD_MALFORMED);
	RD_TRY(read_value(r, &value));
	/* Takes the value over even when it fails. */
	return json_object_setn_new_nocheck(object, (const char *)name.ptr, name.len, value) == 0
		       ? RD_OK
		       : RD_NOMEM;
}

static enum rd_status read_element(struct reader *r, json_t *list)
{
	json_t *value = NULL;

	RD_TRY(read_value(r, &value));
	return json_array_append_new(list, value) == 0 ? RD_OK : RD_NOMEM;
}

/* What is between two brackets; both kinds have commas. */
static enum rd_status read_group(struct reader *r, json_t *made, uint8_t end,
	enum rd_status (*read_one)(struct reader *r, json_t *group), json_t **ret)
{
	json_t *group RD_CLEANUP(rd_json_in_free) = made;

	RD_ENSURE(group != NULL, RD_NOMEM);
	RD_ENSURE(r->depth < RD_JSON_IN_DEPTH_MAX, RD_TOO_DEEP);
	r->depth++;
	RD_TRY(rd_cur_skip(&r->c, 1));
	if (!take(r, end)) {
		do {
			RD_TRY(read_one(r, group));
		} while (take(r, ','));
		RD_ENSURE(take(r, end), RD_MALFORMED);
	}
	r->depth--;
	*ret = rd_steal(&group, NULL);
	return RD_OK;
}

static enum rd_status read_value(struct reader *r, json_t **ret)
{
	uint8_t first = peek(r);

	RD_TRY(count(r));
	if (first == '{') {
		return read_group(r, json_object(), '}', read_member, ret);
	}
	if (first == '[') {
		return read_group(r, json_array(), ']', read_element, ret);
	}
	return first == '"' ? read_string_value(r, ret) : read_literal(r, ret);
}

enum rd_status rd_json_in_parse(struct rd_view text, json_t **ret_json)
{
	json_t *json RD_CLEANUP(rd_json_in_free) = NULL;
	struct reader r = {.c = rd_cur(text.len > 0 ? text : rd_view_str("{}"))};
	uint8_t first;

	RD_ENSURE(text.len <= RD_JSON_IN_SIZE_MAX, RD_LIMIT);
	first = peek(&r);
	RD_ENSURE(first == '{' || first == '[', RD_MALFORMED);
	RD_TRY(read_value(&r, &json));
	RD_ENSURE(peek(&r) == 0 && r.c.left == 0, RD_MALFORMED);
	RD_ENSURE(json_is_object(json), RD_BAD_TYPE);
	*ret_json = rd_steal(&json, NULL);
	return RD_OK;
}
