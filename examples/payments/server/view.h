/* SPDX-License-Identifier: Apache-2.0 */
/* Orders and payments as the API shows them. */
#ifndef PS_VIEW_H
#define PS_VIEW_H

#include "server/call.h"

/* merchant_name NULL: left out. */
void ps_view_order(struct rd_json_out *j, const struct ps_order *o, const char *merchant_name);
/* full: with token, authorisation code and merchant, for whoever has shown a key. */
void ps_view_payment(struct rd_json_out *j, const struct ps_payment *p, bool full);

/* Whether this caller sees all of it: its merchant, or a role of the house. */
bool ps_view_is_full(const struct ps_call *call, const char *merchant);

#endif
