/* SPDX-License-Identifier: Apache-2.0 */
/* redoubtd.yaml: what is said, what is left out, and errors that name their line. */
#include "test.h"

#include "redoubtd/config.h"

#include <stdlib.h>
#include <unistd.h>

static const struct rd_config_host host = {.mem_total_mib = 8000, .cpu_count = 2};
static struct rd_config config;
static struct rd_error err;

static enum rd_status parse(const char *text)
{
	err = (struct rd_error){0};
	return rd_config_parse(&host, "r.yaml", text, strlen(text), &config, &err);
}

static void assert_refused(const char *text, enum rd_status want, const char *where)
{
	assert_status(parse(text), want);
	if (strncmp(err.text, where, strlen(where)) != 0) {
		fail_msg("\"%s\" does not begin with \"%s\"", err.text, where);
	}
}

static void defaults_share_the_host(void **state)
{
	static const char *const empty[] = {"", "# nothing\n", "---\n", "{}"};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(empty); i++) {
		assert_ok(parse(empty[i]));
		assert_int_equal(config.memory_mib, 6000);
		assert_int_equal(config.cpu_slot_count, 4);
		assert_int_equal(config.cpu_slots[0], 1);
		assert_int_equal(config.cpu_slots[3], 4);
		assert_int_equal(config.engine, RD_ENGINE_AUTO);
		assert_string_equal(config.region, "local-1");
		assert_string_equal(config.instance_id, "");
	}
}

static void an_empty_file_is_no_configuration(void **state)
{
	char path[] = "/tmp/rd-config-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_ok(rd_config_load(&host, path, true, &config, &err));
	assert_int_equal(config.memory_mib, 6000);
	unlink(path);
	assert_status(rd_config_load(&host, path, true, &config, &err), RD_NOTFOUND);
	assert_ok(rd_config_load(&host, path, false, &config, &err));
	assert_ok(rd_config_parse(&host, "r.yaml", NULL, 0, &config, &err));
}

static void reads_every_key(void **state)
{
	(void)state;
	assert_ok(parse("---\n# as for the allocator\nmemory_mib: 512\ncpu_pool: 2,6-8 # four\n"
			"engine: qemu\nregion: eu-test-1\ninstance_id: i-0123456789abcdef0\n"
			"group: root"));
	assert_int_equal(config.memory_mib, 512);
	assert_int_equal(config.cpu_slot_count, 4);
	assert_int_equal(config.cpu_slots[0], 2);
	assert_int_equal(config.cpu_slots[3], 8);
	assert_int_equal(config.engine, RD_ENGINE_QEMU);
	assert_string_equal(config.region, "eu-test-1");
	assert_string_equal(config.instance_id, "i-0123456789abcdef0");
	assert_true(config.has_group);
	assert_int_equal(config.group, 0);
	assert_ok(parse("cpu_count: 1024\nengine: qemu-kvm\n"));
	assert_int_equal(config.cpu_slot_count, 1024);
	assert_int_equal(config.engine, RD_ENGINE_QEMU_KVM);
}

static void forgives_what_the_allocator_does_not(void **state)
{
	(void)state;
	/* Blank lines, no "---", trailing comment, no final newline. */
	assert_ok(parse("\n\nmemory_mib: 64\n\n\ncpu_count: 2 # two"));
	assert_int_equal(config.cpu_slot_count, 2);
}

static void refuses_unknown_and_repeated_keys_with_their_line(void **state)
{
	(void)state;
	assert_refused("memory_mib: 64\ncpus: 2\n", RD_USAGE, "r.yaml:2: unknown key \"cpus\"");
	assert_refused("memory_mib: 64\n\nmemory_mib: 65\n", RD_DUPLICATE,
		"r.yaml:3: memory_mib is set twice");
	assert_refused(
		"cpu_count: 2\ncpu_pool: 1-2\n", RD_USAGE, "r.yaml:2: cpu_count and cpu_pool");
}

static void refuses_wrong_values(void **state)
{
	(void)state;
	assert_refused("memory_mib: lots", RD_BAD_NUMBER, "r.yaml:1: memory_mib \"lots\"");
	assert_refused("memory_mib: 0", RD_BAD_NUMBER, "r.yaml:1:");
	assert_refused("memory_mib: -5", RD_BAD_NUMBER, "r.yaml:1:");
	assert_refused("cpu_count: 0", RD_BAD_NUMBER, "r.yaml:1:");
	assert_refused("cpu_count: 1025", RD_BAD_NUMBER, "r.yaml:1:");
	assert_refused("cpu_pool: 1,,2", RD_BAD_NUMBER, "r.yaml:1: \"\" is no CPU");
	assert_refused("cpu_pool: 3-1", RD_BAD_NUMBER, "r.yaml:1: \"3-1\" ends before");
	assert_refused("cpu_pool: 1-2-3", RD_BAD_NUMBER, "r.yaml:1:");
	assert_refused("cpu_pool: 1-3,2", RD_DUPLICATE, "r.yaml:1: CPU 2 is listed twice");
	assert_refused("cpu_pool: 0-8191", RD_LIMIT, "r.yaml:1: more than 1024");
	assert_refused("cpu_pool: 9999", RD_BAD_NUMBER, "r.yaml:1:");
	assert_refused("engine: xen", RD_USAGE, "r.yaml:1: unknown engine");
	assert_refused("region: Europe", RD_USAGE, "r.yaml:1:");
	assert_refused("region: abcdefghijklmnopq", RD_USAGE, "r.yaml:1:");
	assert_refused("instance_id: i-12", RD_USAGE, "r.yaml:1:");
	assert_refused("group: no-such-group-here", RD_NOTFOUND, "r.yaml:1:");
}

static void refuses_other_yaml(void **state)
{
	(void)state;
	assert_refused("- memory_mib\n", RD_BAD_TYPE, "r.yaml:1:");
	assert_refused("memory_mib: [1, 2]\n", RD_BAD_TYPE, "r.yaml:1:");
	assert_refused("memory_mib:\n  deep: 1\n", RD_BAD_TYPE, "r.yaml:2:");
	assert_refused("memory_mib: 1\n---\ncpu_count: 1\n", RD_BAD_TYPE, "r.yaml:2:");
	assert_refused("memory_mib: *alias\n", RD_BAD_TYPE, "r.yaml:1:");
	assert_refused("memory_mib: \"unclosed\n", RD_MALFORMED, "r.yaml:");
	assert_refused("just words", RD_BAD_TYPE, "r.yaml:1:");
	assert_refused("\tmemory_mib: 1\n", RD_MALFORMED, "r.yaml:1:");
}

static void instance_ids_and_regions(void **state)
{
	(void)state;
	assert_true(rd_instance_id_valid("i-0a1b2c3d4e5f60718"));
	assert_true(rd_instance_id_valid("i-0a1b2c3d"));
	assert_false(rd_instance_id_valid("i-0A1B2C3D"));
	assert_false(rd_instance_id_valid("Not Specified"));
	assert_false(rd_instance_id_valid("i-0a1b2c3d4e5f6071"));
	assert_false(rd_instance_id_valid(""));
	assert_true(rd_region_valid("local-1"));
	assert_false(rd_region_valid(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_share_the_host),
		cmocka_unit_test(an_empty_file_is_no_configuration),
		cmocka_unit_test(reads_every_key),
		cmocka_unit_test(forgives_what_the_allocator_does_not),
		cmocka_unit_test(refuses_unknown_and_repeated_keys_with_their_line),
		cmocka_unit_test(refuses_wrong_values),
		cmocka_unit_test(refuses_other_yaml),
		cmocka_unit_test(instance_ids_and_regions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
