/* SPDX-License-Identifier: Apache-2.0 */
/* Ed25519 through OpenSSL's EVP. */
#include "crypto/ed25519.h"

#include "crypto/internal.h"

#include <openssl/err.h>
#include <stdlib.h>

static void md_ctx_free(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

/* Takes over what *pkey owns, on success. */
static enum rd_status take(EVP_PKEY **pkey, bool has_private, struct rd_ed25519_key **ret)
{
	struct rd_ed25519_key *key;

	RD_ENSURE(EVP_PKEY_is_a(*pkey, "ED25519"), RD_WRONG_KEY);
	key = calloc(1, sizeof(*key));
	RD_ENSURE(key != NULL, RD_NOMEM);
	key->pkey = rd_steal(pkey, NULL);
	key->has_private = has_private;
	*ret = key;
	return RD_OK;
}

enum rd_status rd_ed25519_key_generate(struct rd_ed25519_key **ret)
{
	RD_CLEANUP(rd_crypto_pkey_free) EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	RD_ENSURE(pkey != NULL, RD_INTERNAL);
	return take(&pkey, true, ret);
}

void rd_ed25519_key_free(struct rd_ed25519_key **key)
{
	if (*key != NULL) {
		EVP_PKEY_free((*key)->pkey);
		free(rd_steal(key, NULL));
	}
}

enum rd_status rd_ed25519_key_from_pkcs8(struct rd_view der, struct rd_ed25519_key **ret)
{
	RD_CLEANUP(rd_crypto_pkey_free) EVP_PKEY *pkey = NULL;

	/* A valid key of another kind may be long: it is to be told from garbage. */
	RD_TRY(rd_crypto_pkcs8_read(der, RD_SECRET_SIZE_MAX, &pkey));
	return take(&pkey, true, ret);
}

enum rd_status rd_ed25519_key_to_pkcs8(const struct rd_ed25519_key *key, struct rd_secret *out)
{
	RD_ENSURE(key->has_private, RD_USAGE);
	return rd_crypto_pkcs8_write(key->pkey, out);
}

enum rd_status rd_ed25519_key_from_spki(struct rd_view der, struct rd_ed25519_key **ret)
{
	RD_CLEANUP(rd_crypto_pkey_free) EVP_PKEY *pkey = NULL;

	RD_TRY(rd_crypto_spki_read(der, RD_SECRET_SIZE_MAX, &pkey));
	return take(&pkey, false, ret);
}

enum rd_status rd_ed25519_key_to_spki(const struct rd_ed25519_key *key, struct rd_buf *out)
{
	return rd_crypto_spki_write(key->pkey, out);
}

static const uint8_t *bytes_of(struct rd_view v)
{
	return v.len > 0 ? v.ptr : (const uint8_t *)"";
}

enum rd_status rd_ed25519_sign(const struct rd_ed25519_key *key, struct rd_view message,
	uint8_t ret_signature[RD_ED25519_SIGNATURE_SIZE])
{
	RD_CLEANUP(md_ctx_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = RD_ED25519_SIGNATURE_SIZE;

	RD_ENSURE(ctx != NULL, RD_NOMEM);
	RD_ENSURE(key->has_private, RD_USAGE);
	RD_ENSURE(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key->pkey) == 1, RD_INTERNAL);
	RD_ENSURE(EVP_DigestSign(ctx, ret_signature, &len, bytes_of(message), message.len) == 1,
		RD_INTERNAL);
	return len == RD_ED25519_SIGNATURE_SIZE ? RD_OK : RD_INTERNAL;
}

enum rd_status rd_ed25519_verify(
	const struct rd_ed25519_key *key, struct rd_view message, struct rd_view signature)
{
	RD_CLEANUP(md_ctx_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int verdict;

	RD_ENSURE(ctx != NULL, RD_NOMEM);
	RD_ENSURE(signature.len == RD_ED25519_SIGNATURE_SIZE, RD_BAD_SIGNATURE);
	RD_ENSURE(EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key->pkey) == 1, RD_INTERNAL);
	verdict = EVP_DigestVerify(
		ctx, signature.ptr, signature.len, bytes_of(message), message.len);
	ERR_clear_error();
	return verdict == 1 ? RD_OK : RD_BAD_SIGNATURE;
}
