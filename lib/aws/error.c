/* SPDX-License-Identifier: Apache-2.0 */
/* Error bodies. */
#include "aws/error.h"

#include "aws/json_out.h"
#include "aws/xml_out.h"

#include <string.h>

static bool is_one_of(const char *type, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(type, list[i]) == 0) {
			return true;
		}
	}
	return false;
}

int rd_aws_error_http_status(const char *type)
{
	static const char *const ours[] = {"KMSInternalException", "DependencyTimeoutException",
		"KeyUnavailableException", "InternalFailure"};

	if (strcmp(type, "ServiceUnavailableException") == 0) {
		return 503;
	}
	return is_one_of(type, ours, RD_ARRAY_LEN(ours)) ? 500 : RD_AWS_ERROR_STATUS_CLIENT;
}

bool rd_aws_error_is_silent(const char *type)
{
	static const char *const silent[] = {"InvalidCiphertextException",
		"KMSInvalidSignatureException", "KMSInvalidMacException", "NotAuthorizedException"};

	return is_one_of(type, silent, RD_ARRAY_LEN(silent));
}

enum rd_status rd_aws_error_json(const char *type, struct rd_view message, struct rd_buf *out)
{
	bool denied = strcmp(type, "AccessDeniedException") == 0;
	struct rd_json_out json = rd_json_out(out);

	rd_json_out_object(&json, NULL);
	rd_json_out_string(&json, "__type", rd_view_str(type));
	if (message.ptr != NULL && !rd_aws_error_is_silent(type)) {
		rd_json_out_string(&json, denied ? "Message" : "message", message);
	}
	rd_json_out_end(&json);
	return rd_json_out_finish(&json);
}

enum rd_status rd_aws_error_xml(const char *xmlns, const char *code, int http_status,
	struct rd_view message, const char *request_id, struct rd_buf *out)
{
	struct rd_xml_out xml = rd_xml_out(out);

	rd_xml_out_root(&xml, "ErrorResponse", xmlns);
	rd_xml_out_begin(&xml, "Error");
	rd_xml_out_str(&xml, "Type", http_status >= 500 ? "Receiver" : "Sender");
	rd_xml_out_str(&xml, "Code", code);
	if (message.ptr != NULL) {
		rd_xml_out_text(&xml, "Message", message);
	}
	rd_xml_out_end(&xml);
	rd_xml_out_str(&xml, "RequestId", request_id);
	rd_xml_out_end(&xml);
	return rd_xml_out_finish(&xml);
}
