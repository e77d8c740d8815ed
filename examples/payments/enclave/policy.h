/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this enclave may do, by whose word: the image's policy.json, or a newer one that custodians
 * signed.
 *
 *	{"version": 1,                   from 1; only goes up
 *	 "custodians": [{"name": "alice", "key": "04…"}, …],   P-256 points in hex, 130 digits
 *	 "amount_max": 1000000,          of one authorisation, minor units
 *	 "currencies": ["EUR"],
 *	 "velocity": {"count": 20, "window_s": 3600}}          authorisations of one card
 *
 * Custodians are three at least, so that the loss of one key does not lock everybody out, with
 * names and keys all different. Deterministic: the same policy and request give the same answer.
 */
#ifndef ENCLAVE_POLICY_H
#define ENCLAVE_POLICY_H

#include "crypto/ec.h"
#include "wire/link.h"

#define POLICY_CUSTODIANS_MIN 3
#define POLICY_CUSTODIANS_MAX 16
#define POLICY_CURRENCIES_MAX 8
/* How many must sign: dual control. */
#define POLICY_SIGNERS 2

struct policy_custodian {
	char name[PAY_WORD_MAX + 1];
	struct rd_ec_key *key;
};

struct policy {
	uint32_t version;
	struct policy_custodian custodians[POLICY_CUSTODIANS_MAX];
	size_t n_custodians;
	uint64_t amount_max;
	char currencies[POLICY_CURRENCIES_MAX][PAY_CURRENCY_MAX + 1];
	size_t n_currencies;
	uint32_t velocity_count, velocity_window_s;
};

/* As config_parse; RD_DUPLICATE: the same name or key twice; RD_LIMIT, RD_OUT_OF_RANGE: how many;
 * RD_WRONG_KEY, RD_MALFORMED: a key. The caller ends it with policy_finish. */
enum rd_status policy_parse(struct rd_view json, struct policy *ret, struct rd_error *err)
	RD_MUST_USE;
void policy_finish(struct policy *p);

/* NULL, or the reason why not: "limit", "currency". */
const char *policy_refuses(const struct policy *p, uint64_t amount, const char *currency);

/*
 * Two custodians, not the same, signed these bytes; a signature that does not verify spoils all.
 * RD_NOTFOUND: a name that is no custodian's; RD_DUPLICATE: one signed twice; RD_MISSING: too few;
 * RD_BAD_SIGNATURE. signers gets "alice,bob".
 */
#define POLICY_SIGNERS_MAX (PAY_SIGNATURES_MAX * (PAY_WORD_MAX + 1))
enum rd_status policy_check_signatures(const struct policy *p, struct rd_view request,
	const struct pay_signatures *signatures, char ret_signers[POLICY_SIGNERS_MAX]) RD_MUST_USE;

#endif
