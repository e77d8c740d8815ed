/* SPDX-License-Identifier: Apache-2.0 */
/* The allowlist: its file's refusals beside what is accepted, and its rules. */
#include "test.h"

#include "vsock-proxy/allowlist.h"

#define HEAD "allowlist:\n"

static enum rd_status parse(const char *text, struct rd_allowlist *list, struct rd_error *err)
{
	*err = (struct rd_error){0};
	return rd_allowlist_parse("f.yaml", text, strlen(text), list, err);
}

static void accepts_flow_and_block_style(void **state)
{
	struct rd_allowlist list RD_CLEANUP(rd_allowlist_finish) = {0};
	struct rd_error err;

	(void)state;
	assert_ok(parse(HEAD "- {address: KMS.Example-1.amazonaws.com., port: 443}\n"
			     "- port: 8443\n  address: 192.0.2.7\n"
			     "- {address: \"2001:db8::7\", port: 65535}\n",
		&list, &err));
	assert_int_equal(list.count, 3);
	assert_string_equal(list.entries[0].name, "kms.example-1.amazonaws.com");
	assert_int_equal(list.entries[0].port, 443);
	assert_string_equal(list.entries[1].name, "");
	assert_false(list.entries[1].address.v6);
	assert_true(list.entries[2].address.v6);
	assert_int_equal(list.entries[2].port, 65535);
}

static void accepts_files_that_allow_nothing(void **state)
{
	static const char *const texts[] = {
		"", "# comment\n", "---\n", "allowlist:\n", "allowlist: []\n"};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(texts); i++) {
		struct rd_allowlist list RD_CLEANUP(rd_allowlist_finish) = {0};
		struct rd_error err;

		assert_ok(parse(texts[i], &list, &err));
		assert_int_equal(list.count, 0);
		assert_false(rd_allowlist_may(&list, "kms.example", 443));
	}
}

static void refuses_with_the_line(void **state)
{
	static const struct {
		const char *text;
		enum rd_status want;
		const char *where;
	} cases[] = {
		{HEAD "- {address: a, port: 1}\n- {address: b}\n", RD_MISSING, "f.yaml:3: "},
		{HEAD "- {port: 1}\n", RD_MISSING, "f.yaml:2: "},
		{HEAD "- {address: a, port: \"1\"}\n", RD_BAD_TYPE, "f.yaml:2: "},
		{HEAD "- {address: a, port: x}\n", RD_BAD_NUMBER, "f.yaml:2: "},
		{HEAD "- {address: a, port: 0}\n", RD_BAD_NUMBER, "f.yaml:2: "},
		{HEAD "- {address: a, port: 65536}\n", RD_BAD_NUMBER, "f.yaml:2: "},
		{HEAD "- {address: a, port: -1}\n", RD_BAD_NUMBER, "f.yaml:2: "},
		{HEAD "- {address: a, port: [1]}\n", RD_BAD_TYPE, "f.yaml:2: "},
		{HEAD "- {address: {}, port: 1}\n", RD_BAD_TYPE, "f.yaml:2: "},
		{HEAD "- {address: a b, port: 1}\n", RD_MALFORMED, "f.yaml:2: "},
		{HEAD "- {address: \"*.example\", port: 1}\n", RD_MALFORMED, "f.yaml:2: "},
		{HEAD "- {address: 192.0.2.0/24, port: 1}\n", RD_MALFORMED, "f.yaml:2: "},
		{HEAD "- {address: 192.0.2, port: 1}\n", RD_MALFORMED, "f.yaml:2: "},
		{HEAD "- {address: \"k\xc3\xb6ln.example\", port: 1}\n", RD_MALFORMED,
			"f.yaml:2: "},
		{HEAD "- {address: \"\", port: 1}\n", RD_MALFORMED, "f.yaml:2: "},
		{HEAD "- {address: \"a\\0b\", port: 1}\n", RD_MALFORMED, "f.yaml:2: "},
		{HEAD "- {address: a, port: 1, extra: 2}\n", RD_USAGE, "f.yaml:2: "},
		{HEAD "- {address: a, address: b, port: 1}\n", RD_DUPLICATE, "f.yaml:2: "},
		{HEAD "- &x {address: a, port: 1}\n", RD_BAD_TYPE, "f.yaml:2: "},
		{HEAD "- {address: a, port: 1}\n- *x\n", RD_BAD_TYPE, "f.yaml:3: "},
		{HEAD "- a\n", RD_BAD_TYPE, "f.yaml:2: "},
		{HEAD "  address: a\n  port: 1\n", RD_BAD_TYPE, "f.yaml:2: "},
		{"allowlist: a\n", RD_BAD_TYPE, "f.yaml:1: "},
		{"allow: []\n", RD_USAGE, "f.yaml:1: "},
		{"{}\n", RD_MISSING, "f.yaml:1: "},
		{"allowlist: []\nallowlist: []\n", RD_DUPLICATE, "f.yaml:2: "},
		{"- a\n", RD_BAD_TYPE, "f.yaml:1: "},
		{"allowlist: []\n---\nallowlist: []\n", RD_BAD_TYPE, "f.yaml:2: "},
		{HEAD "- {address: a\n", RD_MALFORMED, "f.yaml:3: "},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		struct rd_allowlist list RD_CLEANUP(rd_allowlist_finish) = {0};
		struct rd_error err;

		if (parse(cases[i].text, &list, &err) != cases[i].want ||
			strncmp(err.text, cases[i].where, strlen(cases[i].where)) != 0) {
			fail_msg("case %zu: %s: \"%s\"", i, rd_status_name(err.status), err.text);
		}
		assert_null(list.entries);
	}
}

static void bounds_the_number_of_entries(void **state)
{
	static const char entry[] = "- {address: a, port: 1}\n";
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_ALLOWLIST_FILE_MAX);
	struct rd_allowlist list RD_CLEANUP(rd_allowlist_finish) = {0};
	struct rd_allowlist more RD_CLEANUP(rd_allowlist_finish) = {0};
	struct rd_error err = {0};

	(void)state;
	assert_ok(rd_buf_put_str(&buf, HEAD));
	for (size_t i = 0; i < RD_ALLOWLIST_ENTRIES_MAX; i++) {
		assert_ok(rd_buf_put_str(&buf, entry));
	}
	assert_ok(rd_allowlist_parse("f", (const char *)buf.ptr, buf.used, &list, &err));
	assert_int_equal(list.count, RD_ALLOWLIST_ENTRIES_MAX);
	assert_ok(rd_buf_put_str(&buf, entry));
	assert_status(
		rd_allowlist_parse("f", (const char *)buf.ptr, buf.used, &more, &err), RD_LIMIT);
}

static bool allows(
	const struct rd_allowlist *list, const char *name, const char *address, uint16_t port)
{
	struct rd_dns_address a = {0};

	assert_true(rd_allow_literal(address, &a));
	return rd_allowlist_allows(list, name, &a, port);
}

static void matches_names_and_addresses(void **state)
{
	struct rd_allowlist list RD_CLEANUP(rd_allowlist_finish) = {0};
	struct rd_error err;

	(void)state;
	assert_ok(parse(HEAD "- {address: kms.example, port: 443}\n"
			     "- {address: 192.0.2.7, port: 8443}\n- {address: \"::1\", port: 1}\n",
		&list, &err));
	assert_true(rd_allowlist_may(&list, "kms.example", 443));
	assert_true(rd_allowlist_may(&list, "KMS.Example.", 443));
	assert_false(rd_allowlist_may(&list, "kms.example", 444));
	assert_false(rd_allowlist_may(&list, "x.kms.example", 443));
	assert_false(rd_allowlist_may(&list, "kms.exampl", 443));
	assert_true(rd_allowlist_may(&list, "192.0.2.7", 8443));
	assert_false(rd_allowlist_may(&list, "192.0.2.8", 8443));
	assert_false(rd_allowlist_may(&list, "192.0.2.7", 443));
	/* Another name may have the listed address, which each connection then looks at. */
	assert_true(rd_allowlist_may(&list, "other.example", 8443));
	assert_true(allows(&list, "other.example", "192.0.2.7", 8443));
	assert_false(allows(&list, "other.example", "192.0.2.8", 8443));
	assert_true(allows(&list, "kms.example", "198.51.100.9", 443));
	assert_false(allows(&list, "kms.example", "198.51.100.9", 8443));
	assert_true(allows(&list, "0:0::1", "::1", 1));
}

static void listed_names_do_not_open_the_parent(void **state)
{
	static const char *const special[] = {"127.0.0.1", "127.9.9.9", "0.0.0.0",
		"169.254.169.254", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1",
		"ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254"};
	static const char *const ordinary[] = {
		"10.0.0.1", "198.51.100.1", "2001:db8::1", "fd00::1", "::ffff:198.51.100.1"};
	struct rd_allowlist list RD_CLEANUP(rd_allowlist_finish) = {0};
	struct rd_allowlist both RD_CLEANUP(rd_allowlist_finish) = {0};
	struct rd_error err;

	(void)state;
	assert_ok(parse(HEAD "- {address: a.example, port: 80}\n", &list, &err));
	for (size_t i = 0; i < RD_ARRAY_LEN(special); i++) {
		assert_false(allows(&list, "a.example", special[i], 80));
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(ordinary); i++) {
		assert_true(allows(&list, "a.example", ordinary[i], 80));
	}
	assert_ok(parse(HEAD "- {address: a.example, port: 80}\n- {address: 127.0.0.1, port: 80}\n",
		&both, &err));
	assert_true(allows(&both, "a.example", "127.0.0.1", 80));
	assert_false(allows(&both, "a.example", "127.0.0.2", 80));
}

static void judges_addresses(void **state)
{
	char label[70];
	char name[260];

	(void)state;
	memset(label, 'a', sizeof(label));
	label[63] = '\0';
	assert_true(rd_allow_address_valid(label));
	label[63] = 'a';
	label[64] = '\0';
	assert_false(rd_allow_address_valid(label));
	for (size_t i = 0; i < sizeof(name); i++) {
		name[i] = i % 2 == 0 ? 'a' : '.';
	}
	name[253] = '\0';
	assert_true(rd_allow_address_valid(name));
	name[253] = '.';
	name[255] = '\0';
	assert_false(rd_allow_address_valid(name));
	assert_true(rd_allow_address_valid("xn--kln-sna.example"));
	assert_false(rd_allow_address_valid(""));
	assert_false(rd_allow_address_valid("."));
	assert_false(rd_allow_address_valid("a..b"));
	assert_false(rd_allow_address_valid(".a"));
	assert_false(rd_allow_address_valid("127.1"));
	assert_false(rd_allow_address_valid("2130706433"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_flow_and_block_style),
		cmocka_unit_test(accepts_files_that_allow_nothing),
		cmocka_unit_test(refuses_with_the_line),
		cmocka_unit_test(bounds_the_number_of_entries),
		cmocka_unit_test(matches_names_and_addresses),
		cmocka_unit_test(listed_names_do_not_open_the_parent),
		cmocka_unit_test(judges_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
