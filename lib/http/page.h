/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server on a port of its own that has one page, written anew whenever it is asked for: a
 * program's counters, for a scraper or two. Plain HTTP, one thread, few connections and small
 * requests; whatever else is asked for is answered with 404 and the way to the page.
 */
#ifndef RD_HTTP_PAGE_H
#define RD_HTTP_PAGE_H

#include "http/server.h"

struct rd_http_page;

/* The strings live as long as the page. */
struct rd_http_page_config {
	const char *address;
	uint16_t port;          /* 0: the kernel chooses; rd_http_page_port tells */
	const char *target;     /* "/metrics"; a query makes another target */
	const char *type;       /* Content-Type of the page */
	const char *other_type; /* of 404 and 500 */
	size_t page_max;        /* bytes */
	/* Appends the page, from the page's thread. Whatever it fails with is a 500. */
	enum rd_status (*write)(void *ctx, struct rd_buf *out);
	/* As in struct rd_http_config. */
	void (*refusal)(
		void *ctx, enum rd_http_refusal what, const char **ret_type, const char **ret_body);
	void *ctx;
};

/* Serves from now on. RD_NOMEM, and what rd_http_server_new fails with. */
enum rd_status rd_http_page_new(const struct rd_http_page_config *config, struct rd_http_page **ret,
	struct rd_error *err) RD_MUST_USE;
uint16_t rd_http_page_port(const struct rd_http_page *page);
/* Closes connections at once and joins the thread. Accepts NULL; clears the caller's pointer. */
void rd_http_page_free(struct rd_http_page **page);

#endif
