/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AES block cipher (FIPS 197), one block at a time, for constructions that SP 800-38 builds
 * from it (FF1). On its own it protects nothing: messages are sealed with crypto/aead.h.
 */
#ifndef RD_CRYPTO_AES_H
#define RD_CRYPTO_AES_H

#include "base/bytes.h"

#define RD_AES_BLOCK_SIZE 16

/* A key, expanded. One thread at a time. */
struct rd_aes;

/* key has 16, 24 or 32 bytes (RD_USAGE); it is copied. */
enum rd_status rd_aes_new(struct rd_view key, struct rd_aes **ret) RD_MUST_USE;
/* Wipes; accepts NULL, and NULLs the caller's pointer. */
void rd_aes_free(struct rd_aes **aes);

/* CIPH_K of a block; ret_block may be the block's own storage. */
enum rd_status rd_aes_encrypt_block(struct rd_aes *aes, const uint8_t block[RD_AES_BLOCK_SIZE],
	uint8_t ret_block[RD_AES_BLOCK_SIZE]) RD_MUST_USE;

#endif
