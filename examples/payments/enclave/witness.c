/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Showing the log to the gateway, which remembers the newest head that it was shown.
 *
 *	NONE → SENT       sign-on (0800) with the newest head that the server has committed
 *	SENT → GOOD       the gateway had none before, or the one that this process showed
 *	SENT → PROVING    it had another: does our log begin with that one? The server proves it
 *	PROVING → GOOD
 *	any → BAD         refused by the gateway (rollback, fork), or not proven: payments stop
 *
 * Payments are sent while it is GOOD. After that a new head is shown every WITNESS_EVERY_MS, so
 * that a server which takes the log back behind what it has committed is found out.
 */
#include "enclave/enclave.h"

#include <stdio.h>

#define WITNESS_EVERY_MS 2000
/* A signed-on session that says nothing: it is broken off and made again. */
#define WITNESS_ANSWER_MS 10000

_Static_assert(PAY_GATEWAY_HEAD_SIZE == PAY_HEAD_SIZE, "one head");

static void bad(struct enclave *e, const char *why)
{
	e->witness.stage = WITNESS_BAD;
	(void)snprintf(e->witness.why, sizeof(e->witness.why), "%s", why);
	start_witnessed(e);
}

static void good(struct enclave *e)
{
	struct witness *w = &e->witness;
	bool first = w->stage != WITNESS_GOOD;

	w->stage = WITNESS_GOOD;
	w->next_ms = rd_loop_now_ms() + WITNESS_EVERY_MS;
	if (first) {
		start_witnessed(e);
		operation_gateway_up(e);
	}
}

static enum rd_status write_sign_on(struct enclave *e, struct pay_gateway_request *request)
{
	struct rd_buf key = rd_buf_fixed(request->head.key, sizeof(request->head.key));

	*request = (struct pay_gateway_request){.kind = PAY_GATEWAY_SIGN_ON};
	pay_gateway_time((int64_t)(journal_now_ms() / 1000), request->stamp.sent);
	e->stan = e->stan % 999999 + 1;
	(void)snprintf(e->witness.stan, sizeof(e->witness.stan), "%06u", e->stan);
	memcpy(request->stamp.stan, e->witness.stan, sizeof(request->stamp.stan));
	request->head.present = true;
	request->head.has_key = true;
	memcpy(e->witness.sent, e->acknowledged, sizeof(e->witness.sent));
	memcpy(request->head.bytes, e->witness.sent, sizeof(request->head.bytes));
	return rd_ec_key_to_spki(e->keyring.log_key, &key);
}

void witness_begin(struct enclave *e)
{
	struct pay_gateway_request request;

	/* Before START there is no log; during a proof one sign-on is enough. */
	if (!e->journal.open || !e->has_acknowledged || e->gateway.state != GATEWAY_UP ||
		e->witness.stage == WITNESS_SENT || e->witness.stage == WITNESS_PROVING ||
		e->witness.stage == WITNESS_BAD) {
		return;
	}
	if (write_sign_on(e, &request) != RD_OK || gateway_send(&e->gateway, &request) != RD_OK) {
		return;
	}
	if (e->witness.stage == WITNESS_NONE) {
		e->witness.stage = WITNESS_SENT;
	}
	e->witness.deadline_ms = rd_loop_now_ms() + WITNESS_ANSWER_MS;
	e->witness.checked = e->journal.author;
}

void witness_down(struct enclave *e)
{
	if (e->witness.stage != WITNESS_BAD) {
		e->witness.stage = WITNESS_NONE;
	}
	e->witness.deadline_ms = 0;
}

void witness_reset(struct enclave *e)
{
	e->witness.stage = WITNESS_NONE;
	e->witness.question = 0;
	e->witness.deadline_ms = 0;
	e->witness.stan[0] = '\0';
}

static void ask_for_proof(struct enclave *e, uint64_t old_size)
{
	struct pay_message m = {.type = PAY_PROOF,
		.id = link_next_id(&e->link),
		.proof = {.old_size = old_size, .size = e->witness.checked.head.size}};

	e->witness.stage = WITNESS_PROVING;
	e->witness.question = m.id;
	enclave_send(e, &m);
}

/* Holds the log against the head that the gateway had, with what proof there is. */
static void judge(struct enclave *e, struct rd_view proof)
{
	struct witness *w = &e->witness;
	uint64_t old_size = 0;
	enum rd_status st = rd_audit_author_continues(
		&w->checked, rd_view(w->last, sizeof(w->last)), proof, &old_size);

	if (st == RD_OK) {
		good(e);
	} else if (st == RD_MISSING) {
		ask_for_proof(e, old_size);
	} else {
		bad(e, st == RD_EXPIRED
				? "the gateway has witnessed more records than the log has: "
				  "it was rolled back"
				: "the log does not begin with the one that the gateway "
				  "witnessed");
	}
}

static void take_last(struct enclave *e, const struct pay_gateway_head *last)
{
	struct witness *w = &e->witness;
	bool ours = last->present && w->has_shown &&
		    memcmp(last->bytes, w->shown, sizeof(w->shown)) == 0;

	memcpy(w->shown, w->sent, sizeof(w->shown));
	w->has_shown = true;
	if (!last->present || ours) {
		good(e);
		return;
	}
	memcpy(w->last, last->bytes, sizeof(w->last));
	judge(e, rd_view(NULL, 0));
}

bool witness_answer(struct enclave *e, const struct pay_gateway_answer *answer)
{
	struct witness *w = &e->witness;

	if (answer->kind != PAY_GATEWAY_SIGN_ON) {
		return false;
	}
	if (w->deadline_ms == 0 || strcmp(answer->stamp.stan, w->stan) != 0) {
		return true;
	}
	w->deadline_ms = 0;
	if (strcmp(answer->response, PAY_GATEWAY_APPROVED) == 0) {
		take_last(e, &answer->head);
	} else {
		char why[PAY_TEXT_MAX + 1];

		(void)snprintf(why, sizeof(why), "the gateway refuses the log: %s",
			answer->reason[0] == '\0' ? answer->response : answer->reason);
		bad(e, why);
	}
	return true;
}

void witness_proved(struct enclave *e, const struct pay_message *m)
{
	e->witness.question = 0;
	if (m->type != PAY_PROVED) {
		link_refuse(&e->link, "PROOF is answered by PROVED");
	} else if (e->witness.stage == WITNESS_PROVING) {
		judge(e, m->proved.proof);
	}
	/* Otherwise the gateway has gone meanwhile: it will be shown the log anew. */
}

void witness_tick(struct enclave *e, uint64_t now_ms)
{
	struct witness *w = &e->witness;

	if (w->deadline_ms > 0 && now_ms >= w->deadline_ms) {
		w->deadline_ms = 0;
		gateway_reset(&e->gateway, "the gateway does not answer a sign-on");
	} else if (w->stage == WITNESS_NONE && w->deadline_ms == 0) {
		witness_begin(e);
	} else if (w->stage == WITNESS_GOOD && w->deadline_ms == 0 && now_ms >= w->next_ms &&
		   memcmp(w->shown, e->acknowledged, sizeof(w->shown)) != 0) {
		witness_begin(e);
	}
}
