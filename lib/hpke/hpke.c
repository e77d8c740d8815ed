/* SPDX-License-Identifier: Apache-2.0 */
/* HPKE's contexts: setting up (RFC 9180 5.1.1), messages in their order (5.2), one message (6.1).
 */
#include "hpke/hpke.h"

#include "base/byteorder.h"
#include "base/secret.h"
#include "hpke/schedule-internal.h"

#include <string.h>

_Static_assert(RD_HPKE_TAG_SIZE == RD_AEAD_TAG_SIZE, "the AEAD's tag is HPKE's");

void rd_hpke_finish(struct rd_hpke *hpke)
{
	rd_secret_finish(&hpke->keys);
	*hpke = (struct rd_hpke){0};
}

static enum rd_status own_point(const struct rd_ec_key *key, uint8_t ret_point[RD_HPKE_POINT_SIZE])
{
	struct rd_buf b = rd_buf_fixed(ret_point, RD_HPKE_POINT_SIZE);

	RD_ENSURE(rd_ec_key_curve(key) == RD_P256 && rd_ec_key_has_private(key), RD_USAGE);
	return rd_ec_key_point(key, &b);
}

/* Whatever is wrong with a point from outside is one status, and so is every wrong message's. */
static enum rd_status untrusted(enum rd_status st)
{
	return rd_category(st) == RD_CAT_MALFORMED || rd_category(st) == RD_CAT_UNTRUSTED
		       ? RD_UNTRUSTED
		       : st;
}

/* peer_point is enc or recipient, whichever came from outside; the other one is own's. */
static enum rd_status init(struct rd_hpke_exchange *exchange, struct rd_view peer_point,
	bool is_sender, struct rd_hpke *ret)
{
	RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *peer = NULL;
	RD_CLEANUP(rd_hpke_finish) struct rd_hpke hpke = {.is_sender = is_sender};

	RD_TRY(untrusted(rd_ec_key_from_point(RD_P256, peer_point, &peer)));
	exchange->peer = peer;
	RD_TRY(rd_secret_init(&hpke.keys, RD_HPKE_KEYS_SIZE));
	RD_TRY(untrusted(rd_hpke_schedule(exchange, &hpke.keys)));
	*ret = rd_steal(&hpke, (struct rd_hpke){0});
	return RD_OK;
}

enum rd_status rd_hpke_sender_init(struct rd_view recipient, struct rd_view info,
	const struct rd_ec_key *ephemeral, struct rd_hpke *ret, uint8_t ret_enc[RD_HPKE_POINT_SIZE])
{
	uint8_t point[RD_HPKE_POINT_SIZE];
	struct rd_hpke_exchange exchange = {
		.own = ephemeral,
		.enc = rd_view(point, sizeof(point)),
		.recipient = recipient,
		.info = info,
	};

	*ret = (struct rd_hpke){0};
	RD_TRY(own_point(ephemeral, point));
	RD_TRY(init(&exchange, recipient, true, ret));
	memcpy(ret_enc, point, sizeof(point));
	return RD_OK;
}

enum rd_status rd_hpke_receiver_init(
	const struct rd_ec_key *key, struct rd_view enc, struct rd_view info, struct rd_hpke *ret)
{
	uint8_t point[RD_HPKE_POINT_SIZE];
	struct rd_hpke_exchange exchange = {
		.own = key,
		.enc = enc,
		.recipient = rd_view(point, sizeof(point)),
		.info = info,
	};

	*ret = (struct rd_hpke){0};
	RD_TRY(own_point(key, point));
	return init(&exchange, enc, false, ret);
}

/* ComputeNonce (5.2). At the last number there is no next one, and no nonce may be used twice. */
static enum rd_status next_nonce(const struct rd_hpke *hpke, uint8_t ret_nonce[RD_AEAD_NONCE_SIZE])
{
	uint8_t sequence[RD_AEAD_NONCE_SIZE] = {0};

	RD_ENSURE(hpke->sequence < UINT64_MAX, RD_LIMIT);
	rd_put_be64(sequence + RD_AEAD_NONCE_SIZE - sizeof(uint64_t), hpke->sequence);
	for (size_t i = 0; i < RD_AEAD_NONCE_SIZE; i++) {
		ret_nonce[i] = hpke->keys.ptr[RD_HPKE_NONCE_OFFSET + i] ^ sequence[i];
	}
	return RD_OK;
}

enum rd_status rd_hpke_seal(
	struct rd_hpke *hpke, struct rd_view aad, struct rd_view plaintext, struct rd_buf *out)
{
	uint8_t nonce[RD_AEAD_NONCE_SIZE];

	RD_ENSURE(hpke->keys.len == RD_HPKE_KEYS_SIZE && hpke->is_sender, RD_USAGE);
	RD_TRY(next_nonce(hpke, nonce));
	RD_TRY(rd_aead_seal(hpke->keys.ptr + RD_HPKE_KEY_OFFSET, nonce,
		(struct rd_aead_aad){.views = &aad, .n = 1}, plaintext, out));
	hpke->sequence++;
	return RD_OK;
}

enum rd_status rd_hpke_open(
	struct rd_hpke *hpke, struct rd_view aad, struct rd_view ciphertext, struct rd_secret *out)
{
	uint8_t nonce[RD_AEAD_NONCE_SIZE];

	rd_secret_clear(out);
	RD_ENSURE(hpke->keys.len == RD_HPKE_KEYS_SIZE && !hpke->is_sender, RD_USAGE);
	RD_TRY(next_nonce(hpke, nonce));
	RD_TRY(rd_aead_open(hpke->keys.ptr + RD_HPKE_KEY_OFFSET, nonce,
		(struct rd_aead_aad){.views = &aad, .n = 1}, ciphertext, out));
	hpke->sequence++;
	return RD_OK;
}

enum rd_status rd_hpke_export(const struct rd_hpke *hpke, struct rd_view exporter_context,
	uint8_t *ret_secret, size_t len)
{
	RD_ENSURE(hpke->keys.len == RD_HPKE_KEYS_SIZE, RD_USAGE);
	return rd_hpke_export_secret(
		rd_view(hpke->keys.ptr + RD_HPKE_EXPORTER_OFFSET, RD_HPKE_EXPORTER_SIZE),
		exporter_context, ret_secret, len);
}

enum rd_status rd_hpke_seal_once(struct rd_view recipient, struct rd_view info, struct rd_view aad,
	struct rd_view plaintext, const struct rd_ec_key *ephemeral, struct rd_buf *out)
{
	RD_CLEANUP(rd_hpke_finish) struct rd_hpke hpke = {0};
	uint8_t enc[RD_HPKE_POINT_SIZE];
	size_t before = out->used;
	enum rd_status st;

	RD_TRY(rd_hpke_sender_init(recipient, info, ephemeral, &hpke, enc));
	RD_TRY(rd_buf_put(out, enc, sizeof(enc)));
	st = rd_hpke_seal(&hpke, aad, plaintext, out);
	if (st != RD_OK) {
		out->used = before;
	}
	return st;
}

enum rd_status rd_hpke_open_once(const struct rd_ec_key *key, struct rd_view info,
	struct rd_view aad, struct rd_view message, struct rd_secret *out)
{
	RD_CLEANUP(rd_hpke_finish) struct rd_hpke hpke = {0};
	struct rd_cur c = rd_cur(message);
	struct rd_view enc;

	rd_secret_clear(out);
	RD_ENSURE(message.len >= RD_HPKE_OVERHEAD, RD_TRUNCATED);
	RD_TRY(rd_cur_take(&c, RD_HPKE_POINT_SIZE, &enc));
	RD_TRY(rd_hpke_receiver_init(key, enc, info, &hpke));
	return rd_hpke_open(&hpke, aad, rd_view(c.ptr, c.left), out);
}
