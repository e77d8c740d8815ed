/* SPDX-License-Identifier: Apache-2.0 */
/* The two hashes of an RFC 6962 tree, SHA-256 with a prefix that keeps leaves and nodes apart. */
#ifndef RD_MERKLE_HASH_H
#define RD_MERKLE_HASH_H

#include "crypto/digest.h"

#define RD_MERKLE_HASH_SIZE RD_SHA256_SIZE

/*
 * Sizes are below 2^63, so that indexes, sizes and their sums stay inside 64 bits and a proof
 * inside RD_MERKLE_PROOF_MAX. No log gets there: at a million entries a second it takes 290,000
 * years.
 */
#define RD_MERKLE_SIZE_MAX ((uint64_t)INT64_MAX)
#define RD_MERKLE_LEVELS   63

struct rd_merkle_hash {
	uint8_t bytes[RD_MERKLE_HASH_SIZE];
};

/* SHA-256(0x00 || entry) and SHA-256(0x01 || left || right) (RFC 6962, 2.1). */
enum rd_status rd_merkle_leaf(struct rd_view entry, struct rd_merkle_hash *ret) RD_MUST_USE;
enum rd_status rd_merkle_node(const struct rd_merkle_hash *left, const struct rd_merkle_hash *right,
	struct rd_merkle_hash *ret) RD_MUST_USE;
/* The root of a tree without entries: SHA-256 of nothing. */
enum rd_status rd_merkle_empty_root(struct rd_merkle_hash *ret) RD_MUST_USE;

/* Hashes are public: no constant time. */
bool rd_merkle_equal(const struct rd_merkle_hash *a, const struct rd_merkle_hash *b);

#endif
