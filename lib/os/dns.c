/* SPDX-License-Identifier: Apache-2.0 */
/* Asking name servers, over evdns. */
#include "os/dns.h"

#include "os/loop-internal.h"

#include <event2/dns.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

/*
 * A client of ours waits meanwhile; resolv.conf's own options come after these and win.
 * evdns's defaults (5 s, 3 times) would keep it for 15 s.
 */
#define TIMEOUT_S "2"
#define ATTEMPTS  "3"

struct rd_dns {
	struct evdns_base *base;
	char *resolv_conf;
};

static enum rd_status read_servers(struct rd_dns *dns, struct rd_error *err)
{
	int flags = DNS_OPTION_SEARCH | DNS_OPTION_NAMESERVERS | DNS_OPTION_MISC |
		    DNS_OPTION_NAMESERVERS_NO_DEFAULT;
	int rc;

	(void)evdns_base_set_option(dns->base, "timeout:", TIMEOUT_S);
	(void)evdns_base_set_option(dns->base, "attempts:", ATTEMPTS);
	rc = evdns_base_resolv_conf_parse(dns->base, flags, dns->resolv_conf);
	if (rc != 0 && rc != 6) {
		return rd_fail(err, RD_NOTFOUND, "%s: cannot be read: name the servers there",
			dns->resolv_conf);
	}
	if (evdns_base_count_nameservers(dns->base) == 0) {
		return rd_fail(err, RD_MISSING, "%s: names no server: add a \"nameserver\" line",
			dns->resolv_conf);
	}
	return RD_OK;
}

enum rd_status rd_dns_new(
	struct rd_loop *loop, const char *resolv_conf, struct rd_dns **ret, struct rd_error *err)
{
	struct rd_dns *dns RD_CLEANUP(rd_dns_free) = calloc(1, sizeof(*dns));

	if (dns != NULL) {
		dns->resolv_conf = strdup(resolv_conf);
		/* Idle servers must not keep a loop from ending. */
		dns->base = evdns_base_new(rd_loop_base(loop), EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	}
	if (dns == NULL || dns->resolv_conf == NULL || dns->base == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	RD_TRY(read_servers(dns, err));
	*ret = rd_steal(&dns, NULL);
	return RD_OK;
}

void rd_dns_free(struct rd_dns **dns)
{
	if (*dns == NULL) {
		return;
	}
	if ((*dns)->base != NULL) {
		evdns_base_free((*dns)->base, 0);
	}
	free((*dns)->resolv_conf);
	free(*dns);
	*dns = NULL;
}

enum rd_status rd_dns_reload(struct rd_dns *dns, struct rd_error *err)
{
	enum rd_status st;

	(void)evdns_base_clear_nameservers_and_suspend(dns->base);
	evdns_base_search_clear(dns->base);
	st = read_servers(dns, err);
	(void)evdns_base_resume(dns->base);
	return st;
}

static enum rd_status status_of(int result)
{
	switch (result) {
	case DNS_ERR_NONE:
		return RD_OK;
	case DNS_ERR_NOTEXIST:
	case DNS_ERR_NODATA:
		return RD_NOTFOUND;
	case DNS_ERR_TIMEOUT:
		return RD_TIMEOUT;
	default:
		return RD_IO;
	}
}

static void on_answer(int result, char type, int count, int ttl, void *addresses, void *arg)
{
	const struct rd_dns_query *query = arg;
	struct rd_dns_answer answer = {.status = status_of(result)};
	bool v6 = type == DNS_IPv6_AAAA;
	size_t size = v6 ? 16 : 4;

	if (answer.status == RD_OK && (count <= 0 || addresses == NULL)) {
		answer.status = RD_NOTFOUND;
	}
	if (answer.status == RD_OK) {
		answer.ttl_s = ttl < 0 ? 0 : (uint32_t)ttl;
		answer.count = count > RD_DNS_ADDRESSES_MAX ? RD_DNS_ADDRESSES_MAX : (size_t)count;
		for (size_t i = 0; i < answer.count; i++) {
			answer.addresses[i].v6 = v6;
			memcpy(answer.addresses[i].bytes, (const uint8_t *)addresses + i * size,
				size);
		}
	}
	query->fn(query->arg, &answer);
}

enum rd_status rd_dns_ask(struct rd_dns *dns, const char *name, bool v6, struct rd_dns_query *query)
{
	int flags = strchr(name, '.') != NULL ? DNS_QUERY_NO_SEARCH : 0;
	struct evdns_request *request;

	RD_ENSURE(evdns_base_count_nameservers(dns->base) > 0, RD_NOTFOUND);
	request = v6 ? evdns_base_resolve_ipv6(dns->base, name, flags, on_answer, query)
		     : evdns_base_resolve_ipv4(dns->base, name, flags, on_answer, query);
	RD_ENSURE(request != NULL, RD_NOMEM);
	return RD_OK;
}
