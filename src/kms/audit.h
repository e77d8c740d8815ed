/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: what was asked, by whom, what was decided and why, written before the answer
 * leaves.
 *
 * The directory's files are those of lib/audit (audit/format.h). A record's leaf hash is
 * SHA-256(0x00 || JSON text); leaves make an RFC 6962 tree. One writer thread does for all:
 *
 *	take what is queued → documents, synced → records and the head over them, synced → done
 *
 * so an append is done only when its record and the head over it are durable, or with RD_IO or
 * RD_NOSPACE, and then nothing may be released. After such a failure the files are closed, every
 * call is refused, and every now and then (after half a second at first) the thread tries to open
 * them anew and to write a record of the outage ("AuditLogRecovered"); once that is durable, calls
 * are taken again.
 *
 * At start the last segment is held against its last head. A torn last batch was never answered: it
 * is cut off, and a record says so ("AuditLogTailCut"). Anything else is refused (RD_UNTRUSTED,
 * naming file and record).
 */
#ifndef KMS_AUDIT_H
#define KMS_AUDIT_H

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/ec.h"

struct kms_audit;

/*
 * key: P-256 with its private half; borrowed. Makes the directory (0700) if it is not there.
 * RD_EXISTS: another server writes here (each has a directory of its own); RD_WRONG_KEY: the log is
 * of another key. The threads' owner ignores SIGXFSZ, if a file size limit may be set.
 */
enum rd_status kms_audit_open(const char *dir, const struct rd_ec_key *key, struct kms_audit **ret,
	struct rd_error *err) RD_MUST_USE;
/* What is queued is written first. No other call may be under way. */
void kms_audit_close(struct kms_audit **audit);

/* A segment of more bytes than this is followed by a new one. 0: the default. */
#define KMS_AUDIT_SEGMENT_MAX (64u * 1024 * 1024)
void kms_audit_limit_segments(struct kms_audit *audit, uint64_t max);

/*
 * From any thread. done is called once, from the writer's thread, with RD_OK after the record is
 * durable; it must not wait and not append. record is copied. At once, and then done is not called:
 * RD_LIMIT when the queue is full or the record too long (RD_AUDIT_RECORD_MAX), RD_IO when the log
 * is not healthy.
 */
typedef void kms_audit_done(void *arg, enum rd_status st, uint64_t index);
enum rd_status kms_audit_append(struct kms_audit *audit, struct rd_view record,
	kms_audit_done *done, void *arg) RD_MUST_USE;
/*
 * The same for who appends several, one after the other, and then calls kms_audit_wake: until then
 * the writer leaves them where they are. So they become one batch, with one tree head and one sync.
 */
enum rd_status kms_audit_append_later(struct kms_audit *audit, struct rd_view record,
	kms_audit_done *done, void *arg) RD_MUST_USE;
void kms_audit_wake(struct kms_audit *audit);
/* Called from the writer's thread after the last done of some. Set before anything is appended. */
void kms_audit_after_batch(struct kms_audit *audit, void (*after)(void *ctx), void *ctx);

/*
 * Keeps a document, each once: it is queued, and durable before any record that is appended after
 * this call; when it cannot be written, neither is the record. Does not wait. ret_hex: its SHA-256,
 * 64 digits and NUL. Statuses as kms_audit_append.
 */
enum rd_status kms_audit_keep_document(
	struct kms_audit *audit, struct rd_view document, char ret_hex[65]) RD_MUST_USE;

/* False after a failure to write: every call is refused until a probe write succeeds again. */
bool kms_audit_healthy(const struct kms_audit *audit);

#endif
