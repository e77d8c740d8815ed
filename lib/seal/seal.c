/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing, reading and opening records. */
#include "seal/seal.h"

#include "base/secret.h"
#include "crypto/kdf.h"

#include <string.h>

#define MAGIC      "RDS1"
#define MAGIC_SIZE 4
#define SUITE      1
#define LABEL      "redoubt seal v1"

#define DERIVED_FROM_MAX (10 + RD_SEAL_PURPOSE_MAX)
#define HEADER_MAX       (DERIVED_FROM_MAX + RD_SEAL_SALT_SIZE + RD_SEAL_COMMITMENT_SIZE)
#define INFO_MAX         (sizeof(LABEL) - 1 + DERIVED_FROM_MAX + RD_SEAL_CONTEXT_MAX)

/* What the derivation gives, in its order. */
struct record_keys {
	uint8_t key[RD_AEAD_KEY_SIZE];
	uint8_t nonce[RD_AEAD_NONCE_SIZE];
	uint8_t commitment[RD_SEAL_COMMITMENT_SIZE];
};

_Static_assert(sizeof(struct record_keys) == 76, "bytes only, no padding");

static void wipe_keys(struct record_keys *keys)
{
	rd_wipe(keys, sizeof(*keys));
}

static bool is_purpose(struct rd_view text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
			return false;
		}
	}
	return true;
}

static enum rd_status check_key(const struct rd_seal_key *key, struct rd_view context)
{
	struct rd_view purpose = rd_view_str(key->purpose);

	RD_ENSURE(key->key.len == RD_SEAL_KEY_SIZE && key->version > 0, RD_USAGE);
	RD_ENSURE(purpose.len > 0 && purpose.len <= RD_SEAL_PURPOSE_MAX, RD_USAGE);
	RD_ENSURE(is_purpose(purpose), RD_USAGE);
	RD_ENSURE(context.len <= RD_SEAL_CONTEXT_MAX, RD_LIMIT);
	return RD_OK;
}

static enum rd_status derive(struct rd_view data_key, struct rd_view salt,
	struct rd_view derived_from, struct rd_view context, struct record_keys *ret)
{
	uint8_t prk[RD_SHA256_SIZE];
	uint8_t storage[INFO_MAX];
	struct rd_buf info = rd_buf_fixed(storage, sizeof(storage));
	enum rd_status st;

	RD_TRY(rd_buf_put_str(&info, LABEL));
	RD_TRY(rd_buf_put_view(&info, derived_from));
	RD_TRY(rd_buf_put_view(&info, context));
	st = rd_hkdf_extract(RD_SHA256, salt, data_key, prk);
	if (st == RD_OK) {
		st = rd_hkdf_expand(RD_SHA256, rd_view(prk, sizeof(prk)), rd_buf_view(&info),
			(uint8_t *)ret, sizeof(*ret));
	}
	rd_wipe(prk, sizeof(prk));
	return st;
}

static enum rd_status put_derived_from(const struct rd_seal_key *key, struct rd_buf *header)
{
	RD_TRY(rd_buf_put_str(header, MAGIC));
	RD_TRY(rd_buf_u8(header, SUITE));
	RD_TRY(rd_buf_u8(header, (uint8_t)strlen(key->purpose)));
	RD_TRY(rd_buf_put_str(header, key->purpose));
	return rd_buf_be32(header, key->version);
}

static struct rd_aead_aad aad_of(
	struct rd_view header, struct rd_view context, struct rd_view views[2])
{
	/* The header says its own length and the context carries its: no byte can change sides. */
	views[0] = header;
	views[1] = context;
	return (struct rd_aead_aad){.views = views, .n = 2};
}

enum rd_status rd_seal(const struct rd_seal_key *key, struct rd_view context,
	struct rd_view plaintext, const uint8_t salt[RD_SEAL_SALT_SIZE], struct rd_buf *out)
{
	RD_CLEANUP(wipe_keys) struct record_keys keys = {0};
	uint8_t storage[HEADER_MAX];
	struct rd_buf header = rd_buf_fixed(storage, sizeof(storage));
	struct rd_view views[2];
	size_t before = out->used;
	enum rd_status st;

	RD_TRY(check_key(key, context));
	RD_ENSURE(plaintext.len > 0 && plaintext.len <= RD_SEAL_PLAINTEXT_MAX, RD_LIMIT);
	RD_TRY(put_derived_from(key, &header));
	RD_TRY(derive(
		key->key, rd_view(salt, RD_SEAL_SALT_SIZE), rd_buf_view(&header), context, &keys));
	RD_TRY(rd_buf_put(&header, salt, RD_SEAL_SALT_SIZE));
	RD_TRY(rd_buf_put(&header, keys.commitment, sizeof(keys.commitment)));
	RD_TRY(rd_buf_put_view(out, rd_buf_view(&header)));
	st = rd_aead_seal(
		keys.key, keys.nonce, aad_of(rd_buf_view(&header), context, views), plaintext, out);
	if (st != RD_OK) {
		out->used = before;
	}
	return st;
}

static enum rd_status read_purpose(struct rd_cur *c, struct rd_view *ret)
{
	uint8_t len;

	RD_TRY(rd_cur_u8(c, &len));
	RD_ENSURE(len > 0 && len <= RD_SEAL_PURPOSE_MAX, RD_OUT_OF_RANGE);
	RD_TRY(rd_cur_take(c, len, ret));
	RD_ENSURE(is_purpose(*ret), RD_MALFORMED);
	return RD_OK;
}

enum rd_status rd_seal_read(struct rd_view record, struct rd_sealed *ret)
{
	struct rd_cur c = rd_cur(record);
	struct rd_sealed s = {0};
	struct rd_view magic;
	uint8_t suite;

	RD_ENSURE(record.len <= RD_SEAL_SIZE_MAX, RD_LIMIT);
	RD_TRY(rd_cur_take(&c, MAGIC_SIZE, &magic));
	RD_ENSURE(rd_view_equal(magic, rd_view_str(MAGIC)), RD_BAD_MAGIC);
	RD_TRY(rd_cur_u8(&c, &suite));
	RD_ENSURE(suite == SUITE, RD_BAD_ALG);
	RD_TRY(read_purpose(&c, &s.purpose));
	RD_TRY(rd_cur_be32(&c, &s.version));
	RD_ENSURE(s.version > 0, RD_OUT_OF_RANGE);
	s.derived_from = rd_view(record.ptr, record.len - c.left);
	RD_TRY(rd_cur_take(&c, RD_SEAL_SALT_SIZE, &s.salt));
	RD_TRY(rd_cur_take(&c, RD_SEAL_COMMITMENT_SIZE, &s.commitment));
	s.header = rd_view(record.ptr, record.len - c.left);
	/* An empty plaintext is never sealed. */
	RD_ENSURE(c.left > RD_AEAD_TAG_SIZE, RD_TRUNCATED);
	s.ciphertext = rd_view(c.ptr, c.left);
	*ret = s;
	return RD_OK;
}

enum rd_status rd_seal_open(const struct rd_sealed *record, const struct rd_seal_key *key,
	struct rd_view context, struct rd_secret *out)
{
	RD_CLEANUP(wipe_keys) struct record_keys keys = {0};
	struct rd_view views[2];

	rd_secret_clear(out);
	RD_TRY(check_key(key, context));
	RD_ENSURE(rd_view_equal(record->purpose, rd_view_str(key->purpose)), RD_FORBIDDEN);
	RD_ENSURE(record->version == key->version, RD_FORBIDDEN);
	RD_TRY(derive(key->key, record->salt, record->derived_from, context, &keys));
	RD_ENSURE(rd_equal_constant_time(
			  rd_view(keys.commitment, sizeof(keys.commitment)), record->commitment),
		RD_UNTRUSTED);
	return rd_aead_open(keys.key, keys.nonce, aad_of(record->header, context, views),
		record->ciphertext, out);
}
