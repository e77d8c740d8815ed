/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of IAM and STS that accounts, users, roles and temporary credentials are managed with
 * (query protocol: a form in, XML out), and the first administrator. Source: the service models
 * 2010-05-08 and 2011-06-15.
 */
#ifndef KMS_IAM_H
#define KMS_IAM_H

#include "kms/call.h"

#include <stdio.h>

/* A page of a thousand users or policies, and a policy document percent-encoded. */
#define KMS_IAM_REPLY_MAX (4u << 20)

/*
 * Serves call->body, which kms_authenticate found signed for IAM or STS, and appends the reply's
 * XML in every case, also when it is a refusal (then the status is not RD_OK). call->decision holds
 * what was decided; call->out_secret is set when the reply holds a secret: wipe it. Writes to the
 * database: from a worker. out_xml: growable, up to KMS_IAM_REPLY_MAX, and empty.
 */
enum rd_status kms_iam_handle(struct kms_call *call, struct rd_buf *out_xml, int *ret_http)
	RD_MUST_USE;

/* The reply to a call with a fault, such as one that kms_authenticate refused; in the terms of IAM
 * and STS ("InvalidClientTokenId", 403). */
enum rd_status kms_iam_fault(const struct kms_call *call, struct rd_buf *out_xml, int *ret_http)
	RD_MUST_USE;

/* "arn:aws:iam::111122223333:instance-profile/path/name" */
enum rd_status kms_profile_arn(const char *partition, const struct kms_profile *profile,
	char ret_arn[KMS_ARN_SIZE]) RD_MUST_USE;

/*
 * On a database without users: makes the user "admin" of the configured account, who may do
 * everything, and an access key, and tells once, on `to`, how to use it. The secret is stored
 * wrapped only: it cannot be shown again. RD_EXISTS: there are users already.
 */
enum rd_status kms_first_admin(struct kms *kms, struct rd_db *db, FILE *to, struct rd_error *err)
	RD_MUST_USE;

#endif
