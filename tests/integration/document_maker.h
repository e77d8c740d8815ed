/* SPDX-License-Identifier: Apache-2.0 */
/* Documents as redoubtd and the NSM make them, under a chain of the moment. For tests: a failure
 * ends the program. */
#ifndef TEST_DOCUMENT_MAKER_H
#define TEST_DOCUMENT_MAKER_H

#include "attest/document.h"
#include "attest/pki.h"

struct document_maker {
	struct rd_ec_key *keys[RD_PKI_LEVEL_COUNT];
	struct rd_cert *certs[RD_PKI_LEVEL_COUNT];
	int64_t now_s;
};

struct document_fields {
	struct rd_view public_key;
	struct rd_view user_data;
	struct rd_view nonce;
};

void document_maker_init(struct document_maker *m, int64_t now_s);
void document_maker_finish(struct document_maker *m);
/* The chain in this directory, which is made if it is not there; its root is <dir>/cert0.pem. */
void document_maker_keep(struct document_maker *m, const char *dir, int64_t now_s);
/* Appends the document. */
void document_maker_sign(
	const struct document_maker *m, const struct document_fields *fields, struct rd_buf *out);
/* Ends the program unless st is RD_OK. */
void document_require(enum rd_status st, const char *what);

#endif
