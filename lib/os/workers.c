/* SPDX-License-Identifier: Apache-2.0 */
/* Worker threads over bounded rings of jobs. */
#include "os/workers.h"

#include "os/thread.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct item {
	rd_job *job;
	void *arg;
};

struct lane {
	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t more;
	struct item *items; /* a ring */
	unsigned size, first, used;
	bool ending;
};

struct worker {
	pthread_t thread;
	struct lane *lane;
	unsigned number;
};

struct rd_workers {
	struct lane lanes[RD_WORKERS_LANES_MAX];
	unsigned n_lanes;
	const char *name;
	struct worker *workers;
	unsigned started;
};

/* False at the end: nothing is left and nothing will come. */
static bool take(struct lane *lane, struct item *ret)
{
	bool found;

	pthread_mutex_lock(&lane->lock);
	while (lane->used == 0 && !lane->ending) {
		pthread_cond_wait(&lane->more, &lane->lock);
	}
	found = lane->used > 0;
	if (found) {
		*ret = lane->items[lane->first];
		lane->first = (lane->first + 1) % lane->size;
		lane->used--;
	}
	pthread_mutex_unlock(&lane->lock);
	return found;
}

static void *run(void *arg)
{
	struct worker *worker = arg;
	struct item item;

	while (take(worker->lane, &item)) {
		item.job(item.arg, worker->number);
	}
	return NULL;
}

static enum rd_status start(struct rd_workers *w, unsigned lane, struct rd_error *err)
{
	struct worker *worker = &w->workers[w->started];

	*worker = (struct worker){.lane = &w->lanes[lane], .number = w->started};
	RD_TRY(rd_thread_start(&worker->thread, w->name, run, worker, err));
	w->started++;
	return RD_OK;
}

static enum rd_status fill(
	struct rd_workers *w, const struct rd_workers_config *config, struct rd_error *err)
{
	unsigned total = 0;

	for (unsigned i = 0; i < w->n_lanes; i++) {
		total += config->threads[i];
		w->lanes[i].size = config->waiting[i];
		w->lanes[i].items = calloc(config->waiting[i], sizeof(*w->lanes[i].items));
		if (w->lanes[i].items == NULL) {
			return rd_fail(err, RD_NOMEM, "out of memory for workers");
		}
	}
	RD_ENSURE(total > 0, rd_fail(err, RD_USAGE, "a lane without a worker"));
	w->workers = calloc(total, sizeof(*w->workers));
	if (w->workers == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory for workers");
	}
	for (unsigned i = 0; i < w->n_lanes; i++) {
		for (unsigned n = 0; n < config->threads[i]; n++) {
			RD_TRY(start(w, i, err));
		}
	}
	return RD_OK;
}

enum rd_status rd_workers_new(
	const struct rd_workers_config *config, struct rd_workers **ret, struct rd_error *err)
{
	struct rd_workers *w = calloc(1, sizeof(*w));
	enum rd_status st;

	if (w == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory for workers");
	}
	assert(config->lanes > 0 && config->lanes <= RD_WORKERS_LANES_MAX);
	w->n_lanes = config->lanes;
	w->name = config->name;
	for (unsigned i = 0; i < w->n_lanes; i++) {
		assert(config->threads[i] > 0 && config->waiting[i] > 0);
		pthread_mutex_init(&w->lanes[i].lock, NULL);
		pthread_cond_init(&w->lanes[i].more, NULL);
	}
	st = fill(w, config, err);
	if (st != RD_OK) {
		rd_workers_free(&w);
		return st;
	}
	*ret = w;
	return RD_OK;
}

void rd_workers_free(struct rd_workers **workers)
{
	struct rd_workers *w = rd_steal(workers, NULL);

	if (w == NULL) {
		return;
	}
	for (unsigned i = 0; i < w->n_lanes; i++) {
		pthread_mutex_lock(&w->lanes[i].lock);
		w->lanes[i].ending = true;
		pthread_cond_broadcast(&w->lanes[i].more);
		pthread_mutex_unlock(&w->lanes[i].lock);
	}
	for (unsigned i = 0; i < w->started; i++) {
		pthread_join(w->workers[i].thread, NULL);
	}
	for (unsigned i = 0; i < w->n_lanes; i++) {
		pthread_cond_destroy(&w->lanes[i].more);
		pthread_mutex_destroy(&w->lanes[i].lock);
		free(w->lanes[i].items);
	}
	free(w->workers);
	free(w);
}

enum rd_status rd_workers_submit(struct rd_workers *workers, unsigned lane, rd_job *job, void *arg)
{
	struct lane *l = &workers->lanes[lane];
	bool room;

	pthread_mutex_lock(&l->lock);
	room = l->used < l->size;
	if (room) {
		l->items[(l->first + l->used) % l->size] = (struct item){.job = job, .arg = arg};
		l->used++;
		pthread_cond_signal(&l->more);
	}
	pthread_mutex_unlock(&l->lock);
	return room ? RD_OK : RD_LIMIT;
}

unsigned rd_workers_waiting(struct rd_workers *workers, unsigned lane)
{
	struct lane *l = &workers->lanes[lane];
	unsigned used;

	pthread_mutex_lock(&l->lock);
	used = l->used;
	pthread_mutex_unlock(&l->lock);
	return used;
}
