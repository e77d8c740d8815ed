/* SPDX-License-Identifier: Apache-2.0 */
/* Vault tokens, and the blind index by which the vault finds a card again. */
#include "card/token.h"

#include "base/byteorder.h"
#include "crypto/hmac.h"

#include <string.h>

#define BASE62_COUNT 62
/* Six bits of a byte: the smallest power of two that holds a character. */
#define BASE62_MASK 0x3f

static const char base62[BASE62_COUNT + 1] =
	"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char index_label[] = "redoubt-payments index v1";

enum rd_status rd_token_from_random(
	const uint8_t random[RD_TOKEN_RANDOM_SIZE], char ret_token[RD_TOKEN_SIZE])
{
	char text[RD_TOKEN_SIZE] = RD_TOKEN_PREFIX;
	size_t n = strlen(RD_TOKEN_PREFIX);

	/* Values that are no character are dropped: a remainder would favour the first ones. */
	for (size_t i = 0; i < RD_TOKEN_RANDOM_SIZE && n < RD_TOKEN_SIZE - 1; i++) {
		unsigned value = random[i] & BASE62_MASK;

		if (value < BASE62_COUNT) {
			text[n++] = base62[value];
		}
	}
	RD_ENSURE(n == RD_TOKEN_SIZE - 1, RD_AGAIN);
	memcpy(ret_token, text, sizeof(text));
	return RD_OK;
}

enum rd_status rd_token_parse(struct rd_view text, char ret_token[RD_TOKEN_SIZE])
{
	struct rd_cur c = rd_cur(text);
	char copy[RD_TOKEN_SIZE] = {0};

	RD_ENSURE(text.len == sizeof(copy) - 1, RD_MALFORMED);
	RD_TRY(rd_cur_copy(&c, copy, text.len));
	RD_ENSURE(memcmp(copy, RD_TOKEN_PREFIX, strlen(RD_TOKEN_PREFIX)) == 0, RD_MALFORMED);
	RD_ENSURE(strspn(copy + strlen(RD_TOKEN_PREFIX), base62) == RD_TOKEN_CHARACTERS,
		RD_MALFORMED);
	memcpy(ret_token, copy, sizeof(copy));
	return RD_OK;
}

enum rd_status rd_blind_index(struct rd_view key, struct rd_view merchant, const struct rd_pan *pan,
	uint8_t ret_index[RD_BLIND_INDEX_SIZE])
{
	uint8_t merchant_len[2];
	const struct rd_view views[] = {
		rd_view_str(index_label),
		rd_view(merchant_len, sizeof(merchant_len)),
		merchant,
		rd_secret_view(&pan->digits),
	};

	RD_ENSURE(key.len == RD_BLIND_INDEX_KEY_SIZE, RD_USAGE);
	RD_ENSURE(merchant.len <= RD_TOKEN_MERCHANT_MAX, RD_LIMIT);
	rd_put_be16(merchant_len, (uint16_t)merchant.len);
	return rd_hmac_views(RD_HMAC_SHA256, key, views, RD_ARRAY_LEN(views), ret_index);
}
