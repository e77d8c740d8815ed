/* SPDX-License-Identifier: Apache-2.0 */
/* Data keys by purpose and version, and what is sealed under them but cards (vault.c). */
#include "enclave/keyring.h"

#include "crypto/random.h"

/* An unencrypted PKCS#8 P-256 key has 138 bytes. */
#define PKCS8_MAX 256

void keyring_finish(struct keyring *ring)
{
	for (size_t i = 0; i < ring->n; i++) {
		rd_secret_finish(&ring->keys[i].key);
	}
	rd_ec_key_free(&ring->log_key);
	*ring = (struct keyring){0};
}

enum rd_status keyring_add(struct keyring *ring, uint32_t purpose, uint32_t version,
	struct rd_view wrapped, struct rd_secret *key)
{
	struct keyring_key *to = &ring->keys[ring->n];

	RD_ENSURE(key->len == KEYRING_KEY_SIZE, RD_OUT_OF_RANGE);
	RD_ENSURE(ring->n < PAY_KEYS_MAX, RD_LIMIT);
	for (size_t i = 0; i < ring->n; i++) {
		const struct keyring_key *k = &ring->keys[i];

		RD_ENSURE(
			k->purpose != purpose || (purpose == PAY_KEY_CARD && k->version != version),
			RD_DUPLICATE);
	}
	*to = (struct keyring_key){.purpose = purpose, .version = version};
	RD_TRY(rd_digest_once(RD_SHA256, wrapped, to->wrapped));
	to->key = rd_steal(key, (struct rd_secret){0});
	ring->n++;
	return RD_OK;
}

bool keyring_move(struct keyring *from, uint32_t purpose, uint32_t version, struct rd_view wrapped,
	struct keyring *ring)
{
	uint8_t digest[RD_SHA256_SIZE];

	if (rd_digest_once(RD_SHA256, wrapped, digest) != RD_OK) {
		return false;
	}
	for (size_t i = 0; i < from->n; i++) {
		struct keyring_key *k = &from->keys[i];

		if (k->purpose == purpose && k->version == version && k->key.len > 0 &&
			memcmp(k->wrapped, digest, sizeof(digest)) == 0) {
			return keyring_add(ring, purpose, version, wrapped, &k->key) == RD_OK;
		}
	}
	return false;
}

const struct keyring_key *keyring_find(
	const struct keyring *ring, uint32_t purpose, uint32_t version)
{
	const struct keyring_key *found = NULL;

	for (size_t i = 0; i < ring->n; i++) {
		const struct keyring_key *k = &ring->keys[i];

		if (k->purpose == purpose && (version == 0 || k->version == version) &&
			(found == NULL || k->version > found->version)) {
			found = k;
		}
	}
	return found;
}

struct rd_seal_key keyring_seal_key(const struct keyring_key *key)
{
	return (struct rd_seal_key){.purpose = pay_purpose_name(key->purpose),
		.version = key->version,
		.key = rd_secret_view(&key->key)};
}

/* What else than a card is sealed has its purpose as its whole context. */
static enum rd_status context_of(const struct keyring_key *key, struct rd_buf *out)
{
	struct rd_context_pair pairs[] = {
		{rd_view_str("app"), rd_view_str("redoubt-payments")},
		{rd_view_str("record"), rd_view_str(pay_purpose_name(key->purpose))},
	};

	return rd_context_encode(pairs, RD_ARRAY_LEN(pairs), out);
}

static enum rd_status seal_under(
	const struct keyring *ring, uint32_t purpose, struct rd_view plaintext, struct rd_buf *out)
{
	const struct keyring_key *key = keyring_find(ring, purpose, 0);
	uint8_t room[RD_SEAL_CONTEXT_MAX], salt[RD_SEAL_SALT_SIZE];
	struct rd_buf context = rd_buf_fixed(room, sizeof(room));
	struct rd_seal_key seal_key;

	RD_ENSURE(key != NULL, RD_NOTFOUND);
	seal_key = keyring_seal_key(key);
	RD_TRY(context_of(key, &context));
	RD_TRY(rd_random_bytes(salt, sizeof(salt)));
	return rd_seal(&seal_key, rd_buf_view(&context), plaintext, salt, out);
}

static enum rd_status open_under(
	const struct keyring *ring, uint32_t purpose, struct rd_view sealed, struct rd_secret *ret)
{
	const struct keyring_key *key = keyring_find(ring, purpose, 0);
	uint8_t room[RD_SEAL_CONTEXT_MAX];
	struct rd_buf context = rd_buf_fixed(room, sizeof(room));
	struct rd_seal_key seal_key;
	struct rd_sealed record;

	RD_ENSURE(key != NULL, RD_NOTFOUND);
	seal_key = keyring_seal_key(key);
	RD_TRY(context_of(key, &context));
	RD_TRY(rd_seal_read(sealed, &record));
	return rd_seal_open(&record, &seal_key, rd_buf_view(&context), ret);
}

enum rd_status keyring_make_log_key(struct keyring *ring, struct rd_buf *out)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret pkcs8 = {0};
	RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *key = NULL;

	RD_TRY(rd_ec_key_generate(RD_P256, &key));
	RD_TRY(rd_secret_init(&pkcs8, PKCS8_MAX));
	RD_TRY(rd_ec_key_to_pkcs8(key, &pkcs8));
	RD_TRY(seal_under(ring, PAY_KEY_LOG, rd_secret_view(&pkcs8), out));
	ring->log_key = rd_steal(&key, NULL);
	return RD_OK;
}

enum rd_status keyring_open_log_key(struct keyring *ring, struct rd_view sealed)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret pkcs8 = {0};

	RD_TRY(rd_secret_init(&pkcs8, PKCS8_MAX));
	RD_TRY(open_under(ring, PAY_KEY_LOG, sealed, &pkcs8));
	return rd_ec_key_from_pkcs8(rd_secret_view(&pkcs8), RD_P256, &ring->log_key);
}

enum rd_status keyring_seal_policy(
	const struct keyring *ring, struct rd_view json, struct rd_buf *out)
{
	return seal_under(ring, PAY_KEY_POLICY, json, out);
}

enum rd_status keyring_open_policy(
	const struct keyring *ring, struct rd_view sealed, struct rd_secret *ret)
{
	return open_under(ring, PAY_KEY_POLICY, sealed, ret);
}
