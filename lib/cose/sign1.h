/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COSE_Sign1 (RFC 9052 4.2) as Nitro writes it: [protected, unprotected, payload, signature] with
 * the one protected header {1: alg}, an empty unprotected map, and no tag.
 *
 * Reading takes tag 18 or none. The algorithm comes from the protected header and nowhere else;
 * any other protected header, crit among them, is refused. The signature covers the bytes as they
 * came: nothing is re-encoded before hashing.
 */
#ifndef RD_COSE_SIGN1_H
#define RD_COSE_SIGN1_H

#include "crypto/ec.h"

enum rd_cose_alg {
	RD_COSE_ES256 = -7,
	RD_COSE_ES384 = -35,
	RD_COSE_ES512 = -36,
};

/* Sig_structure's bytes before the payload: array, "Signature1", protected, empty aad, a head. */
#define RD_COSE_SIG_PREFIX_MAX 64
/* What a COSE_Sign1 of ours adds to its payload, at most. */
#define RD_COSE_OVERHEAD_MAX (32 + RD_EC_SIGNATURE_SIZE_MAX)

struct rd_cose_sign1 {
	enum rd_cose_alg alg;
	bool tagged;
	struct rd_view protected_header; /* content of the byte string */
	struct rd_view payload;
	struct rd_view signature; /* r || s; its length is rd_cose_verify's to judge */
};

/* For the NIST curves only. */
enum rd_cose_alg rd_cose_alg_of(enum rd_ec_curve curve);

/*
 * The whole input is one COSE_Sign1 (RD_TRAILING otherwise). Of the protected header: RD_MISSING:
 * no alg; RD_BAD_ALG: not one of the three; RD_UNKNOWN_CRITICAL: crit is there; RD_FORBIDDEN: any
 * other header, or not a map in strict form. RD_UNSUPPORTED: a nil (detached) payload.
 */
enum rd_status rd_cose_sign1_decode(struct rd_view input, struct rd_cose_sign1 *ret) RD_MUST_USE;

/* RD_WRONG_KEY if key's curve is not alg's; RD_BAD_SIGNATURE if it did not sign this. */
enum rd_status rd_cose_sign1_verify(const struct rd_cose_sign1 *sign1, const struct rd_ec_key *key)
	RD_MUST_USE;

/* Appends the untagged COSE_Sign1 of payload, signed with key, alg by key's curve. */
enum rd_status rd_cose_sign1_sign(
	struct rd_view payload, const struct rd_ec_key *key, struct rd_buf *out) RD_MUST_USE;

/*
 * The same with the key elsewhere (an HSM, a remote service): sign gets the digest of Sig_structure
 * made with curve's digest, and writes rd_ec_signature_size(curve) bytes of r || s.
 */
typedef enum rd_status rd_cose_signer(void *ctx, struct rd_view digest, uint8_t *ret_rs);
enum rd_status rd_cose_sign1_sign_with(struct rd_view payload, enum rd_ec_curve curve,
	rd_cose_signer *sign, void *ctx, struct rd_buf *out) RD_MUST_USE;

#endif
