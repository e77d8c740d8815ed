/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: descriptors, timers and signals of a single thread. The only user of libevent.
 *
 * Callbacks run from rd_loop_run, one at a time. A callback may free any watch, also its own.
 * Watches do not own descriptors: free the watch first, then close.
 */
#ifndef RD_OS_LOOP_H
#define RD_OS_LOOP_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct rd_loop;
struct rd_watch;

#define RD_LOOP_READ  0x1u
#define RD_LOOP_WRITE 0x2u

enum rd_status rd_loop_new(struct rd_loop **ret) RD_MUST_USE;
/* All watches must have been freed. */
void rd_loop_free(struct rd_loop **loop);

/* Runs until rd_loop_stop; RD_OK then, RD_INTERNAL when the loop itself fails. */
enum rd_status rd_loop_run(struct rd_loop *loop) RD_MUST_USE;
void rd_loop_stop(struct rd_loop *loop);

/* CLOCK_MONOTONIC in milliseconds. */
uint64_t rd_loop_now_ms(void);

/* events: what is ready, RD_LOOP_READ | RD_LOOP_WRITE. End of file and errors are readable. */
typedef void rd_loop_fd_fn(void *arg, unsigned events);
typedef void rd_loop_fn(void *arg);

/*
 * Watches fd, level-triggered, for `events` (0 for none yet). rd_watch_set changes what is
 * watched; 0 pauses, which is how back-pressure is applied.
 */
enum rd_status rd_loop_watch_fd(struct rd_loop *loop, int fd, unsigned events, rd_loop_fd_fn *fn,
	void *arg, struct rd_watch **ret) RD_MUST_USE;
enum rd_status rd_watch_set(struct rd_watch *watch, unsigned events) RD_MUST_USE;

/* A timer, disarmed at first. Fires once for each rd_watch_arm; arming again restarts it. */
enum rd_status rd_loop_timer(struct rd_loop *loop, rd_loop_fn *fn, void *arg, struct rd_watch **ret)
	RD_MUST_USE;
enum rd_status rd_watch_arm(struct rd_watch *watch, uint64_t delay_ms) RD_MUST_USE;
void rd_watch_disarm(struct rd_watch *watch);

/* Calls fn in the loop, not in the signal handler. */
enum rd_status rd_loop_signal(struct rd_loop *loop, int signo, rd_loop_fn *fn, void *arg,
	struct rd_watch **ret) RD_MUST_USE;

/* Accepts NULL; clears the caller's pointer. */
void rd_watch_free(struct rd_watch **watch);

#endif
