/* SPDX-License-Identifier: Apache-2.0 */
/* The threads of scheduler.h. */
#include "kms/scheduler.h"

#include "kms/cache.h"
#include "kms/journal.h"
#include "kms/last_use.h"
#include "kms/material.h"
#include "kms/schedule.h"
#include "kms/store.h"
#include "log/log.h"
#include "os/thread.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

/* Rows in one transaction: calls that write wait no longer than that. */
#define REWRAP_BATCH 64
/* A server that has not read changes for KMS_CACHE_STALE_MS has forgotten everything already. */
#define CHANGES_KEPT_MS (10 * 60 * 1000)
#define PRUNE_EVERY_MS  (60 * 1000)
/* For the last look at the database, which may have gone. */
#define LAST_MS 1000

struct kms_scheduler {
	struct kms *kms;
	struct rd_db *ear_db, *clock_db;
	pthread_t ear, clock;
	bool has_ear, has_clock;
	struct kms_schedule schedule; /* the clock's */
	atomic_bool ending;
	pthread_mutex_t lock;
	pthread_cond_t wake; /* ends the clock's sleep */
};

/* Once for each failure, not once for each attempt. */
static void report(enum rd_status st, enum rd_status *before, const char *what, struct rd_db *db)
{
	if (st != RD_OK && st != *before) {
		rd_log(RD_LOG_WARNING, "%s: %s (%s)", what, rd_status_text(st), rd_db_error(db));
	} else if (st == RD_OK && *before != RD_OK) {
		rd_log(RD_LOG_INFO, "%s: works again", what);
	}
	*before = st;
}

/* A database that hangs is left for a new connection before the cache is too old to be used. */
static void *listen_for_changes(void *arg)
{
	struct kms_scheduler *s = arg;
	enum rd_status before = RD_OK;

	while (!atomic_load(&s->ending)) {
		enum rd_status st;

		rd_db_limit(s->ear_db, KMS_CACHE_STALE_MS / 2);
		st = rd_db_wait(s->ear_db, KMS_CACHE_POLL_MS);

		if (st != RD_OK && rd_category(st) != RD_CAT_AGAIN) {
			const struct timespec pause = {.tv_nsec = KMS_CACHE_POLL_MS * 1000000L};

			nanosleep(&pause, NULL); /* the wait did not */
		}
		report(kms_cache_poll(s->kms->cache, s->ear_db), &before, "changes of others",
			s->ear_db);
	}
	return NULL;
}

static void sleep_until_next(struct kms_scheduler *s)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += KMS_SCHEDULE_MS / 1000;
	pthread_mutex_lock(&s->lock);
	if (!atomic_load(&s->ending)) {
		(void)pthread_cond_timedwait(&s->wake, &s->lock, &until);
	}
	pthread_mutex_unlock(&s->lock);
}

static enum rd_status rewrap(struct kms_scheduler *s)
{
	char row[KMS_REWRAP_ROW_SIZE] = "";
	size_t n = 1;

	while (n > 0 && !atomic_load(&s->ending)) {
		enum rd_status st = kms_rewrap(s->kms->keyring, s->clock_db, REWRAP_BATCH, &n, row);

		if (st != RD_OK && row[0] != '\0') {
			rd_log(RD_LOG_ERROR, "%s does not open: %s", row, rd_status_text(st));
		}
		RD_TRY(st);
	}
	return RD_OK;
}

static void prune(struct kms_scheduler *s, int64_t now_ms, int64_t *last_ms)
{
	if (now_ms - *last_ms < PRUNE_EVERY_MS) {
		return;
	}
	*last_ms = now_ms;
	if (kms_store_changes_prune(s->clock_db, now_ms - CHANGES_KEPT_MS) != RD_OK) {
		rd_log(RD_LOG_WARNING, "old changes stay: %s", rd_db_error(s->clock_db));
	}
}

static void *keep_time(void *arg)
{
	struct kms_scheduler *s = arg;
	enum rd_status due_before = RD_OK, wrap_before = RD_OK, usage_before = RD_OK;
	enum rd_status journal_before = RD_OK;
	int64_t pruned_ms = 0;

	while (!atomic_load(&s->ending)) {
		int64_t now_ms = s->kms->now_ms();

		report(kms_schedule_run(&s->schedule, s->kms, s->clock_db, now_ms), &due_before,
			"deletions, rotations and expiries", s->clock_db);
		report(kms_last_use_flush(s->kms->last_uses, s->clock_db), &usage_before,
			"writing last uses of keys", s->clock_db);
		report(rewrap(s), &wrap_before, "wrapping rows anew", s->clock_db);
		report(kms_journal_tend(s->kms, s->clock_db), &journal_before,
			"records of changes for the audit log", s->clock_db);
		prune(s, now_ms, &pruned_ms);
		sleep_until_next(s);
	}
	/* Calls have ended before: what they leave is not another server's to log. */
	rd_db_limit(s->clock_db, LAST_MS);
	report(kms_journal_tend(s->kms, s->clock_db), &journal_before,
		"records of changes for the audit log", s->clock_db);
	return NULL;
}

enum rd_status kms_scheduler_start(struct kms *kms, struct rd_db *ear, struct rd_db *clock,
	struct kms_scheduler **ret, struct rd_error *err)
{
	struct kms_scheduler *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;
	enum rd_status st;

	if (s == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory for the scheduler");
	}
	s->kms = kms;
	s->ear_db = ear;
	s->clock_db = clock;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attr);
	pthread_condattr_destroy(&attr);
	st = rd_thread_start(&s->ear, "kms-changes", listen_for_changes, s, err);
	s->has_ear = st == RD_OK;
	if (st == RD_OK) {
		st = rd_thread_start(&s->clock, "kms-clock", keep_time, s, err);
		s->has_clock = st == RD_OK;
	}
	if (st != RD_OK) {
		kms_scheduler_stop(&s);
		return st;
	}
	*ret = s;
	return RD_OK;
}

void kms_scheduler_stop(struct kms_scheduler **scheduler)
{
	struct kms_scheduler *s = rd_steal(scheduler, NULL);

	if (s == NULL) {
		return;
	}
	pthread_mutex_lock(&s->lock);
	atomic_store(&s->ending, true);
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	if (s->has_clock) {
		pthread_join(s->clock, NULL);
	}
	if (s->has_ear) {
		pthread_join(s->ear, NULL);
	}
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
