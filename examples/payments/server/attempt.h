/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an authorisation and the operations that follow it have in common: a job of the book that
 * notes what is to happen, a question to the enclave if it is to, and an outcome for whoever asked.
 * A payment is in flight from the job to the outcome, so that nobody else works on it.
 *
 *	ps_attempt_start ──► begin (book) ──► fill, the question ──► ask.commit (book) ──► finish
 *	                          └── nothing to ask, or a fault ────────────────────────────┘
 */
#ifndef PS_ATTEMPT_H
#define PS_ATTEMPT_H

#include "server/authorise.h"

struct ps_attempt {
	/* The owner's. */
	enum rd_status (*begin)(struct ps_attempt *a, struct rd_db *db); /* as ps_job's run */
	void (*fill)(struct ps_attempt *a);   /* ask's message, record and commit */
	void (*finish)(struct ps_attempt *a); /* tells the outcome, frees; ps_attempt_leave first */
	struct ps_authorise_outcome outcome;
	struct ps_ask ask;
	char new_id[PS_ID_SIZE]; /* for what begin makes */
	/* ps_attempt_'s. */
	struct ps *ps;
	struct ps_job job;
	char in_flight[PS_ID_SIZE]; /* the payment; "": none, and nothing is asked */
};

/* begin, fill and finish are set, the rest is zero; prefix is of new_id. False: no id, and nothing
 * of the attempt will be called. */
bool ps_attempt_start(struct ps_attempt *a, struct ps *ps, const char *prefix) RD_MUST_USE;

/* From begin: the payment is in flight now, or the outcome says why it cannot be. */
void ps_attempt_enter(struct ps_attempt *a, const char *payment);
/* It is no more. */
void ps_attempt_leave(struct ps_attempt *a);

#endif
