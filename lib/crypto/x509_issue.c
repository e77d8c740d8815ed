/* SPDX-License-Identifier: Apache-2.0 */
/* Issuing certificates whose every byte the template decides. */
#include "crypto/internal.h"
#include "crypto/x509.h"

#include <openssl/x509v3.h>
#include <string.h>

static const struct {
	int nid;
	int string_type;
} dn_types[] = {
	[RD_DN_C] = {NID_countryName, V_ASN1_PRINTABLESTRING},
	[RD_DN_ST] = {NID_stateOrProvinceName, V_ASN1_UTF8STRING},
	[RD_DN_L] = {NID_localityName, V_ASN1_UTF8STRING},
	[RD_DN_O] = {NID_organizationName, V_ASN1_UTF8STRING},
	[RD_DN_OU] = {NID_organizationalUnitName, V_ASN1_UTF8STRING},
	[RD_DN_CN] = {NID_commonName, V_ASN1_UTF8STRING},
};

static enum rd_status put_subject(X509 *x, const struct rd_cert_template *t)
{
	X509_NAME *name = X509_get_subject_name(x);

	for (size_t i = 0; i < t->n_subject; i++) {
		enum rd_dn_type type = t->subject[i].type;
		const char *value = t->subject[i].value;

		RD_ENSURE((size_t)type < RD_ARRAY_LEN(dn_types) && *value != '\0', RD_USAGE);
		RD_ENSURE(X509_NAME_add_entry_by_NID(name, dn_types[type].nid,
				  dn_types[type].string_type, (const unsigned char *)value, -1, -1,
				  0) == 1,
			RD_INTERNAL);
	}
	return RD_OK;
}

static enum rd_status put_serial(X509 *x, struct rd_view serial)
{
	BIGNUM *bn = BN_bin2bn(serial.ptr, (int)serial.len, NULL);
	enum rd_status st = RD_OK;

	RD_ENSURE(bn != NULL, RD_NOMEM);
	if (BN_is_zero(bn)) {
		st = RD_USAGE;
	} else if (BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) == NULL) {
		st = RD_NOMEM;
	}
	BN_free(bn);
	return st;
}

/* UTCTime up to 2049 and GeneralizedTime from 2050, as RFC 5280 4.1.2.5 wants. */
static enum rd_status put_validity(X509 *x, int64_t not_before_s, int64_t not_after_s)
{
	RD_ENSURE(not_before_s <= not_after_s, RD_USAGE);
	RD_ENSURE(ASN1_TIME_set(X509_getm_notBefore(x), not_before_s) != NULL, RD_OUT_OF_RANGE);
	RD_ENSURE(ASN1_TIME_set(X509_getm_notAfter(x), not_after_s) != NULL, RD_OUT_OF_RANGE);
	return RD_OK;
}

static enum rd_status add_ext(X509 *x, int nid, void *value, bool critical)
{
	RD_ENSURE(value != NULL, RD_NOMEM);
	RD_ENSURE(X509_add1_ext_i2d(x, nid, value, critical, X509V3_ADD_APPEND) == 1, RD_INTERNAL);
	return RD_OK;
}

static enum rd_status add_basic_constraints(X509 *x, const struct rd_cert_template *t)
{
	BASIC_CONSTRAINTS *bc = BASIC_CONSTRAINTS_new();
	enum rd_status st;

	RD_ENSURE(bc != NULL, RD_NOMEM);
	bc->ca = t->is_ca ? 0xff : 0;
	if (t->path_len >= 0) {
		bc->pathlen = ASN1_INTEGER_new();
		if (bc->pathlen == NULL || ASN1_INTEGER_set(bc->pathlen, t->path_len) != 1) {
			BASIC_CONSTRAINTS_free(bc);
			return RD_NOMEM;
		}
	}
	st = add_ext(x, NID_basic_constraints, bc, true);
	BASIC_CONSTRAINTS_free(bc);
	return st;
}

static enum rd_status add_key_usage(X509 *x, const struct rd_cert_template *t)
{
	ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
	enum rd_status st = RD_OK;

	RD_ENSURE(bits != NULL, RD_NOMEM);
	for (int bit = 0; bit < 9 && st == RD_OK; bit++) {
		if ((t->key_usage >> bit & 1) != 0 && ASN1_BIT_STRING_set_bit(bits, bit, 1) != 1) {
			st = RD_NOMEM;
		}
	}
	if (st == RD_OK) {
		st = add_ext(x, NID_key_usage, bits, t->key_usage_critical);
	}
	ASN1_BIT_STRING_free(bits);
	return st;
}

static enum rd_status add_subject_key_id(X509 *x, const struct rd_ec_key *key)
{
	ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
	uint8_t hash[RD_CRYPTO_KEY_ID_SIZE];
	enum rd_status st;

	RD_ENSURE(id != NULL, RD_NOMEM);
	st = rd_crypto_key_id(key, hash);
	if (st == RD_OK && ASN1_OCTET_STRING_set(id, hash, sizeof(hash)) != 1) {
		st = RD_NOMEM;
	}
	if (st == RD_OK) {
		st = add_ext(x, NID_subject_key_identifier, id, false);
	}
	ASN1_OCTET_STRING_free(id);
	return st;
}

static enum rd_status add_authority_key_id(X509 *x, const struct rd_ec_key *issuer_key)
{
	AUTHORITY_KEYID *aki = AUTHORITY_KEYID_new();
	uint8_t hash[RD_CRYPTO_KEY_ID_SIZE];
	enum rd_status st;

	RD_ENSURE(aki != NULL, RD_NOMEM);
	aki->keyid = ASN1_OCTET_STRING_new();
	st = rd_crypto_key_id(issuer_key, hash);
	if (st == RD_OK && (aki->keyid == NULL ||
				   ASN1_OCTET_STRING_set(aki->keyid, hash, sizeof(hash)) != 1)) {
		st = RD_NOMEM;
	}
	if (st == RD_OK) {
		st = add_ext(x, NID_authority_key_identifier, aki, false);
	}
	AUTHORITY_KEYID_free(aki);
	return st;
}

static GENERAL_NAMES *uri_names_new(const char *url)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *uri = ASN1_IA5STRING_new();

	if (names == NULL || name == NULL || uri == NULL || ASN1_STRING_set(uri, url, -1) != 1 ||
		sk_GENERAL_NAME_push(names, name) <= 0) {
		ASN1_IA5STRING_free(uri);
		GENERAL_NAME_free(name);
		GENERAL_NAMES_free(names);
		return NULL;
	}
	GENERAL_NAME_set0_value(name, GEN_URI, uri);
	return names;
}

/* One distribution point with one URI as its full name. */
static CRL_DIST_POINTS *crl_points_new(const char *url)
{
	CRL_DIST_POINTS *points = CRL_DIST_POINTS_new();
	DIST_POINT *point = DIST_POINT_new();

	if (points == NULL || point == NULL || sk_DIST_POINT_push(points, point) <= 0) {
		DIST_POINT_free(point);
		CRL_DIST_POINTS_free(points);
		return NULL;
	}
	/* From here on points owns everything. */
	point->distpoint = DIST_POINT_NAME_new();
	if (point->distpoint != NULL) {
		point->distpoint->type = 0;
		point->distpoint->name.fullname = uri_names_new(url);
	}
	if (point->distpoint == NULL || point->distpoint->name.fullname == NULL) {
		CRL_DIST_POINTS_free(points);
		return NULL;
	}
	return points;
}

static enum rd_status add_crl_url(X509 *x, const char *url)
{
	CRL_DIST_POINTS *points = crl_points_new(url);
	enum rd_status st = add_ext(x, NID_crl_distribution_points, points, false);

	CRL_DIST_POINTS_free(points);
	return st;
}

static enum rd_status add_server_auth(X509 *x)
{
	EXTENDED_KEY_USAGE *usage = EXTENDED_KEY_USAGE_new();
	ASN1_OBJECT *server_auth = OBJ_nid2obj(NID_server_auth);
	enum rd_status st = RD_NOMEM;

	if (usage != NULL && sk_ASN1_OBJECT_push(usage, server_auth) > 0) {
		st = add_ext(x, NID_ext_key_usage, usage, false);
	}
	EXTENDED_KEY_USAGE_free(usage);
	return st;
}

static GENERAL_NAME *alt_name_new(const char *text)
{
	ASN1_OCTET_STRING *address = a2i_IPADDRESS(text);
	ASN1_IA5STRING *dns = NULL;
	GENERAL_NAME *name = GENERAL_NAME_new();

	/* An address is no DNS name to those who check it (RFC 6125 appendix B.2). */
	if (address == NULL) {
		dns = ASN1_IA5STRING_new();
	}
	if (name == NULL ||
		(address == NULL && (dns == NULL || ASN1_STRING_set(dns, text, -1) != 1))) {
		ASN1_OCTET_STRING_free(address);
		ASN1_IA5STRING_free(dns);
		GENERAL_NAME_free(name);
		return NULL;
	}
	GENERAL_NAME_set0_value(name, address != NULL ? GEN_IPADD : GEN_DNS,
		address != NULL ? (void *)address : (void *)dns);
	return name;
}

static enum rd_status add_alt_names(X509 *x, const struct rd_cert_template *t)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	enum rd_status st = names != NULL ? RD_OK : RD_NOMEM;

	for (size_t i = 0; i < t->n_alt_names && st == RD_OK; i++) {
		GENERAL_NAME *name = alt_name_new(t->alt_names[i]);

		if (name == NULL || sk_GENERAL_NAME_push(names, name) <= 0) {
			GENERAL_NAME_free(name);
			st = RD_NOMEM;
		}
	}
	if (st == RD_OK) {
		st = add_ext(x, NID_subject_alt_name, names, false);
	}
	GENERAL_NAMES_free(names);
	return st;
}

static enum rd_status put_extension(X509 *x, const struct rd_cert_template *t, enum rd_cert_ext ext,
	const struct rd_ec_key *subject_key, const struct rd_ec_key *issuer_key)
{
	switch (ext) {
	case RD_EXT_BASIC_CONSTRAINTS:
		return add_basic_constraints(x, t);
	case RD_EXT_KEY_USAGE:
		return add_key_usage(x, t);
	case RD_EXT_SUBJECT_KEY_ID:
		return add_subject_key_id(x, subject_key);
	case RD_EXT_AUTHORITY_KEY_ID:
		return add_authority_key_id(x, issuer_key);
	case RD_EXT_CRL_URL:
		return t->crl_url != NULL ? add_crl_url(x, t->crl_url) : RD_USAGE;
	case RD_EXT_SERVER_AUTH:
		return add_server_auth(x);
	case RD_EXT_ALT_NAMES:
		return t->n_alt_names > 0 ? add_alt_names(x, t) : RD_USAGE;
	}
	return RD_USAGE;
}

static enum rd_status fill(X509 *x, const struct rd_cert_template *t,
	const struct rd_ec_key *subject_key, const struct rd_cert *issuer,
	const struct rd_ec_key *issuer_key)
{
	RD_ENSURE(X509_set_version(x, X509_VERSION_3) == 1, RD_INTERNAL);
	RD_TRY(put_serial(x, t->serial));
	RD_TRY(put_validity(x, t->not_before_s, t->not_after_s));
	RD_TRY(put_subject(x, t));
	RD_ENSURE(X509_set_issuer_name(
			  x, X509_get_subject_name(issuer != NULL ? issuer->x509 : x)) == 1,
		RD_NOMEM);
	RD_ENSURE(X509_set_pubkey(x, subject_key->pkey) == 1, RD_INTERNAL);
	for (size_t i = 0; i < t->n_exts; i++) {
		RD_TRY(put_extension(x, t, t->exts[i], subject_key, issuer_key));
	}
	RD_ENSURE(X509_sign(x, issuer_key->pkey, rd_crypto_md(rd_ec_digest(issuer_key->curve))) > 0,
		RD_INTERNAL);
	return RD_OK;
}

enum rd_status rd_cert_issue(const struct rd_cert_template *tmpl,
	const struct rd_ec_key *subject_key, const struct rd_cert *issuer,
	const struct rd_ec_key *issuer_key, struct rd_buf *out)
{
	RD_CLEANUP(rd_crypto_x509_free) X509 *x = X509_new();
	uint8_t *dst;
	int len;

	RD_ENSURE(x != NULL, RD_NOMEM);
	RD_ENSURE(issuer_key->has_private, RD_USAGE);
	RD_TRY(fill(x, tmpl, subject_key, issuer, issuer_key));
	len = i2d_X509(x, NULL);
	RD_ENSURE(len > 0, RD_INTERNAL);
	RD_TRY(rd_buf_reserve(out, (size_t)len, &dst));
	RD_ENSURE(i2d_X509(x, &dst) == len, RD_INTERNAL);
	return RD_OK;
}
