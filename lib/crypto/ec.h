/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elliptic-curve keys: the three NIST curves that attestation and image signing use, and secp256k1;
 * ECDSA with signatures in the fixed-width form r || s (COSE) and in DER (KMS), and ECDH.
 *
 * A struct rd_ec_key holds a public key and perhaps its private half. Each curve has one digest
 * (P-256 and secp256k1 SHA-256, P-384 SHA-384, P-521 SHA-512), as in COSE's ES256, ES384 and ES512.
 * Signatures are neither made nor required to be low-S: half of all genuine documents are not.
 */
#ifndef RD_CRYPTO_EC_H
#define RD_CRYPTO_EC_H

#include "crypto/digest.h"
#include "crypto/secret.h"

/* secp256k1 is for keys that the key server makes or imports; whatever reads a public key, a PEM
 * file or a certificate takes the NIST curves, which come first. */
enum rd_ec_curve { RD_P256, RD_P384, RD_P521, RD_SECP256K1, RD_EC_CURVE_COUNT };
#define RD_EC_NIST_CURVE_COUNT 3

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

/*
 * Unencrypted PKCS#8 from outside, whole (RD_TRAILING). RD_WRONG_KEY: another kind of key, another
 * curve, explicit curve parameters, or a public half that is not the private one's.
 */
enum rd_status rd_ec_key_from_pkcs8(
	struct rd_view der, enum rd_ec_curve curve, struct rd_ec_key **ret) RD_MUST_USE;
/* Replaces what out holds; RD_USAGE without a private half, RD_NOSPACE when it does not fit. */
enum rd_status rd_ec_key_to_pkcs8(const struct rd_ec_key *key, struct rd_secret *out) RD_MUST_USE;

/* SubjectPublicKeyInfo DER, whole and with nothing behind it (RD_TRAILING), its point uncompressed
 * (RD_UNSUPPORTED). Public half only. */
enum rd_status rd_ec_key_from_spki(struct rd_view der, struct rd_ec_key **ret) RD_MUST_USE;
enum rd_status rd_ec_key_to_spki(const struct rd_ec_key *key, struct rd_buf *out) RD_MUST_USE;

/* The uncompressed point 04 || X || Y, public half only. RD_MALFORMED: another length or form;
 * RD_WRONG_KEY: no point of the curve. */
enum rd_status rd_ec_key_from_point(
	enum rd_ec_curve curve, struct rd_view point, struct rd_ec_key **ret) RD_MUST_USE;
/* Appends it. */
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

/* SEQUENCE head (3) and two INTEGERs (head 2 or 3, sign byte 1, value). */
#define RD_EC_DER_SIGNATURE_MAX (3 + 2 * (3 + 1 + RD_EC_FIELD_SIZE_MAX))

/* The same with signatures as DER SEQUENCE { INTEGER r, INTEGER s }: appends at most
 * RD_EC_DER_SIGNATURE_MAX bytes; anything but DER is RD_BAD_SIGNATURE. */
enum rd_status rd_ec_sign_digest_der(
	const struct rd_ec_key *key, struct rd_view digest, struct rd_buf *out) RD_MUST_USE;
enum rd_status rd_ec_verify_digest_der(
	const struct rd_ec_key *key, struct rd_view digest, struct rd_view der) RD_MUST_USE;

/*
 * ECDH: replaces what out holds by the x coordinate of the shared point at the field's full width
 * (SP 800-56A 5.7.1.2). RD_WRONG_KEY: peer is on another curve, or is no point of the right order;
 * RD_USAGE: no private half; RD_NOSPACE: out is too small.
 */
enum rd_status rd_ec_derive(const struct rd_ec_key *key, const struct rd_ec_key *peer,
	struct rd_secret *out) RD_MUST_USE;

#endif
