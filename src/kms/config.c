/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading kms.yaml: one mapping of scalars, and one list, taken from libyaml's events. Anything
 * else that YAML can say (aliases, tags, nested mappings, several documents) is refused where it
 * stands.
 */
#include "kms/config.h"

#include "base/text.h"
#include "kms/config_value.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <yaml.h>

struct reader {
	yaml_parser_t yaml;
	const char *name;
	struct kms_config *config;
	struct rd_error *err;
	uint32_t seen;
	size_t line; /* of the last event, from 1 */
};

static enum rd_status at_line(struct reader *r, enum rd_status st)
{
	return rd_error_wrap(r->err, st, "%s:%zu", r->name, r->line);
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

/* The event must be a plain scalar; its text, NUL-terminated, belongs to it. */
static enum rd_status scalar_text(struct reader *r, const yaml_event_t *e, const char **ret)
{
	const char *text = (const char *)e->data.scalar.value;

	if (e->type != YAML_SCALAR_EVENT) {
		return at_line(r, rd_fail(r->err, RD_BAD_TYPE, "expected one plain value"));
	}
	if (strlen(text) != e->data.scalar.length) {
		return at_line(r, rd_fail(r->err, RD_MALFORMED, "a value has a NUL in it"));
	}
	*ret = text;
	return RD_OK;
}

static enum rd_status find_key(struct reader *r, const char *name, enum kms_config_key *ret)
{
	char known[512];

	if (!kms_config_key_of(name, ret)) {
		kms_config_known_keys(known, sizeof(known));
		return at_line(r, rd_fail(r->err, RD_USAGE, "unknown key \"%.64s\" (known: %s)",
					  name, known));
	}
	if ((r->seen & 1u << *ret) != 0) {
		return at_line(r, rd_fail(r->err, RD_DUPLICATE, "%s is set twice", name));
	}
	r->seen |= 1u << *ret;
	return RD_OK;
}

static enum rd_status set_value(
	struct reader *r, enum kms_config_key key, const yaml_event_t *event)
{
	const char *value = NULL;
	enum rd_status st;

	RD_TRY(scalar_text(r, event, &value));
	st = kms_config_set(r->config, key, value, r->err);
	return st == RD_OK ? RD_OK : at_line(r, st);
}

static enum rd_status read_list(struct reader *r, enum kms_config_key key)
{
	for (;;) {
		yaml_event_t e RD_CLEANUP(yaml_event_delete) = {0};

		RD_TRY(next_event(r, &e));
		if (e.type == YAML_SEQUENCE_END_EVENT) {
			return RD_OK;
		}
		RD_TRY(set_value(r, key, &e));
	}
}

static enum rd_status read_value(struct reader *r, enum kms_config_key key)
{
	yaml_event_t e RD_CLEANUP(yaml_event_delete) = {0};

	RD_TRY(next_event(r, &e));
	if (e.type == YAML_SEQUENCE_START_EVENT && kms_config_key_is_list(key)) {
		return read_list(r, key);
	}
	return set_value(r, key, &e);
}

static enum rd_status read_pair(struct reader *r, bool *ret_end)
{
	yaml_event_t e RD_CLEANUP(yaml_event_delete) = {0};
	const char *name = "";
	enum kms_config_key key = 0;

	RD_TRY(next_event(r, &e));
	if (e.type == YAML_MAPPING_END_EVENT) {
		*ret_end = true;
		return RD_OK;
	}
	RD_TRY(scalar_text(r, &e, &name));
	RD_TRY(find_key(r, name, &key));
	return read_value(r, key);
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

/* Comments only, or nothing at all: no document. */
static enum rd_status begin_document(struct reader *r, bool *ret_empty)
{
	yaml_event_t e RD_CLEANUP(yaml_event_delete) = {0};

	RD_TRY(expect(r, YAML_STREAM_START_EVENT, "a YAML document"));
	RD_TRY(next_event(r, &e));
	*ret_empty = e.type == YAML_STREAM_END_EVENT;
	return RD_OK;
}

static enum rd_status read_document(struct reader *r)
{
	yaml_event_t e RD_CLEANUP(yaml_event_delete) = {0};
	bool end = false;

	RD_TRY(begin_document(r, &end));
	if (end) {
		return RD_OK;
	}
	RD_TRY(next_event(r, &e));
	if (e.type == YAML_SCALAR_EVENT && e.data.scalar.length == 0) {
		end = true; /* "---" and nothing more */
	} else if (e.type != YAML_MAPPING_START_EVENT) {
		return at_line(r, rd_fail(r->err, RD_BAD_TYPE, "expected \"key: value\" lines"));
	}
	while (!end) {
		RD_TRY(read_pair(r, &end));
	}
	RD_TRY(expect(r, YAML_DOCUMENT_END_EVENT, "the document's end"));
	return expect(r, YAML_STREAM_END_EVENT, "one document only");
}

enum rd_status kms_config_parse(const char *directory, const char *name, struct rd_view text,
	struct kms_config *ret, struct rd_error *err)
{
	struct reader r = {.name = name, .config = ret, .err = err};
	enum rd_status st;

	RD_TRY(kms_config_defaults(directory, ret, err));
	if (!yaml_parser_initialize(&r.yaml)) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	yaml_parser_set_input_string(&r.yaml, text.ptr, text.len);
	st = read_document(&r);
	yaml_parser_delete(&r.yaml);
	RD_TRY(st);
	st = kms_config_judge(ret, err);
	return st == RD_OK ? RD_OK : rd_error_wrap(err, st, "%s", name);
}

enum rd_status kms_config_load(const struct rd_paths *paths, const char *path,
	struct kms_config *ret, struct rd_error *err)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(KMS_CONFIG_FILE_MAX);
	int fd RD_CLEANUP(rd_fd_close) = -1;
	char usual[RD_PATH_MAX], directory[RD_PATH_MAX];
	const char *name;
	enum rd_status st;

	RD_TRY(rd_paths_join(usual, paths->config, "kms.yaml", NULL));
	RD_TRY(rd_paths_join(directory, paths->state, "kms", NULL));
	name = path == NULL ? usual : path;
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && (errno != ENOENT || path != NULL)) {
		return rd_fail_errno(err, errno, "cannot open %s", name);
	}
	st = fd < 0 ? RD_OK : rd_fd_read_all(fd, &buf);
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot read %s: %s", name, rd_status_text(st));
	}
	return kms_config_parse(
		directory, name, buf.ptr == NULL ? rd_view("", 0) : rd_buf_view(&buf), ret, err);
}
