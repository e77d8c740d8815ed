/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on payments, by the table of which state allows what. */
#include "server/follow.h"

#include "base/text.h"
#include "server/attempt.h"
#include "server/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* from ──► through ──► to, by one question. */
static const struct {
	enum ps_payment_state from, through, to;
	enum pay_type question;
	uint64_t success;
} kinds[PS_OP_KIND_COUNT] = {
	[PS_OP_CAPTURE] = {PS_AUTHORISED, PS_CAPTURING, PS_CAPTURED, PAY_CAPTURE, PAY_CAPTURED},
	[PS_OP_REFUND] = {PS_CAPTURED, PS_REFUNDING, PS_REFUNDED, PAY_REFUND, PAY_REFUNDED},
	[PS_OP_REVERSE] = {PS_AUTHORISED, PS_REVERSING, PS_REVERSED, PAY_REVERSE, PAY_REVERSED},
	[PS_OP_VOID] = {PS_AUTHORISING, PS_VOIDING, PS_FAILED, PAY_REVERSE, PAY_REVERSED},
};

struct follow {
	struct ps_attempt attempt;
	struct ps_follow_request request;
	struct ps_operation operation;
	ps_authorise_done *done;
	void *arg;
};

static struct follow *of_attempt(struct ps_attempt *attempt)
{
	return ps_container(attempt, struct follow, attempt);
}

static void finish(struct ps_attempt *attempt)
{
	struct follow *f = of_attempt(attempt);

	ps_attempt_leave(attempt);
	f->done(f->arg, &attempt->outcome);
	free(f);
}

/* --- what the enclave says --- */

static enum rd_status settle(struct follow *f, struct rd_db *db, const struct pay_result *r)
{
	struct ps_payment *p = &f->attempt.outcome.payment;
	const int64_t now = ps_now_ms();
	const bool success = r->state == kinds[f->request.kind].success;

	/* A void that is declined is no void: it is asked for again. */
	if (!success && f->request.kind == PS_OP_VOID) {
		return RD_OK;
	}
	p->state = success ? kinds[f->request.kind].to : kinds[f->request.kind].from;
	p->due_ms = 0;
	p->updated_ms = now;
	p->reason[0] = '\0';
	if (!success) {
		snprintf(p->reason, sizeof(p->reason), "%.20s%sresponse %s", r->reason,
			r->reason[0] == '\0' ? "" : ", ", r->response);
	}
	RD_TRY(ps_store_payment_put(db, p));
	return ps_store_operation_finish(
		db, f->operation.id, success ? PS_OP_DONE : PS_OP_REFUSED, now);
}

/* Nobody was charged, or not any more: the order can be paid again. */
static enum rd_status free_order(struct follow *f, struct rd_db *db)
{
	const struct ps_payment *p = &f->attempt.outcome.payment;
	struct ps_order o;

	if (p->state != PS_FAILED && p->state != PS_REVERSED) {
		return RD_OK;
	}
	RD_TRY(ps_store_order_get(db, p->order, &o));
	if (strcmp(o.payment, p->id) != 0) {
		return RD_OK;
	}
	o.state = PS_OPEN;
	return ps_store_order_put(db, &o);
}

static enum rd_status commit(struct ps_ask *ask, struct rd_db *db, const struct pay_message *answer)
{
	struct follow *f = of_attempt(ps_container(ask, struct ps_attempt, ask));
	struct ps_payment *p = &f->attempt.outcome.payment;

	f->attempt.outcome.fault = PS_FAULT_NONE;
	RD_TRY(ps_store_payment_get(db, f->request.payment, p));
	if (answer->type == PAY_ERROR) {
		f->attempt.outcome.fault = answer->error.code == PAY_ERROR_GATEWAY
						   ? PS_FAULT_GATEWAY
						   : PS_FAULT_ENCLAVE;
		return RD_OK;
	}
	if (p->state != kinds[f->request.kind].through ||
		strcmp(p->operation, f->operation.id) != 0) {
		return RD_OK;
	}
	RD_TRY(settle(f, db, &answer->result));
	return free_order(f, db);
}

/* --- what is asked for --- */

/* The operation is new, or the one that is under way. */
static enum rd_status take_up(struct follow *f, struct rd_db *db)
{
	struct ps_payment *p = &f->attempt.outcome.payment;
	const enum ps_operation_kind kind = f->request.kind;
	const int64_t now = ps_now_ms();

	if (p->state == kinds[kind].through) {
		RD_TRY(ps_store_operation_get(db, p->operation, &f->operation));
	} else {
		f->operation = (struct ps_operation){
			.kind = kind, .state = PS_OP_PENDING, .created_ms = now};
		rd_text_copy(f->operation.id, sizeof(f->operation.id), f->attempt.new_id);
		rd_text_copy(f->operation.payment, sizeof(f->operation.payment), p->id);
		RD_TRY(ps_store_operation_add(db, &f->operation));
		rd_text_copy(p->operation, sizeof(p->operation), f->operation.id);
		p->state = kinds[kind].through;
		p->updated_ms = now;
	}
	p->due_ms = now + PS_RETRY_MS;
	return ps_store_payment_put(db, p);
}

/* May this be asked for now? What is refused is refused before anything is written. */
static enum ps_fault judge(struct follow *f)
{
	const struct ps_payment *p = &f->attempt.outcome.payment;
	const enum ps_operation_kind kind = f->request.kind;

	if (f->request.merchant[0] != '\0' && strcmp(f->request.merchant, p->merchant) != 0) {
		return PS_FAULT_NOT_FOUND;
	}
	if (p->state == kinds[kind].to && kind != PS_OP_VOID) {
		f->attempt.outcome.replayed = true;
		return PS_FAULT_NONE;
	}
	if (p->state != kinds[kind].from && p->state != kinds[kind].through) {
		return PS_FAULT_WRONG_STATE;
	}
	ps_attempt_enter(&f->attempt, p->id);
	return f->attempt.outcome.fault;
}

static enum rd_status begin(struct ps_attempt *attempt, struct rd_db *db)
{
	struct follow *f = of_attempt(attempt);
	enum rd_status st;

	st = ps_store_payment_get(db, f->request.payment, &f->attempt.outcome.payment);
	if (st == RD_NOTFOUND) {
		f->attempt.outcome.fault = PS_FAULT_NOT_FOUND;
		return RD_OK;
	}
	RD_TRY(st);
	f->attempt.outcome.fault = judge(f);
	if (f->attempt.outcome.fault != PS_FAULT_NONE || f->attempt.outcome.replayed) {
		return RD_OK;
	}
	return take_up(f, db);
}

static void fill(struct ps_attempt *attempt)
{
	struct follow *f = of_attempt(attempt);
	struct pay_follow *m = &f->attempt.ask.message.follow;
	const struct ps_payment *p = &f->attempt.outcome.payment;

	f->attempt.ask.message.type = kinds[f->request.kind].question;
	rd_text_copy(m->merchant, sizeof(m->merchant), p->merchant);
	rd_text_copy(m->order, sizeof(m->order), p->order);
	rd_text_copy(m->payment, sizeof(m->payment), p->key);
	rd_text_copy(m->operation, sizeof(m->operation), f->operation.id);
	rd_text_copy(m->currency, sizeof(m->currency), p->currency);
	m->amount = (uint64_t)p->amount;
	rd_text_copy(m->token, sizeof(m->token), p->token);
	rd_text_copy(m->masked, sizeof(m->masked), p->masked);
	rd_text_copy(m->who, sizeof(m->who), f->request.who);
	rd_text_copy(m->origin, sizeof(m->origin), f->request.origin);
	f->attempt.ask.commit = commit;
}

void ps_follow(
	struct ps *ps, const struct ps_follow_request *request, ps_authorise_done *done, void *arg)
{
	struct ps_authorise_outcome failed = {.fault = PS_FAULT_INTERNAL};
	struct follow *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		done(arg, &failed);
		return;
	}
	*f = (struct follow){.attempt = {.begin = begin, .fill = fill, .finish = finish},
		.request = *request,
		.done = done,
		.arg = arg};
	if (!ps_attempt_start(&f->attempt, ps, "ops_")) {
		free(f);
		done(arg, &failed);
	}
}

void ps_follow_recover(
	struct ps *ps, const struct ps_payment *payment, ps_authorise_done *done, void *arg)
{
	struct ps_follow_request request = {.kind = PS_OP_VOID, .who = "server:recovery"};

	for (int kind = 0; kind < PS_OP_KIND_COUNT; kind++) {
		if (payment->state == kinds[kind].through) {
			request.kind = (enum ps_operation_kind)kind;
		}
	}
	rd_text_copy(request.payment, sizeof(request.payment), payment->id);
	ps_follow(ps, &request, done, arg);
}
