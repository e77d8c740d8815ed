/* SPDX-License-Identifier: Apache-2.0 */
/* Grant tokens: sealing and opening. */
#include "kms/grant_token.h"

#include "base/text.h"

#include <string.h>

#define IDENTITY "grant token"

enum rd_status kms_grant_token_make(struct kms_keyring *keyring, const char *key_id,
	const char *grant_id, char ret_token[KMS_GRANT_TOKEN_SIZE])
{
	uint8_t text[KMS_GRANT_TOKEN_TEXT_MAX], sealed[sizeof(text) + KMS_WRAP_OVERHEAD];
	struct rd_buf clear = rd_buf_fixed(text, sizeof(text));
	struct rd_buf wrapped = rd_buf_fixed(sealed, sizeof(sealed));
	struct rd_buf out = rd_buf_fixed(ret_token, KMS_GRANT_TOKEN_SIZE - 1);

	RD_TRY(rd_buf_printf(&clear, "%s/%s", key_id, grant_id));
	RD_TRY(kms_wrap(keyring, KMS_PURPOSE_GRANT_TOKEN, rd_view_str(IDENTITY),
		rd_buf_view(&clear), &wrapped));
	RD_TRY(rd_base64_encode(rd_buf_view(&wrapped), &out));
	ret_token[out.used] = '\0';
	return RD_OK;
}

static enum rd_status take(struct rd_view text, char *ret, size_t size)
{
	RD_ENSURE(text.len > 0 && text.len < size, RD_UNTRUSTED);
	memcpy(ret, text.ptr, text.len);
	ret[text.len] = '\0';
	return RD_OK;
}

enum rd_status kms_grant_token_open(struct kms_keyring *keyring, struct rd_db *db,
	struct rd_view token, char ret_key_id[KMS_KEY_ID_SIZE],
	char ret_grant_id[KMS_GRANT_ID_SIZE])
{
	struct rd_secret clear RD_CLEANUP(rd_secret_finish) = {.len = 0};
	uint8_t sealed[KMS_GRANT_TOKEN_TEXT_MAX + KMS_WRAP_OVERHEAD + 2];
	struct rd_buf wrapped = rd_buf_fixed(sealed, sizeof(sealed));
	const uint8_t *slash;
	enum rd_status st;

	RD_ENSURE(token.len < KMS_GRANT_TOKEN_SIZE, RD_UNTRUSTED);
	RD_ENSURE(rd_base64_decode(token, &wrapped) == RD_OK, RD_UNTRUSTED);
	RD_ENSURE(wrapped.used > KMS_WRAP_OVERHEAD, RD_UNTRUSTED);
	st = kms_unwrap_with(keyring, db, KMS_PURPOSE_GRANT_TOKEN, rd_view_str(IDENTITY),
		rd_buf_view(&wrapped), &clear);
	RD_ENSURE(st != RD_NOTFOUND && rd_category(st) != RD_CAT_MALFORMED, RD_UNTRUSTED);
	RD_TRY(st);
	slash = memchr(clear.ptr, '/', clear.len);
	RD_ENSURE(slash != NULL, RD_UNTRUSTED);
	RD_TRY(take(rd_view(clear.ptr, (size_t)(slash - clear.ptr)), ret_key_id, KMS_KEY_ID_SIZE));
	return take(rd_view(slash + 1, clear.len - (size_t)(slash - clear.ptr) - 1), ret_grant_id,
		KMS_GRANT_ID_SIZE);
}
