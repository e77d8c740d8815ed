/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads for work that waits: for the disk, for another process. Threads that serve connections
 * never wait, so one client's slow call holds up nobody's quick one.
 *
 * Lanes have threads and bounded queues of their own, so that slow work does not fill the queue of
 * what is quick.
 */
#ifndef RD_OS_WORKERS_H
#define RD_OS_WORKERS_H

#include "base/error.h"

/* What a server tells apart; each is an enumeration of its owner. */
#define RD_WORKERS_LANES_MAX 4

struct rd_workers_config {
	const char *name; /* of the threads; 15 characters */
	unsigned lanes;
	unsigned threads[RD_WORKERS_LANES_MAX]; /* numbered through, lane by lane, from 0 */
	unsigned waiting[RD_WORKERS_LANES_MAX]; /* jobs at most that no thread has taken yet */
};

struct rd_workers;

/* worker: the thread's number. */
typedef void rd_job(void *arg, unsigned worker);

/* Threads of ours block all signals. */
enum rd_status rd_workers_new(const struct rd_workers_config *config, struct rd_workers **ret,
	struct rd_error *err) RD_MUST_USE;
/* Runs what waits, then joins. Nothing may be submitted any more. Accepts NULL. */
void rd_workers_free(struct rd_workers **workers);

/* RD_LIMIT: the lane is full, and the job is still the caller's. From any thread, in order. */
enum rd_status rd_workers_submit(struct rd_workers *workers, unsigned lane, rd_job *job, void *arg)
	RD_MUST_USE;

/* Jobs that wait now, for metrics. */
unsigned rd_workers_waiting(struct rd_workers *workers, unsigned lane);

#endif
