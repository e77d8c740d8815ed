/* SPDX-License-Identifier: Apache-2.0 */
/* Payments: made, followed up, shown. */
#include "base/secret.h"
#include "base/text.h"
#include "server/api.h"
#include "server/authorise.h"
#include "server/body.h"
#include "server/follow.h"
#include "server/store.h"
#include "server/view.h"

#include <string.h>

static void answer(struct ps_call *call, const struct ps_payment *p, int status)
{
	ps_view_payment(&call->json, p, ps_view_is_full(call, p->merchant));
	ps_call_answer(call, status);
}

static void authorised(void *arg, const struct ps_authorise_outcome *outcome)
{
	struct ps_call *call = arg;

	if (outcome->fault != PS_FAULT_NONE) {
		ps_call_refuse(call, outcome->fault, NULL);
		return;
	}
	if (outcome->replayed) {
		atomic_fetch_add(&call->ps->payments_replayed, 1);
	}
	answer(call, &outcome->payment, outcome->replayed ? 200 : 201);
}

void ps_ops_payment_create(struct ps_call *call)
{
	struct ps_authorise_request request = {0};
	struct ps_body_payment body;
	struct ps_refusal refusal = ps_body_key(call->request, true, request.key);

	if (refusal.fault == PS_FAULT_NONE) {
		refusal = ps_body_payment(call->request->body, &body);
	}
	if (refusal.fault != PS_FAULT_NONE) {
		ps_call_refuse(call, refusal.fault, refusal.message);
		return;
	}
	memcpy(request.order, body.order, sizeof(request.order));
	memcpy(request.sealed, body.sealed, sizeof(request.sealed));
	ps_call_origin(call, request.origin);
	atomic_fetch_add(&call->ps->payments_asked, 1);
	ps_authorise(call->ps, &request, authorised, call);
	rd_wipe(&body, sizeof(body));
	rd_wipe(&request, sizeof(request));
}

/* --- capture, refund, reversal --- */

static void followed(void *arg, const struct ps_authorise_outcome *outcome)
{
	struct ps_call *call = arg;

	if (outcome->fault != PS_FAULT_NONE) {
		ps_call_refuse(call, outcome->fault, NULL);
		return;
	}
	answer(call, &outcome->payment, 200);
}

static void follow(struct ps_call *call, enum ps_operation_kind kind)
{
	struct ps_follow_request request = {.kind = kind};
	struct ps_refusal refusal = ps_body_none(call->request->body);

	if (refusal.fault != PS_FAULT_NONE) {
		ps_call_refuse(call, refusal.fault, refusal.message);
		return;
	}
	memcpy(request.payment, call->id, sizeof(request.payment));
	memcpy(request.merchant, call->key.merchant, sizeof(request.merchant));
	ps_call_who(call, request.who);
	ps_call_origin(call, request.origin);
	ps_follow(call->ps, &request, followed, call);
}

void ps_ops_capture(struct ps_call *call)
{
	follow(call, PS_OP_CAPTURE);
}

void ps_ops_refund(struct ps_call *call)
{
	follow(call, PS_OP_REFUND);
}

void ps_ops_reverse(struct ps_call *call)
{
	follow(call, PS_OP_REVERSE);
}

/* --- they are shown --- */

void ps_ops_payment_get(struct ps_call *call)
{
	struct ps_payment p;
	enum rd_status st = ps_store_payment_get(call->db, call->id, &p);

	if (st != RD_OK) {
		ps_call_fail(call, st);
		return;
	}
	answer(call, &p, 200);
}

struct listing {
	struct ps_call *call;
	uint32_t n, limit;
	char last[PS_ID_SIZE];
};

static enum rd_status list_row(void *arg, const struct ps_payment *p)
{
	struct listing *l = arg;

	/* One more than is shown says that there is another page. */
	if (l->n++ == l->limit) {
		return RD_OK;
	}
	ps_view_payment(&l->call->json, p, true);
	memcpy(l->last, p->id, sizeof(l->last));
	return RD_OK;
}

static void list(struct ps_call *call, const char *merchant)
{
	struct listing listing = {.call = call};
	struct ps_query_page query;
	struct ps_refusal refusal = ps_query_page(call->query, "pay_", &query);
	struct ps_page page;
	enum rd_status st;

	if (refusal.fault != PS_FAULT_NONE) {
		ps_call_refuse(call, refusal.fault, refusal.message);
		return;
	}
	page = (struct ps_page){
		.merchant = merchant, .after = query.after, .limit = query.limit + 1};
	listing.limit = query.limit;
	rd_json_out_object(&call->json, NULL);
	rd_json_out_list(&call->json, "payments");
	st = ps_store_payments(call->db, &page, list_row, &listing);
	if (st != RD_OK) {
		ps_call_fail(call, st);
		return;
	}
	rd_json_out_end(&call->json);
	rd_json_out_str(&call->json, "next", listing.n > listing.limit ? listing.last : NULL);
	rd_json_out_end(&call->json);
	ps_call_answer(call, 200);
}

void ps_ops_payment_list(struct ps_call *call)
{
	list(call, call->key.merchant);
}

void ps_ops_payment_list_all(struct ps_call *call)
{
	list(call, NULL);
}
