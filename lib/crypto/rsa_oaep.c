/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RSA-OAEP.
 *
 * OpenSSL undoes OAEP's padding in constant time and with blinding. What is left to us is to make
 * all that can go wrong look the same from outside: one status, no partial output, an empty error
 * queue.
 */
#include "base/secret.h"
#include "crypto/internal.h"
#include "crypto/rsa.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

static const EVP_MD *hash_of(enum rd_rsa_oaep oaep)
{
	assert(oaep < RD_OAEP_COUNT);
	return oaep == RD_OAEP_SHA1 ? EVP_sha1() : EVP_sha256();
}

size_t rd_rsa_oaep_max(const struct rd_rsa_key *key, enum rd_rsa_oaep oaep)
{
	return rd_rsa_key_size(key) - 2 * (size_t)EVP_MD_get_size(hash_of(oaep)) - 2;
}

static enum rd_status set_padding(EVP_PKEY_CTX *ctx, enum rd_rsa_oaep oaep)
{
	const EVP_MD *md = hash_of(oaep);

	RD_ENSURE(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1, RD_INTERNAL);
	RD_ENSURE(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) == 1, RD_INTERNAL);
	RD_ENSURE(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1, RD_INTERNAL);
	return RD_OK;
}

enum rd_status rd_rsa_oaep_encrypt(const struct rd_rsa_key *key, enum rd_rsa_oaep oaep,
	struct rd_view plaintext, struct rd_buf *out)
{
	RD_CLEANUP(rd_crypto_pkey_ctx_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->pkey, NULL);
	size_t len = rd_rsa_key_size(key);
	uint8_t *dst;

	RD_ENSURE(ctx != NULL, RD_NOMEM);
	RD_ENSURE(plaintext.len <= rd_rsa_oaep_max(key, oaep), RD_LIMIT);
	RD_ENSURE(EVP_PKEY_encrypt_init(ctx) == 1, RD_INTERNAL);
	RD_TRY(set_padding(ctx, oaep));
	RD_TRY(rd_buf_reserve(out, len, &dst));
	RD_ENSURE(EVP_PKEY_encrypt(ctx, dst, &len, plaintext.ptr, plaintext.len) == 1, RD_INTERNAL);
	return len == rd_rsa_key_size(key) ? RD_OK : RD_INTERNAL;
}

enum rd_status rd_rsa_oaep_decrypt(const struct rd_rsa_key *key, enum rd_rsa_oaep oaep,
	struct rd_view ciphertext, struct rd_secret *out)
{
	RD_CLEANUP(rd_crypto_pkey_ctx_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->pkey, NULL);
	uint8_t plaintext[RD_RSA_SIZE_MAX] = {0};
	size_t len = sizeof(plaintext);
	enum rd_status st = RD_UNTRUSTED;

	rd_secret_clear(out);
	RD_ENSURE(ctx != NULL, RD_NOMEM);
	RD_ENSURE(key->has_private && out->cap >= rd_rsa_oaep_max(key, oaep), RD_USAGE);
	RD_ENSURE(ciphertext.len == rd_rsa_key_size(key), RD_UNTRUSTED);
	RD_ENSURE(EVP_PKEY_decrypt_init(ctx) == 1, RD_INTERNAL);
	RD_TRY(set_padding(ctx, oaep));
	if (EVP_PKEY_decrypt(ctx, plaintext, &len, ciphertext.ptr, ciphertext.len) == 1) {
		st = rd_secret_set(out, rd_view(plaintext, len));
	}
	rd_wipe(plaintext, sizeof(plaintext));
	ERR_clear_error();
	return st;
}
