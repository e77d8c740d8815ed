/* SPDX-License-Identifier: Apache-2.0 */
/* GenerateRandom. No key, so no key policy: identity policies alone decide. Source: the KMS
 * reference, 2.2.1. */
#include "kms/ops.h"

#include "crypto/secret.h"
#include "kms/ask.h"
#include "kms/recipient_param.h"
#include "kms/reply.h"

#define RANDOM_MAX 1024

static enum rd_status read_params(
	struct kms_call *call, struct kms_recipient_param *recipient, size_t *ret_size)
{
	static const struct rd_json_string_rule store_rule = {.min = 1, .max = 64};
	const char *store;
	struct kms_params p;
	int64_t size;

	kms_params_begin(&p, call);
	size = kms_param_int(&p, "NumberOfBytes", 1, RANDOM_MAX, 0);
	store = kms_param_string(&p, "CustomKeyStoreId", &store_rule);
	kms_recipient_param_read(&p, recipient);
	RD_TRY(kms_params_end(&p));
	if (size == 0) {
		return kms_fail(call, KMS_FAULT_VALIDATION, "NumberOfBytes is required.");
	}
	if (store != NULL) {
		return kms_fail(
			call, KMS_FAULT_STORE_NOT_FOUND, "This server has no custom key stores.");
	}
	*ret_size = (size_t)size;
	return kms_recipient_param_verify(call, recipient);
}

enum rd_status kms_op_generate_random(struct kms_call *call)
{
	struct kms_recipient_param recipient RD_CLEANUP(kms_recipient_param_finish) = {
		.given = false};
	struct rd_secret random RD_CLEANUP(rd_secret_finish) = {.ptr = NULL};
	struct kms_reply reply;
	struct kms_ask ask;
	size_t size = 0;

	RD_TRY(read_params(call, &recipient, &size));
	kms_ask_begin(&ask, "kms:GenerateRandom", NULL);
	RD_TRY(kms_ask(call, &ask));
	RD_TRY(kms_settle(call, rd_secret_init(&random, size)));
	RD_TRY(kms_settle(call, rd_secret_random(&random, size)));
	kms_reply_begin(&reply, call);
	kms_reply_secret(&reply, "Plaintext", rd_secret_view(&random));
	return kms_reply_end(&reply);
}
