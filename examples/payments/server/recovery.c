/* SPDX-License-Identifier: Apache-2.0 */
/* Looking for what is due, one after the other, some at a time. */
#include "server/recovery.h"

#include "log/log.h"
#include "os/thread.h"
#include "server/flight.h"
#include "server/follow.h"
#include "server/rewrap.h"
#include "server/store.h"

#include <stdlib.h>
#include <time.h>

/* Between looks; a due payment waits no longer than this for an idle enclave. */
#define PAUSE_MS 500
/* Under way at a time: customers come first. */
#define OUTSTANDING_MAX 16
/* After a card that could not be sealed anew: it would be the next one again. */
#define REWRAP_REST_MS 60000
/* Read at a time: those that are under way anyhow are among them. */
#define LOOK_AT 128

struct ps_recovery {
	struct ps *ps;
	struct rd_db *db;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool ending, running;
	unsigned outstanding;
	int64_t rewrap_after_ms;
};

static void done(void *arg, const struct ps_authorise_outcome *outcome)
{
	struct ps_recovery *r = arg;

	if (outcome->fault == PS_FAULT_NONE && !ps_payment_is_pending(outcome->payment.state)) {
		atomic_fetch_add(&r->ps->recovered, 1);
		rd_log(RD_LOG_INFO, "payment %s: recovered, is %s now", outcome->payment.id,
			ps_payment_state_name(outcome->payment.state));
	}
	pthread_mutex_lock(&r->lock);
	r->outstanding--;
	pthread_mutex_unlock(&r->lock);
}

/* False: enough is under way. */
static bool take_one(struct ps_recovery *r)
{
	bool free;

	pthread_mutex_lock(&r->lock);
	free = r->outstanding < OUTSTANDING_MAX && !r->ending;
	r->outstanding += free ? 1 : 0;
	pthread_mutex_unlock(&r->lock);
	return free;
}

struct found {
	size_t n;
	struct ps_payment payments[OUTSTANDING_MAX];
	struct ps_flight *flight;
};

static enum rd_status found_row(void *arg, const struct ps_payment *p)
{
	struct found *found = arg;

	if (found->n < OUTSTANDING_MAX && ps_payment_is_pending(p->state) &&
		!ps_flight_has(found->flight, p->id)) {
		found->payments[found->n++] = *p;
	}
	return RD_OK;
}

/* Whether there was anything. */
static bool recover_some(struct ps_recovery *r)
{
	struct found found = {.flight = r->ps->flight};
	enum rd_status st = ps_store_payments_due(r->db, ps_now_ms(), LOOK_AT, found_row, &found);

	if (st != RD_OK) {
		rd_log(RD_LOG_ERROR, "due payments cannot be read: %s", rd_status_text(st));
		return true;
	}
	for (size_t i = 0; i < found.n && take_one(r); i++) {
		ps_follow_recover(r->ps, &found.payments[i], done, r);
	}
	return found.n > 0;
}

static void rewrapped(void *arg, bool ok)
{
	struct ps_recovery *r = arg;

	pthread_mutex_lock(&r->lock);
	r->outstanding--;
	r->rewrap_after_ms = ok ? 0 : ps_now_ms() + REWRAP_REST_MS;
	pthread_mutex_unlock(&r->lock);
}

static bool idle(struct ps_recovery *r)
{
	bool idle;

	pthread_mutex_lock(&r->lock);
	idle = r->outstanding == 0 && ps_now_ms() >= r->rewrap_after_ms;
	pthread_mutex_unlock(&r->lock);
	return idle;
}

/* One card at a time: there is no hurry. True: there may be more. */
static bool rewrap_one(struct ps_recovery *r)
{
	if (!idle(r) || !take_one(r)) {
		return false;
	}
	if (ps_rewrap_one(r->ps, r->db, rewrapped, r)) {
		return true;
	}
	rewrapped(r, true);
	return false;
}

/* False: the end. */
static bool pause_a_while(struct ps_recovery *r, unsigned ms)
{
	struct timespec until;
	bool ending;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += (long)ms * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&r->lock);
	if (!r->ending) {
		pthread_cond_timedwait(&r->wake, &r->lock, &until);
	}
	ending = r->ending;
	pthread_mutex_unlock(&r->lock);
	return !ending;
}

/* Another card soon, when one has been sealed anew. */
#define REWRAP_PAUSE_MS 20

static void *run(void *arg)
{
	struct ps_recovery *r = arg;
	struct ps_enclave_status status;
	unsigned ms = PAUSE_MS;

	while (pause_a_while(r, ms)) {
		ms = PAUSE_MS;
		ps_enclave_status(r->ps->enclave, &status);
		if (status.ready && !recover_some(r) && rewrap_one(r)) {
			ms = REWRAP_PAUSE_MS;
		}
	}
	return NULL;
}

enum rd_status ps_recovery_start(
	struct ps *ps, struct rd_db *db, struct ps_recovery **ret, struct rd_error *err)
{
	struct ps_recovery *r = calloc(1, sizeof(*r));
	enum rd_status st;

	if (r == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	r->ps = ps;
	r->db = db;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->wake, NULL);
	st = rd_thread_start(&r->thread, "pay-recovery", run, r, err);
	if (st != RD_OK) {
		ps_recovery_free(&r);
		return st;
	}
	r->running = true;
	*ret = r;
	return RD_OK;
}

void ps_recovery_stop(struct ps_recovery **recovery)
{
	struct ps_recovery *r = *recovery;

	if (r == NULL || !r->running) {
		return;
	}
	pthread_mutex_lock(&r->lock);
	r->ending = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	r->running = false;
}

void ps_recovery_free(struct ps_recovery **recovery)
{
	struct ps_recovery *r = *recovery;

	if (r == NULL) {
		return;
	}
	ps_recovery_stop(recovery);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
	free(r);
	*recovery = NULL;
}
