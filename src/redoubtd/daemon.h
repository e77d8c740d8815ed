/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redoubtd in one struct: a single-threaded daemon around one event loop.
 *
 *	clients.c   connections from nitro-cli: one request each, answers queued
 *	requests.c  what a request means
 *	ingest.c    RUN: admission, reading the image step by step
 *	launch.c    RUN: places on disk, starting redoubt-vmm
 *	enclave.c   a vmm's messages, its end, time-outs
 *	adopt.c     finding the enclaves of a former daemon again
 *
 *	instance*.c parent instances: the same for VMs that have enclaves of their own
 */
#ifndef RD_REDOUBTD_DAEMON_H
#define RD_REDOUBTD_DAEMON_H

#include "os/loop.h"
#include "os/paths.h"
#include "redoubtd/config.h"
#include "redoubtd/domain.h"
#include "redoubtd/ended.h"
#include "redoubtd/engine.h"
#include "redoubtd/pki.h"

struct rd_client;
struct rd_instance;

struct rd_dirs {
	int run;
	int enclaves; /* run/enclaves: one directory an enclave, its owner's */
	int records;  /* run/records: one directory an enclave, nobody's but ours */
	int state;
	int ended;
	int pki;
	int run_instances;   /* run/instances: one directory an instance, ours */
	int state_instances; /* state/instances: their disks and consoles */
};

struct rd_daemon {
	struct rd_loop *loop;
	struct rd_paths paths;
	struct rd_dirs dirs;
	struct rd_config config;
	char instance_id[RD_INSTANCE_ID_MAX + 1];
	struct rd_domain host; /* local mode: this host as a parent; its pool is everybody's */
	struct rd_instance *instances;
	size_t instance_count;
	struct rd_ended ended;
	struct rd_pki_store pki;
	struct rd_engine engine;
	bool use_cgroups; /* a service manager gave us a group of our own */
	int lock;
	int listener;
	struct rd_watch *listener_watch;
	struct rd_client *clients;
	size_t client_count;
	struct rd_watch *signals[2];
};

/* CLOCK_REALTIME. */
uint64_t rd_daemon_now_ms(void);

struct rd_daemon_options {
	const char *config_path; /* NULL: redoubtd.yaml in the configuration directory, if it is
				    there */
	bool use_cgroups;
};

/*
 * Everything up to answering: directories, lock, configuration, identity, keys, enclaves of the
 * daemon before. RD_EXISTS when another daemon holds the lock. To be closed also after a failure.
 */
enum rd_status rd_daemon_open(struct rd_daemon *d, const struct rd_daemon_options *options,
	struct rd_error *err) RD_MUST_USE;
/* Until SIGTERM or SIGINT. */
enum rd_status rd_daemon_run(struct rd_daemon *d) RD_MUST_USE;
/* Enclaves go on. */
void rd_daemon_close(struct rd_daemon *d);

#endif
