/* SPDX-License-Identifier: Apache-2.0 */
/* A call's request: checked, as JSON, bound to its document, signed. */
#ifndef RDKMS_REQUEST_H
#define RDKMS_REQUEST_H

#include "base/error.h"
#include "crypto/digest.h"
#include "kmstool/endpoint.h"
#include "kmstool/rdkms.h"

/* A document, ten grant tokens of 8 KiB with every character escaped, a context that needs six
 * bytes for each of its own, and the rest: 250 KB. */
#define RDKMS_BODY_MAX (256u << 10)
/* A session token of 8 KiB twice over, and a dozen headers. */
#define RDKMS_HEAD_MAX   32768
#define RDKMS_TOKEN_MAX  8192
#define RDKMS_AKID_MAX   128
#define RDKMS_SECRET_MAX 128
#define RDKMS_USER_AGENT "redoubt-kmstool"

struct rdkms_credentials {
	const char *access_key_id;
	const char *secret_access_key;
	const char *session_token; /* NULL: none */
};

/* "Decrypt" */
const char *rdkms_operation_name(enum rdkms_operation operation);
/* Whether the operation has a Recipient. */
bool rdkms_operation_is_attested(enum rdkms_operation operation);
/* How long the plaintext must be; 0: any length that is not 0. */
size_t rdkms_request_length(const struct rdkms_request *request);

/* RD_USAGE: err names the member. */
enum rd_status rdkms_request_check(const struct rdkms_request *request, struct rd_error *err)
	RD_MUST_USE;

/* Appends the body of a request that was checked. document may be absent. RD_USAGE: text that is
 * not UTF-8. */
enum rd_status rdkms_request_write(const struct rdkms_request *request, struct rd_view document,
	struct rd_buf *out, struct rd_error *err) RD_MUST_USE;

/* What user_data is in request-bound mode: rdkms.h, bind_request. A Recipient in
 * body counts for nothing. RD_MALFORMED: not what rdkms_request_write gives. */
enum rd_status rdkms_request_digest(enum rdkms_operation operation, struct rd_view body,
	uint8_t ret_digest[RD_SHA256_SIZE]) RD_MUST_USE;

/* RD_USAGE: a character that no header may have, or too long. */
enum rd_status rdkms_credentials_check(
	const struct rdkms_credentials *credentials, struct rd_error *err) RD_MUST_USE;

/* Appends the request's head, signed at now_s. */
enum rd_status rdkms_request_sign(enum rdkms_operation operation,
	const struct rdkms_endpoint *endpoint, const struct rdkms_credentials *credentials,
	int64_t now_s, struct rd_view body, struct rd_buf *out) RD_MUST_USE;

#endif
