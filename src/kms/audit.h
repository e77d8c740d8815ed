/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: what was asked, by whom, what was decided and why, written before the answer
 * leaves.
 *
 * Files in the audit directory, append-only:
 *
 *	log          records: be32 length, the JSON text of one record (leaf data)
 *	heads        signed tree heads (merkle/head.h), one after each commit of a batch
 *	documents/   attestation documents seen, each once, named by their SHA-256
 *	key.pem      public half of the signing key; the private half is wrapped in the database
 *
 * A record's leaf hash is SHA-256(0x00 || JSON text); leaves make an RFC 6962 tree. Appends of many
 * threads are written and synced together by one writer thread; an append returns only when its
 * record and the head over it are durable, or RD_IO / RD_NOSPACE, and then nothing may be released.
 * At start the last head is checked against the log; a torn last batch without a head was never
 * answered and is cut off, anything else is refused (RD_BAD_SIGNATURE, naming file and record).
 */
#ifndef KMS_AUDIT_H
#define KMS_AUDIT_H

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/ec.h"

struct kms_audit;

/* key: P-384 with its private half; borrowed. */
enum rd_status kms_audit_open(const char *dir, const struct rd_ec_key *key, struct kms_audit **ret,
	struct rd_error *err) RD_MUST_USE;
void kms_audit_close(struct kms_audit **audit);

/* From any thread. done is called once, from the writer's thread, with RD_OK after the record is
 * durable. record is copied. RD_LIMIT at once when the queue is full (then done is not called). */
typedef void kms_audit_done(void *arg, enum rd_status st, uint64_t index);
enum rd_status kms_audit_append(struct kms_audit *audit, struct rd_view record,
	kms_audit_done *done, void *arg) RD_MUST_USE;

/* Keeps a document once; durable before the record that names it. ret_hex: 64 digits and NUL. */
enum rd_status kms_audit_keep_document(
	struct kms_audit *audit, struct rd_view document, char ret_hex[65]) RD_MUST_USE;

/* False after a failure to write: every call is refused until a probe write succeeds again. */
bool kms_audit_healthy(const struct kms_audit *audit);

#endif
