/* SPDX-License-Identifier: Apache-2.0 */
/* The last answer. */
#include "vsock-proxy/cache.h"

#include <string.h>

enum rd_status rd_cache_get(const struct rd_cache *cache, uint64_t now_ms)
{
	return now_ms < cache->until_ms ? cache->status : RD_AGAIN;
}

static void append(struct rd_cache *cache, const struct rd_dns_answer *answer, uint32_t *ttl_s)
{
	if (answer == NULL || answer->status != RD_OK) {
		return;
	}
	memcpy(cache->addresses + cache->count, answer->addresses,
		answer->count * sizeof(answer->addresses[0]));
	cache->count += answer->count;
	*ttl_s = answer->ttl_s < *ttl_s ? answer->ttl_s : *ttl_s;
}

/* That a server did not answer says more than that there is no such address. */
static enum rd_status failure(const struct rd_dns_answer *v4, const struct rd_dns_answer *v6)
{
	if (v4 == NULL || (v6 != NULL && v4->status == RD_NOTFOUND)) {
		return v6 == NULL ? RD_NOTFOUND : v6->status;
	}
	return v4->status;
}

void rd_cache_put(struct rd_cache *cache, const struct rd_dns_answer *v4,
	const struct rd_dns_answer *v6, uint64_t now_ms)
{
	uint32_t ttl_s = RD_CACHE_TTL_MAX_S;

	cache->count = 0;
	append(cache, v4, &ttl_s);
	append(cache, v6, &ttl_s);
	if (cache->count == 0) {
		cache->status = failure(v4, v6);
		cache->until_ms = now_ms + RD_CACHE_FAILED_MS;
		return;
	}
	ttl_s = ttl_s < RD_CACHE_TTL_MIN_S ? RD_CACHE_TTL_MIN_S : ttl_s;
	cache->status = RD_OK;
	cache->until_ms = now_ms + (uint64_t)ttl_s * 1000;
}

void rd_cache_clear(struct rd_cache *cache)
{
	*cache = (struct rd_cache){0};
}
