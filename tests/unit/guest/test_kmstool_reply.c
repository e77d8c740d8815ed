/* SPDX-License-Identifier: Apache-2.0 */
/* What librdkms takes for a reply: the C SDK's rules, and that it answers what was asked. */
#include "test.h"

#include "kmstool/reply.h"

#define ID    "1234abcd-12ab-34cd-56ef-1234567890ab"
#define OTHER "1234abcd-12ab-34cd-56ef-1234567890ac"
#define ARN   "arn:aws:kms:local-1:111122223333:key/" ID
#define KEY   "\"KeyId\":\"" ARN "\","
#define CMS   "\"CiphertextForRecipient\":\"MIAG\""

static struct rdkms_reply reply;
static struct rd_error err;

static enum rd_status ask(const struct rdkms_request *request, const char *body)
{
	err = (struct rd_error){0};
	return rdkms_reply_read(rd_view_str(body), request, &reply, &err);
}

static enum rd_status decrypt(const char *body)
{
	const struct rdkms_request request = {.operation = RDKMS_DECRYPT};

	return ask(&request, body);
}

static void reads_a_decrypt(void **state)
{
	(void)state;
	assert_ok(decrypt("{" KEY "\"EncryptionAlgorithm\":\"SYMMETRIC_DEFAULT\","
			  "\"KeyMaterialId\":\"00\",\"New\":[{}]," CMS "}"));
	assert_string_equal(reply.key_arn, ARN);
	assert_view_hex(rd_view(reply.envelope, reply.envelope_len), "308006");
	assert_int_equal(reply.ciphertext_len, 0);
	/* json-c's blanks and escapes, and the empty Plaintext of AWS's documentation. */
	assert_ok(decrypt("{ \"KeyId\": \"arn:aws:kms:local-1:111122223333:key\\/" ID "\", "
			  "\"Plaintext\": \"\", \"CiphertextForRecipient\": \"MI\\/A\" }"));
	assert_string_equal(reply.key_arn, ARN);
}

static void refuses_what_is_no_decrypt(void **state)
{
	static const struct {
		const char *body;
		enum rd_status st;
	} cases[] = {
		{"", RD_MISSING},
		{"{}", RD_MISSING},
		{"{" KEY "\"x\":1}", RD_MISSING},
		{"{" CMS "}", RD_MISSING},
		{"{" KEY "\"Plaintext\":\"c2VjcmV0\"}", RD_FORBIDDEN},
		{"{" KEY "\"Plaintext\":\"c2VjcmV0\"," CMS "}", RD_FORBIDDEN},
		{"{" KEY "\"Plaintext\":null," CMS "}", RD_BAD_TYPE},
		{"{" KEY "\"Plaintext\":7," CMS "}", RD_BAD_TYPE},
		{"{" KEY "\"Plaintext\":\"\"}", RD_MISSING},
		{"{" KEY "\"CiphertextForRecipient\":null}", RD_BAD_TYPE},
		{"{" KEY "\"CiphertextForRecipient\":\"\"}", RD_MALFORMED},
		{"{" KEY "\"CiphertextForRecipient\":\"MIA\"}", RD_MALFORMED},
		{"{" KEY "\"CiphertextForRecipient\":\"MI A\"}", RD_MALFORMED},
		{"{\"KeyId\":null," CMS "}", RD_BAD_TYPE},
		{"{\"KeyId\":7," CMS "}", RD_BAD_TYPE},
		{"{\"KeyId\":\"" ID "\"," CMS "}", RD_MALFORMED},
		{"{\"KeyId\":\"arn:aws:kms:local-1:111122223333:alias/a\"," CMS "}", RD_MALFORMED},
		{"{\"KeyId\":\"\"," CMS "}", RD_MALFORMED},
		{"{" KEY "\"EncryptionAlgorithm\":null," CMS "}", RD_BAD_TYPE},
		{"{" KEY "\"EncryptionAlgorithm\":\"ROT13\"," CMS "}", RD_BAD_ALG},
		{"{" KEY KEY CMS "}", RD_DUPLICATE},
		{"{" KEY CMS "} {}", RD_MALFORMED},
		{"{" KEY CMS, RD_MALFORMED},
		{"[]", RD_BAD_TYPE},
		{"<html>", RD_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		assert_status(decrypt(cases[i].body), cases[i].st);
		assert_true(err.text[0] != '\0');
	}
}

static void bounds_the_blobs(void **state)
{
	static char body[2 * RDKMS_CIPHERTEXT_MAX];
	static char blob[RDKMS_CIPHERTEXT_MAX / 3 * 4 + 5];

	(void)state;
	memset(blob, 'A', RDKMS_CIPHERTEXT_MAX / 3 * 4);
	snprintf(body, sizeof(body), "{" KEY "\"CiphertextForRecipient\":\"%s\"}", blob);
	assert_ok(decrypt(body));
	assert_int_equal(reply.envelope_len, RDKMS_CIPHERTEXT_MAX);
	memcpy(blob + strlen(blob), "AA==", sizeof("AA=="));
	snprintf(body, sizeof(body), "{" KEY "\"CiphertextForRecipient\":\"%s\"}", blob);
	assert_status(decrypt(body), RD_LIMIT);
}

static void wants_the_key_that_was_asked_for(void **state)
{
	static const struct {
		const char *key_id;
		enum rd_status st;
	} cases[] = {
		{ID, RD_OK},
		{ARN, RD_OK},
		{"alias/any", RD_OK},
		{"arn:aws:kms:local-1:111122223333:alias/any", RD_OK},
		{OTHER, RD_UNTRUSTED},
		{"arn:aws:kms:local-1:111122223333:key/" OTHER, RD_UNTRUSTED},
		{"arn:aws:kms:local-2:111122223333:key/" ID, RD_UNTRUSTED},
		{"arn:aws:kms:local-1:444455556666:key/" ID, RD_UNTRUSTED},
		{"mrk-1234abcd12ab34cd56ef1234567890ab", RD_UNTRUSTED},
		{"no-id-of-ours", RD_UNTRUSTED},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		const struct rdkms_request request = {
			.operation = RDKMS_DECRYPT, .key_id = cases[i].key_id};

		assert_status(ask(&request, "{" KEY CMS "}"), cases[i].st);
	}
}

static void wants_the_algorithm_that_was_asked_for(void **state)
{
	const struct rdkms_request request = {
		.operation = RDKMS_DECRYPT, .algorithm = "RSAES_OAEP_SHA_256"};

	(void)state;
	assert_ok(ask(&request, "{" KEY "\"EncryptionAlgorithm\":\"RSAES_OAEP_SHA_256\"," CMS "}"));
	assert_ok(ask(&request, "{" KEY CMS "}"));
	assert_status(
		ask(&request, "{" KEY "\"EncryptionAlgorithm\":\"SYMMETRIC_DEFAULT\"," CMS "}"),
		RD_UNTRUSTED);
}

static void reads_the_other_operations(void **state)
{
	const struct rdkms_request genkey = {.operation = RDKMS_GENERATE_DATA_KEY, .key_id = ID};
	const struct rdkms_request random = {.operation = RDKMS_GENERATE_RANDOM};
	const struct rdkms_request encrypt = {.operation = RDKMS_ENCRYPT, .key_id = ID};

	(void)state;
	assert_ok(ask(&genkey, "{" KEY "\"CiphertextBlob\":\"AQI=\"," CMS "}"));
	assert_view_hex(rd_view(reply.ciphertext, reply.ciphertext_len), "0102");
	assert_status(ask(&genkey, "{" KEY CMS "}"), RD_MISSING);
	assert_status(ask(&genkey, "{\"CiphertextBlob\":\"AQI=\"," CMS "}"), RD_MISSING);
	assert_status(ask(&genkey, "{" KEY "\"CiphertextBlob\":\"AQI=\",\"Plaintext\":\"AQI=\"}"),
		RD_FORBIDDEN);
	assert_ok(ask(&random, "{" CMS "}"));
	assert_string_equal(reply.key_arn, "");
	assert_status(ask(&random, "{\"Plaintext\":\"AQI=\"}"), RD_FORBIDDEN);
	assert_status(ask(&random, ""), RD_MISSING);
	assert_ok(ask(&encrypt, "{" KEY "\"CiphertextBlob\":\"AQI=\"}"));
	assert_int_equal(reply.envelope_len, 0);
	assert_status(ask(&encrypt, "{\"CiphertextBlob\":\"AQI=\"}"), RD_MISSING);
	assert_status(ask(&encrypt, "{" KEY "\"CiphertextBlob\":null}"), RD_BAD_TYPE);
}

static void reads_errors_as_far_as_they_go(void **state)
{
	static const struct {
		const char *body, *type, *message;
	} cases[] = {
		{"{\"__type\":\"AccessDeniedException\",\"Message\":\"no\"}",
			"AccessDeniedException", "no"},
		{"{\"__type\":\"com.amazonaws.kms#NotFoundException:http://x/\","
		 "\"message\":\"a\\nb\\u001b[2J\"}",
			"NotFoundException", "a?b?[2J"},
		{"{\"__type\":7,\"message\":null}", "", ""},
		{"<html>", "", ""},
		{"", "", ""},
	};
	char type[64], message[256], long_body[1024];

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		rdkms_reply_read_error(rd_view_str(cases[i].body), type, message);
		assert_string_equal(type, cases[i].type);
		assert_string_equal(message, cases[i].message);
	}
	snprintf(long_body, sizeof(long_body), "{\"__type\":\"%0100d\",\"message\":\"%0500d\"}", 0,
		0);
	rdkms_reply_read_error(rd_view_str(long_body), type, message);
	assert_int_equal(strlen(type), 63);
	assert_int_equal(strlen(message), 255);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_decrypt),
		cmocka_unit_test(refuses_what_is_no_decrypt),
		cmocka_unit_test(bounds_the_blobs),
		cmocka_unit_test(wants_the_key_that_was_asked_for),
		cmocka_unit_test(wants_the_algorithm_that_was_asked_for),
		cmocka_unit_test(reads_the_other_operations),
		cmocka_unit_test(reads_errors_as_far_as_they_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
