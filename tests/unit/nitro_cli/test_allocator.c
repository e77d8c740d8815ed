/* SPDX-License-Identifier: Apache-2.0 */
/* allocator.yaml: what is accepted, and each rule's refusal with its line. */
#include "test.h"

#include "nitro-cli/allocator_yaml.h"

#define CPUS 4

static struct rd_error err;

static enum rd_status parse(const char *text, uint64_t *ret_mib)
{
	err = (struct rd_error){0};
	return cli_allocator_parse("a.yaml", text, strlen(text), CPUS, ret_mib, &err);
}

static void files_of_the_original_say_how_much(void **state)
{
	static const struct {
		const char *text;
		uint64_t mib;
	} cases[] = {
		{"---\n# MiB\nmemory_mib: 3072\n# CPUs\ncpu_count: 2\n", 3072},
		{"memory_mib: 1024\ncpu_pool: 1,2-3\n", 1024},
		{"cpu_count: 4\n", 512},
		{"cpu_pool: 3\n", 512},
		{"---\n", 512},
		{"", 512},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		uint64_t mib = 0;

		assert_ok(parse(cases[i].text, &mib));
		assert_int_equal(mib, cases[i].mib);
	}
}

static void refuses_with_the_line_and_what_may_be(void **state)
{
	static const struct {
		const char *text;
		enum rd_status want;
		const char *begins;
	} cases[] = {
		{"memory_mib: 512\nmemory: 1\n", RD_USAGE, "a.yaml:2: unknown key \"memory\""},
		{"memory_mib: 0\n", RD_BAD_NUMBER,
			"a.yaml:1: memory_mib \"0\" is no number from 1"},
		{"memory_mib: 67108865\n", RD_BAD_NUMBER, "a.yaml:1: memory_mib \"67108865\""},
		{"memory_mib: 1G\n", RD_BAD_NUMBER, "a.yaml:1: memory_mib \"1G\""},
		{"memory_mib: [1]\n", RD_BAD_TYPE, "a.yaml:1: "},
		{"memory_mib: 1\nmemory_mib: 2\n", RD_DUPLICATE, "a.yaml:2: "},
		{"\ncpu_count: 5\n", RD_OUT_OF_RANGE,
			"a.yaml:2: cpu_count is 5, but this instance has 4 CPUs"},
		{"cpu_count: 0\n", RD_BAD_NUMBER, "a.yaml:1: cpu_count \"0\""},
		{"cpu_pool: 2,4\n", RD_OUT_OF_RANGE,
			"a.yaml:1: cpu_pool names CPU 4, but this instance's are 0 to 3"},
		{"cpu_pool: 1,1\n", RD_DUPLICATE, "a.yaml:1: CPU 1 is listed twice"},
		{"cpu_pool: two\n", RD_BAD_NUMBER, "a.yaml:1: \"two\" is no CPU"},
		{"cpu_pool: 0-8191\n", RD_LIMIT, "a.yaml:1: more than 64 CPUs"},
		{"cpu_count: 2\ncpu_pool: 1\n", RD_USAGE,
			"a.yaml:2: cpu_count and cpu_pool exclude each other"},
		{"- 1\n", RD_BAD_TYPE, "a.yaml:1: "},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		uint64_t mib = 7;

		assert_status(parse(cases[i].text, &mib), cases[i].want);
		assert_memory_equal(err.text, cases[i].begins, strlen(cases[i].begins));
		assert_int_equal(mib, 7);
	}
}

static void a_file_must_be_there(void **state)
{
	uint64_t mib = 0;

	(void)state;
	assert_status(cli_allocator_load("/nowhere/a.yaml", CPUS, &mib, &err), RD_NOTFOUND);
	assert_non_null(strstr(err.text, "/nowhere/a.yaml"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_of_the_original_say_how_much),
		cmocka_unit_test(refuses_with_the_line_and_what_may_be),
		cmocka_unit_test(a_file_must_be_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
