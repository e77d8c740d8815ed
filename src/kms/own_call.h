/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the server does of its own accord: as a call of itself, so that it has a record in the audit
 * log as any other. The record is committed with what it tells of (journal.h), and then it is the
 * log's.
 */
#ifndef KMS_OWN_CALL_H
#define KMS_OWN_CALL_H

#include "kms/call.h"
#include "kms/journal.h"

#include <pthread.h>

struct kms_own_call {
	struct kms_call call; /* who.account, key_arn and facts are the owner's to set */
	/* The rest is not the owner's. */
	struct kms_journal_entry entry;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t done;
	bool is_done;
	enum rd_status st;
};

/* NULL: no memory, or no random bytes. op is borrowed: the log's name for what is done. */
struct kms_own_call *kms_own_call_new(struct kms *kms, const struct kms_op *op, int64_t now_ms);
/* Accepts NULL; clears the caller's pointer. */
void kms_own_call_free(struct kms_own_call **own);

/* For rd_db_before_commit; own: struct kms_own_call. The call's owner goes on to record it. */
enum rd_status kms_own_call_keep(struct rd_db *db, void *own);
/* The same for a command beside the servers, which has no log: the row is one of theirs to write.
 */
enum rd_status kms_own_call_leave(struct rd_db *db, void *own);
/* After the commit: waits until the log has it. After a failure the row in the database is written
 * to a log later. */
enum rd_status kms_own_call_record(struct kms_own_call *own) RD_MUST_USE;

#endif
