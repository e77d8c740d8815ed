/* SPDX-License-Identifier: Apache-2.0 */
/* An enclave's half of a log: append and sign, restore and compare. */
#include "audit/author.h"

/* Signs the head of the range as it is. */
static enum rd_status sign(struct rd_audit_author *author, uint64_t now_ms)
{
	struct rd_merkle_head head = {
		.size = author->range.size,
		.time_ms = now_ms > author->head.time_ms ? now_ms : author->head.time_ms,
	};
	uint8_t bytes[RD_MERKLE_HEAD_SIZE];

	RD_TRY(rd_merkle_root(&author->range, &head.root));
	RD_TRY(rd_merkle_head_sign_as(author->key, &author->id, &head, bytes));
	author->head = head;
	memcpy(author->head_bytes, bytes, sizeof(bytes));
	return RD_OK;
}

enum rd_status rd_audit_author_init(
	const struct rd_ec_key *key, uint64_t now_ms, struct rd_audit_author *ret)
{
	struct rd_audit_author author = {.key = key};

	RD_TRY(rd_merkle_log_id(key, &author.id));
	RD_TRY(sign(&author, now_ms));
	*ret = author;
	return RD_OK;
}

static enum rd_status read_peaks(uint64_t size, struct rd_view peaks, struct rd_merkle_range *ret)
{
	struct rd_merkle_range range = {.size = size};
	struct rd_cur c = rd_cur(peaks);
	unsigned n = rd_merkle_peak_count(size);

	RD_ENSURE(size <= RD_MERKLE_SIZE_MAX, RD_LIMIT);
	RD_ENSURE(peaks.len == (size_t)n * RD_MERKLE_HASH_SIZE, RD_MALFORMED);
	for (unsigned i = 0; i < n; i++) {
		RD_TRY(rd_cur_copy(&c, range.peaks[i].bytes, RD_MERKLE_HASH_SIZE));
	}
	*ret = range;
	return RD_OK;
}

enum rd_status rd_audit_author_restore(const struct rd_ec_key *key, uint64_t size,
	struct rd_view peaks, struct rd_view head, struct rd_audit_author *ret)
{
	struct rd_audit_author author = {.key = key};
	struct rd_merkle_hash root;

	RD_ENSURE(rd_ec_key_has_private(key), RD_USAGE);
	RD_TRY(rd_merkle_log_id(key, &author.id));
	RD_TRY(read_peaks(size, peaks, &author.range));
	RD_TRY(rd_merkle_head_verify(key, head, &author.head));
	RD_TRY(rd_merkle_root(&author.range, &root));
	RD_ENSURE(author.head.size == size && rd_merkle_equal(&author.head.root, &root),
		RD_UNTRUSTED);
	/* It was verified, so it has this size. */
	memcpy(author.head_bytes, head.ptr, sizeof(author.head_bytes));
	*ret = author;
	return RD_OK;
}

enum rd_status rd_audit_author_continues(const struct rd_audit_author *author,
	struct rd_view seen_head, struct rd_view proof, uint64_t *ret_old_size)
{
	struct rd_merkle_proof path = {0};
	struct rd_merkle_head seen;

	RD_TRY(rd_merkle_head_verify(author->key, seen_head, &seen));
	RD_ENSURE(seen.size <= author->head.size, RD_EXPIRED);
	*ret_old_size = seen.size;
	if (seen.size == author->head.size) {
		return rd_merkle_equal(&seen.root, &author->head.root) ? RD_OK : RD_UNTRUSTED;
	}
	/* Every log begins with the empty one. */
	if (seen.size == 0) {
		return RD_OK;
	}
	RD_ENSURE(proof.ptr != NULL, RD_MISSING);
	RD_TRY(rd_merkle_proof_decode(proof, &path));
	return rd_merkle_verify_consistency(
		seen.size, author->head.size, &seen.root, &author->head.root, &path);
}

enum rd_status rd_audit_author_append(
	struct rd_audit_author *author, struct rd_view record, uint64_t now_ms, uint64_t *ret_index)
{
	struct rd_audit_author next = *author;
	struct rd_merkle_hash leaf;

	RD_TRY(rd_merkle_leaf(record, &leaf));
	RD_TRY(rd_merkle_append(&next.range, &leaf, NULL, NULL));
	RD_TRY(sign(&next, now_ms));
	*ret_index = author->range.size;
	*author = next;
	return RD_OK;
}
