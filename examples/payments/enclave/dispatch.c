/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to the parts that they are for; answers and refusals. */
#include "enclave/dispatch.h"

#include <stdarg.h>
#include <stdio.h>

void enclave_send(struct enclave *e, const struct pay_message *m)
{
	if (link_send(&e->link, m) == RD_OK) {
		return;
	}
	/* A question of ours that cannot be asked: nothing can go on. */
	if (m->type >= PAY_RECORD) {
		link_refuse(&e->link, "a question that must not leave the enclave");
	} else {
		enclave_refuse(e, m->id, PAY_ERROR_INTERNAL,
			"%s must not leave the enclave as it is", pay_type_name((uint64_t)m->type));
	}
}

void enclave_refuse(struct enclave *e, uint64_t id, enum pay_error_code code, const char *fmt, ...)
{
	struct pay_message m = {.type = PAY_ERROR, .id = id, .error.code = code};
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(m.error.text, sizeof(m.error.text), fmt, ap);
	va_end(ap);
	for (char *c = m.error.text; *c != '\0'; c++) {
		*c = *c >= ' ' && *c <= '~' ? *c : '?';
	}
	/* Made of our own words: if it does not pass, there is a number in it, and it stays here.
	 */
	if (link_send(&e->link, &m) != RD_OK) {
		link_refuse(&e->link, "an answer that must not leave the enclave");
	}
}

void enclave_acknowledge(struct enclave *e, uint64_t size, const uint8_t head[PAY_HEAD_SIZE])
{
	if (!e->has_acknowledged || size >= e->acknowledged_size) {
		e->has_acknowledged = true;
		e->acknowledged_size = size;
		memcpy(e->acknowledged, head, PAY_HEAD_SIZE);
	}
}

static void take_answer(struct enclave *e, const struct pay_message *m)
{
	struct operation *op = operation_of_question(e, m->id);

	if (m->id == e->start.question) {
		start_answer(e, m);
	} else if (m->id == e->witness.question) {
		witness_proved(e, m);
	} else if (op != NULL) {
		operation_answer(e, op, m);
	} else {
		link_refuse(&e->link, "an answer to a question that is not open");
	}
}

static void take_question(struct enclave *e, const struct pay_message *m)
{
	switch ((unsigned)m->type) {
	case PAY_ATTEST:
		duties_attest(e, m->id, &m->attest);
		break;
	case PAY_AUTHORISE:
		operation_authorise(e, m->id, &m->authorise);
		break;
	case PAY_CAPTURE:
	case PAY_REFUND:
	case PAY_REVERSE:
		operation_follow(e, m->type, m->id, &m->follow);
		break;
	case PAY_REWRAP:
		duties_rewrap(e, m->id, &m->rewrap);
		break;
	case PAY_ROTATE:
		duties_rotate(e, m->id, &m->rotate);
		break;
	case PAY_CHALLENGE:
		duties_challenge(e, m->id);
		break;
	case PAY_EXPORT:
		duties_export(e, m->id, &m->dual);
		break;
	case PAY_POLICY:
		duties_policy(e, m->id, &m->dual);
		break;
	default:
		link_refuse(&e->link, "not a question");
	}
}

void dispatch_message(void *arg, const struct pay_message *m)
{
	struct enclave *e = arg;

	if (m->type >= PAY_RECORDED) {
		take_answer(e, m);
	} else if (m->type == PAY_START) {
		start_begin(e, m->id, &m->start);
	} else if (e->start.stage != START_DONE) {
		enclave_refuse(e, m->id, PAY_ERROR_NOT_STARTED, "START comes first");
	} else if (e->witness.stage == WITNESS_BAD && m->type != PAY_ATTEST) {
		/* What is recorded in a log that was taken back, or forked, is not recorded. */
		enclave_refuse(e, m->id, PAY_ERROR_WITNESS, "%s", e->witness.why);
	} else {
		take_question(e, m);
	}
}

void dispatch_link_closed(void *arg)
{
	struct enclave *e = arg;

	operation_end_all(e);
	start_reset(e);
	witness_reset(e);
}

void dispatch_gateway_up(void *arg)
{
	witness_begin(arg);
}

void dispatch_gateway_down(void *arg)
{
	witness_down(arg);
	operation_gateway_down(arg);
}

void dispatch_gateway_answer(void *arg, const struct pay_gateway_answer *answer)
{
	if (!witness_answer(arg, answer)) {
		operation_gateway(arg, answer);
	}
}

void dispatch_kms_done(void *arg)
{
	struct enclave *e = arg;

	if (e->start.stage == START_DONE && !e->start.stale) {
		duties_rotate_done(e);
	} else {
		start_keys_done(e);
	}
}

void dispatch_tick(void *arg)
{
	struct enclave *e = arg;
	uint64_t now_ms = rd_loop_now_ms();

	start_tick(e, now_ms);
	witness_tick(e, now_ms);
	operation_tick(e, now_ms);
	/* Without time nothing ever times out: rather no enclave. */
	if (rd_watch_arm(e->tick, ENCLAVE_TICK_MS) != RD_OK) {
		rd_loop_stop(e->loop);
	}
}
