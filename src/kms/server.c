/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order of start, and why: the database and the key ring first, since they may have to ask a token
 * or another host; all connections of all threads; then isolation, with a single thread, so that
 * every later one inherits it; the audit log before whatever could have something to record; HTTP
 * last, when everything is there. Stop is the reverse.
 */
#include "kms/server.h"
#include "kms/schema.h"

#include "kms/audit_key.h"
#include "kms/auth.h"
#include "kms/cache.h"
#include "kms/exchange.h"
#include "kms/http.h"
#include "kms/iam.h"
#include "kms/isolate.h"
#include "kms/journal.h"
#include "kms/last_use.h"
#include "kms/master.h"
#include "kms/metrics.h"
#include "kms/roots.h"
#include "kms/scheduler.h"
#include "kms/service.h"
#include "kms/thread.h"
#include "log/log.h"
#include "os/workers.h"

#include "http/page.h"
#include "http/server.h"
#include "metrics/calls.h"
#include "os/fd.h"
#include "os/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A write takes some ms: this is what a client waits for at most, about a second. Reads are shorter
 * and more: as many as connections may be open. */
#define WRITES_WAITING 256
#define READS_WAITING  4096
/* RSA-4096 takes seconds: who comes behind so many is better told to come again. */
#define RSA_WAITING 16
/* Connections of the scheduler, and of the thread that starts all this. */
#define SCHEDULER_DBS 2
#define MAIN_DBS      1

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

enum rd_status kms_state_lock(const struct kms_config *config, int *ret_fd, struct rd_error *err)
{
	char path[RD_PATH_MAX];
	enum rd_status st;

	RD_TRY(rd_paths_make_dir(config->directory, 0700, err));
	RD_TRY(rd_paths_join(path, config->directory, "lock", NULL));
	st = rd_server_lock(AT_FDCWD, path, ret_fd, err);
	if (st == RD_EXISTS) {
		return rd_fail(err, st,
			"another redoubt-kms runs in %s: stop it, or set REDOUBT_HOME for a second "
			"one",
			config->directory);
	}
	return st;
}

/* Before the database: a start that was cut off between the two finds a key and goes on. */
static enum rd_status make_first_master(const struct kms_config *config, struct rd_error *err)
{
	struct kms_master *master = NULL;
	enum rd_status st;

	if (!kms_config_is_new(config)) {
		return RD_OK;
	}
	RD_TRY(kms_master_new(config->master, &master, err));
	st = kms_master_make(master, err);
	kms_master_free(&master);
	RD_TRY(st);
	rd_log(RD_LOG_INFO,
		"made the master key, %s: keep a copy elsewhere, without it all is lost",
		config->master + strlen("file:"));
	return RD_OK;
}

static unsigned rsa_threads(const struct kms_config *config)
{
	return config->workers > 1 ? config->workers / 2 : 1;
}

/* The first makes the schema. */
static enum rd_status open_databases(struct kms *kms, struct rd_error *err)
{
	const struct kms_config *c = &kms->config;
	size_t n = c->threads + c->workers + rsa_threads(c) + SCHEDULER_DBS + MAIN_DBS;

	kms->dbs = calloc(n, sizeof(struct rd_db *));
	kms->http_dbs = calloc(c->threads, sizeof(struct rd_db *));
	if (kms->dbs == NULL || kms->http_dbs == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory for database connections");
	}
	while (kms->n_dbs < n) {
		RD_TRY(rd_db_open(c->database, &kms_schema, &kms->dbs[kms->n_dbs], err));
		kms->n_dbs++;
	}
	while (kms->n_http_dbs < c->threads) {
		RD_TRY(rd_db_open_nonblocking(c->database, &kms->http_dbs[kms->n_http_dbs], err));
		kms->n_http_dbs++;
	}
	return RD_OK;
}

static void close_databases(struct kms *kms)
{
	while (kms->n_http_dbs > 0) {
		rd_db_close(&kms->http_dbs[--kms->n_http_dbs]);
	}
	free(kms->http_dbs);
	while (kms->n_dbs > 0) {
		rd_db_close(&kms->dbs[--kms->n_dbs]);
	}
	free(kms->dbs);
}

static struct rd_db *main_db(const struct kms *kms)
{
	return kms->dbs[kms->n_dbs - MAIN_DBS];
}

static enum rd_status open_keyring(struct kms *kms, struct rd_error *err)
{
	RD_TRY(kms_keyring_open(main_db(kms), kms->config.master, &kms->keyring, err));
	kms_keyring_installation(kms->keyring, kms->installation);
	return RD_OK;
}

/* PostgreSQL, and a token behind a socket, may go and have to be connected to again. */
static bool needs_connect(const struct kms_config *config)
{
	return strncmp(config->database, "sqlite:", 7) != 0 ||
	       strncmp(config->master, "pkcs11:", 7) == 0;
}

static enum rd_status open_audit(struct kms *kms, struct rd_error *err)
{
	RD_TRY(rd_paths_make_dir(kms->config.audit, 0700, err));
	RD_TRY(kms_audit_key_open(kms->keyring, main_db(kms), &kms->audit_key, err));
	RD_TRY(kms_audit_open(kms->config.audit, kms->audit_key, &kms->audit, err));
	kms_audit_after_batch(kms->audit, kms_exchanges_recorded, kms);
	return RD_OK;
}

/* Only one server has a SQLite database: kms_state_lock. */
static void start_journal(struct kms *kms)
{
	bool alone = strncmp(kms->config.database, "sqlite:", 7) == 0;
	enum rd_status st = kms_journal_start(kms, main_db(kms), alone);

	if (st != RD_OK) {
		rd_log(RD_LOG_WARNING,
			"records of changes for the audit log are left for later: %s (%s)",
			rd_status_text(st), rd_db_error(main_db(kms)));
	}
}

static enum rd_status make_threads_memory(struct kms *kms)
{
	kms->threads = calloc(kms->config.threads, sizeof(*kms->threads));
	RD_ENSURE(kms->threads != NULL, RD_NOMEM);
	for (unsigned i = 0; i < kms->config.threads; i++) {
		RD_TRY(kms_fresh_init(&kms->threads[i].fresh));
	}
	return RD_OK;
}

static void free_threads_memory(struct kms *kms)
{
	for (unsigned i = 0; kms->threads != NULL && i < kms->config.threads; i++) {
		kms_fresh_finish(&kms->threads[i].fresh);
		free(kms->threads[i].spare);
		rd_buf_finish(&kms->threads[i].record);
	}
	free(kms->threads);
}

static enum rd_status make_memory(struct kms *kms, struct rd_error *err)
{
	enum rd_status st = kms_cache_new(
		kms->keyring, kms->config.region, KMS_CACHE_ENTRIES, &kms->cache);

	if (st == RD_OK) {
		st = kms_signing_keys_new(&kms->signing_keys);
	}
	if (st == RD_OK) {
		st = make_threads_memory(kms);
	}
	if (st == RD_OK) {
		st = kms_metrics_new(&kms->metrics);
	}
	if (st == RD_OK) {
		st = kms_last_use_new(&kms->last_uses);
	}
	if (st == RD_OK) {
		st = kms_journal_new(&kms->journal);
	}
	if (st == RD_OK) {
		st = kms_cache_poll(kms->cache, main_db(kms));
	}
	return st == RD_OK ? RD_OK : rd_fail(err, st, "cache: %s", rd_status_text(st));
}

static enum rd_status start_threads(struct kms *kms, struct rd_error *err)
{
	const struct kms_config *c = &kms->config;
	const struct rd_workers_config workers = {
		.name = "kms-worker",
		.lanes = KMS_LANE_COUNT,
		.threads = {[KMS_LANE_READS] = c->threads,
			[KMS_LANE_WRITES] = c->workers,
			[KMS_LANE_RSA] = rsa_threads(c)},
		.waiting = {[KMS_LANE_READS] = READS_WAITING,
			[KMS_LANE_WRITES] = WRITES_WAITING,
			[KMS_LANE_RSA] = RSA_WAITING},
	};
	struct rd_db **scheduler = kms->dbs + kms->n_dbs - MAIN_DBS - SCHEDULER_DBS;

	RD_TRY(rd_workers_new(&workers, &kms->workers, err));
	return kms_scheduler_start(kms, scheduler[0], scheduler[1], &kms->scheduler, err);
}

static void tell_where(const struct kms *kms)
{
	bool v6 = strchr(kms->config.listen_address, ':') != NULL;

	rd_log(RD_LOG_INFO, "serves %s://%s%s%s:%u, region %s", kms->tls == NULL ? "http" : "https",
		v6 ? "[" : "", kms->config.listen_address, v6 ? "]" : "",
		(unsigned)rd_http_server_port(kms->server), kms->config.region);
	if (kms->metrics_server != NULL) {
		rd_log(RD_LOG_INFO, "metrics on port %u of %s",
			(unsigned)rd_http_page_port(kms->metrics_server),
			kms->config.metrics_address);
	}
}

/* After the port is known, which the first administrator is told. */
static enum rd_status introduce(struct kms *kms, struct rd_error *err)
{
	enum rd_status st;

	kms->config.listen_port = rd_http_server_port(kms->server);
	st = kms_first_admin(kms, main_db(kms), stdout, err);
	return st == RD_EXISTS ? RD_OK : st;
}

enum rd_status kms_server_start(struct kms *kms, const struct rd_paths *paths, struct rd_error *err)
{
	kms->now_ms = now_ms;
	kms->lock_fd = -1;
	RD_TRY(kms_state_lock(&kms->config, &kms->lock_fd, err));
	RD_TRY(make_first_master(&kms->config, err));
	RD_TRY(open_databases(kms, err));
	RD_TRY(open_keyring(kms, err));
	RD_TRY(kms_service_open(kms, err));
	RD_TRY(kms_isolate(needs_connect(&kms->config), err));
	RD_TRY(open_audit(kms, err));
	RD_TRY(kms_trust_load(kms, &kms->config, paths, err));
	RD_TRY(make_memory(kms, err));
	start_journal(kms);
	RD_TRY(start_threads(kms, err));
	RD_TRY(kms_service_start(kms, err));
	RD_TRY(kms_http_start(kms, err));
	RD_TRY(introduce(kms, err));
	tell_where(kms);
	return RD_OK;
}

/* The last second's; after the log, which tells of calls that are done. */
static void keep_usage(struct kms *kms)
{
	if (kms->last_uses != NULL && kms_last_use_flush(kms->last_uses, main_db(kms)) != RD_OK) {
		rd_log(RD_LOG_WARNING, "the last uses of keys are not kept: %s",
			rd_db_error(main_db(kms)));
	}
	kms_last_use_free(&kms->last_uses);
}

void kms_server_stop(struct kms *kms)
{
	kms_http_stop(kms);
	kms_service_stop(kms);
	kms_scheduler_stop(&kms->scheduler);
	rd_workers_free(&kms->workers);
	kms_audit_close(&kms->audit);
	keep_usage(kms);
	rd_ec_key_free(&kms->audit_key);
	kms_trust_free(&kms->trust);
	kms_signing_keys_free(&kms->signing_keys);
	kms_cache_free(&kms->cache);
	kms_keyring_free(&kms->keyring);
	rd_metrics_calls_free(&kms->metrics);
	free_threads_memory(kms);
	kms_journal_free(&kms->journal);
	close_databases(kms);
	rd_fd_close(&kms->lock_fd);
}

enum rd_status kms_server_reload(struct kms *kms, const struct kms_config *config,
	const struct rd_paths *paths, struct rd_error *err)
{
	bool tls = config->tls_certificate[0] != '\0';

	if (tls != (kms->tls != NULL)) {
		return rd_fail(err, RD_UNSUPPORTED,
			"TLS is switched on or off by a restart: only its certificate can be "
			"replaced while the server runs");
	}
	RD_TRY(kms_trust_load(kms, config, paths, err));
	memcpy(kms->config.tls_certificate, config->tls_certificate, RD_PATH_MAX);
	memcpy(kms->config.tls_key, config->tls_key, RD_PATH_MAX);
	kms->config.connections = config->connections;
	kms->config.connections_per_client = config->connections_per_client;
	__atomic_store_n(&kms->config.clock_skew_s, config->clock_skew_s, __ATOMIC_RELAXED);
	return kms_http_reload(kms, err);
}
