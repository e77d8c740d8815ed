/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of the API: from the HTTP thread that took it, through a worker, to its answer, which is
 * given from whichever thread has it. The request's bytes belong to the connection until then.
 */
#ifndef PS_CALL_H
#define PS_CALL_H

#include "aws/json_out.h"
#include "http/server.h"
#include "server/fault.h"
#include "server/model.h"
#include "server/ps.h"

/* A hundred payments, or records of 4 KiB whose quotes are escaped. */
#define PS_ANSWER_MAX (2u << 20)

struct ps_call {
	struct ps *ps;
	const struct rd_http_request *request;
	struct rd_http_call *http;
	struct rd_db *db; /* the worker's: for as long as the handler runs */
	bool known;       /* key is set: who calls */
	struct ps_api_key key;
	char id[PS_ID_SIZE]; /* of the path, if its route has one */
	struct rd_view query;
	struct rd_buf body;
	struct rd_json_out json; /* into body */
};

/* Takes a call from HTTP; every way out of it answers. */
void ps_call_begin(struct ps *ps, const struct rd_http_request *request, struct rd_http_call *http);

/* Each of these ends the call. */
void ps_call_answer(struct ps_call *call, int status);
/* message NULL: the fault's own. */
void ps_call_refuse(struct ps_call *call, enum ps_fault fault, const char *message);
/* After a failure of the database, or of our own. */
void ps_call_fail(struct ps_call *call, enum rd_status st);
/* The answer has another type, and perhaps headers of its own. */
void ps_call_answer_as(struct ps_call *call, int status, const char *type,
	const struct rd_http_header *more, size_t n_more);

/* "merchant:shop" for the audit log; where the call comes from. */
void ps_call_who(const struct ps_call *call, char ret[PAY_WORD_MAX + 1]);
void ps_call_origin(const struct ps_call *call, char ret[PAY_WORD_MAX + 1]);

#endif
