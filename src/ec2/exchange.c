/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One exchange: taken from an HTTP thread, run on a worker, answered from there. The request's
 * bytes belong to the HTTP connection until the answer is given, which is last.
 */
#include "ec2/exchange.h"

#include "base/secret.h"
#include "ec2/authority.h"
#include "ec2/metrics.h"
#include "log/log.h"
#include "os/workers.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define TYPE_XML  "text/xml;charset=UTF-8"
#define TYPE_FORM "application/x-www-form-urlencoded"

struct exchange {
	struct ec2_call call;
	struct rd_query query;
	const struct rd_http_request *request;
	struct rd_http_call *http;
	int status;
	uint64_t began_us;
	struct rd_buf storage; /* what the query points into */
	struct rd_buf body;
};

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void answer(struct exchange *x)
{
	const struct rd_http_header headers[] = {
		{rd_view_str("x-amzn-RequestId"), rd_view_str(x->call.request_id)},
		{rd_view_str("Content-Type"), rd_view_str(TYPE_XML)},
		{rd_view_str("Cache-Control"), rd_view_str("no-cache, no-store")},
	};

	ec2_metrics_call(
		x->call.ec2->metrics, x->call.op, x->call.fault.type, now_us() - x->began_us);
	rd_http_answer(x->http, x->status, headers, RD_ARRAY_LEN(headers), rd_buf_view(&x->body));
	/* CreateKeyPair's answer has a private key in it. */
	if (x->body.ptr != NULL) {
		rd_wipe(x->body.ptr, x->body.used);
	}
	rd_buf_finish(&x->body);
	rd_buf_finish(&x->storage);
	free(x);
}

static void refuse(struct exchange *x, enum ec2_fault_type type, const char *message)
{
	(void)ec2_fail(&x->call, type, "%s", message);
	ec2_call_fault(&x->call, &x->body, &x->status);
	answer(x);
}

static bool is_form(const struct rd_http_request *request)
{
	struct rd_view type = rd_http_header_find(request, "Content-Type");

	return rd_view_equal(request->method, rd_view_str("POST")) &&
	       (request->target.len == 0 || rd_view_equal(request->target, rd_view_str("/"))) &&
	       type.len >= strlen(TYPE_FORM) &&
	       strncasecmp((const char *)type.ptr, TYPE_FORM, strlen(TYPE_FORM)) == 0;
}

/* Only for who is known: before that nothing of the request is looked at. */
static void parse_and_run(struct exchange *x)
{
	enum rd_status st = rd_query_parse(x->request->body, &x->storage, &x->query);

	if (st == RD_LIMIT) {
		(void)ec2_fail(&x->call, EC2_FAULT_MALFORMED,
			"The query has more than %d parameters, or one whose name is longer than "
			"%d bytes.",
			RD_QUERY_PARAMS_MAX, RD_QUERY_NAME_MAX);
	} else if (st == RD_DUPLICATE) {
		(void)ec2_fail(
			&x->call, EC2_FAULT_MALFORMED, "%s", "The query has a parameter twice.");
	} else if (st != RD_OK) {
		(void)ec2_fail(&x->call, EC2_FAULT_MALFORMED, "%s",
			"The query string contains a syntax error.");
	}
	if (st != RD_OK) {
		ec2_call_fault(&x->call, &x->body, &x->status);
		return;
	}
	ec2_call_run(&x->call, &x->query, &x->body, &x->status);
}

static void run(void *arg, unsigned worker)
{
	struct exchange *x = arg;
	const struct ec2_authority *authority = x->call.ec2->authority;
	enum rd_status st;

	x->call.worker = worker;
	x->call.db = x->call.ec2->dbs[worker];
	x->call.now_ms = x->call.ec2->now_ms();
	st = authority->authenticate(authority->ctx, &x->call, x->request);
	if (st == RD_OK) {
		parse_and_run(x);
	} else {
		if (x->call.fault.type == EC2_FAULT_NONE) {
			(void)ec2_fail(&x->call, EC2_FAULT_INTERNAL, "%s",
				"An internal error has occurred. The request can be retried.");
		}
		ec2_call_fault(&x->call, &x->body, &x->status);
	}
	answer(x);
}

static void answer_bare(struct rd_http_call *http, int status, const char *text)
{
	rd_http_answer_typed(http, status, "text/plain", rd_view_str(text));
}

void ec2_exchange_begin(
	struct ec2 *ec2, const struct rd_http_request *request, struct rd_http_call *http)
{
	struct exchange *x = calloc(1, sizeof(*x));

	if (x == NULL || ec2_request_id(x->call.request_id) != RD_OK) {
		free(x);
		answer_bare(http, 503, "out of memory\n");
		return;
	}
	x->call.ec2 = ec2;
	x->began_us = now_us();
	x->request = request;
	x->http = http;
	x->storage = rd_buf_growable(RD_QUERY_SIZE_MAX);
	x->body = rd_buf_growable(EC2_ANSWER_MAX);
	if (!is_form(request)) {
		refuse(x, EC2_FAULT_MALFORMED,
			"A request is a POST of a form (" TYPE_FORM ") to /, with its parameters "
			"in the body.");
		return;
	}
	if (rd_workers_submit(ec2->workers, 0, run, x) != RD_OK) {
		refuse(x, EC2_FAULT_TOO_MANY, "Request limit exceeded: too many requests wait.");
	}
}
