/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading one certificate into a struct rd_cert_info.
 *
 * Everything is decoded when the certificate is read, so that what is wrong with it is found
 * there: non-DER encodings, trailing bytes inside and outside, extensions that come twice.
 */
#include "crypto/x509.h"

#include "crypto/internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The richest certificates of public CAs have a dozen. */
#define EXTENSIONS_MAX 32

void rd_cert_free(struct rd_cert **cert)
{
	struct rd_cert *c = rd_steal(cert, NULL);

	if (c == NULL) {
		return;
	}
	X509_free(c->x509);
	rd_ec_key_free(&c->key);
	OPENSSL_free(c->der);
	free(c->serial);
	OPENSSL_free(c->subject_der);
	OPENSSL_free(c->issuer_der);
	free(c);
}

static enum rd_status read_time(const ASN1_TIME *t, int64_t *ret_unix_s)
{
	struct tm tm;

	RD_ENSURE(ASN1_TIME_to_tm(t, &tm) == 1, RD_MALFORMED);
	*ret_unix_s = timegm(&tm);
	return RD_OK;
}

static enum rd_status read_serial(struct rd_cert *c)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(c->x509);
	BIGNUM *bn = ASN1_INTEGER_to_BN(serial, NULL);
	size_t len;

	RD_ENSURE(bn != NULL, RD_MALFORMED);
	len = (size_t)BN_num_bytes(bn);
	c->serial = malloc(len + 1);
	if (c->serial != NULL) {
		BN_bn2bin(bn, c->serial);
		c->info.serial = rd_view(c->serial, len);
		c->info.serial_negative = BN_is_negative(bn) != 0;
	}
	BN_free(bn);
	return c->serial != NULL ? RD_OK : RD_NOMEM;
}

static enum rd_status read_name(const X509_NAME *name, uint8_t **ret_storage, struct rd_view *ret)
{
	int len = i2d_X509_NAME(name, ret_storage);

	RD_ENSURE(len > 0, RD_MALFORMED);
	*ret = rd_view(*ret_storage, (size_t)len);
	return RD_OK;
}

static enum rd_status read_basic_constraints(struct rd_cert_info *info, struct rd_view der)
{
	const uint8_t *p = der.ptr;
	BASIC_CONSTRAINTS *bc = d2i_BASIC_CONSTRAINTS(NULL, &p, (long)der.len);
	int64_t path_len = RD_PATH_LEN_NONE;
	bool ok;

	RD_ENSURE(bc != NULL, RD_MALFORMED);
	ok = p == der.ptr + der.len;
	if (ok && bc->pathlen != NULL) {
		ok = ASN1_INTEGER_get_int64(&path_len, bc->pathlen) == 1 && path_len >= 0 &&
		     path_len <= INT32_MAX;
	}
	info->has_basic_constraints = true;
	info->is_ca = bc->ca != 0;
	info->path_len = (long)path_len;
	BASIC_CONSTRAINTS_free(bc);
	return ok ? RD_OK : RD_MALFORMED;
}

static enum rd_status read_key_usage(struct rd_cert_info *info, struct rd_view der)
{
	const uint8_t *p = der.ptr;
	ASN1_BIT_STRING *bits = d2i_ASN1_BIT_STRING(NULL, &p, (long)der.len);
	bool ok;

	RD_ENSURE(bits != NULL, RD_MALFORMED);
	ok = p == der.ptr + der.len;
	info->has_key_usage = true;
	for (int bit = 0; bit < 9; bit++) {
		if (ASN1_BIT_STRING_get_bit(bits, bit) == 1) {
			info->key_usage |= 1U << bit;
		}
	}
	ASN1_BIT_STRING_free(bits);
	return ok ? RD_OK : RD_MALFORMED;
}

static bool repeats_earlier(const X509 *x509, int index)
{
	const ASN1_OBJECT *oid = X509_EXTENSION_get_object(X509_get_ext(x509, index));

	return X509_get_ext_by_OBJ(x509, oid, -1) != index;
}

static enum rd_status read_extension(struct rd_cert *c, int index)
{
	X509_EXTENSION *ext = X509_get_ext(c->x509, index);
	const ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(ext);
	struct rd_view der = rd_view(ASN1_STRING_get0_data(data), (size_t)ASN1_STRING_length(data));

	if (repeats_earlier(c->x509, index)) {
		c->info.has_duplicate_extension = true;
		return RD_OK;
	}
	switch (OBJ_obj2nid(X509_EXTENSION_get_object(ext))) {
	case NID_basic_constraints:
		return read_basic_constraints(&c->info, der);
	case NID_key_usage:
		return read_key_usage(&c->info, der);
	default:
		if (X509_EXTENSION_get_critical(ext)) {
			c->info.has_unknown_critical = true;
		}
		return RD_OK;
	}
}

static enum rd_status read_extensions(struct rd_cert *c)
{
	int n = X509_get_ext_count(c->x509);

	c->info.path_len = RD_PATH_LEN_NONE;
	RD_ENSURE(n <= EXTENSIONS_MAX, RD_LIMIT);
	for (int i = 0; i < n; i++) {
		RD_TRY(read_extension(c, i));
	}
	return RD_OK;
}

static enum rd_status read_signature(struct rd_cert *c)
{
	const ASN1_BIT_STRING *sig;
	const X509_ALGOR *alg;
	const ASN1_OBJECT *oid;

	X509_get0_signature(&sig, &alg, c->x509);
	X509_ALGOR_get0(&oid, NULL, NULL, alg);
	c->info.signature = rd_view(ASN1_STRING_get0_data(sig), (size_t)ASN1_STRING_length(sig));
	c->info.sig_alg = OBJ_nid2ln(OBJ_obj2nid(oid));
	return RD_OK;
}

static enum rd_status read_key(struct rd_cert *c)
{
	EVP_PKEY *pkey = X509_get_pubkey(c->x509);
	enum rd_status st;

	if (pkey == NULL) {
		return RD_OK;
	}
	st = rd_crypto_nist_key_take(pkey, &c->key);
	return st == RD_WRONG_KEY ? RD_OK : st;
}

/* OpenSSL's decoder takes BER; what it decoded must encode to the same bytes again. */
static enum rd_status check_der(struct rd_cert *c, struct rd_view der)
{
	int len = i2d_X509(c->x509, &c->der);

	RD_ENSURE(len > 0, RD_MALFORMED);
	c->info.der = rd_view(c->der, (size_t)len);
	return rd_view_equal(c->info.der, der) ? RD_OK : RD_NONCANONICAL;
}

static enum rd_status read_cert(struct rd_cert *c, struct rd_view der)
{
	const X509 *x = c->x509;

	RD_TRY(check_der(c, der));
	c->info.version = (int)X509_get_version(x) + 1;
	RD_TRY(rd_digest_once(RD_SHA256, der, c->info.fingerprint));
	RD_TRY(read_name(X509_get_subject_name(x), &c->subject_der, &c->info.subject_der));
	RD_TRY(read_name(X509_get_issuer_name(x), &c->issuer_der, &c->info.issuer_der));
	RD_TRY(read_serial(c));
	RD_TRY(read_time(X509_get0_notBefore(x), &c->info.not_before_s));
	RD_TRY(read_time(X509_get0_notAfter(x), &c->info.not_after_s));
	RD_TRY(read_signature(c));
	RD_TRY(read_extensions(c));
	return read_key(c);
}

enum rd_status rd_cert_from_der(struct rd_view der, struct rd_cert **ret)
{
	RD_CLEANUP(rd_cert_free) struct rd_cert *c = NULL;
	const uint8_t *p = der.ptr;
	enum rd_status st;

	RD_ENSURE(der.len > 0, RD_MALFORMED);
	RD_ENSURE(der.len <= RD_CERT_SIZE_MAX, RD_LIMIT);
	c = calloc(1, sizeof(*c));
	RD_ENSURE(c != NULL, RD_NOMEM);
	c->x509 = d2i_X509(NULL, &p, (long)der.len);
	if (c->x509 == NULL) {
		ERR_clear_error();
		return RD_MALFORMED;
	}
	RD_ENSURE(p == der.ptr + der.len, RD_TRAILING);
	st = read_cert(c, der);
	ERR_clear_error();
	RD_TRY(st);
	*ret = rd_steal(&c, NULL);
	return RD_OK;
}

enum rd_status rd_cert_from_pem(struct rd_view pem, struct rd_cert **ret)
{
	RD_CLEANUP(rd_crypto_bio_free) BIO *bio = NULL;
	RD_CLEANUP(rd_crypto_x509_free) X509 *x509 = NULL;
	uint8_t *der = NULL;
	enum rd_status st;
	int len;

	RD_ENSURE(pem.len > 0, RD_MALFORMED);
	RD_ENSURE(pem.len <= RD_CERT_PEM_SIZE_MAX, RD_LIMIT);
	bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	RD_ENSURE(bio != NULL, RD_NOMEM);
	x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	ERR_clear_error();
	RD_ENSURE(x509 != NULL, RD_MALFORMED);
	len = i2d_X509(x509, &der);
	RD_ENSURE(len > 0, RD_MALFORMED);
	st = rd_cert_from_der(rd_view(der, (size_t)len), ret);
	OPENSSL_free(der);
	return st;
}

enum rd_status rd_cert_to_pem(const struct rd_cert *cert, struct rd_buf *out)
{
	RD_CLEANUP(rd_crypto_bio_free) BIO *bio = BIO_new(BIO_s_mem());

	RD_ENSURE(bio != NULL, RD_NOMEM);
	RD_ENSURE(PEM_write_bio_X509(bio, cert->x509) == 1, RD_INTERNAL);
	return rd_crypto_bio_drain(bio, out);
}

const struct rd_cert_info *rd_cert_info(const struct rd_cert *cert)
{
	return &cert->info;
}

const struct rd_ec_key *rd_cert_key(const struct rd_cert *cert)
{
	return cert->key;
}

enum rd_status rd_cert_verify(const struct rd_cert *cert, const struct rd_ec_key *key)
{
	static const int signature_nids[RD_EC_NIST_CURVE_COUNT] = {
		[RD_P256] = NID_ecdsa_with_SHA256,
		[RD_P384] = NID_ecdsa_with_SHA384,
		[RD_P521] = NID_ecdsa_with_SHA512,
	};
	const X509_ALGOR *outer;
	int verdict;

	RD_ENSURE(key->curve < RD_EC_NIST_CURVE_COUNT, RD_BAD_ALG);
	X509_get0_signature(NULL, &outer, cert->x509);
	RD_ENSURE(X509_get_signature_nid(cert->x509) == signature_nids[key->curve], RD_BAD_ALG);
	RD_ENSURE(X509_ALGOR_cmp(X509_get0_tbs_sigalg(cert->x509), outer) == 0, RD_BAD_ALG);
	verdict = X509_verify(cert->x509, key->pkey);
	ERR_clear_error();
	return verdict == 1 ? RD_OK : RD_BAD_SIGNATURE;
}
