/* SPDX-License-Identifier: Apache-2.0 */
/* AES-256-GCM through OpenSSL's EVP. */
#include "crypto/aead.h"

#include "crypto/internal.h"

#include <openssl/err.h>

enum direction { OPEN, SEAL };

static enum rd_status start(EVP_CIPHER_CTX *ctx, const uint8_t *key, const uint8_t *nonce,
	struct rd_aead_aad aad, enum direction direction)
{
	int n;

	RD_ENSURE(
		EVP_CipherInit_ex2(ctx, rd_crypto_aes_256_gcm(), key, nonce, direction, NULL) == 1,
		RD_INTERNAL);
	for (size_t i = 0; i < aad.n; i++) {
		RD_ENSURE(aad.views[i].len <= RD_AEAD_SIZE_MAX, RD_LIMIT);
		if (aad.views[i].len > 0) {
			RD_ENSURE(EVP_CipherUpdate(ctx, NULL, &n, aad.views[i].ptr,
					  (int)aad.views[i].len) == 1,
				RD_INTERNAL);
		}
	}
	return RD_OK;
}

static enum rd_status transform(EVP_CIPHER_CTX *ctx, struct rd_view in, uint8_t *out)
{
	int n = 0;

	if (in.len > 0) {
		RD_ENSURE(EVP_CipherUpdate(ctx, out, &n, in.ptr, (int)in.len) == 1, RD_INTERNAL);
		RD_ENSURE((size_t)n == in.len, RD_INTERNAL);
	}
	return RD_OK;
}

enum rd_status rd_aead_seal(const uint8_t key[RD_AEAD_KEY_SIZE],
	const uint8_t nonce[RD_AEAD_NONCE_SIZE], struct rd_aead_aad aad, struct rd_view plaintext,
	struct rd_buf *out)
{
	RD_CLEANUP(rd_crypto_cipher_ctx_free) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t *dst;
	int n;

	RD_ENSURE(ctx != NULL, RD_NOMEM);
	RD_ENSURE(plaintext.len <= RD_AEAD_SIZE_MAX, RD_LIMIT);
	RD_TRY(start(ctx, key, nonce, aad, SEAL));
	RD_TRY(rd_buf_reserve(out, plaintext.len + RD_AEAD_TAG_SIZE, &dst));
	RD_TRY(transform(ctx, plaintext, dst));
	dst += plaintext.len;
	RD_ENSURE(EVP_CipherFinal_ex(ctx, dst, &n) == 1 && n == 0, RD_INTERNAL);
	RD_ENSURE(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, RD_AEAD_TAG_SIZE, dst) == 1,
		RD_INTERNAL);
	return RD_OK;
}

static enum rd_status open_into(
	EVP_CIPHER_CTX *ctx, struct rd_view ciphertext, struct rd_view tag, uint8_t *dst)
{
	uint8_t expected[RD_AEAD_TAG_SIZE];
	struct rd_cur c = rd_cur(tag);
	int n;

	/* OpenSSL takes the tag by a pointer without const. */
	RD_TRY(rd_cur_copy(&c, expected, sizeof(expected)));
	RD_TRY(transform(ctx, ciphertext, dst));
	RD_ENSURE(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, RD_AEAD_TAG_SIZE, expected) == 1,
		RD_INTERNAL);
	if (EVP_CipherFinal_ex(ctx, dst, &n) != 1) {
		ERR_clear_error();
		return RD_UNTRUSTED;
	}
	return RD_OK;
}

enum rd_status rd_aead_open(const uint8_t key[RD_AEAD_KEY_SIZE],
	const uint8_t nonce[RD_AEAD_NONCE_SIZE], struct rd_aead_aad aad, struct rd_view sealed,
	struct rd_secret *out)
{
	RD_CLEANUP(rd_crypto_cipher_ctx_free) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	struct rd_cur c = rd_cur(sealed);
	struct rd_view ciphertext;
	enum rd_status st;

	rd_secret_clear(out);
	RD_ENSURE(ctx != NULL, RD_NOMEM);
	RD_ENSURE(sealed.len >= RD_AEAD_TAG_SIZE, RD_TRUNCATED);
	RD_TRY(rd_cur_take(&c, sealed.len - RD_AEAD_TAG_SIZE, &ciphertext));
	RD_ENSURE(ciphertext.len <= RD_AEAD_SIZE_MAX, RD_LIMIT);
	RD_ENSURE(ciphertext.len <= out->cap, RD_NOSPACE);
	RD_TRY(start(ctx, key, nonce, aad, OPEN));
	st = open_into(ctx, ciphertext, rd_view(c.ptr, c.left), out->ptr);
	if (st != RD_OK) {
		rd_secret_clear(out);
		return st;
	}
	out->len = ciphertext.len;
	return RD_OK;
}
