/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads for calls that wait: for the disk, because they write, or for RSA keys, which take
 * seconds. HTTP threads never wait, so one client's CreateKey holds up nobody's Decrypt.
 *
 * Two lanes with threads and bounded queues of their own. The slow one is short and narrow on
 * purpose: making RSA keys is the cheapest way to keep a key server busy (kms.md 2.13).
 */
#ifndef KMS_WORKERS_H
#define KMS_WORKERS_H

#include "base/error.h"

enum kms_lane { KMS_LANE_WRITES, KMS_LANE_RSA, KMS_LANE_COUNT };

struct kms_workers_config {
	unsigned threads[KMS_LANE_COUNT]; /* numbered through, lane by lane, from 0 */
	unsigned waiting[KMS_LANE_COUNT]; /* jobs at most that no thread has taken yet */
};

struct kms_workers;

/* worker: the thread's number. */
typedef void kms_job(void *arg, unsigned worker);

/* Threads of ours block all signals. */
enum rd_status kms_workers_new(const struct kms_workers_config *config, struct kms_workers **ret,
	struct rd_error *err) RD_MUST_USE;
/* Runs what waits, then joins. Nothing may be submitted any more. Accepts NULL. */
void kms_workers_free(struct kms_workers **workers);

/* RD_LIMIT: the lane is full, and the job is still the caller's. From any thread, in order. */
enum rd_status kms_workers_submit(
	struct kms_workers *workers, enum kms_lane lane, kms_job *job, void *arg) RD_MUST_USE;

/* Jobs that wait now, for metrics. */
unsigned kms_workers_waiting(struct kms_workers *workers, enum kms_lane lane);

#endif
