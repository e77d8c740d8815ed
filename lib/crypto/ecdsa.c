/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ECDSA with r || s, and with DER.
 *
 * OpenSSL speaks the DER form only: SEQUENCE { INTEGER r, INTEGER s }, each without needless
 * leading zeros and with one where the top bit is set. COSE wants both at the field's full width.
 */
#include "crypto/ec.h"
#include "crypto/internal.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>

static void sig_free(ECDSA_SIG **sig)
{
	ECDSA_SIG_free(*sig);
}

static enum rd_status raw_from_der(const uint8_t *der, size_t len, size_t field, uint8_t *ret_rs)
{
	RD_CLEANUP(sig_free) ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
	const BIGNUM *r;
	const BIGNUM *s;

	RD_ENSURE(sig != NULL, RD_INTERNAL);
	ECDSA_SIG_get0(sig, &r, &s);
	RD_ENSURE(BN_bn2binpad(r, ret_rs, (int)field) == (int)field, RD_INTERNAL);
	RD_ENSURE(BN_bn2binpad(s, ret_rs + field, (int)field) == (int)field, RD_INTERNAL);
	return RD_OK;
}

static enum rd_status der_from_raw(
	struct rd_view rs, uint8_t der[RD_EC_DER_SIGNATURE_MAX], size_t *ret_len)
{
	RD_CLEANUP(sig_free) ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(rs.ptr, (int)(rs.len / 2), NULL);
	BIGNUM *s = BN_bin2bn(rs.ptr + rs.len / 2, (int)(rs.len / 2), NULL);
	uint8_t *p = der;
	int len;

	if (sig == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		return RD_NOMEM;
	}
	len = i2d_ECDSA_SIG(sig, NULL);
	RD_ENSURE(len > 0 && len <= RD_EC_DER_SIGNATURE_MAX, RD_INTERNAL);
	RD_ENSURE(i2d_ECDSA_SIG(sig, &p) == len, RD_INTERNAL);
	*ret_len = (size_t)len;
	return RD_OK;
}

static enum rd_status sign_digest(const struct rd_ec_key *key, struct rd_view digest,
	uint8_t der[RD_EC_DER_SIGNATURE_MAX], size_t *ret_len)
{
	RD_CLEANUP(rd_crypto_pkey_ctx_free) EVP_PKEY_CTX *ctx = NULL;

	RD_ENSURE(key->has_private, RD_USAGE);
	RD_ENSURE(digest.len == rd_digest_size(rd_ec_digest(key->curve)), RD_USAGE);
	ctx = EVP_PKEY_CTX_new(key->pkey, NULL);
	RD_ENSURE(ctx != NULL, RD_NOMEM);
	RD_ENSURE(EVP_PKEY_sign_init(ctx) == 1, RD_INTERNAL);
	*ret_len = RD_EC_DER_SIGNATURE_MAX;
	RD_ENSURE(EVP_PKEY_sign(ctx, der, ret_len, digest.ptr, digest.len) == 1, RD_INTERNAL);
	return RD_OK;
}

enum rd_status rd_ec_sign_digest_der(
	const struct rd_ec_key *key, struct rd_view digest, struct rd_buf *out)
{
	uint8_t der[RD_EC_DER_SIGNATURE_MAX];
	size_t len;

	RD_TRY(sign_digest(key, digest, der, &len));
	return rd_buf_put(out, der, len);
}

enum rd_status rd_ec_sign_digest(
	const struct rd_ec_key *key, struct rd_view digest, uint8_t *ret_rs)
{
	uint8_t der[RD_EC_DER_SIGNATURE_MAX];
	size_t len;

	RD_TRY(sign_digest(key, digest, der, &len));
	return raw_from_der(der, len, rd_ec_signature_size(key->curve) / 2, ret_rs);
}

enum rd_status rd_ec_sign(const struct rd_ec_key *key, struct rd_view message, uint8_t *ret_rs)
{
	uint8_t digest[RD_DIGEST_SIZE_MAX];
	enum rd_digest_alg alg = rd_ec_digest(key->curve);

	RD_TRY(rd_digest_once(alg, message, digest));
	return rd_ec_sign_digest(key, rd_view(digest, rd_digest_size(alg)), ret_rs);
}

enum rd_status rd_ec_verify_digest_der(
	const struct rd_ec_key *key, struct rd_view digest, struct rd_view der)
{
	RD_CLEANUP(rd_crypto_pkey_ctx_free) EVP_PKEY_CTX *ctx = NULL;
	int verdict;

	RD_ENSURE(digest.len == rd_digest_size(rd_ec_digest(key->curve)), RD_USAGE);
	RD_ENSURE(der.len > 0 && der.len <= RD_EC_DER_SIGNATURE_MAX, RD_BAD_SIGNATURE);
	ctx = EVP_PKEY_CTX_new(key->pkey, NULL);
	RD_ENSURE(ctx != NULL, RD_NOMEM);
	RD_ENSURE(EVP_PKEY_verify_init(ctx) == 1, RD_INTERNAL);
	/* 0 is "wrong"; negative comes for what is not DER and for r or s out of range: all are the
	 * signature's fault. */
	verdict = EVP_PKEY_verify(ctx, der.ptr, der.len, digest.ptr, digest.len);
	ERR_clear_error();
	return verdict == 1 ? RD_OK : RD_BAD_SIGNATURE;
}

enum rd_status rd_ec_verify_digest(
	const struct rd_ec_key *key, struct rd_view digest, struct rd_view rs)
{
	uint8_t der[RD_EC_DER_SIGNATURE_MAX];
	size_t len;

	RD_ENSURE(digest.len == rd_digest_size(rd_ec_digest(key->curve)), RD_USAGE);
	RD_ENSURE(rs.len == rd_ec_signature_size(key->curve), RD_BAD_SIGNATURE);
	RD_TRY(der_from_raw(rs, der, &len));
	return rd_ec_verify_digest_der(key, digest, rd_view(der, len));
}

enum rd_status rd_ec_verify(const struct rd_ec_key *key, struct rd_view message, struct rd_view rs)
{
	uint8_t digest[RD_DIGEST_SIZE_MAX];
	enum rd_digest_alg alg = rd_ec_digest(key->curve);

	RD_TRY(rd_digest_once(alg, message, digest));
	return rd_ec_verify_digest(key, rd_view(digest, rd_digest_size(alg)), rs);
}
