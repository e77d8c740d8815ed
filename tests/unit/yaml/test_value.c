/* SPDX-License-Identifier: Apache-2.0 */
/* Values that the configurations of servers have in common. */
#include "test.h"

#include "yaml/value.h"

#include <stdlib.h>

static struct rd_error err;

static void paths_are_below_the_directory_unless_absolute(void **state)
{
	char path[RD_PATH_MAX], longest[RD_PATH_MAX + 1];

	(void)state;
	assert_ok(rd_value_path("/state", "", "a/b", path, &err));
	assert_string_equal(path, "/state/a/b");
	assert_ok(rd_value_path("/state", "sqlite:", "/x.db", path, &err));
	assert_string_equal(path, "sqlite:/x.db");
	assert_status(rd_value_path("/state", "file:", "", path, &err), RD_USAGE);
	assert_string_equal(err.text, "a path is missing behind \"file:\"");
	memset(longest, 'a', sizeof(longest));
	longest[RD_PATH_MAX] = '\0';
	assert_status(rd_value_path("/state", "", longest, path, &err), RD_LIMIT);
}

static void endpoints_are_an_address_and_a_port(void **state)
{
	static const char *const bad[] = {"", ":1", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
		"127.0.0.1:-1", "localhost:1", "::1:1", "[127.0.0.1]:1", "[::1]", "[::1:1",
		"127.0.0.1:1x", "[]:1"};
	char address[RD_VALUE_ADDRESS_SIZE];
	uint16_t port = 0;

	(void)state;
	assert_ok(rd_value_endpoint("127.0.0.1:0", 8443, address, &port, &err));
	assert_string_equal(address, "127.0.0.1");
	assert_int_equal(port, 0);
	assert_ok(rd_value_endpoint("[::1]:65535", 8443, address, &port, &err));
	assert_string_equal(address, "::1");
	assert_int_equal(port, 65535);
	for (size_t i = 0; i < RD_ARRAY_LEN(bad); i++) {
		assert_status(rd_value_endpoint(bad[i], 8443, address, &port, &err), RD_USAGE);
		assert_non_null(strstr(err.text, "as in 127.0.0.1:8443 or [::1]:8443"));
	}
	assert_string_equal(address, "::1"); /* as it was */
}

static void databases_are_of_two_kinds_and_not_repeated(void **state)
{
	char url[RD_PATH_MAX];

	(void)state;
	assert_ok(rd_value_database("/d", "sqlite:x.db", url, &err));
	assert_string_equal(url, "sqlite:/d/x.db");
	assert_ok(rd_value_database("/d", "postgresql://u:secret@h/x", url, &err));
	assert_string_equal(url, "postgresql://u:secret@h/x");
	assert_status(rd_value_database("/d", "mysql://u:secret@h/x", url, &err), RD_USAGE);
	assert_null(strstr(err.text, "secret"));
	assert_status(rd_value_database("/d", "sqlite:", url, &err), RD_USAGE);
}

static void regions_have_few_characters(void **state)
{
	char region[9];

	(void)state;
	assert_ok(rd_value_region("local-1", region, sizeof(region), &err));
	assert_string_equal(region, "local-1");
	assert_status(rd_value_region("", region, sizeof(region), &err), RD_USAGE);
	assert_status(rd_value_region("Local-1", region, sizeof(region), &err), RD_USAGE);
	assert_status(rd_value_region("local-100", region, sizeof(region), &err), RD_USAGE);
}

static void cpu_lists_are_numbers_and_ranges_none_twice(void **state)
{
	static const struct {
		const char *text;
		enum rd_status want;
		const char *error;
	} refused[] = {
		{"", RD_BAD_NUMBER, "\"\" is no CPU number or range (0 to 63)"},
		{"1,,2", RD_BAD_NUMBER, "\"\" is no CPU number or range (0 to 63)"},
		{"64", RD_BAD_NUMBER, "\"64\" is no CPU number or range (0 to 63)"},
		{"3-1", RD_BAD_NUMBER, "\"3-1\" ends before it begins"},
		{"1-2-3", RD_BAD_NUMBER, "\"1-2-3\" is no CPU number or range (0 to 63)"},
		{"1-3,2", RD_DUPLICATE, "CPU 2 is listed twice"},
		{"0-4", RD_LIMIT, "more than 4 CPUs"},
	};
	uint32_t ids[4];
	size_t count = 0;

	(void)state;
	assert_ok(rd_value_cpu_list("9,2,4-5", 63, 4, ids, &count, &err));
	assert_int_equal(count, 4);
	assert_memory_equal(ids, ((uint32_t[]){2, 4, 5, 9}), sizeof(ids));
	for (size_t i = 0; i < RD_ARRAY_LEN(refused); i++) {
		assert_status(rd_value_cpu_list(refused[i].text, 63, 4, ids, &count, &err),
			refused[i].want);
		assert_string_equal(err.text, refused[i].error);
	}
}

static void without_tls_there_is_loopback_alone(void **state)
{
	(void)state;
	assert_ok(rd_value_tls("", "", "127.0.0.9", "it matters", &err));
	assert_ok(rd_value_tls("", "", "::1", "it matters", &err));
	assert_ok(rd_value_tls("c", "k", "0.0.0.0", "it matters", &err));
	assert_status(rd_value_tls("c", "", "::1", "it matters", &err), RD_USAGE);
	assert_status(rd_value_tls("", "k", "::1", "it matters", &err), RD_USAGE);
	assert_status(rd_value_tls("", "", "0.0.0.0", "it matters", &err), RD_FORBIDDEN);
	assert_string_equal(err.text,
		"listen on 0.0.0.0 needs TLS, because it matters: set tls_certificate and tls_key, "
		"or listen on 127.0.0.1 or ::1");
}

static void threads_are_bounded(void **state)
{
	(void)state;
	assert_int_equal(rd_value_threads(1), 1);
	assert_in_range(rd_value_threads(64), 1, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_below_the_directory_unless_absolute),
		cmocka_unit_test(endpoints_are_an_address_and_a_port),
		cmocka_unit_test(databases_are_of_two_kinds_and_not_repeated),
		cmocka_unit_test(regions_have_few_characters),
		cmocka_unit_test(cpu_lists_are_numbers_and_ranges_none_twice),
		cmocka_unit_test(without_tls_there_is_loopback_alone),
		cmocka_unit_test(threads_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
