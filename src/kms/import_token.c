/* SPDX-License-Identifier: Apache-2.0 */
/* Import tokens. */
#include "kms/import_token.h"

#define HEAD_SIZE 9 /* algorithm and time */

void kms_import_token_finish(struct kms_import_token *token)
{
	rd_rsa_key_free(&token->key);
}

static enum rd_status fill(struct rd_secret *plain, enum kms_import_wrap wrap, int64_t valid_to_ms,
	const struct rd_rsa_key *key)
{
	struct rd_secret der RD_CLEANUP(rd_secret_finish) = {.ptr = NULL};
	struct rd_buf out;

	RD_TRY(rd_secret_init(&der, RD_RSA_PKCS8_SIZE_MAX));
	RD_TRY(rd_rsa_key_to_pkcs8(key, &der));
	out = rd_buf_fixed(plain->ptr, plain->cap);
	RD_TRY(rd_buf_u8(&out, (uint8_t)wrap));
	RD_TRY(rd_buf_be64(&out, (uint64_t)valid_to_ms));
	RD_TRY(rd_buf_put_view(&out, rd_secret_view(&der)));
	plain->len = out.used;
	return RD_OK;
}

enum rd_status kms_import_token_make(struct kms_keyring *keyring, const char *key_id,
	enum kms_import_wrap wrap, unsigned bits, int64_t valid_to_ms, struct rd_buf *token,
	struct rd_buf *spki)
{
	struct rd_secret plain RD_CLEANUP(rd_secret_finish) = {.ptr = NULL};
	struct rd_rsa_key *key RD_CLEANUP(rd_rsa_key_free) = NULL;

	RD_TRY(rd_rsa_key_generate(bits, &key));
	RD_TRY(rd_rsa_key_to_spki(key, spki));
	RD_TRY(rd_secret_init(&plain, HEAD_SIZE + RD_RSA_PKCS8_SIZE_MAX));
	RD_TRY(fill(&plain, wrap, valid_to_ms, key));
	return kms_wrap(keyring, KMS_PURPOSE_IMPORT_TOKEN, rd_view_str(key_id),
		rd_secret_view(&plain), token);
}

/* What the seal let through is of our making. */
static enum rd_status parse(struct rd_view plain, struct kms_import_token *ret)
{
	struct rd_cur cur = rd_cur(plain);
	uint64_t valid_to_ms;
	uint8_t wrap;

	RD_TRY(rd_cur_u8(&cur, &wrap));
	RD_TRY(rd_cur_be64(&cur, &valid_to_ms));
	RD_ENSURE(wrap < KMS_IMPORT_WRAP_COUNT, RD_INTERNAL);
	RD_TRY(rd_rsa_key_from_own_pkcs8(rd_view(cur.ptr, cur.left), &ret->key));
	ret->wrap = (enum kms_import_wrap)wrap;
	ret->valid_to_ms = (int64_t)valid_to_ms;
	return RD_OK;
}

enum rd_status kms_import_token_open(struct kms_keyring *keyring, struct rd_db *db,
	const char *key_id, struct rd_view bytes, struct kms_import_token *ret)
{
	struct rd_secret plain RD_CLEANUP(rd_secret_finish) = {.ptr = NULL};
	enum rd_status st;

	RD_ENSURE(bytes.len > KMS_WRAP_OVERHEAD + HEAD_SIZE, RD_UNTRUSTED);
	st = kms_unwrap_with(
		keyring, db, KMS_PURPOSE_IMPORT_TOKEN, rd_view_str(key_id), bytes, &plain);
	if (rd_category(st) == RD_CAT_UNTRUSTED || rd_category(st) == RD_CAT_MALFORMED ||
		st == RD_NOTFOUND) {
		return RD_UNTRUSTED;
	}
	RD_TRY(st);
	return parse(rd_secret_view(&plain), ret);
}
