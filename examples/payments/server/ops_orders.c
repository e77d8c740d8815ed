/* SPDX-License-Identifier: Apache-2.0 */
/* Orders. */
#include "base/byteorder.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "server/api.h"
#include "server/body.h"
#include "server/ids.h"
#include "server/listing.h"
#include "server/store.h"
#include "server/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- one is made, by the book --- */

struct create {
	struct ps_call *call;
	struct ps_order wanted, order; /* order: what it came to */
	char key[PS_KEY_SIZE];
	struct ps_job job;
	enum ps_fault fault;
	bool replayed;
};

static enum rd_status request_digest(const struct ps_order *o, uint8_t ret[RD_SHA256_SIZE])
{
	uint8_t amount[8];
	const struct rd_view views[] = {rd_view(amount, sizeof(amount)), rd_view_str(o->currency),
		rd_view_str(o->reference)};

	rd_put_be64(amount, (uint64_t)o->amount);
	return rd_digest_views(RD_SHA256, views, RD_ARRAY_LEN(views), ret);
}

/* RD_NOTFOUND: the client gave no key, or a new one, which is noted. */
static enum rd_status find_again(struct create *c, struct rd_db *db)
{
	char scope[PS_MERCHANT_ID_SIZE + 16], subject[PS_ID_SIZE];
	uint8_t digest[RD_SHA256_SIZE];
	const struct ps_idempotency key = {.scope = scope, .key = c->key, .request = digest};
	enum rd_status st;

	RD_ENSURE(c->key[0] != '\0', RD_NOTFOUND);
	snprintf(scope, sizeof(scope), "order:%s", c->wanted.merchant);
	RD_TRY(request_digest(&c->wanted, digest));
	st = ps_store_idempotency_find(db, &key, subject);
	if (st == RD_OK) {
		return ps_store_order_get(db, subject, &c->order);
	}
	if (st == RD_NOTFOUND) {
		RD_TRY(ps_store_idempotency_take(db, &key, c->wanted.id, c->wanted.created_ms));
	}
	return st;
}

static enum rd_status create_run(struct ps_job *job, struct rd_db *db)
{
	struct create *c = ps_container(job, struct create, job);
	enum rd_status st = find_again(c, db);

	c->fault = st == RD_FORBIDDEN ? PS_FAULT_KEY_REUSED : PS_FAULT_NONE;
	c->replayed = st == RD_OK;
	if (st == RD_OK || st == RD_FORBIDDEN) {
		return RD_OK;
	}
	RD_ENSURE(st == RD_NOTFOUND, st);
	c->order = c->wanted;
	return ps_store_order_add(db, &c->wanted);
}

static void create_done(struct ps_job *job, enum rd_status st)
{
	struct create *c = ps_container(job, struct create, job);

	if (st != RD_OK) {
		ps_call_refuse(c->call, PS_FAULT_UNAVAILABLE, NULL);
	} else if (c->fault != PS_FAULT_NONE) {
		ps_call_refuse(c->call, c->fault, NULL);
	} else {
		ps_view_order(&c->call->json, &c->order, NULL);
		ps_call_answer(c->call, c->replayed ? 200 : 201);
	}
	free(c);
}

static struct ps_refusal read_create(struct create *c, const struct ps_call *call)
{
	struct ps_body_order body;
	struct ps_refusal refusal = ps_body_order(call->request->body, &body);

	if (refusal.fault == PS_FAULT_NONE) {
		refusal = ps_body_key(call->request, false, c->key);
	}
	if (refusal.fault == PS_FAULT_NONE) {
		c->wanted.amount = body.amount;
		memcpy(c->wanted.currency, body.currency, sizeof(body.currency));
		memcpy(c->wanted.reference, body.reference, sizeof(body.reference));
		memcpy(c->wanted.merchant, call->key.merchant, sizeof(c->wanted.merchant));
		c->wanted.created_ms = ps_now_ms();
	}
	return refusal;
}

void ps_ops_order_create(struct ps_call *call)
{
	struct create *c = calloc(1, sizeof(*c));
	struct ps_refusal refusal;

	if (c == NULL || ps_id_new("ord_", c->wanted.id) != RD_OK) {
		free(c);
		ps_call_fail(call, RD_NOMEM);
		return;
	}
	refusal = read_create(c, call);
	if (refusal.fault != PS_FAULT_NONE) {
		free(c);
		ps_call_refuse(call, refusal.fault, refusal.message);
		return;
	}
	c->call = call;
	c->job.run = create_run;
	c->job.done = create_done;
	ps_book_submit(call->ps->book, &c->job);
}

/* --- they are shown --- */

void ps_ops_order_get(struct ps_call *call)
{
	struct ps_merchant merchant;
	struct ps_order o;
	enum rd_status st = ps_store_order_get(call->db, call->id, &o);

	if (st == RD_OK) {
		st = ps_store_merchant_get(call->db, o.merchant, &merchant);
	}
	if (st != RD_OK) {
		ps_call_fail(call, st);
		return;
	}
	ps_view_order(&call->json, &o, merchant.name);
	ps_call_answer(call, 200);
}

static enum rd_status list_row(void *arg, const struct ps_order *o)
{
	struct ps_listing *l = arg;

	if (ps_listing_shows(l, o->id)) {
		ps_view_order(&l->call->json, o, NULL);
	}
	return RD_OK;
}

void ps_ops_order_list(struct ps_call *call)
{
	struct ps_listing listing;

	if (ps_listing_begin(&listing, call, "orders", "ord_", call->key.merchant)) {
		ps_listing_end(
			&listing, ps_store_orders(call->db, &listing.page, list_row, &listing));
	}
}
