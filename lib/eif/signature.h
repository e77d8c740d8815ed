/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signature section: CBOR [ { "signing_certificate": PEM bytes, "signature": COSE_Sign1 bytes }
 * ], where bytes are arrays of integers (AWS's serializer writes them so), the COSE payload {
 * "register_index": 0, "register_value": PCR0 }, and the algorithm follows from the key's curve.
 */
#ifndef RD_EIF_SIGNATURE_H
#define RD_EIF_SIGNATURE_H

#include "base/error.h"
#include "eif/measure.h"

/* A section of RD_EIF_SIGNATURE_MAX holds at most this many bytes of PEM and COSE together. */
#define RD_EIF_SIGNATURE_BYTES_MAX RD_EIF_SIGNATURE_MAX

/* Opened: what the section says, its signature checked against its certificate's key. */
struct rd_eif_signature {
	uint8_t *cert_der; /* heap, owned; rd_eif_signature_finish */
	size_t cert_der_len;
	bool covers_pcr0; /* register_index is 0 and register_value is this image's PCR0 */
	uint8_t pcr8[RD_EIF_PCR_SIZE];
	int64_t not_before_s; /* of the certificate, seconds since the epoch */
	int64_t not_after_s;
};

/*
 * Parses the section and verifies the COSE signature. RD_MALFORMED and its kin for bad CBOR,
 * RD_BAD_ALG for an algorithm that is not the key's, RD_WRONG_KEY for a key that is not P-256,
 * P-384 or P-521, RD_BAD_SIGNATURE. A valid signature over another PCR0 is no error: covers_pcr0 is
 * false.
 */
enum rd_status rd_eif_signature_open(struct rd_view section, const uint8_t pcr0[RD_EIF_PCR_SIZE],
	struct rd_eif_signature *ret_signature, struct rd_error *err) RD_MUST_USE;
void rd_eif_signature_finish(struct rd_eif_signature *signature);

/*
 * What run-enclave demands of a signed image: covers_pcr0 (else RD_BAD_SIGNATURE) and a certificate
 * in its validity at now_s (else RD_NOT_YET_VALID, RD_EXPIRED).
 */
enum rd_status rd_eif_signature_check(
	const struct rd_eif_signature *signature, int64_t now_s, struct rd_error *err) RD_MUST_USE;

/*
 * Makes the section: cert_pem is kept verbatim, its first certificate must hold the public half of
 * key_pem (else RD_WRONG_KEY). RD_LIMIT when the section would exceed RD_EIF_SIGNATURE_MAX.
 */
enum rd_status rd_eif_signature_make(struct rd_view cert_pem, struct rd_view key_pem,
	const uint8_t pcr0[RD_EIF_PCR_SIZE], struct rd_buf *out, struct rd_error *err) RD_MUST_USE;

#endif
