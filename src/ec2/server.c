/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order of start: the state directory's lock, the database's connections, isolation with a single
 * thread, so that every later one inherits it; workers; HTTP; and last the watch, which compares
 * instances. Stop is the reverse.
 */
#include "ec2/server.h"

#include "ec2/door.h"
#include "ec2/host.h"
#include "ec2/http.h"
#include "ec2/isolate.h"
#include "ec2/metadata.h"
#include "ec2/metrics.h"
#include "ec2/schema.h"
#include "ec2/watch.h"
#include "http/page.h"
#include "http/server.h"
#include "log/log.h"
#include "os/fd.h"
#include "os/server.h"
#include "os/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Calls take some ms: this is what a client waits for at most, a few seconds. */
#define CALLS_WAITING 512
/* The watch's and the metadata's. */
#define OTHER_DBS 2

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static enum rd_status lock_state(struct ec2 *ec2, struct rd_error *err)
{
	char path[RD_PATH_MAX];
	enum rd_status st;

	RD_TRY(rd_paths_make_dir(ec2->config.directory, 0700, err));
	RD_TRY(rd_paths_join(path, ec2->config.directory, "lock", NULL));
	st = rd_server_lock(AT_FDCWD, path, &ec2->lock_fd, err);
	if (st == RD_EXISTS) {
		return rd_fail(err, st,
			"another redoubt-ec2 runs in %s: stop it, or set REDOUBT_HOME for a second "
			"one",
			ec2->config.directory);
	}
	return st;
}

/* The first makes the schema. */
static enum rd_status open_databases(struct ec2 *ec2, struct rd_error *err)
{
	size_t n = ec2->config.workers + OTHER_DBS;

	ec2->dbs = calloc(n, sizeof(struct rd_db *));
	if (ec2->dbs == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory for database connections");
	}
	while (ec2->n_dbs < n) {
		RD_TRY(rd_db_open(ec2->config.database, &ec2_schema, &ec2->dbs[ec2->n_dbs], err));
		ec2->n_dbs++;
	}
	return RD_OK;
}

static enum rd_status open_others(struct ec2 *ec2, struct rd_error *err)
{
	struct ec2_host_client *client = NULL;

	RD_TRY(ec2_door_new(ec2->config.service, ec2->config.workers + 1, &ec2->door, err));
	RD_TRY(ec2_host_new(ec2->config.redoubtd, &client, err));
	ec2->host_client = client;
	ec2->host = ec2_host_of(client);
	ec2->authority = ec2_door_authority(ec2->door);
	return RD_OK;
}

static enum rd_status start_workers(struct ec2 *ec2, struct rd_error *err)
{
	const struct rd_workers_config config = {.name = "ec2-worker",
		.lanes = 1,
		.threads = {ec2->config.workers},
		.waiting = {CALLS_WAITING}};

	return rd_workers_new(&config, &ec2->workers, err);
}

static void tell_where(const struct ec2 *ec2)
{
	bool v6 = strchr(ec2->config.listen_address, ':') != NULL;

	rd_log(RD_LOG_INFO, "serves %s://%s%s%s:%u, region %s", ec2->tls == NULL ? "http" : "https",
		v6 ? "[" : "", ec2->config.listen_address, v6 ? "]" : "",
		(unsigned)rd_http_server_port(ec2->server), ec2->config.region);
	if (ec2->metrics_server != NULL) {
		rd_log(RD_LOG_INFO, "metrics on port %u",
			(unsigned)rd_http_page_port(ec2->metrics_server));
	}
}

enum rd_status ec2_server_start(struct ec2 *ec2, struct rd_error *err)
{
	ec2->now_ms = now_ms;
	ec2->lock_fd = -1;
	RD_TRY(lock_state(ec2, err));
	RD_TRY(open_databases(ec2, err));
	RD_TRY(open_others(ec2, err));
	RD_TRY(ec2_isolate(err));
	RD_TRY(ec2_metadata_new(
		ec2, ec2->dbs[ec2->n_dbs - 1], ec2->config.workers, &ec2->metadata, err));
	RD_TRY(ec2_metadata_serve_all(ec2->metadata, ec2->dbs[0], err));
	if (ec2_metrics_new(&ec2->metrics) != RD_OK) {
		return rd_fail(err, RD_NOMEM, "out of memory for metrics");
	}
	RD_TRY(start_workers(ec2, err));
	RD_TRY(ec2_http_start(ec2, err));
	ec2->config.listen_port = rd_http_server_port(ec2->server);
	RD_TRY(ec2_watch_start(ec2, ec2->dbs[ec2->n_dbs - OTHER_DBS], &ec2->watch, err));
	tell_where(ec2);
	return RD_OK;
}

void ec2_server_stop(struct ec2 *ec2)
{
	ec2_watch_stop(&ec2->watch);
	ec2_http_stop(ec2);
	rd_workers_free(&ec2->workers);
	ec2_metrics_free(&ec2->metrics);
	ec2_metadata_free(&ec2->metadata);
	ec2_host_free(&ec2->host_client);
	ec2_door_free(&ec2->door);
	while (ec2->n_dbs > 0) {
		rd_db_close(&ec2->dbs[--ec2->n_dbs]);
	}
	free(ec2->dbs);
	rd_fd_close(&ec2->lock_fd);
}
