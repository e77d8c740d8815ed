/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread: connect, compare everything once, then follow redoubtd's stream of states; compare
 * again every so often, for what was refused or lost; when the connection goes, from the start.
 */
#include "ec2/watch.h"

#include "ec2/life.h"
#include "log/log.h"
#include "os/fd.h"
#include "os/loop.h"
#include "os/thread.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* How long the thread sleeps at most before it looks whether it is to end. */
#define TICK_MS 250
/* redoubtd is tried again so often while it is away. */
#define RETRY_MS 1000
/* An instance that should run and could not is tried again so often. */
#define COMPARE_MS 10000
/* Calls in progress have so long before their instances are looked at. */
#define QUIET_MS 15000
#define PURGE_MS 60000

struct ec2_watch {
	struct ec2 *ec2;
	struct rd_db *db;
	pthread_t thread;
	atomic_bool ending;
	int sock;       /* -1: not connected */
	bool said_away; /* once each time it goes */
	bool compared;  /* since the program's start */
	uint64_t next_connect, next_compare, next_purge;
	struct rd_ctl_message m;
};

static void compare(struct ec2_watch *w)
{
	/* At the program's start there are no calls whose instances these could be. */
	enum rd_status st = ec2_reconcile(w->ec2, w->db, w->compared ? QUIET_MS : 0);

	w->next_compare = rd_loop_now_ms() + COMPARE_MS;
	w->compared = w->compared || st == RD_OK;
	if (st != RD_OK && st != RD_UNAVAILABLE) {
		rd_log(RD_LOG_ERROR, "instances cannot be compared with redoubtd's: %s",
			rd_status_text(st));
	}
}

static void connect_again(struct ec2_watch *w)
{
	struct rd_error err = {.text = ""};

	w->next_connect = rd_loop_now_ms() + RETRY_MS;
	if (ec2_host_watch(w->ec2->config.redoubtd, &w->sock, &err) != RD_OK) {
		if (!w->said_away) {
			rd_log(RD_LOG_WARNING, "redoubtd is away: %s", err.text);
		}
		w->said_away = true;
		return;
	}
	rd_log(RD_LOG_INFO, "connected to redoubtd");
	w->said_away = false;
	compare(w);
}

static void follow(struct ec2_watch *w)
{
	enum rd_status st = ec2_host_next(w->sock, TICK_MS, &w->m);

	if (st == RD_TIMEOUT) {
		return;
	}
	if (st == RD_OK && w->m.type == RD_CTL_INSTANCE) {
		ec2_observe(w->ec2, w->db, &w->m.instance);
		return;
	}
	rd_log(RD_LOG_WARNING, "redoubtd's stream of states ended: %s",
		st == RD_OK ? "it sends something else" : rd_status_text(st));
	rd_fd_close(&w->sock);
}

static void purge(struct ec2_watch *w)
{
	enum rd_status st = ec2_purge(w->ec2, w->db);

	w->next_purge = rd_loop_now_ms() + PURGE_MS;
	if (st != RD_OK) {
		rd_log(RD_LOG_ERROR, "old records cannot be deleted: %s", rd_status_text(st));
	}
}

static void *run(void *arg)
{
	struct ec2_watch *w = arg;

	while (!atomic_load(&w->ending)) {
		uint64_t now = rd_loop_now_ms();

		if (now >= w->next_purge) {
			purge(w);
		}
		if (w->sock >= 0 && now >= w->next_compare) {
			compare(w);
		}
		if (w->sock >= 0) {
			follow(w);
		} else if (now >= w->next_connect) {
			connect_again(w);
		} else {
			usleep(TICK_MS * 1000);
		}
	}
	return NULL;
}

enum rd_status ec2_watch_start(
	struct ec2 *ec2, struct rd_db *db, struct ec2_watch **ret, struct rd_error *err)
{
	struct ec2_watch *w = calloc(1, sizeof(*w));
	enum rd_status st;

	RD_ENSURE(w != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	w->ec2 = ec2;
	w->db = db;
	w->sock = -1;
	st = rd_thread_start(&w->thread, "ec2-watch", run, w, err);
	if (st != RD_OK) {
		free(w);
		return st;
	}
	*ret = w;
	return RD_OK;
}

void ec2_watch_stop(struct ec2_watch **watch)
{
	struct ec2_watch *w = rd_steal(watch, NULL);

	if (w == NULL) {
		return;
	}
	atomic_store(&w->ending, true);
	pthread_join(w->thread, NULL);
	rd_fd_close(&w->sock);
	free(w);
}
