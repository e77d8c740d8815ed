/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The enclave's audit records: what happened, as JSON, appended to the log whose author it is.
 *
 * A record has the fields of PCI DSS 10.2.2 under CloudTrail's names, which "redoubt evidence"
 * looks for: who (userIdentity), what kind of event (eventName), when (eventTime), from where
 * (sourceIPAddress), what was affected (resources), and errorCode when it failed. Never a number or
 * a CVV, because no member of struct journal_facts holds one but "masked". It is one line, members
 * in one order, absent ones left out but for those five.
 */
#ifndef ENCLAVE_JOURNAL_H
#define ENCLAVE_JOURNAL_H

#include "audit/author.h"
#include "wire/link.h"

/* Strings are "" or NULL when there is nothing to say; printable ASCII. */
struct journal_facts {
	const char *event;   /* "Authorise" */
	const char *stage;   /* "requested": before it is done; "done" */
	const char *outcome; /* "authorised"; "" when requested */
	const char *reason;
	bool failed; /* errorCode is the outcome */
	const char *who, *origin;
	const char *resource; /* what is neither a payment nor a card: "log" */
	const char *merchant, *order, *payment, *operation;
	uint64_t amount; /* 0: none */
	const char *currency;
	const char *token, *masked, *rrn, *response;
	uint64_t key_version;    /* 0: none */
	struct rd_view document; /* the attestation document that it names by its SHA-256 */
	const char *detail;
};

struct journal {
	struct rd_audit_author author;
	bool open;
	uint32_t image_version, policy_version;
};

/* One record, its place and its head; record points into storage. */
struct journal_entry {
	uint8_t storage[PAY_RECORD_MAX];
	uint8_t head[PAY_HEAD_SIZE];
	struct pay_logged logged; /* points into this */
};

/* Appends to the log. RD_USAGE: the log is not open; RD_FORBIDDEN: something in it looks like a
 * card number; RD_NOSPACE. */
enum rd_status journal_append(struct journal *journal, const struct journal_facts *facts,
	struct journal_entry *ret) RD_MUST_USE;

/*
 * Which policy was in force when the log's last record was made. Each record has its number, so
 * that whoever keeps log and policy cannot give back an older policy with the log. proof is
 * rd_merkle_proof_encode's, empty for the only record. RD_UNTRUSTED: it is not this log's last;
 * RD_MISSING, RD_MALFORMED: no record of ours.
 */
enum rd_status journal_last_policy(const struct rd_audit_author *author, struct rd_view record,
	struct rd_view proof, uint32_t *ret_version) RD_MUST_USE;

/* Milliseconds since the epoch. */
uint64_t journal_now_ms(void);

#endif
