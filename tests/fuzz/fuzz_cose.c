/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as COSE_Sign1: parts lie inside the input, and a foreign key never verifies it. */
#include "cose/sign1.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static bool inside(struct rd_view part, struct rd_view whole)
{
	return part.ptr >= whole.ptr && part.len <= whole.len &&
	       part.ptr <= whole.ptr + (whole.len - part.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rd_ec_key *keys[RD_EC_NIST_CURVE_COUNT];
	struct rd_view input = rd_view(data, size);
	struct rd_cose_sign1 s;

	for (int i = 0; i < RD_EC_NIST_CURVE_COUNT; i++) {
		if (keys[i] == NULL) {
			require(rd_ec_key_generate((enum rd_ec_curve)i, &keys[i]) == RD_OK);
		}
	}
	if (rd_cose_sign1_decode(input, &s) != RD_OK) {
		return 0;
	}
	require(inside(s.payload, input) && inside(s.signature, input));
	require(inside(s.protected_header, input));
	for (int i = 0; i < RD_EC_NIST_CURVE_COUNT; i++) {
		enum rd_status want = rd_cose_alg_of((enum rd_ec_curve)i) == s.alg
					      ? RD_BAD_SIGNATURE
					      : RD_WRONG_KEY;

		require(rd_cose_sign1_verify(&s, keys[i]) == want);
	}
	return 0;
}
