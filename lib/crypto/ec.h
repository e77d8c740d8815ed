/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elliptic-curve keys on the three NIST curves that attestation and image signing use, and ECDSA
 * with signatures in the fixed-width form r || s.
 *
 * A struct rd_ec_key holds a public key and perhaps its private half. Each curve has one digest
 * (P-256 SHA-256, P-384 SHA-384, P-521 SHA-512), as in COSE's ES256, ES384 and ES512. Signatures
 * are neither made nor required to be low-S: half of all genuine documents are not.
 */
#ifndef RD_CRYPTO_EC_H
#define RD_CRYPTO_EC_H

#include "crypto/digest.h"

enum rd_ec_curve { RD_P256, RD_P384, RD_P521, RD_EC_CURVE_COUNT };

/* Width of one coordinate, and of each of r and s, on the widest curve. */
#define RD_EC_FIELD_SIZE_MAX     66
#define RD_EC_SIGNATURE_SIZE_MAX (2 * RD_EC_FIELD_SIZE_MAX)
#define RD_EC_POINT_SIZE_MAX     (1 + 2 * RD_EC_FIELD_SIZE_MAX)
/* SubjectPublicKeyInfo: the point, the algorithm identifier and DER heads; P-521 needs 158. */
#define RD_EC_SPKI_SIZE_MAX 192
/* A PEM file with one private key is under 500 bytes; more than this is not such a file. */
#define RD_EC_PEM_SIZE_MAX 16384

struct rd_ec_key;

enum rd_status rd_ec_key_generate(enum rd_ec_curve curve, struct rd_ec_key **ret) RD_MUST_USE;
/* Accepts NULL, wipes the private half, NULLs the caller's pointer. */
void rd_ec_key_free(struct rd_ec_key **key);

/*
 * PEM private key, PKCS#8 or SEC1, unencrypted. RD_MALFORMED: no such key in it; RD_WRONG_KEY: a
 * key of another kind or curve. The caller wipes the text.
 */
enum rd_status rd_ec_key_from_pem(struct rd_view pem, struct rd_ec_key **ret) RD_MUST_USE;
/* Appends the PKCS#8 PEM form; the buffer then holds a secret, which its owner wipes. */
enum rd_status rd_ec_key_to_pem(const struct rd_ec_key *key, struct rd_buf *out) RD_MUST_USE;

/* SubjectPublicKeyInfo DER, whole and with nothing behind it (RD_TRAILING), its point uncompressed
 * (RD_UNSUPPORTED). Public half only. */
enum rd_status rd_ec_key_from_spki(struct rd_view der, struct rd_ec_key **ret) RD_MUST_USE;
enum rd_status rd_ec_key_to_spki(const struct rd_ec_key *key, struct rd_buf *out) RD_MUST_USE;

/* Appends the uncompressed point 04 || X || Y. */
enum rd_status rd_ec_key_point(const struct rd_ec_key *key, struct rd_buf *out) RD_MUST_USE;

enum rd_ec_curve rd_ec_key_curve(const struct rd_ec_key *key);
bool rd_ec_key_has_private(const struct rd_ec_key *key);
/* The same point on the same curve, whether or not either has a private half. */
bool rd_ec_key_same(const struct rd_ec_key *a, const struct rd_ec_key *b);

enum rd_digest_alg rd_ec_digest(enum rd_ec_curve curve);
/* 64, 96 or 132 bytes. */
size_t rd_ec_signature_size(enum rd_ec_curve curve);

/*
 * Sign a message, or its digest made with rd_ec_digest(curve). Writes rd_ec_signature_size bytes;
 * a key without a private half is RD_USAGE.
 */
enum rd_status rd_ec_sign(const struct rd_ec_key *key, struct rd_view message, uint8_t *ret_rs)
	RD_MUST_USE;
enum rd_status rd_ec_sign_digest(
	const struct rd_ec_key *key, struct rd_view digest, uint8_t *ret_rs) RD_MUST_USE;

/* RD_BAD_SIGNATURE for a wrong signature, a wrong width, or r or s outside 1..n-1. */
enum rd_status rd_ec_verify(const struct rd_ec_key *key, struct rd_view message, struct rd_view rs)
	RD_MUST_USE;
enum rd_status rd_ec_verify_digest(
	const struct rd_ec_key *key, struct rd_view digest, struct rd_view rs) RD_MUST_USE;

#endif
