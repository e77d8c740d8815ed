/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop over libevent.
 *
 * A watch may be freed by its own callback: the dispatchers do not touch it after calling.
 */
#include "os/loop.h"

#include "os/loop-internal.h"

#include <event2/event.h>
#include <stdlib.h>
#include <time.h>

struct rd_loop {
	struct event_base *base;
};

struct rd_watch {
	struct rd_loop *loop;
	struct event *event;
	rd_loop_fd_fn *fd_fn; /* for descriptors */
	rd_loop_fn *fn;       /* for timers and signals */
	void *arg;
	int fd;
	unsigned events;
};

enum rd_status rd_loop_new(struct rd_loop **ret)
{
	struct event_config *config;
	struct rd_loop *loop = calloc(1, sizeof(*loop));

	RD_ENSURE(loop != NULL, RD_NOMEM);
	config = event_config_new();
	if (config != NULL) {
		/* No EVENT_* variable of the environment may change how we wait. */
		(void)event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
		(void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
		loop->base = event_base_new_with_config(config);
		event_config_free(config);
	}
	if (loop->base == NULL) {
		free(loop);
		return RD_NOMEM;
	}
	*ret = loop;
	return RD_OK;
}

void rd_loop_free(struct rd_loop **loop)
{
	if (*loop != NULL) {
		event_base_free((*loop)->base);
		free(*loop);
		*loop = NULL;
	}
}

struct event_base *rd_loop_base(struct rd_loop *loop)
{
	return loop->base;
}

enum rd_status rd_loop_run(struct rd_loop *loop)
{
	/* A loop that only waits for what a callback will add later must not end by itself. */
	int rc = event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);

	return rc < 0 ? RD_INTERNAL : RD_OK;
}

void rd_loop_stop(struct rd_loop *loop)
{
	(void)event_base_loopbreak(loop->base);
}

uint64_t rd_loop_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void dispatch_fd(evutil_socket_t fd, short what, void *arg)
{
	struct rd_watch *watch = arg;
	unsigned events = 0;

	(void)fd;
	events |= (what & EV_READ) != 0 ? RD_LOOP_READ : 0;
	events |= (what & EV_WRITE) != 0 ? RD_LOOP_WRITE : 0;
	watch->fd_fn(watch->arg, events);
}

static void dispatch_plain(evutil_socket_t fd, short what, void *arg)
{
	struct rd_watch *watch = arg;

	(void)fd;
	(void)what;
	watch->fn(watch->arg);
}

static enum rd_status watch_new(
	struct rd_loop *loop, rd_loop_fn *fn, void *arg, struct rd_watch **ret)
{
	struct rd_watch *watch = calloc(1, sizeof(*watch));

	RD_ENSURE(watch != NULL, RD_NOMEM);
	watch->loop = loop;
	watch->fn = fn;
	watch->arg = arg;
	watch->fd = -1;
	*ret = watch;
	return RD_OK;
}

enum rd_status rd_watch_set(struct rd_watch *watch, unsigned events)
{
	short what = EV_PERSIST;

	if (events == watch->events) {
		return RD_OK;
	}
	RD_ENSURE(event_del(watch->event) == 0, RD_INTERNAL);
	watch->events = 0;
	if (events == 0) {
		return RD_OK;
	}
	what |= (events & RD_LOOP_READ) != 0 ? EV_READ : 0;
	what |= (events & RD_LOOP_WRITE) != 0 ? EV_WRITE : 0;
	RD_ENSURE(event_assign(watch->event, watch->loop->base, watch->fd, what, dispatch_fd,
			  watch) == 0,
		RD_INTERNAL);
	RD_ENSURE(event_add(watch->event, NULL) == 0, RD_INTERNAL);
	watch->events = events;
	return RD_OK;
}

enum rd_status rd_loop_watch_fd(struct rd_loop *loop, int fd, unsigned events, rd_loop_fd_fn *fn,
	void *arg, struct rd_watch **ret)
{
	struct rd_watch *watch RD_CLEANUP(rd_watch_free) = NULL;

	RD_TRY(watch_new(loop, NULL, arg, &watch));
	watch->fd_fn = fn;
	watch->fd = fd;
	watch->event = event_new(loop->base, fd, EV_PERSIST | EV_READ, dispatch_fd, watch);
	RD_ENSURE(watch->event != NULL, RD_NOMEM);
	RD_TRY(rd_watch_set(watch, events));
	*ret = rd_steal(&watch, NULL);
	return RD_OK;
}

enum rd_status rd_loop_timer(struct rd_loop *loop, rd_loop_fn *fn, void *arg, struct rd_watch **ret)
{
	struct rd_watch *watch RD_CLEANUP(rd_watch_free) = NULL;

	RD_TRY(watch_new(loop, fn, arg, &watch));
	watch->event = evtimer_new(loop->base, dispatch_plain, watch);
	RD_ENSURE(watch->event != NULL, RD_NOMEM);
	*ret = rd_steal(&watch, NULL);
	return RD_OK;
}

enum rd_status rd_watch_arm(struct rd_watch *watch, uint64_t delay_ms)
{
	struct timeval tv = {
		.tv_sec = (time_t)(delay_ms / 1000),
		.tv_usec = (suseconds_t)(delay_ms % 1000) * 1000,
	};

	RD_ENSURE(evtimer_add(watch->event, &tv) == 0, RD_INTERNAL);
	return RD_OK;
}

void rd_watch_disarm(struct rd_watch *watch)
{
	(void)evtimer_del(watch->event);
}

enum rd_status rd_loop_signal(
	struct rd_loop *loop, int signo, rd_loop_fn *fn, void *arg, struct rd_watch **ret)
{
	struct rd_watch *watch RD_CLEANUP(rd_watch_free) = NULL;

	RD_TRY(watch_new(loop, fn, arg, &watch));
	watch->event = evsignal_new(loop->base, signo, dispatch_plain, watch);
	RD_ENSURE(watch->event != NULL, RD_NOMEM);
	RD_ENSURE(evsignal_add(watch->event, NULL) == 0, RD_INTERNAL);
	*ret = rd_steal(&watch, NULL);
	return RD_OK;
}

void rd_watch_free(struct rd_watch **watch)
{
	if (*watch == NULL) {
		return;
	}
	if ((*watch)->event != NULL) {
		event_free((*watch)->event);
	}
	free(*watch);
	*watch = NULL;
}
