/* SPDX-License-Identifier: Apache-2.0 */
/* The Recipient parameter of a call: read with the others, its document verified after them. */
#ifndef KMS_RECIPIENT_PARAM_H
#define KMS_RECIPIENT_PARAM_H

#include "kms/authorize.h"
#include "kms/params.h"

struct kms_recipient_param {
	bool given;
	struct rd_buf document;
};

void kms_recipient_param_finish(struct kms_recipient_param *param);

/* Broken constraints are noted in p. */
void kms_recipient_param_read(struct kms_params *p, struct kms_recipient_param *ret);

/*
 * After kms_params_end: verifies the document and sets call->attested, or the fault
 * ValidationException and call->attested_why. RD_OK with nothing set when there is no Recipient.
 */
enum rd_status kms_recipient_param_verify(
	struct kms_call *call, const struct kms_recipient_param *param) RD_MUST_USE;

/*
 * Both at once, for operations to which the API gives no Recipient: only if the key's policy asks
 * for a document (kms_attestation_applies). Otherwise the member is one that nobody knows.
 */
enum rd_status kms_recipient_param_take(
	struct kms_call *call, const char *action, const struct kms_cached_key *key) RD_MUST_USE;

#endif
