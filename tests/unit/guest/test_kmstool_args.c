/* SPDX-License-Identifier: Apache-2.0 */
/* kmstool_enclave_cli's command line: AWS's rules, and each refusal. */
#include "test.h"

#include "kmstool/args.h"

static struct cli_args args;
static char said[8192];

/* A command line in words; cli_parse changes its copy. */
static int parse(const char *line)
{
	static char copy[2048];
	char *argv[64] = {(char[]){"kmstool_enclave_cli"}};
	int argc = 1;
	FILE *messages = fmemopen(said, sizeof(said), "w");
	int code;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
		argv[argc++] = word;
	}
	said[0] = '\0';
	code = cli_parse(argc, argv, messages, &args);
	fclose(messages);
	return code;
}

#define CREDENTIALS " -k AKID -s SECRET -t TOKEN"

static void has_awss_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse("decrypt --ciphertext AQ==" CREDENTIALS), 0);
	assert_int_equal(args.operation, RDKMS_DECRYPT);
	assert_string_equal(args.config.region, "us-east-1");
	assert_int_equal(args.config.vsock_port, 8000);
	assert_int_equal(args.config.vsock_cid, 3);
	assert_int_equal(args.config.timeout_ms, 30000);
	assert_false(args.config.bind_request);
	assert_null(args.config.endpoint);
	assert_null(args.key_id);
	assert_string_equal(args.ciphertext, "AQ==");
	assert_string_equal(args.config.access_key_id, "AKID");
	assert_string_equal(args.config.secret_access_key, "SECRET");
	assert_string_equal(args.config.session_token, "TOKEN");
}

static void takes_long_and_short_options(void **state)
{
	static const char *const lines[] = {
		"decrypt -r eu-central-1 -x 9000 -k A -s B -t C -c AQ== -K key -a SYMMETRIC_DEFAULT",
		"decrypt --region eu-central-1 --proxy-port 9000 --aws-access-key-id A "
		"--aws-secret-access-key B --aws-session-token C --ciphertext AQ== --key-id key "
		"--encryption-algorithm SYMMETRIC_DEFAULT",
		"decrypt --region=eu-central-1 -x9000 -kA -sB -tC -cAQ== -Kkey -aSYMMETRIC_DEFAULT",
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(lines); i++) {
		assert_int_equal(parse(lines[i]), 0);
		assert_string_equal(args.config.region, "eu-central-1");
		assert_int_equal(args.config.vsock_port, 9000);
		assert_string_equal(args.config.session_token, "C");
		assert_string_equal(args.key_id, "key");
		assert_string_equal(args.algorithm, "SYMMETRIC_DEFAULT");
	}
	assert_int_equal(parse("genkey -K key -p AES-128" CREDENTIALS), 0);
	assert_string_equal(args.key_spec, "AES_128");
	assert_int_equal(parse("genkey -K key --key-spec AES-256" CREDENTIALS), 0);
	assert_string_equal(args.key_spec, "AES_256");
	assert_int_equal(parse("genrandom -l 1024" CREDENTIALS), 0);
	assert_int_equal(args.length, 1024);
}

static void takes_our_additions(void **state)
{
	(void)state;
	assert_int_equal(
		parse("genkey -K k -p AES-256 --endpoint kms.test:8443 --ca-file /ca.pem "
		      "--vsock-cid 16 --timeout 5 --bind-request --encryption-context a=1=2 "
		      "--encryption-context b=" CREDENTIALS),
		0);
	assert_string_equal(args.config.endpoint, "kms.test:8443");
	assert_string_equal(args.config.ca_file, "/ca.pem");
	assert_int_equal(args.config.vsock_cid, 16);
	assert_int_equal(args.config.timeout_ms, 5000);
	assert_true(args.config.bind_request);
	assert_int_equal(args.n_context, 2);
	assert_string_equal(args.context[0].name, "a");
	assert_string_equal(args.context[0].value, "1=2");
	assert_string_equal(args.context[1].value, "");
}

static void refuses_with_1_and_says_why(void **state)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{"", "usage: "},
		{"--help", "usage: "},
		{"-h", "usage: "},
		{"decrypt --help", "usage: "},
		{"decrypt -h", "usage: "},
		{"encrypt", "unknown command 'encrypt'"},
		{"decrypt -c AQ== -s B -t C", "--aws-access-key-id must be set"},
		{"decrypt -c AQ== -k A -t C", "--aws-secret-access-key must be set"},
		{"decrypt -c AQ== -k A -s B", "--aws-session-token must be set"},
		{"decrypt" CREDENTIALS, "--ciphertext must be set"},
		{"genkey -p AES-256" CREDENTIALS, "--key-id must be set"},
		{"genkey -K k" CREDENTIALS, "--key-spec must be set"},
		{"genrandom" CREDENTIALS, "--length must be set"},
		{"genkey -K k -p AES_256" CREDENTIALS, "--key-spec must be AES-256 or AES-128"},
		{"genkey -K k -p RSA-2048" CREDENTIALS, "--key-spec must be"},
		{"genrandom -l 0" CREDENTIALS, "--length must be a number from 1 to 1024"},
		{"genrandom -l 1025" CREDENTIALS, "--length must be a number from 1 to 1024"},
		{"genrandom -l 1x" CREDENTIALS, "--length must be"},
		{"genrandom -l -1" CREDENTIALS, "--length must be"},
		{"genrandom -l 1 -x 0" CREDENTIALS, "--proxy-port must be"},
		{"genrandom -l 1 -x 4294967295" CREDENTIALS, "--proxy-port must be"},
		{"genrandom -l 1 --vsock-cid 4294967295" CREDENTIALS, "--vsock-cid must be"},
		{"genrandom -l 1 --timeout 0" CREDENTIALS, "--timeout must be"},
		{"genrandom -l 1 --timeout 3601" CREDENTIALS, "--timeout must be"},
		{"genrandom -l 1 -K k" CREDENTIALS, "is an option of another command"},
		{"genrandom -l 1 --encryption-context a=b" CREDENTIALS, "another command"},
		{"decrypt -c AQ== -l 1" CREDENTIALS, "is an option of another command"},
		{"genkey -K k -p AES-256 -c AQ==" CREDENTIALS, "another command"},
		{"genkey -K k -p AES-256 -a SYMMETRIC_DEFAULT" CREDENTIALS, "another command"},
		{"decrypt -c AQ== --unknown" CREDENTIALS, "not understood"},
		{"decrypt -c AQ== -Z" CREDENTIALS, "not understood"},
		{"decrypt -c AQ== extra" CREDENTIALS, "'extra' is not understood"},
		{"decrypt" CREDENTIALS " -c", "lacks its value"},
		{"decrypt -c AQ== --encryption-context a" CREDENTIALS, "must be NAME=VALUE"},
		{"decrypt -c AQ== --encryption-context =b" CREDENTIALS, "must be NAME=VALUE"},
		{"decrypt -c AQ== --encryption-context a=1 --encryption-context a=2" CREDENTIALS,
			"has 'a' twice"},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		assert_int_equal(parse(cases[i].line), CLI_EXIT_USAGE);
		if (strstr(said, cases[i].says) == NULL) {
			fail_msg("'%s' says %s", cases[i].line, said);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_awss_defaults),
		cmocka_unit_test(takes_long_and_short_options),
		cmocka_unit_test(takes_our_additions),
		cmocka_unit_test(refuses_with_1_and_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
