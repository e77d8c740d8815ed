/* SPDX-License-Identifier: Apache-2.0 */
/*
 * X.509 certificates: reading one, checking one signature, and issuing.
 *
 * Chain rules are not here: lib/attest walks its short, linear chains itself, so that each refusal
 * has a name of its own. This file only answers questions about a single certificate.
 */
#ifndef RD_CRYPTO_X509_H
#define RD_CRYPTO_X509_H

#include "crypto/ec.h"

/* A certificate of another purpose may be larger than an attestation chain's 1,024 bytes (RSA-4096
 * signers of images, say), but none is larger than this. */
#define RD_CERT_SIZE_MAX 16384
/* PEM adds a third, and files carry comments and whole chains. */
#define RD_CERT_PEM_SIZE_MAX (256 * 1024)

/* keyUsage bits, numbered as in RFC 5280 4.2.1.3. */
enum rd_key_usage {
	RD_KU_DIGITAL_SIGNATURE = 1 << 0,
	RD_KU_NON_REPUDIATION = 1 << 1,
	RD_KU_KEY_CERT_SIGN = 1 << 5,
	RD_KU_CRL_SIGN = 1 << 6,
};

#define RD_PATH_LEN_NONE (-1)

/* What a certificate says. Views live as long as the certificate. */
struct rd_cert_info {
	struct rd_view der;
	struct rd_view subject_der; /* Name, as encoded */
	struct rd_view issuer_der;
	struct rd_view serial; /* big-endian magnitude without leading zeros; empty for 0 */
	bool serial_negative;
	int version;          /* 3 for v3 */
	int64_t not_before_s; /* since the epoch */
	int64_t not_after_s;
	uint8_t fingerprint[RD_SHA256_SIZE]; /* SHA-256 of the DER */
	struct rd_view signature;            /* the certificate's own, as in its BIT STRING */
	const char *sig_alg;                 /* OpenSSL's long name: "ecdsa-with-SHA384" */
	bool has_basic_constraints;
	bool is_ca;
	long path_len; /* RD_PATH_LEN_NONE when not stated */
	bool has_key_usage;
	unsigned key_usage;        /* enum rd_key_usage bits */
	bool has_unknown_critical; /* a critical extension other than those two */
	bool has_duplicate_extension;
};

struct rd_cert;

/* One DER certificate with nothing behind it (RD_TRAILING); RD_LIMIT above RD_CERT_SIZE_MAX. */
enum rd_status rd_cert_from_der(struct rd_view der, struct rd_cert **ret) RD_MUST_USE;
/* The first certificate of a PEM text; RD_MALFORMED if there is none. */
enum rd_status rd_cert_from_pem(struct rd_view pem, struct rd_cert **ret) RD_MUST_USE;
/* Appends the PEM form. */
enum rd_status rd_cert_to_pem(const struct rd_cert *cert, struct rd_buf *out) RD_MUST_USE;
/* Accepts NULL, and NULLs the caller's pointer. */
void rd_cert_free(struct rd_cert **cert);

const struct rd_cert_info *rd_cert_info(const struct rd_cert *cert);
/* NULL when the key is not on one of our curves. Borrowed. */
const struct rd_ec_key *rd_cert_key(const struct rd_cert *cert);

/* Whether key made the certificate's signature; RD_BAD_ALG unless it is ECDSA with the digest of
 * key's curve, inside and outside alike. */
enum rd_status rd_cert_verify(const struct rd_cert *cert, const struct rd_ec_key *key) RD_MUST_USE;

enum rd_cert_name { RD_CERT_SUBJECT, RD_CERT_ISSUER };

/* One attribute of a name. */
struct rd_cert_attr {
	char long_name[64]; /* OpenSSL's: "commonName"; a dotted OID when it has none */
	char value[256];    /* UTF-8, NUL-terminated; longer ones are RD_LIMIT */
};

size_t rd_cert_attr_count(const struct rd_cert *cert, enum rd_cert_name name);
/* Attributes in DER order; an index beyond the end is RD_NOTFOUND, a NUL inside RD_MALFORMED. */
enum rd_status rd_cert_attr(const struct rd_cert *cert, enum rd_cert_name name, size_t index,
	struct rd_cert_attr *ret) RD_MUST_USE;
/* The only commonName; none is RD_MISSING, several RD_DUPLICATE. */
enum rd_status rd_cert_common_name(
	const struct rd_cert *cert, enum rd_cert_name name, struct rd_cert_attr *ret) RD_MUST_USE;
/* Appends "C=XX, O=Redoubt, CN=…" in DER order; control characters and non-ASCII are escaped. */
enum rd_status rd_cert_name_text(
	const struct rd_cert *cert, enum rd_cert_name name, struct rd_buf *out) RD_MUST_USE;

/* "Jan  2 03:04:05 2031 GMT", as OpenSSL and nitro-cli print times. */
#define RD_CERT_TIME_TEXT_SIZE 32
void rd_cert_time_text(int64_t unix_s, char ret_text[RD_CERT_TIME_TEXT_SIZE]);

/* Issuing. */
enum rd_dn_type {
	RD_DN_C, /* PrintableString; all others are UTF8String */
	RD_DN_ST,
	RD_DN_L,
	RD_DN_O,
	RD_DN_OU,
	RD_DN_CN
};

struct rd_dn_attr {
	enum rd_dn_type type;
	const char *value;
};

enum rd_cert_ext {
	RD_EXT_BASIC_CONSTRAINTS, /* always critical */
	RD_EXT_KEY_USAGE,
	RD_EXT_SUBJECT_KEY_ID,   /* SHA-1 of the public point: RFC 5280 4.2.1.2 method 1 */
	RD_EXT_AUTHORITY_KEY_ID, /* keyid only: SHA-1 of the issuer's public point */
	RD_EXT_CRL_URL,
	RD_EXT_SERVER_AUTH, /* extKeyUsage with id-kp-serverAuth alone */
	RD_EXT_ALT_NAMES
};

struct rd_cert_template {
	const struct rd_dn_attr *subject; /* in DER order */
	size_t n_subject;
	struct rd_view serial; /* big-endian magnitude, not zero */
	int64_t not_before_s;
	int64_t not_after_s;
	bool is_ca;
	long path_len; /* RD_PATH_LEN_NONE for none */
	unsigned key_usage;
	bool key_usage_critical;
	const char *crl_url;
	const char *const *alt_names; /* DNS names; an IPv4 or IPv6 address becomes an iPAddress */
	size_t n_alt_names;
	const enum rd_cert_ext *exts; /* in DER order */
	size_t n_exts;
};

/*
 * Appends the DER of a v3 certificate over subject_key's public half, signed by issuer_key with its
 * curve's digest. issuer NULL makes it self-signed: issuer name = subject.
 */
enum rd_status rd_cert_issue(const struct rd_cert_template *tmpl,
	const struct rd_ec_key *subject_key, const struct rd_cert *issuer,
	const struct rd_ec_key *issuer_key, struct rd_buf *out) RD_MUST_USE;

#endif
