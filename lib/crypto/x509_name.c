/* SPDX-License-Identifier: Apache-2.0 */
/* Names and times of certificates as text. */
#include "crypto/internal.h"
#include "crypto/x509.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const X509_NAME *name_of(const struct rd_cert *cert, enum rd_cert_name name)
{
	return name == RD_CERT_SUBJECT ? X509_get_subject_name(cert->x509)
				       : X509_get_issuer_name(cert->x509);
}

size_t rd_cert_attr_count(const struct rd_cert *cert, enum rd_cert_name name)
{
	return (size_t)X509_NAME_entry_count(name_of(cert, name));
}

static enum rd_status copy_value(const ASN1_STRING *data, char *dst, size_t size)
{
	unsigned char *utf8 = NULL;
	int len = ASN1_STRING_to_UTF8(&utf8, data);
	enum rd_status st = RD_OK;

	ERR_clear_error();
	RD_ENSURE(len >= 0, RD_MALFORMED);
	if ((size_t)len >= size) {
		st = RD_LIMIT;
	} else if (memchr(utf8, '\0', (size_t)len) != NULL) {
		/* "good.name\0.evil": what follows the NUL would silently be cut. */
		st = RD_MALFORMED;
	} else {
		memcpy(dst, utf8, (size_t)len);
		dst[len] = '\0';
	}
	OPENSSL_free(utf8);
	return st;
}

enum rd_status rd_cert_attr(
	const struct rd_cert *cert, enum rd_cert_name name, size_t index, struct rd_cert_attr *ret)
{
	struct rd_cert_attr attr = {0};
	const X509_NAME_ENTRY *entry;
	const ASN1_OBJECT *oid;
	int nid;

	RD_ENSURE(index < rd_cert_attr_count(cert, name), RD_NOTFOUND);
	entry = X509_NAME_get_entry(name_of(cert, name), (int)index);
	oid = X509_NAME_ENTRY_get_object(entry);
	nid = OBJ_obj2nid(oid);
	if (nid != NID_undef) {
		snprintf(attr.long_name, sizeof(attr.long_name), "%s", OBJ_nid2ln(nid));
	} else {
		OBJ_obj2txt(attr.long_name, sizeof(attr.long_name), oid, 1);
	}
	RD_TRY(copy_value(X509_NAME_ENTRY_get_data(entry), attr.value, sizeof(attr.value)));
	*ret = attr;
	return RD_OK;
}

enum rd_status rd_cert_common_name(
	const struct rd_cert *cert, enum rd_cert_name name, struct rd_cert_attr *ret)
{
	const X509_NAME *n = name_of(cert, name);
	int first = X509_NAME_get_index_by_NID(n, NID_commonName, -1);

	RD_ENSURE(first >= 0, RD_MISSING);
	RD_ENSURE(X509_NAME_get_index_by_NID(n, NID_commonName, first) < 0, RD_DUPLICATE);
	return rd_cert_attr(cert, name, (size_t)first, ret);
}

enum rd_status rd_cert_name_text(
	const struct rd_cert *cert, enum rd_cert_name name, struct rd_buf *out)
{
	RD_CLEANUP(rd_crypto_bio_free) BIO *bio = BIO_new(BIO_s_mem());

	RD_ENSURE(bio != NULL, RD_NOMEM);
	RD_ENSURE(X509_NAME_print_ex(bio, name_of(cert, name), 0,
			  ASN1_STRFLGS_RFC2253 | XN_FLAG_SEP_CPLUS_SPC | XN_FLAG_FN_SN) >= 0,
		RD_INTERNAL);
	return rd_crypto_bio_drain(bio, out);
}

void rd_cert_time_text(int64_t unix_s, char ret_text[RD_CERT_TIME_TEXT_SIZE])
{
	/* Not strftime's %b: its language is the locale's. */
	static const char months[12][4] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t t = unix_s;
	struct tm tm = {0};

	gmtime_r(&t, &tm);
	snprintf(ret_text, RD_CERT_TIME_TEXT_SIZE, "%s %2d %02d:%02d:%02d %d GMT",
		months[tm.tm_mon], tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_year + 1900);
}
