/* SPDX-License-Identifier: Apache-2.0 */
/* Random letters. */
#include "server/ids.h"

#include "crypto/random.h"

#include <string.h>

static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
#define BASE 62
/* The largest multiple of 62 in a byte: what is above would make some letters likelier. */
#define FAIR_MAX 248

static enum rd_status random_text(const char *kind, size_t n, char *ret)
{
	uint8_t bytes[64];
	size_t left = 0, used = strlen(kind);

	memcpy(ret, kind, used);
	n += used;
	while (used < n) {
		if (left == 0) {
			RD_TRY(rd_random_bytes(bytes, sizeof(bytes)));
			left = sizeof(bytes);
		}
		left--;
		if (bytes[left] < FAIR_MAX) {
			ret[used++] = letters[bytes[left] % BASE];
		}
	}
	ret[used] = '\0';
	return RD_OK;
}

enum rd_status ps_id_new(const char *kind, char ret[PS_ID_SIZE])
{
	return random_text(kind, PS_ID_LETTERS, ret);
}

/* No secret: eleven letters are enough for no two to be the same. */
enum rd_status ps_merchant_id_new(char ret[PS_MERCHANT_ID_SIZE])
{
	return random_text("mer_", PS_MERCHANT_ID_SIZE - 1 - 4, ret);
}

enum rd_status ps_api_key_new(char ret[PS_API_KEY_SIZE])
{
	return random_text("rpk_", PS_API_KEY_LETTERS, ret);
}

enum rd_status ps_id_parse(const char *kind, struct rd_view text, char ret[PS_ID_SIZE])
{
	const size_t kind_len = strlen(kind);

	RD_ENSURE(text.len == kind_len + PS_ID_LETTERS, RD_MALFORMED);
	RD_ENSURE(memcmp(text.ptr, kind, kind_len) == 0, RD_MALFORMED);
	for (size_t i = kind_len; i < text.len; i++) {
		RD_ENSURE(
			text.ptr[i] != '\0' && strchr(letters, text.ptr[i]) != NULL, RD_MALFORMED);
	}
	memcpy(ret, text.ptr, text.len);
	ret[text.len] = '\0';
	return RD_OK;
}
