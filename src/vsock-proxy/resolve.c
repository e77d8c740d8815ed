/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a name to addresses.
 *
 * A round starts with the first waiter that finds nothing in the cache, asks for each wanted
 * family, and ends when all have answered, or one has and RD_RESOLVE_DELAY_MS went by. Then the
 * cache is filled and every waiter called. An answer that comes after its round is dropped; its
 * question counts as asked for the next round if it is still open then.
 */
#include "vsock-proxy/resolve.h"

#include "vsock-proxy/allowlist.h"

#include <string.h>

static void end_round(struct rd_resolve *r)
{
	const struct rd_resolve_family *f = r->families;

	r->in_round = false;
	rd_watch_disarm(r->delay);
	rd_cache_put(&r->cache, f[0].fresh ? &f[0].answer : NULL, f[1].fresh ? &f[1].answer : NULL,
		rd_loop_now_ms());
	while (r->waiters != NULL) {
		struct rd_waiter *waiter = r->waiters;

		rd_resolve_forget(waiter);
		waiter->fn(waiter->arg, &r->cache);
	}
}

static void on_delay(void *arg)
{
	struct rd_resolve *r = arg;

	if (r->in_round) {
		end_round(r);
	}
}

static void check_round(struct rd_resolve *r)
{
	bool open = r->families[0].open || r->families[1].open;
	bool some = false;

	for (size_t i = 0; i < RD_ARRAY_LEN(r->families); i++) {
		some = some || (r->families[i].fresh && r->families[i].answer.status == RD_OK);
	}
	if (!open || (some && rd_watch_arm(r->delay, RD_RESOLVE_DELAY_MS) != RD_OK)) {
		end_round(r);
	}
}

static void on_answer(void *arg, const struct rd_dns_answer *answer)
{
	struct rd_resolve_family *f = arg;

	f->open = false;
	if (f->resolve->in_round) {
		f->answer = *answer;
		f->fresh = true;
		check_round(f->resolve);
	}
}

static void start_round(struct rd_resolve *r)
{
	r->in_round = true;
	for (size_t i = 0; i < RD_ARRAY_LEN(r->families); i++) {
		struct rd_resolve_family *f = &r->families[i];
		enum rd_status st;

		f->fresh = false;
		if (!f->wanted || f->open) {
			continue;
		}
		st = rd_dns_ask(r->dns, r->name, f->v6, &f->query);
		f->open = st == RD_OK;
		if (st != RD_OK) {
			f->answer = (struct rd_dns_answer){.status = st};
			f->fresh = true;
		}
	}
	if (!r->families[0].open && !r->families[1].open) {
		end_round(r);
	}
}

static bool wanted(enum rd_proxy_families families, bool v6)
{
	return families == RD_PROXY_MIXED || (families == RD_PROXY_IPV6) == v6;
}

enum rd_status rd_resolve_open(struct rd_resolve *r, struct rd_loop *loop, const char *name,
	enum rd_proxy_families families, const char *resolv_conf, struct rd_error *err)
{
	struct rd_dns_address literal;

	*r = (struct rd_resolve){.name = name};
	for (size_t i = 0; i < RD_ARRAY_LEN(r->families); i++) {
		struct rd_resolve_family *f = &r->families[i];

		f->resolve = r;
		f->v6 = i == 1;
		f->query = (struct rd_dns_query){.fn = on_answer, .arg = f};
		f->wanted = wanted(families, f->v6);
	}
	if (rd_allow_literal(name, &literal)) {
		if (!wanted(families, literal.v6)) {
			return rd_fail(err, RD_USAGE, "%s is an IPv%c address, and --ipv%c is set",
				name, literal.v6 ? '6' : '4', literal.v6 ? '4' : '6');
		}
		r->cache = (struct rd_cache){.until_ms = UINT64_MAX, .count = 1};
		r->cache.addresses[0] = literal;
		return RD_OK;
	}
	if (rd_loop_timer(loop, on_delay, r, &r->delay) != RD_OK) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	return rd_dns_new(loop, resolv_conf, &r->dns, err);
}

void rd_resolve_close(struct rd_resolve *r)
{
	rd_dns_free(&r->dns);
	rd_watch_free(&r->delay);
}

void rd_resolve_ask(struct rd_resolve *r, struct rd_waiter *waiter)
{
	if (rd_cache_get(&r->cache, rd_loop_now_ms()) != RD_AGAIN) {
		waiter->fn(waiter->arg, &r->cache);
		return;
	}
	waiter->next = r->waiters;
	waiter->link = &r->waiters;
	if (r->waiters != NULL) {
		r->waiters->link = &waiter->next;
	}
	r->waiters = waiter;
	if (!r->in_round) {
		start_round(r);
	}
}

void rd_resolve_forget(struct rd_waiter *waiter)
{
	if (waiter->link == NULL) {
		return;
	}
	*waiter->link = waiter->next;
	if (waiter->next != NULL) {
		waiter->next->link = waiter->link;
	}
	waiter->next = NULL;
	waiter->link = NULL;
}

enum rd_status rd_resolve_reload(struct rd_resolve *r, struct rd_error *err)
{
	if (r->dns == NULL) {
		return RD_OK;
	}
	rd_cache_clear(&r->cache);
	return rd_dns_reload(r->dns, err);
}
