/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NSM requests and responses, as AWS's library writes them.
 *
 * One message is one CBOR item in serde's externally tagged form: a bare text for a variant without
 * fields, otherwise a map of one entry, variant name to a map of the fields in declaration order.
 * Encoders give exactly those bytes. Decoders take what AWS's own decoder takes and a peer may
 * reasonably send; see each one. Nothing here allocates, does I/O or needs a library, so the static
 * programs of the guest use it as it is.
 */
#ifndef RD_NSM_CODEC_H
#define RD_NSM_CODEC_H

#include "base/bytes.h"
#include "nsm/pcr.h"

#define RD_NSM_REQUEST_MAX   0x1000 /* the kernel driver's limits, linux/nsm.h */
#define RD_NSM_RESPONSE_MAX  0x3000
#define RD_NSM_RANDOM_SIZE   256 /* bytes in one GetRandom response */
#define RD_NSM_MODULE_ID_MAX 100 /* libnsm's field, its NUL included */

/* Requests, and the responses to them; an error is a response only. */
enum rd_nsm_op {
	RD_NSM_DESCRIBE_PCR,
	RD_NSM_EXTEND_PCR,
	RD_NSM_LOCK_PCR,
	RD_NSM_LOCK_PCRS,
	RD_NSM_DESCRIBE_NSM,
	RD_NSM_ATTESTATION,
	RD_NSM_GET_RANDOM,
	RD_NSM_ERROR,
	RD_NSM_OP_COUNT
};

/* Values are libnsm's ErrorCode. */
enum rd_nsm_error {
	RD_NSM_E_SUCCESS,
	RD_NSM_E_INVALID_ARGUMENT,
	RD_NSM_E_INVALID_INDEX,
	RD_NSM_E_INVALID_RESPONSE,
	RD_NSM_E_READ_ONLY_INDEX,
	RD_NSM_E_INVALID_OPERATION,
	RD_NSM_E_BUFFER_TOO_SMALL,
	RD_NSM_E_INPUT_TOO_LARGE,
	RD_NSM_E_INTERNAL_ERROR,
	RD_NSM_E_COUNT
};

/* Values are libnsm's Digest. */
enum rd_nsm_digest { RD_NSM_SHA256, RD_NSM_SHA384, RD_NSM_SHA512, RD_NSM_DIGEST_COUNT };

/* "InvalidIndex" and so on; "?" for a value out of range. */
const char *rd_nsm_op_name(enum rd_nsm_op op);
const char *rd_nsm_error_name(enum rd_nsm_error e);
const char *rd_nsm_digest_name(enum rd_nsm_digest d);

/* ptr NULL is CBOR null; present and empty is something else. */
struct rd_nsm_attest_request {
	struct rd_view user_data;
	struct rd_view nonce;
	struct rd_view public_key;
};

struct rd_nsm_request {
	enum rd_nsm_op op;
	uint16_t index;      /* DescribePCR, ExtendPCR, LockPCR; LockPCRs: the range, a count */
	struct rd_view data; /* ExtendPCR */
	struct rd_nsm_attest_request attest;
};

struct rd_nsm_description {
	uint16_t version_major;
	uint16_t version_minor;
	uint16_t version_patch;
	uint16_t max_pcrs;
	uint32_t locked; /* bit i: PCR i is locked */
	enum rd_nsm_digest digest;
	struct rd_view module_id;
};

struct rd_nsm_response {
	enum rd_nsm_op op; /* RD_NSM_ERROR: only error is set */
	enum rd_nsm_error error;
	bool lock;           /* DescribePCR */
	struct rd_view data; /* DescribePCR, ExtendPCR: the register; Attestation: the document;
				GetRandom: the bytes */
	struct rd_nsm_description description;
};

/*
 * Appends the request. RD_USAGE for an op that is no request, RD_NOSPACE when out is full: give it
 * a maximum of RD_NSM_REQUEST_MAX and that is the answer to "too large".
 */
enum rd_status rd_nsm_request_encode(const struct rd_nsm_request *req, struct rd_buf *out)
	RD_MUST_USE;

/*
 * Takes, beyond the exact form: fields in any order, unknown fields (skipped), absent Attestation
 * fields (null), null for the body of a request without fields, integers in any width, byte strings
 * in chunks, as text, or as arrays of integers below 256. Refuses everything else, duplicate fields
 * and trailing bytes included. Views point into in, or into scratch for a byte string that was not
 * in one piece: an rd_buf with room for in.len bytes, which must live as long as the request.
 */
enum rd_status rd_nsm_request_decode(
	struct rd_view in, struct rd_buf *scratch, struct rd_nsm_request *ret_req) RD_MUST_USE;

/* Appends the response; on failure out is as it was. RD_NOSPACE when it does not fit. */
enum rd_status rd_nsm_response_encode(const struct rd_nsm_response *res, struct rd_buf *out)
	RD_MUST_USE;

/*
 * Takes fields in any order, unknown fields and chunked byte strings; refuses a missing or
 * duplicate field, an unknown variant or error text, an indefinite outer map and any trailing byte,
 * as AWS's library does. The packed forms of serde_cbor, which no NSM is known to send, are refused
 * too. Views as above.
 */
enum rd_status rd_nsm_response_decode(
	struct rd_view in, struct rd_buf *scratch, struct rd_nsm_response *ret_res) RD_MUST_USE;

#endif
