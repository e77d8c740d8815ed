/* SPDX-License-Identifier: Apache-2.0 */
/* AES-KWP through OpenSSL's EVP, and its combination with RSA-OAEP. */
#include "crypto/keywrap.h"

#include "crypto/internal.h"

#include <openssl/err.h>

/* A wrapped form is at least two blocks of 8 bytes, and always whole blocks. */
#define WRAPPED_MIN 16
#define BLOCK       8

enum direction { UNWRAP, WRAP };

static enum rd_status transform(
	const uint8_t *kek, enum direction direction, struct rd_view in, uint8_t *dst, int *ret_len)
{
	RD_CLEANUP(rd_crypto_cipher_ctx_free) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int ok;

	RD_ENSURE(ctx != NULL, RD_NOMEM);
	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	RD_ENSURE(EVP_CipherInit_ex2(ctx, EVP_aes_256_wrap_pad(), kek, NULL, direction, NULL) == 1,
		RD_INTERNAL);
	ok = EVP_CipherUpdate(ctx, dst, ret_len, in.ptr, (int)in.len);
	ERR_clear_error();
	return ok == 1 && *ret_len > 0 ? RD_OK : RD_UNTRUSTED;
}

enum rd_status rd_kwp_wrap(
	const uint8_t kek[RD_KWP_KEK_SIZE], struct rd_view plaintext, struct rd_buf *out)
{
	size_t padded = (plaintext.len + BLOCK - 1) / BLOCK * BLOCK;
	uint8_t *dst;
	int n = 0;

	RD_ENSURE(plaintext.len > 0 && plaintext.len <= RD_KWP_PLAINTEXT_MAX, RD_LIMIT);
	RD_TRY(rd_buf_reserve(out, padded + BLOCK, &dst));
	RD_ENSURE(transform(kek, WRAP, plaintext, dst, &n) == RD_OK, RD_INTERNAL);
	RD_ENSURE((size_t)n == padded + BLOCK, RD_INTERNAL);
	return RD_OK;
}

enum rd_status rd_kwp_unwrap(
	const uint8_t kek[RD_KWP_KEK_SIZE], struct rd_view wrapped, struct rd_secret *out)
{
	enum rd_status st;
	int n = 0;

	rd_secret_clear(out);
	RD_ENSURE(wrapped.len >= WRAPPED_MIN && wrapped.len % BLOCK == 0, RD_UNTRUSTED);
	RD_ENSURE(wrapped.len <= RD_KWP_WRAPPED_MAX, RD_UNTRUSTED);
	RD_ENSURE(wrapped.len <= out->cap, RD_NOSPACE);
	st = transform(kek, UNWRAP, wrapped, out->ptr, &n);
	if (st != RD_OK) {
		rd_secret_clear(out);
		return st;
	}
	out->len = (size_t)n;
	return RD_OK;
}

enum rd_status rd_rsa_aes_unwrap(const struct rd_rsa_key *key, enum rd_rsa_oaep oaep,
	struct rd_view wrapped, struct rd_secret *out)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret kek = {0};
	struct rd_cur c = rd_cur(wrapped);
	struct rd_view encrypted_kek;

	rd_secret_clear(out);
	RD_ENSURE(rd_cur_take(&c, rd_rsa_key_size(key), &encrypted_kek) == RD_OK, RD_UNTRUSTED);
	RD_TRY(rd_secret_init(&kek, RD_RSA_SIZE_MAX));
	RD_TRY(rd_rsa_oaep_decrypt(key, oaep, encrypted_kek, &kek));
	RD_ENSURE(kek.len == RD_KWP_KEK_SIZE, RD_UNTRUSTED);
	return rd_kwp_unwrap(kek.ptr, rd_view(c.ptr, c.left), out);
}
