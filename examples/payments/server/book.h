/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one thread that writes to the database.
 *
 * Jobs are run in the order in which they came, as many as wait in one transaction, so that under
 * load one commit serves many; when its commit is durable each job is told so. Jobs of one batch
 * that fails are run again, each in a transaction of its own, so that one's failure is not
 * another's. A job's run may therefore happen several times before the one that counts: it sets its
 * results anew each time, and what it refuses it refuses before it writes, with RD_OK and a result
 * of its own. Anything else than RD_OK is a failure of the database, or of the job itself.
 */
#ifndef PS_BOOK_H
#define PS_BOOK_H

#include "db/db.h"

#include <stddef.h>

/* What one transaction takes: enough to share a sync, few enough for it to stay short. */
#define PS_BOOK_BATCH_MAX 64

/* The structure that a job (or another member) is part of. */
#define ps_container(ptr, type, member) ((type *)(void *)((uint8_t *)(ptr)-offsetof(type, member)))

struct ps_book;

struct ps_job {
	enum rd_status (*run)(struct ps_job *job, struct rd_db *db);
	/* On the book's thread: RD_OK, it is durable; otherwise nothing of it is, or, after
	 * RD_CLOSED and RD_TIMEOUT, perhaps all. The job is its owner's again. */
	void (*done)(struct ps_job *job, enum rd_status st);
	/* The book's. */
	struct ps_job *next;
};

/* db is the book's until it is freed. */
enum rd_status ps_book_new(struct rd_db *db, struct ps_book **ret, struct rd_error *err)
	RD_MUST_USE;
/* Does what waits, then ends. Accepts NULL. */
void ps_book_free(struct ps_book **book);

/* From any thread. How many wait is for who submits to bound: calls and questions are. */
void ps_book_submit(struct ps_book *book, struct ps_job *job);

/* Batches and jobs so far, for metrics. */
void ps_book_counts(struct ps_book *book, uint64_t *ret_batches, uint64_t *ret_jobs);

#endif
