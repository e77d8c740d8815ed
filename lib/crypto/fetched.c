/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Algorithms that are looked up once.
 *
 * EVP_sha256() and its like name an algorithm, and each use of them looks the name up, under a lock
 * and through parameters: half of a short hash's time, two thirds of a short HMAC's, a third of
 * sealing a short plaintext. OpenSSL's own advice (ossl-guide-libcrypto-introduction,
 * "Performance") is to fetch what is used often. What is kept here never changes after it has been
 * made, and lives as long as the process.
 */
#include "crypto/internal.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const EVP_MD *digests[RD_DIGEST_ALG_COUNT];
static EVP_MAC_CTX *hmacs[RD_HMAC_ALG_COUNT]; /* without a key */
static const EVP_CIPHER *aes_256_gcm;

static const EVP_MD *fetch_digest(const char *name, const EVP_MD *plain)
{
	const EVP_MD *md = EVP_MD_fetch(NULL, name, NULL);

	return md != NULL ? md : plain;
}

static EVP_MAC_CTX *make_hmac(EVP_MAC *mac, char *digest)
{
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);

	if (ctx != NULL && EVP_MAC_CTX_set_params(ctx, params) != 1) {
		EVP_MAC_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

static void fetch(void)
{
	static char names[RD_HMAC_ALG_COUNT][8] = {
		[RD_HMAC_SHA224] = "SHA224",
		[RD_HMAC_SHA256] = "SHA256",
		[RD_HMAC_SHA384] = "SHA384",
		[RD_HMAC_SHA512] = "SHA512",
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);

	digests[RD_SHA256] = fetch_digest("SHA256", EVP_sha256());
	digests[RD_SHA384] = fetch_digest("SHA384", EVP_sha384());
	digests[RD_SHA512] = fetch_digest("SHA512", EVP_sha512());
	for (size_t i = 0; i < RD_HMAC_ALG_COUNT; i++) {
		hmacs[i] = make_hmac(mac, names[i]);
	}
	EVP_MAC_free(mac);
	aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	if (aes_256_gcm == NULL) {
		aes_256_gcm = EVP_aes_256_gcm();
	}
}

const EVP_MD *rd_crypto_md(enum rd_digest_alg alg)
{
	assert(alg < RD_DIGEST_ALG_COUNT);
	(void)pthread_once(&once, fetch);
	return digests[alg];
}

EVP_MAC_CTX *rd_crypto_hmac_new(enum rd_hmac_alg alg)
{
	assert(alg < RD_HMAC_ALG_COUNT);
	(void)pthread_once(&once, fetch);
	return hmacs[alg] == NULL ? NULL : EVP_MAC_CTX_dup(hmacs[alg]);
}

const EVP_CIPHER *rd_crypto_aes_256_gcm(void)
{
	(void)pthread_once(&once, fetch);
	return aes_256_gcm;
}
