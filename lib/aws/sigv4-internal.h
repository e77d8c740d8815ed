/* SPDX-License-Identifier: Apache-2.0 */
/* What verifying and signing share. */
#ifndef RD_AWS_SIGV4_INTERNAL_H
#define RD_AWS_SIGV4_INTERNAL_H

#include "aws/sigv4.h"

#define RD_SIGV4_ALGORITHM  "AWS4-HMAC-SHA256"
#define RD_SIGV4_TERMINATOR "aws4_request"

/* The one header of that name, absent when there is none; RD_DUPLICATE when there are more. */
enum rd_status rd_sigv4_header(const struct rd_sigv4_request *req, const char *name,
	struct rd_view *ret_value) RD_MUST_USE;

/* A received name, in any case, against one in lower case. */
bool rd_sigv4_name_is(struct rd_view received, struct rd_view lowercase);

/* HTTP's Date, strictly: RD_MALFORMED. */
enum rd_status rd_sigv4_parse_http_date(struct rd_view text, int64_t *ret_unix_s) RD_MUST_USE;

/* Steps 5 and 6, and the MAC of step 8 over them. time has yyyymmddThhmmssZ. */
enum rd_status rd_sigv4_mac(const struct rd_sigv4_request *req, const struct rd_sigv4_claim *claim,
	const uint8_t key[RD_SIGV4_KEY_SIZE], uint8_t ret_mac[RD_SHA256_SIZE]) RD_MUST_USE;

#endif
