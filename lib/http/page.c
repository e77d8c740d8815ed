/* SPDX-License-Identifier: Apache-2.0 */
/* A server of one page. */
#include "http/page.h"

#include <stdlib.h>

/* A scraper or two; not a service. */
#define CONNECTIONS 16
#define REQUEST_MAX 8192
/* For a request that is hardly more than its first line. */
#define REQUEST_MS 10000
/* Scrapers come back every minute at the latest, and keep their connection until then. */
#define IDLE_MS 75000
/* A page may be long, and the line bad. */
#define WRITE_MS 30000

struct rd_http_page {
	struct rd_http_page_config config;
	struct rd_http_server *server;
};

static void handle(void *ctx, unsigned thread, const struct rd_http_request *request,
	struct rd_http_call *call)
{
	const struct rd_http_page *page = ctx;
	const struct rd_http_page_config *c = &page->config;
	struct rd_buf body RD_CLEANUP(rd_buf_finish) = rd_buf_growable(c->page_max);
	bool here = rd_http_is_get(request, c->target);
	enum rd_status st = here ? c->write(c->ctx, &body)
				 : rd_buf_printf(&body, "GET %s\n", c->target);

	(void)thread;
	if (st != RD_OK) {
		rd_http_answer_typed(call, 500, c->other_type, rd_view_str("out of memory\n"));
	} else if (!here) {
		rd_http_answer_typed(call, 404, c->other_type, rd_buf_view(&body));
	} else {
		rd_http_answer_typed(call, 200, c->type, rd_buf_view(&body));
	}
}

static void refusal(
	void *ctx, enum rd_http_refusal what, const char **ret_type, const char **ret_body)
{
	const struct rd_http_page *page = ctx;

	page->config.refusal(page->config.ctx, what, ret_type, ret_body);
}

static enum rd_status start(struct rd_http_page *page, struct rd_error *err)
{
	const struct rd_http_config http = {
		.address = page->config.address,
		.port = page->config.port,
		.threads = 1,
		.limits = {.body_max = REQUEST_MAX,
			.headers_max = REQUEST_MAX,
			.header_ms = REQUEST_MS,
			.body_ms = REQUEST_MS,
			.idle_ms = IDLE_MS,
			.write_ms = WRITE_MS,
			.connections = CONNECTIONS},
		.handle = handle,
		.refusal = refusal,
		.ctx = page,
	};

	return rd_http_server_new(&http, &page->server, err);
}

enum rd_status rd_http_page_new(
	const struct rd_http_page_config *config, struct rd_http_page **ret, struct rd_error *err)
{
	struct rd_http_page *page = calloc(1, sizeof(*page));
	enum rd_status st;

	if (page == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory for %s", config->target);
	}
	page->config = *config;
	st = start(page, err);
	if (st != RD_OK) {
		free(page);
		return st;
	}
	*ret = page;
	return RD_OK;
}

uint16_t rd_http_page_port(const struct rd_http_page *page)
{
	return rd_http_server_port(page->server);
}

void rd_http_page_free(struct rd_http_page **page)
{
	struct rd_http_page *p = rd_steal(page, NULL);

	if (p != NULL) {
		rd_http_server_free(&p->server, 0);
		free(p);
	}
}
