/* SPDX-License-Identifier: Apache-2.0 */
/* What custodians signed, as one or the other: never both, and its parts are within their bounds.
 */
#include "enclave/request.h"
#include "wire/link.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dual_request export, policy;
	bool is_export = request_read(rd_view(data, size), true, &export) == RD_OK;
	bool is_policy = request_read(rd_view(data, size), false, &policy) == RD_OK;

	if ((is_export && is_policy) ||
		(is_export && (export.merchant.len > PAY_MERCHANT_MAX || export.token.len == 0 ||
				      export.reason.len > PAY_WORD_MAX)) ||
		(is_policy && policy.policy.len > PAY_POLICY_MAX)) {
		abort();
	}
	return 0;
}
