/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verifying proofs, by the bit walks of RFC 9162 (2.1.3.2 and 2.1.4.2; the trees are RFC 6962's).
 *
 * fn is where the walk is at the current level, sn where the tree's last node is. A node whose
 * index is odd, or which is the last one, has its sibling on the left; a last node with an even
 * index has none and moves up unchanged.
 */
#include "merkle/proof.h"

struct walk {
	uint64_t fn;
	uint64_t sn;
};

static void up(struct walk *w)
{
	w->fn >>= 1;
	w->sn >>= 1;
}

/* True when the sibling is on the left; skips the levels that have none. */
static bool sibling_is_left(struct walk *w)
{
	if ((w->fn & 1) == 0 && w->fn != w->sn) {
		return false;
	}
	while ((w->fn & 1) == 0 && w->fn != 0) {
		up(w);
	}
	return true;
}

enum rd_status rd_merkle_verify_inclusion(uint64_t index, uint64_t size,
	const struct rd_merkle_hash *leaf, const struct rd_merkle_proof *proof,
	const struct rd_merkle_hash *root)
{
	struct rd_merkle_hash hash = *leaf;
	struct walk w = {index, size - 1};

	RD_ENSURE(size <= RD_MERKLE_SIZE_MAX, RD_LIMIT);
	RD_ENSURE(index < size, RD_OUT_OF_RANGE);
	RD_ENSURE(proof->n <= RD_MERKLE_PROOF_MAX, RD_LIMIT);
	for (size_t i = 0; i < proof->n; i++) {
		RD_ENSURE(w.sn != 0, RD_UNTRUSTED);
		if (sibling_is_left(&w)) {
			RD_TRY(rd_merkle_node(&proof->path[i], &hash, &hash));
		} else {
			RD_TRY(rd_merkle_node(&hash, &proof->path[i], &hash));
		}
		up(&w);
	}
	RD_ENSURE(w.sn == 0 && rd_merkle_equal(&hash, root), RD_UNTRUSTED);
	return RD_OK;
}

/* Folds path into both roots; first is where both trees share a node. */
static enum rd_status fold_both(struct walk w, const struct rd_merkle_hash *first,
	const struct rd_merkle_hash *path, size_t n, struct rd_merkle_hash ret_roots[2])
{
	ret_roots[0] = ret_roots[1] = *first;
	for (size_t i = 0; i < n; i++) {
		RD_ENSURE(w.sn != 0, RD_UNTRUSTED);
		if (sibling_is_left(&w)) {
			RD_TRY(rd_merkle_node(&path[i], &ret_roots[0], &ret_roots[0]));
			RD_TRY(rd_merkle_node(&path[i], &ret_roots[1], &ret_roots[1]));
		} else {
			RD_TRY(rd_merkle_node(&ret_roots[1], &path[i], &ret_roots[1]));
		}
		up(&w);
	}
	return w.sn == 0 ? RD_OK : RD_UNTRUSTED;
}

enum rd_status rd_merkle_verify_consistency(uint64_t old_size, uint64_t size,
	const struct rd_merkle_hash *old_root, const struct rd_merkle_hash *root,
	const struct rd_merkle_proof *proof)
{
	struct walk w = {old_size - 1, size - 1};
	struct rd_merkle_hash roots[2];
	const struct rd_merkle_hash *path = proof->path;
	size_t n = proof->n;

	RD_ENSURE(size <= RD_MERKLE_SIZE_MAX, RD_LIMIT);
	RD_ENSURE(old_size > 0 && old_size <= size, RD_OUT_OF_RANGE);
	RD_ENSURE(n <= RD_MERKLE_PROOF_MAX, RD_LIMIT);
	if (old_size == size) {
		RD_ENSURE(n == 0 && rd_merkle_equal(old_root, root), RD_UNTRUSTED);
		return RD_OK;
	}
	while ((w.fn & 1) == 1) {
		up(&w);
	}
	/* fn is 0 when the old size is a power of two: its root is a node of the new tree. */
	if (w.fn == 0) {
		RD_TRY(fold_both(w, old_root, path, n, roots));
	} else {
		RD_ENSURE(n > 0, RD_UNTRUSTED);
		RD_TRY(fold_both(w, &path[0], path + 1, n - 1, roots));
	}
	RD_ENSURE(rd_merkle_equal(&roots[0], old_root), RD_UNTRUSTED);
	RD_ENSURE(rd_merkle_equal(&roots[1], root), RD_UNTRUSTED);
	return RD_OK;
}
