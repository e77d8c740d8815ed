/* SPDX-License-Identifier: Apache-2.0 */
/* Questions of the cryptographic operations. */
#include "kms/ask.h"

#include "aws/request_digest.h"
#include "base/secret.h"
#include "kms/params.h"

void kms_ask_begin(struct kms_ask *ask, const char *action, const struct kms_cached_key *key)
{
	*ask = (struct kms_ask){.question = {.action = action,
					.key = key,
					.resource = key == NULL ? "*" : NULL,
					.grants_apply = key != NULL}};
}

void kms_ask_fact(struct kms_ask *ask, const char *name, const char *value)
{
	struct kms_question *q = &ask->question;

	if (value == NULL) {
		return;
	}
	assert(q->n_facts < KMS_FACTS_MAX);
	ask->values[q->n_facts] = value;
	q->facts[q->n_facts] = (struct kms_fact){
		.name = name, .values = &ask->values[q->n_facts], .n_values = 1};
	q->n_facts++;
}

/* A request without canonical form is bound to no document. */
static enum rd_status is_bound(struct kms_call *call, bool *ret)
{
	const struct kms_attested *attested = &call->attested;
	uint8_t digest[RD_SHA256_SIZE];
	enum rd_status st;

	*ret = false;
	if (!attested->has_user_data || attested->user_data_len != sizeof(digest)) {
		return RD_OK;
	}
	st = rd_request_digest(call->op->name, call->in, digest);
	if (st == RD_UNSUPPORTED) {
		return RD_OK;
	}
	RD_TRY(st);
	*ret = rd_equal_constant_time(rd_view(digest, sizeof(digest)),
		rd_view(attested->user_data, attested->user_data_len));
	return RD_OK;
}

enum rd_status kms_ask(struct kms_call *call, struct kms_ask *ask)
{
	struct kms_attested *attested = &call->attested;

	if (attested->present) {
		RD_TRY(kms_settle(call, is_bound(call, &attested->bound)));
		kms_ask_fact(ask, "redoubt:AttestationRoot", attested->root_name);
		kms_ask_fact(ask, "redoubt:RequestBound", attested->bound ? "true" : "false");
	}
	return kms_authorize(call, &ask->question);
}
