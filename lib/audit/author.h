/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing a log that somebody else keeps: what an enclave does, which has no disk.
 *
 * The author holds the log's key and the peaks of its tree. For each record it gives an index and a
 * signed head; the keeper stores records and newest head, and gives peaks and head back after a
 * restart. What the keeper could do meanwhile is to give back an older state of the log, or one on
 * another branch: both have heads that the author once signed. Against that a witness, somewhere
 * else, remembers the newest head that it was shown, and a log that does not begin with the
 * witnessed one is refused.
 *
 *	init or restore → continues, for each head that was witnessed → append, append, …
 *
 * Nothing here does I/O. Heads are merkle/head.h's, records' hashes RFC 6962's.
 */
#ifndef RD_AUDIT_AUTHOR_H
#define RD_AUDIT_AUTHOR_H

#include "merkle/head.h"
#include "merkle/proof.h"
#include "merkle/range.h"

/* Peaks as the keeper gives them: 32 bytes each, largest tree first. */
#define RD_AUDIT_PEAKS_MAX (RD_MERKLE_LEVELS * RD_MERKLE_HASH_SIZE)

struct rd_audit_author {
	const struct rd_ec_key *key; /* borrowed; P-256 with its private half */
	struct rd_merkle_hash id;    /* of the log (merkle/head.h) */
	struct rd_merkle_range range;
	struct rd_merkle_head head;              /* the newest, … */
	uint8_t head_bytes[RD_MERKLE_HEAD_SIZE]; /* … as it was signed */
};

/* An empty log. RD_WRONG_KEY: not on P-256; RD_USAGE: no private half. */
enum rd_status rd_audit_author_init(
	const struct rd_ec_key *key, uint64_t now_ms, struct rd_audit_author *ret) RD_MUST_USE;

/*
 * A log as its keeper has it. RD_MALFORMED: peaks that are not one for each set bit of size;
 * RD_LIMIT: size; those of rd_merkle_head_verify for the head (RD_WRONG_KEY: another log's);
 * RD_UNTRUSTED: the head is of another size, or the peaks do not give its root.
 */
enum rd_status rd_audit_author_restore(const struct rd_ec_key *key, uint64_t size,
	struct rd_view peaks, struct rd_view head, struct rd_audit_author *ret) RD_MUST_USE;

/*
 * Whether the log begins with the one of a head that was seen before. Without a proof (ptr NULL) it
 * answers what it can: RD_MISSING when a proof from *ret_old_size is wanted, which the keeper can
 * make (rd_merkle_prove_consistency; as bytes, rd_merkle_proof_encode).
 *
 * RD_EXPIRED: this log is shorter, so it was rolled back; RD_UNTRUSTED: it is another one of the
 * same length, or the proof does not show it: a fork; RD_WRONG_KEY: the head is of another log;
 * RD_BAD_SIGNATURE and the others of rd_merkle_head_verify; RD_MALFORMED, RD_LIMIT: the proof.
 */
enum rd_status rd_audit_author_continues(const struct rd_audit_author *author,
	struct rd_view seen_head, struct rd_view proof, uint64_t *ret_old_size) RD_MUST_USE;

/*
 * Appends a record, whose index is the size before, and signs the new head. Time in heads never
 * goes back, whatever the clock does. On failure nothing has changed.
 */
enum rd_status rd_audit_author_append(struct rd_audit_author *author, struct rd_view record,
	uint64_t now_ms, uint64_t *ret_index) RD_MUST_USE;

#endif
