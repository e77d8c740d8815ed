/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One round of what has come due on keys: deletions, rotations, ends of imported material.
 *
 * The list of what is due is only a hint: due.h's functions look again within their transactions,
 * so any number of servers may do this at once. What is done is recorded in the audit log.
 */
#ifndef KMS_SCHEDULE_H
#define KMS_SCHEDULE_H

#include "kms/backoff.h"
#include "kms/kms.h"

/* Deletions, rotations, ends of material. */
#define KMS_SCHEDULE_KINDS 3

/* From one round to the next; zero-initialise. */
struct kms_schedule {
	struct kms_backoff backoff[KMS_SCHEDULE_KINDS];
};

/* All that there is. The first failure of the database ends it; a key that cannot be worked on is
 * logged, holds up no other, and is left for later (backoff.h). */
enum rd_status kms_schedule_run(struct kms_schedule *schedule, struct kms *kms, struct rd_db *db,
	int64_t now_ms) RD_MUST_USE;

#endif
