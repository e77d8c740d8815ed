/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each key was last used for (GetKeyLastUsage). Noted in memory by the thread that has the
 * answer, written to the database by the scheduler, every second, and at the stop: a server that
 * crashes loses a second of it, which the audit log has. Of several servers' notes the latest
 * stays. Source: the KMS reference, 2.2, GetKeyLastUsage.
 */
#ifndef KMS_LAST_USE_H
#define KMS_LAST_USE_H

#include "db/db.h"
#include "kms/model.h"

struct kms_call;
struct kms_last_uses;

/* Keys that wait to be written: those used within one second, unless the database is away. Of more
 * than these the uses are not noted. */
#define KMS_LAST_USES_MAX 65536

enum rd_status kms_last_use_new(struct kms_last_uses **ret) RD_MUST_USE;
void kms_last_use_free(struct kms_last_uses **usage);

/* A call that succeeded: its keys (call->used), if it is of the kind that uses any. */
void kms_last_use_note(struct kms_last_uses *usage, const struct kms_call *call);

/* The latest use: what is noted or, if that is later, written. RD_NOTFOUND: none. usage may be
 * NULL. */
enum rd_status kms_last_use_find(struct kms_last_uses *usage, struct rd_db *db, const char *key_id,
	struct kms_last_use *ret) RD_MUST_USE;

/* Writes what is noted; what a failure leaves is noted still. */
enum rd_status kms_last_use_flush(struct kms_last_uses *usage, struct rd_db *db) RD_MUST_USE;

#endif
