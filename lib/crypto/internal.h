/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of lib/crypto alone: the only header of ours that names OpenSSL's types. */
#ifndef RD_CRYPTO_INTERNAL_H
#define RD_CRYPTO_INTERNAL_H

#include "crypto/ed25519.h"
#include "crypto/hmac.h"
#include "crypto/rsa.h"
#include "crypto/x509.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

struct rd_ec_key {
	EVP_PKEY *pkey;
	enum rd_ec_curve curve;
	bool has_private;
};

struct rd_rsa_key {
	EVP_PKEY *pkey;
	unsigned bits;
	bool has_private;
};

struct rd_ed25519_key {
	EVP_PKEY *pkey;
	bool has_private;
};

struct rd_cert {
	X509 *x509;
	struct rd_ec_key *key; /* NULL when not on one of our curves */
	struct rd_cert_info info;
	uint8_t *der;
	uint8_t *serial;
	uint8_t *subject_der;
	uint8_t *issuer_der;
};

/* fetched.c. The second: the digest that an HMAC is made of. */
const EVP_MD *rd_crypto_md(enum rd_digest_alg alg);
const EVP_MD *rd_crypto_hmac_md(enum rd_hmac_alg alg);
const EVP_CIPHER *rd_crypto_aes_256_gcm(void);

/* Takes pkey over, also on failure. RD_WRONG_KEY when it is not EC on one of our named curves; the
 * second takes the NIST curves only. */
enum rd_status rd_crypto_key_take(EVP_PKEY *pkey, struct rd_ec_key **ret) RD_MUST_USE;
enum rd_status rd_crypto_nist_key_take(EVP_PKEY *pkey, struct rd_ec_key **ret) RD_MUST_USE;

/*
 * DER of a key of any kind. Reading: RD_LIMIT above max bytes, RD_MALFORMED, RD_TRAILING. Writing a
 * private key replaces what out holds (RD_NOSPACE); writing a public key appends.
 */
enum rd_status rd_crypto_pkcs8_read(struct rd_view der, size_t max, EVP_PKEY **ret) RD_MUST_USE;
enum rd_status rd_crypto_pkcs8_write(const EVP_PKEY *pkey, struct rd_secret *out) RD_MUST_USE;
enum rd_status rd_crypto_spki_read(struct rd_view der, size_t max, EVP_PKEY **ret) RD_MUST_USE;
enum rd_status rd_crypto_spki_write(const EVP_PKEY *pkey, struct rd_buf *out) RD_MUST_USE;
/* The RSA form of the third: strictly DER, and fast. RD_WRONG_KEY: a key of another kind. */
enum rd_status rd_crypto_rsa_spki_read(struct rd_view der, EVP_PKEY **ret) RD_MUST_USE;
/* RD_WRONG_KEY unless public and private halves are sound and belong together; slow for RSA. */
enum rd_status rd_crypto_pkey_check(EVP_PKEY *pkey) RD_MUST_USE;

/* SHA-1 of the public point: a name for the key (RFC 5280 4.2.1.2), not a protection of it. */
#define RD_CRYPTO_KEY_ID_SIZE 20
enum rd_status rd_crypto_key_id(const struct rd_ec_key *key, uint8_t ret_id[RD_CRYPTO_KEY_ID_SIZE])
	RD_MUST_USE;

/* For RD_CLEANUP. */
void rd_crypto_pkey_free(EVP_PKEY **p);
void rd_crypto_pkey_ctx_free(EVP_PKEY_CTX **p);
void rd_crypto_cipher_ctx_free(EVP_CIPHER_CTX **p);
void rd_crypto_bio_free(BIO **p);
void rd_crypto_x509_free(X509 **p);

/* Appends all that a memory BIO holds. */
enum rd_status rd_crypto_bio_drain(BIO *bio, struct rd_buf *out) RD_MUST_USE;

#endif
