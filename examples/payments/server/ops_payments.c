/* SPDX-License-Identifier: Apache-2.0 */
/* Payments: made, followed up, shown. */
#include "base/secret.h"
#include "base/text.h"
#include "server/api.h"
#include "server/authorise.h"
#include "server/body.h"
#include "server/follow.h"
#include "server/listing.h"
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

static enum rd_status list_row(void *arg, const struct ps_payment *p)
{
	struct ps_listing *l = arg;

	if (ps_listing_shows(l, p->id)) {
		ps_view_payment(&l->call->json, p, true);
	}
	return RD_OK;
}

static void list(struct ps_call *call, const char *merchant)
{
	struct ps_listing listing;

	if (ps_listing_begin(&listing, call, "payments", "pay_", merchant)) {
		ps_listing_end(
			&listing, ps_store_payments(call->db, &listing.page, list_row, &listing));
	}
}

void ps_ops_payment_list(struct ps_call *call)
{
	list(call, call->key.merchant);
}

void ps_ops_payment_list_all(struct ps_call *call)
{
	list(call, NULL);
}
