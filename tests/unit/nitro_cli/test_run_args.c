/* SPDX-License-Identifier: Apache-2.0 */
/* run-enclave's arguments: flags and --config are held to the same rules. */
#include "test.h"

#include "nitro-cli/run_args.h"

static struct cli_run_args args;
static struct rd_error err;

static int clear(void **state)
{
	(void)state;
	cli_run_args_finish(&args);
	args = (struct cli_run_args){0};
	err = (struct rd_error){0};
	return 0;
}

static enum cli_code from_json(const char *text)
{
	(void)clear(NULL);
	return cli_run_args_from_json(text, strlen(text), "c.json", false, &args, &err);
}

static enum cli_code from_flags(const struct cli_run_flags *flags)
{
	(void)clear(NULL);
	return cli_run_args_from_flags(flags, &args, &err);
}

static const struct cli_run_flags good = {
	.cpu_count = "2", .memory = "512", .eif_path = "/srv/app.eif.eif"};

static void memory_has_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t mib;
	} sizes[] = {{"512", 512}, {"512M", 512}, {"512m", 512}, {"2G", 2048}, {"2g", 2048},
		{"1T", 1048576}, {"1t", 1048576}, {"0", 0}};
	static const char *const bad[] = {
		"", "M", "1.5G", "-1", "1 G", "1GB", "G1", "99999999999999999999999", "65T"};
	uint64_t mib = 1;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(sizes); i++) {
		assert_ok(cli_parse_memory(sizes[i].text, &mib));
		assert_int_equal(mib, sizes[i].mib);
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(bad); i++) {
		assert_status(cli_parse_memory(bad[i], &mib), RD_BAD_NUMBER);
	}
}

static void flags_become_a_request(void **state)
{
	struct cli_run_flags flags = good;

	(void)state;
	assert_int_equal(from_flags(&flags), CLI_E00);
	assert_string_equal(args.run.name, "app");
	assert_string_equal(args.eif_path, "/srv/app.eif.eif");
	assert_int_equal(args.run.cpu_count, 2);
	assert_int_equal(args.run.memory_mib, 512);
	assert_false(args.run.debug);
	flags.attach_console = true;
	flags.enclave_name = "mine";
	assert_int_equal(from_flags(&flags), CLI_E00);
	assert_true(args.run.debug);
	assert_string_equal(args.run.name, "mine");
}

static void cpu_ids_are_separated_by_spaces(void **state)
{
	char one[] = "1";
	char three[] = "3";
	char comma[] = "1,3";
	char *list[] = {one, three};
	char *commas[] = {comma};
	struct cli_run_flags flags = good;

	(void)state;
	flags.cpu_count = NULL;
	flags.cpu_ids = (struct cli_list){.v = list, .n = 2};
	assert_int_equal(from_flags(&flags), CLI_E00);
	assert_int_equal(args.run.cpu_ids.count, 2);
	assert_int_equal(args.run.cpu_ids.items[1], 3);
	flags.cpu_ids = (struct cli_list){.v = commas, .n = 1};
	assert_int_equal(from_flags(&flags), CLI_E03);
}

static void wrong_flags_are_e03(void **state)
{
	static const char *const cids[] = {
		"1", "2", "3", "4294967295", "4294967296", "-1", "x", ""};
	struct cli_run_flags flags = good;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cids); i++) {
		flags.enclave_cid = cids[i];
		assert_int_equal(from_flags(&flags), CLI_E03);
	}
	flags.enclave_cid = "0";
	assert_int_equal(from_flags(&flags), CLI_E00);
	flags.enclave_cid = "4";
	assert_int_equal(from_flags(&flags), CLI_E00);
	assert_int_equal(args.run.cid, 4);
	flags.cpu_count = "0";
	assert_int_equal(from_flags(&flags), CLI_E03);
	flags = good;
	flags.enclave_name = "a\nb";
	assert_int_equal(from_flags(&flags), CLI_E03);
}

static void config_becomes_the_same_request(void **state)
{
	(void)state;
	assert_int_equal(
		from_json("{\"eif_path\": \"/srv/app.eif\", \"memory_mib\": 1024, "
			  "\"cpu_ids\": [1, 3], \"enclave_cid\": 16, \"debug_mode\": true, "
			  "\"enclave_name\": \"x\", \"comment\": \"ignored\"}"),
		CLI_E00);
	assert_int_equal(args.run.memory_mib, 1024);
	assert_int_equal(args.run.cpu_ids.count, 2);
	assert_int_equal(args.run.cid, 16);
	assert_true(args.run.debug);
	assert_false(args.attach_console);
	assert_string_equal(args.run.name, "x");
	assert_int_equal(
		from_json("{\"eif_path\": \"b.eif\", \"memory_mib\": 64, \"cpu_count\": 2, "
			  "\"attach_console\": true}"),
		CLI_E00);
	assert_true(args.attach_console);
	assert_true(args.run.debug);
	assert_string_equal(args.run.name, "b");
}

#define EIF "\"eif_path\": \"a.eif\", "
#define MEM "\"memory_mib\": 64, "

static void config_is_checked_like_flags(void **state)
{
	static const struct {
		const char *text;
		enum cli_code code;
	} cases[] = {
		{"{" EIF MEM "\"cpu_count\": 2, \"cpu_ids\": [1]}", CLI_E02},
		{"{" EIF "\"memory_mib\": 64}", CLI_E01},
		{"{" EIF MEM "\"cpu_count\": 0}", CLI_E03},
		{"{" EIF MEM "\"cpu_ids\": []}", CLI_E03},
		{"{" EIF MEM "\"cpu_count\": 1, \"enclave_cid\": 3}", CLI_E03},
		{"{" EIF MEM "\"cpu_count\": 1, \"enclave_cid\": 4294967295}", CLI_E03},
		{"{" EIF MEM "\"cpu_count\": \"2\"}", CLI_E17},
		{"{" EIF MEM "\"cpu_count\": -2}", CLI_E17},
		{"{" EIF "\"cpu_count\": 2}", CLI_E17},
		{"{" MEM "\"cpu_count\": 2}", CLI_E17},
		{"{" EIF "\"memory_mib\": \"64M\", \"cpu_count\": 2}", CLI_E17},
		{"{" EIF MEM "\"cpu_count\": 1, \"debug_mode\": 1}", CLI_E17},
		{"{" EIF EIF MEM "\"cpu_count\": 1}", CLI_E17},
		{"[]", CLI_E17},
		{"{", CLI_E17},
		{"", CLI_E17},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		enum cli_code code = from_json(cases[i].text);

		if (code != cases[i].code) {
			fail_msg("%s: E%02d, want E%02d", cases[i].text, code, cases[i].code);
		}
		assert_int_equal(strncmp(err.text, "c.json:", 7), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(memory_has_units, clear),
		cmocka_unit_test_teardown(flags_become_a_request, clear),
		cmocka_unit_test_teardown(cpu_ids_are_separated_by_spaces, clear),
		cmocka_unit_test_teardown(wrong_flags_are_e03, clear),
		cmocka_unit_test_teardown(config_becomes_the_same_request, clear),
		cmocka_unit_test_teardown(config_is_checked_like_flags, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
