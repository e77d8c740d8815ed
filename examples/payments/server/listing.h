/* SPDX-License-Identifier: Apache-2.0 */
/* A page of a list, as JSON: {"<name>": […], "next": the last id if there is another page}. */
#ifndef PS_LISTING_H
#define PS_LISTING_H

#include "server/body.h"
#include "server/call.h"
#include "server/store.h"

struct ps_listing {
	struct ps_page page; /* for the store */
	struct ps_query_page query;
	struct ps_call *call;
	uint32_t n;
	char last[PS_ID_SIZE];
};

/* By the call's query, ids beginning with kind. False: the query is bad, and the call is answered.
 */
bool ps_listing_begin(struct ps_listing *l, struct ps_call *call, const char *name,
	const char *kind, const char *merchant) RD_MUST_USE;
/* For each row of the store: whether it is to be put into the JSON. */
bool ps_listing_shows(struct ps_listing *l, const char id[PS_ID_SIZE]) RD_MUST_USE;
/* Answers the call; st is the store's. */
void ps_listing_end(struct ps_listing *l, enum rd_status st);

#endif
