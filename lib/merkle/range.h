/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing tree in O(log n) state: the roots ("peaks") of the complete subtrees that its size
 * decomposes into, largest first, one for each set bit of the size.
 *
 * Appending a leaf completes as many subtrees as the old size has trailing one bits. Each
 * completed node is handed to the caller, who stores it: proofs are made from stored nodes alone.
 * A node is named by its level (0 for leaves) and its index from the left at that level; it covers
 * the leaves [index << level, (index + 1) << level).
 */
#ifndef RD_MERKLE_RANGE_H
#define RD_MERKLE_RANGE_H

#include "merkle/hash.h"

struct rd_merkle_range {
	uint64_t size; /* leaves so far */
	struct rd_merkle_hash peaks[RD_MERKLE_LEVELS];
};

/* How many peaks a tree of that size has. */
static inline unsigned rd_merkle_peak_count(uint64_t size)
{
	return (unsigned)__builtin_popcountll(size);
}

/* Takes one completed node; a failure stops the append, which then changes nothing. */
typedef enum rd_status rd_merkle_store_fn(
	void *ctx, unsigned level, uint64_t index, const struct rd_merkle_hash *hash);

/*
 * Appends a leaf's hash (rd_merkle_leaf). store sees the leaf itself first and then the nodes that
 * it completes, from the bottom; it may be NULL. RD_LIMIT at RD_MERKLE_SIZE_MAX; what store
 * returned when it failed. On any failure the range is as it was.
 */
enum rd_status rd_merkle_append(struct rd_merkle_range *range, const struct rd_merkle_hash *leaf,
	rd_merkle_store_fn *store, void *ctx) RD_MUST_USE;

/* The tree head's root (RFC 6962, 2.1). */
enum rd_status rd_merkle_root(const struct rd_merkle_range *range, struct rd_merkle_hash *ret)
	RD_MUST_USE;

/* Gives a stored node. RD_NOTFOUND when there is none; any failure ends the work. */
typedef enum rd_status rd_merkle_fetch_fn(
	void *ctx, unsigned level, uint64_t index, struct rd_merkle_hash *ret);

/* The state of a stored tree of that size, to go on appending after a restart. */
enum rd_status rd_merkle_range_load(uint64_t size, rd_merkle_fetch_fn *fetch, void *ctx,
	struct rd_merkle_range *ret) RD_MUST_USE;

#endif
