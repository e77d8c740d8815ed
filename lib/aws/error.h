/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error replies of the JSON 1.1 protocol (kms.md 1.3): {"__type":"NotFoundException","message":"…"}
 *
 * Client faults are HTTP 400 whatever the service model says, our own are 500 or 503. The member is
 * called "message"; AccessDeniedException alone has "Message". Some errors have none, and give none
 * also when one is offered: what is wrong with a ciphertext is not for its sender.
 */
#ifndef RD_AWS_ERROR_H
#define RD_AWS_ERROR_H

#include "base/bytes.h"

#define RD_AWS_ERROR_STATUS_CLIENT 400

/* 400, 500 or 503. */
int rd_aws_error_http_status(const char *type);

/* True for the types that the real service answers without a message. */
bool rd_aws_error_is_silent(const char *type);

/* Appends the body; an absent message is left out. RD_MALFORMED when message is not UTF-8. */
enum rd_status rd_aws_error_json(const char *type, struct rd_view message, struct rd_buf *out)
	RD_MUST_USE;

/*
 * The same for the query protocol of IAM and STS: an ErrorResponse in the service's namespace, with
 * Type Sender below 500 and Receiver from there. code is the query protocol's ("NoSuchEntity").
 */
enum rd_status rd_aws_error_xml(const char *xmlns, const char *code, int http_status,
	struct rd_view message, const char *request_id, struct rd_buf *out) RD_MUST_USE;

#endif
