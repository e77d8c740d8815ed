/* SPDX-License-Identifier: Apache-2.0 */
/* A sealed record from anybody: taken apart within its bounds, and never opened unless it was
 * sealed, which the corpus' one record was. */
#include "seal/seal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rd_view context(void)
{
	static uint8_t room[RD_SEAL_CONTEXT_MAX];
	struct rd_buf out = rd_buf_fixed(room, sizeof(room));
	struct rd_context_pair pairs[] = {{rd_view_str("record"), rd_view_str("1")},
		{rd_view_str("app"), rd_view_str("test")}};

	if (rd_context_encode(pairs, RD_ARRAY_LEN(pairs), &out) != RD_OK) {
		abort();
	}
	return rd_buf_view(&out);
}

/* The parts are the record's bytes, in order, all of them. */
static void check_parts(struct rd_view record, const struct rd_sealed *s)
{
	if (s->header.ptr != record.ptr || s->derived_from.ptr != record.ptr ||
		s->salt.ptr != record.ptr + s->derived_from.len ||
		s->ciphertext.ptr != record.ptr + s->header.len ||
		s->header.len + s->ciphertext.len != record.len) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t bytes[RD_SEAL_KEY_SIZE] = {1, 2, 3};
	static bool opened;
	const struct rd_seal_key key = {"card", 3, {bytes, sizeof(bytes)}};
	RD_CLEANUP(rd_secret_finish) struct rd_secret out = {0};
	struct rd_sealed sealed;

	if (!opened) {
		opened = rd_secret_heap_open(RD_SECRET_HEAP_MIN, NULL) == RD_OK;
	}
	if (rd_seal_read(rd_view(data, size), &sealed) != RD_OK) {
		return 0;
	}
	check_parts(rd_view(data, size), &sealed);
	if (rd_secret_init(&out, RD_SEAL_PLAINTEXT_MAX) != RD_OK) {
		abort();
	}
	if (rd_seal_open(&sealed, &key, context(), &out) == RD_OK &&
		!rd_view_equal(rd_secret_view(&out), rd_view_str("secret"))) {
		abort();
	}
	return 0;
}
