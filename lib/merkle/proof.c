/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making proofs. RFC 6962 defines them by recursion on subtrees [start, end) whose start is a
 * multiple of a power of two not less than their length; both recursions go one way at each step,
 * so they are loops here, which collect siblings from the root down and then turn them around.
 */
#include "merkle/proof.h"

struct source {
	rd_merkle_fetch_fn *fetch;
	void *ctx;
};

/* The largest power of two below n, for n > 1. */
static uint64_t split(uint64_t n)
{
	return (uint64_t)1 << (63 - (unsigned)__builtin_clzll(n - 1));
}

/* The hash of the leaves [start, end): one stored node when complete, else folded from several. */
static enum rd_status subtree(
	const struct source *from, uint64_t start, uint64_t end, struct rd_merkle_hash *ret)
{
	/* Zeroed for the analyzers: start is below end, so at least one is fetched. */
	struct rd_merkle_hash peaks[RD_MERKLE_LEVELS] = {0};
	unsigned n = 0;

	while (start < end) {
		unsigned level = 63 - (unsigned)__builtin_clzll(end - start);

		RD_TRY(from->fetch(from->ctx, level, start >> level, &peaks[n++]));
		start += (uint64_t)1 << level;
	}
	while (n > 1) {
		RD_TRY(rd_merkle_node(&peaks[n - 2], &peaks[n - 1], &peaks[n - 2]));
		n--;
	}
	*ret = peaks[0];
	return RD_OK;
}

static void turn_around(struct rd_merkle_proof *p)
{
	for (size_t i = 0; i < p->n / 2; i++) {
		struct rd_merkle_hash first = p->path[i];

		p->path[i] = p->path[p->n - 1 - i];
		p->path[p->n - 1 - i] = first;
	}
}

enum rd_status rd_merkle_prove_inclusion(uint64_t index, uint64_t size, rd_merkle_fetch_fn *fetch,
	void *ctx, struct rd_merkle_proof *ret)
{
	const struct source from = {fetch, ctx};
	struct rd_merkle_proof proof = {0};
	uint64_t start = 0;
	uint64_t end = size;

	RD_ENSURE(size <= RD_MERKLE_SIZE_MAX, RD_LIMIT);
	RD_ENSURE(index < size, RD_OUT_OF_RANGE);
	while (end - start > 1) {
		uint64_t middle = start + split(end - start);

		if (index < middle) {
			RD_TRY(subtree(&from, middle, end, &proof.path[proof.n++]));
			end = middle;
		} else {
			RD_TRY(subtree(&from, start, middle, &proof.path[proof.n++]));
			start = middle;
		}
	}
	turn_around(&proof);
	*ret = proof;
	return RD_OK;
}

enum rd_status rd_merkle_prove_consistency(uint64_t old_size, uint64_t size,
	rd_merkle_fetch_fn *fetch, void *ctx, struct rd_merkle_proof *ret)
{
	const struct source from = {fetch, ctx};
	struct rd_merkle_proof proof = {0};
	uint64_t start = 0;
	uint64_t end = size;

	RD_ENSURE(size <= RD_MERKLE_SIZE_MAX, RD_LIMIT);
	RD_ENSURE(old_size > 0 && old_size <= size, RD_OUT_OF_RANGE);
	/* Down to the subtree that ends where the old tree ended. */
	while (end != old_size) {
		uint64_t middle = start + split(end - start);

		if (old_size <= middle) {
			RD_TRY(subtree(&from, middle, end, &proof.path[proof.n++]));
			end = middle;
		} else {
			RD_TRY(subtree(&from, start, middle, &proof.path[proof.n++]));
			start = middle;
		}
	}
	/* A whole old tree is known to the verifier; a part of it must be said. */
	if (start > 0) {
		RD_TRY(subtree(&from, start, end, &proof.path[proof.n++]));
	}
	turn_around(&proof);
	*ret = proof;
	return RD_OK;
}

enum rd_status rd_merkle_proof_decode(struct rd_view bytes, struct rd_merkle_proof *ret)
{
	size_t n = bytes.len / RD_MERKLE_HASH_SIZE;
	struct rd_cur c = rd_cur(bytes);
	struct rd_merkle_proof proof = {0};

	RD_ENSURE(bytes.len % RD_MERKLE_HASH_SIZE == 0, RD_MALFORMED);
	RD_ENSURE(n <= RD_MERKLE_PROOF_MAX, RD_LIMIT);
	while (proof.n < n) {
		RD_TRY(rd_cur_copy(&c, proof.path[proof.n].bytes, RD_MERKLE_HASH_SIZE));
		proof.n++;
	}
	*ret = proof;
	return RD_OK;
}

enum rd_status rd_merkle_proof_encode(const struct rd_merkle_proof *proof, struct rd_buf *out)
{
	for (size_t i = 0; i < proof->n; i++) {
		RD_TRY(rd_buf_put(out, proof->path[i].bytes, RD_MERKLE_HASH_SIZE));
	}
	return RD_OK;
}
