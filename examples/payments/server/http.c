/* SPDX-License-Identifier: Apache-2.0 */
/* What lib/http is told, and what it hands us: the API, pages, and what is neither. */
#include "server/http.h"

#include "http/server.h"
#include "http/tls_files.h"
#include "os/workers.h"
#include "server/body.h"
#include "server/call.h"
#include "server/enclave.h"
#include "server/fault.h"
#include "server/pages.h"

#include <stdlib.h>
#include <string.h>

/* An API key and what a browser sends. */
#define HEADERS_MAX 16384
#define HEADER_MS   10000
#define BODY_MS     15000
#define WRITE_MS    15000
#define IDLE_MS     60000
#define CONNECTIONS 2048
/* Behind a proxy all clients have one address, so this is no finer than that. */
#define PER_PEER 2048
/* What is under way when the server is stopped. */
#define GRACE_MS 10000

#define TYPE_JSON              "application/json"
#define REFUSAL(code, message) "{\"error\":{\"code\":\"" code "\",\"message\":\"" message "\"}}\n"

static void refusal(
	void *ctx, enum rd_http_refusal what, const char **ret_type, const char **ret_body)
{
	static const char *const bodies[RD_HTTP_REFUSAL_COUNT] = {
		[RD_HTTP_BAD_REQUEST] = REFUSAL(
			"bad_request", "This is no HTTP/1.1 request that is served here."),
		[RD_HTTP_TOO_LARGE] = REFUSAL(
			"too_large", "The request is larger than 65536 bytes."),
		[RD_HTTP_TIMEOUT] = REFUSAL("timeout", "The request did not arrive in time."),
		[RD_HTTP_HEADERS_LARGE] = REFUSAL(
			"too_large", "The request's headers are larger than 16384 bytes."),
		[RD_HTTP_OVERLOADED] = REFUSAL("busy", "Too many connections."),
	};

	(void)ctx;
	*ret_type = TYPE_JSON;
	*ret_body = bodies[what];
}

static bool is_method(const struct rd_http_request *request, const char *method)
{
	return rd_view_equal(request->method, rd_view_str(method));
}

static bool begins(struct rd_view target, const char *with)
{
	return target.len >= strlen(with) && memcmp(target.ptr, with, strlen(with)) == 0;
}

static void answer_health(struct ps *ps, struct rd_http_call *call)
{
	const struct rd_http_header type = {rd_view_str("Content-Type"), rd_view_str("text/plain")};
	struct ps_enclave_status status;

	ps_enclave_status(ps->enclave, &status);
	rd_http_answer(call, status.ready ? 200 : 503, &type, 1,
		rd_view_str(status.ready ? "ok\n" : "no enclave serves\n"));
}

/* --- pages, by a worker --- */

struct page {
	struct ps *ps;
	const struct rd_http_request *request;
	struct rd_http_call *http;
};

static void page_job(void *arg, unsigned worker)
{
	struct page *page = arg;

	(void)worker;
	ps_pages_answer(page->ps, page->request->target, page->http);
	free(page);
}

static void begin_page(
	struct ps *ps, const struct rd_http_request *request, struct rd_http_call *http)
{
	struct page *page = calloc(1, sizeof(*page));

	if (page != NULL) {
		*page = (struct page){.ps = ps, .request = request, .http = http};
	}
	if (page == NULL ||
		rd_workers_submit(ps->workers, PS_LANE_CALLS, page_job, page) != RD_OK) {
		free(page);
		rd_http_answer(http, 503, NULL, 0, rd_view("", 0));
	}
}

static void handle(void *ctx, unsigned thread, const struct rd_http_request *request,
	struct rd_http_call *call)
{
	struct ps *ps = ctx;

	(void)thread;
	if (is_method(request, "GET") && rd_view_equal(request->target, rd_view_str("/healthz"))) {
		answer_health(ps, call);
	} else if (ps->pages_fd >= 0 && is_method(request, "GET") &&
		   !begins(request->target, "/v1/") &&
		   !rd_view_equal(request->target, rd_view_str("/metrics"))) {
		begin_page(ps, request, call);
	} else {
		ps_call_begin(ps, request, call);
	}
}

/* --- start and stop --- */

enum rd_status ps_http_reload(struct ps *ps, struct rd_error *err)
{
	const struct ps_config *c = &ps->config;

	if (c->tls_certificate[0] == '\0') {
		return RD_OK;
	}
	return rd_http_tls_load(c->tls_certificate, c->tls_key, &ps->tls, err);
}

enum rd_status ps_http_start(struct ps *ps, struct rd_error *err)
{
	const struct ps_config *c = &ps->config;
	struct rd_http_config http = {
		.address = c->listen_address,
		.port = c->listen_port,
		.threads = c->threads,
		.limits = {.body_max = PS_BODY_MAX,
			.headers_max = HEADERS_MAX,
			.header_ms = HEADER_MS,
			.body_ms = BODY_MS,
			.idle_ms = IDLE_MS,
			.write_ms = WRITE_MS,
			.connections = CONNECTIONS,
			.per_peer = PER_PEER},
		.handle = handle,
		.refusal = refusal,
		.ctx = ps,
	};

	RD_TRY(ps_http_reload(ps, err));
	http.tls = ps->tls;
	return rd_http_server_new(&http, &ps->server, err);
}

void ps_http_stop(struct ps *ps)
{
	if (ps->enclave != NULL) {
		ps_enclave_hurry(ps->enclave, GRACE_MS);
	}
	rd_http_server_free(&ps->server, GRACE_MS);
	rd_tls_server_free(&ps->tls);
}
