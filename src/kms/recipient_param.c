/* SPDX-License-Identifier: Apache-2.0 */
/* Recipient: {"KeyEncryptionAlgorithm": …, "AttestationDocument": …} */
#include "kms/recipient_param.h"

#include <stdio.h>

static const char *const algorithms[] = {"RSAES_OAEP_SHA_256"};

void kms_recipient_param_finish(struct kms_recipient_param *param)
{
	rd_buf_finish(&param->document);
	*param = (struct kms_recipient_param){.given = false};
}

static enum rd_status read_members(const struct rd_json_in *in, struct kms_recipient_param *ret)
{
	const struct rd_json_blob_rule rule = {.required = true, .min = 1, .max = KMS_DOCUMENT_MAX};
	struct rd_view document;
	int algorithm;

	/* The model lets the algorithm be absent; nobody sends it so, and there is no default. */
	RD_TRY(rd_json_in_enum(in, "KeyEncryptionAlgorithm", true, algorithms,
		RD_ARRAY_LEN(algorithms), &algorithm));
	/* Room for two bytes more: see rd_json_in_blob. */
	ret->document = rd_buf_growable(KMS_DOCUMENT_MAX + 2);
	return rd_json_in_blob(in, "AttestationDocument", &rule, &ret->document, &document);
}

void kms_recipient_param_read(struct kms_params *p, struct kms_recipient_param *ret)
{
	struct rd_json_in in = {.object = NULL};
	enum rd_status st = rd_json_in_object(&p->in, "Recipient", false, &in);

	ret->given = st != RD_OK || in.object != NULL;
	if (st == RD_OK && in.object != NULL) {
		st = read_members(&in, ret);
	}
	if (p->st == RD_OK) {
		p->st = st;
	}
}

/* Only what verified: the log's directory is not for whoever likes to fill it. */
static enum rd_status keep(struct kms_call *call, struct rd_view document)
{
	char name[2 * RD_SHA256_SIZE + 1];

	return kms_audit_keep_document(call->kms->audit, document, name);
}

enum rd_status kms_recipient_param_verify(
	struct kms_call *call, const struct kms_recipient_param *param)
{
	const char *why = "";
	enum rd_status st;

	if (!param->given) {
		return RD_OK;
	}
	st = kms_recipient_verify(call->kms->recipients, rd_buf_view(&param->document),
		call->now_ms, &call->attested, &why);
	if (st == RD_UNTRUSTED) {
		/* Why is for the operator, who finds it in the record. */
		snprintf(call->attested_why, sizeof(call->attested_why), "%s", why);
		return kms_fail(call, KMS_FAULT_VALIDATION,
			"The attestation document in the request is not valid.");
	}
	if (st == RD_OK) {
		st = keep(call, rd_buf_view(&param->document));
	}
	return kms_settle(call, st);
}

enum rd_status kms_recipient_param_take(
	struct kms_call *call, const char *action, const struct kms_cached_key *key)
{
	struct kms_recipient_param param RD_CLEANUP(kms_recipient_param_finish) = {.given = false};
	struct kms_params p;

	if (!kms_attestation_applies(action, key)) {
		return RD_OK;
	}
	kms_params_begin(&p, call);
	kms_recipient_param_read(&p, &param);
	RD_TRY(kms_params_end(&p));
	return kms_recipient_param_verify(call, &param);
}
