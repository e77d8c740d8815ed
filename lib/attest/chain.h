/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate chain of a document, from a pinned root down to the leaf. Internal to lib/attest.
 */
#ifndef RD_ATTEST_CHAIN_H
#define RD_ATTEST_CHAIN_H

#include "attest/verify.h"

struct rd_chain {
	/* [0] the pinned root (borrowed from the options), [1 .. n - 2] intermediates, [n - 1]
	 * leaf. */
	const struct rd_cert *certs[RD_VERIFY_CHAIN_MAX];
	struct rd_cert *owned[RD_VERIFY_CHAIN_MAX];
	size_t n;
	size_t root; /* index into options.roots */
	bool known;  /* its signatures held before, says the options' memory */
};

void rd_chain_finish(struct rd_chain *chain);

/*
 * Reads and checks doc's chain, top down: nothing below a certificate is looked at before that
 * certificate holds. *ret_cert is the index of the one that a refusal concerns. The chain is to be
 * finished in every case.
 */
enum rd_verify_result rd_chain_check(const struct rd_doc *doc,
	const struct rd_verify_options *options, struct rd_chain *chain, int *ret_cert) RD_MUST_USE;

static inline const struct rd_cert *rd_chain_leaf(const struct rd_chain *chain)
{
	return chain->certs[chain->n - 1];
}

/* The leaf's issuer: the parent instance. */
static inline const struct rd_cert *rd_chain_instance(const struct rd_chain *chain)
{
	return chain->certs[chain->n - 2];
}

#endif
