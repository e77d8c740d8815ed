/* SPDX-License-Identifier: Apache-2.0 */
/* From a signed HTTP request to a caller (kms.md 1.4). */
#ifndef KMS_AUTH_H
#define KMS_AUTH_H

#include "http/request.h"
#include "kms/call.h"

/*
 * Sets call->who. On refusal the fault is one of reference 1.4's table and the status is of the
 * category RD_CAT_UNTRUSTED; call->who.service tells in which form to answer (kms_iam_fault for IAM
 * and STS). Any other failure is ours: KMSInternalException. Uses call's kms, db and now_ms.
 */
enum rd_status kms_authenticate(struct kms_call *call, const struct rd_http_request *request)
	RD_MUST_USE;

/*
 * The same for a request that was sent to another service of ours, which has asked. body_sha256: of
 * its body, RD_SHA256_SIZE bytes.
 */
enum rd_status kms_authenticate_for(struct kms_call *call, const struct rd_http_request *request,
	enum kms_service service, const uint8_t *body_sha256) RD_MUST_USE;

/*
 * Signing keys that were derived lately, so that a client's calls of one day cost one derivation.
 * Only keys under which a signature has verified are kept: strangers displace nothing.
 */
struct kms_signing_keys;

enum rd_status kms_signing_keys_new(struct kms_signing_keys **ret) RD_MUST_USE;
void kms_signing_keys_free(struct kms_signing_keys **keys); /* accepts NULL */

#endif
