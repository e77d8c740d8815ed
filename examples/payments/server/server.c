/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order of start: the lock, the database's connections, isolation with a single thread, so that
 * every later one inherits it; workers, the book, the enclave, recovery; and last HTTP.
 *
 * Order of stop: HTTP first, which waits for the answers of what is under way; then recovery, which
 * asks; the enclave's thread, which gives workers starts to prepare; workers; the book, by way of
 * which all questions end; and what is left of them.
 */
#include "server/server.h"

#include "http/server.h"
#include "log/log.h"
#include "os/fd.h"
#include "os/server.h"
#include "os/workers.h"
#include "server/enclave.h"
#include "server/flight.h"
#include "server/http.h"
#include "server/isolate.h"
#include "server/pages.h"
#include "server/recovery.h"
#include "server/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Each takes some ms: this is what a client waits for at most, a few seconds. */
#define CALLS_WAITING 1024
/* One start at a time, and one that was given up. */
#define STARTS_WAITING 4
/* The book's and recovery's. */
#define OTHER_DBS 2

int64_t ps_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

enum rd_status ps_server_lock(const struct ps_config *config, int *ret_fd, struct rd_error *err)
{
	char path[RD_PATH_MAX];
	enum rd_status st;

	if (rd_paths_join(path, config->directory, "payments.lock", NULL) != RD_OK) {
		return rd_fail(err, RD_LIMIT, "the configuration's folder has too long a path");
	}
	st = rd_server_lock(AT_FDCWD, path, ret_fd, err);
	if (st == RD_EXISTS) {
		return rd_fail(err, st, "another payments-server runs in %s: stop it first",
			config->directory);
	}
	return st;
}

/* The first makes the schema. */
static enum rd_status open_databases(struct ps *ps, struct rd_error *err)
{
	size_t n = ps->config.workers + OTHER_DBS;

	ps->dbs = calloc(n, sizeof(struct rd_db *));
	if (ps->dbs == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory for database connections");
	}
	while (ps->n_dbs < n) {
		RD_TRY(rd_db_open(ps->config.database, &ps_schema, &ps->dbs[ps->n_dbs], err));
		ps->n_dbs++;
	}
	return RD_OK;
}

static enum rd_status start_workers(struct ps *ps, struct rd_error *err)
{
	const struct rd_workers_config config = {.name = "pay-worker",
		.lanes = PS_LANE_COUNT,
		.threads = {[PS_LANE_CALLS] = ps->config.workers, [PS_LANE_CREDENTIALS] = 1},
		.waiting = {
			[PS_LANE_CALLS] = CALLS_WAITING, [PS_LANE_CREDENTIALS] = STARTS_WAITING}};

	return rd_workers_new(&config, &ps->workers, err);
}

static void tell_where(const struct ps *ps)
{
	bool v6 = strchr(ps->config.listen_address, ':') != NULL;

	rd_log(RD_LOG_INFO, "serves %s://%s%s%s:%u", ps->tls == NULL ? "http" : "https",
		v6 ? "[" : "", ps->config.listen_address, v6 ? "]" : "",
		(unsigned)rd_http_server_port(ps->server));
}

enum rd_status ps_server_start(struct ps *ps, struct rd_error *err)
{
	RD_TRY(ps_server_lock(&ps->config, &ps->lock_fd, err));
	RD_TRY(open_databases(ps, err));
	RD_TRY(ps_pages_open(&ps->config, &ps->pages_fd, err));
	RD_TRY(ps_isolate(err));
	if (ps_flight_new(&ps->flight) != RD_OK) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	RD_TRY(start_workers(ps, err));
	RD_TRY(ps_book_new(ps->dbs[ps->config.workers], &ps->book, err));
	RD_TRY(ps_enclave_new(ps, &ps->enclave, err));
	RD_TRY(ps_recovery_start(ps, ps->dbs[ps->config.workers + 1], &ps->recovery, err));
	RD_TRY(ps_http_start(ps, err));
	tell_where(ps);
	return RD_OK;
}

void ps_server_stop(struct ps *ps)
{
	ps_http_stop(ps);
	ps_recovery_stop(&ps->recovery);
	if (ps->enclave != NULL) {
		ps_enclave_stop(ps->enclave);
	}
	rd_workers_free(&ps->workers);
	ps_book_free(&ps->book);
	ps_enclave_free(&ps->enclave);
	ps_recovery_free(&ps->recovery);
	ps_flight_free(&ps->flight);
	while (ps->n_dbs > 0) {
		rd_db_close(&ps->dbs[--ps->n_dbs]);
	}
	free(ps->dbs);
	rd_fd_close(&ps->pages_fd);
	rd_fd_close(&ps->lock_fd);
}
