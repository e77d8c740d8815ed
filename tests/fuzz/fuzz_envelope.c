/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a ciphertext blob: its parts are the whole input, and a foreign key opens none. */
#include "envelope/envelope.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No blob of the corpus is sealed under it. */
static const uint8_t foreign_key[RD_ENVELOPE_BACKING_KEY_SIZE] = "a key that sealed nothing at all";

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rd_secret plaintext;
	struct rd_envelope e;

	if (plaintext.ptr == NULL) {
		require(rd_secret_heap_open(RD_SECRET_HEAP_MIN, NULL) == RD_OK);
		require(rd_secret_init(&plaintext, RD_ENVELOPE_PLAINTEXT_MAX) == RD_OK);
	}
	if (rd_envelope_parse(rd_view(data, size), &e) != RD_OK) {
		return 0;
	}
	require(size <= RD_ENVELOPE_SIZE_MAX);
	require(e.header.ptr == data && e.header.len == RD_ENVELOPE_HEADER_SIZE);
	require(e.derived_from.ptr == data && e.derived_from.len < e.header.len);
	require(e.header.len + e.sealed.len == size);
	require(memcmp(data + 4, &e.id, sizeof(e.id)) == 0);
	require(rd_envelope_open(&e, foreign_key, rd_view("\0\0\0", 4), &plaintext) ==
		RD_UNTRUSTED);
	require(plaintext.len == 0);
	return 0;
}
