/* SPDX-License-Identifier: Apache-2.0 */
/* Faults: what a caller is told (kms.md 1.3). */
#include "kms/call.h"

#include "aws/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[KMS_FAULT_COUNT] = {[KMS_FAULT_NONE] = "",
#define X(name, wire) [KMS_FAULT_##name] = (wire),
	KMS_FAULT_LIST(X)
#undef X
};

/* What the status of a failure is for the handler that only passes it on. */
static enum rd_status status_of(enum kms_fault_type type)
{
	switch (kms_fault_http(type)) {
	case 500:
		return RD_INTERNAL;
	case 503:
		return RD_LIMIT;
	default:
		return type == KMS_FAULT_NOT_FOUND ? RD_NOTFOUND : RD_DENIED;
	}
}

const char *kms_fault_name(enum kms_fault_type type)
{
	return type < KMS_FAULT_COUNT ? names[type] : "";
}

int kms_fault_http(enum kms_fault_type type)
{
	return rd_aws_error_http_status(kms_fault_name(type));
}

enum rd_status kms_fail(struct kms_call *call, enum kms_fault_type type, const char *message, ...)
{
	va_list args;

	call->fault.type = type;
	va_start(args, message);
	vsnprintf(call->fault.message, sizeof(call->fault.message), message, args);
	va_end(args);
	return status_of(type);
}
