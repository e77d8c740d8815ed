/* SPDX-License-Identifier: Apache-2.0 */
/* kms.yaml: what is said, what is left out, and errors that name their line. */
#include "test.h"

#include "kms/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct kms_config config;
static struct rd_error err;

static enum rd_status parse(const char *text)
{
	err = (struct rd_error){0};
	return kms_config_parse("/state/kms", "k.yaml", rd_view_str(text), &config, &err);
}

static void assert_refused(const char *text, enum rd_status want, const char *where)
{
	assert_status(parse(text), want);
	if (strstr(err.text, where) == NULL) {
		fail_msg("\"%s\" does not have \"%s\"", err.text, where);
	}
}

static void defaults_are_for_one_machine(void **state)
{
	static const char *const empty[] = {"", "# nothing\n", "---\n", "{}"};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(empty); i++) {
		assert_ok(parse(empty[i]));
		assert_string_equal(config.listen_address, "127.0.0.1");
		assert_int_equal(config.listen_port, 8443);
		assert_true(config.metrics);
		assert_int_equal(config.metrics_port, 9443);
		assert_string_equal(config.region, "local-1");
		assert_string_equal(config.account, "000000000001");
		assert_string_equal(config.database, "sqlite:/state/kms/kms.db");
		assert_string_equal(config.master, "file:/state/kms/master.key");
		assert_string_equal(config.audit, "/state/kms/audit");
		assert_int_equal(config.n_roots, 0);
		assert_in_range(config.threads, 1, KMS_THREADS_MAX);
		assert_int_equal(config.workers, config.threads);
		assert_int_equal(config.clock_skew_s, 300);
		assert_int_equal(config.connections, 4096);
		assert_int_equal(config.connections_per_client, 2048);
		assert_int_equal(config.max_document_age_s, 300);
		assert_false(config.allow_debug);
		assert_string_equal(config.static_session_token, "");
	}
}

static void reads_every_key(void **state)
{
	(void)state;
	assert_ok(parse(
		"listen: \"[::]:443\"\nmetrics: 10.0.0.1:9100\ntls_certificate: tls/c.pem\n"
		"tls_key: /etc/k.pem\nregion: us-east-1\naccount: \"111122223333\"\n"
		"database: sqlite:other.db\nmaster: passphrase:/run/secret\naudit: /var/audit\n"
		"roots: [a.pem, /b.pem]\nthreads: 3\nworkers: 5\nclock_skew: 60\n"
		"connections: 100\nconnections_per_client: 7168\n"
		"max_document_age: 0\nallow_debug: true\nstatic_session_token: x/y+z=\n"
		"service_socket: door.sock\nservice_users: [redoubt-ec2, other]\n"));
	assert_true(config.service);
	assert_string_equal(config.service_socket, "/state/kms/door.sock");
	assert_int_equal(config.n_service_users, 2);
	assert_string_equal(config.service_users[0], "redoubt-ec2");
	assert_string_equal(config.listen_address, "::");
	assert_int_equal(config.listen_port, 443);
	assert_string_equal(config.metrics_address, "10.0.0.1");
	assert_int_equal(config.metrics_port, 9100);
	assert_string_equal(config.tls_certificate, "/state/kms/tls/c.pem");
	assert_string_equal(config.tls_key, "/etc/k.pem");
	assert_string_equal(config.region, "us-east-1");
	assert_string_equal(config.account, "111122223333");
	assert_string_equal(config.database, "sqlite:/state/kms/other.db");
	assert_string_equal(config.master, "passphrase:/run/secret");
	assert_string_equal(config.audit, "/var/audit");
	assert_int_equal(config.n_roots, 2);
	assert_string_equal(config.roots[0], "/state/kms/a.pem");
	assert_string_equal(config.roots[1], "/b.pem");
	assert_int_equal(config.threads, 3);
	assert_int_equal(config.workers, 5);
	assert_int_equal(config.clock_skew_s, 60);
	assert_int_equal(config.connections, 100);
	assert_int_equal(config.connections_per_client, 7168);
	assert_int_equal(config.max_document_age_s, 0);
	assert_true(config.allow_debug);
	assert_string_equal(config.static_session_token, "x/y+z=");
}

static void other_kinds_of_database_and_master(void **state)
{
	(void)state;
	assert_ok(parse("database: postgresql://kms@db/kms\nmaster: \"pkcs11:token=t;object=k\"\n"
			"metrics: off\nroots: one.pem\n"));
	assert_string_equal(config.database, "postgresql://kms@db/kms");
	assert_string_equal(config.master, "pkcs11:token=t;object=k");
	assert_false(config.metrics);
	assert_string_equal(config.roots[0], "/state/kms/one.pem");
	assert_ok(parse("service_socket: off\n"));
	assert_false(config.service);
	assert_refused("service_users: [a, b, c, d, e]\n", RD_LIMIT,
		"k.yaml:1: more than 4 service_users");
}

static void unknown_and_repeated_keys_name_their_line(void **state)
{
	(void)state;
	assert_refused("region: a\nlissen: 1\n", RD_USAGE,
		"k.yaml:2: unknown key \"lissen\" (known: listen, metrics, ");
	assert_refused("region: a\n\nregion: b\n", RD_DUPLICATE, "k.yaml:3: region is set twice");
}

static void wrong_values_name_their_line(void **state)
{
	static const struct {
		const char *text;
		enum rd_status want;
	} cases[] = {
		{"listen: 127.0.0.1\n", RD_USAGE},
		{"listen: localhost:1\n", RD_USAGE},
		{"listen: 127.0.0.1:65536\n", RD_USAGE},
		{"listen: ::1:8443\n", RD_USAGE},
		{"listen: \"[127.0.0.1]:8443\"\n", RD_USAGE},
		{"listen: \"[::1\"\n", RD_USAGE},
		{"listen: \":\"\n", RD_USAGE},
		{"metrics: on\n", RD_USAGE},
		{"region: US\n", RD_USAGE},
		{"region: \"\"\n", RD_USAGE},
		{"region: a23456789012345678901234567890123\n", RD_USAGE},
		{"account: \"11112222333\"\n", RD_USAGE},
		{"service_socket: \"\"\n", RD_USAGE},
		{"service_users: [\"\"]\n", RD_USAGE},
		{"service_users: [a23456789012345678901234567890123]\n", RD_USAGE},
		{"account: \"11112222333x\"\n", RD_USAGE},
		{"database: mysql://x\n", RD_USAGE},
		{"database: \"sqlite:\"\n", RD_USAGE},
		{"master: master.key\n", RD_USAGE},
		{"audit: \"\"\n", RD_USAGE},
		{"threads: 0\n", RD_BAD_NUMBER},
		{"threads: 65\n", RD_BAD_NUMBER},
		{"workers: -1\n", RD_BAD_NUMBER},
		{"clock_skew: 0\n", RD_BAD_NUMBER},
		{"connections: 0\n", RD_BAD_NUMBER},
		{"connections: 7169\n", RD_BAD_NUMBER},
		{"connections_per_client: 0\n", RD_BAD_NUMBER},
		{"clock_skew: 901\n", RD_BAD_NUMBER},
		{"max_document_age: 10801\n", RD_BAD_NUMBER},
		{"max_document_age: 5m\n", RD_BAD_NUMBER},
		{"allow_debug: yes\n", RD_BAD_TYPE},
		{"static_session_token: \"\"\n", RD_LIMIT},
		{"static_session_token: a b\n", RD_FORBIDDEN},
		{"roots: [a, b, c, d, e, f, g, h, i]\n", RD_LIMIT},
		{"roots: {a: b}\n", RD_BAD_TYPE},
		{"threads: [1]\n", RD_BAD_TYPE},
		{"region: *a\n", RD_BAD_TYPE},
		{"region: \"a\\0b\"\n", RD_MALFORMED},
		{"region: \"\n", RD_MALFORMED},
		{"- region\n", RD_BAD_TYPE},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		assert_refused(cases[i].text, cases[i].want, "k.yaml:");
	}
	assert_refused(
		"region: a\n---\nregion: b\n", RD_BAD_TYPE, "k.yaml:2: expected one document");
}

static void longest_values_fit_and_no_longer(void **state)
{
	char text[2 * RD_PATH_MAX];
	size_t room = RD_PATH_MAX - 1 - strlen("sqlite:/state/kms/");

	(void)state;
	snprintf(text, sizeof(text), "database: sqlite:%0*d\n", (int)room, 1);
	assert_ok(parse(text));
	assert_int_equal(strlen(config.database), RD_PATH_MAX - 1);
	snprintf(text, sizeof(text), "database: sqlite:%0*d\n", (int)room + 1, 1);
	assert_refused(text, RD_LIMIT, "k.yaml:1: database: ");
	snprintf(text, sizeof(text), "static_session_token: %0128d\n", 1);
	assert_ok(parse(text));
	snprintf(text, sizeof(text), "static_session_token: %0129d\n", 1);
	assert_refused(text, RD_LIMIT, "k.yaml:1: static_session_token ");
}

static void plaintext_keys_do_not_leave_the_machine_unencrypted(void **state)
{
	(void)state;
	assert_refused(
		"listen: 0.0.0.0:8443\n", RD_FORBIDDEN, "k.yaml: listen on 0.0.0.0 needs TLS");
	assert_refused("listen: \"[::]:8443\"\n", RD_FORBIDDEN, "needs TLS");
	assert_refused("listen: 128.0.0.1:8443\n", RD_FORBIDDEN, "needs TLS");
	assert_ok(parse("listen: \"[::1]:8443\"\n"));
	assert_ok(parse("listen: 127.1.2.3:8443\n"));
	assert_ok(parse("listen: 0.0.0.0:8443\ntls_certificate: c\ntls_key: k\n"));
	assert_refused("tls_certificate: c\n", RD_USAGE, "belong together");
	assert_refused("tls_key: c\n", RD_USAGE, "belong together");
}

static void no_password_is_repeated(void **state)
{
	static const char *const urls[] = {"postgresql://kms:s3cret@db/kms",
		"postgresql://kms:s3:cret@[::1]:5432/kms", "postgres://db/kms?password=s3cret"};
	char text[256];
	char *printed = NULL;
	size_t size = 0;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(urls); i++) {
		FILE *to = open_memstream(&printed, &size);

		assert_non_null(to);
		snprintf(text, sizeof(text), "database: %s\n", urls[i]);
		assert_ok(parse(text));
		kms_config_print(&config, to);
		fclose(to);
		assert_null(strstr(printed, "cret"));
		assert_non_null(strstr(printed, "database: "));
		free(printed);
	}
	assert_refused("database: mysql://kms:s3cret@db\n", RD_USAGE, "k.yaml:1: database: is not");
	assert_null(strstr(err.text, "s3cret"));
}

/* What is printed is a configuration, and the same one. */
static void printed_form_is_read_again(void **state)
{
	struct kms_config first;
	char *printed = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&printed, &size);

	(void)state;
	assert_ok(parse("listen: \"[::1]:1\"\nroots: [a.pem, b.pem]\nmetrics: off\n"
			"tls_certificate: c\ntls_key: k\nstatic_session_token: t\n"
			"service_socket: off\nservice_users: [a, b]\n"));
	first = config;
	kms_config_print(&config, to);
	fclose(to);
	assert_ok(parse(printed));
	assert_memory_equal(&first, &config, sizeof(first));
	free(printed);
}

static void missing_file_is_an_error_only_when_named(void **state)
{
	struct rd_paths paths = {.state = "/state", .config = "/nonexistent"};
	static struct kms_config fresh;

	(void)state;
	assert_ok(kms_config_load(&paths, NULL, &fresh, &err));
	assert_string_equal(fresh.database, "sqlite:/state/kms/kms.db");
	assert_status(kms_config_load(&paths, "/nonexistent/kms.yaml", &fresh, &err), RD_NOTFOUND);
	assert_non_null(strstr(err.text, "/nonexistent/kms.yaml"));
	assert_status(kms_config_load(&paths, "/", &fresh, &err), RD_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_for_one_machine),
		cmocka_unit_test(reads_every_key),
		cmocka_unit_test(other_kinds_of_database_and_master),
		cmocka_unit_test(unknown_and_repeated_keys_name_their_line),
		cmocka_unit_test(wrong_values_name_their_line),
		cmocka_unit_test(longest_values_fit_and_no_longer),
		cmocka_unit_test(plaintext_keys_do_not_leave_the_machine_unencrypted),
		cmocka_unit_test(no_password_is_repeated),
		cmocka_unit_test(printed_form_is_read_again),
		cmocka_unit_test(missing_file_is_an_error_only_when_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
