/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wrapping under the ring's generations. Readers hold the lock for one AES-GCM at a time; a new
 * generation is made ready outside of it.
 */
#include "base/byteorder.h"
#include "base/secret.h"
#include "crypto/aead.h"
#include "crypto/hmac.h"
#include "crypto/kdf.h"
#include "crypto/random.h"
#include "kms/keyring-internal.h"

#include <stdlib.h>
#include <string.h>

/* What tells these keys and messages from all others; part of the stored form. */
#define LABEL_KEYS "redoubt-kms keys 1"
#define LABEL_WRAP "redoubt-kms wrap 1"

void kms_ring_root_finish(struct kms_ring_root *root)
{
	rd_secret_finish(&root->secret);
	rd_secret_finish(&root->keys);
}

static enum rd_status derive_one(struct rd_view prk, uint32_t purpose, uint8_t *ret)
{
	uint8_t storage[sizeof(LABEL_KEYS) + 4];
	struct rd_buf info = rd_buf_fixed(storage, sizeof(storage));

	RD_TRY(rd_buf_put(&info, LABEL_KEYS, sizeof(LABEL_KEYS)));
	RD_TRY(rd_buf_be32(&info, purpose));
	return rd_hkdf_expand(RD_SHA256, prk, rd_buf_view(&info), ret, KMS_PURPOSE_KEY_SIZE);
}

enum rd_status kms_ring_root_derive(const struct kms_keyring *keyring, struct kms_ring_root *root)
{
	struct rd_secret prk RD_CLEANUP(rd_secret_finish) = {0};

	RD_TRY(rd_secret_init(&prk, RD_SHA256_SIZE));
	RD_TRY(rd_hkdf_extract(RD_SHA256,
		rd_view(keyring->installation, sizeof(keyring->installation)),
		rd_secret_view(&root->secret), prk.ptr));
	prk.len = RD_SHA256_SIZE;
	RD_TRY(rd_secret_init(&root->keys, (size_t)KMS_PURPOSE_COUNT * KMS_PURPOSE_KEY_SIZE));
	root->keys.len = root->keys.cap;
	for (uint32_t purpose = 1; purpose < KMS_PURPOSE_COUNT; purpose++) {
		RD_TRY(derive_one(rd_secret_view(&prk), purpose,
			root->keys.ptr + (size_t)purpose * KMS_PURPOSE_KEY_SIZE));
	}
	return RD_OK;
}

static const uint8_t *key_of(const struct kms_ring_root *root, enum kms_purpose purpose)
{
	return root->keys.ptr + (size_t)purpose * KMS_PURPOSE_KEY_SIZE;
}

/* The newest is asked for most. */
static const struct kms_ring_root *find_root(const struct kms_keyring *keyring, uint32_t generation)
{
	for (size_t i = keyring->n_roots; i-- > 0;) {
		if (keyring->roots[i].generation == generation) {
			return &keyring->roots[i];
		}
	}
	return NULL;
}

static enum rd_status insert(struct kms_keyring *keyring, struct kms_ring_root *root)
{
	struct kms_ring_root *grown = reallocarray(
		keyring->roots, keyring->n_roots + 1, sizeof(*grown));
	size_t at = keyring->n_roots;

	RD_ENSURE(grown != NULL, RD_NOMEM);
	keyring->roots = grown;
	while (at > 0 && grown[at - 1].generation > root->generation) {
		grown[at] = grown[at - 1];
		at--;
	}
	grown[at] = rd_steal(root, (struct kms_ring_root){0});
	keyring->n_roots++;
	return RD_OK;
}

enum rd_status kms_ring_add(struct kms_keyring *keyring, struct kms_ring_root *root)
{
	enum rd_status st = RD_OK;

	(void)pthread_rwlock_wrlock(&keyring->lock);
	if (find_root(keyring, root->generation) == NULL) {
		st = insert(keyring, root);
	}
	(void)pthread_rwlock_unlock(&keyring->lock);
	kms_ring_root_finish(root);
	return st;
}

void kms_keyring_installation(const struct kms_keyring *keyring, uint8_t ret[KMS_INSTALLATION_SIZE])
{
	memcpy(ret, keyring->installation, KMS_INSTALLATION_SIZE);
}

/* What is authenticated in front of the row's identity; all of it has fixed sizes. */
#define FIXED_SIZE (sizeof(LABEL_WRAP) + 4 + 4 + KMS_INSTALLATION_SIZE)

static enum rd_status put_fixed(const struct kms_keyring *keyring, enum kms_purpose purpose,
	uint32_t generation, struct rd_buf *out)
{
	RD_TRY(rd_buf_put(out, LABEL_WRAP, sizeof(LABEL_WRAP)));
	RD_TRY(rd_buf_be32(out, purpose));
	RD_TRY(rd_buf_be32(out, generation));
	return rd_buf_put(out, keyring->installation, sizeof(keyring->installation));
}

static bool is_purpose(enum kms_purpose purpose)
{
	return purpose >= KMS_PURPOSE_MATERIAL && purpose < KMS_PURPOSE_COUNT;
}

static enum rd_status seal(const struct kms_keyring *keyring, enum kms_purpose purpose,
	struct rd_view identity, struct rd_view secret, struct rd_buf *out)
{
	const struct kms_ring_root *root = &keyring->roots[keyring->n_roots - 1];
	uint8_t storage[FIXED_SIZE];
	struct rd_buf fixed = rd_buf_fixed(storage, sizeof(storage));
	struct rd_view aad[2] = {{NULL, 0}, identity};
	uint8_t nonce[RD_AEAD_NONCE_SIZE];

	RD_TRY(put_fixed(keyring, purpose, root->generation, &fixed));
	aad[0] = rd_buf_view(&fixed);
	RD_TRY(rd_random_bytes(nonce, sizeof(nonce)));
	RD_TRY(rd_buf_be32(out, root->generation));
	RD_TRY(rd_buf_put(out, nonce, sizeof(nonce)));
	return rd_aead_seal(key_of(root, purpose), nonce,
		(struct rd_aead_aad){.views = aad, .n = RD_ARRAY_LEN(aad)}, secret, out);
}

enum rd_status kms_wrap(struct kms_keyring *keyring, enum kms_purpose purpose,
	struct rd_view identity, struct rd_view secret, struct rd_buf *out)
{
	const size_t used = out->used;
	enum rd_status st;

	RD_ENSURE(is_purpose(purpose), RD_USAGE);
	(void)pthread_rwlock_rdlock(&keyring->lock);
	st = seal(keyring, purpose, identity, secret, out);
	(void)pthread_rwlock_unlock(&keyring->lock);
	if (st != RD_OK) {
		out->used = used;
	}
	return st;
}

static enum rd_status unseal(const struct kms_keyring *keyring, enum kms_purpose purpose,
	struct rd_view identity, struct rd_cur *c, struct rd_secret *ret)
{
	uint8_t storage[FIXED_SIZE];
	struct rd_buf fixed = rd_buf_fixed(storage, sizeof(storage));
	struct rd_view aad[2] = {{NULL, 0}, identity};
	uint8_t nonce[RD_AEAD_NONCE_SIZE];
	const struct kms_ring_root *root;
	uint32_t generation;

	RD_TRY(rd_cur_be32(c, &generation));
	root = find_root(keyring, generation);
	RD_ENSURE(root != NULL, RD_NOTFOUND);
	RD_TRY(put_fixed(keyring, purpose, generation, &fixed));
	aad[0] = rd_buf_view(&fixed);
	RD_TRY(rd_cur_copy(c, nonce, sizeof(nonce)));
	return rd_aead_open(key_of(root, purpose), nonce,
		(struct rd_aead_aad){.views = aad, .n = RD_ARRAY_LEN(aad)},
		rd_view(c->ptr, c->left), ret);
}

enum rd_status kms_unwrap(struct kms_keyring *keyring, enum kms_purpose purpose,
	struct rd_view identity, struct rd_view wrapped, struct rd_secret *ret)
{
	struct rd_secret secret RD_CLEANUP(rd_secret_finish) = {0};
	struct rd_cur c = rd_cur(wrapped);
	enum rd_status st;
	size_t len;

	*ret = (struct rd_secret){0};
	RD_ENSURE(is_purpose(purpose), RD_USAGE);
	RD_ENSURE(wrapped.len >= KMS_WRAP_OVERHEAD, RD_BAD_SIGNATURE);
	/* We wrap nothing larger; an empty secret, too, needs a home. */
	len = wrapped.len - KMS_WRAP_OVERHEAD;
	RD_ENSURE(len <= RD_SECRET_SIZE_MAX, RD_BAD_SIGNATURE);
	RD_TRY(rd_secret_init(&secret, len == 0 ? 1 : len));
	(void)pthread_rwlock_rdlock(&keyring->lock);
	st = unseal(keyring, purpose, identity, &c, &secret);
	(void)pthread_rwlock_unlock(&keyring->lock);
	if (st == RD_UNTRUSTED || st == RD_TRUNCATED) {
		return RD_BAD_SIGNATURE;
	}
	RD_TRY(st);
	*ret = rd_steal(&secret, (struct rd_secret){0});
	return RD_OK;
}

enum rd_status kms_unwrap_with(struct kms_keyring *keyring, struct rd_db *db,
	enum kms_purpose purpose, struct rd_view identity, struct rd_view wrapped,
	struct rd_secret *ret)
{
	enum rd_status st = kms_unwrap(keyring, purpose, identity, wrapped, ret);

	if (st != RD_NOTFOUND) {
		return st;
	}
	if (kms_wrapped_generation(wrapped) > kms_keyring_generation(keyring)) {
		RD_TRY(rd_db_may_wait(db)); /* a token takes its time */
		RD_TRY(kms_keyring_reload(keyring, db, NULL));
	}
	/* Again in any case: another thread may have just taken it in. */
	return kms_unwrap(keyring, purpose, identity, wrapped, ret);
}

enum rd_status kms_keyed_hash(struct kms_keyring *keyring, enum kms_purpose purpose,
	struct rd_view message, uint8_t ret_mac[32])
{
	RD_ENSURE(is_purpose(purpose), RD_USAGE);
	return rd_hmac(RD_HMAC_SHA256,
		rd_view(key_of(&keyring->hashes, purpose), KMS_PURPOSE_KEY_SIZE), message, ret_mac);
}

uint32_t kms_keyring_generation(struct kms_keyring *keyring)
{
	uint32_t generation;

	(void)pthread_rwlock_rdlock(&keyring->lock);
	generation = keyring->roots[keyring->n_roots - 1].generation;
	(void)pthread_rwlock_unlock(&keyring->lock);
	return generation;
}

uint32_t kms_wrapped_generation(struct rd_view wrapped)
{
	return wrapped.len < sizeof(uint32_t) ? 0 : rd_get_be32(wrapped.ptr);
}
