/* SPDX-License-Identifier: Apache-2.0 */
/* Taking a configuration from libyaml's events, one at a time: what is not asked for is refused. */
#include "yaml/read.h"

#include "base/text.h"
#include "os/fd.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* Names of all keys, for the message about an unknown one. */
#define KNOWN_TEXT_MAX 400

/* A list in the document: "[…]" or "- …", or what stands for it. */
enum list { LIST_NONE, LIST_OPEN, LIST_ONE, LIST_EMPTY };

struct rd_yaml {
	yaml_parser_t parser;
	yaml_event_t event; /* the last one */
	const char *name;
	struct rd_error *err;
	size_t line;     /* of the last event, from 1 */
	const char *key; /* whose value is being read, NULL before there is one */
	enum list list;
};

enum rd_status rd_yaml_load(const char *what, const char *path, bool must_exist, struct rd_buf *ret,
	struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	enum rd_status st;

	if (fd < 0 && errno == ENOENT && !must_exist) {
		return RD_OK;
	}
	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot open %s %s", what, path);
	}
	st = rd_fd_read_all(fd, ret);
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot read %s %s: %s", what, path, rd_status_text(st));
	}
	return RD_OK;
}

enum rd_status rd_yaml_open(
	struct rd_yaml **ret, const char *name, struct rd_view text, struct rd_error *err)
{
	struct rd_yaml *y = calloc(1, sizeof(*y));

	if (y == NULL || !yaml_parser_initialize(&y->parser)) {
		free(y);
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	y->name = name;
	y->err = err;
	y->line = 1;
	/* An empty text may have no address, and libyaml asserts that there is one. */
	yaml_parser_set_input_string(
		&y->parser, text.len == 0 ? (const uint8_t *)"" : text.ptr, text.len);
	*ret = y;
	return RD_OK;
}

void rd_yaml_close(struct rd_yaml **y)
{
	if (*y != NULL) {
		yaml_event_delete(&(*y)->event);
		yaml_parser_delete(&(*y)->parser);
		free(*y);
	}
	*y = NULL;
}

enum rd_status rd_yaml_locate(const struct rd_yaml *y, enum rd_status st)
{
	return st == RD_OK ? RD_OK : rd_error_wrap(y->err, st, "%s:%zu", y->name, y->line);
}

/* Anchors are for aliases, which no reader asks for; tags would change a value's type. */
static bool is_plain(const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		return e->data.scalar.anchor == NULL && e->data.scalar.tag == NULL;
	case YAML_SEQUENCE_START_EVENT:
		return e->data.sequence_start.anchor == NULL && e->data.sequence_start.tag == NULL;
	case YAML_MAPPING_START_EVENT:
		return e->data.mapping_start.anchor == NULL && e->data.mapping_start.tag == NULL;
	case YAML_ALIAS_EVENT:
		return false;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return true;
	}
	return false;
}

static enum rd_status next(struct rd_yaml *y)
{
	yaml_event_delete(&y->event);
	if (!yaml_parser_parse(&y->parser, &y->event)) {
		y->line = y->parser.problem_mark.line + 1;
		return rd_fail(y->err, RD_MALFORMED, "not YAML: %s",
			y->parser.problem == NULL ? "unreadable" : y->parser.problem);
	}
	y->line = y->event.start_mark.line + 1;
	if (!is_plain(&y->event)) {
		return rd_fail(y->err, RD_BAD_TYPE, "anchors, aliases and tags are not for here");
	}
	return RD_OK;
}

static enum rd_status expect(struct rd_yaml *y, yaml_event_type_t type, const char *what)
{
	RD_TRY(next(y));
	if (y->event.type != type) {
		return rd_fail(y->err, RD_BAD_TYPE, "expected %s", what);
	}
	return RD_OK;
}

/* A key, or "key:" before one, with nothing behind it. */
static bool is_nothing(const struct rd_yaml *y)
{
	return y->event.type == YAML_SCALAR_EVENT && y->event.data.scalar.length == 0 &&
	       y->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

enum rd_status rd_yaml_begin(struct rd_yaml *y, bool *ret_empty)
{
	RD_TRY(expect(y, YAML_STREAM_START_EVENT, "a YAML document"));
	RD_TRY(next(y));
	if (y->event.type == YAML_STREAM_END_EVENT) {
		*ret_empty = true;
		return RD_OK;
	}
	RD_TRY(next(y));
	if (is_nothing(y)) {
		*ret_empty = true; /* "---" and nothing more */
		return rd_yaml_end(y);
	}
	if (y->event.type != YAML_MAPPING_START_EVENT) {
		return rd_fail(y->err, RD_BAD_TYPE, "expected \"key: value\" lines");
	}
	*ret_empty = false;
	return RD_OK;
}

enum rd_status rd_yaml_end(struct rd_yaml *y)
{
	RD_TRY(expect(y, YAML_DOCUMENT_END_EVENT, "the document's end"));
	return expect(y, YAML_STREAM_END_EVENT, "one document only");
}

/* The last event's text. */
static enum rd_status text_of(struct rd_yaml *y, const char **ret)
{
	const char *text = (const char *)y->event.data.scalar.value;
	const char *key = y->key == NULL ? "" : y->key;
	const char *colon = y->key == NULL ? "" : ": ";

	if (y->event.type != YAML_SCALAR_EVENT) {
		return rd_fail(y->err, RD_BAD_TYPE, "%s%sexpected one plain value", key, colon);
	}
	if (strlen(text) != y->event.data.scalar.length) {
		return rd_fail(y->err, RD_MALFORMED, "%s%sa NUL is in it", key, colon);
	}
	*ret = text;
	return RD_OK;
}

static enum rd_status fail_unknown(
	const struct rd_yaml *y, const struct rd_yaml_map *map, const char *name)
{
	char known[KNOWN_TEXT_MAX];
	struct rd_buf out = rd_buf_fixed(known, sizeof(known) - 1);
	enum rd_status st = RD_OK;

	for (size_t i = 0; i < map->count && st == RD_OK; i++) {
		st = rd_buf_printf(&out, "%s%s", i == 0 ? "" : ", ", map->keys[i]);
	}
	known[out.used] = '\0';
	return rd_fail(y->err, RD_USAGE, "unknown key \"%.64s\" (known: %s)", name, known);
}

enum rd_status rd_yaml_next_key(
	struct rd_yaml *y, struct rd_yaml_map *map, unsigned *ret_key, bool *ret_end)
{
	const char *name = NULL;

	assert(map->count <= RD_YAML_KEYS_MAX);
	RD_TRY(next(y));
	y->key = NULL;
	if (y->event.type == YAML_MAPPING_END_EVENT) {
		*ret_end = true;
		return RD_OK;
	}
	RD_TRY(text_of(y, &name));
	for (unsigned i = 0; i < map->count; i++) {
		if (strcmp(name, map->keys[i]) != 0) {
			continue;
		}
		if ((map->seen & 1u << i) != 0) {
			return rd_fail(y->err, RD_DUPLICATE, "%s is set twice", name);
		}
		map->seen |= 1u << i;
		y->key = map->keys[i];
		*ret_key = i;
		*ret_end = false;
		return RD_OK;
	}
	return fail_unknown(y, map, name);
}

enum rd_status rd_yaml_read_keys(
	struct rd_yaml *y, const char *const *keys, size_t count, rd_yaml_value_fn *read, void *ctx)
{
	struct rd_yaml_map map = {.keys = keys, .count = count};
	unsigned key = 0;
	bool end = false;

	RD_TRY(rd_yaml_begin(y, &end));
	while (!end) {
		RD_TRY(rd_yaml_next_key(y, &map, &key, &end));
		if (end) {
			return rd_yaml_end(y);
		}
		RD_TRY(read(y, key, ctx, y->err));
	}
	return RD_OK;
}

enum rd_status rd_yaml_string(struct rd_yaml *y, const char **ret)
{
	RD_TRY(next(y));
	return text_of(y, ret);
}

/* A number or a boolean: in quotes it would be a text. */
static enum rd_status unquoted(struct rd_yaml *y, const char *what, const char **ret)
{
	const char *text = NULL;

	RD_TRY(rd_yaml_string(y, &text));
	if (y->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
		return rd_fail(y->err, RD_BAD_TYPE,
			"%s \"%.64s\" is text: write the %s without quotes", y->key, text, what);
	}
	*ret = text;
	return RD_OK;
}

enum rd_status rd_yaml_u64(struct rd_yaml *y, uint64_t min, uint64_t max, uint64_t *ret)
{
	const char *text = NULL;

	RD_TRY(unquoted(y, "number", &text));
	if (rd_parse_u64(text, min, max, ret) != RD_OK) {
		return rd_fail(y->err, RD_BAD_NUMBER, "%s \"%.64s\" is no number from %llu to %llu",
			y->key, text, (unsigned long long)min, (unsigned long long)max);
	}
	return RD_OK;
}

enum rd_status rd_yaml_u32(struct rd_yaml *y, uint32_t min, uint32_t max, uint32_t *ret)
{
	uint64_t n = 0;

	RD_TRY(rd_yaml_u64(y, min, max, &n));
	*ret = (uint32_t)n;
	return RD_OK;
}

enum rd_status rd_yaml_bool(struct rd_yaml *y, bool *ret)
{
	const char *text = NULL;

	RD_TRY(unquoted(y, "word", &text));
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
		return rd_fail(y->err, RD_BAD_TYPE, "%s \"%.64s\" is neither true nor false",
			y->key, text);
	}
	*ret = text[0] == 't';
	return RD_OK;
}

enum rd_status rd_yaml_begin_list(struct rd_yaml *y)
{
	assert(y->list == LIST_NONE);
	RD_TRY(next(y));
	if (is_nothing(y)) {
		y->list = LIST_EMPTY;
	} else if (y->event.type == YAML_SCALAR_EVENT) {
		y->list = LIST_ONE;
	} else if (y->event.type == YAML_SEQUENCE_START_EVENT) {
		y->list = LIST_OPEN;
	} else {
		return rd_fail(y->err, RD_BAD_TYPE, "%s: expected a list", y->key);
	}
	return RD_OK;
}

/* The event of the list's next item. */
static enum rd_status next_item(struct rd_yaml *y, bool *ret_end)
{
	assert(y->list != LIST_NONE);
	*ret_end = y->list == LIST_EMPTY;
	if (y->list == LIST_OPEN) {
		RD_TRY(next(y));
		*ret_end = y->event.type == YAML_SEQUENCE_END_EVENT;
	}
	if (*ret_end) {
		y->list = LIST_NONE;
	} else if (y->list == LIST_ONE) {
		y->list = LIST_EMPTY;
	}
	return RD_OK;
}

enum rd_status rd_yaml_next_string(struct rd_yaml *y, const char **ret, bool *ret_end)
{
	RD_TRY(next_item(y, ret_end));
	return *ret_end ? RD_OK : text_of(y, ret);
}

enum rd_status rd_yaml_next_map(struct rd_yaml *y, const char *form, bool *ret_end)
{
	RD_TRY(next_item(y, ret_end));
	if (!*ret_end && y->event.type != YAML_MAPPING_START_EVENT) {
		return rd_fail(y->err, RD_BAD_TYPE, "expected an entry %s", form);
	}
	return RD_OK;
}
