/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the EnvelopedData of CiphertextForRecipient.
 *
 * The C SDK's reader steps into a container of indefinite length by taking its head alone, and asks
 * for DER within the recipients and the algorithm. So there is no nesting to keep track of: what is
 * below is a straight line of elements, and nothing looks at what follows the content.
 */
#include "base/secret.h"
#include "crypto/cms.h"
#include "crypto/der.h"
#include "crypto/internal.h"

#include <openssl/err.h>

#define LENGTH_INDEFINITE 0x80
#define VERSION_KEY_ID    2 /* both versions, RFC 5652 6.1 and 6.2.1 */

static const uint8_t oid_enveloped_data[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03};
static const uint8_t oid_data[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01};
static const uint8_t oid_aes256_cbc[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a};

/* The head of a container of indefinite length. */
static enum rd_status enter(struct rd_cur *c, uint8_t tag)
{
	uint8_t got_tag;
	uint8_t length;

	RD_TRY(rd_cur_u8(c, &got_tag));
	RD_TRY(rd_cur_u8(c, &length));
	RD_ENSURE(got_tag == tag, RD_BAD_TYPE);
	return length == LENGTH_INDEFINITE ? RD_OK : RD_NONCANONICAL;
}

static enum rd_status expect_oid(struct rd_cur *c, struct rd_view oid)
{
	struct rd_view got;

	RD_TRY(rd_der_take(c, RD_DER_OID, &got));
	return rd_view_equal(got, oid) ? RD_OK : RD_BAD_ALG;
}

static enum rd_status expect_version(struct rd_cur *c)
{
	struct rd_view got;

	RD_TRY(rd_der_take(c, RD_DER_INTEGER, &got));
	return got.len == 1 && got.ptr[0] == VERSION_KEY_ID ? RD_OK : RD_BAD_VERSION;
}

/* The first recipient; the C SDK asks neither whom it names nor how its algorithm is spelled. */
static enum rd_status read_recipients(struct rd_cur *c, struct rd_cms *cms)
{
	struct rd_view view;
	struct rd_cur set;
	struct rd_cur recipient;
	uint8_t name_tag;

	RD_TRY(rd_der_take(c, RD_DER_SET, &view));
	set = rd_cur(view);
	RD_TRY(rd_der_take(&set, RD_DER_SEQUENCE, &view));
	recipient = rd_cur(view);
	RD_TRY(expect_version(&recipient));
	RD_TRY(rd_der_take_any(&recipient, &name_tag, &view));
	if (name_tag == RD_DER_CONTEXT_0) {
		cms->key_id = view;
	}
	RD_TRY(rd_der_take(&recipient, RD_DER_SEQUENCE, &view));
	return rd_der_take(&recipient, RD_DER_OCTET_STRING, &cms->encrypted_key);
}

static enum rd_status read_cipher(struct rd_cur *c, struct rd_cms *cms)
{
	struct rd_view view;
	struct rd_cur alg;

	RD_TRY(rd_der_take(c, RD_DER_SEQUENCE, &view));
	alg = rd_cur(view);
	RD_TRY(expect_oid(&alg, rd_view(oid_aes256_cbc, sizeof(oid_aes256_cbc))));
	RD_TRY(rd_der_take(&alg, RD_DER_OCTET_STRING, &cms->iv));
	return cms->iv.len == RD_CMS_IV_SIZE ? RD_OK : RD_OUT_OF_RANGE;
}

static bool next_is(const struct rd_cur *c, uint8_t tag)
{
	return c->left > 0 && c->ptr[0] == tag;
}

static enum rd_status read_content(struct rd_cur *c, struct rd_buf *ciphertext)
{
	struct rd_view segment;

	if (next_is(c, RD_DER_CONTEXT_0)) {
		RD_TRY(rd_der_take(c, RD_DER_CONTEXT_0, &segment));
		RD_TRY(rd_buf_put_view(ciphertext, segment));
	} else {
		RD_TRY(enter(c, RD_DER_CONTEXT_0 | RD_DER_CONSTRUCTED));
		while (next_is(c, RD_DER_OCTET_STRING)) {
			RD_TRY(rd_der_take(c, RD_DER_OCTET_STRING, &segment));
			RD_TRY(rd_buf_put_view(ciphertext, segment));
		}
	}
	return ciphertext->used > 0 ? RD_OK : RD_MISSING;
}

enum rd_status rd_cms_read(
	struct rd_view ber, uint8_t ciphertext_storage[RD_CMS_SIZE_MAX], struct rd_cms *ret)
{
	struct rd_buf ciphertext = rd_buf_fixed(ciphertext_storage, RD_CMS_SIZE_MAX);
	struct rd_cms cms = {0};
	struct rd_cur c = rd_cur(ber);

	RD_ENSURE(ber.len <= RD_CMS_SIZE_MAX, RD_LIMIT);
	RD_TRY(enter(&c, RD_DER_SEQUENCE));
	RD_TRY(expect_oid(&c, rd_view(oid_enveloped_data, sizeof(oid_enveloped_data))));
	RD_TRY(enter(&c, RD_DER_CONTEXT_0 | RD_DER_CONSTRUCTED));
	RD_TRY(enter(&c, RD_DER_SEQUENCE));
	RD_TRY(expect_version(&c));
	RD_TRY(read_recipients(&c, &cms));
	RD_TRY(enter(&c, RD_DER_SEQUENCE));
	RD_TRY(expect_oid(&c, rd_view(oid_data, sizeof(oid_data))));
	RD_TRY(read_cipher(&c, &cms));
	RD_TRY(read_content(&c, &ciphertext));
	cms.ciphertext = rd_buf_view(&ciphertext);
	*ret = cms;
	return RD_OK;
}

/* out has room for the whole ciphertext: CBC writes no more than it reads. */
static enum rd_status decrypt_content(
	const uint8_t *content_key, const struct rd_cms *cms, struct rd_secret *out)
{
	RD_CLEANUP(rd_crypto_cipher_ctx_free) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0;
	int last = 0;
	int ok;

	RD_ENSURE(ctx != NULL, RD_NOMEM);
	RD_ENSURE(EVP_DecryptInit_ex2(ctx, EVP_aes_256_cbc(), content_key, cms->iv.ptr, NULL) == 1,
		RD_INTERNAL);
	ok = EVP_DecryptUpdate(ctx, out->ptr, &n, cms->ciphertext.ptr, (int)cms->ciphertext.len) ==
		     1 &&
	     EVP_DecryptFinal_ex(ctx, out->ptr + n, &last) == 1;
	ERR_clear_error();
	if (!ok) {
		rd_secret_clear(out);
		return RD_UNTRUSTED;
	}
	out->len = (size_t)n + (size_t)last;
	return RD_OK;
}

enum rd_status rd_cms_open(const struct rd_rsa_key *key, struct rd_view ber, struct rd_secret *out)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret content_key = {0};
	uint8_t ciphertext[RD_CMS_SIZE_MAX];
	struct rd_cms cms;

	rd_secret_clear(out);
	RD_ENSURE(out->cap >= RD_CMS_SIZE_MAX, RD_USAGE);
	RD_TRY(rd_cms_read(ber, ciphertext, &cms));
	RD_TRY(rd_secret_init(&content_key, RD_RSA_SIZE_MAX));
	RD_TRY(rd_rsa_oaep_decrypt(key, RD_OAEP_SHA256, cms.encrypted_key, &content_key));
	RD_ENSURE(content_key.len == RD_CMS_KEY_SIZE, RD_UNTRUSTED);
	return decrypt_content(content_key.ptr, &cms, out);
}
