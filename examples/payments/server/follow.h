/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows an authorisation: capture, refund and reversal, and the void of a payment that was
 * never answered. Each is an operation with an id of its own, which is on record before the enclave
 * hears of it; what is asked for again is the same operation until it has been answered.
 */
#ifndef PS_FOLLOW_H
#define PS_FOLLOW_H

#include "server/authorise.h"

/* When recovery takes an operation up that has not been answered. */
#define PS_RETRY_MS 5000

struct ps_follow_request {
	enum ps_operation_kind kind;
	char payment[PS_ID_SIZE];
	char merchant[PS_MERCHANT_ID_SIZE]; /* whose it must be; "": anybody's (an operator) */
	char who[PAY_WORD_MAX + 1];
	char origin[PAY_WORD_MAX + 1]; /* "": the server itself */
};

/* done: as ps_authorise's. */
void ps_follow(
	struct ps *ps, const struct ps_follow_request *request, ps_authorise_done *done, void *arg);

/* The same for recovery, which knows the payment: whatever its state is waiting for. */
void ps_follow_recover(
	struct ps *ps, const struct ps_payment *payment, ps_authorise_done *done, void *arg);

#endif
