/* SPDX-License-Identifier: Apache-2.0 */
/* The strict reader, through a document of every type that it knows. */
#include "test.h"

#include "yaml/read.h"

#include <fcntl.h>
#include <unistd.h>

enum { KEY_NAME, KEY_SIZE, KEY_FLAG, KEY_WORDS, KEY_ENTRIES, KEY_COUNT };

static const char *const names[KEY_COUNT] = {"name", "size", "flag", "words", "entries"};

struct found {
	char name[64];
	uint64_t size;
	bool flag;
	char words[128];   /* each with a ',' behind it */
	uint64_t sizes[8]; /* of the entries */
	size_t entry_count;
	bool empty;
};

static enum rd_status read_words(struct rd_yaml *y, struct found *f)
{
	const char *text = NULL;
	bool end = false;

	RD_TRY(rd_yaml_begin_list(y));
	for (;;) {
		RD_TRY(rd_yaml_next_string(y, &text, &end));
		if (end) {
			return RD_OK;
		}
		strncat(f->words, text, 32);
		strcat(f->words, ",");
	}
}

static enum rd_status read_entry(struct rd_yaml *y, struct found *f)
{
	static const char *const keys[] = {"size"};
	struct rd_yaml_map map = {.keys = keys, .count = 1};
	unsigned key = 0;
	bool end = false;

	for (;;) {
		RD_TRY(rd_yaml_next_key(y, &map, &key, &end));
		if (end) {
			f->entry_count++;
			return RD_OK;
		}
		RD_TRY(rd_yaml_u64(y, 0, UINT64_MAX, &f->sizes[f->entry_count]));
	}
}

static enum rd_status read_entries(struct rd_yaml *y, struct found *f)
{
	bool end = false;

	RD_TRY(rd_yaml_begin_list(y));
	for (;;) {
		RD_TRY(rd_yaml_next_map(y, "{size: …}", &end));
		if (end) {
			return RD_OK;
		}
		RD_TRY(read_entry(y, f));
	}
}

static enum rd_status read_value(struct rd_yaml *y, unsigned key, struct found *f)
{
	const char *text = NULL;

	switch (key) {
	case KEY_NAME:
		RD_TRY(rd_yaml_string(y, &text));
		snprintf(f->name, sizeof(f->name), "%s", text);
		return RD_OK;
	case KEY_SIZE:
		return rd_yaml_u64(y, 1, 100, &f->size);
	case KEY_FLAG:
		return rd_yaml_bool(y, &f->flag);
	case KEY_WORDS:
		return read_words(y, f);
	default:
		return read_entries(y, f);
	}
}

static enum rd_status read_document(struct rd_yaml *y, struct found *f)
{
	struct rd_yaml_map map = {.keys = names, .count = KEY_COUNT};
	unsigned key = 0;
	bool end = false;

	RD_TRY(rd_yaml_begin(y, &f->empty));
	while (!f->empty) {
		RD_TRY(rd_yaml_next_key(y, &map, &key, &end));
		if (end) {
			return rd_yaml_end(y);
		}
		RD_TRY(read_value(y, key, f));
	}
	return RD_OK;
}

static struct found found;
static struct rd_error err;

static enum rd_status parse_view(struct rd_view text)
{
	struct rd_yaml *y RD_CLEANUP(rd_yaml_close) = NULL;

	memset(&found, 0, sizeof(found));
	memset(&err, 0, sizeof(err));
	RD_TRY(rd_yaml_open(&y, "t.yaml", text, &err));
	return rd_yaml_locate(y, read_document(y, &found));
}

static enum rd_status parse(const char *text)
{
	return parse_view(rd_view_str(text));
}

static void assert_refused(const char *text, enum rd_status want, const char *begin)
{
	assert_status(parse(text), want);
	if (strncmp(err.text, begin, strlen(begin)) != 0) {
		fail_msg("\"%s\" does not begin with \"%s\"", err.text, begin);
	}
}

static void reads_every_type(void **state)
{
	(void)state;
	assert_ok(parse("# about\nname: a b\nsize: 7\nflag: true\nwords: [x, 'y']\n"
			"entries:\n- {size: 1}\n- size: 18446744073709551615\n- {}\n"));
	assert_false(found.empty);
	assert_string_equal(found.name, "a b");
	assert_int_equal(found.size, 7);
	assert_true(found.flag);
	assert_string_equal(found.words, "x,y,");
	assert_int_equal(found.entry_count, 3);
	assert_int_equal(found.sizes[0], 1);
	assert_true(found.sizes[1] == UINT64_MAX);
	assert_ok(parse("{\"name\": \"\", flag: false}"));
	assert_string_equal(found.name, "");
	assert_false(found.flag);
}

static void reads_short_lists(void **state)
{
	(void)state;
	assert_ok(parse("words:\nentries:\n"));
	assert_string_equal(found.words, "");
	assert_int_equal(found.entry_count, 0);
	assert_ok(parse("words: []\nentries: []\nname: n\n"));
	assert_string_equal(found.name, "n");
	assert_ok(parse("words: one\nname: n\n"));
	assert_string_equal(found.words, "one,");
	assert_string_equal(found.name, "n");
	assert_ok(parse("words: \"\"\n"));
	assert_string_equal(found.words, ",");
}

static void reads_nothing_as_empty(void **state)
{
	static const char *const texts[] = {"", "\n", "# nothing\n", "---\n", "---\n...\n"};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(texts); i++) {
		assert_ok(parse(texts[i]));
		assert_true(found.empty);
	}
	assert_ok(parse_view(rd_view(NULL, 0)));
	assert_true(found.empty);
	assert_ok(parse("{}"));
	assert_false(found.empty);
}

static void refuses_unknown_and_repeated_keys(void **state)
{
	(void)state;
	assert_refused("size: 1\nsice: 2\n", RD_USAGE,
		"t.yaml:2: unknown key \"sice\" (known: name, size, flag, words, entries)");
	assert_refused("size: 1\n\nsize: 1\n", RD_DUPLICATE, "t.yaml:3: size is set twice");
	assert_refused("entries:\n- {size: 1, name: a}\n", RD_USAGE,
		"t.yaml:2: unknown key \"name\" (known: size)");
	assert_refused("entries:\n- {size: 1, size: 1}\n", RD_DUPLICATE, "t.yaml:2: size is set");
	assert_refused("? [a]\n: 1\n", RD_BAD_TYPE, "t.yaml:1: expected one plain value");
	assert_refused("\"na\\0me\": 1\n", RD_MALFORMED, "t.yaml:1: a NUL");
	assert_refused("\"\": 1\n", RD_USAGE, "t.yaml:1: unknown key \"\"");
}

static void refuses_values_of_other_types(void **state)
{
	(void)state;
	assert_refused("name: [a]\n", RD_BAD_TYPE, "t.yaml:1: name: expected one plain value");
	assert_refused("name:\n  deep: 1\n", RD_BAD_TYPE, "t.yaml:2: name: expected");
	assert_refused("name: \"a\\0b\"\n", RD_MALFORMED, "t.yaml:1: name: a NUL");
	assert_refused("size: [1]\n", RD_BAD_TYPE, "t.yaml:1: size: expected");
	assert_refused("size: \"1\"\n", RD_BAD_TYPE, "t.yaml:1: size \"1\" is text");
	assert_refused("flag: 'true'\n", RD_BAD_TYPE, "t.yaml:1: flag \"true\" is text");
	assert_refused("flag: yes\n", RD_BAD_TYPE, "t.yaml:1: flag \"yes\" is neither");
	assert_refused("flag:\n", RD_BAD_TYPE, "t.yaml:1: flag \"\" is neither");
	assert_refused("words: {a: b}\n", RD_BAD_TYPE, "t.yaml:1: words: expected a list");
	assert_refused("words:\n- a\n- [b]\n", RD_BAD_TYPE, "t.yaml:3: words: expected one");
	assert_refused("entries: one\n", RD_BAD_TYPE, "t.yaml:1: expected an entry {size: …}");
	assert_refused("entries:\n- one\n", RD_BAD_TYPE, "t.yaml:2: expected an entry {size: …}");
	assert_refused("entries: {size: 1}\n", RD_BAD_TYPE, "t.yaml:1: entries: expected a list");
}

static void refuses_numbers_out_of_range(void **state)
{
	static const char *const texts[] = {"size: 0\n", "size: 101\n", "size: -1\n",
		"size: 0x10\n", "size: 1.0\n", "size: 1e1\n", "size: ~\n", "size:\n",
		"size: 99999999999999999999\n"};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(texts); i++) {
		assert_refused(texts[i], RD_BAD_NUMBER, "t.yaml:1: size \"");
		assert_non_null(strstr(err.text, "is no number from 1 to 100"));
	}
	assert_ok(parse("size: 1\n"));
	assert_ok(parse("size: 100\n"));
}

static void refuses_anchors_aliases_and_tags(void **state)
{
	static const char *const texts[] = {"name: &a x\n", "name: *a\n", "name: !!str x\n",
		"name: !x y\n", "words: &a [x]\n", "words: !!seq [x]\n", "words: [&a x]\n",
		"entries: [&a {size: 1}]\n", "entries: [!!map {size: 1}]\n", "&a {name: x}\n",
		"!!map {name: x}\n", "&a name: x\n"};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(texts); i++) {
		assert_refused(texts[i], RD_BAD_TYPE, "t.yaml:1: anchors, aliases and tags");
	}
}

static void refuses_what_is_not_one_mapping(void **state)
{
	(void)state;
	assert_refused("- name\n", RD_BAD_TYPE, "t.yaml:1: expected \"key: value\" lines");
	assert_refused("words\n", RD_BAD_TYPE, "t.yaml:1: expected \"key: value\" lines");
	assert_refused("''\n", RD_BAD_TYPE, "t.yaml:1: expected \"key: value\" lines");
	assert_refused("size: 1\n---\nsize: 2\n", RD_BAD_TYPE, "t.yaml:2: expected one document");
	assert_refused("---\n---\nsize: 2\n", RD_BAD_TYPE, "t.yaml:2: expected one document");
	assert_refused("name: \"x\n", RD_MALFORMED, "t.yaml:");
	assert_refused("\tname: x\n", RD_MALFORMED, "t.yaml:1: not YAML: ");
	assert_refused("name: \xff\n", RD_MALFORMED, "t.yaml:1: not YAML: ");
	assert_refused("words: [a\n", RD_MALFORMED, "t.yaml:2: not YAML: ");
}

static void loads_files_up_to_their_limit(void **state)
{
	char path[] = "/tmp/test-yaml-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "name: x\n", 8), 8);
	close(fd);
	for (size_t max = 7; max <= 8; max++) {
		struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(max);

		assert_status(rd_yaml_load("the file", path, true, &buf, &err),
			max == 7 ? RD_LIMIT : RD_OK);
		assert_true(max == 7 || buf.used == 8);
		assert_true(max == 8 || strstr(err.text, "cannot read the file /tmp/") != NULL);
	}
	unlink(path);
}

static void a_missing_file_is_empty_if_it_may_be(void **state)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(100);

	(void)state;
	assert_ok(rd_yaml_load("the file", "/nonexistent/f.yaml", false, &buf, &err));
	assert_int_equal(buf.used, 0);
	assert_status(
		rd_yaml_load("the file", "/nonexistent/f.yaml", true, &buf, &err), RD_NOTFOUND);
	assert_non_null(strstr(err.text, "cannot open the file /nonexistent/f.yaml: "));
	assert_status(rd_yaml_load("the file", "/", false, &buf, &err), RD_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_type),
		cmocka_unit_test(reads_short_lists),
		cmocka_unit_test(reads_nothing_as_empty),
		cmocka_unit_test(refuses_unknown_and_repeated_keys),
		cmocka_unit_test(refuses_values_of_other_types),
		cmocka_unit_test(refuses_numbers_out_of_range),
		cmocka_unit_test(refuses_anchors_aliases_and_tags),
		cmocka_unit_test(refuses_what_is_not_one_mapping),
		cmocka_unit_test(loads_files_up_to_their_limit),
		cmocka_unit_test(a_missing_file_is_empty_if_it_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
