/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading vsock-proxy.yaml from libyaml's events: one mapping with one key, a sequence of mappings
 * with two. Whatever else YAML can say is refused where it stands.
 */
#include "base/bytes.h"
#include "base/text.h"
#include "os/fd.h"

#include "vsock-proxy/allowlist.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { SEEN_ADDRESS = 1, SEEN_PORT = 2, SEEN_BOTH = 3 };

struct reader {
	yaml_parser_t yaml;
	const char *name;
	struct rd_allowlist *list;
	size_t room;
	struct rd_error *err;
	size_t line; /* of the last event, from 1 */
};

static enum rd_status at_line(struct reader *r, enum rd_status st)
{
	st = rd_error_wrap(r->err, st, "%s:%zu", r->name, r->line);
	assert(st != RD_OK);
	return st;
}

static enum rd_status next_event(struct reader *r, yaml_event_t *ret)
{
	if (!yaml_parser_parse(&r->yaml, ret)) {
		r->line = r->yaml.problem_mark.line + 1;
		return at_line(
			r, rd_fail(r->err, RD_MALFORMED, "not YAML: %s",
				   r->yaml.problem == NULL ? "unreadable" : r->yaml.problem));
	}
	r->line = ret->start_mark.line + 1;
	return RD_OK;
}

static enum rd_status expect(struct reader *r, yaml_event_type_t type, const char *what)
{
	yaml_event_t e RD_CLEANUP(yaml_event_delete) = {0};

	RD_TRY(next_event(r, &e));
	if (e.type != type) {
		return at_line(r, rd_fail(r->err, RD_BAD_TYPE, "expected %s", what));
	}
	return RD_OK;
}

/* The event's text, which it owns. Anchors are for aliases, and those are refused. */
static enum rd_status scalar_text(
	struct reader *r, const yaml_event_t *e, const char *what, const char **ret)
{
	if (e->type != YAML_SCALAR_EVENT) {
		return at_line(
			r, rd_fail(r->err, RD_BAD_TYPE, "%s: expected one plain value", what));
	}
	if (strlen((const char *)e->data.scalar.value) != e->data.scalar.length) {
		return at_line(r, rd_fail(r->err, RD_MALFORMED, "%s: has a NUL in it", what));
	}
	*ret = (const char *)e->data.scalar.value;
	return RD_OK;
}

static enum rd_status set_address(struct reader *r, const char *text, struct rd_allow_entry *e)
{
	size_t len = strlen(text);

	if (!rd_allow_address_valid(text)) {
		return at_line(r,
			rd_fail(r->err, RD_MALFORMED,
				"address \"%s\" is neither an address nor a name in ASCII", text));
	}
	if (rd_allow_literal(text, &e->address)) {
		return RD_OK;
	}
	len -= text[len - 1] == '.' ? 1 : 0;
	for (size_t i = 0; i < len; i++) {
		e->name[i] = (char)tolower((unsigned char)text[i]);
	}
	return RD_OK;
}

static enum rd_status read_value(struct reader *r, bool is_port, struct rd_allow_entry *entry)
{
	yaml_event_t e RD_CLEANUP(yaml_event_delete) = {0};
	const char *text = NULL;
	uint64_t port = 0;

	RD_TRY(next_event(r, &e));
	RD_TRY(scalar_text(r, &e, is_port ? "port" : "address", &text));
	if (!is_port) {
		return set_address(r, text, entry);
	}
	if (e.data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
		return at_line(
			r, rd_fail(r->err, RD_BAD_TYPE,
				   "port \"%s\" is text: write the number without quotes", text));
	}
	if (rd_parse_u64(text, 1, UINT16_MAX, &port) != RD_OK) {
		return at_line(r, rd_fail(r->err, RD_BAD_NUMBER,
					  "port \"%s\" is no number from 1 to 65535", text));
	}
	entry->port = (uint16_t)port;
	return RD_OK;
}

/* One "key: value", or the entry's end. */
static enum rd_status read_pair(
	struct reader *r, unsigned *seen, struct rd_allow_entry *entry, bool *ret_end)
{
	yaml_event_t e RD_CLEANUP(yaml_event_delete) = {0};
	const char *key = NULL;
	unsigned bit;

	RD_TRY(next_event(r, &e));
	if (e.type == YAML_MAPPING_END_EVENT) {
		*ret_end = true;
		return RD_OK;
	}
	RD_TRY(scalar_text(r, &e, "key", &key));
	bit = strcmp(key, "address") == 0 ? SEEN_ADDRESS : strcmp(key, "port") == 0 ? SEEN_PORT : 0;
	if (bit == 0) {
		return at_line(
			r, rd_fail(r->err, RD_USAGE,
				   "unknown key \"%s\": an entry has address and port", key));
	}
	if ((*seen & bit) != 0) {
		return at_line(r, rd_fail(r->err, RD_DUPLICATE, "%s is there twice", key));
	}
	*seen |= bit;
	return read_value(r, bit == SEEN_PORT, entry);
}

static enum rd_status add_entry(struct reader *r, const struct rd_allow_entry *entry)
{
	struct rd_allowlist *list = r->list;
	size_t room = r->room == 0 ? 64 : r->room * 2;
	struct rd_allow_entry *more;

	if (list->count == RD_ALLOWLIST_ENTRIES_MAX) {
		return at_line(r, rd_fail(r->err, RD_LIMIT, "more than %d entries",
					  RD_ALLOWLIST_ENTRIES_MAX));
	}
	if (list->count == r->room) {
		more = realloc(list->entries, room * sizeof(*more));
		if (more == NULL) {
			return rd_fail(r->err, RD_NOMEM, "out of memory");
		}
		list->entries = more;
		r->room = room;
	}
	list->entries[list->count++] = *entry;
	return RD_OK;
}

static enum rd_status read_entry(struct reader *r)
{
	struct rd_allow_entry entry = {0};
	unsigned seen = 0;
	bool end = false;

	while (!end) {
		RD_TRY(read_pair(r, &seen, &entry, &end));
	}
	if (seen != SEEN_BOTH) {
		return at_line(r, rd_fail(r->err, RD_MISSING, "the entry that ends here has no %s",
					  (seen & SEEN_ADDRESS) == 0 ? "address" : "port"));
	}
	return add_entry(r, &entry);
}

static enum rd_status read_list(struct reader *r)
{
	yaml_event_t first RD_CLEANUP(yaml_event_delete) = {0};

	RD_TRY(next_event(r, &first));
	if (first.type == YAML_SCALAR_EVENT && first.data.scalar.length == 0 &&
		first.data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
		return RD_OK; /* "allowlist:" and nothing more */
	}
	if (first.type != YAML_SEQUENCE_START_EVENT) {
		return at_line(
			r, rd_fail(r->err, RD_BAD_TYPE,
				   "allowlist: expected a list of \"- {address: …, port: …}\""));
	}
	for (;;) {
		yaml_event_t e RD_CLEANUP(yaml_event_delete) = {0};

		RD_TRY(next_event(r, &e));
		if (e.type == YAML_SEQUENCE_END_EVENT) {
			return RD_OK;
		}
		if (e.type != YAML_MAPPING_START_EVENT) {
			return at_line(r, rd_fail(r->err, RD_BAD_TYPE,
						  "expected an entry {address: …, port: …}"));
		}
		RD_TRY(read_entry(r));
	}
}

/* A document may be missing altogether, or be "---" and nothing more. */
static enum rd_status begin_mapping(struct reader *r, bool *ret_empty)
{
	yaml_event_t stream RD_CLEANUP(yaml_event_delete) = {0};
	yaml_event_t e RD_CLEANUP(yaml_event_delete) = {0};

	RD_TRY(expect(r, YAML_STREAM_START_EVENT, "a YAML document"));
	RD_TRY(next_event(r, &stream));
	*ret_empty = stream.type == YAML_STREAM_END_EVENT;
	if (*ret_empty) {
		return RD_OK;
	}
	RD_TRY(next_event(r, &e));
	*ret_empty = e.type == YAML_SCALAR_EVENT && e.data.scalar.length == 0;
	if (!*ret_empty && e.type != YAML_MAPPING_START_EVENT) {
		return at_line(r, rd_fail(r->err, RD_BAD_TYPE, "expected \"allowlist:\""));
	}
	return RD_OK;
}

static enum rd_status read_document(struct reader *r)
{
	yaml_event_t key RD_CLEANUP(yaml_event_delete) = {0};
	const char *text = NULL;
	bool empty = false;

	RD_TRY(begin_mapping(r, &empty));
	if (empty) {
		return RD_OK;
	}
	RD_TRY(next_event(r, &key));
	if (key.type == YAML_MAPPING_END_EVENT) {
		return at_line(r, rd_fail(r->err, RD_MISSING, "there is no \"allowlist:\""));
	}
	RD_TRY(scalar_text(r, &key, "key", &text));
	if (strcmp(text, "allowlist") != 0) {
		return at_line(r, rd_fail(r->err, RD_USAGE,
					  "unknown key \"%s\": there is only \"allowlist\"", text));
	}
	RD_TRY(read_list(r));
	RD_TRY(expect(r, YAML_MAPPING_END_EVENT, "nothing after the allowlist"));
	RD_TRY(expect(r, YAML_DOCUMENT_END_EVENT, "the document's end"));
	return expect(r, YAML_STREAM_END_EVENT, "one document only");
}

enum rd_status rd_allowlist_parse(const char *name, const char *text, size_t len,
	struct rd_allowlist *ret, struct rd_error *err)
{
	struct rd_allowlist list RD_CLEANUP(rd_allowlist_finish) = {0};
	struct reader r = {.name = name, .list = &list, .err = err};
	enum rd_status st;

	if (!yaml_parser_initialize(&r.yaml)) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	yaml_parser_set_input_string(&r.yaml, (const unsigned char *)text, len);
	st = read_document(&r);
	yaml_parser_delete(&r.yaml);
	RD_TRY(st);
	*ret = list;
	list = (struct rd_allowlist){0};
	return RD_OK;
}

enum rd_status rd_allowlist_load(const char *path, struct rd_allowlist *ret, struct rd_error *err)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_ALLOWLIST_FILE_MAX);
	int fd RD_CLEANUP(rd_fd_close) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	enum rd_status st;

	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot open the allowlist %s", path);
	}
	st = rd_fd_read_all(fd, &buf);
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot read %s: %s", path, rd_status_text(st));
	}
	return rd_allowlist_parse(
		path, buf.used == 0 ? "" : (const char *)buf.ptr, buf.used, ret, err);
}
