/* SPDX-License-Identifier: Apache-2.0 */
/* An authorisation's steps. */
#include "server/authorise.h"

#include "base/byteorder.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "server/attempt.h"
#include "server/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct authorise {
	struct ps_attempt attempt;
	struct ps_authorise_request request;
	ps_authorise_done *done;
	void *arg;
};

static struct authorise *of_attempt(struct ps_attempt *attempt)
{
	return ps_container(attempt, struct authorise, attempt);
}

static struct authorise *of_ask(struct ps_ask *ask)
{
	return of_attempt(ps_container(ask, struct ps_attempt, ask));
}

static void finish(struct ps_attempt *attempt)
{
	struct authorise *a = of_attempt(attempt);

	ps_attempt_leave(attempt);
	rd_wipe(&a->request, sizeof(a->request));
	a->done(a->arg, &attempt->outcome);
	free(a);
}

/* --- what the enclave says --- */

/* A card that was under way under this key before: its token is on record, and what is said of
 * another card, or of one that was never sent, settles nothing about it. */
static bool is_other_card(const struct ps_payment *p, const struct pay_result *r)
{
	return p->token[0] != '\0' &&
	       (r->rrn[0] == '\0' || (r->token[0] != '\0' && strcmp(r->token, p->token) != 0));
}

static void apply(struct ps_payment *p, struct ps_order *o, const struct pay_result *r)
{
	switch (r->state) {
	case PAY_AUTHORISED:
		p->state = PS_AUTHORISED;
		break;
	case PAY_DECLINED:
		p->state = PS_DECLINED;
		break;
	case PAY_INVALID:
		p->state = PS_INVALID;
		break;
	default:
		p->state = PS_FAILED;
		break;
	}
	o->state = p->state == PS_AUTHORISED ? PS_PAID : PS_OPEN;
	if (r->token[0] != '\0') {
		rd_text_copy(p->token, sizeof(p->token), r->token);
		rd_text_copy(p->fpe_token, sizeof(p->fpe_token), r->fpe);
	}
	rd_text_copy(p->masked, sizeof(p->masked), r->masked);
	rd_text_copy(p->brand, sizeof(p->brand), r->brand);
	rd_text_copy(p->auth_code, sizeof(p->auth_code), r->approval);
	rd_text_copy(p->rrn, sizeof(p->rrn), r->rrn);
	if (r->reason[0] != '\0' || p->state == PS_AUTHORISED) {
		rd_text_copy(p->reason, sizeof(p->reason), r->reason);
	} else {
		snprintf(p->reason, sizeof(p->reason), "response %s", r->response);
	}
	p->due_ms = 0;
}

static enum rd_status record(struct ps_ask *ask, struct rd_db *db, const struct pay_record *record)
{
	struct authorise *a = of_ask(ask);
	const struct ps_vault vault = {.merchant = a->attempt.outcome.payment.merchant,
		.token = record->token,
		.fpe_token = record->fpe,
		.blind = record->blind,
		.sealed = record->vault,
		.key_version = (int64_t)record->version};
	struct ps_payment p;

	if (record->token[0] == '\0') {
		return RD_OK;
	}
	if (record->vault.ptr != NULL && record->blind.ptr != NULL) {
		RD_TRY(ps_store_vault_keep(db, &vault));
	}
	RD_TRY(ps_store_payment_get(db, a->attempt.outcome.payment.id, &p));
	if (p.token[0] != '\0') {
		return RD_OK;
	}
	rd_text_copy(p.token, sizeof(p.token), record->token);
	rd_text_copy(p.fpe_token, sizeof(p.fpe_token), record->fpe);
	return ps_store_payment_put(db, &p);
}

static enum ps_fault fault_of(uint64_t code)
{
	switch (code) {
	case PAY_ERROR_CHANNEL:
		return PS_FAULT_CHANNEL;
	case PAY_ERROR_CARD:
		return PS_FAULT_BAD_CARD;
	case PAY_ERROR_BUSY:
		return PS_FAULT_BUSY;
	case PAY_ERROR_GATEWAY:
		return PS_FAULT_GATEWAY;
	case PAY_ERROR_POLICY:
		return PS_FAULT_POLICY;
	default:
		return PS_FAULT_ENCLAVE;
	}
}

static enum rd_status commit(struct ps_ask *ask, struct rd_db *db, const struct pay_message *answer)
{
	struct authorise *a = of_ask(ask);
	struct ps_payment *p = &a->attempt.outcome.payment;
	const int64_t now = ps_now_ms();
	char id[PS_ID_SIZE];
	struct ps_order o;

	a->attempt.outcome.fault = PS_FAULT_NONE;
	memcpy(id, p->id, sizeof(id));
	RD_TRY(ps_store_payment_get(db, id, p));
	if (answer->type == PAY_ERROR) {
		a->attempt.outcome.fault = fault_of(answer->error.code);
		return RD_OK;
	}
	if (p->state != PS_AUTHORISING) {
		return RD_OK;
	}
	p->updated_ms = now;
	if (is_other_card(p, &answer->result)) {
		a->attempt.outcome.fault = PS_FAULT_OTHER_CARD;
		p->due_ms = now;
		return ps_store_payment_put(db, p);
	}
	RD_TRY(ps_store_order_get(db, p->order, &o));
	apply(p, &o, &answer->result);
	RD_TRY(ps_store_payment_put(db, p));
	return ps_store_order_put(db, &o);
}

/* --- what the client wants --- */

static enum rd_status request_digest(const struct ps_order *o, uint8_t ret[RD_SHA256_SIZE])
{
	uint8_t amount[8];
	const struct rd_view views[] = {
		rd_view_str(o->id), rd_view(amount, sizeof(amount)), rd_view_str(o->currency)};

	rd_put_be64(amount, (uint64_t)o->amount);
	return rd_digest_views(RD_SHA256, views, RD_ARRAY_LEN(views), ret);
}

/* The key is known: what has become of it? */
static enum rd_status find_again(struct authorise *a, struct rd_db *db, const char *id)
{
	struct ps_payment *p = &a->attempt.outcome.payment;

	RD_TRY(ps_store_payment_get(db, id, p));
	if (p->state == PS_AUTHORISING) {
		ps_attempt_enter(&a->attempt, p->id);
		return RD_OK;
	}
	if (p->state == PS_VOIDING) {
		a->attempt.outcome.fault = PS_FAULT_IN_PROGRESS;
	}
	a->attempt.outcome.replayed = true;
	return RD_OK;
}

static enum rd_status make(
	struct authorise *a, struct rd_db *db, struct ps_order *o, const struct ps_idempotency *key)
{
	struct ps_payment *p = &a->attempt.outcome.payment;
	const int64_t now = ps_now_ms();

	if (o->state != PS_OPEN) {
		a->attempt.outcome.fault = PS_FAULT_ORDER_TAKEN;
		return RD_OK;
	}
	ps_attempt_enter(&a->attempt, a->attempt.new_id);
	if (a->attempt.outcome.fault != PS_FAULT_NONE) {
		return RD_OK;
	}
	rd_text_copy(p->id, sizeof(p->id), a->attempt.new_id);
	rd_text_copy(p->order, sizeof(p->order), o->id);
	rd_text_copy(p->merchant, sizeof(p->merchant), o->merchant);
	rd_text_copy(p->key, sizeof(p->key), a->request.key);
	rd_text_copy(p->currency, sizeof(p->currency), o->currency);
	p->state = PS_AUTHORISING;
	p->amount = o->amount;
	p->created_ms = now;
	p->updated_ms = now;
	p->due_ms = now + (int64_t)a->attempt.ps->config.authorise_deadline_s * 1000;
	RD_TRY(ps_store_idempotency_take(db, key, p->id, now));
	RD_TRY(ps_store_payment_add(db, p));
	o->state = PS_PAYING;
	rd_text_copy(o->payment, sizeof(o->payment), p->id);
	return ps_store_order_put(db, o);
}

static enum rd_status begin(struct ps_attempt *attempt, struct rd_db *db)
{
	struct authorise *a = of_attempt(attempt);
	char scope[PS_MERCHANT_ID_SIZE + 16], subject[PS_ID_SIZE];
	uint8_t digest[RD_SHA256_SIZE];
	const struct ps_idempotency key = {
		.scope = scope, .key = a->request.key, .request = digest};
	struct ps_order o;
	enum rd_status st;

	st = ps_store_order_get(db, a->request.order, &o);
	if (st == RD_NOTFOUND) {
		a->attempt.outcome.fault = PS_FAULT_NOT_FOUND;
		return RD_OK;
	}
	RD_TRY(st);
	snprintf(scope, sizeof(scope), "payment:%s", o.merchant);
	RD_TRY(request_digest(&o, digest));
	st = ps_store_idempotency_find(db, &key, subject);
	if (st == RD_FORBIDDEN) {
		a->attempt.outcome.fault = PS_FAULT_KEY_REUSED;
		return RD_OK;
	}
	if (st == RD_NOTFOUND) {
		return make(a, db, &o, &key);
	}
	RD_TRY(st);
	return find_again(a, db, subject);
}

static void fill(struct ps_attempt *attempt)
{
	struct authorise *a = of_attempt(attempt);
	struct pay_authorise *m = &a->attempt.ask.message.authorise;
	const struct ps_payment *p = &a->attempt.outcome.payment;

	a->attempt.ask.message.type = PAY_AUTHORISE;
	rd_text_copy(m->merchant, sizeof(m->merchant), p->merchant);
	rd_text_copy(m->order, sizeof(m->order), p->order);
	rd_text_copy(m->payment, sizeof(m->payment), p->key);
	rd_text_copy(m->currency, sizeof(m->currency), p->currency);
	m->amount = (uint64_t)p->amount;
	m->sealed = rd_view(a->request.sealed, sizeof(a->request.sealed));
	snprintf(m->who, sizeof(m->who), "merchant:%s", p->merchant);
	rd_text_copy(m->origin, sizeof(m->origin), a->request.origin);
	a->attempt.ask.record = record;
	a->attempt.ask.commit = commit;
}

void ps_authorise(struct ps *ps, const struct ps_authorise_request *request,
	ps_authorise_done *done, void *arg)
{
	struct ps_authorise_outcome failed = {.fault = PS_FAULT_INTERNAL};
	struct authorise *a = calloc(1, sizeof(*a));

	if (a == NULL) {
		done(arg, &failed);
		return;
	}
	*a = (struct authorise){.attempt = {.begin = begin, .fill = fill, .finish = finish},
		.request = *request,
		.done = done,
		.arg = arg};
	if (!ps_attempt_start(&a->attempt, ps, "pay_")) {
		rd_wipe(&a->request, sizeof(a->request));
		free(a);
		done(arg, &failed);
	}
}
