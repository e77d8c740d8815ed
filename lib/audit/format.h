/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of an audit log. In a directory:
 *
 *	log-<first>     0   8  "RDLOGS1" and a zero byte
 *	                8   8  first: index of the segment's first record, big-endian
 *	               16   n  peaks of the tree before it (merkle/range.h), 32 bytes each
 *	                       then records: be32 length, JSON text
 *	heads-<first>          signed tree heads (merkle/head.h), 152 bytes each; the first is the
 *	                       head of size <first>, copied from the segment before; a log's
 *	                       beginning may be without its head of size 0, as one has it that was
 *	                       written elsewhere (audit/author.h)
 *	documents/<sha256>     attestation documents that records name
 *	key.pem                the public half of the signing key
 *	lock                   locked (F_OFD_SETLK) by the server that writes here
 *
 * <first> is 19 decimal digits. A record's leaf hash is over its JSON text alone. Since a segment
 * brings the peaks of all that was before it, and a signed head that they must give, it can be
 * checked, and appended to, when earlier ones have been moved away.
 */
#ifndef RD_AUDIT_FORMAT_H
#define RD_AUDIT_FORMAT_H

#include "merkle/head.h"
#include "merkle/range.h"

/* A record holds a request's facts: an encryption context of 8 KB, a policy of 32 KB, both escaped
 * six to one at worst; the rest is small. */
#define RD_AUDIT_RECORD_MAX 524288u
/* What one commit writes at most, and so what a crash can leave without a head. */
#define RD_AUDIT_BATCH_MAX (4u * 1024 * 1024)

/* The API takes this much; what verifies is much smaller, but refused documents are kept too. */
#define RD_AUDIT_DOCUMENT_MAX 262144u

#define RD_AUDIT_SEGMENT_HEAD_MAX (8 + 8 + RD_MERKLE_LEVELS * RD_MERKLE_HASH_SIZE)
#define RD_AUDIT_NAME_SIZE        32

#define RD_AUDIT_KEY_FILE      "key.pem"
#define RD_AUDIT_LOCK_FILE     "lock"
#define RD_AUDIT_DOCUMENTS_DIR "documents"

/* Where a record names a document: members "additionalEventData", "recipient" and this one, whose
 * value is the document's SHA-256 in lowercase hex. */
#define RD_AUDIT_DOCUMENT_MEMBER "attestationDocumentSha256"

enum rd_audit_file { RD_AUDIT_LOG, RD_AUDIT_HEADS };

void rd_audit_name(enum rd_audit_file kind, uint64_t first, char ret_name[RD_AUDIT_NAME_SIZE]);
/* RD_NOTFOUND for a name that is neither's. */
enum rd_status rd_audit_name_parse(
	const char *name, enum rd_audit_file *ret_kind, uint64_t *ret_first) RD_MUST_USE;

/* RD_USAGE for an empty record, RD_LIMIT above RD_AUDIT_RECORD_MAX. */
enum rd_status rd_audit_record_put(struct rd_view record, struct rd_buf *out) RD_MUST_USE;
/* RD_TRUNCATED: not whole; RD_OUT_OF_RANGE: a length of 0 or above RD_AUDIT_RECORD_MAX. */
enum rd_status rd_audit_record_next(struct rd_cur *c, struct rd_view *ret_record) RD_MUST_USE;

/* The head of a log file. RD_BAD_MAGIC, RD_TRUNCATED, RD_LIMIT above RD_MERKLE_SIZE_MAX. */
enum rd_status rd_audit_segment_put(const struct rd_merkle_range *range, struct rd_buf *out)
	RD_MUST_USE;
enum rd_status rd_audit_segment_next(struct rd_cur *c, struct rd_merkle_range *ret) RD_MUST_USE;

/* The public key as PEM ("PUBLIC KEY"), and back. RD_MALFORMED; RD_WRONG_KEY: not P-256. */
#define RD_AUDIT_PEM_MAX 4096
enum rd_status rd_audit_key_put(const struct rd_ec_key *key, struct rd_buf *out) RD_MUST_USE;
enum rd_status rd_audit_key_parse(struct rd_view pem, struct rd_ec_key **ret) RD_MUST_USE;

#endif
