/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of vsock-proxy. */
#include "test.h"

#include "vsock-proxy/args.h"

#define WORDS_MAX 12

static enum rd_status parse(const char *line, struct rd_proxy_args *ret)
{
	static char copy[512];
	char *argv[WORDS_MAX + 1] = {NULL};
	char *rest = copy;
	char *word;
	int argc = 0;
	struct rd_error err = {0};
	enum rd_status st;

	snprintf(copy, sizeof(copy), "vsock-proxy %s", line);
	while ((word = strsep(&rest, " ")) != NULL && argc < WORDS_MAX) {
		if (*word != '\0') {
			argv[argc++] = word;
		}
	}
	st = rd_proxy_args_parse(argc, argv, ret, &err);
	assert_true((st == RD_OK) == (err.text[0] == '\0'));
	return st;
}

static void accepts_the_originals_form(void **state)
{
	struct rd_proxy_args a;

	(void)state;
	assert_ok(parse("8000 kms.example 443 --config /x.yaml", &a));
	assert_int_equal(a.action, RD_PROXY_RUN);
	assert_int_equal(a.families, RD_PROXY_MIXED);
	assert_int_equal(a.local_port, 8000);
	assert_int_equal(a.remote_port, 443);
	assert_string_equal(a.remote, "kms.example");
	assert_string_equal(a.config, "/x.yaml");
	assert_ok(parse("-4 -w 20 4294967294 ::1 65535", &a));
	assert_int_equal(a.families, RD_PROXY_IPV4);
	assert_int_equal(a.local_port, 4294967294u);
	assert_null(a.config);
	assert_ok(parse("--ipv6 --num_workers 1 1 a 1", &a));
	assert_int_equal(a.families, RD_PROXY_IPV6);
	assert_ok(parse("-h", &a));
	assert_int_equal(a.action, RD_PROXY_HELP);
	assert_ok(parse("--version", &a));
	assert_int_equal(a.action, RD_PROXY_VERSION);
}

static void accepts_ours(void **state)
{
	struct rd_proxy_args a;

	(void)state;
	assert_ok(parse("--enclave-id i-0123456789abcdef0-enc0123456789abcdef 1 a 1", &a));
	assert_string_equal(a.slot, "0123456789abcdef");
	assert_ok(parse("--enclave-id i-0123456789abcdef0-enc1a2142825c25ac5 1 a 1", &a));
	assert_string_equal(a.slot, "1a2142825c25ac5");
	assert_int_equal(a.source, RD_PROXY_AUTO);
	assert_ok(parse("--listen vsock 1 a 1", &a));
	assert_int_equal(a.source, RD_PROXY_VSOCK);
	assert_ok(parse("--listen local 1 a 1", &a));
	assert_int_equal(a.source, RD_PROXY_LOCAL);
	assert_ok(parse("--resolv-conf r 1 a 1", &a));
	assert_string_equal(a.resolv_conf, "r");
}

static void refuses(void **state)
{
	static const struct {
		const char *line;
		enum rd_status want;
	} cases[] = {
		{"", RD_USAGE},
		{"8000 a", RD_USAGE},
		{"8000 a 443 b", RD_USAGE},
		{"-4 -6 8000 a 443", RD_USAGE},
		{"--workers 4 8000 a 443", RD_USAGE},
		{"--listen tcp 8000 a 443", RD_USAGE},
		{"--listen vsock --enclave-id i-1-enc0123456789abcdef 8000 a 443", RD_USAGE},
		{"8000 a 443 --config", RD_USAGE},
		{"-w 0 8000 a 443", RD_BAD_NUMBER},
		{"-w x 8000 a 443", RD_BAD_NUMBER},
		{"4294967295 a 443", RD_BAD_NUMBER},
		{"x a 443", RD_BAD_NUMBER},
		{"8000 a 0", RD_BAD_NUMBER},
		{"8000 a 65536", RD_BAD_NUMBER},
		{"8000 a/b 443", RD_MALFORMED},
		{"8000 256.1.1.1 443", RD_MALFORMED},
		{"--enclave-id enc1 8000 a 443", RD_MALFORMED},
		{"--enclave-id i-1-enc 8000 a 443", RD_MALFORMED},
		{"--enclave-id i-1-enc0123456789abcdef0 8000 a 443", RD_MALFORMED},
		{"--enclave-id i-1-enc0123456789abcdeg 8000 a 443", RD_MALFORMED},
		{"--enclave-id i-1-enc../../../../etc/ 8000 a 443", RD_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		struct rd_proxy_args a;

		if (parse(cases[i].line, &a) != cases[i].want) {
			fail_msg("\"%s\": got %s", cases[i].line,
				rd_status_name(parse(cases[i].line, &a)));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_the_originals_form),
		cmocka_unit_test(accepts_ours),
		cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
