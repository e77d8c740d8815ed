/* SPDX-License-Identifier: Apache-2.0 */
/* Members of questions at the service door. */
#include "kms/service-internal.h"

#include "aws/arn.h"

#include <string.h>

enum rd_status kms_service_invalid(struct kms_call *call, const char *name, const char *must)
{
	return kms_fail(call, KMS_FAULT_VALIDATION, "\"%s\" must be %s", name, must);
}

enum rd_status kms_service_text(struct kms_call *call, json_t *object, const char *name,
	bool required, size_t max, const char **ret)
{
	json_t *member = json_object_get(object, name);

	*ret = "";
	if (member == NULL && !required) {
		return RD_OK;
	}
	if (!json_is_string(member)) {
		return kms_service_invalid(call, name, "a string");
	}
	if (json_string_length(member) > max || (required && json_string_length(member) == 0)) {
		return kms_fail(
			call, KMS_FAULT_VALIDATION, "\"%s\" must have 1 to %zu bytes", name, max);
	}
	*ret = json_string_value(member);
	return RD_OK;
}

enum rd_status kms_service_account(struct kms_call *call, const char **ret)
{
	RD_TRY(kms_service_text(call, call->in, "account", true, KMS_ACCOUNT_SIZE - 1, ret));
	return rd_aws_account_is_valid(rd_view_str(*ret))
		       ? RD_OK
		       : kms_service_invalid(call, "account", "12 digits");
}
