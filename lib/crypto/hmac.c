/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMAC (RFC 2104, section 2) over OpenSSL's digests.
 *
 * Not through EVP_MAC, whose contexts are three digests' contexts each, to be copied and freed for
 * every tag: 560 ns for SHA-256 over 130 bytes, 270 this way. A context that is kept would hold a
 * key of whoever used it last.
 */
#include "crypto/hmac.h"

#include "base/secret.h"
#include "crypto/internal.h"

#include <assert.h>
#include <string.h>

/* Of SHA-384 and SHA-512. */
#define BLOCK_MAX 128

/* A ciphertext blob's derivation has 128 bytes, a request's string to sign 140. */
#define GATHERED_MAX 192

#define INNER_PAD 0x36
#define OUTER_PAD 0x5c

size_t rd_hmac_size(enum rd_hmac_alg alg)
{
	static const size_t sizes[RD_HMAC_ALG_COUNT] = {
		[RD_HMAC_SHA224] = 28,
		[RD_HMAC_SHA256] = RD_SHA256_SIZE,
		[RD_HMAC_SHA384] = RD_SHA384_SIZE,
		[RD_HMAC_SHA512] = RD_SHA512_SIZE,
	};

	assert(alg < RD_HMAC_ALG_COUNT);
	return sizes[alg];
}

static void free_ctx(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

/* The key, or the digest of one longer than a block, filled up with zeros. */
static bool fill_block(const EVP_MD *md, struct rd_view key, uint8_t block[BLOCK_MAX])
{
	memset(block, 0, BLOCK_MAX);
	if (key.len > (size_t)EVP_MD_get_block_size(md)) {
		return EVP_Digest(key.ptr, key.len, block, NULL, md, NULL) == 1;
	}
	if (key.len > 0) {
		memcpy(block, key.ptr, key.len);
	}
	return true;
}

/* The first views that fit behind the padded key: OpenSSL is given them together, since a call for
 * each of the short parts of a key derivation costs more than to copy them. */
static size_t gather(const struct rd_view *views, size_t n, struct rd_buf *out)
{
	size_t i = 0;

	while (i < n && rd_buf_put_view(out, views[i]) == RD_OK) {
		i++;
	}
	return i;
}

/* The digest of the padded key and the views. */
static bool digest_keyed(EVP_MD_CTX *ctx, const EVP_MD *md, const uint8_t block[BLOCK_MAX],
	uint8_t pad, const struct rd_view *views, size_t n, uint8_t *ret)
{
	uint8_t first[BLOCK_MAX + GATHERED_MAX];
	struct rd_buf out = rd_buf_fixed(first, sizeof(first));
	size_t at;
	bool ok;

	out.used = (size_t)EVP_MD_get_block_size(md);
	for (size_t i = 0; i < out.used; i++) {
		first[i] = block[i] ^ pad;
	}
	at = gather(views, n, &out);
	ok = EVP_DigestInit_ex2(ctx, md, NULL) == 1 && EVP_DigestUpdate(ctx, first, out.used) == 1;
	for (; ok && at < n; at++) {
		ok = EVP_DigestUpdate(ctx, views[at].ptr, views[at].len) == 1;
	}
	rd_wipe(first, out.used);
	return ok && EVP_DigestFinal_ex(ctx, ret, NULL) == 1;
}

enum rd_status rd_hmac_views(enum rd_hmac_alg alg, struct rd_view key, const struct rd_view *views,
	size_t n, uint8_t *ret_tag)
{
	EVP_MD_CTX *ctx RD_CLEANUP(free_ctx) = EVP_MD_CTX_new();
	const EVP_MD *md = rd_crypto_hmac_md(alg);
	uint8_t block[BLOCK_MAX], tag[RD_HMAC_SIZE_MAX];
	const struct rd_view inner = rd_view(tag, rd_hmac_size(alg));
	bool ok;

	RD_ENSURE(ctx != NULL, RD_NOMEM);
	ok = fill_block(md, key, block) && digest_keyed(ctx, md, block, INNER_PAD, views, n, tag) &&
	     digest_keyed(ctx, md, block, OUTER_PAD, &inner, 1, tag);
	if (ok) {
		memcpy(ret_tag, tag, inner.len);
	}
	rd_wipe(block, sizeof(block));
	rd_wipe(tag, sizeof(tag));
	return ok ? RD_OK : RD_INTERNAL;
}

enum rd_status rd_hmac(
	enum rd_hmac_alg alg, struct rd_view key, struct rd_view data, uint8_t *ret_tag)
{
	return rd_hmac_views(alg, key, &data, 1, ret_tag);
}
