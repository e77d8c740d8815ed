/* SPDX-License-Identifier: Apache-2.0 */
/* Tells a batch that a crash cut short from one that was altered. */
#include "audit/torn.h"

#include <string.h>

/* What a disk writes whole or not at all; file systems' blocks are multiples of it. */
#define SECTOR 512

/* What signed heads of a larger tree in the tail say. */
enum found {
	NO_HEAD,    /* there is none */
	OWN_HEAD,   /* one, at the end, and its batch is all of the tail */
	LATER_HEAD, /* something was durable here before the last batch was begun */
};

static bool all_zero(const uint8_t *bytes, size_t n)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0;
}

/* Sectors, or those parts of the first and the last one that are in the tail. */
static bool has_lost_sector(const struct rd_audit_tail *tail)
{
	size_t n;

	for (size_t at = 0; at < tail->bytes.len; at += n) {
		n = SECTOR - (size_t)((tail->offset + at) % SECTOR);
		n = n < tail->bytes.len - at ? n : tail->bytes.len - at;
		if (all_zero(tail->bytes.ptr + at, n)) {
			return true;
		}
	}
	return false;
}

/* Whether a head at this place is the end of a batch that begins with the tail. Its own word for it
 * may be lost with the sector before, which leaves it without its first bit. */
static bool is_own(const struct rd_audit_tail *tail, size_t at)
{
	struct rd_audit_entry entry;
	struct rd_cur c = rd_cur(tail->bytes);

	if (at < sizeof(uint32_t) || tail->bytes.len - at != RD_MERKLE_HEAD_SIZE ||
		rd_cur_skip(&c, at - sizeof(uint32_t)) != RD_OK) {
		return false;
	}
	return rd_audit_entry_next(&c, &entry) != RD_OK || !entry.is_head ||
	       entry.batch_size == at - sizeof(uint32_t);
}

/* How every head of the log begins: its magic and the log's id. */
static enum rd_status put_beginning(const struct rd_ec_key *key, struct rd_buf *out)
{
	struct rd_merkle_hash id;

	RD_TRY(rd_merkle_log_id(key, &id));
	RD_TRY(rd_buf_put(out, RD_MERKLE_HEAD_MAGIC, sizeof(RD_MERKLE_HEAD_MAGIC)));
	return rd_buf_put(out, id.bytes, sizeof(id.bytes));
}

static bool is_larger_head(const struct rd_audit_tail *tail, size_t at)
{
	struct rd_cur c = rd_cur(tail->bytes);
	struct rd_merkle_head head;
	struct rd_view bytes;

	return rd_cur_skip(&c, at) == RD_OK &&
	       rd_cur_take(&c, RD_MERKLE_HEAD_SIZE, &bytes) == RD_OK &&
	       rd_merkle_head_verify(tail->key, bytes, &head) == RD_OK &&
	       head.size > tail->tree_size;
}

static enum rd_status find_heads(const struct rd_audit_tail *tail, enum found *ret)
{
	uint8_t storage[sizeof(RD_MERKLE_HEAD_MAGIC) + RD_MERKLE_HASH_SIZE];
	struct rd_buf begin = rd_buf_fixed(storage, sizeof(storage));
	const uint8_t *start = tail->bytes.ptr;
	const uint8_t *at = start;

	*ret = NO_HEAD;
	RD_TRY(put_beginning(tail->key, &begin));
	while (*ret != LATER_HEAD) {
		at = memmem(at, tail->bytes.len - (size_t)(at - start), storage, sizeof(storage));
		if (at == NULL) {
			break;
		}
		if (is_larger_head(tail, (size_t)(at - start))) {
			*ret = is_own(tail, (size_t)(at - start)) ? OWN_HEAD : LATER_HEAD;
		}
		at++;
	}
	return RD_OK;
}

bool rd_audit_is_torn(const struct rd_audit_tail *tail)
{
	bool lost = has_lost_sector(tail);
	enum found found;

	if (tail->bytes.len > RD_AUDIT_COMMIT_MAX || (!lost && !tail->is_short)) {
		return false;
	}
	if (find_heads(tail, &found) != RD_OK) {
		return false;
	}
	return found == NO_HEAD || (found == OWN_HEAD && lost);
}
