/* SPDX-License-Identifier: Apache-2.0 */
/* Compact ranges: append and root. */
#include "merkle/range.h"

enum rd_status rd_merkle_append(struct rd_merkle_range *range, const struct rd_merkle_hash *leaf,
	rd_merkle_store_fn *store, void *ctx)
{
	unsigned peaks = rd_merkle_peak_count(range->size);
	struct rd_merkle_hash hash = *leaf;
	uint64_t index = range->size;
	unsigned level = 0;

	RD_ENSURE(range->size < RD_MERKLE_SIZE_MAX, RD_LIMIT);
	for (;;) {
		if (store != NULL) {
			RD_TRY(store(ctx, level, index, &hash));
		}
		if ((index & 1) == 0) {
			break;
		}
		RD_TRY(rd_merkle_node(&range->peaks[--peaks], &hash, &hash));
		index >>= 1;
		level++;
	}
	range->peaks[peaks] = hash;
	range->size++;
	return RD_OK;
}

enum rd_status rd_merkle_root(const struct rd_merkle_range *range, struct rd_merkle_hash *ret)
{
	unsigned peaks = rd_merkle_peak_count(range->size);
	struct rd_merkle_hash hash;

	if (peaks == 0) {
		return rd_merkle_empty_root(ret);
	}
	hash = range->peaks[--peaks];
	while (peaks > 0) {
		RD_TRY(rd_merkle_node(&range->peaks[--peaks], &hash, &hash));
	}
	*ret = hash;
	return RD_OK;
}

enum rd_status rd_merkle_range_load(
	uint64_t size, rd_merkle_fetch_fn *fetch, void *ctx, struct rd_merkle_range *ret)
{
	struct rd_merkle_range range = {.size = size};
	uint64_t start = 0;
	unsigned peaks = 0;

	RD_ENSURE(size <= RD_MERKLE_SIZE_MAX, RD_LIMIT);
	while (start < size) {
		unsigned level = 63 - (unsigned)__builtin_clzll(size - start);

		RD_TRY(fetch(ctx, level, start >> level, &range.peaks[peaks++]));
		start += (uint64_t)1 << level;
	}
	*ret = range;
	return RD_OK;
}
