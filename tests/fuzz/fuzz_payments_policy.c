/* SPDX-License-Identifier: Apache-2.0 */
/* The enclave's JSON, a policy or a configuration: nothing breaks, and what is accepted is within
 * its bounds. */
#include "enclave/config.h"
#include "enclave/policy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy policy = {0};
	struct rd_error err;
	struct config config;

	if (policy_parse(rd_view(data, size), &policy, &err) == RD_OK &&
		(policy.n_custodians < POLICY_CUSTODIANS_MIN || policy.version == 0 ||
			policy.n_currencies == 0)) {
		abort();
	}
	policy_finish(&policy);
	if (config_parse(rd_view(data, size), &config, &err) == RD_OK &&
		(config.version == 0 || config.kms.region[0] == '\0')) {
		abort();
	}
	return 0;
}
