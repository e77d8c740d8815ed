/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redoubt-kms in one struct.
 *
 *	main.c, config.c     options, configuration
 *	server.c, roots.c    start and stop, in order; isolate.c: what is given up in between
 *	http.c, call.c       HTTP requests to calls, calls to answers (lib/http has the sockets)
 *	(os/workers)          threads for what waits for the disk or makes keys
 *	auth.c               SigV4 → identity; sts.c, iam.c: the calls that manage them
 *	authorize.c          identity, key, action, context → decision (lib/policy decides)
 *	service*.c           what other services ask: who calls, may it, credentials of a role
 *	recipient.c          attestation documents
 *	ops_*.c              the operations of KMS
 *	cache.c              keys, policies and principals in memory, dropped on change
 *	keyring.c, master_*.c   keys that protect keys
 *	store_*.c            the database (lib/db has connections)
 *	audit.c              the log; journal.c: what the database has for it
 *	scheduler.c          deletions, rotations, expiries that are due; the cache's ear
 *	metrics.c            counters
 */
#ifndef KMS_KMS_H
#define KMS_KMS_H

#include "db/db.h"
#include "http/server.h"
#include "kms/audit.h"
#include "kms/config.h"
#include "kms/keyring.h"
#include "kms/recipient.h"

struct kms_cache;
struct kms_journal;
struct kms_last_uses;
struct kms_scheduler;
struct kms_service_door;
struct kms_signing_keys;
struct kms_thread;
struct kms_trust;
struct rd_http_page;
struct rd_metrics_calls;
struct rd_tls_server;
struct rd_workers;

/*
 * Threads for calls that wait: for a database elsewhere, because what they read is not in memory;
 * for the disk, because they write; or for RSA keys, which take seconds. Strangers, who come no
 * further than the first lane, fill no other. The last is short and narrow on purpose, because that
 * is the cheapest way to keep a key server busy (kms.md 2.13).
 */
enum kms_lane { KMS_LANE_READS, KMS_LANE_WRITES, KMS_LANE_RSA, KMS_LANE_COUNT };

struct kms {
	struct kms_config config;
	int lock_fd;             /* of the state directory; -1 before the start */
	uint8_t installation[8]; /* in ciphertexts: those of another installation are refused */
	struct rd_db **dbs;      /* workers', the scheduler's two, the starting thread's */
	size_t n_dbs;
	struct rd_db **http_dbs; /* HTTP threads': nonblocking */
	size_t n_http_dbs;
	struct kms_thread *threads; /* HTTP threads': thread.h */
	struct kms_keyring *keyring;
	struct rd_ec_key *audit_key;
	struct kms_audit *audit;
	struct rd_http_batch recorded;     /* the audit log's thread's: see call.c */
	struct kms_journal *journal;       /* journal.h: between the database and the log */
	struct kms_recipients *recipients; /* trust's newest; a call reads it once */
	struct kms_trust *trust;           /* roots.h */
	struct kms_cache *cache;
	struct kms_signing_keys *signing_keys; /* auth.h */
	struct rd_metrics_calls *metrics;      /* metrics.h */
	struct kms_last_uses *last_uses;       /* last_use.h */
	struct rd_workers *workers;
	struct kms_scheduler *scheduler;
	struct rd_tls_server *tls; /* NULL: plain HTTP, on loopback */
	struct rd_http_server *server;
	struct rd_http_page *metrics_server; /* or NULL */
	struct kms_service_door *service;    /* service.h; or NULL */
	/* Milliseconds since the epoch; the one clock, so that tests may move it. */
	int64_t (*now_ms)(void);
};

#endif
