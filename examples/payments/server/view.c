/* SPDX-License-Identifier: Apache-2.0 */
/* Records as JSON. Empty texts are left out. */
#include "server/view.h"

#include "base/text.h"

#include <string.h>

static void put(struct rd_json_out *j, const char *name, const char *text)
{
	rd_json_out_str(j, name, text[0] == '\0' ? NULL : text);
}

static void put_time(struct rd_json_out *j, const char *name, int64_t ms)
{
	char text[RD_TIME_TEXT_SIZE];

	rd_time_string((uint64_t)ms, text);
	rd_json_out_str(j, name, text);
}

void ps_view_order(struct rd_json_out *j, const struct ps_order *o, const char *merchant_name)
{
	rd_json_out_object(j, NULL);
	rd_json_out_str(j, "id", o->id);
	rd_json_out_str(j, "merchant", o->merchant);
	rd_json_out_str(j, "merchant_name", merchant_name);
	rd_json_out_int(j, "amount", o->amount);
	rd_json_out_str(j, "currency", o->currency);
	put(j, "reference", o->reference);
	rd_json_out_str(j, "state", ps_order_state_name(o->state));
	put(j, "payment", o->payment);
	put_time(j, "created_at", o->created_ms);
	rd_json_out_end(j);
}

void ps_view_payment(struct rd_json_out *j, const struct ps_payment *p, bool full)
{
	rd_json_out_object(j, NULL);
	rd_json_out_str(j, "id", p->id);
	rd_json_out_str(j, "order", p->order);
	rd_json_out_str(j, "state", ps_payment_state_name(p->state));
	rd_json_out_int(j, "amount", p->amount);
	rd_json_out_str(j, "currency", p->currency);
	put(j, "masked", p->masked);
	put(j, "brand", p->brand);
	put(j, "reason", p->reason);
	if (full) {
		rd_json_out_str(j, "merchant", p->merchant);
		put(j, "token", p->token);
		put(j, "fpe_token", p->fpe_token);
		put(j, "auth_code", p->auth_code);
		put(j, "rrn", p->rrn);
	}
	put_time(j, "created_at", p->created_ms);
	put_time(j, "updated_at", p->updated_ms);
	rd_json_out_end(j);
}

bool ps_view_is_full(const struct ps_call *call, const char *merchant)
{
	return call->known &&
	       (call->key.role != PS_MERCHANT || strcmp(call->key.merchant, merchant) == 0);
}
