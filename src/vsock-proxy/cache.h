/* SPDX-License-Identifier: Apache-2.0 */
/* What the name servers said last about the one name of this proxy, and for how long it holds. */
#ifndef RD_VSOCK_PROXY_CACHE_H
#define RD_VSOCK_PROXY_CACHE_H

#include "os/dns.h"

#include <stdint.h>

/*
 * A TTL of 0 would mean a question for each connection, and one of days that a moved service is
 * never found again.
 */
#define RD_CACHE_TTL_MIN_S 1
#define RD_CACHE_TTL_MAX_S 3600

/* A failed lookup holds for this long, so that a thousand connections ask once and not each. */
#define RD_CACHE_FAILED_MS 1000

/* Both families' answers together. */
#define RD_CACHE_ADDRESSES_MAX (2 * RD_DNS_ADDRESSES_MAX)

/* Zero-initialise: nothing known. */
struct rd_cache {
	enum rd_status status; /* RD_OK: addresses; otherwise why there are none */
	uint64_t until_ms;
	size_t count;
	struct rd_dns_address addresses[RD_CACHE_ADDRESSES_MAX]; /* in the order to try them */
};

/* RD_AGAIN: ask. Otherwise the cached status, RD_OK with addresses. */
enum rd_status rd_cache_get(const struct rd_cache *cache, uint64_t now_ms) RD_MUST_USE;

/*
 * Takes the answers of both families, NULL for one that was not asked (or is too late): IPv4
 * first, as in the original. The shorter TTL counts. With no address, the most telling failure.
 */
void rd_cache_put(struct rd_cache *cache, const struct rd_dns_answer *v4,
	const struct rd_dns_answer *v6, uint64_t now_ms);

/* Forgets. */
void rd_cache_clear(struct rd_cache *cache);

#endif
