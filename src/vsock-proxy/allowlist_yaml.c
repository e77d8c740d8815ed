/* SPDX-License-Identifier: Apache-2.0 */
/* Reading vsock-proxy.yaml: one mapping with one key, a list of mappings with two. */
#include "base/bytes.h"
#include "yaml/read.h"

#include "vsock-proxy/allowlist.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_FORM "{address: …, port: …}"

enum { KEY_ADDRESS, KEY_PORT, KEY_COUNT };

struct reader {
	struct rd_yaml *yaml;
	struct rd_allowlist *list;
	size_t room;
	struct rd_error *err;
};

static enum rd_status set_address(struct reader *r, const char *text, struct rd_allow_entry *e)
{
	size_t len = strlen(text);

	if (!rd_allow_address_valid(text)) {
		return rd_fail(r->err, RD_MALFORMED,
			"address \"%s\" is neither an address nor a name in ASCII", text);
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

static enum rd_status read_value(struct reader *r, unsigned key, struct rd_allow_entry *entry)
{
	const char *text = NULL;
	uint64_t port = 0;

	if (key == KEY_ADDRESS) {
		RD_TRY(rd_yaml_string(r->yaml, &text));
		return set_address(r, text, entry);
	}
	RD_TRY(rd_yaml_u64(r->yaml, 1, UINT16_MAX, &port));
	entry->port = (uint16_t)port;
	return RD_OK;
}

static enum rd_status add_entry(struct reader *r, const struct rd_allow_entry *entry)
{
	struct rd_allowlist *list = r->list;
	size_t room = r->room == 0 ? 64 : r->room * 2;
	struct rd_allow_entry *more;

	if (list->count == RD_ALLOWLIST_ENTRIES_MAX) {
		return rd_fail(r->err, RD_LIMIT, "more than %d entries", RD_ALLOWLIST_ENTRIES_MAX);
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
	static const char *const names[] = {[KEY_ADDRESS] = "address", [KEY_PORT] = "port"};
	struct rd_yaml_map map = {.keys = names, .count = KEY_COUNT};
	struct rd_allow_entry entry = {0};
	unsigned key = 0;
	bool end = false;

	for (;;) {
		RD_TRY(rd_yaml_next_key(r->yaml, &map, &key, &end));
		if (end) {
			break;
		}
		RD_TRY(read_value(r, key, &entry));
	}
	for (key = 0; key < KEY_COUNT; key++) {
		if ((map.seen & 1u << key) == 0) {
			return rd_fail(r->err, RD_MISSING, "the entry that ends here has no %s",
				names[key]);
		}
	}
	return add_entry(r, &entry);
}

static enum rd_status read_list(struct reader *r)
{
	bool end = false;

	RD_TRY(rd_yaml_begin_list(r->yaml));
	for (;;) {
		RD_TRY(rd_yaml_next_map(r->yaml, ENTRY_FORM, &end));
		if (end) {
			return RD_OK;
		}
		RD_TRY(read_entry(r));
	}
}

static enum rd_status read_document(struct reader *r)
{
	static const char *const names[] = {"allowlist"};
	struct rd_yaml_map map = {.keys = names, .count = RD_ARRAY_LEN(names)};
	unsigned key = 0;
	bool end = false;

	RD_TRY(rd_yaml_begin(r->yaml, &end));
	while (!end) {
		RD_TRY(rd_yaml_next_key(r->yaml, &map, &key, &end));
		if (!end) {
			RD_TRY(read_list(r));
			continue;
		}
		if (map.seen == 0) {
			return rd_fail(r->err, RD_MISSING, "there is no \"allowlist:\"");
		}
		return rd_yaml_end(r->yaml);
	}
	return RD_OK;
}

enum rd_status rd_allowlist_parse(const char *name, const char *text, size_t len,
	struct rd_allowlist *ret, struct rd_error *err)
{
	struct rd_allowlist list RD_CLEANUP(rd_allowlist_finish) = {0};
	struct rd_yaml *yaml RD_CLEANUP(rd_yaml_close) = NULL;
	struct reader r = {.list = &list, .err = err};

	RD_TRY(rd_yaml_open(&yaml, name, rd_view(text, len), err));
	r.yaml = yaml;
	RD_TRY(rd_yaml_locate(yaml, read_document(&r)));
	*ret = list;
	list = (struct rd_allowlist){0};
	return RD_OK;
}

enum rd_status rd_allowlist_load(const char *path, struct rd_allowlist *ret, struct rd_error *err)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_ALLOWLIST_FILE_MAX);

	RD_TRY(rd_yaml_load("the allowlist", path, true, &buf, err));
	return rd_allowlist_parse(path, (const char *)buf.ptr, buf.used, ret, err);
}
