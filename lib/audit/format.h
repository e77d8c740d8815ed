/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of an audit log. In a directory:
 *
 *	log-<first>            0   8  "RDLOGS2" and a zero byte
 *	                       8   8  first: index of the segment's first record, big-endian
 *	                      16   n  peaks of the tree before it (merkle/range.h), 32 bytes each
 *	                              then entries, of two kinds:
 *	                              record: be32 length, JSON text
 *	                              head:   be32 0x80000000 | size of its batch, and the 152
 *	                                      bytes of a signed tree head (merkle/head.h)
 *	documents/<sha256>     attestation documents that records name
 *	key.pem                the public half of the signing key
 *	lock                   locked (F_OFD_SETLK) by the server that writes here
 *
 * <first> is 19 decimal digits. A batch is some records and the head over all records so far, which
 * says how many bytes of records it follows. It is written and made durable at once, before the
 * next one is begun. The first batch of a segment is a head alone, that of size <first>, copied
 * from the segment before; a log's beginning may be without its head of size 0, as one has it that
 * was written elsewhere (audit/author.h).
 *
 * A record's leaf hash is over its JSON text alone. Since a segment brings the peaks of all that
 * was before it, and a signed head that they must give, it can be checked, and appended to, when
 * earlier ones have been moved away.
 */
#ifndef RD_AUDIT_FORMAT_H
#define RD_AUDIT_FORMAT_H

#include "merkle/head.h"
#include "merkle/range.h"

/* A record holds a request's facts: an encryption context of 8 KB, a policy of 32 KB, both escaped
 * six to one at worst; the rest is small. */
#define RD_AUDIT_RECORD_MAX 524288u
/* Records of one batch, as entries: what one commit writes at most but for its head. */
#define RD_AUDIT_BATCH_MAX       (4u * 1024 * 1024)
#define RD_AUDIT_HEAD_ENTRY_SIZE (sizeof(uint32_t) + RD_MERKLE_HEAD_SIZE)
/* And so what a crash can leave that is not whole. */
#define RD_AUDIT_COMMIT_MAX (RD_AUDIT_BATCH_MAX + RD_AUDIT_HEAD_ENTRY_SIZE)

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

void rd_audit_name(uint64_t first, char ret_name[RD_AUDIT_NAME_SIZE]);
/* RD_NOTFOUND for a name that is no segment's; RD_BAD_MAGIC for that of a file of heads, which the
 * format before this one had. */
enum rd_status rd_audit_name_parse(const char *name, uint64_t *ret_first) RD_MUST_USE;

/* RD_USAGE for an empty record, RD_LIMIT above RD_AUDIT_RECORD_MAX. */
enum rd_status rd_audit_record_put(struct rd_view record, struct rd_buf *out) RD_MUST_USE;
/* batch_size: of its records, as they are in the file. RD_LIMIT above RD_AUDIT_BATCH_MAX. */
enum rd_status rd_audit_head_put(
	const uint8_t head[RD_MERKLE_HEAD_SIZE], size_t batch_size, struct rd_buf *out) RD_MUST_USE;

struct rd_audit_entry {
	bool is_head;
	uint32_t batch_size;  /* as a head says it; it is not signed */
	struct rd_view bytes; /* the record's JSON text, or the signed head */
};

/* RD_TRUNCATED: not whole; RD_OUT_OF_RANGE: a record of 0 bytes or above RD_AUDIT_RECORD_MAX. */
enum rd_status rd_audit_entry_next(struct rd_cur *c, struct rd_audit_entry *ret) RD_MUST_USE;

struct rd_audit_batch {
	struct rd_view records; /* entries, all of them records, … */
	uint64_t count;         /* … so many */
	struct rd_audit_entry head;
};

/* What stands before the next head, and that. RD_TRUNCATED: there is none yet; RD_OUT_OF_RANGE as
 * above; RD_LIMIT: its records are more than RD_AUDIT_BATCH_MAX. */
enum rd_status rd_audit_batch_next(struct rd_cur *c, struct rd_audit_batch *ret) RD_MUST_USE;

/* The beginning of a log file. RD_BAD_MAGIC, RD_TRUNCATED, RD_LIMIT above RD_MERKLE_SIZE_MAX. */
enum rd_status rd_audit_segment_put(const struct rd_merkle_range *range, struct rd_buf *out)
	RD_MUST_USE;
enum rd_status rd_audit_segment_next(struct rd_cur *c, struct rd_merkle_range *ret) RD_MUST_USE;

/* The public key as PEM ("PUBLIC KEY"), and back. RD_MALFORMED; RD_WRONG_KEY: not P-256. */
#define RD_AUDIT_PEM_MAX 4096
enum rd_status rd_audit_key_put(const struct rd_ec_key *key, struct rd_buf *out) RD_MUST_USE;
enum rd_status rd_audit_key_parse(struct rd_view pem, struct rd_ec_key **ret) RD_MUST_USE;

#endif
