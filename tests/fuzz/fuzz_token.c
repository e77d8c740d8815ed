/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a token of either kind: what is accepted has the form, and goes there and back. */
#include "base/luhn.h"
#include "card/token.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key[32] = "a key that only this target uses";

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static void check_vault_token(struct rd_view text)
{
	char token[RD_TOKEN_SIZE];

	if (rd_token_parse(text, token) == RD_OK) {
		require(rd_view_equal(rd_view_str(token), text));
		require(memcmp(token, RD_TOKEN_PREFIX, strlen(RD_TOKEN_PREFIX)) == 0);
	}
}

static void check_fpe_token(struct rd_aes *aes, struct rd_view text, struct rd_view merchant)
{
	RD_CLEANUP(rd_pan_finish) struct rd_pan pan = {0};
	char token[RD_FPE_TOKEN_SIZE];

	if (rd_fpe_token_decode(aes, text, merchant, &pan) != RD_OK) {
		require(pan.digits.ptr == NULL);
		return;
	}
	require(!rd_luhn_valid(text) && rd_luhn_valid(rd_secret_view(&pan.digits)));
	require(rd_fpe_token_encode(aes, &pan, merchant, token) == RD_OK);
	require(rd_view_equal(rd_view_str(token), text));
}

/* Before a space the token, behind it the merchant. */
static void split(struct rd_view input, struct rd_view *ret_text, struct rd_view *ret_merchant)
{
	const uint8_t *space = input.len == 0 ? NULL : memchr(input.ptr, ' ', input.len);
	struct rd_cur c = rd_cur(input);
	size_t n = space == NULL ? input.len : (size_t)(space - input.ptr);

	require(rd_cur_take(&c, n, ret_text) == RD_OK);
	if (space != NULL) {
		require(rd_cur_skip(&c, 1) == RD_OK);
	}
	*ret_merchant = rd_view(c.ptr, c.left);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rd_aes *aes;
	struct rd_view text, merchant;

	if (aes == NULL) {
		require(rd_secret_heap_open(RD_SECRET_HEAP_MIN, NULL) == RD_OK);
		require(rd_aes_new(rd_view(key, sizeof(key)), &aes) == RD_OK);
	}
	split(rd_view(data, size), &text, &merchant);
	check_vault_token(text);
	check_fpe_token(aes, text, merchant);
	return 0;
}
