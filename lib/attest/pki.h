/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificates under which documents are signed: five levels shaped as AWS's are (names in the
 * same DER order, the same lifetimes, serial rules, extensions and extension bytes), under names of
 * our own. O=Redoubt, OU=Enclaves, and every CN ends in the partition label "redoubt.enclaves"
 * (leaves in "redoubt"), so that nobody takes one for AWS's.
 *
 * Pure: keys, time and random bytes are parameters. Where keys live is redoubtd's matter. Each
 * level is issued by the one above; rd_pki_due says when a level is to be made anew, so early that
 * whatever is issued under it still fits in its life:
 *
 *	level     life            due at age   longest child
 *	root      30 years        29 years     20 d
 *	regional  20 d 1 h        5 d          145 h
 *	zonal     145 h           24 h         24 h
 *	instance  24 h            12 h         3 h
 *	leaf      3 h 0 min 3 s   2 h 30 min   -
 *
 * Levels above the leaf begin an hour before they are made, for verifiers whose clocks are slow; a
 * leaf is replaced half an hour before its end, so that whoever gets a document has time to check
 * it. A level that is due makes all levels below it due as well.
 */
#ifndef RD_ATTEST_PKI_H
#define RD_ATTEST_PKI_H

#include "crypto/x509.h"

enum rd_pki_level {
	RD_PKI_ROOT,
	RD_PKI_REGIONAL,
	RD_PKI_ZONAL,
	RD_PKI_INSTANCE,
	RD_PKI_LEAF,
	RD_PKI_LEVEL_COUNT
};

/* Longest region name; AWS's longest is 14 ("ap-northeast-1"). With 16, a leaf's CN fits the 64
 * characters of X.520. */
#define RD_PKI_REGION_MAX 16
/* Certificates of a document are at most 1,024 bytes. */
#define RD_PKI_CERT_MAX 1024

#define RD_PKI_SERIAL_MAX 20
#define RD_PKI_UUID_SIZE  16

/* Unused fields of a level are ignored. */
struct rd_pki_request {
	enum rd_pki_level level;
	int64_t now_s;                      /* issue time T */
	const char *region;                 /* all but the root: [a-z0-9-]+ */
	uint64_t authority_id;              /* regional, zonal: random, 16 hex digits of the CN */
	const char *instance_id;            /* instance: "i-" and hex */
	const char *module_id;              /* leaf: "<instance id>-enc<16 hex>" */
	uint8_t serial[RD_PKI_SERIAL_MAX];  /* random; a leaf's serial is enclave id || T instead */
	uint8_t crl_uuid[RD_PKI_UUID_SIZE]; /* random; regional and zonal */
	const struct rd_ec_key *subject_key; /* P-384; the public half is enough */
	const struct rd_cert *issuer;        /* NULL for the root, which signs itself */
	const struct rd_ec_key *issuer_key;
};

/*
 * Appends the certificate's DER. RD_USAGE: a name that is not of its form; RD_WRONG_KEY: not P-384,
 * or issuer_key is not issuer's; RD_EXPIRED, RD_NOT_YET_VALID: would not lie inside the issuer's
 * life, so renew the issuer first.
 */
enum rd_status rd_pki_issue(const struct rd_pki_request *req, struct rd_buf *out) RD_MUST_USE;

/* Whether cert, which is of this level, is to be replaced at now_s; also when the clock was set
 * back to before its beginning. */
bool rd_pki_due(enum rd_pki_level level, const struct rd_cert *cert, int64_t now_s);

/* The 16 digits after "-enc" of a module_id; RD_MALFORMED when it is not of that form. The part
 * before is *ret_instance_id. */
enum rd_status rd_module_id_parse(struct rd_view module_id, struct rd_view *ret_instance_id,
	uint64_t *ret_enclave_id) RD_MUST_USE;

#endif
