/* SPDX-License-Identifier: Apache-2.0 */
/* What binds a document to its request. The digests were made with Python's hashlib over
 * json.dumps, as aws/request_digest.h says. */
#include "test.h"

#include "aws/json_in.h"
#include "aws/request_digest.h"

static void digest_of(const char *operation, const char *request, uint8_t digest[RD_SHA256_SIZE])
{
	json_t *json RD_CLEANUP(rd_json_in_free) = NULL;

	assert_ok(rd_json_in_parse(rd_view_str(request), &json));
	assert_ok(rd_request_digest(operation, json, digest));
}

static void assert_digest(const char *operation, const char *request, const char *want)
{
	uint8_t digest[RD_SHA256_SIZE];

	digest_of(operation, request, digest);
	assert_view_hex(rd_view(digest, sizeof(digest)), want);
}

static void form_order_and_recipient_change_nothing(void **state)
{
	static const char mixed[] =
		"c6e554bc6bc3960d11ff5497daa9479bc820edb610d30ec4db585daa9e6d7d83";

	(void)state;
	assert_digest("Decrypt",
		"{\"NumberOfBytes\":32,\"KeyId\":null,\"CiphertextBlob\":\"AQ==\","
		"\"EncryptionContext\":{\"zeta\":\"1\",\"alpha\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001"
		"\\u001F\\/\\u007f\",\"\\u00e9\":\"\\u00fc\",\"\":\"\",\"Recipient\":\"kept\"},"
		"\"DryRun\":false,\"GrantTokens\":[\"b\",\"a\"]}",
		mixed);
	/* White space, order, other escapes and the Recipient change nothing. */
	assert_digest("Decrypt",
		"{ \"Recipient\" : {\"KeyEncryptionAlgorithm\":\"x\"}, \"GrantTokens\":[ \"b\","
		"\"a\"],\"DryRun\":false,\"EncryptionContext\":{\"\":\"\",\"Recipient\":\"kept\","
		"\"\xc3\xa9\":\"\xc3\xbc\",\"alpha\":\"\\u0022\\u005c\\b\\f\\n\\r\\t\\u0001\\u001f"
		"/\x7f\",\"zeta\":\"1\"},\"CiphertextBlob\":\"\\u0041Q==\",\"KeyId\":null,"
		"\"NumberOfBytes\":32}",
		mixed);
}

/* In UTF-16, a surrogate pair would come before U+FFFF. */
static void names_are_in_the_order_of_their_bytes(void **state)
{
	(void)state;
	assert_digest("GenerateDataKey",
		"{\"N\":[-9223372036854775808,0,9223372036854775807,true,false,null,[],{}],"
		"\"EncryptionContext\":{\"\\ud83d\\udd11\":\"astral\",\"\\uffff\":\"bmp\","
		"\"b\":\"2\",\"a\":\"1\"},\"KeyId\":\"x\"}",
		"d2474b647977fbed4900ba251ea887637372ce3d657631ad87cea75996c4d4d0");
}

static void every_part_counts(void **state)
{
	static const char empty[] =
		"3205584999eaf8b8063a50eb8b9e62b17366fc3f78d9ed638d302768a5079517";
	static const char *const others[] = {"{\"a\":null}", "{\"a\":\"\"}", "{\"recipient\":{}}",
		"{\"a\":[]}", "{\"a\":{}}", "{\"a\":{\"Recipient\":{}}}", "{\"a\":0}",
		"{\"a\":\"0\"}", "{\"a\":[0]}", "{\"a\":[0,0]}"};
	uint8_t digests[RD_ARRAY_LEN(others) + 1][RD_SHA256_SIZE];

	(void)state;
	assert_digest("GenerateRandom", "{}", empty);
	assert_digest("GenerateRandom", "{\"Recipient\":null}", empty);
	digest_of("GenerateRandom", "{}", digests[0]);
	for (size_t i = 0; i < RD_ARRAY_LEN(others); i++) {
		digest_of("GenerateRandom", others[i], digests[i + 1]);
		for (size_t k = 0; k <= i; k++) {
			assert_memory_not_equal(digests[i + 1], digests[k], RD_SHA256_SIZE);
		}
	}
	digest_of("Decrypt", "{}", digests[1]);
	assert_memory_not_equal(digests[0], digests[1], RD_SHA256_SIZE);
}

static void fractions_have_no_canonical_form(void **state)
{
	static const char *const bad[] = {
		"{\"NumberOfBytes\":3.5}", "{\"a\":[{\"b\":1e3}]}", "{\"a\":-0.0}"};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(bad); i++) {
		uint8_t digest[RD_SHA256_SIZE];
		json_t *json RD_CLEANUP(rd_json_in_free) = NULL;

		assert_ok(rd_json_in_parse(rd_view_str(bad[i]), &json));
		assert_status(rd_request_digest("GenerateRandom", json, digest), RD_UNSUPPORTED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(form_order_and_recipient_change_nothing),
		cmocka_unit_test(names_are_in_the_order_of_their_bytes),
		cmocka_unit_test(every_part_counts),
		cmocka_unit_test(fractions_have_no_canonical_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
