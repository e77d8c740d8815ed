/* SPDX-License-Identifier: Apache-2.0 */
/* The encryption context of a request: as it came, for policies and the record, and in the one
 * encoding that ciphertexts are bound to. Source: the KMS reference, section 2.11. */
#ifndef KMS_ENCRYPTION_CONTEXT_H
#define KMS_ENCRYPTION_CONTEXT_H

#include "kms/params.h"

struct kms_encryption_context {
	json_t *json; /* of call->in; NULL when absent or empty, which is the same */
	struct rd_buf encoded;
};

void kms_encryption_context_finish(struct kms_encryption_context *context);

/*
 * Reads a member of the request. Wrong forms are noted in p; RD_LIMIT and RD_MISSING come with the
 * fault ValidationException: more than RD_CONTEXT_SIZE_MAX bytes, an empty key.
 */
enum rd_status kms_encryption_context_read(
	struct kms_params *p, const char *name, struct kms_encryption_context *ret) RD_MUST_USE;

#endif
