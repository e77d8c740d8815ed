/* SPDX-License-Identifier: Apache-2.0 */
/* SigV4: the vectors made with botocore, and every refusal by its own name. */
#include "request.h"

static void accepts_what_botocore_signed(void **state)
{
	struct rd_sigv4_refusal refusal;
	struct rd_sigv4_claim claim;
	struct request q;

	(void)state;
	make_request(&q);
	assert_ok(judge(&q, &claim, &refusal));
	assert_true(rd_view_equal(claim.akid, rd_view_str("AKIDEXAMPLE")));
	assert_true(rd_view_equal(claim.region, rd_view_str("us-east-1")));
	assert_true(claim.token.ptr == NULL);
	assert_int_equal(claim.time_s, REQUEST_TIME);
	assert_view_hex(rd_view(claim.body_sha256, 32),
		"f9f2b3ea87bcba41f6d987870f9260a038b2df44b832529ad0deb39b0c3b6fd1");
}

static void canonical_hashes_and_key_are_those_of_the_vectors(void **state)
{
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_SIGV4_CANONICAL_MAX);
	struct rd_sigv4_refusal refusal;
	struct rd_sigv4_claim claim;
	uint8_t out[32];
	struct request q;

	(void)state;
	make_request(&q);
	assert_ok(rd_sigv4_parse(&q.r, &q.rules, &claim, &refusal));
	assert_ok(rd_sigv4_canonical(&q.r, claim.signed_headers, claim.body_sha256, &text));
	assert_ok(rd_digest_once(RD_SHA256, rd_buf_view(&text), out));
	assert_view_hex(rd_view(out, 32),
		"d7f76986ca2ca25c646882ec157a44bd5e795186fa0d23bc6654154896865a45");
	assert_ok(rd_sigv4_derive_key(rd_view_str(SECRET), rd_view_str("20260101"),
		rd_view_str("us-east-1"), rd_view_str("kms"), out));
	assert_view_hex(rd_view(out, 32),
		"80ec507400987555fb2514eacf76e4d939818918ff0d194830f0ebd4f94dd616");
}

#define TOKEN_NAMES     "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
#define TOKEN_SIGNATURE "4e5089637e1708bcc1897b599a02040ed02b2d36e2a9eea65a33fdcdb5ef10ba"

static void accepts_the_vector_with_a_session_token(void **state)
{
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_SIGV4_CANONICAL_MAX);
	struct rd_sigv4_refusal refusal;
	struct rd_sigv4_claim claim;
	uint8_t out[32];
	struct request q;

	(void)state;
	make_request(&q);
	add_header(&q, "X-Amz-Security-Token", "tok/en+1==");
	set_header(&q, "Authorization", AUTH(SCOPE, TOKEN_NAMES, TOKEN_SIGNATURE));
	assert_ok(judge(&q, &claim, &refusal));
	assert_true(rd_view_equal(claim.token, rd_view_str("tok/en+1==")));
	assert_ok(rd_sigv4_canonical(&q.r, claim.signed_headers, claim.body_sha256, &text));
	assert_ok(rd_digest_once(RD_SHA256, rd_buf_view(&text), out));
	assert_view_hex(rd_view(out, 32),
		"b496891b24ce5483f259e4b8544776dc119b08496ef1f2ebc19a0a890e8c1552");
	set_header(&q, "X-Amz-Security-Token", "tok/en+2==");
	assert_refused(&q, RD_SIGV4_MISMATCH);
	/* Unsigned: it could be another session's. */
	set_header(&q, "Authorization", AUTH(SCOPE, NAMES, SIGNATURE));
	assert_refused(&q, RD_SIGV4_UNSIGNED_HEADER);
}

static void component_order_and_blanks_do_not_matter(void **state)
{
	struct request q;

	(void)state;
	make_request(&q);
	set_header(&q, "Authorization",
		"AWS4-HMAC-SHA256  Signature=" SIGNATURE " ,SignedHeaders=" NAMES
		",Credential=" SCOPE "\t");
	assert_accepted(&q);
}

static void every_flipped_digit_of_the_signature_is_a_mismatch(void **state)
{
	char text[] = AUTH(SCOPE, NAMES, SIGNATURE);
	size_t first = sizeof(text) - sizeof(SIGNATURE);
	struct request q;

	(void)state;
	make_request(&q);
	for (size_t i = first; i < sizeof(text) - 1; i++) {
		char was = text[i];

		text[i] = was == '0' ? '1' : '0';
		set_header(&q, "Authorization", text);
		assert_refused(&q, RD_SIGV4_MISMATCH);
		text[i] = was;
	}
	set_header(&q, "Authorization", text);
	assert_accepted(&q);
}

static void a_change_of_anything_signed_is_a_mismatch(void **state)
{
	static const char *const changes[][2] = {
		{"X-Amz-Target", "TrentService.Encrypt"},
		{"Host", "127.0.0.1"},
		{"Content-Type", "application/json"},
		{"X-Amz-Date", "20260101T000001Z"},
	};
	struct request q;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(changes); i++) {
		make_request(&q);
		set_header(&q, changes[i][0], changes[i][1]);
		assert_refused(&q, RD_SIGV4_MISMATCH);
	}
	make_request(&q);
	q.r.body = rd_view_str("{\"NumberOfBytes\": 33}");
	assert_refused(&q, RD_SIGV4_MISMATCH);
	make_request(&q);
	q.r.method = rd_view_str("PUT");
	assert_refused(&q, RD_SIGV4_MISMATCH);
	make_request(&q);
	q.r.path = rd_view_str("/x");
	assert_refused(&q, RD_SIGV4_MISMATCH);
	make_request(&q);
	q.r.query = rd_view_str("a=b");
	assert_refused(&q, RD_SIGV4_MISMATCH);
	/* Unsigned headers are nobody's business. */
	make_request(&q);
	set_header(&q, "User-Agent", "other");
	assert_accepted(&q);
}

static void another_secret_is_a_mismatch(void **state)
{
	struct rd_sigv4_refusal refusal;
	struct rd_sigv4_claim claim;
	uint8_t key[RD_SIGV4_KEY_SIZE] = {0};
	struct request q;

	(void)state;
	make_request(&q);
	assert_ok(rd_sigv4_parse(&q.r, &q.rules, &claim, &refusal));
	assert_status(rd_sigv4_verify(&q.r, &claim, key, &refusal), RD_UNTRUSTED);
	assert_int_equal(refusal.why, RD_SIGV4_MISMATCH);
}

struct bad_authorization {
	const char *text;
	enum rd_sigv4_why why;
};

#define HEX64 SIGNATURE

static const struct bad_authorization bad_authorizations[] = {
	{"", RD_SIGV4_NO_AUTH},
	{"Bearer x", RD_SIGV4_BAD_ALGORITHM},
	{"AWS4-HMAC-SHA512 Credential=" SCOPE, RD_SIGV4_BAD_ALGORITHM},
	{"AWS4-HMAC-SHA256", RD_SIGV4_NO_CREDENTIAL},
	{"AWS4-HMAC-SHA256 ", RD_SIGV4_NO_CREDENTIAL},
	{"AWS4-HMAC-SHA256 Credential=" SCOPE ", Signature=" HEX64, RD_SIGV4_NO_SIGNED_HEADERS},
	{"AWS4-HMAC-SHA256 Credential=" SCOPE ", SignedHeaders=" NAMES, RD_SIGV4_NO_SIGNATURE},
	{"AWS4-HMAC-SHA256 SignedHeaders=" NAMES ", Signature=" HEX64, RD_SIGV4_NO_CREDENTIAL},
	{AUTH(SCOPE, NAMES, HEX64) ", Extra=1", RD_SIGV4_BAD_COMPONENT},
	{AUTH(SCOPE, NAMES, HEX64) ",", RD_SIGV4_BAD_COMPONENT},
	{"AWS4-HMAC-SHA256 Credential", RD_SIGV4_BAD_COMPONENT},
	{AUTH(SCOPE, NAMES, HEX64) ", Signature=" HEX64, RD_SIGV4_COMPONENT_TWICE},
	{AUTH("AKIDEXAMPLE/20260101/us-east-1/kms", NAMES, HEX64), RD_SIGV4_BAD_CREDENTIAL},
	{AUTH("a/" SCOPE, NAMES, HEX64), RD_SIGV4_BAD_CREDENTIAL},
	{AUTH("/20260101/us-east-1/kms/aws4_request", NAMES, HEX64), RD_SIGV4_BAD_CREDENTIAL},
	{AUTH("A'K/20260101/us-east-1/kms/aws4_request", NAMES, HEX64), RD_SIGV4_BAD_CREDENTIAL},
	{AUTH("AKID/20260101/us-east-1/kms/aws5_request", NAMES, HEX64), RD_SIGV4_WRONG_TERMINATOR},
	{AUTH("AKID/20260101/us-east-1/s3/aws4_request", NAMES, HEX64), RD_SIGV4_WRONG_SERVICE},
	{AUTH("AKID/20260101/eu-west-1/kms/aws4_request", NAMES, HEX64), RD_SIGV4_WRONG_REGION},
	{AUTH("AKID/20251231/us-east-1/kms/aws4_request", NAMES, HEX64), RD_SIGV4_SCOPE_DATE},
	{AUTH(SCOPE, NAMES, "0cf1"), RD_SIGV4_BAD_SIGNATURE_FORM},
	{AUTH(SCOPE, NAMES, HEX64 "00"), RD_SIGV4_BAD_SIGNATURE_FORM},
	{AUTH(SCOPE, NAMES, "0CF1D13660843A7DCE11804D9359AC36F0B50A83F466B1071B2B9CDF5C34CA6F"),
		RD_SIGV4_BAD_SIGNATURE_FORM},
	{AUTH(SCOPE, "", HEX64), RD_SIGV4_BAD_SIGNED_HEADERS},
	{AUTH(SCOPE, "host;content-type;x-amz-date;x-amz-target", HEX64),
		RD_SIGV4_BAD_SIGNED_HEADERS},
	{AUTH(SCOPE, "content-type;host;host;x-amz-date;x-amz-target", HEX64),
		RD_SIGV4_BAD_SIGNED_HEADERS},
	{AUTH(SCOPE, "content-type;Host;x-amz-date;x-amz-target", HEX64),
		RD_SIGV4_BAD_SIGNED_HEADERS},
	{AUTH(SCOPE, "content-type;host;x-amz-date;x-amz-target;", HEX64),
		RD_SIGV4_BAD_SIGNED_HEADERS},
	{AUTH(SCOPE, "content-type;x-amz-date;x-amz-target", HEX64), RD_SIGV4_UNSIGNED_HEADER},
	{AUTH(SCOPE, "host;x-amz-date;x-amz-target", HEX64), RD_SIGV4_UNSIGNED_HEADER},
	{AUTH(SCOPE, "content-type;host;x-amz-target", HEX64), RD_SIGV4_UNSIGNED_HEADER},
	{AUTH(SCOPE, "content-type;host;x-amz-date", HEX64), RD_SIGV4_UNSIGNED_HEADER},
	{AUTH(SCOPE, "absent;content-type;host;x-amz-date;x-amz-target", HEX64),
		RD_SIGV4_ABSENT_HEADER},
};

static void each_bad_authorization_has_its_own_refusal(void **state)
{
	struct request q;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(bad_authorizations); i++) {
		make_request(&q);
		set_header(&q, "Authorization", bad_authorizations[i].text);
		assert_refused(&q, bad_authorizations[i].why);
	}
	make_request(&q);
	set_header(&q, "Authorization", NULL);
	assert_refused(&q, RD_SIGV4_NO_AUTH);
}

static void an_endless_authorization_is_too_long(void **state)
{
	static char text[RD_SIGV4_AUTHORIZATION_MAX + 2];
	struct request q;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	make_request(&q);
	set_header(&q, "Authorization", text);
	assert_refused(&q, RD_SIGV4_TOO_LONG);
}

static void what_is_acted_on_may_be_there_once(void **state)
{
	static const char *const names[] = {
		"authorization", "HOST", "content-type", "x-amz-date", "x-amz-target"};
	struct request q;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(names); i++) {
		make_request(&q);
		add_header(&q, names[i], "again");
		assert_refused(&q, RD_SIGV4_HEADER_TWICE);
	}
}

static void presigned_requests_are_refused(void **state)
{
	struct request q;

	(void)state;
	make_request(&q);
	q.r.query = rd_view_str("a=1&X-Amz-Signature=00");
	assert_refused(&q, RD_SIGV4_QUERY_AUTH);
	set_header(&q, "Authorization", NULL);
	assert_refused(&q, RD_SIGV4_QUERY_AUTH);
	assert_string_equal(
		rd_sigv4_type(RD_SIGV4_QUERY_AUTH), "MissingAuthenticationTokenException");
}

static void the_clock_may_differ_by_the_skew_and_no_more(void **state)
{
	struct request q;

	(void)state;
	make_request(&q);
	q.rules.now_s = REQUEST_TIME + 300;
	assert_accepted(&q);
	q.rules.now_s = REQUEST_TIME + 301;
	assert_refused(&q, RD_SIGV4_TOO_OLD);
	q.rules.now_s = REQUEST_TIME - 300;
	assert_accepted(&q);
	q.rules.now_s = REQUEST_TIME - 301;
	assert_refused(&q, RD_SIGV4_TOO_NEW);
}

static void a_request_needs_one_good_date(void **state)
{
	static const char *const bad[] = {"", "20260101", "20260101T000000", "20260230T000000Z",
		"20261301T000000Z", "20260101T240000Z", "20260101T000060Z", "2026O101T000000Z",
		"20260101T000000ZZ", "Thu, 01 Jan 2026 00:00:00 GMT"};
	struct request q;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(bad); i++) {
		make_request(&q);
		set_header(&q, "X-Amz-Date", bad[i]);
		assert_refused(&q, RD_SIGV4_BAD_DATE);
	}
	make_request(&q);
	set_header(&q, "X-Amz-Date", NULL);
	assert_refused(&q, RD_SIGV4_NO_DATE);
}

static void http_s_date_is_taken_when_signed(void **state)
{
	static const char *const bad[] = {"Thu, 01 Jan 2026 00:00:00 UTC",
		"Thu, 31 Feb 2026 00:00:00 GMT", "Thu, 01 jan 2026 00:00:00 GMT",
		"Thursday, 01-Jan-26 00:00:00 GMT", "Thu, 01 Jan 2026 00:00:00 +0100",
		"Thu, 01 Jan 2026 00:00:00", "Thu, 01 Jan 2026 00:00"};
	static const char names[] = AUTH(SCOPE, "content-type;date;host;x-amz-target",
		"0000000000000000000000000000000000000000000000000000000000000000");
	struct request q;

	(void)state;
	make_request(&q);
	set_header(&q, "X-Amz-Date", NULL);
	add_header(&q, "Date", "Thu, 01 Jan 2026 00:00:00 GMT");
	assert_refused(&q, RD_SIGV4_UNSIGNED_HEADER);
	set_header(&q, "Authorization", names);
	assert_refused(&q, RD_SIGV4_MISMATCH);
	for (size_t i = 0; i < RD_ARRAY_LEN(bad); i++) {
		set_header(&q, "Date", bad[i]);
		assert_refused(&q, RD_SIGV4_BAD_DATE);
	}
}

static void a_stated_body_hash_must_be_right(void **state)
{
	char text[1024];
	struct request q;

	(void)state;
	make_request(&q);
	add_header(&q, "x-amz-content-sha256",
		"f9f2b3ea87bcba41f6d987870f9260a038b2df44b832529ad0deb39b0c3b6fd1");
	sign(&q, text, sizeof(text));
	assert_accepted(&q);
	set_header(&q, "x-amz-content-sha256", SIGNATURE);
	sign(&q, text, sizeof(text));
	assert_refused(&q, RD_SIGV4_WRONG_PAYLOAD_HASH);
	set_header(&q, "x-amz-content-sha256", "UNSIGNED-PAYLOAD");
	sign(&q, text, sizeof(text));
	assert_refused(&q, RD_SIGV4_UNSIGNED_PAYLOAD);
	set_header(&q, "x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
	sign(&q, text, sizeof(text));
	assert_refused(&q, RD_SIGV4_UNSIGNED_PAYLOAD);
}

static void own_signatures_are_botocore_s(void **state)
{
	char text[1024];
	struct request q;

	(void)state;
	make_request(&q);
	set_header(&q, "Authorization", NULL);
	sign(&q, text, sizeof(text));
	assert_string_equal(text, AUTH(SCOPE, NAMES, SIGNATURE));
	add_header(&q, "X-Amz-Security-Token", "tok/en+1==");
	sign(&q, text, sizeof(text));
	assert_string_equal(text, AUTH(SCOPE, TOKEN_NAMES, TOKEN_SIGNATURE));
	assert_accepted(&q);
}

static void signing_needs_host_and_date(void **state)
{
	const struct rd_sigv4_signer signer = {
		rd_view_str("A"), rd_view_str("s"), rd_view_str("us-east-1"), "kms"};
	struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(4096);
	struct request q;

	(void)state;
	make_request(&q);
	set_header(&q, "Host", NULL);
	assert_status(rd_sigv4_sign(&q.r, &signer, &out), RD_MISSING);
	make_request(&q);
	set_header(&q, "X-Amz-Date", NULL);
	assert_status(rd_sigv4_sign(&q.r, &signer, &out), RD_MISSING);
	set_header(&q, "X-Amz-Date", "today");
	assert_status(rd_sigv4_sign(&q.r, &signer, &out), RD_MALFORMED);
	make_request(&q);
	add_header(&q, "host", "other");
	assert_status(rd_sigv4_sign(&q.r, &signer, &out), RD_DUPLICATE);
	assert_int_equal(out.used, 0);
}

static void overlong_secrets_are_refused(void **state)
{
	char secret[RD_SIGV4_SECRET_MAX + 1];
	uint8_t key[RD_SIGV4_KEY_SIZE];
	struct rd_view x = rd_view_str("x");

	(void)state;
	memset(secret, 's', sizeof(secret));
	assert_ok(rd_sigv4_derive_key(rd_view(secret, RD_SIGV4_SECRET_MAX), x, x, x, key));
	assert_status(rd_sigv4_derive_key(rd_view(secret, sizeof(secret)), x, x, x, key), RD_LIMIT);
}

static void assert_message(struct request *q, const char *type, const char *want)
{
	struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(1024);
	struct rd_sigv4_refusal refusal = {0};
	struct rd_sigv4_claim claim;

	assert_status(judge(q, &claim, &refusal), RD_UNTRUSTED);
	assert_string_equal(rd_sigv4_type(refusal.why), type);
	assert_ok(rd_sigv4_message(&refusal, &out));
	assert_ok(rd_buf_u8(&out, '\0'));
	assert_string_equal((const char *)out.ptr, want);
}

static void messages_name_what_is_wrong(void **state)
{
	struct request q;

	(void)state;
	make_request(&q);
	q.rules.now_s = REQUEST_TIME + 360;
	assert_message(&q, "InvalidSignatureException",
		"Signature expired: 20260101T000000Z is now earlier than 20260101T000100Z "
		"(20260101T000600Z - 5 min.)");
	q.rules.now_s = REQUEST_TIME - 360;
	assert_message(&q, "InvalidSignatureException",
		"Signature not yet current: 20260101T000000Z is still later than "
		"20251231T235900Z (20251231T235400Z + 5 min.)");
	make_request(&q);
	set_header(&q, "Authorization",
		AUTH("AKID/20260101/eu-west-1/kms/aws4_request", NAMES, HEX64));
	assert_message(&q, "InvalidSignatureException",
		"Credential should be scoped to a valid region, not 'eu-west-1'");
	set_header(
		&q, "Authorization", AUTH("AKID/20260101/us-east-1/s3/aws4_request", NAMES, HEX64));
	assert_message(&q, "InvalidSignatureException",
		"Credential should be scoped to correct service: 'kms', not 's3'");
	set_header(&q, "Authorization", AUTH(SCOPE, "content-type;host;x-amz-date", HEX64));
	assert_message(&q, "IncompleteSignatureException",
		"Header must be a 'SignedHeader': 'X-Amz-Target'");
	set_header(&q, "Authorization", "AWS4-HMAC-SHA256 Sign\x01\xff=1");
	assert_message(&q, "IncompleteSignatureException",
		"Authorization header has a part that is not one of 'Credential', "
		"'SignedHeaders' and 'Signature': 'Sign\?\?'");
}

static void every_refusal_has_a_type_and_a_message(void **state)
{
	(void)state;
	assert_null(rd_sigv4_type(RD_SIGV4_ACCEPTED));
	for (int why = RD_SIGV4_ACCEPTED + 1; why < RD_SIGV4_WHY_COUNT; why++) {
		struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(1024);
		struct rd_sigv4_refusal refusal = {.why = (enum rd_sigv4_why)why, .skew_s = 300};

		refusal.now_s = REQUEST_TIME;
		assert_non_null(strstr(rd_sigv4_type(refusal.why), "Exception"));
		assert_ok(rd_sigv4_message(&refusal, &out));
		assert_true(out.used > 10);
	}
	assert_string_equal(rd_sigv4_type(RD_SIGV4_UNKNOWN_KEY), "UnrecognizedClientException");
	assert_string_equal(rd_sigv4_type(RD_SIGV4_WRONG_TOKEN), "UnrecognizedClientException");
	assert_string_equal(rd_sigv4_type(RD_SIGV4_EXPIRED_TOKEN), "ExpiredTokenException");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_what_botocore_signed),
		cmocka_unit_test(canonical_hashes_and_key_are_those_of_the_vectors),
		cmocka_unit_test(accepts_the_vector_with_a_session_token),
		cmocka_unit_test(component_order_and_blanks_do_not_matter),
		cmocka_unit_test(every_flipped_digit_of_the_signature_is_a_mismatch),
		cmocka_unit_test(a_change_of_anything_signed_is_a_mismatch),
		cmocka_unit_test(another_secret_is_a_mismatch),
		cmocka_unit_test(each_bad_authorization_has_its_own_refusal),
		cmocka_unit_test(an_endless_authorization_is_too_long),
		cmocka_unit_test(what_is_acted_on_may_be_there_once),
		cmocka_unit_test(presigned_requests_are_refused),
		cmocka_unit_test(the_clock_may_differ_by_the_skew_and_no_more),
		cmocka_unit_test(a_request_needs_one_good_date),
		cmocka_unit_test(http_s_date_is_taken_when_signed),
		cmocka_unit_test(a_stated_body_hash_must_be_right),
		cmocka_unit_test(own_signatures_are_botocore_s),
		cmocka_unit_test(signing_needs_host_and_date),
		cmocka_unit_test(overlong_secrets_are_refused),
		cmocka_unit_test(messages_name_what_is_wrong),
		cmocka_unit_test(every_refusal_has_a_type_and_a_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
