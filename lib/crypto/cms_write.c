/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing the EnvelopedData of CiphertextForRecipient.
 *
 * The nesting is fixed, so what does not vary is spelled out as bytes, and the three definite
 * lengths around the encrypted key are computed from inside out:
 *
 *   ContentInfo* { envelopedData, [0]* { EnvelopedData* { 2, SET { KTRI { 2, SKI, OAEP, key } },
 *     EncryptedContentInfo* { data, AES-256-CBC(iv), [0]* { OCTET STRING } } } } }     * indefinite
 */
#include "crypto/cms.h"

#include "base/secret.h"
#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/internal.h"
#include "crypto/random.h"

#include <stdbool.h>

static const uint8_t opening[] = {
	0x30, 0x80, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07,
	0x03,                                     /* enveloped */
	0xa0, 0x80, 0x30, 0x80, 0x02, 0x01, 0x02, /* version 2 */
};
static const uint8_t recipient_version_and_ski_head[] = {0x02, 0x01, 0x02, 0x80, RD_SHA256_SIZE};
/* id-RSAES-OAEP { [0] SHA-256, [1] MGF1 with SHA-256 }, pSource left out. */
static const uint8_t oaep_sha256[] = {
	0x30, 0x3c, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x07, /* OAEP */
	0x30, 0x2f, 0xa0, 0x0f, 0x30, 0x0d,                                           /* [0] */
	0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, /* SHA-256 */
	0xa1, 0x1c, 0x30, 0x1a,                                                       /* [1] */
	0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0d, /* MGF1 */
	0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, /* SHA-256 */
};
static const uint8_t content_opening[] = {
	0x30,
	0x80,
	0x06,
	0x09,
	0x2a,
	0x86,
	0x48,
	0x86,
	0xf7,
	0x0d,
	0x01,
	0x07,
	0x01, /* data */
	0x30,
	0x1d,
	0x06,
	0x09,
	0x60,
	0x86,
	0x48,
	0x01,
	0x65,
	0x03,
	0x04,
	0x01,
	0x2a, /* CBC */
	0x04,
	RD_CMS_IV_SIZE,
};
static const uint8_t content_constructed[] = {0xa0, 0x80};
/* End-of-contents of [0], EncryptedContentInfo, EnvelopedData, [0], ContentInfo. */
#define CLOSING_SIZE (5 * 2)

static size_t head_size(size_t len)
{
	return len < 0x80 ? 2 : len < 0x100 ? 3 : 4;
}

static enum rd_status put_head(struct rd_buf *out, uint8_t tag, size_t len)
{
	RD_TRY(rd_buf_u8(out, tag));
	switch (head_size(len)) {
	case 2:
		return rd_buf_u8(out, (uint8_t)len);
	case 3:
		RD_TRY(rd_buf_u8(out, 0x81));
		return rd_buf_u8(out, (uint8_t)len);
	default:
		RD_TRY(rd_buf_u8(out, 0x82));
		return rd_buf_be16(out, (uint16_t)len);
	}
}

static enum rd_status put_element(struct rd_buf *out, uint8_t tag, struct rd_view content)
{
	RD_TRY(put_head(out, tag, content.len));
	return rd_buf_put_view(out, content);
}

static enum rd_status put_recipient(const struct rd_cms *cms, struct rd_buf *out)
{
	size_t key_info = sizeof(recipient_version_and_ski_head) + RD_SHA256_SIZE +
			  sizeof(oaep_sha256) + head_size(cms->encrypted_key.len) +
			  cms->encrypted_key.len;

	RD_TRY(put_head(out, RD_DER_SET, head_size(key_info) + key_info));
	RD_TRY(put_head(out, RD_DER_SEQUENCE, key_info));
	RD_TRY(rd_buf_put(
		out, recipient_version_and_ski_head, sizeof(recipient_version_and_ski_head)));
	RD_TRY(rd_buf_put_view(out, cms->key_id));
	RD_TRY(rd_buf_put(out, oaep_sha256, sizeof(oaep_sha256)));
	return put_element(out, RD_DER_OCTET_STRING, cms->encrypted_key);
}

enum rd_status rd_cms_write(const struct rd_cms *cms, struct rd_buf *out)
{
	size_t fixed = sizeof(opening) + sizeof(recipient_version_and_ski_head) + RD_SHA256_SIZE +
		       sizeof(oaep_sha256) + sizeof(content_opening) + RD_CMS_IV_SIZE +
		       sizeof(content_constructed) + CLOSING_SIZE + 4 * head_size(SIZE_MAX);

	RD_ENSURE(cms->key_id.len == RD_SHA256_SIZE && cms->iv.len == RD_CMS_IV_SIZE, RD_USAGE);
	RD_ENSURE(cms->encrypted_key.len <= RD_RSA_SIZE_MAX, RD_LIMIT);
	RD_ENSURE(
		cms->ciphertext.len <= RD_CMS_SIZE_MAX - fixed - cms->encrypted_key.len, RD_LIMIT);
	RD_TRY(rd_buf_put(out, opening, sizeof(opening)));
	RD_TRY(put_recipient(cms, out));
	RD_TRY(rd_buf_put(out, content_opening, sizeof(content_opening)));
	RD_TRY(rd_buf_put_view(out, cms->iv));
	RD_TRY(rd_buf_put(out, content_constructed, sizeof(content_constructed)));
	RD_TRY(put_element(out, RD_DER_OCTET_STRING, cms->ciphertext));
	return rd_buf_put_zeros(out, CLOSING_SIZE);
}

/* PKCS#7 padding adds 1..16 bytes. */
static enum rd_status encrypt_content(
	const struct rd_cms_random *random, struct rd_view plaintext, struct rd_buf *out)
{
	RD_CLEANUP(rd_crypto_cipher_ctx_free) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	size_t len = (plaintext.len / RD_CMS_IV_SIZE + 1) * RD_CMS_IV_SIZE;
	uint8_t *dst;
	int n = 0;
	int last = 0;

	RD_ENSURE(ctx != NULL, RD_NOMEM);
	RD_TRY(rd_buf_reserve(out, len, &dst));
	RD_ENSURE(EVP_EncryptInit_ex2(
			  ctx, EVP_aes_256_cbc(), random->content_key, random->iv, NULL) == 1,
		RD_INTERNAL);
	if (plaintext.len > 0) {
		RD_ENSURE(EVP_EncryptUpdate(ctx, dst, &n, plaintext.ptr, (int)plaintext.len) == 1,
			RD_INTERNAL);
	}
	RD_ENSURE(EVP_EncryptFinal_ex(ctx, dst + n, &last) == 1, RD_INTERNAL);
	return (size_t)n + (size_t)last == len ? RD_OK : RD_INTERNAL;
}

enum rd_status rd_cms_seal_with(const struct rd_cms_random *random, struct rd_view recipient_spki,
	struct rd_view plaintext, struct rd_buf *out)
{
	RD_CLEANUP(rd_rsa_key_free) struct rd_rsa_key *recipient = NULL;
	uint8_t key_id[RD_SHA256_SIZE];
	uint8_t key_storage[RD_RSA_SIZE_MAX];
	uint8_t content_storage[RD_CMS_PLAINTEXT_MAX + RD_CMS_IV_SIZE];
	struct rd_buf encrypted_key = rd_buf_fixed(key_storage, sizeof(key_storage));
	struct rd_buf content = rd_buf_fixed(content_storage, sizeof(content_storage));

	RD_ENSURE(plaintext.len <= RD_CMS_PLAINTEXT_MAX, RD_LIMIT);
	RD_TRY(rd_rsa_key_from_spki(recipient_spki, &recipient));
	RD_TRY(rd_digest_once(RD_SHA256, recipient_spki, key_id));
	RD_TRY(rd_rsa_oaep_encrypt(recipient, RD_OAEP_SHA256,
		rd_view(random->content_key, RD_CMS_KEY_SIZE), &encrypted_key));
	RD_TRY(encrypt_content(random, plaintext, &content));
	return rd_cms_write(
		&(struct rd_cms){
			.key_id = rd_view(key_id, sizeof(key_id)),
			.encrypted_key = rd_buf_view(&encrypted_key),
			.iv = rd_view(random->iv, sizeof(random->iv)),
			.ciphertext = rd_buf_view(&content),
		},
		out);
}

enum rd_status rd_cms_seal(
	struct rd_view recipient_spki, struct rd_view plaintext, struct rd_buf *out)
{
	struct rd_cms_random random;
	enum rd_status st = rd_random_bytes(&random, sizeof(random));

	if (st == RD_OK) {
		st = rd_cms_seal_with(&random, recipient_spki, plaintext, out);
	}
	rd_wipe(&random, sizeof(random));
	return st;
}
