/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Algorithms that are looked up once.
 *
 * EVP_sha256() and its like name an algorithm, and each use of them looks the name up, under a lock
 * and through parameters: half of a short hash's time, a third of sealing a short plaintext.
 * OpenSSL's own advice (ossl-guide-libcrypto-introduction, "Performance") is to fetch what is used
 * often. What is kept here never changes after it has been made, and lives as long as the process.
 */
#include "crypto/internal.h"

#include <assert.h>
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const EVP_MD *digests[RD_DIGEST_ALG_COUNT];
static const EVP_MD *sha_224;
static const EVP_CIPHER *aes_256_gcm;

static const EVP_MD *fetch_digest(const char *name, const EVP_MD *plain)
{
	const EVP_MD *md = EVP_MD_fetch(NULL, name, NULL);

	return md != NULL ? md : plain;
}

static void fetch(void)
{
	digests[RD_SHA256] = fetch_digest("SHA256", EVP_sha256());
	digests[RD_SHA384] = fetch_digest("SHA384", EVP_sha384());
	digests[RD_SHA512] = fetch_digest("SHA512", EVP_sha512());
	sha_224 = fetch_digest("SHA224", EVP_sha224());
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

const EVP_MD *rd_crypto_hmac_md(enum rd_hmac_alg alg)
{
	assert(alg < RD_HMAC_ALG_COUNT);
	(void)pthread_once(&once, fetch);
	switch (alg) {
	case RD_HMAC_SHA224:
		return sha_224;
	case RD_HMAC_SHA384:
		return digests[RD_SHA384];
	case RD_HMAC_SHA512:
		return digests[RD_SHA512];
	case RD_HMAC_SHA256:
	case RD_HMAC_ALG_COUNT:
	default:
		return digests[RD_SHA256];
	}
}

const EVP_CIPHER *rd_crypto_aes_256_gcm(void)
{
	(void)pthread_once(&once, fetch);
	return aes_256_gcm;
}
