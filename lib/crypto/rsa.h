/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RSA keys of 2,048 to 4,096 bits: OAEP, PSS and PKCS#1 v1.5 signatures (RFC 8017).
 *
 * A struct rd_rsa_key holds a public key and perhaps its private half, which OpenSSL blinds and
 * wipes. MGF1 uses the scheme's own hash, OAEP's label is empty, PSS's salt has the hash's length.
 */
#ifndef RD_CRYPTO_RSA_H
#define RD_CRYPTO_RSA_H

#include "crypto/digest.h"
#include "crypto/secret.h"

#define RD_RSA_BITS_MIN 2048
#define RD_RSA_BITS_MAX 4096
/* Of the modulus in bytes, of a ciphertext and of a signature. */
#define RD_RSA_SIZE_MAX (RD_RSA_BITS_MAX / 8)
/* SubjectPublicKeyInfo of 4,096 bits has 550 bytes; an attestation document has room for 1,024. */
#define RD_RSA_SPKI_SIZE_MAX 1024
/* PKCS#8 of 4,096 bits has under 2,400 bytes. */
#define RD_RSA_PKCS8_SIZE_MAX 4096

struct rd_rsa_key;

/* bits is 2048, 3072 or 4096 (RD_USAGE); e = 65537. Takes from tenths of a second to seconds. */
enum rd_status rd_rsa_key_generate(unsigned bits, struct rd_rsa_key **ret) RD_MUST_USE;
/* Accepts NULL, wipes the private half, NULLs the caller's pointer. */
void rd_rsa_key_free(struct rd_rsa_key **key);

/*
 * An unencrypted PKCS#8 private key from outside, with nothing behind it (RD_TRAILING).
 * RD_WRONG_KEY: not rsaEncryption, not one of the three sizes, e not 65537, or its numbers do not
 * belong together (primes, exponents and CRT values are all checked, which takes tenths of a
 * second); RD_MALFORMED: not PKCS#8.
 */
enum rd_status rd_rsa_key_from_pkcs8(struct rd_view der, struct rd_rsa_key **ret) RD_MUST_USE;
/* The same for what we wrote ourselves and kept under a seal: without the slow check. */
enum rd_status rd_rsa_key_from_own_pkcs8(struct rd_view der, struct rd_rsa_key **ret) RD_MUST_USE;
/* Replaces what out holds; RD_USAGE without a private half, RD_NOSPACE when it does not fit. */
enum rd_status rd_rsa_key_to_pkcs8(const struct rd_rsa_key *key, struct rd_secret *out) RD_MUST_USE;

/*
 * SubjectPublicKeyInfo with rsaEncryption, in DER, nothing behind it (RD_TRAILING). RD_WRONG_KEY:
 * another kind of key, a modulus outside RD_RSA_BITS_MIN..MAX or even, e even, below 65537 or above
 * 64 bits (it sets what an encryption costs us). PKCS#1's RSAPublicKey is RD_MALFORMED.
 */
enum rd_status rd_rsa_key_from_spki(struct rd_view der, struct rd_rsa_key **ret) RD_MUST_USE;
enum rd_status rd_rsa_key_to_spki(const struct rd_rsa_key *key, struct rd_buf *out) RD_MUST_USE;

/* The modulus: bits, and whole bytes. */
unsigned rd_rsa_key_bits(const struct rd_rsa_key *key);
size_t rd_rsa_key_size(const struct rd_rsa_key *key);
bool rd_rsa_key_has_private(const struct rd_rsa_key *key);

enum rd_rsa_oaep { RD_OAEP_SHA1, RD_OAEP_SHA256, RD_OAEP_COUNT };

/* The longest plaintext: size - 2 * hash - 2. */
size_t rd_rsa_oaep_max(const struct rd_rsa_key *key, enum rd_rsa_oaep oaep);

/* Appends rd_rsa_key_size bytes. RD_LIMIT: plaintext longer than rd_rsa_oaep_max. */
enum rd_status rd_rsa_oaep_encrypt(const struct rd_rsa_key *key, enum rd_rsa_oaep oaep,
	struct rd_view plaintext, struct rd_buf *out) RD_MUST_USE;

/*
 * Replaces what out holds. Every failure that the ciphertext can cause, its length too, is
 * RD_UNTRUSTED, and nothing tells one from another (Manger's attack). RD_USAGE: no private half, or
 * out->cap below rd_rsa_oaep_max.
 */
enum rd_status rd_rsa_oaep_decrypt(const struct rd_rsa_key *key, enum rd_rsa_oaep oaep,
	struct rd_view ciphertext, struct rd_secret *out) RD_MUST_USE;

enum rd_rsa_scheme { RD_RSA_PSS, RD_RSA_PKCS1, RD_RSA_SCHEME_COUNT };

/* Appends rd_rsa_key_size bytes: the signature of a message, or of its digest made with alg
 * (RD_USAGE unless it has that size). RD_USAGE without a private half. */
enum rd_status rd_rsa_sign(const struct rd_rsa_key *key, enum rd_rsa_scheme scheme,
	enum rd_digest_alg alg, struct rd_view message, struct rd_buf *out) RD_MUST_USE;
enum rd_status rd_rsa_sign_digest(const struct rd_rsa_key *key, enum rd_rsa_scheme scheme,
	enum rd_digest_alg alg, struct rd_view digest, struct rd_buf *out) RD_MUST_USE;

/* RD_BAD_SIGNATURE for a wrong one, also for one of another length, scheme, digest or salt length.
 */
enum rd_status rd_rsa_verify(const struct rd_rsa_key *key, enum rd_rsa_scheme scheme,
	enum rd_digest_alg alg, struct rd_view message, struct rd_view signature) RD_MUST_USE;
enum rd_status rd_rsa_verify_digest(const struct rd_rsa_key *key, enum rd_rsa_scheme scheme,
	enum rd_digest_alg alg, struct rd_view digest, struct rd_view signature) RD_MUST_USE;

#endif
