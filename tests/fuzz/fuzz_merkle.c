/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two sizes and a proof from outside: no made-up proof is believed for roots that it was not made
 * for, and any bytes as a signed tree head verify under no key of ours.
 */
#include "base/byteorder.h"
#include "merkle/head.h"
#include "merkle/proof.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static void verify(uint64_t m, uint64_t n, const struct rd_merkle_proof *p)
{
	/* Roots that no hash of anything gives. */
	static const struct rd_merkle_hash nothing = {{0}};
	struct rd_merkle_hash other = {{1}};
	enum rd_status st = rd_merkle_verify_inclusion(m, n, &nothing, p, &other);

	require(st == RD_UNTRUSTED || st == RD_OUT_OF_RANGE || st == RD_LIMIT);
	st = rd_merkle_verify_consistency(m, n, &nothing, &other, p);
	require(st == RD_UNTRUSTED || st == RD_OUT_OF_RANGE || st == RD_LIMIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rd_ec_key *key;
	struct rd_cur c = rd_cur(rd_view(data, size));
	struct rd_merkle_proof p;
	struct rd_merkle_head head;
	uint64_t m;
	uint64_t n;

	if (key == NULL) {
		require(rd_ec_key_generate(RD_P256, &key) == RD_OK);
	}
	require(rd_merkle_head_verify(key, rd_view(data, size), &head) != RD_OK);
	if (rd_cur_be64(&c, &m) != RD_OK || rd_cur_be64(&c, &n) != RD_OK) {
		return 0;
	}
	if (rd_merkle_proof_decode(rd_view(c.ptr, c.left), &p) == RD_OK) {
		verify(m, n, &p);
	}
	return 0;
}
