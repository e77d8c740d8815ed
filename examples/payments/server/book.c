/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of jobs, each in a transaction. */
#include "server/book.h"

#include "log/log.h"
#include "os/thread.h"

#include <stdlib.h>

struct ps_book {
	struct rd_db *db;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct ps_job *first, **last; /* which wait */
	bool ending;
	uint64_t batches, jobs;
};

static enum rd_status run_batch(struct rd_db *db, void *arg)
{
	for (struct ps_job *job = arg; job != NULL; job = job->next) {
		RD_TRY(job->run(job, db));
	}
	return RD_OK;
}

static enum rd_status run_one(struct rd_db *db, void *arg)
{
	struct ps_job *job = arg;

	return job->run(job, db);
}

static void tell(const struct ps_book *book, enum rd_status st)
{
	if (st != RD_OK) {
		rd_log(RD_LOG_ERROR, "a change was not recorded: %s (%s)", rd_status_text(st),
			rd_db_error(book->db));
	}
}

static void do_alone(struct ps_book *book, struct ps_job *batch)
{
	while (batch != NULL) {
		struct ps_job *job = batch;
		enum rd_status st = rd_db_transact(book->db, run_one, job);

		batch = job->next;
		tell(book, st);
		job->done(job, st);
	}
}

static void do_batch(struct ps_book *book, struct ps_job *batch)
{
	enum rd_status st = rd_db_transact(book->db, run_batch, batch);

	/* Whether a commit happened whose answer was lost only each job can find out: run again, a
	 * record finds itself there already, and its link is given up. */
	if (st != RD_OK) {
		do_alone(book, batch);
		return;
	}
	while (batch != NULL) {
		struct ps_job *job = batch;

		batch = job->next;
		job->done(job, RD_OK);
	}
}

/* NULL: the end. */
static struct ps_job *take_batch(struct ps_book *book)
{
	struct ps_job *batch, *last;
	size_t n = 1;

	pthread_mutex_lock(&book->lock);
	while (book->first == NULL && !book->ending) {
		pthread_cond_wait(&book->more, &book->lock);
	}
	batch = book->first;
	for (last = batch; last != NULL && last->next != NULL && n < PS_BOOK_BATCH_MAX; n++) {
		last = last->next;
	}
	if (last != NULL) {
		book->first = last->next;
		book->last = book->first == NULL ? &book->first : book->last;
		last->next = NULL;
		book->batches++;
		book->jobs += n;
	}
	pthread_mutex_unlock(&book->lock);
	return batch;
}

static void *run(void *arg)
{
	struct ps_book *book = arg;
	struct ps_job *batch;

	while ((batch = take_batch(book)) != NULL) {
		do_batch(book, batch);
	}
	return NULL;
}

enum rd_status ps_book_new(struct rd_db *db, struct ps_book **ret, struct rd_error *err)
{
	struct ps_book *book = calloc(1, sizeof(*book));
	enum rd_status st;

	if (book == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	book->db = db;
	book->last = &book->first;
	pthread_mutex_init(&book->lock, NULL);
	pthread_cond_init(&book->more, NULL);
	st = rd_thread_start(&book->thread, "pay-book", run, book, err);
	if (st != RD_OK) {
		pthread_cond_destroy(&book->more);
		pthread_mutex_destroy(&book->lock);
		free(book);
		return st;
	}
	*ret = book;
	return RD_OK;
}

void ps_book_free(struct ps_book **book)
{
	struct ps_book *b = *book;

	if (b == NULL) {
		return;
	}
	pthread_mutex_lock(&b->lock);
	b->ending = true;
	pthread_cond_signal(&b->more);
	pthread_mutex_unlock(&b->lock);
	pthread_join(b->thread, NULL);
	pthread_cond_destroy(&b->more);
	pthread_mutex_destroy(&b->lock);
	free(b);
	*book = NULL;
}

void ps_book_submit(struct ps_book *book, struct ps_job *job)
{
	job->next = NULL;
	pthread_mutex_lock(&book->lock);
	*book->last = job;
	book->last = &job->next;
	pthread_cond_signal(&book->more);
	pthread_mutex_unlock(&book->lock);
}

void ps_book_counts(struct ps_book *book, uint64_t *ret_batches, uint64_t *ret_jobs)
{
	pthread_mutex_lock(&book->lock);
	*ret_batches = book->batches;
	*ret_jobs = book->jobs;
	pthread_mutex_unlock(&book->lock);
}
