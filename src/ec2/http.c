/* SPDX-License-Identifier: Apache-2.0 */
/* What lib/http is told, and what it hands us. */
#include "ec2/http.h"

#include "aws/query.h"
#include "ec2/exchange.h"
#include "ec2/metrics.h"
#include "http/page.h"
#include "http/tls_files.h"
#include "metrics/text.h"

/* A session token is 6 KiB, and SDKs send a KiB of other headers. */
#define HEADERS_MAX 32768
/* A slow client may take so long for a request of 512 KiB over a bad line, and no longer. */
#define HEADER_MS 10000
#define BODY_MS   30000
#define WRITE_MS  30000
/* SDKs keep connections for a minute at least. */
#define IDLE_MS     75000
#define CONNECTIONS 1024
/* Behind a proxy all clients have one address, so this is no finer than that. */
#define PER_PEER 512
/* What is under way when the server is stopped. */
#define GRACE_MS 10000

#define TYPE_XML  "text/xml;charset=UTF-8"
#define TYPE_TEXT "text/plain; charset=utf-8"

#define REFUSAL(code, message)                                                                     \
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>" code         \
	"</Code><Message>" message "</Message></Error></Errors><RequestID>none</RequestID>"        \
	"</Response>"

/* SDKs parse whatever comes as XML, also what is refused before it is a request. */
static void refusal(
	void *ctx, enum rd_http_refusal what, const char **ret_type, const char **ret_body)
{
	static const char *const bodies[RD_HTTP_REFUSAL_COUNT] = {
		[RD_HTTP_BAD_REQUEST] = REFUSAL(
			"MalformedQueryString", "This is no HTTP/1.1 request that is served here."),
		[RD_HTTP_TOO_LARGE] = REFUSAL(
			"RequestEntityTooLarge", "The request is larger than 524288 bytes."),
		[RD_HTTP_TIMEOUT] = REFUSAL(
			"RequestTimeout", "The request did not arrive in time."),
		[RD_HTTP_HEADERS_LARGE] = REFUSAL("RequestEntityTooLarge",
			"The request's headers are larger than 32768 bytes."),
		[RD_HTTP_OVERLOADED] = REFUSAL("RequestLimitExceeded", "Too many connections."),
	};

	(void)ctx;
	*ret_type = TYPE_XML;
	*ret_body = bodies[what];
}

static void handle(void *ctx, unsigned thread, const struct rd_http_request *request,
	struct rd_http_call *call)
{
	(void)thread;
	if (rd_http_is_get(request, "/healthz")) {
		rd_http_answer_typed(call, 200, TYPE_TEXT, rd_view_str("ok\n"));
		return;
	}
	ec2_exchange_begin(ctx, request, call);
}

static enum rd_status write_metrics(void *ctx, struct rd_buf *out)
{
	return ec2_metrics_page(ctx, out);
}

/* --- certificates --- */

enum rd_status ec2_http_reload(struct ec2 *ec2, struct rd_error *err)
{
	const struct ec2_config *c = &ec2->config;

	if (c->tls_certificate[0] == '\0') {
		return RD_OK;
	}
	return rd_http_tls_load(c->tls_certificate, c->tls_key, &ec2->tls, err);
}

/* --- start and stop --- */

static enum rd_status start_metrics(struct ec2 *ec2, struct rd_error *err)
{
	const struct rd_http_page_config page = {
		.address = ec2->config.metrics_address,
		.port = ec2->config.metrics_port,
		.target = "/metrics",
		.type = RD_METRICS_TYPE,
		.other_type = TYPE_TEXT,
		.page_max = RD_METRICS_PAGE_MAX,
		.write = write_metrics,
		.refusal = refusal,
		.ctx = ec2,
	};

	return rd_http_page_new(&page, &ec2->metrics_server, err);
}

enum rd_status ec2_http_start(struct ec2 *ec2, struct rd_error *err)
{
	const struct ec2_config *c = &ec2->config;
	struct rd_http_config http = {
		.address = c->listen_address,
		.port = c->listen_port,
		.threads = c->threads,
		.limits = {.body_max = RD_QUERY_SIZE_MAX,
			.headers_max = HEADERS_MAX,
			.header_ms = HEADER_MS,
			.body_ms = BODY_MS,
			.idle_ms = IDLE_MS,
			.write_ms = WRITE_MS,
			.connections = CONNECTIONS,
			.per_peer = PER_PEER},
		.handle = handle,
		.refusal = refusal,
		.ctx = ec2,
	};

	RD_TRY(ec2_http_reload(ec2, err));
	http.tls = ec2->tls;
	RD_TRY(rd_http_server_new(&http, &ec2->server, err));
	return c->metrics ? start_metrics(ec2, err) : RD_OK;
}

void ec2_http_stop(struct ec2 *ec2)
{
	rd_http_page_free(&ec2->metrics_server);
	rd_http_server_free(&ec2->server, GRACE_MS);
	rd_tls_server_free(&ec2->tls);
}
