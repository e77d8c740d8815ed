/* SPDX-License-Identifier: Apache-2.0 */
/* The whole server: what its parts know of each other. */
#ifndef PS_PS_H
#define PS_PS_H

#include "server/book.h"
#include "server/config.h"

#include <stdatomic.h>

struct rd_http_server;
struct rd_tls_server;
struct rd_workers;
struct ps_enclave;
struct ps_flight;
struct ps_recovery;

/* What workers do: answer calls, and fetch credentials, which may wait for another service. */
enum ps_lane { PS_LANE_CALLS, PS_LANE_CREDENTIALS, PS_LANE_COUNT };

struct ps {
	struct ps_config config;
	int lock_fd;
	int pages_fd; /* -1: no pages */
	/* One a worker of PS_LANE_CALLS, then the book's, recovery's, and credentials' none. */
	struct rd_db **dbs;
	size_t n_dbs;
	struct rd_workers *workers;
	struct ps_book *book;
	struct ps_flight *flight;
	struct ps_enclave *enclave;
	struct ps_recovery *recovery;
	struct rd_tls_server *tls;
	struct rd_http_server *server;
	/* For metrics. */
	atomic_uint_least64_t payments_asked, payments_replayed, recovered;
};

/* Milliseconds since the epoch. */
int64_t ps_now_ms(void);

#endif
