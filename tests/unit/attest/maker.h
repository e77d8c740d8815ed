/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents for the verifier's tests: a five-level chain and a payload, right in every point until
 * a test bends one. Certificates are made by rd_cert_issue, not by attest/pki.h, because wrong ones
 * are wanted.
 */
#ifndef RD_TEST_ATTEST_MAKER_H
#define RD_TEST_ATTEST_MAKER_H

#include "test.h"

#include "attest/verify.h"

#define MAKER_LEVELS      5
#define MAKER_LEAF        4
#define MAKER_INSTANCE    3
#define MAKER_NOW_S       1900000000
#define MAKER_INSTANCE_ID "i-0123456789abcdef0"
#define MAKER_MODULE_ID   MAKER_INSTANCE_ID "-enc0199aabbccddeeff"

/* Changes a certificate's DER; the maker signs it again. */
typedef void maker_patch(uint8_t *der, size_t len);

struct maker_cert {
	struct rd_dn_attr dn[3];
	size_t n_dn;
	struct rd_cert_template t; /* subject and serial are set by the maker */
	enum rd_cert_ext exts[4];
	uint8_t serial[16];
	const struct rd_ec_key *subject_key;
	const struct rd_ec_key *issuer_key;
	int issuer; /* level of the certificate that it names as its issuer */
	maker_patch *patch;
};

struct maker {
	struct rd_ec_key *keys[MAKER_LEVELS];
	struct maker_cert certs[MAKER_LEVELS];
	struct rd_buf ders[MAKER_LEVELS];
	struct rd_doc doc; /* certificate and cabundle are set by maker_chain */
	uint8_t pcrs[RD_DOC_PCR_COUNT][RD_DOC_PCR_SIZE];
	uint8_t nonce[32];
	struct rd_cert *root;
	const struct rd_cert *roots[1];
	struct rd_verify_options options;
};

/* Keys are made once; maker_reset puts everything else right again. */
void maker_init(struct maker *m);
void maker_finish(struct maker *m);
void maker_reset(struct maker *m);

/* Issues the chain as certs[] say and puts it into doc; the root becomes the trusted one. */
void maker_chain(struct maker *m);
/* Signs doc as it stands. The caller finishes the buffer. */
struct rd_buf maker_sign(struct maker *m);
/* Signs any payload with the leaf's key. */
struct rd_buf maker_sign_payload(struct maker *m, struct rd_view payload);

/* Verifies with options and returns the result; the report goes to *ret if not NULL. */
enum rd_verify_result maker_verify(
	struct maker *m, struct rd_view document, struct rd_verify_report *ret);

/* maker_chain, maker_sign, maker_verify. */
enum rd_verify_result maker_run(struct maker *m, struct rd_verify_report *ret);

/* Compares results and prints their names. */
#define assert_result(expr, want)                                                                  \
	do {                                                                                       \
		enum rd_verify_result got_ = (expr);                                               \
		if (got_ != (want)) {                                                              \
			fail_msg("%s:%d: %s: got %s, want %s", __FILE__, __LINE__, #expr,          \
				rd_verify_name(got_), rd_verify_name(want));                       \
		}                                                                                  \
	} while (0)

#endif
