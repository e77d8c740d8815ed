/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of lists. */
#include "server/listing.h"

#include "server/api.h"

#include <string.h>

bool ps_listing_begin(struct ps_listing *l, struct ps_call *call, const char *name,
	const char *kind, const char *merchant)
{
	struct ps_refusal refusal;

	*l = (struct ps_listing){.call = call};
	refusal = ps_query_page(call->query, kind, &l->query);
	if (refusal.fault != PS_FAULT_NONE) {
		ps_call_refuse(call, refusal.fault, refusal.message);
		return false;
	}
	l->page = (struct ps_page){
		.merchant = merchant, .after = l->query.after, .limit = l->query.limit + 1};
	rd_json_out_object(&call->json, NULL);
	rd_json_out_list(&call->json, name);
	return true;
}

/* One more than is shown says that there is another page. */
bool ps_listing_shows(struct ps_listing *l, const char id[PS_ID_SIZE])
{
	if (l->n++ == l->query.limit) {
		return false;
	}
	memcpy(l->last, id, sizeof(l->last));
	return true;
}

void ps_listing_end(struct ps_listing *l, enum rd_status st)
{
	struct ps_call *call = l->call;

	if (st != RD_OK) {
		ps_call_fail(call, st);
		return;
	}
	rd_json_out_end(&call->json);
	rd_json_out_str(&call->json, "next", l->n > l->query.limit ? l->last : NULL);
	rd_json_out_end(&call->json);
	ps_call_answer(call, 200);
}
