/* SPDX-License-Identifier: Apache-2.0 */
/* Which call is what, and who may make it. */
#ifndef PS_API_H
#define PS_API_H

#include "server/call.h"

/* Who may: bits of roles; PS_ANYONE needs no key. */
#define PS_ROLE_BIT(role) (1u << (role))
#define PS_ANYONE         0u

struct ps_route {
	const char *method;
	const char *path; /* "/v1/orders/{ord_}": an id of that kind */
	unsigned roles;
	void (*run)(struct ps_call *call); /* ends the call, or hands it on to who does */
};

/* NULL: *ret_fault is PS_FAULT_NOT_FOUND or _NO_METHOD. target as received; *ret_query is behind
 * its '?'. */
const struct ps_route *ps_api_route(struct rd_view method, struct rd_view target,
	char ret_id[PS_ID_SIZE], struct rd_view *ret_query, enum ps_fault *ret_fault);

/* On a worker: finds the route and who calls, and runs it. */
void ps_api_run(struct ps_call *call);

/* The handlers: ops_orders.c, ops_payments.c, ops_operator.c, ops_audit.c. */
void ps_ops_order_create(struct ps_call *call);
void ps_ops_order_get(struct ps_call *call);
void ps_ops_order_list(struct ps_call *call);
void ps_ops_payment_create(struct ps_call *call);
void ps_ops_payment_get(struct ps_call *call);
void ps_ops_payment_list(struct ps_call *call);
void ps_ops_payment_list_all(struct ps_call *call);
void ps_ops_capture(struct ps_call *call);
void ps_ops_refund(struct ps_call *call);
void ps_ops_reverse(struct ps_call *call);
void ps_ops_attestation(struct ps_call *call);
void ps_ops_rotate(struct ps_call *call);
void ps_ops_challenge(struct ps_call *call);
void ps_ops_export(struct ps_call *call);
void ps_ops_policy(struct ps_call *call);
void ps_ops_status(struct ps_call *call);
void ps_ops_metrics(struct ps_call *call);
void ps_ops_audit_records(struct ps_call *call);
void ps_ops_audit_head(struct ps_call *call);

#endif
