/* SPDX-License-Identifier: Apache-2.0 */
/* Session tokens: sealing and opening; and what access keys are made of. */
#include "kms/session.h"

#include "base/secret.h"
#include "base/text.h"
#include "crypto/random.h"

#include <stdlib.h>
#include <string.h>

#define VERSION 1

#define KMS_SESSION_AKID_LEN 20

void kms_session_finish(struct kms_session *session)
{
	free(session->policy);
	free(session->tags);
	rd_secret_finish(&session->secret);
	*session = (struct kms_session){.kind = KMS_ROOT};
}

static enum rd_status put_text(struct rd_buf *out, struct rd_view text)
{
	RD_ENSURE(text.len <= UINT16_MAX, RD_LIMIT);
	RD_TRY(rd_buf_be16(out, (uint16_t)text.len));
	return rd_buf_put_view(out, text);
}

static enum rd_status put_str(struct rd_buf *out, const char *text)
{
	return put_text(out, rd_view_str(text != NULL ? text : ""));
}

static enum rd_status put_session(struct rd_buf *out, const struct kms_session *s)
{
	RD_ENSURE(s->n_tags <= KMS_SESSION_TAGS_MAX, RD_LIMIT);
	RD_TRY(rd_buf_u8(out, VERSION));
	RD_TRY(rd_buf_u8(out, (uint8_t)s->kind));
	RD_TRY(rd_buf_be64(out, (uint64_t)s->issued_ms));
	RD_TRY(rd_buf_be64(out, (uint64_t)s->expires_ms));
	RD_TRY(put_str(out, s->account));
	RD_TRY(put_str(out, s->uid));
	RD_TRY(put_str(out, s->name));
	RD_TRY(put_text(out, rd_secret_view(&s->secret)));
	RD_TRY(put_str(out, s->policy));
	RD_TRY(rd_buf_u8(out, (uint8_t)s->n_tags));
	for (size_t i = 0; i < s->n_tags; i++) {
		RD_TRY(put_str(out, s->tags[i].key));
		RD_TRY(put_str(out, s->tags[i].value));
	}
	return RD_OK;
}

enum rd_status kms_session_seal(struct kms_keyring *keyring, const char *akid,
	const struct kms_session *session, struct rd_buf *out)
{
	struct rd_secret clear RD_CLEANUP(rd_secret_finish) = {.len = 0};
	uint8_t sealed[KMS_SESSION_SIZE_MAX + KMS_WRAP_OVERHEAD];
	struct rd_buf wrapped = rd_buf_fixed(sealed, sizeof(sealed));
	struct rd_buf text;
	enum rd_status st;

	RD_TRY(rd_secret_init(&clear, KMS_SESSION_SIZE_MAX));
	text = rd_buf_fixed(clear.ptr, clear.cap);
	st = put_session(&text, session);
	clear.len = text.used;
	RD_ENSURE(st != RD_NOSPACE, RD_LIMIT);
	RD_TRY(st);
	RD_TRY(kms_wrap(keyring, KMS_PURPOSE_SESSION_TOKEN, rd_view_str(akid),
		rd_secret_view(&clear), &wrapped));
	return rd_base64_encode(rd_buf_view(&wrapped), out);
}

enum rd_status kms_session_issue(struct kms_keyring *keyring, struct kms_session *session,
	char ret_akid[KMS_AKID_SIZE], struct rd_buf *out_token)
{
	RD_TRY(kms_make_id("ASIA", KMS_SESSION_AKID_LEN, ret_akid));
	RD_TRY(kms_make_access_secret(&session->secret));
	return kms_session_seal(keyring, ret_akid, session, out_token);
}

static enum rd_status take_text(struct rd_cur *c, struct rd_view *ret)
{
	uint16_t len;

	RD_TRY(rd_cur_be16(c, &len));
	return rd_cur_take(c, len, ret);
}

static enum rd_status take_str(struct rd_cur *c, char *ret, size_t size)
{
	struct rd_view text;

	RD_TRY(take_text(c, &text));
	RD_ENSURE(text.len < size, RD_LIMIT);
	memcpy(ret, text.ptr, text.len);
	ret[text.len] = '\0';
	return RD_OK;
}

static enum rd_status take_policy(struct rd_cur *c, char **ret)
{
	struct rd_view text;

	RD_TRY(take_text(c, &text));
	if (text.len == 0) {
		return RD_OK;
	}
	*ret = strndup((const char *)text.ptr, text.len);
	return *ret != NULL ? RD_OK : RD_NOMEM;
}

static enum rd_status take_tags(struct rd_cur *c, struct kms_session *s)
{
	uint8_t n;

	RD_TRY(rd_cur_u8(c, &n));
	RD_ENSURE(n <= KMS_SESSION_TAGS_MAX, RD_LIMIT);
	if (n == 0) {
		return RD_OK;
	}
	s->tags = calloc(n, sizeof(*s->tags));
	RD_ENSURE(s->tags != NULL, RD_NOMEM);
	s->n_tags = n;
	for (size_t i = 0; i < n; i++) {
		RD_TRY(take_str(c, s->tags[i].key, sizeof(s->tags[i].key)));
		RD_TRY(take_str(c, s->tags[i].value, sizeof(s->tags[i].value)));
	}
	return RD_OK;
}

static enum rd_status take_secret(struct rd_cur *c, struct rd_secret *ret)
{
	struct rd_view text;

	RD_TRY(take_text(c, &text));
	RD_ENSURE(text.len > 0, RD_MALFORMED);
	RD_TRY(rd_secret_init(ret, text.len));
	return rd_secret_set(ret, text);
}

static enum rd_status take_session(struct rd_cur *c, struct kms_session *s)
{
	uint8_t version, kind;
	uint64_t issued, expires;

	RD_TRY(rd_cur_u8(c, &version));
	RD_ENSURE(version == VERSION, RD_BAD_VERSION);
	RD_TRY(rd_cur_u8(c, &kind));
	RD_ENSURE(kind <= KMS_ROLE, RD_MALFORMED);
	s->kind = (enum kms_principal_kind)kind;
	RD_TRY(rd_cur_be64(c, &issued));
	RD_TRY(rd_cur_be64(c, &expires));
	RD_ENSURE(issued <= INT64_MAX && expires <= INT64_MAX, RD_MALFORMED);
	s->issued_ms = (int64_t)issued;
	s->expires_ms = (int64_t)expires;
	RD_TRY(take_str(c, s->account, sizeof(s->account)));
	RD_TRY(take_str(c, s->uid, sizeof(s->uid)));
	RD_TRY(take_str(c, s->name, sizeof(s->name)));
	RD_TRY(take_secret(c, &s->secret));
	RD_TRY(take_policy(c, &s->policy));
	RD_TRY(take_tags(c, s));
	return rd_cur_finish(c);
}

enum rd_status kms_session_open(struct kms_keyring *keyring, struct rd_db *db, struct rd_view akid,
	struct rd_view token, struct kms_session *ret)
{
	struct rd_secret clear RD_CLEANUP(rd_secret_finish) = {.len = 0};
	struct kms_session s RD_CLEANUP(kms_session_finish) = {.kind = KMS_ROOT};
	uint8_t sealed[KMS_SESSION_SIZE_MAX + KMS_WRAP_OVERHEAD + 2];
	struct rd_buf wrapped = rd_buf_fixed(sealed, sizeof(sealed));
	struct rd_cur c;
	enum rd_status st;

	RD_ENSURE(token.len <= KMS_SESSION_TOKEN_MAX, RD_UNTRUSTED);
	RD_ENSURE(rd_base64_decode(token, &wrapped) == RD_OK, RD_UNTRUSTED);
	RD_ENSURE(wrapped.used > KMS_WRAP_OVERHEAD, RD_UNTRUSTED);
	st = kms_unwrap_with(
		keyring, db, KMS_PURPOSE_SESSION_TOKEN, akid, rd_buf_view(&wrapped), &clear);
	RD_ENSURE(st != RD_NOTFOUND && rd_category(st) != RD_CAT_MALFORMED, RD_UNTRUSTED);
	RD_TRY(st);
	c = rd_cur(rd_secret_view(&clear));
	RD_TRY(take_session(&c, &s));
	*ret = s;
	s = (struct kms_session){.kind = KMS_ROOT};
	return RD_OK;
}

enum rd_status kms_make_id(const char *prefix, size_t len, char *ret_id)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	size_t start = strlen(prefix);

	RD_TRY(rd_random_bytes(ret_id + start, len - start));
	memcpy(ret_id, prefix, start);
	for (size_t i = start; i < len; i++) {
		ret_id[i] = alphabet[(uint8_t)ret_id[i] % 32];
	}
	ret_id[len] = '\0';
	return RD_OK;
}

enum rd_status kms_make_access_secret(struct rd_secret *ret)
{
	uint8_t random[KMS_ACCESS_SECRET_LEN / 4 * 3];
	struct rd_buf text;
	enum rd_status st;

	RD_TRY(rd_secret_init(ret, KMS_ACCESS_SECRET_LEN));
	text = rd_buf_fixed(ret->ptr, ret->cap);
	st = rd_random_bytes(random, sizeof(random));
	if (st == RD_OK) {
		st = rd_base64_encode(rd_view(random, sizeof(random)), &text);
	}
	rd_wipe(random, sizeof(random));
	ret->len = text.used;
	return st;
}
