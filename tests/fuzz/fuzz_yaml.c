/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration files: what is accepted has the types that were asked for, every refusal a place.
 */
#include "yaml/read.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEY_TEXT, KEY_NUMBER, KEY_FLAG, KEY_WORDS, KEY_ENTRIES, KEY_COUNT };

static const char *const names[KEY_COUNT] = {"text", "number", "flag", "words", "entries"};

static enum rd_status read_keys(struct rd_yaml *y, bool nested);

static enum rd_status read_list(struct rd_yaml *y, bool maps)
{
	const char *text = NULL;
	bool end = false;

	RD_TRY(rd_yaml_begin_list(y));
	for (;;) {
		RD_TRY(maps ? rd_yaml_next_map(y, "{…}", &end)
			    : rd_yaml_next_string(y, &text, &end));
		if (end) {
			return RD_OK;
		}
		if (maps) {
			RD_TRY(read_keys(y, true));
		} else {
			assert(strlen(text) <= UINT32_MAX);
		}
	}
}

static enum rd_status read_value(struct rd_yaml *y, unsigned key)
{
	const char *text = NULL;
	uint64_t number = 0;
	bool flag = false;

	switch (key) {
	case KEY_TEXT:
		RD_TRY(rd_yaml_string(y, &text));
		assert(strlen(text) <= UINT32_MAX);
		return RD_OK;
	case KEY_NUMBER:
		RD_TRY(rd_yaml_u64(y, 3, 300, &number));
		assert(number >= 3 && number <= 300);
		return RD_OK;
	case KEY_FLAG:
		return rd_yaml_bool(y, &flag);
	default:
		return read_list(y, key == KEY_ENTRIES);
	}
}

/* Mappings in a list have the scalars only. */
static enum rd_status read_keys(struct rd_yaml *y, bool nested)
{
	struct rd_yaml_map map = {.keys = names, .count = nested ? KEY_WORDS : KEY_COUNT};
	uint32_t before = 0;
	unsigned key = 0;
	bool end = false;

	for (;;) {
		RD_TRY(rd_yaml_next_key(y, &map, &key, &end));
		if (end) {
			return RD_OK;
		}
		assert(key < map.count && map.seen == (before | 1u << key) && map.seen != before);
		before = map.seen;
		RD_TRY(read_value(y, key));
	}
}

static enum rd_status read_document(struct rd_yaml *y)
{
	bool empty = false;

	RD_TRY(rd_yaml_begin(y, &empty));
	if (empty) {
		return RD_OK;
	}
	RD_TRY(read_keys(y, false));
	return rd_yaml_end(y);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd_yaml *y RD_CLEANUP(rd_yaml_close) = NULL;
	struct rd_error err = {0};

	if (rd_yaml_open(&y, "f", rd_view(data, size), &err) != RD_OK) {
		return 0;
	}
	if (rd_yaml_locate(y, read_document(y)) != RD_OK) {
		assert(strncmp(err.text, "f:", 2) == 0 && err.status != RD_OK);
	}
	return 0;
}
