/* SPDX-License-Identifier: Apache-2.0 */
/* Leaf and node hashes of RFC 6962. */
#include "merkle/hash.h"

#include <string.h>

enum rd_status rd_merkle_leaf(struct rd_view entry, struct rd_merkle_hash *ret)
{
	static const uint8_t prefix = 0;
	const struct rd_view views[] = {rd_view(&prefix, 1), entry};

	return rd_digest_views(RD_SHA256, views, RD_ARRAY_LEN(views), ret->bytes);
}

enum rd_status rd_merkle_node(const struct rd_merkle_hash *left, const struct rd_merkle_hash *right,
	struct rd_merkle_hash *ret)
{
	uint8_t block[1 + 2 * RD_MERKLE_HASH_SIZE];

	block[0] = 1;
	memcpy(block + 1, left->bytes, RD_MERKLE_HASH_SIZE);
	memcpy(block + 1 + RD_MERKLE_HASH_SIZE, right->bytes, RD_MERKLE_HASH_SIZE);
	return rd_digest_once(RD_SHA256, rd_view(block, sizeof(block)), ret->bytes);
}

enum rd_status rd_merkle_empty_root(struct rd_merkle_hash *ret)
{
	return rd_digest_once(RD_SHA256, rd_view(NULL, 0), ret->bytes);
}

bool rd_merkle_equal(const struct rd_merkle_hash *a, const struct rd_merkle_hash *b)
{
	return memcmp(a->bytes, b->bytes, RD_MERKLE_HASH_SIZE) == 0;
}
