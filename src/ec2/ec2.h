/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redoubt-ec2 in one struct.
 *
 *	main.c, config.c       options, configuration
 *	server.c, isolate.c    start and stop, in order; what is given up in between
 *	http.c, call.c         HTTP requests to calls, calls to answers, on workers
 *	door.c                 redoubt-kms's service door: who calls, and whether they may
 *	host.c, watch.c        redoubtd: what instances are to do, and what they do
 *	life.c                 states; the store's wish and redoubtd's truth brought together
 *	metadata.c             what each instance is told of itself; imds*.c serve it
 *	params.c, filter.c, select.c   what every operation does with its request
 *	launch.c, ops_*.c      the operations
 *	model.h, record.c, store.c     what is on record
 */
#ifndef EC2_EC2_H
#define EC2_EC2_H

#include "db/db.h"
#include "ec2/config.h"

struct ec2_authority;
struct ec2_door;
struct ec2_host;
struct ec2_host_client;
struct ec2_metadata;
struct ec2_watch;
struct rd_http_page;
struct rd_http_server;
struct rd_tls_server;
struct ec2_metrics;
struct rd_workers;

struct ec2 {
	struct ec2_config config;
	int lock_fd;        /* of the state directory; -1 before the start */
	struct rd_db **dbs; /* workers' */
	size_t n_dbs;
	/* Who calls, and whether they may: the service door. Instances: redoubtd. Both are tables
	 * of functions, so that a test can be either. */
	const struct ec2_authority *authority;
	const struct ec2_host *host;
	struct ec2_door *door;
	struct ec2_host_client *host_client;
	struct ec2_metadata *metadata; /* NULL: none is served */
	struct ec2_watch *watch;
	struct rd_workers *workers;
	struct rd_tls_server *tls; /* NULL: plain HTTP, on loopback */
	struct rd_http_server *server;
	struct ec2_metrics *metrics;
	struct rd_http_page *metrics_server; /* or NULL */
	/* Milliseconds since the epoch; the one clock, so that tests may move it. */
	int64_t (*now_ms)(void);
};

#endif
