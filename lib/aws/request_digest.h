/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request-bound documents: an enclave that puts the digest of its request into the document's
 * user_data shows that it wrote this request, so that the host which carries it can change nothing
 * in it, the ciphertext among it, nor use the document for another. A policy asks for it with the
 * condition key redoubt:RequestBound.
 *
 * The digest is SHA-256 over: the operation's name as in X-Amz-Target ("Decrypt"), one line feed,
 * and the canonical form of the request's JSON object without its member "Recipient". Canonical is,
 * in RFC 8785's terms but for the order of names:
 *
 *	no white space; members in ascending order of their names' UTF-8 bytes
 *	strings in UTF-8, escaped only where JSON demands it: \" \\ \b \f \n \r \t, and \u00xx with
 *		lowercase digits for the other bytes below 20; blobs are base64 as they were sent
 *	whole numbers in decimal; true, false, null
 *
 * which is json.dumps(request, sort_keys=True, separators=(",", ":"), ensure_ascii=False) in
 * Python. A number with a fraction or exponent has no canonical form here: no operation with a
 * Recipient takes one.
 */
#ifndef RD_AWS_REQUEST_DIGEST_H
#define RD_AWS_REQUEST_DIGEST_H

#include "crypto/digest.h"

#include <jansson.h>

/* RD_UNSUPPORTED: a number that has no canonical form. request is an object, as rd_json_in_parse
 * gives it. */
enum rd_status rd_request_digest(
	const char *operation, json_t *request, uint8_t ret_digest[RD_SHA256_SIZE]) RD_MUST_USE;

#endif
