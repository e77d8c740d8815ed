/* SPDX-License-Identifier: Apache-2.0 */
/* What lib/http is told, and what it hands us. */
#include "kms/http.h"

#include "aws/json_in.h"
#include "http/page.h"
#include "http/tls_files.h"
#include "kms/exchange.h"
#include "kms/metrics.h"
#include "metrics/text.h"

/* A session token is 6 KiB, and SDKs send a KiB of other headers. */
#define HEADERS_MAX 32768
/* A slow client may take so long for a request of 1 MiB over a bad line, and no longer. */
#define HEADER_MS 10000
#define BODY_MS   30000
#define WRITE_MS  30000
/* SDKs keep connections for a minute at least. */
#define IDLE_MS 75000
/* What is under way when the server is stopped: an RSA key takes seconds. */
#define GRACE_MS 10000

#define TYPE_JSON "application/x-amz-json-1.1"
/* /healthz has it, too. */
#define TYPE_TEXT RD_METRICS_TYPE

/* SDKs parse whatever comes as JSON (kms.md 1.3), also what is refused before it is a request. */
static void refusal(
	void *ctx, enum rd_http_refusal what, const char **ret_type, const char **ret_body)
{
	static const char *const bodies[RD_HTTP_REFUSAL_COUNT] = {
		[RD_HTTP_BAD_REQUEST] = "{\"__type\":\"SerializationException\","
					"\"message\":\"This is no HTTP/1.1 request that is "
					"served here.\"}",
		[RD_HTTP_TOO_LARGE] = "{\"__type\":\"ValidationException\","
				      "\"message\":\"The request is larger than 1048576 bytes.\"}",
		[RD_HTTP_TIMEOUT] = "{\"__type\":\"RequestTimeoutException\","
				    "\"message\":\"The request did not arrive in time.\"}",
		[RD_HTTP_HEADERS_LARGE] =
			"{\"__type\":\"ValidationException\","
			"\"message\":\"The request's headers are larger than 32768 bytes.\"}",
		[RD_HTTP_OVERLOADED] = "{\"__type\":\"ServiceUnavailableException\","
				       "\"message\":\"Too many connections.\"}",
	};

	(void)ctx;
	*ret_type = TYPE_JSON;
	*ret_body = bodies[what];
}

static void handle(void *ctx, unsigned thread, const struct rd_http_request *request,
	struct rd_http_call *call)
{
	struct kms *kms = ctx;

	if (!rd_http_is_get(request, "/healthz")) {
		kms_exchange_begin(kms, thread, request, call);
	} else if (kms_audit_healthy(kms->audit)) {
		rd_http_answer_typed(call, 200, TYPE_TEXT, rd_view_str("ok\n"));
	} else {
		kms_answer_fault(
			call, "ServiceUnavailableException", "The audit log cannot be written.");
	}
}

/* What has been appended to the log in this turn becomes one batch. */
static void turn(void *ctx)
{
	const struct kms *kms = ctx;

	kms_audit_wake(kms->audit);
}

static enum rd_status write_metrics(void *ctx, struct rd_buf *out)
{
	return kms_metrics_page(ctx, out);
}

/* --- certificates --- */

enum rd_status kms_http_reload(struct kms *kms, struct rd_error *err)
{
	if (kms->server != NULL) {
		rd_http_server_limit(
			kms->server, kms->config.connections, kms->config.connections_per_client);
	}
	if (kms->config.tls_certificate[0] == '\0') {
		return RD_OK;
	}
	return rd_http_tls_load(kms->config.tls_certificate, kms->config.tls_key, &kms->tls, err);
}

/* --- start and stop --- */

static enum rd_status start_api(struct kms *kms, struct rd_error *err)
{
	const struct kms_config *c = &kms->config;
	const struct rd_http_config http = {
		.address = c->listen_address,
		.port = c->listen_port,
		.threads = c->threads,
		.tls = kms->tls,
		.limits = {.body_max = RD_JSON_IN_SIZE_MAX,
			.headers_max = HEADERS_MAX,
			.header_ms = HEADER_MS,
			.body_ms = BODY_MS,
			.idle_ms = IDLE_MS,
			.write_ms = WRITE_MS,
			.connections = c->connections,
			.per_peer = c->connections_per_client},
		.handle = handle,
		.refusal = refusal,
		.turn = turn,
		.ctx = kms,
	};

	return rd_http_server_new(&http, &kms->server, err);
}

static enum rd_status start_metrics(struct kms *kms, struct rd_error *err)
{
	const struct rd_http_page_config page = {
		.address = kms->config.metrics_address,
		.port = kms->config.metrics_port,
		.target = "/metrics",
		.type = RD_METRICS_TYPE,
		.other_type = TYPE_TEXT,
		.page_max = RD_METRICS_PAGE_MAX,
		.write = write_metrics,
		.refusal = refusal,
		.ctx = kms,
	};

	return rd_http_page_new(&page, &kms->metrics_server, err);
}

enum rd_status kms_http_start(struct kms *kms, struct rd_error *err)
{
	RD_TRY(kms_http_reload(kms, err));
	RD_TRY(start_api(kms, err));
	return kms->config.metrics ? start_metrics(kms, err) : RD_OK;
}

void kms_http_stop(struct kms *kms)
{
	rd_http_page_free(&kms->metrics_server);
	rd_http_server_free(&kms->server, GRACE_MS);
	rd_tls_server_free(&kms->tls);
}
