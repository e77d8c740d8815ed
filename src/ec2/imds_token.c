/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens, which are not kept: base64( u64 expiry in ms || 8 random bytes || HMAC-SHA-256 over
 * both, its first 24 bytes ), under a key that the instance's server has made at its start.
 */
#include "ec2/imds-internal.h"

#include "base/byteorder.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/hmac.h"
#include "crypto/random.h"

#include <string.h>

#define NONCE_SIZE 8
#define HEAD_SIZE  (8 + NONCE_SIZE)
#define TAG_SIZE   24
#define RAW_SIZE   (HEAD_SIZE + TAG_SIZE)

static enum rd_status seal(const uint8_t key[IMDS_TOKEN_KEY_SIZE], uint8_t raw[RAW_SIZE])
{
	uint8_t tag[32];

	RD_TRY(rd_hmac(
		RD_HMAC_SHA256, rd_view(key, IMDS_TOKEN_KEY_SIZE), rd_view(raw, HEAD_SIZE), tag));
	memcpy(raw + HEAD_SIZE, tag, TAG_SIZE);
	return RD_OK;
}

enum rd_status imds_token_make(const uint8_t key[IMDS_TOKEN_KEY_SIZE], int64_t now_ms,
	uint32_t ttl_s, char ret_token[IMDS_TOKEN_SIZE])
{
	uint8_t raw[RAW_SIZE];
	struct rd_buf out = rd_buf_fixed(ret_token, IMDS_TOKEN_SIZE);

	rd_put_be64(raw, (uint64_t)now_ms + (uint64_t)ttl_s * 1000);
	RD_TRY(rd_random_bytes(raw + 8, NONCE_SIZE));
	RD_TRY(seal(key, raw));
	RD_TRY(rd_base64_encode(rd_view(raw, sizeof(raw)), &out));
	return rd_buf_u8(&out, '\0');
}

enum rd_status imds_token_check(const uint8_t key[IMDS_TOKEN_KEY_SIZE], int64_t now_ms,
	struct rd_view token, unsigned *ret_left_s)
{
	uint8_t given[RAW_SIZE + 2], want[RAW_SIZE];
	struct rd_buf out = rd_buf_fixed(given, sizeof(given));
	uint64_t until;

	RD_ENSURE(token.len == IMDS_TOKEN_SIZE - 1, RD_UNTRUSTED);
	RD_ENSURE(rd_base64_decode(token, &out) == RD_OK && out.used == RAW_SIZE, RD_UNTRUSTED);
	memcpy(want, given, HEAD_SIZE);
	RD_TRY(seal(key, want));
	RD_ENSURE(rd_equal_constant_time(rd_view(given, RAW_SIZE), rd_view(want, RAW_SIZE)),
		RD_UNTRUSTED);
	until = rd_get_be64(given);
	RD_ENSURE(until > (uint64_t)now_ms, RD_OUT_OF_RANGE);
	*ret_left_s = (unsigned)((until - (uint64_t)now_ms + 999) / 1000);
	return RD_OK;
}
