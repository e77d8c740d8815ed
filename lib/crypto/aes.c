/* SPDX-License-Identifier: Apache-2.0 */
/* The AES block cipher through OpenSSL's EVP: ECB of one block is the block cipher itself. */
#include "crypto/aes.h"

#include "crypto/internal.h"

#include <stdlib.h>

struct rd_aes {
	EVP_CIPHER_CTX *ctx;
};

static const EVP_CIPHER *cipher_of(size_t key_len)
{
	switch (key_len) {
	case 16:
		return EVP_aes_128_ecb();
	case 24:
		return EVP_aes_192_ecb();
	case 32:
		return EVP_aes_256_ecb();
	default:
		return NULL;
	}
}

enum rd_status rd_aes_new(struct rd_view key, struct rd_aes **ret)
{
	RD_CLEANUP(rd_aes_free) struct rd_aes *aes = NULL;
	const EVP_CIPHER *cipher = cipher_of(key.len);

	RD_ENSURE(cipher != NULL, RD_USAGE);
	aes = calloc(1, sizeof(*aes));
	RD_ENSURE(aes != NULL, RD_NOMEM);
	aes->ctx = EVP_CIPHER_CTX_new();
	RD_ENSURE(aes->ctx != NULL, RD_NOMEM);
	RD_ENSURE(EVP_EncryptInit_ex2(aes->ctx, cipher, key.ptr, NULL, NULL) == 1, RD_INTERNAL);
	RD_ENSURE(EVP_CIPHER_CTX_set_padding(aes->ctx, 0) == 1, RD_INTERNAL);
	*ret = rd_steal(&aes, NULL);
	return RD_OK;
}

void rd_aes_free(struct rd_aes **aes)
{
	if (*aes != NULL) {
		/* OpenSSL clears the expanded key as it frees it. */
		EVP_CIPHER_CTX_free((*aes)->ctx);
		free(rd_steal(aes, NULL));
	}
}

enum rd_status rd_aes_encrypt_block(struct rd_aes *aes, const uint8_t block[RD_AES_BLOCK_SIZE],
	uint8_t ret_block[RD_AES_BLOCK_SIZE])
{
	int n = 0;

	RD_ENSURE(EVP_EncryptUpdate(aes->ctx, ret_block, &n, block, RD_AES_BLOCK_SIZE) == 1,
		RD_INTERNAL);
	return n == RD_AES_BLOCK_SIZE ? RD_OK : RD_INTERNAL;
}
