/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proofs that an entry is in a tree (audit path, RFC 6962 2.1.1) and that a tree begins with an
 * earlier one (consistency proof, 2.1.2): made from stored nodes, verified from the proof alone.
 */
#ifndef RD_MERKLE_PROOF_H
#define RD_MERKLE_PROOF_H

#include "merkle/range.h"

/* One hash a level, and one more: a consistency proof may start with the old tree's own node. */
#define RD_MERKLE_PROOF_MAX (RD_MERKLE_LEVELS + 1)

struct rd_merkle_proof {
	size_t n;
	struct rd_merkle_hash path[RD_MERKLE_PROOF_MAX];
};

/*
 * Makes a proof; fetch is asked for O(log n) nodes that the tree of that size has completed.
 * RD_OUT_OF_RANGE: index not below size; old_size 0 or above size. RD_LIMIT: size above
 * RD_MERKLE_SIZE_MAX. Otherwise fetch's own failures.
 */
enum rd_status rd_merkle_prove_inclusion(uint64_t index, uint64_t size, rd_merkle_fetch_fn *fetch,
	void *ctx, struct rd_merkle_proof *ret) RD_MUST_USE;
enum rd_status rd_merkle_prove_consistency(uint64_t old_size, uint64_t size,
	rd_merkle_fetch_fn *fetch, void *ctx, struct rd_merkle_proof *ret) RD_MUST_USE;

/*
 * RD_UNTRUSTED when the proof does not show it, whatever is wrong: too short, too long, another
 * root. RD_OUT_OF_RANGE and RD_LIMIT as above, for what cannot be asked.
 *
 * Consistency of equal sizes needs an empty proof and equal roots. Every tree begins with the empty
 * one, but there is no proof of it and nothing to show: old_size 0 is RD_OUT_OF_RANGE.
 */
enum rd_status rd_merkle_verify_inclusion(uint64_t index, uint64_t size,
	const struct rd_merkle_hash *leaf, const struct rd_merkle_proof *proof,
	const struct rd_merkle_hash *root) RD_MUST_USE;
enum rd_status rd_merkle_verify_consistency(uint64_t old_size, uint64_t size,
	const struct rd_merkle_hash *old_root, const struct rd_merkle_hash *root,
	const struct rd_merkle_proof *proof) RD_MUST_USE;

/* As bytes: the hashes one after the other. Any other length is RD_MALFORMED, too many RD_LIMIT. */
enum rd_status rd_merkle_proof_decode(struct rd_view bytes, struct rd_merkle_proof *ret)
	RD_MUST_USE;
enum rd_status rd_merkle_proof_encode(const struct rd_merkle_proof *proof, struct rd_buf *out)
	RD_MUST_USE;

#endif
