/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a key in a token does for us.
 *
 * With CKM_AES_GCM the token seals the root key itself; some choose the nonce and write it where
 * ours was. Without, the token wraps a key of one use, and that one seals here, since key wrapping
 * has nothing to authenticate the generation with:
 *
 *	KMS_MASTER_PKCS11_GCM  || nonce || ciphertext || tag
 *	KMS_MASTER_PKCS11_WRAP || be32 mechanism || u8 length || wrapped key || nonce || ciphertext
 *	                       || tag
 */
#include "crypto/aead.h"
#include "crypto/random.h"
#include "kms/pkcs11-internal.h"

#include <string.h>

/* PKCS#11 3.0; the header that we have ends before it. */
#define MECHANISM_KWP 0x210bUL

#define KEY_SIZE RD_AEAD_KEY_SIZE
/* The wrapped key of one use: 32 bytes and at most two blocks of 8. */
#define WRAPPED_KEY_MAX (KEY_SIZE + 16)

static const CK_MECHANISM_TYPE wrap_mechanisms[] = {
	MECHANISM_KWP, CKM_AES_KEY_WRAP_PAD, CKM_AES_KEY_WRAP};

/* Codes that leave no doubt. */
static bool says_away(CK_RV rv)
{
	return rv == CKR_DEVICE_REMOVED || rv == CKR_TOKEN_NOT_PRESENT || rv == CKR_DEVICE_ERROR ||
	       rv == CKR_TOKEN_NOT_RECOGNIZED || rv == CKR_SLOT_ID_INVALID ||
	       rv == CKR_SESSION_CLOSED || rv == CKR_SESSION_HANDLE_INVALID ||
	       rv == CKR_KEY_HANDLE_INVALID || rv == CKR_OBJECT_HANDLE_INVALID ||
	       rv == CKR_USER_NOT_LOGGED_IN || rv == CKR_CRYPTOKI_NOT_INITIALIZED;
}

static bool answers(const struct kms_token *token)
{
	CK_TOKEN_INFO info;
	CK_KEY_TYPE type;
	CK_ATTRIBUTE attribute = {CKA_KEY_TYPE, &type, sizeof(type)};

	if (token->module->C_GetTokenInfo(token->slot, &info) != CKR_OK) {
		return false;
	}
	return token->key == CK_INVALID_HANDLE || token->module->C_GetAttributeValue(token->session,
							  token->key, &attribute, 1) == CKR_OK;
}

enum rd_status kms_token_failed(const struct kms_token *token, CK_RV rv, enum rd_status other,
	const char *what, struct rd_error *err)
{
	if (says_away(rv) || !answers(token)) {
		return rd_fail(err, RD_UNAVAILABLE,
			"%s: the token is away (%s): put it back, nothing need be restarted",
			token->name, p11_kit_strerror(rv));
	}
	return rd_fail(err, other, "%s: %s (%s)", token->name, what, p11_kit_strerror(rv));
}

static bool key_may(const struct kms_token *token, CK_ATTRIBUTE_TYPE what)
{
	CK_BBOOL value = CK_FALSE;
	CK_ATTRIBUTE attribute = {what, &value, sizeof(value)};

	return token->module->C_GetAttributeValue(token->session, token->key, &attribute, 1) ==
		       CKR_OK &&
	       value == CK_TRUE;
}

static bool token_has(const struct kms_token *token, CK_MECHANISM_TYPE mechanism, CK_FLAGS flags)
{
	CK_MECHANISM_INFO info;

	return token->module->C_GetMechanismInfo(token->slot, mechanism, &info) == CKR_OK &&
	       (info.flags & flags) == flags;
}

static bool can_gcm(const struct kms_token *token)
{
	return key_may(token, CKA_ENCRYPT) && key_may(token, CKA_DECRYPT) &&
	       token_has(token, CKM_AES_GCM, CKF_ENCRYPT | CKF_DECRYPT);
}

static bool find_wrap(const struct kms_token *token, CK_MECHANISM_TYPE *ret)
{
	if (!key_may(token, CKA_WRAP) || !key_may(token, CKA_UNWRAP)) {
		return false;
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(wrap_mechanisms); i++) {
		if (token_has(token, wrap_mechanisms[i], CKF_WRAP | CKF_UNWRAP)) {
			*ret = wrap_mechanisms[i];
			return true;
		}
	}
	return false;
}

enum rd_status kms_token_check_key(const struct kms_token *token, struct rd_error *err)
{
	CK_KEY_TYPE type = 0;
	CK_ULONG size = 0;
	CK_ATTRIBUTE attributes[] = {
		{CKA_KEY_TYPE, &type, sizeof(type)}, {CKA_VALUE_LEN, &size, sizeof(size)}};
	CK_MECHANISM_TYPE mechanism;
	CK_RV rv = token->module->C_GetAttributeValue(
		token->session, token->key, attributes, RD_ARRAY_LEN(attributes));

	if (rv != CKR_OK || type != CKK_AES || size != KEY_SIZE) {
		return rd_fail(err, RD_WRONG_KEY,
			"%s is no AES-256 key: make one with redoubt-kms --make-master",
			token->name);
	}
	if (key_may(token, CKA_EXTRACTABLE) || !key_may(token, CKA_SENSITIVE)) {
		return rd_fail(err, RD_WRONG_KEY,
			"%s may leave its token: make one that may not with redoubt-kms "
			"--make-master",
			token->name);
	}
	if (!can_gcm(token) && !find_wrap(token, &mechanism)) {
		return rd_fail(err, RD_WRONG_KEY,
			"%s may or can do neither AES-GCM nor AES key wrapping: make one that may "
			"with redoubt-kms --make-master",
			token->name);
	}
	return RD_OK;
}

enum rd_status kms_token_make_key(const struct kms_token *token, const CK_ATTRIBUTE *named,
	CK_ULONG n_named, struct rd_error *err)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_ULONG size = KEY_SIZE;
	CK_BBOOL yes = CK_TRUE;
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE attributes[12] = {
		{CKA_CLASS, &class, sizeof(class)},
		{CKA_VALUE_LEN, &size, sizeof(size)},
		{CKA_TOKEN, &yes, sizeof(yes)},
		{CKA_PRIVATE, &yes, sizeof(yes)},
		{CKA_SENSITIVE, &yes, sizeof(yes)},
		{CKA_EXTRACTABLE, &no, sizeof(no)},
		{CKA_ENCRYPT, &yes, sizeof(yes)},
		{CKA_DECRYPT, &yes, sizeof(yes)},
		{CKA_WRAP, &yes, sizeof(yes)},
		{CKA_UNWRAP, &yes, sizeof(yes)},
	};
	CK_ULONG n = 10;
	CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
	CK_OBJECT_HANDLE key;
	CK_RV rv;

	for (CK_ULONG i = 0; i < n_named && n < RD_ARRAY_LEN(attributes); i++) {
		if (named[i].type == CKA_LABEL || named[i].type == CKA_ID) {
			attributes[n++] = named[i];
		}
	}
	rv = token->module->C_GenerateKey(token->session, &mechanism, attributes, n, &key);
	return rv == CKR_OK ? RD_OK
			    : kms_token_failed(token, rv, RD_UNSUPPORTED,
				      "the token makes no AES-256 key that may not leave it", err);
}

/* PKCS#11 takes what it only reads as a pointer to what it may write. */
static CK_BYTE *writable(struct rd_view v)
{
	return (CK_BYTE *)(uintptr_t)v.ptr;
}

struct gcm {
	CK_BYTE nonce[RD_AEAD_NONCE_SIZE];
	CK_GCM_PARAMS params;
	CK_MECHANISM mechanism;
};

static void gcm_init(struct gcm *g, struct rd_view aad)
{
	/* In PKCS#11's order: p11-kit's names for the members differ from release to release. */
	const CK_GCM_PARAMS params = {g->nonce, sizeof(g->nonce), 8 * sizeof(g->nonce),
		writable(aad), aad.len, 8 * RD_AEAD_TAG_SIZE};

	g->params = params;
	g->mechanism = (CK_MECHANISM){CKM_AES_GCM, &g->params, sizeof(g->params)};
}

static enum rd_status gcm_wrap(const struct kms_token *token, struct rd_view aad,
	struct rd_view root, struct rd_buf *out, struct rd_error *err)
{
	CK_BYTE sealed[KMS_ROOT_SIZE + RD_AEAD_TAG_SIZE];
	CK_ULONG len = sizeof(sealed);
	struct gcm g;
	CK_RV rv;

	RD_TRY(rd_random_bytes(g.nonce, sizeof(g.nonce)));
	gcm_init(&g, aad);
	rv = token->module->C_EncryptInit(token->session, &g.mechanism, token->key);
	if (rv == CKR_OK) {
		rv = token->module->C_Encrypt(
			token->session, writable(root), root.len, sealed, &len);
	}
	if (rv != CKR_OK) {
		return kms_token_failed(
			token, rv, RD_INTERNAL, "cannot encrypt a root key in the token", err);
	}
	RD_TRY(rd_buf_u8(out, KMS_MASTER_PKCS11_GCM));
	RD_TRY(rd_buf_put(out, g.nonce, sizeof(g.nonce)));
	return rd_buf_put(out, sealed, len);
}

/* Some tokens want room for the tag in the plaintext's place, too. */
static CK_RV gcm_decrypt(
	const struct kms_token *token, struct gcm *g, struct rd_view sealed, struct rd_secret *room)
{
	CK_ULONG len = room->cap;
	CK_RV rv = token->module->C_DecryptInit(token->session, &g->mechanism, token->key);

	if (rv == CKR_OK) {
		rv = token->module->C_Decrypt(
			token->session, writable(sealed), sealed.len, room->ptr, &len);
	}
	room->len = rv == CKR_OK ? len : 0;
	return rv;
}

static enum rd_status gcm_unwrap(const struct kms_token *token, struct rd_view aad,
	struct rd_cur *c, struct rd_secret *ret, struct rd_error *err)
{
	struct rd_secret room RD_CLEANUP(rd_secret_finish) = {0};
	struct gcm g;
	enum rd_status st;
	CK_RV rv;

	RD_ENSURE(rd_cur_copy(c, g.nonce, sizeof(g.nonce)) == RD_OK &&
			  c->left == KMS_ROOT_SIZE + RD_AEAD_TAG_SIZE,
		rd_fail(err, RD_WRONG_KEY, "%s: the database's root key has the wrong size",
			token->name));
	st = rd_secret_init(&room, KMS_ROOT_SIZE + RD_AEAD_TAG_SIZE);
	RD_ENSURE(st == RD_OK, rd_fail(err, st, "no memory for a key"));
	gcm_init(&g, aad);
	rv = gcm_decrypt(token, &g, rd_view(c->ptr, c->left), &room);
	if (rv != CKR_OK) {
		return kms_token_failed(token, rv, RD_WRONG_KEY,
			"it is not the key of this database: set master to the right one", err);
	}
	return rd_secret_set(ret, rd_secret_view(&room));
}

/* Session keys: gone with the session at the latest. */
static CK_RV create_key(
	const struct kms_token *token, const struct rd_secret *bytes, CK_OBJECT_HANDLE *ret)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_AES;
	CK_BBOOL yes = CK_TRUE;
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE attributes[] = {
		{CKA_CLASS, &class, sizeof(class)},
		{CKA_KEY_TYPE, &type, sizeof(type)},
		{CKA_TOKEN, &no, sizeof(no)},
		{CKA_EXTRACTABLE, &yes, sizeof(yes)},
		{CKA_VALUE, bytes->ptr, bytes->len},
	};

	return token->module->C_CreateObject(
		token->session, attributes, RD_ARRAY_LEN(attributes), ret);
}

static enum rd_status wrap_in_token(const struct kms_token *token, CK_MECHANISM_TYPE type,
	const struct rd_secret *kek, struct rd_buf *out, struct rd_error *err)
{
	CK_MECHANISM mechanism = {type, NULL, 0};
	CK_BYTE wrapped[WRAPPED_KEY_MAX];
	CK_ULONG len = sizeof(wrapped);
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
	CK_RV rv = create_key(token, kek, &key);

	if (rv == CKR_OK) {
		rv = token->module->C_WrapKey(
			token->session, &mechanism, token->key, key, wrapped, &len);
		(void)token->module->C_DestroyObject(token->session, key);
	}
	if (rv != CKR_OK) {
		return kms_token_failed(
			token, rv, RD_INTERNAL, "cannot wrap a key in the token", err);
	}
	RD_TRY(rd_buf_u8(out, KMS_MASTER_PKCS11_WRAP));
	RD_TRY(rd_buf_be32(out, (uint32_t)type));
	RD_TRY(rd_buf_u8(out, (uint8_t)len));
	return rd_buf_put(out, wrapped, len);
}

static CK_RV read_key(const struct kms_token *token, CK_OBJECT_HANDLE key, struct rd_secret *ret)
{
	CK_ATTRIBUTE attribute = {CKA_VALUE, ret->ptr, ret->cap};
	CK_RV rv = token->module->C_GetAttributeValue(token->session, key, &attribute, 1);

	if (rv == CKR_OK && attribute.ulValueLen != KEY_SIZE) {
		rv = CKR_WRAPPED_KEY_LEN_RANGE;
	}
	ret->len = rv == CKR_OK ? KEY_SIZE : 0;
	return rv;
}

static enum rd_status unwrap_in_token(const struct kms_token *token, CK_MECHANISM_TYPE type,
	struct rd_view wrapped, struct rd_secret *kek, struct rd_error *err)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE key_type = CKK_AES;
	CK_BBOOL yes = CK_TRUE;
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE attributes[] = {
		{CKA_CLASS, &class, sizeof(class)},
		{CKA_KEY_TYPE, &key_type, sizeof(key_type)},
		{CKA_TOKEN, &no, sizeof(no)},
		{CKA_SENSITIVE, &no, sizeof(no)},
		{CKA_EXTRACTABLE, &yes, sizeof(yes)},
	};
	CK_MECHANISM mechanism = {type, NULL, 0};
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
	CK_RV rv = token->module->C_UnwrapKey(token->session, &mechanism, token->key,
		writable(wrapped), wrapped.len, attributes, RD_ARRAY_LEN(attributes), &key);

	if (rv == CKR_OK) {
		rv = read_key(token, key, kek);
		(void)token->module->C_DestroyObject(token->session, key);
	}
	return rv == CKR_OK ? RD_OK
			    : kms_token_failed(token, rv, RD_WRONG_KEY,
				      "it is not the key of this database: set master to the right "
				      "one",
				      err);
}

enum rd_status kms_token_wrap(const struct kms_token *token, struct rd_view aad,
	struct rd_view root, struct rd_buf *out, struct rd_error *err)
{
	struct rd_secret kek RD_CLEANUP(rd_secret_finish) = {0};
	CK_MECHANISM_TYPE mechanism;
	enum rd_status st;

	if (can_gcm(token)) {
		return gcm_wrap(token, aad, root, out, err);
	}
	if (!find_wrap(token, &mechanism)) {
		return kms_token_failed(token, CKR_KEY_FUNCTION_NOT_PERMITTED, RD_WRONG_KEY,
			"it may not wrap", err);
	}
	st = rd_secret_init(&kek, KEY_SIZE);
	if (st == RD_OK) {
		st = rd_secret_random(&kek, KEY_SIZE);
	}
	RD_ENSURE(st == RD_OK, rd_fail(err, st, "no memory for a key"));
	RD_TRY(wrap_in_token(token, mechanism, &kek, out, err));
	return kms_master_seal(kek.ptr, aad, root, out);
}

static enum rd_status take_wrapped(
	struct rd_cur *c, CK_MECHANISM_TYPE *ret_mechanism, struct rd_view *ret_key)
{
	uint32_t mechanism;
	uint8_t len;

	RD_TRY(rd_cur_be32(c, &mechanism));
	RD_TRY(rd_cur_u8(c, &len));
	RD_TRY(rd_cur_take(c, len, ret_key));
	for (size_t i = 0; i < RD_ARRAY_LEN(wrap_mechanisms); i++) {
		if (mechanism == wrap_mechanisms[i]) {
			*ret_mechanism = mechanism;
			return RD_OK;
		}
	}
	return RD_UNSUPPORTED;
}

enum rd_status kms_token_unwrap(const struct kms_token *token, struct rd_view aad,
	struct rd_view wrapped, struct rd_secret *ret, struct rd_error *err)
{
	struct rd_secret kek RD_CLEANUP(rd_secret_finish) = {0};
	struct rd_cur c = rd_cur(wrapped);
	struct rd_view key = rd_view(NULL, 0);
	CK_MECHANISM_TYPE mechanism = 0;
	uint8_t form = 0;
	enum rd_status st = rd_cur_u8(&c, &form);

	if (st == RD_OK && form == KMS_MASTER_PKCS11_GCM) {
		return gcm_unwrap(token, aad, &c, ret, err);
	}
	if (st != RD_OK || form != KMS_MASTER_PKCS11_WRAP ||
		take_wrapped(&c, &mechanism, &key) != RD_OK) {
		return rd_fail(err, RD_WRONG_KEY,
			"the database's root keys are not wrapped by a token: set master to what "
			"wrapped them");
	}
	st = rd_secret_init(&kek, KEY_SIZE);
	RD_ENSURE(st == RD_OK, rd_fail(err, st, "no memory for a key"));
	RD_TRY(unwrap_in_token(token, mechanism, key, &kek, err));
	st = kms_master_unseal(kek.ptr, aad, rd_view(c.ptr, c.left), ret);
	return st == RD_OK
		       ? RD_OK
		       : rd_fail(err, st, "%s: the database's root key is altered", token->name);
}
