/* SPDX-License-Identifier: Apache-2.0 */
/* Calls: queued for a worker, answered. */
#include "server/call.h"

#include "base/text.h"
#include "log/log.h"
#include "os/workers.h"
#include "server/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPE_JSON "application/json"
/* Ours, CORS's, the answer's own. */
#define ANSWER_HEADERS_MAX 12

static struct rd_http_header header(const char *name, const char *value)
{
	return (struct rd_http_header){rd_view_str(name), rd_view_str(value)};
}

/* What the page of another origin may read (Fetch standard, "CORS protocol"). */
static size_t cors(
	const struct ps *ps, const struct rd_http_request *request, struct rd_http_header *ret)
{
	struct rd_view origin = rd_http_header_find(request, "Origin");

	if (ps->config.page_origin[0] == '\0' || origin.ptr == NULL ||
		!rd_view_equal(origin, rd_view_str(ps->config.page_origin))) {
		return 0;
	}
	ret[0] = header("Access-Control-Allow-Origin", ps->config.page_origin);
	ret[1] = header("Access-Control-Allow-Methods", "GET, POST");
	ret[2] = header(
		"Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key");
	ret[3] = header("Access-Control-Expose-Headers", "Retry-After");
	ret[4] = header("Access-Control-Max-Age", "600");
	ret[5] = header("Vary", "Origin");
	return 6;
}

static void end(struct ps_call *call, int status, const struct rd_http_header *headers, size_t n)
{
	rd_http_answer(call->http, status, headers, n, rd_buf_view(&call->body));
	rd_buf_finish(&call->body);
	free(call);
}

void ps_call_answer_as(struct ps_call *call, int status, const char *type,
	const struct rd_http_header *more, size_t n_more)
{
	struct rd_http_header headers[ANSWER_HEADERS_MAX] = {
		header("Content-Type", type), header("X-Content-Type-Options", "nosniff")};
	size_t n = 2;

	for (size_t i = 0; i < n_more; i++) {
		headers[n++] = more[i];
	}
	n += cors(call->ps, call->request, headers + n);
	end(call, status, headers, n);
}

static void answer_json(struct ps_call *call, int status, const char *name, const char *value)
{
	const struct rd_http_header more[] = {
		header("Cache-Control", "no-store"), header(name, value)};

	ps_call_answer_as(call, status, TYPE_JSON, more, name[0] == '\0' ? 1 : 2);
}

void ps_call_answer(struct ps_call *call, int status)
{
	enum rd_status st = rd_json_out_finish(&call->json);

	if (st == RD_OK) {
		st = rd_buf_put_str(&call->body, "\n");
	}
	if (st != RD_OK) {
		ps_call_fail(call, st);
		return;
	}
	answer_json(call, status, "", "");
}

static const char *retry_after(enum ps_fault fault)
{
	switch ((int)fault) {
	case PS_FAULT_IN_PROGRESS:
	case PS_FAULT_UNAVAILABLE:
		return "1";
	case PS_FAULT_BUSY:
		return "3";
	default:
		return NULL;
	}
}

void ps_call_refuse(struct ps_call *call, enum ps_fault fault, const char *message)
{
	const char *retry = retry_after(fault);
	struct rd_json_out *j = &call->json;

	call->body.used = 0;
	*j = rd_json_out(&call->body);
	rd_json_out_object(j, NULL);
	rd_json_out_object(j, "error");
	rd_json_out_str(j, "code", ps_fault_code(fault));
	rd_json_out_str(j, "message", message == NULL ? ps_fault_message(fault) : message);
	rd_json_out_end(j);
	rd_json_out_end(j);
	if (rd_json_out_finish(j) != RD_OK || rd_buf_put_str(&call->body, "\n") != RD_OK) {
		call->body.used = 0;
	}
	if (fault == PS_FAULT_UNAUTHENTICATED) {
		answer_json(call, ps_fault_status(fault), "WWW-Authenticate", "Bearer");
	} else if (retry != NULL) {
		answer_json(call, ps_fault_status(fault), "Retry-After", retry);
	} else {
		answer_json(call, ps_fault_status(fault), "", "");
	}
}

void ps_call_fail(struct ps_call *call, enum rd_status st)
{
	if (st == RD_NOTFOUND) {
		ps_call_refuse(call, PS_FAULT_NOT_FOUND, NULL);
		return;
	}
	rd_log(RD_LOG_ERROR, "a call failed: %s", rd_status_text(st));
	ps_call_refuse(call, PS_FAULT_INTERNAL, NULL);
}

void ps_call_who(const struct ps_call *call, char ret[PAY_WORD_MAX + 1])
{
	snprintf(ret, PAY_WORD_MAX + 1, "%s:%s", ps_role_name(call->key.role), call->key.name);
}

void ps_call_origin(const struct ps_call *call, char ret[PAY_WORD_MAX + 1])
{
	rd_text_copy(ret, PAY_WORD_MAX + 1, call->request->peer);
}

/* A browser asks first whether the page may ask. */
static bool answer_preflight(
	const struct ps *ps, const struct rd_http_request *request, struct rd_http_call *http)
{
	struct rd_http_header headers[ANSWER_HEADERS_MAX];
	size_t n = cors(ps, request, headers);

	if (n == 0 || !rd_view_equal(request->method, rd_view_str("OPTIONS"))) {
		return false;
	}
	rd_http_answer(http, 204, headers, n, rd_view("", 0));
	return true;
}

static void run(void *arg, unsigned worker)
{
	struct ps_call *call = arg;

	call->db = call->ps->dbs[worker];
	ps_api_run(call);
}

void ps_call_begin(struct ps *ps, const struct rd_http_request *request, struct rd_http_call *http)
{
	struct ps_call *call;

	if (answer_preflight(ps, request, http)) {
		return;
	}
	call = calloc(1, sizeof(*call));
	if (call == NULL) {
		rd_http_answer(http, 503, NULL, 0, rd_view("", 0));
		return;
	}
	call->ps = ps;
	call->request = request;
	call->http = http;
	call->body = rd_buf_growable(PS_ANSWER_MAX);
	call->json = rd_json_out(&call->body);
	if (rd_workers_submit(ps->workers, PS_LANE_CALLS, run, call) != RD_OK) {
		ps_call_refuse(call, PS_FAULT_BUSY, NULL);
	}
}
