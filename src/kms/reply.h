/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer of a cryptographic operation, member by member. The first failure is remembered and
 * kms_reply_end hands the answer to the call, or makes a fault of it and leaves no answer.
 */
#ifndef KMS_REPLY_H
#define KMS_REPLY_H

#include "aws/json_out.h"
#include "kms/call.h"

struct kms_reply {
	struct kms_call *call;
	struct rd_json_out out; /* into call->answer */
};

void kms_reply_begin(struct kms_reply *reply, struct kms_call *call);
enum rd_status kms_reply_end(struct kms_reply *reply) RD_MUST_USE;

/* NULL adds nothing. */
void kms_reply_text(struct kms_reply *reply, const char *name, const char *value);
void kms_reply_true(struct kms_reply *reply, const char *name);
void kms_reply_json(struct kms_reply *reply, const char *name, json_t *value); /* steals value */
void kms_reply_blob(struct kms_reply *reply, const char *name, struct rd_view bytes);

/*
 * A secret of the answer. For an attested call it is sealed for the document's key and becomes
 * CiphertextForRecipient, and there is no member of that name, not even null (3.1).
 */
void kms_reply_secret(struct kms_reply *reply, const char *name, struct rd_view secret);

#endif
