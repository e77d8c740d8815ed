/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an RSA public key: what is taken has this one encoding, which OpenSSL writes, too.
 */
#include "crypto/rsa.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t storage[RD_RSA_SPKI_SIZE_MAX];
	struct rd_buf again = rd_buf_fixed(storage, sizeof(storage));
	struct rd_rsa_key *key = NULL;

	if (rd_rsa_key_from_spki(rd_view(data, size), &key) != RD_OK) {
		return 0;
	}
	require(rd_rsa_key_bits(key) >= RD_RSA_BITS_MIN && rd_rsa_key_bits(key) <= RD_RSA_BITS_MAX);
	require(rd_rsa_key_to_spki(key, &again) == RD_OK);
	require(rd_view_equal(rd_buf_view(&again), rd_view(data, size)));
	rd_rsa_key_free(&key);
	return 0;
}
