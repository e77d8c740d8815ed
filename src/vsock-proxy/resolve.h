/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the remote's name to its addresses: one question to the name servers, however many
 * connections wait for the answer.
 */
#ifndef RD_VSOCK_PROXY_RESOLVE_H
#define RD_VSOCK_PROXY_RESOLVE_H

#include "os/dns.h"
#include "os/loop.h"

#include "vsock-proxy/args.h"
#include "vsock-proxy/cache.h"

#include <stdbool.h>

/* RFC 8305, section 3: how long an answer waits for that of the other family. */
#define RD_RESOLVE_DELAY_MS 50

typedef void rd_resolve_fn(void *arg, const struct rd_cache *answer);

/* Who waits; zero-initialise, the caller's storage. */
struct rd_waiter {
	rd_resolve_fn *fn;
	void *arg;
	struct rd_waiter *next;
	struct rd_waiter **link; /* what points to this one; NULL when it does not wait */
};

struct rd_resolve_family {
	struct rd_resolve *resolve;
	struct rd_dns_query query;
	struct rd_dns_answer answer;
	bool v6;
	bool wanted;
	bool open;  /* asked, not answered yet */
	bool fresh; /* answer is of this round */
};

struct rd_resolve {
	struct rd_dns *dns; /* NULL for a literal */
	const char *name;
	struct rd_cache cache;
	struct rd_resolve_family families[2]; /* IPv4, IPv6 */
	struct rd_watch *delay;
	struct rd_waiter *waiters;
	bool in_round;
};

/* A literal needs no servers; otherwise resolv_conf's (os/dns.h). name is borrowed. */
enum rd_status rd_resolve_open(struct rd_resolve *r, struct rd_loop *loop, const char *name,
	enum rd_proxy_families families, const char *resolv_conf, struct rd_error *err) RD_MUST_USE;
void rd_resolve_close(struct rd_resolve *r);

/* Calls waiter->fn, once: at once if the answer is known, else from the loop. */
void rd_resolve_ask(struct rd_resolve *r, struct rd_waiter *waiter);

/* Waits no longer; accepts one that does not wait. */
void rd_resolve_forget(struct rd_waiter *waiter);

/* New servers, empty cache. */
enum rd_status rd_resolve_reload(struct rd_resolve *r, struct rd_error *err) RD_MUST_USE;

#endif
