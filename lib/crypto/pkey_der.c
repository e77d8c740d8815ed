/* SPDX-License-Identifier: Apache-2.0 */
/* DER of keys of every kind: PKCS#8 and SubjectPublicKeyInfo. */
#include "base/secret.h"
#include "crypto/internal.h"

#include <openssl/err.h>
#include <openssl/x509.h>

static void p8_free(PKCS8_PRIV_KEY_INFO **p8)
{
	PKCS8_PRIV_KEY_INFO_free(*p8);
}

enum rd_status rd_crypto_pkcs8_read(struct rd_view der, size_t max, EVP_PKEY **ret)
{
	RD_CLEANUP(p8_free) PKCS8_PRIV_KEY_INFO *p8 = NULL;
	const uint8_t *p = der.ptr;
	EVP_PKEY *pkey;

	RD_ENSURE(der.len > 0, RD_MALFORMED);
	RD_ENSURE(der.len <= max, RD_LIMIT);
	p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)der.len);
	ERR_clear_error();
	RD_ENSURE(p8 != NULL, RD_MALFORMED);
	RD_ENSURE(p == der.ptr + der.len, RD_TRAILING);
	pkey = EVP_PKCS82PKEY(p8);
	ERR_clear_error();
	RD_ENSURE(pkey != NULL, RD_MALFORMED);
	*ret = pkey;
	return RD_OK;
}

enum rd_status rd_crypto_pkcs8_write(const EVP_PKEY *pkey, struct rd_secret *out)
{
	RD_CLEANUP(p8_free) PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(pkey);
	uint8_t *dst = out->ptr;
	int len;

	rd_secret_clear(out);
	RD_ENSURE(p8 != NULL, RD_INTERNAL);
	len = i2d_PKCS8_PRIV_KEY_INFO(p8, NULL);
	RD_ENSURE(len > 0, RD_INTERNAL);
	RD_ENSURE((size_t)len <= out->cap, RD_NOSPACE);
	RD_ENSURE(i2d_PKCS8_PRIV_KEY_INFO(p8, &dst) == len, RD_INTERNAL);
	out->len = (size_t)len;
	return RD_OK;
}

enum rd_status rd_crypto_spki_read(struct rd_view der, size_t max, EVP_PKEY **ret)
{
	RD_CLEANUP(rd_crypto_pkey_free) EVP_PKEY *pkey = NULL;
	const uint8_t *p = der.ptr;

	RD_ENSURE(der.len > 0, RD_MALFORMED);
	RD_ENSURE(der.len <= max, RD_LIMIT);
	pkey = d2i_PUBKEY(NULL, &p, (long)der.len);
	ERR_clear_error();
	RD_ENSURE(pkey != NULL, RD_MALFORMED);
	RD_ENSURE(p == der.ptr + der.len, RD_TRAILING);
	*ret = rd_steal(&pkey, NULL);
	return RD_OK;
}

enum rd_status rd_crypto_spki_write(const EVP_PKEY *pkey, struct rd_buf *out)
{
	int len = i2d_PUBKEY(pkey, NULL);
	uint8_t *dst;

	RD_ENSURE(len > 0, RD_INTERNAL);
	RD_TRY(rd_buf_reserve(out, (size_t)len, &dst));
	RD_ENSURE(i2d_PUBKEY(pkey, &dst) == len, RD_INTERNAL);
	return RD_OK;
}

enum rd_status rd_crypto_pkey_check(EVP_PKEY *pkey)
{
	RD_CLEANUP(rd_crypto_pkey_ctx_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
	int ok;

	RD_ENSURE(ctx != NULL, RD_NOMEM);
	ok = EVP_PKEY_check(ctx);
	ERR_clear_error();
	return ok == 1 ? RD_OK : RD_WRONG_KEY;
}
