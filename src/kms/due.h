/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What falls due by itself, for the scheduler, one key at a time (kms_store_keys_due says which).
 *
 * Each reads the key anew in one transaction and does nothing when it is not due after all: several
 * servers may ask for the same key at the same time, and it happens once. *ret_done: whether it
 * happened here, and is to be recorded; if not, nothing has been committed. Source: the KMS
 * reference, 2.7, 2.8, 2.10.
 */
#ifndef KMS_DUE_H
#define KMS_DUE_H

#include "kms/kms.h"

/* The status of the work for a transaction that finds nothing to do, and what it comes to. */
#define KMS_DUE_NOT RD_NOTFOUND
static inline enum rd_status kms_due_settle(enum rd_status st, bool *ret_done)
{
	*ret_done = st == RD_OK;
	return st == KMS_DUE_NOT ? RD_OK : st;
}

/* The waiting period is over: the key with all that hangs on it is destroyed. */
enum rd_status kms_due_delete(struct kms *kms, struct rd_db *db, const char *key_id, int64_t now_ms,
	bool *ret_done) RD_MUST_USE;
/* Automatic rotation, of enabled keys only; the next is a period after now. */
enum rd_status kms_due_rotate(struct kms *kms, struct rd_db *db, const char *key_id, int64_t now_ms,
	bool *ret_done) RD_MUST_USE;
/* Imported material whose ValidTo has passed is deleted; the key waits for it to come back. */
enum rd_status kms_due_expire(struct kms *kms, struct rd_db *db, const char *key_id, int64_t now_ms,
	bool *ret_done) RD_MUST_USE;

#endif
