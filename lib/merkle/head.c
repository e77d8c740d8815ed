/* SPDX-License-Identifier: Apache-2.0 */
/* Signed tree heads: encoding, signing, verifying. */
#include "merkle/head.h"

static const uint8_t magic[8] = RD_MERKLE_HEAD_MAGIC;

enum rd_status rd_merkle_log_id(const struct rd_ec_key *key, struct rd_merkle_hash *ret)
{
	uint8_t storage[RD_EC_SPKI_SIZE_MAX];
	struct rd_buf spki = rd_buf_fixed(storage, sizeof(storage));

	RD_ENSURE(rd_ec_key_curve(key) == RD_P256, RD_WRONG_KEY);
	RD_TRY(rd_ec_key_to_spki(key, &spki));
	return rd_digest_once(RD_SHA256, rd_buf_view(&spki), ret->bytes);
}

enum rd_status rd_merkle_head_sign_as(const struct rd_ec_key *key, const struct rd_merkle_hash *id,
	const struct rd_merkle_head *head, uint8_t ret_signed[RD_MERKLE_HEAD_SIZE])
{
	struct rd_buf out = rd_buf_fixed(ret_signed, RD_MERKLE_HEAD_BODY_SIZE);

	/* Another curve's signature would not even fit. */
	RD_ENSURE(rd_ec_key_curve(key) == RD_P256, RD_WRONG_KEY);
	RD_ENSURE(head->size <= RD_MERKLE_SIZE_MAX, RD_LIMIT);
	RD_TRY(rd_buf_put(&out, magic, sizeof(magic)));
	RD_TRY(rd_buf_put(&out, id->bytes, sizeof(id->bytes)));
	RD_TRY(rd_buf_be64(&out, head->time_ms));
	RD_TRY(rd_buf_be64(&out, head->size));
	RD_TRY(rd_buf_put(&out, head->root.bytes, sizeof(head->root.bytes)));
	return rd_ec_sign(key, rd_buf_view(&out), ret_signed + RD_MERKLE_HEAD_BODY_SIZE);
}

enum rd_status rd_merkle_head_sign(const struct rd_ec_key *key, const struct rd_merkle_head *head,
	uint8_t ret_signed[RD_MERKLE_HEAD_SIZE])
{
	struct rd_merkle_hash id;

	RD_TRY(rd_merkle_log_id(key, &id));
	return rd_merkle_head_sign_as(key, &id, head, ret_signed);
}

static enum rd_status read_body(
	struct rd_view body, const struct rd_merkle_hash *id, struct rd_merkle_head *ret)
{
	struct rd_cur c = rd_cur(body);
	struct rd_view part;

	RD_TRY(rd_cur_take(&c, sizeof(magic), &part));
	RD_ENSURE(rd_view_equal(part, rd_view(magic, sizeof(magic))), RD_BAD_MAGIC);
	RD_TRY(rd_cur_take(&c, sizeof(id->bytes), &part));
	RD_ENSURE(rd_view_equal(part, rd_view(id->bytes, sizeof(id->bytes))), RD_WRONG_KEY);
	RD_TRY(rd_cur_be64(&c, &ret->time_ms));
	RD_TRY(rd_cur_be64(&c, &ret->size));
	RD_TRY(rd_cur_copy(&c, ret->root.bytes, sizeof(ret->root.bytes)));
	return rd_cur_finish(&c);
}

/* Both parts of a head, its body read. */
static enum rd_status read_head(const struct rd_ec_key *key, struct rd_view bytes,
	struct rd_merkle_head *ret, struct rd_view *ret_body, struct rd_view *ret_signature)
{
	struct rd_cur c = rd_cur(bytes);
	struct rd_merkle_hash id;

	RD_TRY(rd_cur_take(&c, RD_MERKLE_HEAD_BODY_SIZE, ret_body));
	RD_TRY(rd_cur_take(&c, RD_MERKLE_HEAD_SIGNATURE_SIZE, ret_signature));
	RD_TRY(rd_cur_finish(&c));
	RD_TRY(rd_merkle_log_id(key, &id));
	return read_body(*ret_body, &id, ret);
}

enum rd_status rd_merkle_head_verify(
	const struct rd_ec_key *key, struct rd_view bytes, struct rd_merkle_head *ret)
{
	struct rd_merkle_head head;
	struct rd_view signature;
	struct rd_view body;

	RD_TRY(read_head(key, bytes, &head, &body, &signature));
	RD_TRY(rd_ec_verify(key, body, signature));
	RD_ENSURE(head.size <= RD_MERKLE_SIZE_MAX, RD_LIMIT);
	*ret = head;
	return RD_OK;
}

enum rd_status rd_merkle_head_read(
	const struct rd_ec_key *key, struct rd_view bytes, struct rd_merkle_head *ret)
{
	struct rd_merkle_head head;
	struct rd_view signature;
	struct rd_view body;

	RD_TRY(read_head(key, bytes, &head, &body, &signature));
	RD_ENSURE(head.size <= RD_MERKLE_SIZE_MAX, RD_LIMIT);
	*ret = head;
	return RD_OK;
}
