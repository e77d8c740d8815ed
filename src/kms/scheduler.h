/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens by itself. Two threads, each with a connection of its own:
 *
 *	ear    waits for changes that other servers made and lets the cache drop what they touch
 *	clock  deletions, rotations and expiries that are due; wraps rows anew after a rotation of
 *	       the root key; writes last uses of keys; forgets changes that every server has
 *	       heard of
 *
 * Any number of servers may do this on one database: each piece of work is looked at again within
 * its transaction (schedule.h), so it is done once.
 */
#ifndef KMS_SCHEDULER_H
#define KMS_SCHEDULER_H

#include "kms/kms.h"

/* How late a deletion may be. */
#define KMS_SCHEDULE_MS 1000

struct kms_scheduler;

/* The connections are borrowed, and for these threads alone. */
enum rd_status kms_scheduler_start(struct kms *kms, struct rd_db *ear, struct rd_db *clock,
	struct kms_scheduler **ret, struct rd_error *err) RD_MUST_USE;
/* Ends what is under way, joins. Accepts NULL. */
void kms_scheduler_stop(struct kms_scheduler **scheduler);

#endif
