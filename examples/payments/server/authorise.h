/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authorising a payment, from the client's request to its outcome.
 *
 *	request ──► book: order, idempotency key, payment AUTHORISING ──► AUTHORISE ──┐
 *	outcome ◄── book: state and the log's record, one transaction ◄── RESULT ◄────┤
 *	            book: token, sealed card and the log's record ◄────── RECORD ◄────┘
 *
 * A second request under the same key finds the payment: decided, it is the answer; under way, it
 * is told so; left behind by a crash, it is sent again, and the gateway knows it by its number.
 */
#ifndef PS_AUTHORISE_H
#define PS_AUTHORISE_H

#include "server/enclave.h"
#include "server/fault.h"
#include "server/model.h"

/* What is asked for. */
struct ps_authorise_request {
	char order[PS_ID_SIZE];
	char key[PS_KEY_SIZE];
	char origin[PAY_WORD_MAX + 1]; /* the client's address */
	uint8_t sealed[PAY_SEALED_CARD_SIZE];
};

struct ps_authorise_outcome {
	enum ps_fault fault; /* PS_FAULT_NONE: payment is set */
	bool replayed;       /* it was decided before this request */
	struct ps_payment payment;
};

/* done is called once, from another thread or before this returns; what was sealed has been wiped
 * by then. */
typedef void ps_authorise_done(void *arg, const struct ps_authorise_outcome *outcome);
void ps_authorise(struct ps *ps, const struct ps_authorise_request *request,
	ps_authorise_done *done, void *arg);

#endif
