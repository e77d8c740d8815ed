/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing and opening the ciphertext blob. */
#include "envelope/envelope.h"

#include "base/secret.h"
#include "crypto/kdf.h"

#include <string.h>

#define MAGIC        "RK"
#define MAGIC_SIZE   2
#define VERSION      1
#define SUITE        1
#define LABEL        "redoubt-kms ciphertext blob"
#define DERIVED_FROM (4 + sizeof(struct rd_envelope_id) + RD_ENVELOPE_NONCE_SIZE)

_Static_assert(sizeof(struct rd_envelope_id) == 56, "bytes only, no padding");
_Static_assert(
	DERIVED_FROM + RD_AEAD_NONCE_SIZE + RD_ENVELOPE_COMMITMENT_SIZE == RD_ENVELOPE_HEADER_SIZE,
	"the header is the table in envelope.h");

/* What the derivation gives, in its order. */
struct message_keys {
	uint8_t key[RD_AEAD_KEY_SIZE];
	uint8_t commitment[RD_ENVELOPE_COMMITMENT_SIZE];
};

static void wipe_keys(struct message_keys *keys)
{
	rd_wipe(keys, sizeof(*keys));
}

static enum rd_status derive(
	const uint8_t *backing_key, struct rd_view derived_from, struct message_keys *ret)
{
	return rd_kbkdf_counter(RD_SHA256, rd_view(backing_key, RD_ENVELOPE_BACKING_KEY_SIZE),
		rd_view_str(LABEL), derived_from, (uint8_t *)ret, sizeof(*ret));
}

enum rd_status rd_envelope_parse(struct rd_view blob, struct rd_envelope *ret)
{
	struct rd_cur c = rd_cur(blob);
	struct rd_envelope e = {0};
	struct rd_view magic;
	struct rd_view nonce;
	uint8_t version;
	uint8_t suite;

	RD_ENSURE(blob.len <= RD_ENVELOPE_SIZE_MAX, RD_LIMIT);
	RD_TRY(rd_cur_take(&c, MAGIC_SIZE, &magic));
	RD_ENSURE(rd_view_equal(magic, rd_view_str(MAGIC)), RD_BAD_MAGIC);
	RD_TRY(rd_cur_u8(&c, &version));
	RD_ENSURE(version == VERSION, RD_BAD_VERSION);
	RD_TRY(rd_cur_u8(&c, &suite));
	RD_ENSURE(suite == SUITE, RD_BAD_ALG);
	RD_TRY(rd_cur_copy(&c, &e.id, sizeof(e.id)));
	RD_TRY(rd_cur_take(&c, RD_ENVELOPE_NONCE_SIZE, &nonce));
	RD_TRY(rd_cur_take(&c, RD_AEAD_NONCE_SIZE, &e.gcm_nonce));
	RD_TRY(rd_cur_take(&c, RD_ENVELOPE_COMMITMENT_SIZE, &e.commitment));
	/* An empty plaintext is never sealed. */
	RD_ENSURE(c.left > RD_AEAD_TAG_SIZE, RD_TRUNCATED);
	e.sealed = rd_view(c.ptr, c.left);
	e.derived_from = rd_view(blob.ptr, DERIVED_FROM);
	e.header = rd_view(blob.ptr, RD_ENVELOPE_HEADER_SIZE);
	*ret = e;
	return RD_OK;
}

static enum rd_status put_derived_from(const struct rd_envelope_id *id,
	const struct rd_envelope_random *random, struct rd_buf *header)
{
	RD_TRY(rd_buf_put_str(header, MAGIC));
	RD_TRY(rd_buf_u8(header, VERSION));
	RD_TRY(rd_buf_u8(header, SUITE));
	RD_TRY(rd_buf_put(header, id, sizeof(*id)));
	return rd_buf_put(header, random->nonce, sizeof(random->nonce));
}

static struct rd_aead_aad aad_of(
	struct rd_view header, struct rd_view context, struct rd_view views[2])
{
	/* The header has one size and the context carries its lengths: no byte can change sides. */
	views[0] = header;
	views[1] = context;
	return (struct rd_aead_aad){.views = views, .n = 2};
}

enum rd_status rd_envelope_seal(const struct rd_envelope_id *id,
	const uint8_t backing_key[RD_ENVELOPE_BACKING_KEY_SIZE], struct rd_view context,
	struct rd_view plaintext, const struct rd_envelope_random *random, struct rd_buf *out)
{
	RD_CLEANUP(wipe_keys) struct message_keys keys = {0};
	uint8_t storage[RD_ENVELOPE_HEADER_SIZE];
	struct rd_buf header = rd_buf_fixed(storage, sizeof(storage));
	struct rd_view views[2];
	size_t before = out->used;
	enum rd_status st;

	RD_ENSURE(plaintext.len > 0 && plaintext.len <= RD_ENVELOPE_PLAINTEXT_MAX, RD_LIMIT);
	RD_TRY(put_derived_from(id, random, &header));
	RD_TRY(derive(backing_key, rd_buf_view(&header), &keys));
	RD_TRY(rd_buf_put(&header, random->gcm_nonce, sizeof(random->gcm_nonce)));
	RD_TRY(rd_buf_put(&header, keys.commitment, sizeof(keys.commitment)));
	RD_TRY(rd_buf_put_view(out, rd_buf_view(&header)));
	st = rd_aead_seal(keys.key, random->gcm_nonce, aad_of(rd_buf_view(&header), context, views),
		plaintext, out);
	if (st != RD_OK) {
		out->used = before;
	}
	return st;
}

enum rd_status rd_envelope_open(const struct rd_envelope *envelope,
	const uint8_t backing_key[RD_ENVELOPE_BACKING_KEY_SIZE], struct rd_view context,
	struct rd_secret *out)
{
	RD_CLEANUP(wipe_keys) struct message_keys keys = {0};
	struct rd_view views[2];

	rd_secret_clear(out);
	RD_TRY(derive(backing_key, envelope->derived_from, &keys));
	RD_ENSURE(rd_equal_constant_time(
			  rd_view(keys.commitment, sizeof(keys.commitment)), envelope->commitment),
		RD_UNTRUSTED);
	return rd_aead_open(keys.key, envelope->gcm_nonce.ptr,
		aad_of(envelope->header, context, views), envelope->sealed, out);
}
