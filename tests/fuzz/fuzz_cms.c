/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the enclave's CMS message: what is read lies inside the input, adds up, and is
 * written and read again as the same. */
#include "crypto/cms.h"

#include <stdlib.h>
#include <string.h>

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

static void rewrite(const struct rd_cms *cms)
{
	static uint8_t written[RD_CMS_SIZE_MAX];
	static uint8_t storage[RD_CMS_SIZE_MAX];
	struct rd_buf out = rd_buf_fixed(written, sizeof(written));
	struct rd_cms again;

	if (rd_cms_write(cms, &out) != RD_OK) {
		return;
	}
	require(rd_cms_read(rd_buf_view(&out), storage, &again) == RD_OK);
	require(rd_view_equal(again.key_id, cms->key_id) && rd_view_equal(again.iv, cms->iv));
	require(rd_view_equal(again.encrypted_key, cms->encrypted_key));
	require(rd_view_equal(again.ciphertext, cms->ciphertext));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t storage[RD_CMS_SIZE_MAX];
	struct rd_view input = rd_view(data, size);
	struct rd_cms cms;

	if (rd_cms_read(input, storage, &cms) != RD_OK) {
		return 0;
	}
	require(inside(cms.encrypted_key, input) && inside(cms.iv, input));
	require(cms.key_id.ptr == NULL || inside(cms.key_id, input));
	require(cms.iv.len == RD_CMS_IV_SIZE);
	require(cms.ciphertext.ptr == storage && cms.ciphertext.len > 0);
	require(cms.ciphertext.len + cms.encrypted_key.len + cms.iv.len < size);
	rewrite(&cms);
	return 0;
}
