/* SPDX-License-Identifier: Apache-2.0 */
/* Workers: bounded, in order, and a slow lane that holds up nobody else. */
#include "test.h"

#include "os/workers.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#define JOBS 1000

enum { QUICK, SLOW, LANES };

/* A door that a job waits at, so that a test decides when it goes on. */
struct door {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool open;
	unsigned waiting;
};

static struct door door = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
static atomic_uint ran;
static atomic_uint noted;
static unsigned order[JOBS];
static atomic_uint seen_workers;

static void wait_at_door(void *arg, unsigned worker)
{
	(void)arg;
	(void)worker;
	pthread_mutex_lock(&door.lock);
	door.waiting++;
	pthread_cond_broadcast(&door.changed);
	while (!door.open) {
		pthread_cond_wait(&door.changed, &door.lock);
	}
	pthread_mutex_unlock(&door.lock);
	atomic_fetch_add(&ran, 1);
}

static void wait_for_waiting(unsigned n)
{
	pthread_mutex_lock(&door.lock);
	while (door.waiting < n) {
		pthread_cond_wait(&door.changed, &door.lock);
	}
	pthread_mutex_unlock(&door.lock);
}

static void set_door(bool open)
{
	pthread_mutex_lock(&door.lock);
	door.open = open;
	door.waiting = open ? door.waiting : 0;
	pthread_cond_broadcast(&door.changed);
	pthread_mutex_unlock(&door.lock);
}

static void note_order(void *arg, unsigned worker)
{
	unsigned *number = arg;

	atomic_fetch_or(&seen_workers, 1u << worker);
	order[atomic_fetch_add(&noted, 1)] = *number;
	/* Last: whoever sees it may look at the order. */
	atomic_fetch_add(&ran, 1);
}

static struct rd_workers *make(unsigned writes, unsigned rsa, unsigned waiting)
{
	const struct rd_workers_config config = {
		.name = "test-worker",
		.lanes = LANES,
		.threads = {[QUICK] = writes, [SLOW] = rsa},
		.waiting = {[QUICK] = waiting, [SLOW] = waiting},
	};
	struct rd_workers *workers = NULL;
	struct rd_error err;

	atomic_store(&ran, 0);
	atomic_store(&noted, 0);
	atomic_store(&seen_workers, 0);
	set_door(false);
	assert_ok(rd_workers_new(&config, &workers, &err));
	return workers;
}

static void runs_everything_in_order(void **state)
{
	struct rd_workers *workers = make(1, 1, JOBS);
	static unsigned numbers[JOBS];

	(void)state;
	for (unsigned i = 0; i < JOBS; i++) {
		numbers[i] = i;
		assert_ok(rd_workers_submit(workers, QUICK, note_order, &numbers[i]));
	}
	rd_workers_free(&workers);
	assert_null(workers);
	assert_int_equal(atomic_load(&ran), JOBS);
	for (unsigned i = 0; i < JOBS; i++) {
		assert_int_equal(order[i], i);
	}
}

static void refuses_what_does_not_fit(void **state)
{
	struct rd_workers *workers = make(1, 1, 3);

	(void)state;
	assert_ok(rd_workers_submit(workers, QUICK, wait_at_door, NULL));
	wait_for_waiting(1);
	for (unsigned i = 0; i < 3; i++) {
		assert_ok(rd_workers_submit(workers, QUICK, wait_at_door, NULL));
		assert_int_equal(rd_workers_waiting(workers, QUICK), i + 1);
	}
	assert_status(rd_workers_submit(workers, QUICK, wait_at_door, NULL), RD_LIMIT);
	assert_int_equal(rd_workers_waiting(workers, QUICK), 3);
	set_door(true);
	rd_workers_free(&workers);
	assert_int_equal(atomic_load(&ran), 4); /* what was taken is done, the refused one is not */
}

static void full_slow_lane_holds_up_nobody(void **state)
{
	struct rd_workers *workers = make(1, 1, 1);
	unsigned number = 7;

	(void)state;
	assert_ok(rd_workers_submit(workers, SLOW, wait_at_door, NULL));
	wait_for_waiting(1);
	assert_ok(rd_workers_submit(workers, SLOW, wait_at_door, NULL));
	assert_status(rd_workers_submit(workers, SLOW, wait_at_door, NULL), RD_LIMIT);
	assert_ok(rd_workers_submit(workers, QUICK, note_order, &number));
	while (atomic_load(&ran) == 0) {
		sched_yield();
	}
	assert_int_equal(order[0], 7);
	assert_int_equal(rd_workers_waiting(workers, SLOW), 1);
	set_door(true);
	rd_workers_free(&workers);
	assert_int_equal(atomic_load(&ran), 3);
}

/* Numbers go through all lanes: each thread finds a database connection of its own by its number.
 */
static void threads_are_numbered_through(void **state)
{
	struct rd_workers *workers = make(2, 3, JOBS);
	static unsigned numbers[JOBS];

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		assert_ok(rd_workers_submit(workers, i < 2 ? QUICK : SLOW, wait_at_door, NULL));
	}
	wait_for_waiting(5); /* five at once: there are five threads */
	set_door(true);
	while (atomic_load(&ran) < 5) {
		sched_yield();
	}
	atomic_store(&ran, 0);
	for (unsigned i = 0; i < 100; i++) {
		assert_ok(rd_workers_submit(workers, SLOW, note_order, &numbers[i]));
	}
	rd_workers_free(&workers);
	assert_int_equal(atomic_load(&seen_workers) & 0x3u, 0);
	assert_int_not_equal(atomic_load(&seen_workers) & 0x1cu, 0);
}

static void note_signals(void *arg, unsigned worker)
{
	(void)worker;
	pthread_sigmask(SIG_BLOCK, NULL, arg);
}

static void signals_are_for_main(void **state)
{
	struct rd_workers *workers = make(1, 1, 1);
	sigset_t blocked, own;

	(void)state;
	sigemptyset(&blocked);
	assert_ok(rd_workers_submit(workers, QUICK, note_signals, &blocked));
	rd_workers_free(&workers);
	assert_int_equal(sigismember(&blocked, SIGTERM), 1);
	assert_int_equal(sigismember(&blocked, SIGHUP), 1);
	pthread_sigmask(SIG_BLOCK, NULL, &own);
	assert_int_equal(sigismember(&own, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_everything_in_order),
		cmocka_unit_test(refuses_what_does_not_fit),
		cmocka_unit_test(full_slow_lane_holds_up_nobody),
		cmocka_unit_test(threads_are_numbered_through),
		cmocka_unit_test(signals_are_for_main),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
