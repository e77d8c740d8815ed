/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns, disks, keys, records, the store: each acceptance with its refusals. */
#include "bench.h"

#include "base/byteorder.h"
#include "crypto/secret.h"
#include "ec2/disk.h"
#include "ec2/filter.h"
#include "ec2/network.h"
#include "ec2/ssh_key.h"
#include "ec2/types.h"

static void patterns_match_as_ec2s(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool matches;
	} cases[] = {
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "abc", true},
		{"a*c", "abbbc", true},
		{"a*c", "abbb", false},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"*b*b*", "abab", true},
		{"*b*b*b*", "abab", false},
		{"a\\*c", "a*c", true},
		{"a\\*c", "abc", false},
		{"a\\?c", "a?c", true},
		{"a\\\\c", "a\\c", true},
		{"abc", "ABC", false},
		{"m5.*", "m5.large", true},
		{"m5.*", "m5d.large", false},
		{"**", "x", true},
		{"?*", "", false},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		if (ec2_pattern_matches(rd_view_str(cases[i].pattern),
			    rd_view_str(cases[i].text)) != cases[i].matches) {
			fail_msg("%s on %s", cases[i].pattern, cases[i].text);
		}
	}
}

#define FILE_BYTES (256u << 10)

/* A qcow2 header; what is wrong is put into it by the caller. */
static void qcow2(uint8_t head[512])
{
	memset(head, 0, 512);
	rd_put_be32(head, 0x514649fb);
	rd_put_be32(head + 4, 3);
	rd_put_be32(head + 20, 16);
	rd_put_be64(head + 24, 1 << 30);
	rd_put_be32(head + 36, 2);
	rd_put_be64(head + 40, 196608);
}

static void disks_are_looked_at(void **state)
{
	struct ec2_disk disk;
	uint8_t head[512];

	(void)state;
	qcow2(head);
	assert_ok(ec2_disk_examine(rd_view(head, 512), FILE_BYTES, &disk, NULL));
	assert_string_equal(disk.format, "qcow2");
	assert_int_equal(disk.size_bytes, 1 << 30);
	rd_put_be64(head + 8, 104); /* a backing file */
	assert_status(ec2_disk_examine(rd_view(head, 512), FILE_BYTES, &disk, NULL), RD_FORBIDDEN);
	qcow2(head);
	rd_put_be32(head + 32, 1); /* encrypted */
	assert_status(ec2_disk_examine(rd_view(head, 512), FILE_BYTES, &disk, NULL), RD_FORBIDDEN);
	qcow2(head);
	rd_put_be64(head + 72, 4); /* an external data file */
	assert_status(ec2_disk_examine(rd_view(head, 512), FILE_BYTES, &disk, NULL), RD_FORBIDDEN);
	qcow2(head);
	rd_put_be64(head + 72, 2); /* corrupt */
	assert_status(ec2_disk_examine(rd_view(head, 512), FILE_BYTES, &disk, NULL), RD_MALFORMED);
	qcow2(head);
	rd_put_be32(head + 4, 4);
	assert_status(
		ec2_disk_examine(rd_view(head, 512), FILE_BYTES, &disk, NULL), RD_BAD_VERSION);
	qcow2(head);
	rd_put_be64(head + 24, UINT64_MAX);
	assert_status(
		ec2_disk_examine(rd_view(head, 512), FILE_BYTES, &disk, NULL), RD_OUT_OF_RANGE);
	assert_status(ec2_disk_examine(rd_view(head, 30), 30, &disk, NULL), RD_BAD_MAGIC);
	memset(head, 0, sizeof(head));
	assert_status(ec2_disk_examine(rd_view(head, 512), 512, &disk, NULL), RD_BAD_MAGIC);
	head[510] = 0x55;
	head[511] = 0xaa;
	assert_ok(ec2_disk_examine(rd_view(head, 512), 1 << 20, &disk, NULL));
	assert_string_equal(disk.format, "raw");
	assert_status(ec2_disk_examine(rd_view(head, 512), 1000, &disk, NULL), RD_OUT_OF_RANGE);
}

static void public_keys_are_read_strictly(void **state)
{
	struct rd_secret private RD_CLEANUP(rd_secret_finish) = {.len = 0};
	char line[EC2_SSH_LINE_MAX], again[EC2_SSH_LINE_MAX], text[EC2_SSH_LINE_MAX + 16];
	const char *type = "";

	(void)state;
	assert_ok(ec2_ssh_make_ed25519(&private, line));
	snprintf(text, sizeof(text), "%s me@here\n", line);
	assert_ok(ec2_ssh_read_line(rd_view_str(text), &type, again));
	assert_string_equal(again, line);
	assert_string_equal(type, "ed25519");
	line[20] = line[20] == 'A' ? 'B' : 'A'; /* the type's length inside */
	assert_int_not_equal(ec2_ssh_read_line(rd_view_str(line), &type, again), RD_OK);
	assert_status(ec2_ssh_read_line(rd_view_str("ssh-dss AAAA"), &type, again), RD_UNSUPPORTED);
	assert_status(ec2_ssh_read_line(rd_view_str("ssh-rsa"), &type, again), RD_MALFORMED);
	assert_status(ec2_ssh_read_line(rd_view_str("ssh-rsa AAAA"), &type, again), RD_TRUNCATED);
	/* 1,024 bits are too few. */
	assert_status(ec2_ssh_read_line(rd_view_str("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAwDvEQ=="),
			      &type, again),
		RD_OUT_OF_RANGE);
}

static void records_survive_the_store(void **state)
{
	static struct bench b;
	struct ec2_instance i RD_CLEANUP(ec2_instance_finish) = {
		.head = {.id = "i-12345678", .account = "000000000001", .parent = "r-1"},
		.state = EC2_RUNNING,
		.enclaves = true,
		.hop_limit = 64,
		.launched_ms = -5};
	struct ec2_instance back RD_CLEANUP(ec2_instance_finish) = {.state = 0};
	struct ec2_instance other RD_CLEANUP(ec2_instance_finish) = {.state = 0};

	(void)state;
	bench_open(&b);
	i.head.tags = json_pack("{s:s}", "Name", "\xc3\xa4<&>");
	i.user_data = strdup("aGVsbG8=");
	assert_ok(ec2_store_add(b.db, EC2_KIND_INSTANCE, &i));
	assert_status(ec2_store_add(b.db, EC2_KIND_INSTANCE, &i), RD_EXISTS);
	assert_ok(ec2_store_get(b.db, EC2_KIND_INSTANCE, "000000000001", "i-12345678", &back));
	assert_string_equal(back.user_data, "aGVsbG8=");
	assert_true(json_equal(back.head.tags, i.head.tags));
	assert_true(back.enclaves);
	assert_int_equal(back.launched_ms, -5);
	assert_status(ec2_store_get(b.db, EC2_KIND_INSTANCE, "000000000002", "i-12345678", &other),
		RD_NOTFOUND);
	ec2_instance_finish(&other);
	assert_status(ec2_store_get(b.db, EC2_KIND_IMAGE, NULL, "i-12345678", &other), RD_NOTFOUND);
	assert_ok(ec2_store_delete(b.db, EC2_KIND_INSTANCE, "i-12345678"));
	assert_status(ec2_store_put(b.db, EC2_KIND_INSTANCE, &i), RD_NOTFOUND);
	bench_close(&b);
}

static void documents_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = {"", "[]", "{}", "{\"tags\":{}}",
		"{\"tags\":{\"a\":1},\"created_ms\":1}",
		"{\"tags\":{},\"created_ms\":1,\"state\":-1}",
		"{\"tags\":{},\"created_ms\":1,\"type\":\"a type that is far too long for it\"}",
		"{\"tags\":{},\"created_ms\":1,\"enclaves\":1}",
		"{\"tags\":{},\"tags\":{},\"created_ms\":1}"};

	(void)state;
	for (size_t n = 0; n < RD_ARRAY_LEN(bad); n++) {
		struct ec2_instance i RD_CLEANUP(ec2_instance_finish) = {.state = 0};

		if (ec2_record_read(EC2_KIND_INSTANCE, rd_view_str(bad[n]), &i) == RD_OK) {
			fail_msg("taken: %s", bad[n]);
		}
	}
}

static void ids_have_their_form(void **state)
{
	(void)state;
	assert_true(ec2_id_is_valid(EC2_KIND_INSTANCE, "i-0123456789abcdef0"));
	assert_true(ec2_id_is_valid(EC2_KIND_IMAGE, "ami-12345678"));
	assert_false(ec2_id_is_valid(EC2_KIND_INSTANCE, "ami-12345678"));
	assert_false(ec2_id_is_valid(EC2_KIND_INSTANCE, "i-1234567"));
	assert_false(ec2_id_is_valid(EC2_KIND_INSTANCE, "i-1234567G"));
	assert_false(ec2_id_is_valid(EC2_KIND_INSTANCE, "i-../../etc/pw"));
	assert_int_equal(ec2_kind_of_id("sgr-12345678"), EC2_KIND_RULE);
	assert_int_equal(ec2_kind_of_id("sg-12345678"), EC2_KIND_GROUP);
	assert_int_equal(ec2_kind_of_id("x-12345678"), EC2_KIND_NONE);
}

static void types_have_ec2s_sizes(void **state)
{
	(void)state;
	assert_int_equal(ec2_type_find("m5.large")->vcpus, 2);
	assert_int_equal(ec2_type_find("c5.9xlarge")->memory_mib, 72 * 1024);
	assert_int_equal(ec2_type_find("r5d.24xlarge")->memory_mib, 768 * 1024);
	assert_null(ec2_type_find("m5.metal"));
	assert_null(ec2_type_find(""));
	assert_true(ec2_type_has_enclaves(ec2_type_find("m5.large"), false));
	assert_false(ec2_type_has_enclaves(ec2_type_find("m5.large"), true));
	assert_true(ec2_type_has_enclaves(ec2_type_find("m5.xlarge"), true));
}

static enum rd_status parse_config(const char *text, struct ec2_config *c, struct rd_error *err)
{
	static const struct rd_paths paths = {
		.run = "/run/redoubt", .state = "/var/lib/redoubt", .config = "/etc/redoubt"};

	return ec2_config_parse(&paths, "ec2.yaml", rd_view_str(text), c, err);
}

static void sources_are_enforced_where_they_are_known(void **state)
{
	struct ec2_config config = {.forward_address = "127.0.0.1"};

	(void)state;
	assert_true(ec2_sources_known(&config));
	assert_true(ec2_sources_include(&config, "127.0.0.1/32"));
	assert_true(ec2_sources_include(&config, "127.9.9.9/8"));
	assert_true(ec2_sources_include(&config, "0.0.0.0/0"));
	assert_false(ec2_sources_include(&config, "127.0.0.2/32"));
	assert_false(ec2_sources_include(&config, "128.0.0.0/1"));
	assert_false(ec2_sources_include(&config, ""));
	assert_false(ec2_sources_include(&config, "127.0.0.1"));
	assert_false(ec2_sources_include(&config, "127.0.0.1/33"));
	strcpy(config.forward_address, "192.0.2.1");
	assert_false(ec2_sources_known(&config));
	assert_true(ec2_sources_include(&config, "0.0.0.0/0"));
	assert_false(ec2_sources_include(&config, "192.0.2.1/32"));
	assert_false(ec2_sources_include(&config, "0.0.0.0/1"));
}

static void configuration_is_read_strictly(void **state)
{
	static const struct {
		const char *text;
		enum rd_status st;
	} bad[] = {
		{"nonsense: 1\n", RD_USAGE},
		{"listen: 8444\n", RD_USAGE},
		{"listen: \"0.0.0.0:8444\"\n", RD_FORBIDDEN},
		{"tls_key: k.pem\n", RD_USAGE},
		{"region: Local\n", RD_USAGE},
		{"forward_first_port: 80\n", RD_BAD_NUMBER},
		{"forward_first_port: 30000\nforward_last_port: 29999\n", RD_OUT_OF_RANGE},
		{"forward_address: here\n", RD_USAGE},
		{"workers: 0\n", RD_BAD_NUMBER},
		{"strict: maybe\n", RD_BAD_TYPE},
		{"database: mysql://x\n", RD_USAGE},
	};
	static struct ec2_config c;
	struct rd_error err = {.text = ""};

	(void)state;
	assert_ok(parse_config("", &c, &err));
	assert_string_equal(c.database, "sqlite:/var/lib/redoubt/ec2/ec2.db");
	assert_string_equal(c.service, "/run/redoubt/kms/service.sock");
	assert_string_equal(c.images[0], "/var/lib/redoubt/images");
	assert_ok(parse_config("image_directories:\n  - /srv\n  - mine\nstrict: true\n", &c, &err));
	assert_int_equal(c.n_images, 2);
	assert_string_equal(c.images[1], "/var/lib/redoubt/ec2/mine");
	assert_true(c.strict);
	for (size_t i = 0; i < RD_ARRAY_LEN(bad); i++) {
		enum rd_status st = parse_config(bad[i].text, &c, &err);

		if (st != bad[i].st) {
			fail_msg("%s: %s", bad[i].text, rd_status_name(st));
		}
	}
}

static int open_heap(void **state)
{
	(void)state;
	return rd_secret_heap_open(RD_SECRET_HEAP_MIN, NULL) == RD_OK ? 0 : 1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match_as_ec2s),
		cmocka_unit_test(disks_are_looked_at),
		cmocka_unit_test(public_keys_are_read_strictly),
		cmocka_unit_test(records_survive_the_store),
		cmocka_unit_test(documents_that_are_none_are_refused),
		cmocka_unit_test(ids_have_their_form),
		cmocka_unit_test(types_have_ec2s_sizes),
		cmocka_unit_test(sources_are_enforced_where_they_are_known),
		cmocka_unit_test(configuration_is_read_strictly),
	};

	return cmocka_run_group_tests(tests, open_heap, NULL);
}
