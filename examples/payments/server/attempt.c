/* SPDX-License-Identifier: Apache-2.0 */
/* An attempt's way through the book and the enclave. */
#include "server/attempt.h"

#include "base/text.h"
#include "log/log.h"
#include "server/flight.h"
#include "server/ids.h"

#include <stdio.h>

void ps_attempt_enter(struct ps_attempt *a, const char *payment)
{
	enum rd_status st = ps_flight_enter(a->ps->flight, payment);

	if (st == RD_OK) {
		rd_text_copy(a->in_flight, sizeof(a->in_flight), payment);
	} else {
		a->outcome.fault = st == RD_EXISTS ? PS_FAULT_IN_PROGRESS : PS_FAULT_BUSY;
	}
}

void ps_attempt_leave(struct ps_attempt *a)
{
	if (a->in_flight[0] != '\0') {
		ps_flight_leave(a->ps->flight, a->in_flight);
		a->in_flight[0] = '\0';
	}
}

static void answered(struct ps_ask *ask, enum rd_status st, const struct pay_message *answer)
{
	struct ps_attempt *a = ps_container(ask, struct ps_attempt, ask);

	if (st != RD_OK) {
		a->outcome.fault = PS_FAULT_UNAVAILABLE;
	} else if (answer->type == PAY_ERROR) {
		rd_log(RD_LOG_WARNING, "payment %s: the enclave says %s: %s", a->in_flight,
			pay_error_name(answer->error.code), answer->error.text);
	}
	a->finish(a);
}

/* May happen several times: whatever the last time left is undone first. */
static enum rd_status begin(struct ps_job *job, struct rd_db *db)
{
	struct ps_attempt *a = ps_container(job, struct ps_attempt, job);

	ps_attempt_leave(a);
	a->outcome = (struct ps_authorise_outcome){0};
	return a->begin(a, db);
}

static void begun(struct ps_job *job, enum rd_status st)
{
	struct ps_attempt *a = ps_container(job, struct ps_attempt, job);

	if (st != RD_OK) {
		a->outcome.fault = PS_FAULT_UNAVAILABLE;
	} else if (a->in_flight[0] != '\0') {
		a->fill(a);
		a->ask.done = answered;
		if (ps_enclave_ask(a->ps->enclave, &a->ask) == RD_OK) {
			return;
		}
		a->outcome.fault = PS_FAULT_BUSY;
	}
	a->finish(a);
}

bool ps_attempt_start(struct ps_attempt *a, struct ps *ps, const char *prefix)
{
	if (ps_id_new(prefix, a->new_id) != RD_OK) {
		return false;
	}
	a->ps = ps;
	a->job.run = begin;
	a->job.done = begun;
	ps_book_submit(ps->book, &a->job);
	return true;
}
