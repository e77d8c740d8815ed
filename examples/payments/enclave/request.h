/* SPDX-License-Identifier: Apache-2.0 */
/* What custodians sign: the CBOR arrays of an EXPORT and of a POLICY (wire/link.h, struct
 * pay_dual).
 */
#ifndef ENCLAVE_REQUEST_H
#define ENCLAVE_REQUEST_H

#include "base/bytes.h"

/* Views into the bytes; of an export all but policy, of a policy nonce and policy. */
struct dual_request {
	struct rd_view nonce, merchant, token, recipient, reason, policy;
};

/* RD_UNSUPPORTED: another label; RD_OUT_OF_RANGE, RD_LIMIT: a part's length; those of
 * cbor/decode.h. */
enum rd_status request_read(struct rd_view bytes, bool is_export, struct dual_request *ret)
	RD_MUST_USE;

#endif
