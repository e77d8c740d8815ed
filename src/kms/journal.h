/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What makes it true that every change in the database has its record in the audit log, also when
 * the server is killed between the two, or the log cannot be written any more.
 *
 *	a call's transaction ─ its record goes into the table pending_record ─ COMMIT
 *	                       its record goes into the audit log ─ synced ─ the answer leaves
 *	some time later        the row is deleted, many at once
 *
 * So a row that stays is a change whose record the log may lack. At the start those that this
 * server's log has are deleted; what is still there after KMS_PENDING_MS is written to the log of
 * whichever server sees it first. A record may so be there twice, with the same requestID: when a
 * server was gone for longer than that, and came back. None is missing.
 */
#ifndef KMS_JOURNAL_H
#define KMS_JOURNAL_H

#include "kms/call.h"
#include "kms/store.h"

/* From COMMIT to the audit log it is some milliseconds, and a second until the row is deleted. */
#define KMS_PENDING_MS 15000

struct kms_journal;

/* Of a call, zeroed; linked from its first transaction to its end. */
struct kms_journal_entry {
	struct kms_journal_entry *next, **at;
	char request_id[KMS_REQUEST_ID_SIZE];
};

enum rd_status kms_journal_new(struct kms_journal **ret) RD_MUST_USE;
/* No call is under way any more. */
void kms_journal_free(struct kms_journal **journal);

/* Within the transaction, last (rd_db_before_commit). */
enum rd_status kms_journal_keep(struct kms_journal *journal, struct rd_db *db,
	const struct kms_call *call, struct kms_journal_entry *entry) RD_MUST_USE;
/* The call ends. logged: the log durably has a record that says that it succeeded. Does not wait;
 * from any thread. */
void kms_journal_end(struct kms_journal *journal, struct kms_journal_entry *entry, bool logged);

/* Before the first call; alone: no other server has this database, so nothing has to be waited
 * for. What fails is left to kms_journal_tend. */
enum rd_status kms_journal_start(struct kms *kms, struct rd_db *db, bool alone) RD_MUST_USE;
/* Every second or so, from one thread: deletes, and logs what is due. */
enum rd_status kms_journal_tend(struct kms *kms, struct rd_db *db) RD_MUST_USE;

#endif
