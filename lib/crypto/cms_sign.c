/* SPDX-License-Identifier: Apache-2.0 */
/* SignedData by OpenSSL, and certificates of RSA keys. */
#include "crypto/cms_sign.h"

#include "crypto/internal.h"

#include <openssl/cms.h>
#include <openssl/x509v3.h>
#include <string.h>

static void cms_free(CMS_ContentInfo **cms)
{
	CMS_ContentInfo_free(*cms);
}

static enum rd_status name_it(X509 *x, const char *common_name)
{
	X509_NAME *name = X509_get_subject_name(x);

	RD_ENSURE(X509_NAME_add_entry_by_NID(name, NID_commonName, V_ASN1_UTF8STRING,
			  (const unsigned char *)common_name, -1, -1, 0) == 1,
		RD_USAGE);
	RD_ENSURE(X509_set_issuer_name(x, name) == 1, RD_NOMEM);
	return RD_OK;
}

static enum rd_status number_it(X509 *x, struct rd_view serial)
{
	BIGNUM *bn = BN_bin2bn(serial.ptr, (int)serial.len, NULL);
	bool done;

	RD_ENSURE(bn != NULL, RD_NOMEM);
	done = !BN_is_zero(bn) && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) != NULL;
	BN_free(bn);
	return done ? RD_OK : RD_USAGE;
}

static enum rd_status extend(X509 *x)
{
	static const struct {
		int nid;
		const char *value;
	} extensions[] = {{NID_basic_constraints, "critical,CA:FALSE"},
		{NID_key_usage, "critical,digitalSignature"}, {NID_subject_key_identifier, "hash"}};
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	for (size_t i = 0; i < RD_ARRAY_LEN(extensions); i++) {
		X509_EXTENSION *e = X509V3_EXT_conf_nid(
			NULL, &ctx, extensions[i].nid, extensions[i].value);
		bool added = e != NULL && X509_add_ext(x, e, -1) == 1;

		X509_EXTENSION_free(e);
		RD_ENSURE(added, RD_INTERNAL);
	}
	return RD_OK;
}

static enum rd_status put_der(X509 *x, struct rd_buf *out)
{
	int len = i2d_X509(x, NULL);
	uint8_t *dst;

	RD_ENSURE(len > 0, RD_INTERNAL);
	RD_TRY(rd_buf_reserve(out, (size_t)len, &dst));
	RD_ENSURE(i2d_X509(x, &dst) == len, RD_INTERNAL);
	return RD_OK;
}

enum rd_status rd_rsa_certify_self(const struct rd_rsa_key *key, const char *common_name,
	struct rd_view serial, int64_t not_before_s, int64_t not_after_s, struct rd_buf *out)
{
	X509 *x RD_CLEANUP(rd_crypto_x509_free) = X509_new();

	RD_ENSURE(x != NULL, RD_NOMEM);
	RD_ENSURE(key->has_private && serial.len > 0 && serial.len <= 20, RD_USAGE);
	RD_ENSURE(X509_set_version(x, X509_VERSION_3) == 1, RD_INTERNAL);
	RD_TRY(number_it(x, serial));
	RD_TRY(name_it(x, common_name));
	RD_ENSURE(ASN1_TIME_set(X509_getm_notBefore(x), not_before_s) != NULL &&
			  ASN1_TIME_set(X509_getm_notAfter(x), not_after_s) != NULL,
		RD_OUT_OF_RANGE);
	RD_ENSURE(X509_set_pubkey(x, key->pkey) == 1, RD_NOMEM);
	RD_TRY(extend(x));
	RD_ENSURE(X509_sign(x, key->pkey, EVP_sha256()) > 0, RD_INTERNAL);
	return put_der(x, out);
}

enum rd_status rd_cms_sign(const struct rd_rsa_key *key, const struct rd_cert *cert,
	struct rd_view content, struct rd_buf *out)
{
	const unsigned flags = CMS_BINARY | CMS_NOATTR | CMS_NOCERTS | CMS_PARTIAL;
	CMS_ContentInfo *cms RD_CLEANUP(cms_free) = NULL;
	BIO *in RD_CLEANUP(rd_crypto_bio_free) = NULL;
	BIO *der RD_CLEANUP(rd_crypto_bio_free) = NULL;

	RD_ENSURE(content.len <= RD_CMS_SIGNED_MAX, RD_LIMIT);
	RD_ENSURE(key->has_private, RD_USAGE);
	RD_ENSURE(X509_check_private_key(cert->x509, key->pkey) == 1, RD_WRONG_KEY);
	in = BIO_new_mem_buf(content.ptr, (int)content.len);
	der = BIO_new(BIO_s_mem());
	cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
	RD_ENSURE(in != NULL && der != NULL && cms != NULL, RD_NOMEM);
	RD_ENSURE(CMS_add1_signer(cms, cert->x509, key->pkey, EVP_sha256(), flags) != NULL &&
			  CMS_set_detached(cms, 0) == 1 && CMS_final(cms, in, NULL, flags) == 1 &&
			  i2d_CMS_bio(der, cms) == 1,
		RD_INTERNAL);
	return rd_crypto_bio_drain(der, out);
}
