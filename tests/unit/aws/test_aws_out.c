/* SPDX-License-Identifier: Apache-2.0 */
/* Replies: JSON, XML and errors, byte for byte. */
#include "test.h"

#include "aws/error.h"
#include "aws/json_out.h"
#include "aws/xml_out.h"

static void assert_text(struct rd_buf *out, const char *want)
{
	assert_ok(rd_buf_u8(out, '\0'));
	assert_string_equal((const char *)out->ptr, want);
	out->used = 0;
}

static void json_is_written_member_by_member(void **state)
{
	struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(4096);
	struct rd_json_out j = rd_json_out(&out);

	(void)state;
	rd_json_out_object(&j, NULL);
	rd_json_out_str(&j, "KeyId", "a\"b\\c\n\x7f\xc3\xa4/");
	rd_json_out_str(&j, "Absent", NULL);
	rd_json_out_string(&j, "Empty", rd_view_str(""));
	rd_json_out_base64(&j, "Plaintext", rd_view_str("abcd"));
	rd_json_out_base64(&j, "NoBlob", rd_view(NULL, 0));
	rd_json_out_time(&j, "CreationDate", 1700000000123);
	rd_json_out_time(&j, "Whole", 1700000000007);
	rd_json_out_bool(&j, "Truncated", false);
	rd_json_out_list(&j, "Keys");
	rd_json_out_object(&j, NULL);
	rd_json_out_end(&j);
	rd_json_out_int(&j, NULL, INT64_MIN);
	rd_json_out_list(&j, NULL);
	rd_json_out_end(&j);
	rd_json_out_end(&j);
	rd_json_out_pair(&j, rd_view_str("k\t"), rd_view_str("v"));
	rd_json_out_end(&j);
	assert_ok(rd_json_out_finish(&j));
	assert_text(&out,
		"{\"KeyId\":\"a\\\"b\\\\c\\u000a\\u007f\xc3\xa4/\",\"Empty\":\"\",\"Plaintext\":"
		"\"YWJjZA==\",\"CreationDate\":1700000000.123,\"Whole\":1700000000.007,"
		"\"Truncated\":false,\"Keys\":[{},-9223372036854775808,[]],\"k\\u0009\":\"v\"}");
}

/* Each ASCII character at each place of texts around those lengths that are taken at a time. */
static void json_text_is_escaped_wherever_it_has_to_be(void **state)
{
	struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(4096);

	(void)state;
	for (size_t len = 1; len <= 18; len++) {
		for (size_t at = 0; at < len; at++) {
			for (unsigned c = 1; c < 0x80; c++) {
				struct rd_json_out j = rd_json_out(&out);
				char text[19] = "abcdefghijklmnopqr", want[32], shown[8];

				text[len] = '\0';
				text[at] = (char)c;
				snprintf(shown, sizeof(shown),
					c == '"' || c == '\\'   ? "\\%c"
					: c < 0x20 || c == 0x7f ? "\\u%04x"
								: "%c",
					c);
				snprintf(want, sizeof(want), "\"%.*s%s%s\"", (int)at, text, shown,
					text + at + 1);
				rd_json_out_str(&j, NULL, text);
				assert_ok(rd_json_out_finish(&j));
				assert_text(&out, want);
			}
		}
	}
}

static void json_writers_remember_the_first_failure(void **state)
{
	uint8_t storage[8];
	struct rd_buf small = rd_buf_fixed(storage, sizeof(storage));
	struct rd_json_out j = rd_json_out(&small);
	struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(4096);

	(void)state;
	rd_json_out_object(&j, NULL);
	rd_json_out_str(&j, "name", "value");
	rd_json_out_int(&j, "n", 1);
	rd_json_out_end(&j);
	assert_status(rd_json_out_finish(&j), RD_NOSPACE);
	j = rd_json_out(&out);
	rd_json_out_object(&j, NULL);
	rd_json_out_str(&j, "name", "\xff");
	rd_json_out_end(&j);
	assert_status(rd_json_out_finish(&j), RD_MALFORMED);
}

static void error_bodies_have_aws_s_shape(void **state)
{
	struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(4096);
	struct rd_view text = rd_view_str("Key 'x' does not exist");

	(void)state;
	assert_ok(rd_aws_error_json("NotFoundException", text, &out));
	assert_text(
		&out, "{\"__type\":\"NotFoundException\",\"message\":\"Key 'x' does not exist\"}");
	assert_ok(rd_aws_error_json("AccessDeniedException", text, &out));
	assert_text(&out,
		"{\"__type\":\"AccessDeniedException\",\"Message\":\"Key 'x' does not exist\"}");
	assert_ok(rd_aws_error_json("InvalidCiphertextException", text, &out));
	assert_text(&out, "{\"__type\":\"InvalidCiphertextException\"}");
	assert_ok(rd_aws_error_json("KMSInvalidMacException", text, &out));
	assert_text(&out, "{\"__type\":\"KMSInvalidMacException\"}");
	assert_ok(rd_aws_error_json("UnsupportedOperationException", rd_view(NULL, 0), &out));
	assert_text(&out, "{\"__type\":\"UnsupportedOperationException\"}");
	assert_status(
		rd_aws_error_json("NotFoundException", rd_view_str("\xff"), &out), RD_MALFORMED);
}

static void client_faults_are_400(void **state)
{
	(void)state;
	assert_int_equal(rd_aws_error_http_status("NotFoundException"), 400);
	assert_int_equal(rd_aws_error_http_status("AccessDeniedException"), 400);
	assert_int_equal(rd_aws_error_http_status("ThrottlingException"), 400);
	assert_int_equal(rd_aws_error_http_status("KMSInternalException"), 500);
	assert_int_equal(rd_aws_error_http_status("DependencyTimeoutException"), 500);
	assert_int_equal(rd_aws_error_http_status("KeyUnavailableException"), 500);
	assert_int_equal(rd_aws_error_http_status("InternalFailure"), 500);
	assert_int_equal(rd_aws_error_http_status("ServiceUnavailableException"), 503);
}

static void xml_replies_are_escaped_and_closed(void **state)
{
	struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(4096);
	struct rd_xml_out x = rd_xml_out(&out);

	(void)state;
	rd_xml_out_reply(&x, "GetUserResponse", "GetUserResult", RD_IAM_XMLNS);
	rd_xml_out_begin(&x, "User");
	rd_xml_out_str(&x, "UserName", "a<b>&\"c\"\r\n\xc3\xa4");
	rd_xml_out_str(&x, "Absent", NULL);
	rd_xml_out_time(&x, "CreateDate", 1767225600);
	rd_xml_out_int(&x, "MaxSessionDuration", 3600);
	rd_xml_out_bool(&x, "IsTruncated", false);
	rd_xml_out_uri(&x, "PolicyDocument", rd_view_str("{\"a\": 1}"));
	rd_xml_out_reply_end(&x, "id-1");
	assert_ok(rd_xml_out_finish(&x));
	assert_text(&out,
		"<GetUserResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">"
		"<GetUserResult><User><UserName>a&lt;b&gt;&amp;&quot;c&quot;&#xD;\n\xc3\xa4"
		"</UserName><CreateDate>2026-01-01T00:00:00Z</CreateDate><MaxSessionDuration>3600"
		"</MaxSessionDuration><IsTruncated>false</IsTruncated><PolicyDocument>"
		"%7B%22a%22%3A%201%7D</PolicyDocument></User></GetUserResult><ResponseMetadata>"
		"<RequestId>id-1</RequestId></ResponseMetadata></GetUserResponse>");
}

static void xml_errors_say_whose_fault_it_is(void **state)
{
	struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(4096);

	(void)state;
	assert_ok(rd_aws_error_xml(
		RD_STS_XMLNS, "AccessDenied", 403, rd_view_str("no"), "id-1", &out));
	assert_text(&out,
		"<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>"
		"Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error><RequestId>"
		"id-1</RequestId></ErrorResponse>");
	assert_ok(rd_aws_error_xml(
		RD_IAM_XMLNS, "ServiceFailure", 500, rd_view(NULL, 0), "id-1", &out));
	assert_ok(rd_buf_u8(&out, '\0'));
	assert_non_null(strstr((const char *)out.ptr, "<Type>Receiver</Type>"));
}

static void xml_refuses_what_it_cannot_hold(void **state)
{
	static const char *const bad[] = {"\x01", "\x1f", "\xef\xbf\xbf", "\xff"};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(bad); i++) {
		struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(4096);
		struct rd_xml_out x = rd_xml_out(&out);

		rd_xml_out_begin(&x, "a");
		rd_xml_out_str(&x, "b", bad[i]);
		rd_xml_out_end(&x);
		assert_status(rd_xml_out_finish(&x), i == 3 ? RD_MALFORMED : RD_FORBIDDEN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_written_member_by_member),
		cmocka_unit_test(json_text_is_escaped_wherever_it_has_to_be),
		cmocka_unit_test(json_writers_remember_the_first_failure),
		cmocka_unit_test(error_bodies_have_aws_s_shape),
		cmocka_unit_test(client_faults_are_400),
		cmocka_unit_test(xml_replies_are_escaped_and_closed),
		cmocka_unit_test(xml_errors_say_whose_fault_it_is),
		cmocka_unit_test(xml_refuses_what_it_cannot_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
