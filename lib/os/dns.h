/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking name servers from a loop, without waiting: A and AAAA, with the answer's time to live.
 *
 * Over libevent's evdns. It speaks UDP only: an answer that does not fit into 512 bytes (some 28
 * addresses) counts as failed. /etc/hosts is not looked at.
 */
#ifndef RD_OS_DNS_H
#define RD_OS_DNS_H

#include "base/error.h"
#include "os/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 1035: 253 characters without the root's dot. */
#define RD_DNS_NAME_MAX 253

/* Of one answer; whoever publishes more means any of them. */
#define RD_DNS_ADDRESSES_MAX 16

struct rd_dns;

/* An address in network order; IPv4 uses the first four bytes. */
struct rd_dns_address {
	bool v6;
	uint8_t bytes[16];
};

/*
 * What came back. RD_OK: at least one address, for ttl_s seconds. RD_NOTFOUND: the name, or an
 * address of that family, does not exist. RD_TIMEOUT: nobody answered. RD_IO: the server failed or
 * its answer could not be used.
 */
struct rd_dns_answer {
	enum rd_status status;
	uint32_t ttl_s;
	size_t count;
	struct rd_dns_address addresses[RD_DNS_ADDRESSES_MAX];
};

typedef void rd_dns_fn(void *arg, const struct rd_dns_answer *answer);

/* A question; the caller's storage, which must stay until fn was called or rd_dns_free. */
struct rd_dns_query {
	rd_dns_fn *fn;
	void *arg;
};

/*
 * Takes name servers (an address may have a port, "127.0.0.1:5353"), search list and options from
 * a file of resolv.conf(5)'s form. RD_NOTFOUND or RD_MISSING, with the path, when there is none or
 * it names no server.
 */
enum rd_status rd_dns_new(struct rd_loop *loop, const char *resolv_conf, struct rd_dns **ret,
	struct rd_error *err) RD_MUST_USE;

/* Open questions are dropped without a call. */
void rd_dns_free(struct rd_dns **dns);

/* Reads the file again; open questions go to the new servers. On failure there is no server. */
enum rd_status rd_dns_reload(struct rd_dns *dns, struct rd_error *err) RD_MUST_USE;

/*
 * Asks; query->fn is called from the loop, once. A name with a dot in it is asked as it stands:
 * with the search list, an allowed name could become another one.
 */
enum rd_status rd_dns_ask(struct rd_dns *dns, const char *name, bool v6, struct rd_dns_query *query)
	RD_MUST_USE;

#endif
