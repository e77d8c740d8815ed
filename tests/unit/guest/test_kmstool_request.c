/* SPDX-License-Identifier: Apache-2.0 */
/* librdkms's requests: which members an operation takes, their JSON, endpoints, configuration. */
#include "test.h"

#include "kmstool/client.h"

#define KEY "1234abcd-12ab-34cd-56ef-1234567890ab"

static struct rd_error err;

static const uint8_t blob[] = {1, 2, 3, 0xff};

static void check_body(
	const struct rdkms_request *request, struct rd_view document, const char *want)
{
	uint8_t storage[4096];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage) - 1);

	assert_ok(rdkms_request_check(request, &err));
	assert_ok(rdkms_request_write(request, document, &out, &err));
	storage[out.used] = 0;
	assert_string_equal((char *)storage, want);
}

static void writes_every_member(void **state)
{
	static const struct rdkms_pair context[] = {
		{"b", "\xc3\xa4"}, {"B", "/\"\\"}, {"a", "\b\f\n\r\t\x01\x1f\x7f"}};
	static const char *const tokens[] = {"t2", "t1"};
	const struct rdkms_request request = {
		.operation = RDKMS_DECRYPT,
		.key_id = KEY,
		.algorithm = "SYMMETRIC_DEFAULT",
		.ciphertext = {blob, sizeof(blob)},
		.context = context,
		.n_context = 3,
		.grant_tokens = tokens,
		.n_grant_tokens = 2,
	};

	(void)state;
	check_body(&request, rd_view("\x84", 1),
		"{\"CiphertextBlob\":\"AQID/w==\",\"EncryptionAlgorithm\":\"SYMMETRIC_DEFAULT\","
		"\"EncryptionContext\":{\"b\":\"\xc3\xa4\",\"B\":\"/\\\"\\\\\","
		"\"a\":\"\\u0008\\u000c\\u000a\\u000d\\u0009\\u0001\\u001f\\u007f\"},"
		"\"GrantTokens\":[\"t2\",\"t1\"],\"KeyId\":\"" KEY "\","
		"\"Recipient\":{\"AttestationDocument\":\"hA==\","
		"\"KeyEncryptionAlgorithm\":\"RSAES_OAEP_SHA_256\"}}");
}

static void writes_the_other_operations(void **state)
{
	const struct rdkms_request random = {
		.operation = RDKMS_GENERATE_RANDOM, .number_of_bytes = 1024};
	const struct rdkms_request by_spec = {
		.operation = RDKMS_GENERATE_DATA_KEY, .key_id = "alias/a", .key_spec = "AES_128"};
	const struct rdkms_request by_size = {
		.operation = RDKMS_GENERATE_DATA_KEY, .key_id = "alias/a", .number_of_bytes = 64};
	const struct rdkms_request encrypt = {
		.operation = RDKMS_ENCRYPT, .key_id = KEY, .plaintext = {blob, 1}};

	(void)state;
	check_body(&random, rd_view(NULL, 0), "{\"NumberOfBytes\":1024}");
	check_body(&by_spec, rd_view(NULL, 0), "{\"KeyId\":\"alias/a\",\"KeySpec\":\"AES_128\"}");
	check_body(&by_size, rd_view(NULL, 0), "{\"KeyId\":\"alias/a\",\"NumberOfBytes\":64}");
	check_body(&encrypt, rd_view(NULL, 0), "{\"KeyId\":\"" KEY "\",\"Plaintext\":\"AQ==\"}");
	assert_int_equal(rdkms_request_length(&random), 1024);
	assert_int_equal(rdkms_request_length(&by_spec), 16);
	assert_int_equal(rdkms_request_length(&by_size), 64);
	assert_false(rdkms_operation_is_attested(RDKMS_ENCRYPT));
}

static void assert_digest(
	const struct rdkms_request *request, struct rd_view document, const char *want)
{
	uint8_t storage[4096];
	uint8_t digest[RD_SHA256_SIZE];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));

	assert_ok(rdkms_request_write(request, document, &out, &err));
	assert_ok(rdkms_request_digest(request->operation, rd_buf_view(&out), digest));
	assert_view_hex(rd_view(digest, sizeof(digest)), want);
}

/* Of Python's json.dumps with sorted keys; the document itself counts for nothing. */
static void digests_the_canonical_form(void **state)
{
	static const char want[] =
		"ef5198f7cc93074b0119abafe5cfbe38eb924ce910628f3f9c2af0329a9dc4a5";
	static const struct rdkms_pair context[] = {
		{"b", "\xc3\xa4"}, {"B", "/\"\\"}, {"a", "\b\f\n\r\t\x01\x1f\x7f"}};
	const struct rdkms_request request = {.operation = RDKMS_DECRYPT,
		.key_id = KEY,
		.ciphertext = {blob, sizeof(blob)},
		.context = context,
		.n_context = 3};

	(void)state;
	assert_digest(&request, rd_view(NULL, 0), want);
	assert_digest(&request, rd_view("\x84", 1), want);
}

/* printf 'Decrypt\n{"CiphertextBlob":"AQID/w=="}' | sha256sum */
static void digests_name_and_body(void **state)
{
	uint8_t digest[RD_SHA256_SIZE];

	(void)state;
	assert_status(rdkms_request_digest(RDKMS_DECRYPT, rd_view_str("{"), digest), RD_MALFORMED);
	assert_ok(rdkms_request_digest(
		RDKMS_DECRYPT, rd_view_str("{\"CiphertextBlob\":\"AQID/w==\"}"), digest));
	assert_view_hex(rd_view(digest, sizeof(digest)),
		"63fb7e5a44a8370e04229cbb868c1455d0446d76b41f71fd28e83cee49f53e23");
}

static void refuses_what_an_operation_does_not_take(void **state)
{
	static const struct rdkms_pair pair[] = {{"a", "b"}, {"a", "c"}};
	static const struct rdkms_pair nameless[] = {{"", "b"}}, no_value[] = {{"a", NULL}};
	static const char *const tokens[11] = {
		"t", "t", "t", "t", "t", "t", "t", "t", "t", "t", "t"};
	static const char *const blank_token[] = {"a b"};
	const struct rdkms_bytes bytes = {blob, sizeof(blob)};
	const struct rdkms_request cases[] = {
		{.operation = (enum rdkms_operation)9},
		{.operation = RDKMS_DECRYPT},
		{.operation = RDKMS_DECRYPT, .ciphertext = {blob, 0}},
		{.operation = RDKMS_DECRYPT, .ciphertext = {blob, RDKMS_CIPHERTEXT_MAX + 1}},
		{.operation = RDKMS_DECRYPT, .ciphertext = bytes, .plaintext = bytes},
		{.operation = RDKMS_DECRYPT, .ciphertext = bytes, .key_spec = "AES_256"},
		{.operation = RDKMS_DECRYPT, .ciphertext = bytes, .number_of_bytes = 1},
		{.operation = RDKMS_DECRYPT, .ciphertext = bytes, .algorithm = "RSA"},
		{.operation = RDKMS_DECRYPT, .ciphertext = bytes, .key_id = ""},
		{.operation = RDKMS_DECRYPT, .ciphertext = bytes, .key_id = "a b"},
		{.operation = RDKMS_DECRYPT, .ciphertext = bytes, .context = pair, .n_context = 2},
		{.operation = RDKMS_DECRYPT,
			.ciphertext = bytes,
			.context = nameless,
			.n_context = 1},
		{.operation = RDKMS_DECRYPT,
			.ciphertext = bytes,
			.context = no_value,
			.n_context = 1},
		{.operation = RDKMS_DECRYPT,
			.ciphertext = bytes,
			.context = pair,
			.n_context = RDKMS_CONTEXT_MAX + 1},
		{.operation = RDKMS_DECRYPT,
			.ciphertext = bytes,
			.grant_tokens = tokens,
			.n_grant_tokens = 11},
		{.operation = RDKMS_DECRYPT,
			.ciphertext = bytes,
			.grant_tokens = blank_token,
			.n_grant_tokens = 1},
		{.operation = RDKMS_GENERATE_DATA_KEY, .key_spec = "AES_256"},
		{.operation = RDKMS_GENERATE_DATA_KEY, .key_id = KEY},
		{.operation = RDKMS_GENERATE_DATA_KEY, .key_id = KEY, .key_spec = "AES-256"},
		{.operation = RDKMS_GENERATE_DATA_KEY,
			.key_id = KEY,
			.key_spec = "AES_256",
			.number_of_bytes = 32},
		{.operation = RDKMS_GENERATE_DATA_KEY,
			.key_id = KEY,
			.key_spec = "AES_256",
			.algorithm = "SYMMETRIC_DEFAULT"},
		{.operation = RDKMS_GENERATE_RANDOM},
		{.operation = RDKMS_GENERATE_RANDOM, .number_of_bytes = 1025},
		{.operation = RDKMS_GENERATE_RANDOM, .key_spec = "AES_256"},
		{.operation = RDKMS_GENERATE_RANDOM, .number_of_bytes = 1, .key_id = KEY},
		{.operation = RDKMS_GENERATE_RANDOM,
			.number_of_bytes = 1,
			.context = pair,
			.n_context = 1},
		{.operation = RDKMS_ENCRYPT, .plaintext = bytes},
		{.operation = RDKMS_ENCRYPT, .key_id = KEY},
		{.operation = RDKMS_ENCRYPT,
			.key_id = KEY,
			.plaintext = {blob, RDKMS_PLAINTEXT_MAX + 1}},
		{.operation = RDKMS_ENCRYPT,
			.key_id = KEY,
			.plaintext = bytes,
			.ciphertext = bytes},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		err.text[0] = '\0';
		assert_status(rdkms_request_check(&cases[i], &err), RD_USAGE);
		assert_true(err.text[0] != '\0');
	}
}

static void refuses_a_context_that_is_too_large_or_not_utf8(void **state)
{
	static char value[RDKMS_CONTEXT_SIZE_MAX + 1];
	struct rdkms_pair pair = {"n", value};
	const struct rdkms_request request = {.operation = RDKMS_DECRYPT,
		.ciphertext = {blob, 1},
		.context = &pair,
		.n_context = 1};
	uint8_t storage[4096];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));

	(void)state;
	memset(value, 'v', RDKMS_CONTEXT_SIZE_MAX - 1);
	assert_ok(rdkms_request_check(&request, &err));
	value[RDKMS_CONTEXT_SIZE_MAX - 1] = 'v';
	assert_status(rdkms_request_check(&request, &err), RD_USAGE);
	pair.value = "\xc3";
	assert_ok(rdkms_request_check(&request, &err));
	assert_status(rdkms_request_write(&request, rd_view(NULL, 0), &out, &err), RD_USAGE);
}

static void names_the_servers_of_regions(void **state)
{
	static const struct {
		const char *region, *text, *name, *host;
	} cases[] = {
		{"us-east-1", NULL, "kms.us-east-1.amazonaws.com", NULL},
		{"us-gov-west-1", NULL, "kms.us-gov-west-1.amazonaws.com", NULL},
		{"local-1", NULL, "kms.local-1.amazonaws.com", NULL},
		{"cn-north-1", NULL, "kms.cn-north-1.amazonaws.com.cn", NULL},
		{"eusc-de-east-1", NULL, "kms.eusc-de-east-1.amazonaws.eu", NULL},
		{"us-iso-east-1", NULL, "kms.us-iso-east-1.c2s.ic.gov", NULL},
		{"us-isob-east-1", NULL, "kms.us-isob-east-1.sc2s.sgov.gov", NULL},
		{"eu-isoe-west-1", NULL, "kms.eu-isoe-west-1.cloud.adc-e.uk", NULL},
		{"us-isof-south-1", NULL, "kms.us-isof-south-1.csp.hci.ic.gov", NULL},
		{"local-1", "kms.example", "kms.example", "kms.example"},
		{"local-1", "kms.example:443", "kms.example", "kms.example"},
		{"local-1", "kms.example:8443", "kms.example", "kms.example:8443"},
		{"local-1", "192.0.2.1:8443", "192.0.2.1", "192.0.2.1:8443"},
		{"local-1", "[2001:db8::1]", "2001:db8::1", "[2001:db8::1]"},
		{"local-1", "[2001:db8::1]:443", "2001:db8::1", "[2001:db8::1]"},
		{"local-1", "[2001:db8::1]:8443", "2001:db8::1", "[2001:db8::1]:8443"},
	};
	struct rdkms_endpoint e;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		assert_ok(rdkms_endpoint_parse(cases[i].region, cases[i].text, &e, &err));
		assert_string_equal(e.name, cases[i].name);
		assert_string_equal(e.host, cases[i].host == NULL ? cases[i].name : cases[i].host);
		assert_string_equal(e.region, cases[i].region);
	}
}

static void refuses_what_is_no_server(void **state)
{
	static const char *const texts[] = {"", ":443", "https://kms.example", "kms.example/",
		"kms.example:", "kms.example:0", "kms.example:65536", "kms.example:x",
		"kms.example:443:1", "kms example", "kms\r\nX: y", "2001:db8::1", "[2001:db8::1",
		"[]", "[::1]x", "[::1]:", "user@kms.example"};
	static const char *const regions[] = {NULL, "", "us east", "us/east", "us.east",
		"a234567890123456789012345678901234567890"};
	char long_name[RDKMS_HOST_SIZE + 1];
	struct rdkms_endpoint e;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(texts); i++) {
		assert_status(rdkms_endpoint_parse("local-1", texts[i], &e, &err), RD_USAGE);
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(regions); i++) {
		assert_status(rdkms_endpoint_parse(regions[i], NULL, &e, &err), RD_USAGE);
	}
	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_status(rdkms_endpoint_parse("local-1", long_name, &e, &err), RD_USAGE);
}

static void refuses_bad_configurations(void **state)
{
	struct rdkms_client *client = NULL;
	struct rdkms_config good, c;
	struct rdkms_error e;

	(void)state;
	assert_int_equal(rdkms_init(&e), RDKMS_OK);
	assert_int_equal(rdkms_init(&e), RDKMS_OK);
	rdkms_config_init(&good);
	good.region = "local-1";
	good.access_key_id = "AKID";
	good.secret_access_key = "secret";
	good.ca_file = "/nonexistent/ca.pem";
	assert_int_equal(rdkms_client_new(&good, &client, &e), RDKMS_SYSTEM);
	assert_non_null(strstr(e.text, "/nonexistent/ca.pem"));
	c = good;
	c.ca_file = "/etc/passwd";
	assert_int_equal(rdkms_client_new(&c, &client, &e), RDKMS_SYSTEM);
	assert_non_null(strstr(e.text, "/etc/passwd: certificate 1 cannot be read"));
	c = good;
	c.region = NULL;
	assert_int_equal(rdkms_client_new(&c, &client, &e), RDKMS_USAGE);
	c = good;
	c.access_key_id = NULL;
	assert_int_equal(rdkms_client_new(&c, &client, &e), RDKMS_USAGE);
	c = good;
	c.secret_access_key = "a\r\nb";
	assert_int_equal(rdkms_client_new(&c, &client, &e), RDKMS_USAGE);
	c = good;
	c.session_token = "";
	assert_int_equal(rdkms_client_new(&c, &client, &e), RDKMS_USAGE);
	c = good;
	c.timeout_ms = 0;
	assert_int_equal(rdkms_client_new(&c, &client, &e), RDKMS_USAGE);
	assert_null(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_every_member),
		cmocka_unit_test(writes_the_other_operations),
		cmocka_unit_test(digests_the_canonical_form),
		cmocka_unit_test(digests_name_and_body),
		cmocka_unit_test(refuses_what_an_operation_does_not_take),
		cmocka_unit_test(refuses_a_context_that_is_too_large_or_not_utf8),
		cmocka_unit_test(names_the_servers_of_regions),
		cmocka_unit_test(refuses_what_is_no_server),
		cmocka_unit_test(refuses_bad_configurations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
