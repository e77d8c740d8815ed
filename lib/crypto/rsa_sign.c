/* SPDX-License-Identifier: Apache-2.0 */
/* RSA signatures: PSS and PKCS#1 v1.5. */
#include "crypto/internal.h"
#include "crypto/rsa.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

static enum rd_status set_scheme(
	EVP_PKEY_CTX *ctx, enum rd_rsa_scheme scheme, enum rd_digest_alg alg)
{
	int padding = scheme == RD_RSA_PSS ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING;
	const EVP_MD *md = rd_crypto_md(alg);

	assert(scheme < RD_RSA_SCHEME_COUNT);
	RD_ENSURE(EVP_PKEY_CTX_set_rsa_padding(ctx, padding) == 1, RD_INTERNAL);
	RD_ENSURE(EVP_PKEY_CTX_set_signature_md(ctx, md) == 1, RD_INTERNAL);
	if (scheme == RD_RSA_PSS) {
		RD_ENSURE(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1, RD_INTERNAL);
		/* Signing and verifying alike: any other salt length is a wrong signature. */
		RD_ENSURE(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1,
			RD_INTERNAL);
	}
	return RD_OK;
}

enum rd_status rd_rsa_sign_digest(const struct rd_rsa_key *key, enum rd_rsa_scheme scheme,
	enum rd_digest_alg alg, struct rd_view digest, struct rd_buf *out)
{
	RD_CLEANUP(rd_crypto_pkey_ctx_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->pkey, NULL);
	size_t len = rd_rsa_key_size(key);
	uint8_t *dst;

	RD_ENSURE(ctx != NULL, RD_NOMEM);
	RD_ENSURE(key->has_private && digest.len == rd_digest_size(alg), RD_USAGE);
	RD_ENSURE(EVP_PKEY_sign_init(ctx) == 1, RD_INTERNAL);
	RD_TRY(set_scheme(ctx, scheme, alg));
	RD_TRY(rd_buf_reserve(out, len, &dst));
	RD_ENSURE(EVP_PKEY_sign(ctx, dst, &len, digest.ptr, digest.len) == 1, RD_INTERNAL);
	return len == rd_rsa_key_size(key) ? RD_OK : RD_INTERNAL;
}

enum rd_status rd_rsa_sign(const struct rd_rsa_key *key, enum rd_rsa_scheme scheme,
	enum rd_digest_alg alg, struct rd_view message, struct rd_buf *out)
{
	uint8_t digest[RD_DIGEST_SIZE_MAX];

	RD_TRY(rd_digest_once(alg, message, digest));
	return rd_rsa_sign_digest(key, scheme, alg, rd_view(digest, rd_digest_size(alg)), out);
}

enum rd_status rd_rsa_verify_digest(const struct rd_rsa_key *key, enum rd_rsa_scheme scheme,
	enum rd_digest_alg alg, struct rd_view digest, struct rd_view signature)
{
	RD_CLEANUP(rd_crypto_pkey_ctx_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->pkey, NULL);
	int verdict;

	RD_ENSURE(ctx != NULL, RD_NOMEM);
	RD_ENSURE(digest.len == rd_digest_size(alg), RD_USAGE);
	RD_ENSURE(signature.len == rd_rsa_key_size(key), RD_BAD_SIGNATURE);
	RD_ENSURE(EVP_PKEY_verify_init(ctx) == 1, RD_INTERNAL);
	RD_TRY(set_scheme(ctx, scheme, alg));
	verdict = EVP_PKEY_verify(ctx, signature.ptr, signature.len, digest.ptr, digest.len);
	ERR_clear_error();
	return verdict == 1 ? RD_OK : RD_BAD_SIGNATURE;
}

enum rd_status rd_rsa_verify(const struct rd_rsa_key *key, enum rd_rsa_scheme scheme,
	enum rd_digest_alg alg, struct rd_view message, struct rd_view signature)
{
	uint8_t digest[RD_DIGEST_SIZE_MAX];

	RD_TRY(rd_digest_once(alg, message, digest));
	return rd_rsa_verify_digest(
		key, scheme, alg, rd_view(digest, rd_digest_size(alg)), signature);
}
