/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The enclave as the rest of the server sees it: somebody who is asked and answers, and who may go
 * away and come back at any time.
 *
 *	ask ──► waiting ──► open ──► answer ──► commit (book) ──► done
 *	           │          └──► the link breaks ───────────────► done (RD_UNAVAILABLE)
 *	           └──► no enclave for PS_ASK_WAIT_MS ────────────► done (RD_UNAVAILABLE)
 *
 * One thread connects to the places of the configuration, the first that can be reached and started
 * first. When a better place becomes reachable while another one serves, that is an upgrade: new
 * questions wait, open ones are answered, then the old link is closed and the new enclave started
 * with the log as it is: a log has one author at a time.
 *
 * The enclave's own questions (RECORD, LOOKUP, PROOF, NEW_KEY) are answered here, by way of the
 * book, in the order in which they come.
 */
#ifndef PS_ENCLAVE_H
#define PS_ENCLAVE_H

#include "server/link.h"
#include "server/ps.h"

/* A customer waits no longer for an enclave to come back than this. */
#define PS_ASK_WAIT_MS 15000
/* For an answer: the enclave's own time-outs for the gateway, several in a row, are shorter. An
 * enclave that says nothing for so long is given up, and with it everything that it works on. */
#define PS_ASK_ANSWER_MS 90000
/* Questions that wait: some seconds of work. */
#define PS_ASKS_WAITING_MAX 1024

struct ps_ask;

/* Something to be done on the enclave's thread. */
struct ps_note {
	void (*run)(struct ps_enclave *enclave, struct ps_note *note);
	struct ps_note *next;
};

struct ps_ask {
	/* Type and fields; id is the enclave's to set. What views point to lives until done. */
	struct pay_message message;
	/* In the transaction of a RECORD that belongs to this question, and may be NULL. */
	enum rd_status (*record)(
		struct ps_ask *ask, struct rd_db *db, const struct pay_record *record);
	/* In the answer's transaction, its own record being appended; may be NULL. Both as
	 * ps_job's run: they may happen several times. An ERROR is an answer, too. */
	enum rd_status (*commit)(
		struct ps_ask *ask, struct rd_db *db, const struct pay_message *answer);
	/* Once, from the book's thread. RD_OK: committed; RD_UNAVAILABLE: no answer came (the
	 * question may have been heard all the same); else the commit failed. answer: NULL unless
	 * RD_OK. The ask is the owner's again. */
	void (*done)(struct ps_ask *ask, enum rd_status st, const struct pay_message *answer);
	/* The enclave's. */
	struct ps_enclave *enclave;
	struct ps_note note;
	struct ps_job job;
	struct ps_ask *next;
	struct ps_frame *frame;
	uint64_t since_ms, generation;
	enum rd_status st;
};

enum rd_status ps_enclave_new(struct ps *ps, struct ps_enclave **ret, struct rd_error *err)
	RD_MUST_USE;
/* From now on no question waits longer than this. */
void ps_enclave_hurry(struct ps_enclave *enclave, unsigned grace_ms);
/* Ends the thread and the links; what was asked ends by way of the book, which is freed next. */
void ps_enclave_stop(struct ps_enclave *enclave);
/* Last, when there is no book any more. Accepts NULL. */
void ps_enclave_free(struct ps_enclave **enclave);

/* From any thread. RD_LIMIT: too many wait, and done is not called. */
enum rd_status ps_enclave_ask(struct ps_enclave *enclave, struct ps_ask *ask) RD_MUST_USE;

/* Other places, from a configuration read again. */
void ps_enclave_places(struct ps_enclave *enclave, const struct ps_place *places, size_t n);

struct ps_enclave_status {
	bool ready;
	uint64_t image_version, policy_version; /* of the one that serves */
	uint64_t waiting, open;
	uint64_t starts, breaks; /* so far */
	struct ps_place place;
};
void ps_enclave_status(struct ps_enclave *enclave, struct ps_enclave_status *ret);

#endif
